"""What a booking is outside: an event, its text (`face`) and its fingerprint."""
