"""The scopes to ask an account's owner for:
https://learn.microsoft.com/graph/permissions-reference
"""

PREFIX = "https://graph.microsoft.com/"  # may be missing in the answer


def scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """The scopes, the same for every use: Graph has no narrower permission to make a calendar."""
    return ("offline_access", "User.Read", "Calendars.ReadWrite")
