"""Tables that changes write, and what tables have in common."""
