"""Backups, and installations that are restored from them."""
