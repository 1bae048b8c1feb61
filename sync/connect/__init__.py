"""Signing in at a provider, keeping its credentials, and ending the access."""
