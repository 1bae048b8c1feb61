"""A private link, from the socket to the bytes."""
