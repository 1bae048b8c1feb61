"""Private links, two-way sync and its health."""
