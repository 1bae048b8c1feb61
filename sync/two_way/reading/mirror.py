"""Reading the calendars that block time into the mirror."""

from collections.abc import Set
from datetime import timedelta

from base import scheduling
from sync.events.event import Delta
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.unread import CalendarTrouble

from . import double_bookings, incoming, lacking, stray_events
from .pull import CalendarReading, same

SURE, DOUBTED = 2, timedelta(minutes=5)  # "not found" counts after so many tries in so long a time


def read_due(reader: CalendarReading) -> None:
    """Read all calendars that are due. Raises OutOfTime."""
    CalendarTrouble.wait(reader.account)
    for source in _due(reader):
        reader.context.check_time()
        read_one(reader, source)


def read_asked(reader: CalendarReading) -> None:
    """Read the calendars that somebody asked for, or that are due, between two batches of a long
    first filling.
    """
    at = scheduling.utc_now()
    for source in list(
        reader.account.calendars.where(
            RemoteCalendar.role == "source",
            RemoteCalendar.sync_token.is_null(False),
            RemoteCalendar.is_due(at),
        )
    ):
        read_one(reader, source)


def _due(reader: CalendarReading) -> list[RemoteCalendar]:
    """The source calendars that are due now or soon, without second readings that would
    be early.
    """
    at = scheduling.utc_now()
    soon = RemoteCalendar.due_at <= at + timedelta(seconds=reader.poll_seconds / 2)
    rows = reader.account.calendars.where(
        RemoteCalendar.role == "source",
        RemoteCalendar.is_due(at) | (soon & RemoteCalendar.unproved_since.is_null()),
    )
    return list(rows.order_by(RemoteCalendar.id))


def read_one(reader: CalendarReading, source: RemoteCalendar) -> bool:
    """Read one calendar into the mirror. A calendar that cannot be read keeps blocking, and does
    not stop the others. False: it is not up to date.
    """
    try:
        delta, window = reader.pull(source, unrolled=True)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        # it may answer a request with a longer time-out
        if not (reader.is_urgent and error.status == 0):
            _cannot_read(reader, source, error)
        return False
    if mirror_events(reader, source, delta):
        reader.read_up_to(source, delta.sync_token, window)
        return True
    reader.plan_next(source)
    return False


def _cannot_read(reader: CalendarReading, source: RemoteCalendar, error: ProviderError) -> None:
    """Store the reason, and try again later. A calendar counts as gone once several tries and the
    list of calendars say so.
    """
    trouble = reader.note_trouble(source, error)
    gone_since = source.gone_since if trouble.reason == "not_found" and trouble.looks > 1 else None
    if (
        trouble.reason == "not_found"
        and gone_since is None
        and trouble.looks > SURE
        and trouble.since <= scheduling.utc_now() - DOUBTED
    ):
        gone_since = None if _is_listed(reader, source) else trouble.since
    with reader.context.writing():
        RemoteCalendar.update(gone_since=gone_since).where(RemoteCalendar.id == source.id).execute()
        reader.plan_next(source)


def _is_listed(reader: CalendarReading, source: RemoteCalendar) -> bool:
    """Whether the account's list of calendars still has it; True also if the list
    cannot be read.
    """
    try:
        return any(
            calendar.calendar_id == source.calendar_id
            for calendar in reader.context.provider.calendars()
        )
    except OF_THE_ACCOUNT:
        raise
    except ProviderError:
        return True


def mirror_events(
    reader: CalendarReading, calendar: RemoteCalendar, delta: Delta, mapped: Set[str] = frozenset()
) -> bool:
    """Write a pull to the mirror, by the present rules, in short transactions. False: a person must
    decide first, or turned the calendar off meanwhile.
    """
    change = incoming.compare(reader.account, calendar, delta, mapped)
    if change.lacking:
        rows = change.lacking
        delta, living = lacking.made_sure(reader.context, calendar, delta, change)
        change = incoming.compare(reader.account, calendar, delta, mapped)
        change.doubt([row for row in rows if row.remote_id in living])
    return _write(reader, calendar, delta, mapped, change)


def _write(
    reader: CalendarReading,
    calendar: RemoteCalendar,
    delta: Delta,
    mapped: Set[str],
    change: incoming.Change,
) -> bool:
    if change.is_sudden:
        with reader.context.writing():
            detail = {"count": len(change.gone)}
            Notice.give(
                reader.account,
                "source_empty",
                f"empty {calendar.id}",
                calendar=calendar,
                detail=detail,
            )
        return False
    for portion in change.portions():
        with reader.context.writing():
            now = _as_it_is(reader, calendar)
            if now is None:
                return False
            if now.rules == calendar.rules:
                reader.context.note(**portion.store())
                reader.account.show_anew()
        # somebody changed the rules meanwhile: the rest follows the new ones
        if now.rules != calendar.rules:
            calendar.rules = now.rules
            change = incoming.compare(reader.account, calendar, delta, mapped)
            return _write(reader, calendar, delta, mapped, change)
    is_told = delta.changed or delta.tombstones or delta.relisted or delta.unread
    if not (change.moved or delta.complete or is_told):
        return True
    near = double_bookings.doubles(reader.account, change.moved)
    with reader.context.writing():
        if _as_it_is(reader, calendar) is None:
            return False
        if delta.complete and calendar.read_at is not None:
            Notice.settle(reader.account, f"empty {calendar.id}", "over")
        if calendar.role == "source":
            stray_events.note_strays(reader.account, calendar, delta)
        double_bookings.give_double_notices(
            reader.account, calendar, near, calendar.read_at is None
        )
        incoming.remember_unread(calendar, delta)
        change.store_doubts()
    return True


def _as_it_is(reader: CalendarReading, calendar: RemoteCalendar) -> RemoteCalendar | None:
    """The calendar's row as it is now. None if a person turned the calendar off, or off and on
    again, since this reading began.
    """
    return RemoteCalendar.get_or_none(*same(calendar), RemoteCalendar.role == calendar.role)
