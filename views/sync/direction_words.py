"""Sentences about an account from which only busy times come."""

from base.catalogue import _, ngettext
from sync.two_way.standing.state import Standing
from views.kit import display


def counted(standing: Standing, how: str) -> str:
    """How it stands, in a sentence; `how` changes arrive."""
    return _(
        "No bookings go there. Busy times come from there, checked {ago}, {how}.",
        ago=display.ago(standing.account.checked_at),
        how=how,
    )


def leaving(left: int) -> str:
    """How many events of ours are still to be removed there."""
    if not left:
        return _("No bookings go there.")
    return ngettext(
        "{count} event of ours is being removed there.",
        "{count} events of ours are being removed there.",
        left,
    )
