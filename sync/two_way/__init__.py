"""Two-way sync: `plan` decides, and runs carry it out."""
