"""How a connected account stands, and what a person can do about it. Decided from rows alone."""
