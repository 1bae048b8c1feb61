"""The state of a connected account, and a person's actions on it. Decided from rows alone."""
