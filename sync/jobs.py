"""RQ entry points. Arguments are ids; the database is the truth, a job only a nudge."""
