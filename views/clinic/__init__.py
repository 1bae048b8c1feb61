"""The clinic itself: settings, services, the team, imports."""
