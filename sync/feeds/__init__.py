"""Feeds: everything from the HTTP request to the bytes of the answer."""
