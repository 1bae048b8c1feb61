"""The week, bookings and clients."""
