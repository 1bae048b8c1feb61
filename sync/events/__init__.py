"""A booking outside: an event, its text (`face`) and its fingerprint."""
