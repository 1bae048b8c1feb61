"""One worker at one account: its lease, its time slices, and the meaning of errors."""
