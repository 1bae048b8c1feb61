"""The ground floor: times, text, settings, the database, and tables that changes write."""
