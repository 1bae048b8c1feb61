"""Shared parts of all pages: rights, forms, htmx, and words that several rooms use."""
