"""The configuration: settings, the providers in them, and the version."""
