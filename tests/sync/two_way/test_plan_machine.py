"""Two-way sync as a whole, at random.

Bookings here, a calendar outside, people who edit both, and every mishap in between.

`Calendar` models Google's: ids stay taken after a deletion, etags, sync tokens with tombstones,
loss of the token. `World.run` is the smallest literal carrying out of a plan: a step's mapping is
stored before its call, and what a refusal teaches is planned with again.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from sync.events.event import (
    Ask,
    CreateRemote,
    DeleteRemote,
    Delta,
    Event,
    EventMapping,
    Face,
    Mark,
    MoveLocal,
    PlanTerms,
    PutBack,
    Recreate,
    RemoteEvent,
    UpdateRemote,
    Window,
)
from sync.events.fingerprint import fingerprint
from sync.two_way.plans.plan import agreed, plan

OURS, OTHERS = "here", "elsewhere"
DAY = timedelta(days=1)
BEGINNING = datetime(2026, 11, 2, tzinfo=UTC)
CREATES, UPDATES = CreateRemote | Recreate, UpdateRemote | PutBack


class Refused(Exception):
    """A definite no: the calendar is as it was, and `remote_id` is worth a look."""


class Lost(Exception):
    """No answer: it may have been done, or not."""


class Crash(Exception):
    """The process is gone."""


class Calendar:
    """A calendar outside, as its provider keeps it."""

    def __init__(self, unrolled: bool):
        self.unrolled = unrolled
        self.items: dict[str, RemoteEvent | None] = {}
        self.past: dict[str, RemoteEvent] = {}
        self.log: list[str] = []
        self.mishaps: list[str] = []
        self.stutters = False
        self.writes = 0

    def alive(self) -> list[RemoteEvent]:
        return [event for event in self.items.values() if event]

    def put(self, remote_id: str, event: RemoteEvent | None) -> RemoteEvent | None:
        """The event (None: a tombstone), with new etag and time, its text as this provider likes
        it.
        """
        if self.items.get(remote_id):
            self.past[remote_id] = self.items[remote_id]
        self.log.append(remote_id)
        number = len(self.log)
        self.items[remote_id] = event and replace(
            event,
            remote_id=remote_id,
            etag=f"e{number}",
            updated_at=BEGINNING + timedelta(minutes=number),
            title=event.title.rstrip(),
            description=event.description.replace("\n", "\r\n") + "\n",
        )
        return self.items[remote_id]

    # ---- what the provider offers ----

    def pull(self, sync_token: str | None, window: Window) -> Delta:
        """Complete reads also tell what bears our mark, wherever it lies, as `find_marked` does."""
        complete = sync_token is None
        ids = dict.fromkeys(self.items if complete else self.log[int(sync_token) :])
        told = [self.items[remote_id] for remote_id in ids if self.items[remote_id]]
        if complete:
            told = [
                event
                for event in told
                if event.mark or window.touches(event.starts_at, event.ends_at)
            ]
        if self.stutters:
            told = [
                version
                for event in told
                for version in (self.past.get(event.remote_id), event)
                if version
            ]
        tombstones = (
            frozenset()
            if complete
            else frozenset(remote_id for remote_id in ids if not self.items[remote_id])
        )
        return Delta(
            tuple(self._rolled_out(told)), tombstones, str(len(self.log)), complete, window
        )

    def _rolled_out(self, told: list[RemoteEvent]):
        for event in told:
            if event.is_series and self.unrolled:
                for number in range(2):
                    yield replace(
                        event,
                        remote_id=f"{event.remote_id}_{number}",
                        etag=f"{event.etag}-{number}",
                        series_id=event.remote_id,
                        is_series=False,
                        starts_at=event.starts_at + number * DAY,
                        ends_at=event.ends_at + number * DAY,
                    )
            else:
                yield event

    def create(self, remote_id: str, event: RemoteEvent) -> RemoteEvent:
        return self._write(remote_id, event, free=True)

    def update(self, remote_id: str, event: RemoteEvent, etag: str) -> RemoteEvent:
        return self._write(remote_id, event, etag)

    def delete(self, remote_id: str, etag: str) -> None:
        if self.items.get(remote_id):
            self._write(remote_id, None, etag)

    def _write(self, remote_id: str, event: RemoteEvent | None, etag: str = "", free: bool = False):
        self.writes += 1
        mishap = self.mishaps.pop(0) if self.mishaps else ""
        if mishap in ("unsent", "crash before"):
            raise Lost if mishap == "unsent" else Crash
        there = self.items.get(remote_id)
        if (
            (free and remote_id in self.items)
            or (etag and etag != (there.etag if there else ""))
            or (not free and remote_id not in self.items)
        ):
            raise Refused(remote_id)
        answer = self.put(remote_id, event)
        if mishap:
            raise Lost if mishap == "lost" else Crash
        return answer


@dataclass
class Booking:
    event: Event
    goes_out: bool = True


class World:
    """Bookings, mappings and one calendar. Whatever is stored here survives a crash."""

    def __init__(self, edits: str = "put_back", unrolled: bool = False):
        self.edits, self.calendar = edits, Calendar(unrolled)
        self.bookings: dict[str, Booking] = {}
        self.mappings: dict[str, EventMapping] = {}
        self.generation, self.today = 1, BEGINNING
        self.sync_token: str | None = None
        self.last_delta: Delta | None = None
        self.told: list[tuple[str, str]] = []  # notices: uid and change
        self.moved: list[str] = []
        self.left_alone: set[str] = set()  # somebody was asked, and has not answered

    @property
    def terms(self) -> PlanTerms:
        return PlanTerms(
            OURS, self.generation, Window(self.today - 5 * DAY, self.today + 10 * DAY), self.edits
        )

    @property
    def reach(self) -> Window:
        return Window(self.today - 8 * DAY, self.today + 14 * DAY)

    def in_window(self, uid: str) -> bool:
        event = self.bookings[uid].event
        return self.terms.window.touches(event.starts_at, event.ends_at)

    def goes_out(self, uid: str) -> bool:
        return uid in self.bookings and self.bookings[uid].goes_out

    def local(self, delta: Delta) -> dict[str, Event | None]:
        named = {
            seen.mark.reference
            for seen in delta.changed
            if seen.mark and seen.mark.installation == OURS
        }
        lively = {
            uid for uid, mapping in self.mappings.items() if mapping.phase not in ("frozen", "gone")
        }
        known = [
            uid
            for uid in self.bookings
            if self.goes_out(uid) and (self.in_window(uid) or uid in named | lively)
        ]
        withdrawn = [uid for uid in named | self.mappings.keys() if not self.goes_out(uid)]
        return {uid: self.bookings[uid].event for uid in known} | dict.fromkeys(withdrawn)

    # ---- carrying out ----

    def run(self, approved: bool = False, delta: Delta | None = None) -> bool:
        """One run, on a delta or what the calendar tells. Whether a person must approve first."""
        replayed = delta is not None
        delta = delta or self.calendar.pull(self.sync_token, self.reach)
        self.last_delta, sync_token, is_applied = delta, delta.sync_token, True
        while delta:
            result = plan(
                self.local(delta), delta, self.mappings.values(), self.terms, approved=approved
            )
            assert not (result.stop and result.steps)
            if result.stop:
                return True
            assert all(
                seen.mark is None or seen.mark.installation == OTHERS for seen in result.external
            )
            delta, done = self.carry_out(result.steps)
            is_applied &= done
        if is_applied and not replayed:
            self.sync_token = sync_token
        return False

    def carry_out(self, steps) -> tuple[Delta | None, bool]:
        """What refusals taught, and whether all that no mapping remembers was done."""
        learnt, failed, is_applied = {}, set(), True
        for step in steps:
            is_stale = step.mapping.phase == "stale"
            if (
                step.mapping.uid in failed and not is_stale
            ):  # the steps for one booking stand on each other
                continue
            try:
                self.take(step)
            except Refused as refusal:
                failed.add(step.mapping.uid)
                learnt[str(refusal)] = self.calendar.items.get(str(refusal))
            except Lost:
                failed.add(step.mapping.uid)
                is_applied &= not is_stale
        changed = tuple(event for event in learnt.values() if event)
        return (
            Delta(
                changed,
                frozenset(learnt.keys() - {event.remote_id for event in changed}),
                None,
                False,
            )
            if learnt
            else None
        ), is_applied

    def take(self, step) -> None:
        """The mapping first, with what a person is told; then the call; then the mapping again."""
        mapping, former = step.mapping, self.mappings.get(step.mapping.uid)
        if isinstance(step, CREATES) and not mapping.remote_id:
            mapping = replace(mapping, remote_id=f"{mapping.uid}g{mapping.generation}")
        if isinstance(step, MoveLocal) and not self.move(step):
            self.mappings[mapping.uid] = replace(mapping, wanted="")
            raise Lost
        if mapping.phase != "stale":
            self.mappings[mapping.uid] = mapping
        self.tell(step)
        step = replace(step, mapping=mapping)
        if isinstance(step, DeleteRemote):
            assert not self.goes_out(mapping.uid) or (
                mapping.phase == "stale"
                and (former is None or mapping.remote_id != former.remote_id)
            )
            self.calendar.delete(mapping.remote_id, mapping.etag)
            if mapping.phase != "stale":
                self.mappings[mapping.uid] = replace(mapping, phase="gone", wanted="")
        elif isinstance(step, UPDATES):
            try:
                self.answer(
                    step, self.calendar.update(mapping.remote_id, self.shape(step), mapping.etag)
                )
            except Refused:
                if isinstance(step, UpdateRemote) and former:
                    self.mappings[mapping.uid] = (
                        former  # surely not written: what changed outside was somebody else
                    )
                raise
        elif isinstance(step, CREATES):
            if getattr(step, "resume", False) and self.calendar.items.get(mapping.remote_id):
                raise Refused(mapping.remote_id)
            self.answer(step, self.calendar.create(mapping.remote_id, self.shape(step)))

    def answer(self, step, echo: RemoteEvent) -> None:
        self.mappings[step.mapping.uid] = agreed(step, echo)
        self.left_alone.discard(step.mapping.uid)

    def shape(self, step) -> RemoteEvent:
        event = step.event
        return RemoteEvent(
            "",
            "",
            event.starts_at,
            event.ends_at,
            event.face.title,
            event.face.description,
            event.face.location,
            event.status,
            starts_on=event.starts_on,
            ends_on=event.ends_on,
            mark=Mark(OURS, event.uid, step.mapping.generation),
            is_private=True,
        )

    def tell(self, step) -> None:
        if getattr(step, "change", ""):
            self.told.append((step.mapping.uid, step.change))
        if isinstance(step, Ask):
            self.left_alone.add(step.mapping.uid)

    def move(self, step: MoveLocal) -> bool:
        """Nobody works on the first hour of a day."""
        if step.event.starts_at.hour == 0:
            return False
        self.bookings[step.mapping.uid].event = step.event
        self.moved.append(step.mapping.uid)
        return True

    # ---- a person at our side ----

    def book(self, uid: str, event: Event) -> None:
        self.bookings[uid] = Booking(event)

    def change(self, uid: str, **news) -> None:
        event = self.bookings[uid].event
        self.bookings[uid].event = replace(event, sequence=event.sequence + 1, **news)

    def fresh_start(self) -> None:
        """Off and on again: mappings are dropped, and no id is used twice."""
        self.generation = 1 + max(
            [self.generation, *(mapping.generation for mapping in self.mappings.values())]
        )
        self.reconnect()

    def reconnect(self) -> None:
        self.mappings, self.sync_token, self.last_delta, self.left_alone = {}, None, None, set()

    # ---- a person outside ----

    def standing(self, uid: str) -> list[RemoteEvent]:
        return [
            event
            for event in self.calendar.alive()
            if event.mark and event.mark.installation == OURS and event.mark.reference == uid
        ]

    def settle(self) -> None:
        """Runs until nothing is left to do; a person approves whatever stops."""
        self.calendar.mishaps = []
        for _ in range(3):
            if self.run():
                assert not self.run(approved=True)

    def faults(self) -> list[str]:
        """What is not as it should be in a settled world."""
        found = []
        for uid in self.bookings.keys() | self.mappings.keys():
            standing = self.standing(uid)
            if not self.goes_out(uid):
                found += [f"{uid} stands, though it is not to"] * bool(standing)
            elif len(standing) > 1:
                found.append(f"{uid} stands more than once")
            elif self.in_window(uid) and uid not in self.left_alone:
                found += (
                    []
                    if standing and shows(standing[0], self.bookings[uid].event)
                    else [f"{uid} is wrong or missing: {standing}"]
                )
        return found


def shows(seen: RemoteEvent, event: Event) -> bool:
    text = [" ".join(text.split()) for text in (seen.title, seen.description, seen.location)]
    mine = [
        " ".join(text.split())
        for text in (event.face.title, event.face.description, event.face.location)
    ]
    times = (seen.starts_at, seen.ends_at, seen.starts_on) == (
        event.starts_at,
        event.ends_at,
        event.starts_on,
    )
    return (
        times
        and text == mine
        and seen.status == event.status
        and seen.is_private
        and not seen.is_series
    )


# ---- what happens ----

hours = st.integers(-7 * 24, 16 * 24).map(lambda number: BEGINNING + timedelta(hours=number))
titles = st.sampled_from(("Massage", "First visit ", "Über\nzwei", "Yoga ☺"))
notes = st.sampled_from(("", "Status: confirmed", "Bring the scans\n\nand a towel  "))
statuses = st.sampled_from(("confirmed", "tentative"))
mishaps = st.lists(
    st.sampled_from(("", "", "unsent", "lost", "crash before", "crash after")), max_size=4
)


def times_from(starts_at: datetime, whole: bool) -> dict:
    if not whole:
        return {
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(hours=1),
            "starts_on": None,
            "ends_on": None,
        }
    midnight = starts_at.replace(hour=0)
    return {
        "starts_at": midnight,
        "ends_at": midnight + DAY,
        "starts_on": midnight.date(),
        "ends_on": (midnight + DAY).date(),
    }


times = st.builds(times_from, hours, st.sampled_from((False, False, False, True)))


def new_event(
    uid: str, times: dict, title: str, description: str, status: str = "confirmed"
) -> Event:
    return Event(
        uid,
        0,
        status,
        Face(title, description, "4 Linden Street"),
        created_at=BEGINNING,
        changed_at=BEGINNING,
        zone_name="UTC",
        **times,
    )


class TwoWaySync(RuleBasedStateMachine):
    """Everything that can happen, in any order. Each `settle` checks every promise."""

    uids = Bundle("uids")
    strangers = Bundle("strangers")

    @initialize(
        target=uids,
        edits=st.sampled_from(("put_back", "ask", "follow")),
        unrolled=st.booleans(),
        stutters=st.booleans(),
        starts=st.lists(times, max_size=8),
    )
    def begin(self, edits, unrolled, stutters, starts):
        self.world = World(edits, unrolled)
        self.world.calendar.stutters = stutters
        self.number = 0
        self.external: dict[str, RemoteEvent | None] = {}
        self.expected: dict[str, Event] = {}
        self.touched: set[str] = set()
        self.dragged: set[str] = set()
        new = [self.add(times, "Massage", "", "confirmed") for times in starts]
        self.world.settle()
        return multiple(*new)

    def add(self, times, title, description, status) -> str:
        uid = self.fresh_name("b")
        self.world.book(uid, new_event(uid, times, title, description, status))
        self.expected[uid] = self.world.bookings[uid].event
        return uid

    def fresh_name(self, letter: str) -> str:
        self.number += 1
        return f"{letter}{self.number}"

    # ---- at our side ----

    @rule(
        target=uids,
        times=times,
        title=titles,
        description=notes,
        status=statuses,
        count=st.sampled_from((1, 1, 4)),
    )
    def book(self, times, title, description, status, count):
        return multiple(*(self.add(times, title, description, status) for _ in range(count)))

    @rule(uid=uids, times=times)
    def move_booking(self, uid, times):
        if uid in self.world.bookings:
            self.world.change(uid, **times)
            self.expected[uid] = self.world.bookings[uid].event

    @rule(uid=uids, title=titles, description=notes)
    def rename_booking(self, uid, title, description):
        if uid in self.world.bookings:
            self.world.bookings[uid].event = replace(
                self.world.bookings[uid].event, face=Face(title, description, "4 Linden Street")
            )
            self.expected[uid] = self.world.bookings[uid].event

    @rule(uid=uids, goes_out=st.booleans())
    def cancel_or_reinstate(self, uid, goes_out):
        if uid in self.world.bookings:
            self.world.bookings[uid].goes_out = goes_out

    @rule()
    def cancel_everything(self):
        for booking in self.world.bookings.values():
            booking.goes_out = False

    @rule(uid=consumes(uids))
    def erase_booking(self, uid):
        self.world.bookings.pop(uid, None)
        self.expected.pop(uid, None)

    @rule(days=st.integers(1, 6), drops_token=st.booleans())
    def days_pass(self, days, drops_token):
        self.world.today += days * DAY
        self.world.sync_token = None if drops_token else self.world.sync_token

    @rule(empties=st.booleans())
    def off_and_on_again(self, empties):
        for event in self.world.calendar.alive():
            if empties and event.mark and event.mark.installation == OURS:
                self.world.calendar.put(event.remote_id, None)
        self.world.fresh_start()

    @rule()
    def reconnect_to_the_same_calendar(self):
        self.world.reconnect()

    # ---- outside ----

    def edit_ours(self, uid: str, **news) -> None:
        for event in self.world.standing(uid)[:1]:
            self.world.calendar.put(event.remote_id, replace(event, **news))
            self.touched.add(uid)

    @rule(uid=uids, times=times, far=st.sampled_from((False, False, False, True)))
    def drag_ours(self, uid, times, far):
        if far:
            times = times_from(times["starts_at"] + 400 * DAY, False)
        self.edit_ours(uid, **times)
        self.dragged.add(uid)

    @rule(
        uid=uids,
        news=st.sampled_from(
            (
                {"title": "Mine"},
                {"is_private": False},
                {"busy": "free"},
                {"is_series": True},
                {"description": ""},
            )
        ),
    )
    def edit_text_of_ours(self, uid, news):
        self.edit_ours(uid, **news)

    @rule(uid=uids)
    def colour_ours(self, uid):
        """A change of nothing that we look at: only the etag is new."""
        for event in self.world.standing(uid)[:1]:
            self.world.calendar.put(event.remote_id, event)

    @rule(uid=uids)
    def delete_ours(self, uid):
        for event in self.world.standing(uid)[:1]:
            self.world.calendar.put(event.remote_id, None)
            self.touched.add(uid)

    @rule()
    def clear_the_calendar(self):
        for event in self.world.calendar.alive():
            self.world.calendar.put(event.remote_id, None)
            self.touched |= {event.mark.reference} if event.mark else set()
        self.external = dict.fromkeys(self.external)

    @rule(uid=uids)
    def restore_from_the_bin(self, uid):
        bin_ = [
            event
            for remote_id, event in self.world.calendar.past.items()
            if not self.world.calendar.items[remote_id]
            and event.mark
            and (event.mark.installation, event.mark.reference) == (OURS, uid)
        ]
        for event in bin_[-1:]:
            self.world.calendar.put(event.remote_id, event)
            self.world.last_delta = None  # an older tombstone must not be told after this
            self.touched.add(uid)

    @rule(uid=uids, times=times)
    def copy_ours_with_its_mark(self, uid, times):
        for event in self.world.standing(uid)[:1]:
            self.world.calendar.put(self.fresh_name("copy"), replace(event, **times))

    @rule(
        target=strangers,
        times=times,
        title=titles,
        is_series=st.booleans(),
        marked=st.booleans(),
        uid=uids,
    )
    def add_a_foreign_event(self, times, title, is_series, marked, uid):
        remote_id = self.fresh_name("f")
        mark = Mark(OTHERS, uid, 1) if marked else None
        event = RemoteEvent("", "", title=title, is_series=is_series, mark=mark, **times)
        self.external[remote_id] = self.world.calendar.put(remote_id, event)
        return remote_id

    @rule(remote_id=strangers, times=times)
    def edit_a_foreign_event(self, remote_id, times):
        if self.external[remote_id]:
            self.external[remote_id] = self.world.calendar.put(
                remote_id, replace(self.external[remote_id], **times)
            )

    @rule(remote_id=consumes(strangers))
    def delete_a_foreign_event(self, remote_id):
        self.external[remote_id] = self.world.calendar.put(remote_id, None)

    # ---- sync ----

    @rule(troubles=mishaps)
    def sync(self, troubles):
        self.run(troubles)

    @rule()
    def sync_undisturbed(self):
        self.run([])

    def run(self, troubles, **how):
        self.world.calendar.mishaps = list(troubles)
        with suppress(Crash):
            self.world.run(**how)
        self.world.calendar.mishaps = []

    @rule()
    def lose_the_token(self):
        self.world.sync_token = None

    @precondition(lambda self: self.world.last_delta and not self.world.last_delta.complete)
    @rule(troubles=mishaps)
    def sync_on_the_last_news_again(self, troubles):
        self.run(troubles, delta=self.world.last_delta)

    @rule()
    def settle(self):
        self.world.settle()
        assert self.world.faults() == []
        self.nobody_is_told_of_what_nobody_did()
        self.a_booking_changes_only_where_it_follows()
        self.touched, self.dragged = set(), set()
        before = (self.world.calendar.writes, dict(self.world.mappings), len(self.world.told))
        for token in (self.world.sync_token, None):
            self.world.sync_token = token
            assert not self.world.run()
            assert (self.world.calendar.writes, self.world.mappings, len(self.world.told)) == before

    @invariant()
    def foreign_events_are_as_their_owner_left_them(self):
        assert {
            remote_id: self.world.calendar.items[remote_id] for remote_id in self.external
        } == self.external

    @invariant()
    def a_booking_changes_only_where_it_follows(self):
        for uid in self.world.moved:
            assert self.world.edits == "follow" and uid in self.dragged
            if uid in self.expected:
                self.expected[uid] = replace(
                    self.world.bookings[uid].event,
                    face=self.expected[uid].face,
                    status=self.expected[uid].status,
                )
        self.world.moved = []
        assert {uid: booking.event for uid, booking in self.world.bookings.items()} == self.expected

    @invariant()
    def nobody_is_told_of_what_nobody_did(self):
        assert {uid for uid, _ in self.world.told} <= self.touched
        self.world.told = []

    def teardown(self):
        if hasattr(self, "world"):
            self.settle()
            self.foreign_events_are_as_their_owner_left_them()
            self.a_booking_changes_only_where_it_follows()


TestTwoWaySync = TwoWaySync.TestCase
TestTwoWaySync.settings = settings(max_examples=600, stateful_step_count=40)


# ---- in how many pulls news arrives ----

outside = st.lists(
    st.tuples(
        st.sampled_from(
            ("drag", "title", "public", "repeat", "colour", "delete", "copy", "external")
        ),
        st.integers(0, 4),
        times,
        st.booleans(),
    ),
    max_size=12,
)


def act(world: World, number: int, what: str, which: int, times: dict) -> None:
    """One change outside."""
    news = {
        "drag": times,
        "title": {"title": f"Mine {number}"},
        "public": {"is_private": False},
        "repeat": {"is_series": True},
        "colour": {},
    }
    if what == "external":
        world.calendar.put(f"f{which}", RemoteEvent("", "", title="Lunch", **times))
    for event in world.standing(f"b{which}")[:1]:
        if what in news:
            world.calendar.put(event.remote_id, replace(event, **news[what]))
        elif what == "delete":
            world.calendar.put(event.remote_id, None)
        elif world.edits != "ask":  # where we ask, a copy seen after a deletion takes its place
            world.calendar.put(f"copy{number}", replace(event, **times))


def outcome(world: World) -> tuple:
    """What must not depend on when we looked.

    What stands there, and, where nothing is put back, what we know of it.
    """
    standing = sorted(fingerprint(event) for event in world.calendar.alive())
    known = {
        uid: (mapping.etag, mapping.fingerprint)
        for uid, mapping in world.mappings.items()
        if world.edits == "ask" and mapping.phase != "gone"
    }
    return (
        standing,
        known,
        {uid: (mapping.phase, mapping.wanted) for uid, mapping in world.mappings.items()},
        world.bookings,
    )


@settings(max_examples=150)
@given(outside, st.sampled_from(("put_back", "ask")))
def test_any_split_of_changes_into_pulls_gives_the_same_state(changes, edits):
    outcomes = []
    for looks in (lambda cut: cut, lambda cut: True, lambda cut: False):
        world = World(edits)
        for number in range(5):
            world.book(
                f"b{number}",
                new_event(
                    f"b{number}",
                    times_from(BEGINNING + number * DAY, False),
                    "Massage",
                    "Status: confirmed",
                ),
            )
        world.settle()
        for number, (what, which, times, cut) in enumerate(changes):
            act(world, number, what, which, times)
            if looks(cut):
                world.settle()
        world.settle()
        assert world.faults() == []
        outcomes.append(outcome(world))
    assert outcomes[0] == outcomes[1] == outcomes[2]
