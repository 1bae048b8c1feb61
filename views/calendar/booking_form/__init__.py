"""The form of a booking: its fields, its page, and changes by others while it is open."""
