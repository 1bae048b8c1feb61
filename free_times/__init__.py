"""Free times: the wishes, the rows that bear on them, and the times that are found."""
