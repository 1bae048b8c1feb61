"""Random histories of one clinic with many actors at once.

Every way of taking a person's time, on connections of their own. What overlaps at the end must have
been agreed to.

The judge knows only what each actor was shown and agreed to, and the bookings as they lie at the
end; nothing of what the program itself wrote down about consent.
"""

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

from peewee import OperationalError

import models
from base.changes import ChangedMeanwhile
from base.clashes import Clash, ClosedCalendar, SlotTaken
from base.outside import ExternalEvent
from base.scheduling import BadTime, Span, whole_days
from base.statuses import FREE_STATUSES
from base.time_off import TimeOff
from free_times import finding, overlaps
from models import Booking, Practitioner, Service, User, Venue
from operate import intake
from operate.intake.sheet import open_sheet
from people import founding, leftover
from sync.tables.accounts import Account, RemoteCalendar

START = datetime(2027, 1, 12, 8, tzinfo=UTC)  # a Tuesday; neither clock of the venues changes
MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)
REFUSALS = (SlotTaken, BadTime, ChangedMeanwhile, ClosedCalendar, Booking.DoesNotExist)
LENGTHS = (5, 10, 20, 25, 50, 80, 180)
PEOPLE = 3


class Crew:
    """Threads that last over many histories, each with its own connection."""

    def __init__(self, size: int):
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._done: SimpleQueue[Exception | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(size)]
        for thread in self._threads:
            thread.start()

    def _serve(self) -> None:
        with models.database.connection_context():
            while job := self._work.get():
                try:
                    job()
                    self._done.put(None)
                except Exception as fault:
                    self._done.put(fault)

    def at_once(self, jobs: Sequence[Callable[[], None]]) -> list[Exception]:
        """Do all of these, and give what went wrong."""
        for job in jobs:
            self._work.put(job)
        return [fault for _ in jobs if (fault := self._done.get())]

    def dismiss(self) -> None:
        """End the threads."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()


@dataclass
class Outcome:
    """How a history ended.

    What was done and refused, overlaps that were agreed to, those that nobody agreed to (pairs of
    ids), and faults.
    """

    done: int = 0
    refused: int = 0
    given_up: int = 0
    agreed: int = 0
    nobody: list[tuple[int, int]] = field(default_factory=list)
    misjudged: list[tuple[int, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class History:
    """One clinic of its own, and what its actors do to it."""

    def __init__(self, seed: int, actors: int, each: int):
        self.chance, self.actors, self.each = random.Random(seed), actors, each
        self.outcome = Outcome()
        self._agreed: list[tuple] = []  # what an actor was shown and agreed to, and what came of it
        self._lock = threading.Lock()
        with models.database.atomic():
            self._found()

    def _found(self) -> None:
        owner = founding.found(
            "Histories", "Europe/London", "Robin", f"{self.chance.random()}@x.test"
        )
        self.clinic, self.owner = owner.clinic, owner
        street = Venue.get(Venue.clinic == self.clinic)
        street.hours = {day: [["07:00", "20:00"]] for day in ("tue", "wed", "thu")}
        harbour = Venue.create(
            clinic=self.clinic, name="Harbour", zone_name="America/New_York", hours=street.hours
        )
        self.calendars, plain = [], {"clinic": self.clinic, "hours": street.hours}
        for n in range(PEOPLE):
            email = f"{self.chance.random()}@x.test"
            user = User.create(clinic=self.clinic, email=email, name=f"P{n}", role="practitioner")
            for venue in (street, harbour)[: 1 + n % 2]:
                self.calendars.append(Practitioner.create(user=user, venue=venue, **plain))
        self.services = [
            Service.create(
                clinic=self.clinic,
                name=f"S{n}",
                duration_minutes=length,
                gap_before_minutes=before,
                buffer_minutes=after,
            )
            for n, (length, before, after) in enumerate(((20, 0, 10), (50, 10, 0), (25, 5, 30)))
        ]
        account = Account.create(
            clinic=self.clinic, user=self.calendars[0].user, kind="google", email="x", sealed=""
        )
        self.outside = RemoteCalendar.create(
            clinic=self.clinic, account=account, calendar_id="home", role="source", name="Home"
        )

    def run(self, crew: Crew) -> Outcome:
        """Let everybody act, and judge what is there then."""
        seeds = [self.chance.random() for _ in range(self.actors)]
        faults = crew.at_once([lambda seed=seed: self._act(random.Random(seed)) for seed in seeds])
        self.outcome.faults = [f"{type(fault).__name__}: {fault}" for fault in faults]
        self._judge()
        return self.outcome

    def _act(self, chance: random.Random) -> None:
        for _ in range(self.each):
            act = chance.choice(_ACTS)
            try:
                act(self, chance)
                done, refused = 1, 0
            except REFUSALS:
                done, refused = 0, 1
            except OperationalError as error:
                if "locked" not in str(error):  # SQLite: ten seconds are over
                    raise
                done, refused = 0, 0
            with self._lock:
                self.outcome.done += done
                self.outcome.refused += refused
                self.outcome.given_up += not done and not refused

    # ---- what an actor knows ----

    def _span(self, chance: random.Random, calendar: Practitioner) -> Span:
        """Some hours of a morning, so that there is a crowd; now and then whole days."""
        at = START + chance.randrange(48) * 5 * MINUTE + chance.choice((0, 0, 1, 2)) * DAY
        if chance.random() < 0.05:
            return whole_days(at.date(), at.date() + chance.choice((0, 1)) * DAY, calendar.zone)
        return Span(at, at + chance.choice(LENGTHS) * MINUTE)

    def _calendar(self, chance: random.Random) -> Practitioner:
        row = chance.choice(self.calendars)
        return Practitioner.get_by_id(row.id)

    def _booking(self, chance: random.Random) -> Booking:
        ids = [
            id for (id,) in Booking.select(Booking.id).where(Booking.clinic == self.clinic).tuples()
        ]
        if not ids:
            raise Booking.DoesNotExist
        return Booking.get_by_id(chance.choice(ids))

    def _consent(self, chance: random.Random, shown: Sequence[Clash]) -> set[str] | bool:
        """Whether whoever was shown what is in the way agrees to it."""
        if chance.random() < 0.5:
            return False
        return {key for clash in shown for key in clash.keys}

    def _write_down(self, rows: Sequence[Booking], shown: Sequence[Clash]) -> None:
        """An actor agreed, and it was done: these bookings over those that were shown."""
        there = [(row.id, row.span) for clash in shown for row in clash.bookings]
        with self._lock:
            self._agreed += [(row.id, row.span, there) for row in rows]

    # ---- the judgement ----

    def _judge(self) -> None:
        rows = (
            Booking.select(Booking, Practitioner)
            .join(Practitioner)
            .where(Booking.clinic == self.clinic, Booking.status.not_in(FREE_STATUSES))
        )
        rows = sorted(rows, key=lambda row: row.starts_at)
        standing = {
            (one.id, two.id): (one, two)
            for place, one in enumerate(rows)
            for two in rows[place + 1 :]
            if one.practitioner.user_id == two.practitioner.user_id and one.span.overlaps(two.span)
        }
        agreed = set()
        for moved, at, there in self._agreed:
            for other, where in there:
                agreed |= {(moved, other, *_apart(at, where)), (other, moved, *_apart(where, at))}
        self.outcome.agreed = len(standing)
        self.outcome.nobody = [
            ids
            for ids, (one, two) in standing.items()
            if (*ids, *_apart(one.span, two.span)) not in agreed and not self._imported(ids)
        ]
        said = {frozenset((pair.first, pair.second)): pair for pair in overlaps.pairs(self.clinic)}
        self.outcome.misjudged = [
            ids
            for ids in standing
            if frozenset(ids) not in said or not said[frozenset(ids)].is_agreed
        ]
        if len(said) != len(standing):
            self.outcome.faults.append("the nightly check found other overlaps")

    def _imported(self, ids: tuple[int, int]) -> bool:
        """Whether one of them came with a file whose importer chose to take overlaps."""
        notes = Booking.select(Booking.notes).where(Booking.id.in_(ids)).tuples()
        return any(text == "imported over others" for (text,) in notes)


def _apart(one: Span, two: Span) -> tuple[timedelta, timedelta, timedelta]:
    """How two spans lie to each other: a series may take both along."""
    return two.starts_at - one.starts_at, one.duration, two.duration


# ---- what actors do ----


def _book(history: History, chance: random.Random) -> None:
    calendar = history._calendar(chance)
    first = history._span(chance, calendar)
    spans = (
        [first]
        if chance.random() < 0.7 or first.all_day
        else [Span(first.starts_at + n * WEEK, first.ends_at + n * WEEK) for n in range(3)]
    )
    shown = Booking.taken(calendar, spans)
    consent = history._consent(chance, shown)
    status = chance.choice(("confirmed", "confirmed", "pending", "offered"))
    skip = len(spans) > 1 and chance.random() < 0.4
    made = Booking.book(
        calendar,
        spans,
        history.owner,
        status=status,
        allow_overlap=consent,
        skip_taken=skip,
        service=chance.choice([None, *history.services]),
    )
    if consent and not skip and status not in FREE_STATUSES:
        history._write_down(made, shown)


def _book_free(history: History, chance: random.Random) -> None:
    """What Next free offers, taken by whoever saw it."""
    service = chance.choice(history.services)
    wishes = [
        finding.Wish(
            one, service.duration_minutes, service.gap_before_minutes, service.buffer_minutes
        )
        for one in history.calendars
    ]
    found = next(finding.free_times(wishes, START, START + DAY, 15), None)
    if found:
        span = Span(found.starts_at, found.ends_at)
        Booking.book(found.wish.calendar, [span], history.owner, service=service, anyone=True)


def _move(history: History, chance: random.Random) -> None:
    row = history._booking(chance)
    there = history._calendar(chance) if chance.random() < 0.3 else row.practitioner
    which = "one" if row.series is None else chance.choice(("one", "following", "all"))
    if which == "one":
        span = history._span(chance, there)
    elif row.all_day:
        return
    else:  # all of them by the same distance
        by = chance.choice((-30, -10, 5, 45)) * MINUTE
        span = Span(row.starts_at + by, row.ends_at + by)
    change = {"which": which, "practitioner": there}
    shown = row.clashes(history.owner, span, **change)
    consent = history._consent(chance, shown)
    skip = which != "one" and chance.random() < 0.3
    seen = row.sequence if chance.random() < 0.5 else None
    done = row.change(
        history.owner, span, allow_overlap=consent, skip_taken=skip, seen_sequence=seen, **change
    )
    if consent and not skip:
        history._write_down(done, shown)
    if consent and not skip and which != "one":  # of two that go along, each was shown the other
        by_id = {changed.id: changed for changed in done}
        moved = [
            Clash(
                there, span, [by_id[other.id] for other in clash.bookings if other.id in by_id], ()
            )
            for clash in shown
        ]
        history._write_down(done, moved)


def _lengthen(history: History, chance: random.Random) -> None:
    row = history._booking(chance)
    if row.all_day:
        return
    span = Span(row.starts_at, row.ends_at + chance.choice((-15, 15, 15, 30)) * MINUTE)
    shown = row.clashes(history.owner, span)
    consent = history._consent(chance, shown)
    done = row.change(history.owner, span, allow_overlap=consent)
    if consent:
        history._write_down(done, shown)


def _set_status(history: History, chance: random.Random) -> None:
    """Confirm, call off, or give its time back."""
    row = history._booking(chance)
    status = chance.choice(("confirmed", "cancelled", "pending", "no_show", "offered", "arrived"))
    which = "one" if row.series is None else chance.choice(("one", "all"))
    row.set_status(status, history.owner, which=which, skip_taken=chance.random() < 0.3)
    if chance.random() < 0.5:
        Booking.get_by_id(row.id).undo_status(history.owner)


def _confirm(history: History, chance: random.Random) -> None:
    pending = Booking.select().where(Booking.clinic == history.clinic, Booking.status == "pending")
    if row := pending.first():
        row.set_status("confirmed", history.owner)


def _undo(history: History, chance: random.Random) -> None:
    history._booking(chance).undo_status(history.owner)


def _import(history: History, chance: random.Random) -> None:
    takes = chance.random() < 0.3
    lines = ["calendar,venue,date,start,end,status,notes"]
    for _ in range(chance.randrange(1, 5)):
        calendar = history._calendar(chance)
        at = START + chance.randrange(48) * 5 * MINUTE
        start = at.astimezone(calendar.zone)
        end = start + chance.choice(LENGTHS) * MINUTE
        who, note = calendar.user.email, "imported over others" if takes else ""
        times = f"{start:%Y-%m-%d},{start:%H:%M},{end:%H:%M}"
        lines.append(f"{who},{calendar.venue.name},{times},confirmed,{note}")
    sheet = open_sheet("bookings", "\n".join(lines), None, {"overlaps": takes})
    intake.store(sheet, history.clinic, history.owner, lambda report: True)


def _time_off(history: History, chance: random.Random) -> None:
    calendar = history._calendar(chance)
    at = history._span(chance, calendar).starts_at
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
    """An event of a calendar outside lands."""
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


def _hand_over(history: History, chance: random.Random) -> None:
    rows = [history._booking(chance) for _ in range(2)]
    leftover.hand_over(rows, history._calendar(chance), history.owner)


def _open_or_close(history: History, chance: random.Random) -> None:
    """Now and then somebody closes a calendar, and opens it again."""
    if chance.random() < 0.3:
        calendar = history._calendar(chance)
        calendar.set_archived(True, history.owner)
        calendar.set_archived(False, history.owner)


_ACTS: list[Callable[[History, random.Random], None]] = [
    *[_book] * 6,
    *[_book_free] * 2,
    *[_move] * 5,
    *[_lengthen] * 2,
    *[_set_status] * 4,
    *[_confirm] * 2,
    _undo,
    _import,
    _import,
    _time_off,
    _outside,
    _hand_over,
    _open_or_close,
]
