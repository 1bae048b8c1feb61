"""Writing to our calendar outside, and taking away what we made."""
