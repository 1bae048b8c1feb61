"""What the environment says: settings, the providers in it, and the version."""
