"""Everything that can happen, in any order, to real rows and a real adapter before an imitation
provider; each `settle` counts both sides.

What the plan's own machine (`test_plan_machine.py`) proves of the decisions, this proves of the
whole: rows, leases, batches, mirrors. MACHINE_EXAMPLES=1000 looks further, another way each time.
"""

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from caldav_sync_world import CALDAV
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sync_world import WORLDS as WITH_CHANNELS

import models
from base import scheduling
from base.bookings.clashes import SlotTaken
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from operate import migrate
from sync.tables import controls, ending, sources, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.earlier_accounts import EarlierAccount
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.two_way import first_list
from sync.two_way.plans import showing
from sync.two_way.standing import decisions

WORLDS = {**WITH_CHANNELS, **{f"caldav {one.character}": one for one in CALDAV}}
EXAMPLES = {"caldav right": 3}  # of a run; CalDAV's characters differ in little
NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
hours = st.integers(-40 * 24, 400 * 24)
near = st.integers(24, 60 * 24)
which = st.integers(0, 30)
mishaps = st.tuples(
    st.sampled_from(("time_out", "reset", "fail", "fail 429")),
    st.sampled_from(("batch", "events", "")),
    st.integers(0, 5),
) | st.tuples(
    st.sampled_from((400, 401, 403, 404, 410, 412, 423)),
    st.sampled_from(("items", "lists")),
    st.integers(0, 5),
)


class Crash(BaseException):
    """The process is gone."""


class TwoWaySync(RuleBasedStateMachine):
    world_of = None
    linden = clock = None

    @initialize(
        edits=st.sampled_from(("put_back", "ask", "follow")),
        first=st.lists(near, max_size=6),
        mishaps=st.lists(mishaps, max_size=2),
        crash=st.none() | st.tuples(st.integers(0, 8), st.booleans()),
    )
    def begin(self, edits, first, mishaps, crash):
        self.clock.now = NOW
        type(self).fresh()
        self.linden = type(self).linden
        self.world = self.world_of(self.linden, self.clock)
        self.there = self.world.robin
        self.number, self.held = 0, {}
        self.crash_at = None
        self.world.watch(self.maybe_crash)
        for hour in first:
            self.book(hour, False)
        self.connect(mishaps, crash)
        controls.change(self.account, self.world.user, edits=edits)
        self.make_calendar()
        self.edits = edits
        self.elsewhere = self.there.add_calendar("Ideas")
        self.begin_colleague()
        self.expected = self.rows()

    def connect(self, mishaps, crash):
        """Connect and start, with these mishaps on the way, and perhaps a kill."""
        self.account = self.world.arrive()
        for kind, path, skip in mishaps:
            if isinstance(kind, int):
                self.deny(kind, path, skip)
            else:
                self.trouble(kind, path, skip)
        self.crash_at = crash and list(crash)
        for _ in range(8):
            with suppress(Crash):
                first_list.read_list(self.account.id)
            if Account.get_by_id(self.account.id).listed_at:
                break
            self.crash_at = None
            self.clock.now += timedelta(minutes=40)
        self.account = Account.get_by_id(self.account.id)
        starting.start(self.account, self.world.user, "Kalends Pat", "Europe/London")
        source = RemoteCalendar.get(
            RemoteCalendar.account == self.account,
            RemoteCalendar.calendar_id == self.world.source(),
        )
        sources.turn_on(source, self.world.user)
        with suppress(Crash):
            self.world.run(self.account)
        self.crash_at = None

    def make_calendar(self):
        """Wait until our calendar is made.

        On a machine that stalls, the bound of one exchange in seconds may end the first round
        before that.
        """
        for _ in range(8):
            if self.world.destination(self.account):
                self.world.sandbox.faults.clear()
                return
            self.clock.now += timedelta(minutes=40)
            self.world.run(self.account)
        raise AssertionError(f"no calendar: {Account.get_by_id(self.account.id).health_word}")

    def begin_colleague(self):
        """Quinn, connected to the same account, writes to the calendar that was made for Pat, as
        earlier versions allowed it.
        """
        for day in range(1, 4):
            self.world.book(days=day, hour=8, calendar=self.linden.colleague_calendar)
        self.colleague, there = (
            self.world.connect(self.linden.quinn),
            self.world.destination(self.account),
        )
        starting.start(self.colleague, self.linden.quinn, "Kalends", "Europe/London")
        RemoteCalendar.delete().where(
            RemoteCalendar.account == self.colleague, RemoteCalendar.calendar_id == there
        ).execute()
        shared = RemoteCalendar.account == self.colleague, RemoteCalendar.role == "destination"
        RemoteCalendar.update(calendar_id=there).where(*shared).execute()
        self.world.run(self.colleague)

    def rows(self):
        return {row.id: (row.starts_at, row.ends_at, row.status) for row in Booking.select()}

    def pick(self, number):
        rows = list(Booking.select().order_by(Booking.id))
        return rows[number % len(rows)] if rows else None

    # ---- here ----

    def at(self, hour):
        return NOW.replace(minute=0) + timedelta(hours=hour)

    @rule(hour=st.one_of(near, hours), whole=st.booleans())
    def book(self, hour, whole):
        at = self.at(hour)
        span = (
            scheduling.whole_days(at.date(), at.date(), self.linden.street.zone)
            if whole
            else Span(at, at + timedelta(minutes=50))
        )
        Booking.book(
            self.linden.calendar,
            [span],
            self.world.user,
            allow_overlap=True,
            patient=self.linden.patient,
            service=self.linden.service,
        )
        self.expected = self.rows()

    @rule(number=which, hour=near)
    def move(self, number, hour):
        if row := self.pick(number):
            row.change(
                self.world.user,
                Span(self.at(hour), self.at(hour) + timedelta(minutes=50)),
                allow_overlap=True,
            )
            self.expected = self.rows()

    @rule(
        number=which,
        status=st.sampled_from(("cancelled", "confirmed", "pending", "no_show", "delivered")),
    )
    def set_status(self, number, status):
        if row := self.pick(number):
            with suppress(SlotTaken):
                row.set_status(status, self.world.user, allow_overlap=True)
            self.expected = self.rows()

    @rule(identifier=st.sampled_from(("none", "internal_id", "initials", "full_name")))
    def choose_identifier(self, identifier):
        self.world.user.change_sync(identifier=identifier)

    @rule()
    def restore(self):
        """The newest booking is one made since the backup that is put back. By what rules its
        event was written, nothing here knows any more.
        """
        row = Booking.select().order_by(Booking.id.desc()).first()
        account = Account.get_or_none(Account.id == self.account.id)
        if row and account and account.phase == "active":
            MappingRow.delete().where(MappingRow.uid == str(row.uuid)).execute()
            row.delete_instance()
            account.put(shown_as=showing.rules(account))
            RemoteCalendar.update(sync_token=None).where(
                RemoteCalendar.account == account, RemoteCalendar.role == "destination"
            ).execute()
            self.expected = self.rows()

    @rule()
    def pause_or_go_on(self):
        account = Account.get_by_id(self.account.id)
        (controls.resume if account.phase == "paused" else controls.pause)(account, self.world.user)

    @rule(number=which)
    def keep_or_remove(self, number):
        """The person answers a question of the plan."""
        asked = Notice.question(Account.get_by_id(self.account.id))
        if asked:
            keeps = number % 2 and decisions.allows(asked, "keep")
            (decisions.keep_outside if keeps else decisions.approve)(asked)

    @rule(days=st.integers(1, 20))
    def days_pass(self, days):
        """Fewer than the ninety days of silence after which Outlook ends access, which a faults'
        test tells of.
        """
        if self.clock.now + timedelta(days=days) < NOW + timedelta(days=80):
            self.clock.now += timedelta(days=days)

    # ---- outside ----

    def ours(self, number):
        """One of our events outside, if it stands in our calendar."""
        account = Account.get_or_none(Account.id == self.account.id)
        there = account and account.destination and account.destination.calendar_id
        events = [
            event
            for event in (self.there.events(there) if there in self.there.calendars else [])
            if self.world.reference_of(event)
        ]
        return (events[number % len(events)], there) if events else (None, there)

    @rule(number=which, hour=near)
    def drag_ours(self, number, hour):
        event, there = self.ours(number)
        if event:
            self.there.move(event["id"], self.at(hour), self.at(hour) + timedelta(hours=1), there)

    @rule(number=which)
    def retitle_ours(self, number):
        event, there = self.ours(number)
        if event:
            self.there.retitle(event["id"], f"Mine {number}", there)

    @rule(number=which)
    def delete_ours(self, number):
        event, there = self.ours(number)
        if event:
            self.there.delete(event["id"], there)

    @rule(number=which, is_read=st.booleans(), copies=st.booleans())
    def stray(self, number, is_read, copies):
        """Somebody drags or copies an event of ours into another calendar."""
        event, there = self.ours(number)
        if event and copies:
            self.world.copy(event, self.world.source() if is_read else self.elsewhere)
        elif event:
            self.there.drag(event["id"], self.world.source() if is_read else self.elsewhere, there)

    @rule(hour=near, in_ours=st.booleans())
    def add_foreign(self, hour, in_ours):
        _, there = self.ours(0)
        calendar = there if in_ours and there in self.there.calendars else self.world.source()
        self.number += 1
        made = self.there.add(
            f"Foreign {self.number}", self.at(hour), self.at(hour) + timedelta(hours=1), calendar
        )
        self.held[made] = calendar

    @rule(number=which, hour=near)
    def move_foreign(self, number, hour):
        self.on_foreign(
            number,
            lambda key, there: self.there.move(
                key, self.at(hour), self.at(hour) + timedelta(hours=1), there
            ),
        )

    @rule(number=which)
    def delete_foreign(self, number):
        self.on_foreign(number, self.there.delete, goes=True)

    def on_foreign(self, number, action, goes=False):
        keys = [key for key, there in self.held.items() if there in self.there.calendars]
        if keys:
            key = keys[number % len(keys)]
            action(key, self.held[key])
            if goes:
                del self.held[key]

    # ---- mishaps ----

    @rule(
        kind=st.sampled_from(("time_out", "reset", "fail", "fail 429")),
        path=st.sampled_from(("batch", "events", "")),
        skip=st.integers(0, 3),
    )
    def trouble(self, kind, path, skip):
        self.world.trouble(kind, path, skip)

    @rule(
        status=st.sampled_from((400, 401, 403, 404, 410, 412, 423)),
        path=st.sampled_from(("items", "lists")),
        skip=st.integers(0, 3),
    )
    def deny(self, status, path, skip):
        """One answer refuses an event or a calendar, or says that it is not there."""
        reason = self.world.refusal(status) or "notFound"
        self.world.sandbox.faults.fail(status, reason, path=getattr(self.world, path), skip=skip)

    @rule(
        status=st.sampled_from((400, 403, 404, 409, 410, 413, 422, 423, 500)),
        times=st.integers(1, 4),
        skip=st.integers(0, 2),
    )
    def deny_batch(self, status, times, skip):
        """A batch is refused as a whole, which says nothing of what is in it."""
        reason = self.world.refusal(status) or "notFound"
        self.world.sandbox.faults.fail(
            status, reason, path=self.world.batch, times=times, skip=skip
        )

    @rule(after=st.integers(0, 3))
    def cut_batch(self, after):
        self.world.sandbox.faults.reset_batch(after)

    @rule(step=st.sampled_from((1, 2, 99)), times=st.integers(1, 2))
    def lie(self, step, times):
        """The next complete lists lack some or all of what stands there."""
        self.world.lies[:] = [lambda items: items[1::step]] * times

    @rule(at=st.integers(0, 8), after=st.booleans())
    def crash(self, at, after):
        self.crash_at = [at, after]
        self.run()
        self.crash_at = None

    def maybe_crash(self, moment, request):
        """Called before and after each request's work."""
        if self.crash_at and moment == ("after" if self.crash_at[1] else "before"):
            self.crash_at[0] -= 1
            if self.crash_at[0] < 0:
                raise Crash

    @rule()
    def lose_sync_tokens(self):
        self.world.sandbox.expire_sync_tokens()

    # ---- syncing ----

    @rule()
    def run(self):
        for account in (self.account, self.colleague):
            with suppress(Crash):
                self.world.run(account)

    @rule()
    def poll(self):
        self.clock.now += timedelta(minutes=7)
        self.run()

    @rule(removes=st.booleans(), runs=st.booleans())
    def off_and_on(self, removes, runs):
        account = Account.get_by_id(self.account.id)
        if account.phase == "active":
            ending.begin_departure(account, self.world.user, "off", removes)
            if runs:
                self.settle_leaving()

    @rule()
    def start_over(self):
        account = Account.get_by_id(self.account.id)
        if account.phase == "active":
            ending.begin_departure(account, self.world.user, "restart")

    @rule()
    def resync(self):
        controls.ask_for_run(Account.get_by_id(self.account.id), "resync")

    def settle_leaving(self):
        self.world.sandbox.faults.clear()
        for _ in range(12):
            account = Account.get_by_id(self.account.id)
            if account.phase == "paused":
                controls.resume(account, self.world.user)
            if account.phase == "off":
                starting.start(account, self.world.user, "Kalends", "Europe/London")
                sources.turn_on(
                    RemoteCalendar.get(
                        RemoteCalendar.account == account,
                        RemoteCalendar.calendar_id == self.world.source(),
                    ),
                    self.world.user,
                )
            if account.phase == "active":
                return
            self.clock.now += timedelta(minutes=20)
            self.run()

    @rule()
    def settle(self):
        self.world.lies.clear()
        self.settle_leaving()
        quiet = 0
        for _ in range(10):
            writes = self.world.writes()
            self.clock.now += timedelta(minutes=20)
            self.run()
            # further looks at what is at rest twice show what the second did
            quiet = quiet + 1 if self.world.is_at_rest() and self.world.writes() == writes else 0
            if quiet == 2:
                break
            for notice in Notice.select().where(Notice.settled_at.is_null()):
                if notice.topic == Notice.SAFETY_STOP:
                    decisions.approve(notice)
                elif notice.kind == "source_empty":
                    decisions.accept_empty(notice)
        self.clock.now += timedelta(hours=21)  # all calendars are searched for strays
        for _ in range(2):
            self.run()
            self.clock.now += timedelta(minutes=20)
        self.check()

    def check(self):
        account = Account.get_by_id(self.account.id)
        assert (account.phase, account.health) == ("active", "ok"), (
            account.phase,
            account.health,
            account.health_word,
        )
        asked = {
            str(notice.booking.uuid)
            for notice in Notice.select().where(Notice.account == account)
            if notice.booking and notice.detail.get("is_put_back") is False
        }
        standing, due = (
            self.world.standing(account),
            self.world.due() | self.world.due(self.linden.quinn),
        )
        for uid, booking in due.items():
            if uid not in asked:
                assert [self.world.times_of(event) for event in standing.get(uid, [])] == [
                    (booking.starts_at, booking.ends_at)
                ], uid
        self.no_more_is_shown()
        kept_copies = set(account.kept_copies)
        assert all(
            len([event for event in events if event["id"] not in kept_copies]) <= 1
            for events in standing.values()
        )
        inside = {
            row.uid
            for writer in (account, self.colleague)
            for row in writer.mappings
            if row.phase == "frozen"
        }
        gone = {
            str(row.uuid)
            for row in Booking.select().where(
                Booking.status.in_(("cancelled", "no_show", "offered"))
            )
        }
        kept = {row.uid for row in account.mappings if row.problem == "kept"}
        assert gone & standing.keys() - asked <= inside | kept
        self.foreign_is_mirrored(account)
        self.nothing_more_to_do(account)
        assert len(self.world.calendars_of_ours(account)) >= 1

    def foreign_is_mirrored(self, account):
        window = self.clock.now - timedelta(days=30), self.clock.now + timedelta(days=365)
        for there in {self.world.source(), self.world.destination(account)}:
            real = {
                (event["id"], self.world.times_of(event))
                for event in self.there.events(there)
                if not self.world.reference_of(event)
            }
            real = {key for key, times in real if times[1] > window[0] and times[0] < window[1]}
            here = (
                ExternalEvent.select()
                .join(RemoteCalendar)
                .where(RemoteCalendar.account == account, RemoteCalendar.calendar_id == there)
            )
            rows = {
                self.world.outside_id(row)
                for row in here
                if row.ends_at > window[0] and row.starts_at < window[1]
            }
            assert rows == real

    def no_more_is_shown(self):
        """Wherever events of ours lie, and whoever wrote them when, they say no more of clients
        than the rules of today let them.
        """
        if models.User.get_by_id(self.world.user.id).identifier != "full_name":
            titles = {
                self.world.title_of(event)
                for there in self.there.calendars
                for event in self.there.events(there)
                if self.world.reference_of(event)
            }
            assert not [title for title in titles if "Wójcik" in title]

    def nothing_more_to_do(self, account):
        writes = self.world.writes()
        self.clock.now += timedelta(minutes=7)
        self.world.run(account)
        assert self.world.writes() == writes

    @invariant()
    def foreign_events_stay_where_their_owner_put_them(self):
        if hasattr(self, "held"):
            for key, there in self.held.items():
                if there in self.there.calendars:
                    assert key in {event["id"] for event in self.there.events(there)}

    @precondition(lambda self: hasattr(self, "expected") and self.edits != "follow")
    @invariant()
    def bookings_change_only_here(self):
        assert self.rows() == self.expected

    def teardown(self):
        if hasattr(self, "account"):
            self.settle()


@pytest.fixture
def machine(migrated_app, db, linden, clock, monkeypatch):
    """The machine over this test's database, emptied for each example."""
    keep = {name: getattr(linden, name) for name in vars(linden)}

    def fresh():
        for table in (Notice, Account, EarlierAccount, ExternalEvent, Booking):
            table.delete().execute()
        TwoWaySync.linden = SimpleNamespace(**keep | {"pat": models.User.get_by_id(linden.pat.id)})
        TwoWaySync.linden.pat.change_sync(sync_allowed=True, identifier="internal_id")

    TwoWaySync.fresh, TwoWaySync.clock = staticmethod(fresh), clock
    assert migrate.state() == "current"
    return TwoWaySync


def examples_of(kind: str) -> int:
    """How many histories a run takes."""
    return EXAMPLES.get(kind, 1 if kind.startswith("caldav") else 20)


@pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # the rows' own tests run on both
@pytest.mark.parametrize("kind", WORLDS)
def test_whatever_happens_in_whatever_order_both_sides_agree_in_the_end(machine, kind):
    machine.world_of = WORLDS[kind]
    run_state_machine_as_test(
        machine,
        settings=settings(
            phases=[Phase.generate],
            max_examples=int(os.environ.get("MACHINE_EXAMPLES", examples_of(kind))),
            stateful_step_count=25,
            deadline=None,
            derandomize="MACHINE_EXAMPLES" not in os.environ,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
