"""Random histories of one clinic in which many actors take a person's time at once.

The actors use every way of taking time, each on a connection of its own. Bookings that overlap at
the end must have been agreed to.

The judge knows what each actor was shown and agreed to, and the bookings at the end. It reads none
of the agreements that the program stored.
"""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import combinations
from queue import SimpleQueue

from peewee import OperationalError

import models
from base.bookings.changes import ChangedMeanwhile
from base.bookings.clashes import Clash, ClosedCalendar, SlotTaken
from base.bookings.statuses import FREE_STATUSES
from base.scheduling import BadTime, Span, whole_days
from free_times import overlaps
from free_times.earlier.accepting import OfferGone
from free_times.earlier.joining import CannotWait
from free_times.online.answering import NotOffered
from free_times.online.holds import Hold
from free_times.online.making import JustTaken, TermsChanged
from free_times.online.managing import TooLate
from free_times.rules import OnlineSettings
from models import Booking, Practitioner, Service, User, Venue
from people import founding
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way.standing import decisions

START = datetime(2027, 1, 12, 8, tzinfo=UTC)  # a Tuesday; neither clock of the venues changes
MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)
REFUSALS = (
    SlotTaken,
    BadTime,
    ChangedMeanwhile,
    ClosedCalendar,
    decisions.Settled,
    JustTaken,
    CannotWait,
    OfferGone,
    NotOffered,
    TermsChanged,
    TooLate,
    Booking.DoesNotExist,
)
LENGTHS = (5, 10, 20, 25, 50, 80, 180)
PEOPLE = 3


Act = Callable[["History", random.Random], None]  # what an actor does once, out of what it sees


class Crew:
    """Threads that are used for many histories, each with a connection of its own."""

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
        """Run all of these at the same time. Returns the errors."""
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
    """The result of a history.

    It has the numbers of actions done and refused, the overlaps that were agreed to, those that
    nobody agreed to (pairs of ids), and faults.
    """

    done: int = 0
    refused: int = 0
    given_up: int = 0
    agreed: int = 0
    nobody: list[tuple[int, int]] = field(default_factory=list)
    misjudged: list[tuple[int, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class History:
    """One clinic of its own, and the actions of its actors."""

    def __init__(self, seed: int, actors: int, each: int, acts: Sequence[Act]):
        self.chance, self.actors, self.each = random.Random(seed), actors, each
        self.acts, self.outcome = acts, Outcome()
        self._agreed: list[tuple] = []  # what an actor was shown and agreed to, and what came of it
        self._carried: list[tuple] = []  # places before and after, of what nobody moved
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
        self.harbour = Venue.create(
            clinic=self.clinic, name="Harbour", zone_name="America/New_York", hours=street.hours
        )
        self.calendars, plain = [], {"clinic": self.clinic, "hours": street.hours}
        for n in range(PEOPLE):
            email = f"{self.chance.random()}@x.test"
            user = User.create(clinic=self.clinic, email=email, name=f"P{n}", role="practitioner")
            for venue in (street, self.harbour)[: 1 + n % 2]:
                self.calendars.append(Practitioner.create(user=user, venue=venue, **plain))
        self.services = [
            Service.create(
                clinic=self.clinic,
                name=f"S{n}",
                duration_minutes=length,
                gap_before_minutes=before,
                buffer_minutes=after,
                bookable_online=True,
            )
            for n, (length, before, after) in enumerate(((20, 0, 10), (50, 10, 0), (25, 5, 30)))
        ]
        OnlineSettings.create(clinic=self.clinic, is_on=True, horizon_days=3650, change_hours=0)
        account = Account.create(
            clinic=self.clinic, user=self.calendars[0].user, kind="google", email="x", sealed=""
        )
        self.outside = RemoteCalendar.create(
            clinic=self.clinic, account=account, calendar_id="home", role="source", name="Home"
        )

    def run(self, crew: Crew) -> Outcome:
        """Let all actors act, and judge the bookings at the end."""
        seeds = [self.chance.random() for _ in range(self.actors)]
        faults = crew.at_once([lambda seed=seed: self._act(random.Random(seed)) for seed in seeds])
        self.outcome.faults = [f"{type(fault).__name__}: {fault}" for fault in faults]
        self._judge()
        return self.outcome

    def _act(self, chance: random.Random) -> None:
        for _ in range(self.each):
            act = chance.choice(self.acts)
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

    def span(self, chance: random.Random, calendar: Practitioner) -> Span:
        """Some hours of a morning, so that many actors want the same time; sometimes whole days."""
        at = START + chance.randrange(48) * 5 * MINUTE + chance.choice((0, 0, 1, 2)) * DAY
        if chance.random() < 0.05:
            return whole_days(at.date(), at.date() + chance.choice((0, 1)) * DAY, calendar.zone)
        return Span(at, at + chance.choice(LENGTHS) * MINUTE)

    def calendar(self, chance: random.Random) -> Practitioner:
        row = chance.choice(self.calendars)
        return Practitioner.get_by_id(row.id)

    def booking(self, chance: random.Random) -> Booking:
        ids = [
            id for (id,) in Booking.select(Booking.id).where(Booking.clinic == self.clinic).tuples()
        ]
        if not ids:
            raise Booking.DoesNotExist
        return Booking.get_by_id(chance.choice(ids))

    def consent(self, chance: random.Random, shown: Sequence[Clash]) -> set[str] | bool:
        """Whether an actor who was shown the conflicts agrees to them."""
        if chance.random() < 0.5:
            return False
        return {key for clash in shown for key in clash.keys}

    def write_down(self, rows: Sequence[Booking], shown: Sequence[Clash]) -> None:
        """Note that an actor agreed and the change was made: these bookings may overlap those that
        were shown.
        """
        there = [(row.id, row.span) for clash in shown for row in clash.bookings]
        with self._lock:
            self._agreed += [(row.id, row.span, there) for row in rows]

    def places(self) -> dict[int, Span]:
        """The time and calendar of every booking."""
        return {row.id: row.span for row in Booking.select().where(Booking.clinic == self.clinic)}

    def carry(self, before: dict[int, Span]) -> None:
        """Carry on the consent for bookings that lie elsewhere now although nobody moved them."""
        now = self.places()
        with self._lock:
            self._carried.append((before, now))

    # ---- the judgement ----

    def _standing(self) -> dict[tuple[int, int], tuple[Booking, Booking]]:
        """Pairs of bookings of one person that overlap now."""
        rows = (
            Booking.select(Booking, Practitioner)
            .join(Practitioner)
            .where(Booking.clinic == self.clinic, Booking.status.not_in(FREE_STATUSES))
            .order_by(Booking.id)
        )
        of_person: dict[int, list[Booking]] = defaultdict(list)
        for row in rows:
            of_person[row.practitioner.user_id].append(row)
        return {
            (one.id, two.id): (one, two)
            for own in of_person.values()
            for one, two in combinations(own, 2)
            if one.starts_at < two.ends_at and two.starts_at < one.ends_at
        }

    def _judge(self) -> None:
        standing = self._standing()
        agreed: set[tuple] = set()
        for moved, at, there in self._agreed:
            for other, where in there:
                agreed |= {(moved, other, *_apart(at, where)), (other, moved, *_apart(where, at))}
        for before, after in self._carried:
            agreed |= {
                (one, two, *_apart(after[one], after[two]))
                for one, two, *apart in agreed
                if {one, two} <= before.keys() and _apart(before[one], before[two]) == (*apart,)
            }
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
        self.outcome.faults += self._held_twice()

    def _held_twice(self) -> list[str]:
        """Times of one person that two visitors hold at once."""
        of_person: dict[int, list[Hold]] = defaultdict(list)
        rows = Hold.select(Hold, Practitioner).join(Practitioner)
        for row in rows.where(Hold.clinic == self.clinic):
            of_person[row.practitioner.user_id].append(row)
        return [
            f"held twice: {one.span} and {two.span}"
            for own in of_person.values()
            for one, two in combinations(own, 2)
            if one.span.overlaps(two.span)
        ]

    def _imported(self, ids: tuple[int, int]) -> bool:
        """Whether one of the bookings came with a file whose importer chose to allow overlaps."""
        notes = Booking.select(Booking.notes).where(Booking.id.in_(ids)).tuples()
        return any(text == "imported over others" for (text,) in notes)


def _apart(one: Span, two: Span) -> tuple[timedelta, timedelta, timedelta]:
    """The distance of two spans, which stays the same when a series takes both along."""
    return two.starts_at - one.starts_at, one.duration, two.duration
