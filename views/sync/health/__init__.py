"""The board of the clinic: the state of everyone’s calendar sync, for managers."""
