"""Requests to addresses that people entered, with a time limit for each exchange."""
