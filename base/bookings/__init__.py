"""The rules by which bookings change. The table itself is in `models`."""
