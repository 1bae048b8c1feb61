"""Reading our own calendar outside: changes to our events, and events that people keep in it."""

import logging
from dataclasses import replace
from datetime import datetime

from base import scheduling
from base.tables.bulk import tuples
from sync.events.event import Delta, RemoteEvent, Window
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.two_way.plans import doubts, local, marks

from . import missing, second_reading
from .mirror import mirror_events
from .pull import CalendarReading

log = logging.getLogger("kalends.pull")


def pull(reader: CalendarReading, destination: RemoteCalendar) -> tuple[Delta, Window]:
    """The changes in our calendar; a complete reading if there are doubts (see `doubts`)."""
    account, at = reader.account, scheduling.utc_now()
    is_second = second_reading.is_due(destination)
    agrees = (
        _agrees(reader, destination)
        if destination.sync_token and (is_second or doubts.is_night(account, destination, at))
        else None
    )
    if is_second and agrees is not None:
        reader.prove(destination)
    doubted_at = doubts.due_since(account, at)
    delta, window = reader.pull(
        destination,
        unrolled=False,
        is_whole=agrees is False or doubted_at is not None,
        after=doubted_at,
    )
    looks = {} if delta.complete else _look_for_untold(reader, destination, delta, at)
    ended = looks.keys() & doubts.known_gone(account)
    living = {remote_id: event for remote_id, event in looks.items() if event}
    if living.keys() != looks.keys() - ended:
        # one is missing, or its deletion was not done: a complete reading decides
        delta, window = reader.pull(destination, unrolled=False, is_whole=True)
    elif looks:
        delta = replace(
            delta,
            changed=(*delta.changed, *living.values()),
            tombstones=delta.tombstones | ended,
        )
    if delta.complete:
        is_resync = destination.sync_token is None and destination.read_at is not None
        delta = missing.made_sure(reader.context, destination, delta, is_resync)
    with reader.context.writing():
        doubts.note_told(account, delta)
        if delta.complete:
            doubts.settle(account, delta, at)
        if delta.complete or agrees:
            RemoteCalendar.update(compared_at=at).where(
                RemoteCalendar.id == destination.id
            ).execute()
    return delta, window


def _agrees(reader: CalendarReading, destination: RemoteCalendar) -> bool | None:
    """Whether our calendar agrees with the mappings; None if that is unknown now. False while a
    person is asked about the result of a complete reading, so that it is read again and the
    question ends once it is over.
    """
    if (asked := Notice.question(reader.account)) and asked.is_of_whole:
        return False
    try:
        outline = reader.context.provider.outline(
            destination.made_id, reader.account.clinic.installation
        )
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not compared: %s", destination.id, error)
        return None
    return not doubts.differs(reader.account, destination, outline)


def _look_for_untold(
    reader: CalendarReading, destination: RemoteCalendar, delta: Delta, at: datetime
) -> dict[str, RemoteEvent | None]:
    """The events at the ids that we wrote or deleted and that no reading has reported so far; None
    for one that is not there. An id that cannot be looked up waits.
    """
    reported = delta.reported
    asked = [
        remote_id for remote_id in doubts.untold(reader.account, at) if remote_id not in reported
    ]
    try:
        return reader.context.provider.look(destination.made_id, asked) if asked else {}
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not asked about what was written: %s", destination.id, error)
        return {}


def mirror_external(reader: CalendarReading, destination: RemoteCalendar, delta: Delta) -> bool:
    """Mirror events that people keep in our calendar. Repeats are read again as single occurrences,
    since this pull has them as one event. False: a person must decide first.
    """
    if not reader.account.reads:
        return True
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == reader.account, MappingRow.remote_id != ""
    )
    mapped = {remote_id for (remote_id,) in tuples(rows)}
    external = [
        seen
        for seen in delta.changed
        if not marks.is_ours(seen.mark, reader.account) and seen.remote_id not in mapped
    ]
    repeats = {seen.remote_id for seen in external if seen.is_series}
    if repeats:
        try:
            unrolled = reader.context.provider.pull(
                destination.made_id, None, local.reach(reader.account)
            )
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:  # bookings are sent anyway, and the sync token stays
            reader.note_trouble(destination, error)
            return False
        singles = (seen for seen in unrolled.changed if seen.series_id in repeats)
        known = {one.remote_id for one in delta.unread}
        delta = replace(
            delta,
            changed=(*delta.changed, *singles),
            relisted=frozenset(repeats),
            unread=(
                *delta.unread,
                *(one for one in unrolled.unread if one.remote_id not in known),
            ),
        )
    return (
        mirror_events(reader, destination, delta, mapped)
        if external or delta.complete or delta.tombstones or delta.unread
        else True
    )
