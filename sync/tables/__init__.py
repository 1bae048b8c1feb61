"""The tables of two-way sync: accounts and their calendars, pace, and what could not be read."""
