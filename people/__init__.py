"""Access of people: passwords, one-time tokens, sessions, addresses, security events."""
