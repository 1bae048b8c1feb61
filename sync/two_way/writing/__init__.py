"""Writing to our calendar outside, and deleting our events."""
