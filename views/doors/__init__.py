"""Signing in, help, and addresses for machines."""
