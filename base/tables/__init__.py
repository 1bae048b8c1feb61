"""Tables that changes write, and the shared parts of tables."""
