"""Bookings out, external events in: what is decided (`plan`), and the rounds that carry it out."""
