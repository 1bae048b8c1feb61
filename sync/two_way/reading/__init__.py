"""Reading calendars outside: our own, those that block time, and events of ours in
other calendars.
"""
