"""What to ask an account's owner for: https://learn.microsoft.com/graph/permissions-reference"""


def scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """The same for every use: Graph has no narrower permission that lets a calendar be made."""
    return ("offline_access", "User.Read", "Calendars.ReadWrite")
