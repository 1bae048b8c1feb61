"""Shared parts of all pages: rights, forms, htmx, words used in several rooms."""
