"""Taking away what we made outside, and nothing else: found by its mark and its reference, whether or not our own records still know it."""

from collections.abc import Collection
from contextlib import suppress

from peewee import chunked

import scheduling
from accounts import Channel

from . import channels, local, marks, revoking, strays
from .errand import Errand
from .event import RemoteEvent, Window
from .providers.base import AuthExpired, Calendar, Delete, Forbidden, Gone, NoMailbox, ScopeMissing

SHUT = (AuthExpired, Forbidden, NoMailbox, ScopeMissing)  # nothing can be taken away there any more


def leave(errand: Errand) -> None:
    """Carry out what a person asked for: close channels, take our events away where asked, and let the account become its goal.

    Where the provider lets us in no more, or does not let us take it away, only our side ends; the page said so before. Raises ProviderError
    when it is to be tried again.
    """
    account, gone = errand.account, False
    try:
        for channel in list(Channel.select().where(Channel.account == account)):
            channels.close(errand.provider, channel)
        if account.removes:
            gone = _remove(errand)
        if account.goal == "disconnect":
            revoking.revoke(account)
    except SHUT:
        pass
    account.left(gone)


def _remove(errand: Errand) -> bool:
    """Take our calendars away, or only our events where something else lies among them. Whether our destination itself is gone."""
    account, gone = errand.account, False
    destination = account.destination
    known = destination.calendar_id if destination else None
    mine = local.reference(account.clinic, account.user_id)
    listed = errand.provider.calendars()
    for calendar in listed:
        if mine in calendar.description:
            gone |= _remove_calendar(errand, calendar) and calendar.calendar_id == known
    if known and not any(mine in calendar.description and calendar.calendar_id == known for calendar in listed):
        with suppress(Gone):  # one of the person's own, or one that is not listed
            _remove_events(errand, known, marks.ours(account, errand.provider.find_marked(known, account.clinic.installation), destination.is_ours))
    for calendar in strays.elsewhere(account, listed):
        if mine not in calendar.description:
            _remove_strays(errand, calendar)
    return gone or known is None


def _remove_calendar(errand: Errand, calendar: Calendar) -> bool:
    """The whole calendar, unless somebody keeps events of their own in it."""
    at, far = scheduling.utc_now(), errand.provider.longest_window / 2
    held = errand.provider.pull(calendar.calendar_id, None, Window(at - far, at + far), unrolled=False)
    try:
        if len(marks.ours(errand.account, held.changed, is_made=True)) == len(held.changed):
            errand.provider.delete_calendar(calendar.calendar_id)
            errand.note(deleted=len(held.changed))
            return True
    except Forbidden:
        pass  # whose calendar it is may be seen otherwise after a new consent; the events bear our mark
    marked = errand.provider.find_marked(calendar.calendar_id, errand.account.clinic.installation)
    _remove_events(errand, calendar.calendar_id, marks.ours(errand.account, marked, is_made=True))
    return False


def _remove_strays(errand: Errand, calendar: Calendar) -> None:
    """What somebody dragged into another calendar. One that we may not look into holds nothing that we could take away."""
    try:
        found = strays.look(errand, calendar.calendar_id, is_quick=False)
    except (Forbidden, Gone, ScopeMissing):
        return
    _remove_events(errand, calendar.calendar_id, found.values())


def _remove_events(errand: Errand, calendar_id: str, found: Collection[RemoteEvent]) -> None:
    """These events of ours. Raises the first error that keeps one there."""
    errand.begin(len(found))
    for some in chunked(found, errand.provider.batch_size):
        results = list(errand.provider.write(calendar_id, [Delete(seen.series_id or seen.remote_id) for seen in some]))
        done = sum(result.error is None or isinstance(result.error, Gone) for result in results)
        with errand.writing():
            errand.note(done=done, deleted=done)
        for result in results:
            if result.error and not isinstance(result.error, Gone):
                raise result.error
