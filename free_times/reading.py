"""What a question about free times reads: three queries, whatever the number of practitioners and
weeks, and one before them for the practitioners themselves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from peewee import SQL, fn

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.database import EPOCH, InstantField, database
from base.sharing import LOOK_AHEAD_DAYS, LOOK_BACK_DAYS, Share
from base.slots import DAY, MINUTE, Need, Stretch, TakenTime, full
from base.tables import time_off
from base.tables.outside import ExternalEvent
from base.working_time import Rota
from base.working_time import Stretch as WorkingStretch
from models import LONGEST_GAP, Booking, Practitioner, Service

from .rules import OnlineRules

number = InstantField().db_value  # an instant as microseconds since 1970


def instant(microseconds: int) -> datetime:
    """The instant of a number."""
    return EPOCH + timedelta(microseconds=microseconds)


@dataclass(frozen=True)
class Working:
    """One calendar: when it is open, what is taken of its person's time, and its share of the work
    (None where nobody asked). `sources` says of each that is taken what it is, where somebody asks:
    a booking or an event by its id, or a stretch of time off.
    """

    calendar: Practitioner
    openings: list[Stretch]
    taken: list[Sequence]  # each begins as `TakenTime` does
    share: Share | None = None
    sources: list[tuple[str, Any]] = field(default_factory=list)
    rota: Rota | None = None
    full: list[Stretch] = field(default_factory=list)  # days with as many online bookings as may be


def read(
    calendars: Sequence[Practitioner],
    start: datetime,
    end: datetime,
    *,
    but: Collection[int] = (),
    rules: Sequence[OnlineRules | None] = (),
    need: Need | None = None,
    with_shares: bool = False,
    with_sources: bool = False,
) -> list[Working]:
    """The calendars (with user and venue at hand) as they are in [start, end); bookings in `but` do
    not count. `rules`: for each calendar those by which clients book there (none, or None: as the
    team books). `need`: no visit is longer or wants more free around it."""
    start, end = _within_history(start), _within_history(end)
    since, until = start, end
    if with_shares:
        since = _within_history(start - timedelta(days=LOOK_BACK_DAYS))
        until = _within_history(end + timedelta(days=LOOK_AHEAD_DAYS))
    near = since - LONGEST_GAP, until + LONGEST_GAP  # what is taken there may reach into the window
    rotas = time_off.rotas(calendars, *near)
    people = {one.user_id for one in calendars}
    if with_shares or with_sources or any(one and one.most_a_day is not None for one in rules):
        need = None
    rows = _by_person(rows_of(people, since, until, but, with_sources, need, (start, end)))
    found = []
    for calendar, own in zip(calendars, rules or [None] * len(calendars), strict=True):
        rota, zone = rotas[calendar.id], calendar.zone
        rota = rota.within_house() if own else rota
        held = rows[calendar.user_id]
        if own and not own.outside_blocks:
            held = [row for row in held if row[_CALENDAR]]
        off = rota.closed(*near)
        closed = [(number(stretch.starts_at), number(stretch.ends_at)) for stretch in off]
        openings = openings_of(rota, since, until)
        taken = [row if row[_STARTS_ON] is None else _whole_days(row, zone) for row in held]
        share = _share(calendar, openings, closed, held) if with_shares else None
        first, last = number(start) - DAY, number(end) + DAY
        found.append(
            Working(
                calendar,
                [one for one in openings if one[1] > first and one[0] < last],
                [*taken, *(TakenTime(*one) for one in closed)],
                share,
                _sources(held, off) if with_sources else [],
                rota,
                _full(calendar, start, end, held, own) if own else [],
            )
        )
    return found


def _by_person(statement: Any) -> dict[int, list[Sequence]]:
    rows: dict[int, list[Sequence]] = defaultdict(list)
    for row in database.execute(statement).fetchall():
        rows[row[_USER]].append(row)
    return rows


def _sources(rows: Iterable[Sequence], off: Iterable[WorkingStretch]) -> list[tuple[str, Any]]:
    """What each of the rows is, and each stretch of time off, in the order of what is taken."""
    kinds = [("booking" if row[_CALENDAR] else "event", row[_ID]) for row in rows]
    return [*kinds, *(("off", stretch) for stretch in off)]


def busy_times(
    user_id: int,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    but: Iterable[int] = (),
    gaps: tuple[int, int] = (0, 0),
) -> list[tuple[datetime, datetime]]:
    """When the person's time in [start, end) is taken, from and to: by bookings but those in `but`,
    by external events and time off. For a visit that wants so many minutes free before and after it
    (`gaps`) that much more is taken around each; of two neighbours' gaps the larger counts.
    """
    wants_before, wants_after = gaps
    rows = (
        Booking.select(
            Booking.starts_at,
            Booking.ends_at,
            fn.COALESCE(Service.gap_before_minutes, 0),
            fn.COALESCE(Service.buffer_minutes, 0),
        )
        .join(Practitioner)
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(
            Practitioner.user == user_id,
            *Booking.touching(start - LONGEST_GAP, end + LONGEST_GAP),
            Booking.status.not_in(FREE_STATUSES),
            Booking.id.not_in(list(but)),
        )
    )
    taken = list(rows.tuples())
    taken += [
        (*event.taken(zone), 0, 0)
        for event in ExternalEvent.between(user_id, start, end).where(ExternalEvent.blocks)
    ]
    taken += [
        (stretch.starts_at, stretch.ends_at, 0, 0)
        for stretch in time_off.TimeOff.between(user_id, start, end, zone)
    ]
    found = (
        (
            max(begins, start) - timedelta(minutes=max(before, wants_after)),
            min(ends, end) + timedelta(minutes=max(after, wants_before)),
        )
        for begins, ends, before, after in taken
    )
    return [(begins, ends) for begins, ends in found if begins < ends]


# what a row of `rows_of` holds: from, to, gaps before and after (microseconds) as `TakenTime` has
# them, person, calendar (0: an event), whether anyone was asked for, the dates of an event of whole
# days, and whether a client booked it online
_STARTS, _USER, _CALENDAR, _ANYONE, _STARTS_ON, _ENDS_ON, _ONLINE = 0, 4, 5, 6, 7, 8, 9
_ID = 10  # only where it was asked for


def barring(calendar: Practitioner, at: datetime, need: Need, outside: bool) -> list[TakenTime]:
    """What holds time of the calendar's person and may be too near to such a visit at this time.
    One query. `outside`: whether events outside do.
    """
    rows = database.execute(rows_of([calendar.user_id], at, at, need=need)).fetchall()
    return [
        _whole_days(row, calendar.zone) if row[_STARTS_ON] is not None else TakenTime(*row[:4])
        for row in rows
        if outside or row[_CALENDAR]
    ]


def rows_of(
    users: Collection[int],
    start: datetime,
    end: datetime,
    but: Collection[int] = (),
    with_ids: bool = False,
    need: Need | None = None,
    events_in: tuple[datetime, datetime] | None = None,
):
    """Bookings and blocking events of these people near [start, end): one statement, and plain
    numbers, since there may be thousands. `need`: only what may bar the start of such a visit.
    `events_in`: events near that shorter time alone.
    """
    near = start - LONGEST_GAP, end + LONGEST_GAP
    since, until = events_in or (start, end)
    near_event = since - LONGEST_GAP, until + LONGEST_GAP
    ids = ([Booking.id], [ExternalEvent.id]) if with_ids else ([], [])
    bookings, events = _bookings(users, near, but, ids[0]), _events(users, near_event, ids[1])
    if need is not None:
        first, last = number(start), number(end) + need.length
        begins, ends = first - need.before, last + need.after
        bookings = bookings.where(
            (Booking.ends_at > begins) | (Booking.ends_at + _gap(Service.buffer_minutes) > first),
            (Booking.starts_at < ends)
            | (Booking.starts_at - _gap(Service.gap_before_minutes) < last),
        )
        is_near = (ExternalEvent.ends_at > begins) & (ExternalEvent.starts_at < ends)
        events = events.where(is_near | ExternalEvent.starts_on.is_null(False))
    return bookings.union_all(events)


def _bookings(
    users: Collection[int], near: tuple[datetime, datetime], but: Collection[int], more: list
):
    return (
        Booking.select(
            Booking.starts_at,
            Booking.ends_at,
            _gap(Service.gap_before_minutes),
            _gap(Service.buffer_minutes),
            Practitioner.user,
            Booking.practitioner,
            Booking.anyone,
            SQL("NULL"),
            SQL("NULL"),
            Booking.online,
            *more,
        )
        .join(Practitioner)
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(
            Practitioner.user.in_(list(users)),
            *Booking.touching(*near),
            Booking.status.not_in(FREE_STATUSES),
            Booking.id.not_in(list(but)),
        )
    )


def _events(users: Collection[int], near: tuple[datetime, datetime], more: list):
    return ExternalEvent.select(
        ExternalEvent.starts_at,
        ExternalEvent.ends_at,
        SQL("0"),
        SQL("0"),
        ExternalEvent.user,
        SQL("0"),
        SQL("FALSE"),
        ExternalEvent.starts_on,
        ExternalEvent.ends_on,
        SQL("FALSE"),
        *more,
    ).where(
        ExternalEvent.user.in_(list(users)),
        ExternalEvent.blocks,
        ExternalEvent.ends_at > near[0] - timedelta(days=1),
        ExternalEvent.starts_at < near[1] + timedelta(days=1),
    )


def _gap(minutes):
    """The column in microseconds; a booking without a service has none."""
    return fn.COALESCE(minutes, 0).cast("BIGINT") * MINUTE


def _whole_days(row: Sequence, zone: ZoneInfo) -> TakenTime:
    """What an event of whole days takes: those of the zone."""
    return TakenTime(_midnight(row[_STARTS_ON], zone), _midnight(row[_ENDS_ON], zone))


def openings_of(rota: Rota, start: datetime, end: datetime) -> list[Stretch]:
    """The working hours of the local days that [start, end) touches, not cut to it. Hours that end
    at midnight go on in those that begin there.
    """
    first, last = (scheduling.local_day(at, rota.zone) for at in (start, end))
    joined: list[Stretch] = []
    for opens, closes in _stretches(rota, first, last):
        if joined and opens <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(closes, joined[-1][1])
        else:
            joined.append((opens, closes))
    return joined


def _stretches(rota: Rota, first: date, last: date) -> Iterator[Stretch]:
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        begins = _even_day(day, rota.zone)
        if begins is None:  # the clocks change
            for span in rota.open_on(day):
                yield number(span.starts_at), number(span.ends_at)
        else:
            for opens, closes in map(scheduling.minutes_of, rota.hours_on(day)):
                yield begins + opens * MINUTE, begins + closes * MINUTE


@lru_cache(maxsize=10_000)
def _even_day(day: date, zone: ZoneInfo) -> int | None:
    """When the local day begins, if it has 24 hours: its wall times are then as far from midnight
    as they say.
    """
    begins = number(scheduling.midnight(day, zone))
    ends = number(scheduling.midnight(day + timedelta(days=1), zone))
    return begins if ends - begins == DAY else None


def _midnight(day: str | date, zone: ZoneInfo) -> int:
    day = date.fromisoformat(day) if isinstance(day, str) else day
    day = min(max(day, scheduling.FIRST_DAY), scheduling.LAST_DAY)  # an event may last for ever
    begins = _even_day(day, zone)
    return number(scheduling.midnight(day, zone)) if begins is None else begins


def _share(
    calendar: Practitioner, openings: list[Stretch], closed: list[Stretch], rows: Iterable[Sequence]
) -> Share:
    """Open and booked time since the person came; time off is not open."""
    came = number(calendar.user.created_at) // DAY
    own = [row for row in rows if row[_CALENDAR] == calendar.id]
    return Share.of(
        calendar.id,
        [one for one in without(openings, closed) if one[0] // DAY >= came],
        own,
        [row[_STARTS] for row in own if row[_ANYONE]],
    )


def _full(
    calendar: Practitioner,
    start: datetime,
    end: datetime,
    rows: Iterable[Sequence],
    rules: OnlineRules,
) -> list[Stretch]:
    """The local days of the window on which no further online booking may begin."""
    if rules.most_a_day is None:
        return []
    first, last = (scheduling.local_day(at, calendar.zone) for at in (start, end))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    starts = [row[_STARTS] for row in rows if row[_ONLINE] and row[_CALENDAR] == calendar.id]
    return full(
        [
            (_midnight(day, calendar.zone), _midnight(day + timedelta(days=1), calendar.zone))
            for day in days
        ],
        starts,
        rules.most_a_day,
    )


def without(openings: Iterable[Stretch], closed: Sequence[Stretch]) -> Iterator[Stretch]:
    """What the closed stretches leave of the openings, in order."""
    for opens, closes in openings:
        for start, end in closed:
            if start < closes and opens < end:
                if opens < start:
                    yield opens, start
                opens = end
        if opens < closes:
            yield opens, closes


def _within_history(at: datetime) -> datetime:
    """The instant, or the first or last that has a local day everywhere."""
    first, last = scheduling.FIRST_DAY, scheduling.LAST_DAY
    spare = timedelta(days=2)
    earliest, latest = (
        scheduling.midnight(day, ZoneInfo("UTC")) for day in (first + spare, last - spare)
    )
    return min(max(at, earliest), latest)
