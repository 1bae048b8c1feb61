"""Signing in at a provider, keeping its credentials, giving them back."""
