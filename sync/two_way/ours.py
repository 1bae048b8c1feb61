"""Reading our own calendar outside: what changed in it, and what people keep in it of their own."""

import logging
from dataclasses import replace
from datetime import datetime

from base import scheduling
from sync.events.event import Delta, RemoteEvent, Window
from sync.providers.errors import ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.tables.mappings import MappingRow

from . import doubts, local, marks, missing
from .pull import OF_THE_ACCOUNT, Reader
from .sources import take_in

log = logging.getLogger("kalends.pull")


def pull(reader: Reader, destination: RemoteCalendar) -> tuple[Delta, Window]:
    """What changed in our calendar, as `pull` tells it; as a whole where something is in doubt:
    see `doubts`.
    """
    account, at = reader.account, scheduling.utc_now()
    agrees = (
        _agrees(reader, destination)
        if destination.sync_token and doubts.is_night(account, destination, at)
        else None
    )
    doubted_at = doubts.due_since(account, at)
    delta, window = reader.pull(
        destination,
        unrolled=False,
        anew=agrees is False or doubted_at is not None,
        after=doubted_at,
    )
    looks = {} if delta.complete else _look_for_unheard(reader, destination, delta, at)
    if None in looks.values():  # not there, or so it is said: everything tells
        delta, window = reader.pull(destination, unrolled=False, anew=True)
    elif looks:
        delta = replace(delta, changed=(*delta.changed, *looks.values()))
    if delta.complete:
        delta = missing.made_sure(reader.context, destination, delta)
    with reader.context.writing():
        doubts.heard(account, delta)
        if delta.complete:
            doubts.ended(account, delta, at)
        if delta.complete or agrees:
            RemoteCalendar.update(compared_at=at).where(
                RemoteCalendar.id == destination.id
            ).execute()
    return delta, window


def _agrees(reader: Reader, destination: RemoteCalendar) -> bool | None:
    """Whether our calendar holds what the mappings say; None where that cannot be told now."""
    try:
        outline = reader.context.provider.outline(
            destination.calendar_id, reader.account.clinic.installation
        )
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not compared: %s", destination.id, error)
        return None
    return not doubts.differs(reader.account, destination, outline)


def _look_for_unheard(
    reader: Reader, destination: RemoteCalendar, delta: Delta, at: datetime
) -> dict[str, RemoteEvent | None]:
    """What stands at the ids that we wrote to and that no reading has told, this one included.
    What cannot be told now waits.
    """
    told = {
        key for seen in delta.changed for key in (seen.remote_id, seen.series_id)
    } | delta.tombstones
    asked = [remote_id for remote_id in doubts.unheard(reader.account, at) if remote_id not in told]
    try:
        return reader.context.provider.look(destination.calendar_id, asked) if asked else {}
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not asked about what was written: %s", destination.id, error)
        return {}


def mirror_external(reader: Reader, destination: RemoteCalendar, delta: Delta) -> bool:
    """Events that people keep in our calendar take their time like any other. Repeats are read
    unrolled, since this pull has them whole.
    False: a person must decide first."""
    held = {
        remote_id
        for (remote_id,) in MappingRow.select(MappingRow.remote_id)
        .where(MappingRow.account == reader.account, MappingRow.remote_id != "")
        .tuples()
    }
    external = [
        seen
        for seen in delta.changed
        if not marks.is_ours(seen.mark, reader.account) and seen.remote_id not in held
    ]
    repeats = {seen.remote_id for seen in external if seen.is_series}
    if repeats:
        try:
            unrolled = reader.context.provider.pull(
                destination.calendar_id, None, local.reach(reader.account)
            )
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:  # bookings go out all the same, and the sync token stays
            reader.note_trouble(destination, error)
            return False
        singles, known = (
            (seen for seen in unrolled.changed if seen.series_id in repeats),
            {one.remote_id for one in delta.unread},
        )
        delta = replace(
            delta,
            changed=(*delta.changed, *singles),
            tombstones=delta.tombstones | repeats,
            unread=(
                *delta.unread,
                *(one for one in unrolled.unread if one.remote_id not in known),
            ),
        )
    return (
        take_in(reader, destination, delta, held)
        if external or delta.complete or delta.tombstones or delta.unread
        else True
    )
