"""Coming in, help, and what machines call."""
