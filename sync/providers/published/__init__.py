"""Published calendars: one address with calendar data (RFC 5545), read again and again."""
