"""The scopes to ask an account's owner for:
https://developers.google.com/workspace/calendar/api/auth
"""

SCOPE = "https://www.googleapis.com/auth/calendar."


def scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """The scopes to make a calendar and write to it, to list calendars, and to read one's own.

    `existing`: also to write to calendars that exist already; `shared`: also to read other
    people's.
    """
    names = [
        "app.created",
        "calendarlist.readonly",
        "events.owned" if existing else "events.owned.readonly",
    ]
    return tuple(SCOPE + name for name in names + ["events.readonly"] * shared)
