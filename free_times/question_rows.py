"""The rows for a question about free times: one query for the practitioners and three for
everything else, whatever the number of practitioners and weeks.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import SQL, ModelCompoundSelectQuery, ModelSelect, fn

from base import scheduling
from base.bookings.statuses import FREE_STATUSES
from base.database import database, is_sqlite
from base.scheduling import number
from base.sharing import SHARED_DAYS_AHEAD, SHARED_DAYS_BACK, Share
from base.slots import DAY, MINUTE, FromTo, Need, TakenTime, full
from base.tables import time_off
from base.tables.outside import ExternalEvent
from base.working_time import Rota
from base.working_time import Stretch as WorkingStretch
from models import LONGEST_GAP, Booking, Practitioner, Service

from .openings import midnight, openings_of, stretches_of, within_history, without
from .rules import OnlineRules

RowValues = Sequence[Any]  # a row of `rows_of`; it begins like a `TakenTime`


@dataclass(frozen=True)
class Working:
    """One calendar: its open times, the taken times of its person, and its share of the work (None
    if not asked for). `sources`, if asked for: for each taken time the id of its booking or event,
    or its stretch of time off.
    """

    calendar: Practitioner
    rota: Rota
    openings: list[FromTo]
    taken: list[RowValues | TakenTime]
    share: Share | None = None
    sources: list[tuple[str, Any]] = field(default_factory=list)
    full: list[FromTo] = field(default_factory=list)  # days at the limit of online bookings


def read_rows(
    calendars: Sequence[Practitioner],
    start: datetime,
    end: datetime,
    *,
    but: Collection[int] = (),
    rules: Sequence[OnlineRules | None] = (),
    need: Need | None = None,
    with_shares: bool = False,
    with_weeks: bool = False,
    with_sources: bool = False,
) -> list[Working]:
    """The calendars (with user and venue) as they are in [start, end). Bookings in `but` do not
    count. `rules`: for each calendar its rules of online booking; no list, or None in it: the team
    books. `need`: a bound; no visit is longer or needs more free time around it.
    """
    start, end = within_history(start), within_history(end)
    weeks = weeks_of(start, end)
    since, until = weeks if with_shares else (start, end)
    near = _near(since, until)  # times taken outside the window may reach into it
    rotas = time_off.rotas(calendars, *(_near(*weeks) if with_weeks else near))
    people = {one.user_id for one in calendars}
    if with_shares or with_sources or any(one and one.most_a_day is not None for one in rules):
        need = None
    rows = _by_person(rows_of(people, since, until, but, with_sources, need, (start, end)))
    found = []
    for calendar, own in zip(calendars, rules or [None] * len(calendars), strict=True):
        rota, zone = rotas[calendar.id], calendar.zone
        rota = rota.within_house() if own else rota
        busy = rows[calendar.user_id]
        if own and not own.outside_blocks:
            busy = [row for row in busy if row[_CALENDAR]]
        off = rota.closed(*near)
        closed = stretches_of(off)
        openings = openings_of(rota, since, until)
        taken = [row if row[_STARTS_ON] is None else _whole_days(row, zone) for row in busy]
        share = _share(calendar, openings, closed, busy) if with_shares else None
        found.append(
            Working(
                calendar,
                rota,
                _about(openings, start, end),
                [*taken, *(TakenTime(*one) for one in closed)],
                share,
                _sources(busy, off) if with_sources else [],
                _full(calendar, start, end, busy, own) if own else [],
            )
        )
    return found


def _about(openings: list[FromTo], start: datetime, end: datetime) -> list[FromTo]:
    """The openings that may touch [start, end]."""
    first, last = number(start) - DAY, number(end) + DAY
    return [one for one in openings if one[1] > first and one[0] < last]


def weeks_of(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The stretch of time whose bookings count for shares of the work, for visits in
    [start, end).
    """
    return (
        within_history(start - timedelta(days=SHARED_DAYS_BACK)),
        within_history(end + timedelta(days=SHARED_DAYS_AHEAD)),
    )


def _near(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    return start - LONGEST_GAP, end + LONGEST_GAP


def fetch_planned(statement: Any) -> list[RowValues]:
    """All rows of a statement, as plain values. PostgreSQL makes a new plan for the values of each
    call.

    PostgreSQL would otherwise keep one plan for a repeated statement, made for unknown values and
    so for few rows. With thousands of rows that plan takes twice as long (ADR 69).
    """
    if is_sqlite():
        return _fetched(statement)
    connection = database.connection()
    before, connection.prepare_threshold = connection.prepare_threshold, None
    try:
        return _fetched(statement)
    finally:
        connection.prepare_threshold = before


def _fetched(statement: Any) -> list[RowValues]:
    rows: list[RowValues] = database.execute(statement).fetchall()
    return rows


def _by_person(statement: Any) -> dict[int, list[RowValues]]:
    rows: dict[int, list[RowValues]] = defaultdict(list)
    for row in fetch_planned(statement):
        rows[row[_USER]].append(row)
    return rows


def _sources(rows: Iterable[RowValues], off: Iterable[WorkingStretch]) -> list[tuple[str, Any]]:
    """The source of each row, and of each stretch of time off, in the order of the taken times."""
    kinds = [("booking" if row[_CALENDAR] else "event", row[_ID]) for row in rows]
    return [*kinds, *(("off", stretch) for stretch in off)]


# a row of `rows_of`: from, to, gaps before and after (microseconds) as in `TakenTime`, person,
# calendar (0: an event), whether anyone was asked for, the dates of an event of whole days, and
# whether a client booked it online
_STARTS, _USER, _CALENDAR, _ANYONE, _STARTS_ON, _ENDS_ON, _ONLINE = 0, 4, 5, 6, 7, 8, 9
_ID = 10  # only where it was asked for


def barring(calendar: Practitioner, at: datetime, need: Need, outside: bool) -> list[TakenTime]:
    """The taken times of the calendar's person that may be too near to this visit. One query.
    `outside`: whether external events count.
    """
    rows = fetch_planned(rows_of([calendar.user_id], at, at, need=need))
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
) -> ModelCompoundSelectQuery:
    """Bookings and blocking events of these people near [start, end). One statement, and plain
    numbers, since there may be thousands. `need`: read only rows that may bar the start of this
    visit. `events_in`: the shorter time near which events are read.
    """
    near, near_event = _near(start, end), _near(*(events_in or (start, end)))
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
    users: Collection[int], near: tuple[datetime, datetime], but: Collection[int], more: list[Any]
) -> "ModelSelect[Booking]":
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


def _events(
    users: Collection[int], near: tuple[datetime, datetime], more: list[Any]
) -> "ModelSelect[ExternalEvent]":
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


def _gap(minutes: Any) -> Any:
    """The column in microseconds; a booking without a service has none."""
    return fn.COALESCE(minutes, 0).cast("BIGINT") * MINUTE


def _whole_days(row: RowValues, zone: ZoneInfo) -> TakenTime:
    """The time that an event of whole days takes, in the zone."""
    return TakenTime(midnight(row[_STARTS_ON], zone), midnight(row[_ENDS_ON], zone))


def open_time(calendar: Practitioner, rota: Rota, start: datetime, end: datetime) -> list[FromTo]:
    """Working hours of the local days that [start, end) touches, from the day on which the person
    started; time off is cut out.
    """
    closed = stretches_of(rota.closed(*_near(start, end)))
    return _open_time(calendar, openings_of(rota, start, end), closed)


def _open_time(
    calendar: Practitioner, openings: list[FromTo], closed: list[FromTo]
) -> list[FromTo]:
    came = number(calendar.user.created_at) // DAY
    return [one for one in without(openings, closed) if one[0] // DAY >= came]


def _share(
    calendar: Practitioner, openings: list[FromTo], closed: list[FromTo], rows: Iterable[RowValues]
) -> Share:
    """Open and booked time since the person started."""
    its = calendar.id
    own = [row for row in rows if row[_CALENDAR] == its]
    return Share.of(
        its,
        _open_time(calendar, openings, closed),
        own,
        [row[_STARTS] for row in own if row[_ANYONE]],
    )


def _full(
    calendar: Practitioner,
    start: datetime,
    end: datetime,
    rows: Iterable[RowValues],
    rules: OnlineRules,
) -> list[FromTo]:
    """The local days of the window on which no further online booking may begin."""
    if rules.most_a_day is None:
        return []
    first, last = (scheduling.local_day(at, calendar.zone) for at in (start, end))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    starts = [row[_STARTS] for row in rows if row[_ONLINE] and row[_CALENDAR] == calendar.id]
    return full(
        [
            (midnight(day, calendar.zone), midnight(day + timedelta(days=1), calendar.zone))
            for day in days
        ],
        starts,
        rules.most_a_day,
    )
