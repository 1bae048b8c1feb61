"""What everything stands on: times, text, settings, the database, and tables that changes write."""
