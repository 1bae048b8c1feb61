"""Free times: the question, the rows that it reads, and the answer."""
