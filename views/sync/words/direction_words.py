"""Sentences about an account that only reads busy times."""

from base.catalogue import _, ngettext
from sync.two_way.standing.state import Standing
from views.kit import display


def counted(standing: Standing, how: str) -> str:
    """A sentence about the state of the account: when busy times were last read. `how`: how changes
    arrive.
    """
    return _(
        "No bookings go there. Busy times come from there, checked {ago}, {how}.",
        ago=display.ago(standing.account.checked_at),
        how=how,
    )


def leaving(left: int) -> str:
    """A sentence with the number of our events that are still to be deleted there."""
    if not left:
        return _("No bookings go there.")
    return ngettext(
        "{count} event of ours is being removed there.",
        "{count} events of ours are being removed there.",
        left,
    )
