"""Who may come in: passwords, one-time tokens, sessions, addresses, security events."""
