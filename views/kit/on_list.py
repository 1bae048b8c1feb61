"""The rights on the waiting list: entries are loaded here, like all other rows in `access`."""

from flask import abort
from flask_login import current_user

from free_times.earlier.entries import WaitingEntry

from . import access


def entry_to_change(entry_id: int) -> WaitingEntry:
    """An entry of this clinic's waiting list, open or ended: for receptionists and managers, and
    for whoever works in the calendars that it is about; else 404 or 403.
    """
    entry = (
        WaitingEntry.get_or_none(
            WaitingEntry.id == entry_id, WaitingEntry.clinic == access.clinic()
        )
        if entry_id < 2**31
        else None
    ) or abort(404)
    return entry if may_change(entry) else abort(403)


def may_change(entry: WaitingEntry) -> bool:
    """Whether the person may change the entry: receptionists and managers, and whoever works in the
    calendars that it is about.
    """
    if current_user.books_for_all:
        return True
    if entry.booking is not None:
        return access.is_own(entry.booking.practitioner)
    own = {one.id for one in access.calendars() if one.user_id == current_user.id}
    return bool(entry.calendars) and set(entry.calendars) <= own
