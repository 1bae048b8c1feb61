"""What may become of bookings: the rules, without the table itself, which is in `models`."""
