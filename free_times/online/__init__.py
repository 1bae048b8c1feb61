"""Online booking: what a visitor without an account may see and do, and how the clinic answers."""
