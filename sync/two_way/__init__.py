"""Two-way sync: what is decided (`plan`), and the rounds that carry it out."""
