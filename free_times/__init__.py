"""When somebody can be booked, and who then: the question, what it reads, and the answer."""
