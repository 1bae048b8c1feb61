"""Google Calendar behind `base.Provider`."""
