"""Reading calendars outside: our own, those that block time, and what of ours lies elsewhere."""
