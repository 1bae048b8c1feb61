"""One worker at one account: its lease, its slices of time, and what an error means."""
