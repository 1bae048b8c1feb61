"""Feeds, two-way sync and its health."""
