"""The actions of actors in a random history: every way of taking a person's time.

Each actor acts as a page would: it reads, decides, and then asks the program, while others do the
same. A new way of taking time is one more function, and a line in `ACTS`.
"""

import random
from collections.abc import Callable
from uuid import uuid4

import models
from base.bookings import moving
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import Clash, SlotTaken
from base.bookings.statuses import FREE_STATUSES
from base.database import alone
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.tables.time_off import TimeOff
from free_times import finding
from models import Booking, Practitioner, Venue
from operate import intake
from operate.intake.sheet import open_sheet
from people import leftover
from sync.tables.notices import Notice
from sync.two_way.standing import decisions

from . import visiting
from .histories import DAY, LENGTHS, MINUTE, START, WEEK, History

ZONES = ("America/New_York", "America/Chicago", "Europe/Lisbon")  # of the second venue


def _book(history: History, chance: random.Random) -> None:
    calendar = history.calendar(chance)
    first = history.span(chance, calendar)
    spans = (
        [first]
        if chance.random() < 0.7 or first.all_day
        else [Span(first.starts_at + n * WEEK, first.ends_at + n * WEEK) for n in range(3)]
    )
    shown = Booking.taken(calendar, spans)
    consent = history.consent(chance, shown)
    status = chance.choice(("confirmed", "confirmed", "pending", "offered"))
    skip = len(spans) > 1 and chance.random() < 0.4
    asked = {
        "status": status,
        "allow_overlap": consent,
        "skip_taken": skip,
        "service": chance.choice([None, *history.services]),
        "key": uuid4(),
    }
    made = list(Booking.book(calendar, spans, history.owner, **asked))
    if chance.random() < 0.1:  # the button was pressed twice, whatever became of the first press
        again = Booking.book(calendar, spans, history.owner, **asked)
        assert {row.id for row in again} == {row.id for row in made}
    if consent and not skip and status not in FREE_STATUSES:
        history.write_down(made, shown)


def _book_free(history: History, chance: random.Random) -> None:
    """Book a time that Next free offers."""
    service = chance.choice(history.services)
    wishes = [
        finding.Wish(
            one, service.duration_minutes, service.gap_before_minutes, service.buffer_minutes
        )
        for one in Practitioner.listed(history.clinic)
    ]
    found = next(finding.free_times(wishes, START, START + DAY, 15), None)
    if found:
        span = Span(found.starts_at, found.ends_at)
        Booking.book(found.wish.calendar, [span], history.owner, service=service, anyone=True)


def _move(history: History, chance: random.Random) -> None:
    row = history.booking(chance)
    there = history.calendar(chance) if chance.random() < 0.3 else row.practitioner
    which = "one" if row.series is None else chance.choice(("one", "following", "all"))
    if which == "one":
        span = history.span(chance, there)
    elif row.all_day:
        return
    else:  # all of them by the same distance
        by = chance.choice((-30, -10, 5, 45)) * MINUTE
        span = Span(row.starts_at + by, row.ends_at + by)
    change = {"which": which, "practitioner": there}
    shown = row.clashes(history.owner, span, **change)
    consent = history.consent(chance, shown)
    skip = which != "one" and chance.random() < 0.3
    seen = row.sequence if chance.random() < 0.5 else None
    done = row.change(
        history.owner, span, allow_overlap=consent, skip_taken=skip, seen_sequence=seen, **change
    )
    if consent and not skip:
        history.write_down(done, shown)
    if consent and not skip and which != "one":  # of two that go along, each was shown the other
        by_id = {changed.id: changed for changed in done}
        moved = [
            Clash(
                there, span, [by_id[other.id] for other in clash.bookings if other.id in by_id], ()
            )
            for clash in shown
        ]
        history.write_down(done, moved)


def _drag(history: History, chance: random.Random) -> None:
    """Move a booking or its end by dragging, and perhaps undo the move."""
    row = history.booking(chance)
    seen, there = row.sequence, history.calendar(chance) if chance.random() < 0.5 else None
    day = (START + chance.choice((0, 1, 2)) * DAY).date() if chance.random() < 0.3 else None
    with alone(row):
        if row.sequence != seen:
            raise ChangedMeanwhile
        there = there or row.practitioner
        by, longer = chance.choice((-45, -15, 5, 15, 60)), chance.choice((0, 0, 15, -15))
        span, _ = moving.shifted(row.span, row.practitioner.zone, there.zone, day, by, longer)
        changed = row.change(history.owner, span, practitioner=there)
    if chance.random() < 0.5:
        moving.undo_move(Booking.get_by_id(row.id), history.owner, changed.entry)


def _lengthen(history: History, chance: random.Random) -> None:
    row = history.booking(chance)
    if row.all_day:
        return
    span = Span(row.starts_at, row.ends_at + chance.choice((-15, 15, 15, 30)) * MINUTE)
    shown = row.clashes(history.owner, span)
    consent = history.consent(chance, shown)
    done = row.change(history.owner, span, allow_overlap=consent)
    if consent:
        history.write_down(done, shown)


def _set_status(history: History, chance: random.Random) -> None:
    """Give a booking another status, and sometimes undo that."""
    row = history.booking(chance)
    status = chance.choice(("confirmed", "cancelled", "pending", "no_show", "offered", "arrived"))
    which = "one" if row.series is None else chance.choice(("one", "all"))
    row.set_status(status, history.owner, which=which, skip_taken=chance.random() < 0.3)
    if chance.random() < 0.5:
        Booking.get_by_id(row.id).undo_status(history.owner)


def _give_back_anyway(history: History, chance: random.Random) -> None:
    """Give a booking another status although its time is taken, if the actor agrees to the
    conflicts.
    """
    row, status = history.booking(chance), chance.choice(("confirmed", "pending", "arrived"))
    try:
        row.set_status(status, history.owner)
    except SlotTaken as refusal:
        if consent := history.consent(chance, refusal.clashes):
            done = row.set_status(status, history.owner, allow_overlap=consent)
            history.write_down(done, refusal.clashes)


def _confirm(history: History, chance: random.Random) -> None:
    pending = Booking.select().where(Booking.clinic == history.clinic, Booking.status == "pending")
    if row := pending.first():
        row.set_status("confirmed", history.owner)


def _undo(history: History, chance: random.Random) -> None:
    history.booking(chance).undo_status(history.owner)


def _import(history: History, chance: random.Random) -> None:
    takes = chance.random() < 0.3
    lines = ["calendar,venue,date,start,end,status,notes"]
    for _ in range(chance.randrange(1, 5)):
        calendar = history.calendar(chance)
        at = START + chance.randrange(48) * 5 * MINUTE
        start = at.astimezone(calendar.zone)
        end = start + chance.choice(LENGTHS) * MINUTE
        who, note = calendar.user.email, "imported over others" if takes else ""
        times = f"{start:%Y-%m-%d},{start:%H:%M},{end:%H:%M}"
        lines.append(f"{who},{calendar.venue.name},{times},confirmed,{note}")
    sheet = open_sheet("bookings", "\n".join(lines), None, {"overlaps": takes})
    intake.store(sheet, history.clinic, history.owner, lambda report: True)


def _time_off(history: History, chance: random.Random) -> None:
    calendar = history.calendar(chance)
    at = history.span(chance, calendar).starts_at
    off = TimeOff.add(
        calendar.user,
        history.owner,
        kind="lunch",
        first_on=at.date(),
        last_on=at.date(),
        starts=f"{at:%H:%M}",
        ends=f"{at + 30 * MINUTE:%H:%M}",
        zone_name="Europe/London",
        weekly=chance.random() < 0.3,
    )
    if chance.random() < 0.3:
        off.remove(history.owner)


def _outside(history: History, chance: random.Random) -> None:
    """Add an event in a calendar outside."""
    at = START + chance.randrange(48) * 5 * MINUTE
    ExternalEvent.create(
        clinic=history.clinic,
        user=history.calendars[0].user,
        calendar=history.outside,
        remote_id=f"{chance.random()}",
        title="Busy",
        busy="busy",
        blocks=True,
        starts_at=at,
        ends_at=at + 40 * MINUTE,
    )


def _follow(history: History, chance: random.Random) -> None:
    """Move a booking to the time to which its event was moved outside, as a person decides."""
    row = history.booking(chance)
    span = history.span(chance, row.practitioner)
    detail = {"starts_at": span.starts_at.isoformat(), "ends_at": span.ends_at.isoformat()}
    if chance.random() < 0.5:  # its owner let Kalends follow without asking
        row.change(None, Span(span.starts_at, span.ends_at))
        return
    notice = Notice.give(
        history.outside.account, "moved", f"moved {row.uuid}", booking=row, detail=detail
    )
    decisions.move_booking(notice, history.owner)


def _hand_over(history: History, chance: random.Random) -> None:
    rows = [history.booking(chance) for _ in range(2)]
    to = history.calendar(chance)
    shown = {row.id: row.clashes(history.owner, row.span, practitioner=to) for row in rows}
    anyway = (
        {}
        if chance.random() < 0.5
        else {row.id: history.consent(chance, shown[row.id]) for row in rows if not row.all_day}
    )
    result = leftover.hand_over(rows, to, history.owner, anyway)
    for row in result.done:
        if anyway.get(row.id):
            history.write_down([row], shown[row.id])


def _rezone(history: History, chance: random.Random) -> None:
    """Sometimes: give the second venue another zone, so that whole days move to other instants."""
    if chance.random() < 0.3:
        venue = Venue.get_by_id(history.harbour.id)
        with models.database.atomic():
            history.clinic.lock()
            before = history.places()
            kept = {"name": venue.name, "address": venue.address, "hours": venue.hours}
            venue.change(history.owner, zone_name=chance.choice(ZONES), **kept)
            history.carry(before)


def _open_or_close(history: History, chance: random.Random) -> None:
    """Sometimes: close a calendar, or open it again."""
    if chance.random() < 0.3:
        calendar = history.calendar(chance)
        calendar.set_archived(True, history.owner)
        calendar.set_archived(False, history.owner)


ACTS: list[Callable[[History, random.Random], None]] = [
    *[_book] * 6,
    *[_book_free] * 2,
    *[_move] * 4,
    *[_drag] * 3,
    *[_lengthen] * 2,
    *[_set_status] * 4,
    _give_back_anyway,
    *[_confirm] * 2,
    _undo,
    *[_import] * 2,
    _time_off,
    _outside,
    _follow,
    _hand_over,
    _rezone,
    _open_or_close,
    *visiting.ACTS,
]
