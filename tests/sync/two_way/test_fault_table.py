"""The table of faults.

Each route to a provider, refused with each status or cut off, once, three times or for an hour,
while bookings are made, changed, cancelled and moved out of the window, and while somebody changes
events of their own. Nobody helps; then both sides are counted.

A run takes each route with every second fault, in one of the three lengths, which turn from route
to route; and with 404 and 410 also once each: about 70 cells a provider. Departures take each route
with every fourth fault, for an hour: about 35 cells. FAULT_CELLS=all takes all 315, and all 150.
CalDAV, whose requests are single ones, takes a fifth of these.
"""

import os
from datetime import timedelta

import pytest
from caldav_sync_world import CalDavSyncWorld
from sync_world import WORLDS as WITH_CHANNELS

from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables import ending, starting
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow

WORLDS = {**WITH_CHANNELS, "caldav": CalDavSyncWorld}
STATUSES = (400, 401, 403, 404, 409, 410, 412, 423, 429, 500, 502, 503, 504)
FAULTS = (*STATUSES, "cut before", "cut after")
LENGTHS = ("once", "three times", "an hour")
ROUTES = {  # name → (method, path), by provider
    "google": {
        "batch": ("POST", "^/batch"),
        "create": ("POST", "/events$"),
        "change": ("PUT", "/events/"),
        "delete": ("DELETE", "/events/"),
        "look": ("GET", "/events/[^/]+$"),
        "read ours": ("GET", "/calendars/(?!robin).*/events$"),
        "read theirs": ("GET", "/calendars/robin.*/events$"),
    },
    "microsoft": {
        "batch": ("POST", r"/\$batch$"),
        "create": ("POST", "/events$"),
        "change": ("PATCH", "/events/"),
        "delete": ("DELETE", "/events/"),
        "look": ("GET", "/events/[^/]+(/instances)?$"),
        "read ours": ("GET", "/events$"),
        "read theirs": ("GET", "/calendarView"),
    },
    CalDavSyncWorld.kind: {
        "batch": (None, r"\.ics$"),
        "create": ("PUT", r"\.ics$"),
        "change": ("PUT", r"/[0-9a-v]{8,20}[^/]*\.ics$"),
        "delete": ("DELETE", r"\.ics$"),
        "look": ("GET", r"\.ics$"),
        "read ours": ("REPORT", "/cal/robin/kalends"),
        "read theirs": ("REPORT", "/cal/robin/own"),
    },
}
# From one look to the next, until what was put off longest was tried again.
MINUTES = (
    1,
    5,
    15,
    30,
    30,
    60,
    120,
    300,
)
SOON = 5  # so many of these looks are enough after a trouble that is short


def lengths(world, route: int, fault: int) -> tuple[str, ...]:
    if os.environ.get("FAULT_CELLS") == "all":
        return LENGTHS
    if (route + fault) % world.each_fault:
        return ()
    turn = LENGTHS[(route + fault // 2) % len(LENGTHS)]
    if FAULTS[fault] in (404, 410):
        return tuple({"once": None, turn: None})
    return (turn,) if (route + fault) % 2 == 0 else ()


class Table:
    """One account with bookings here and events of the person's own there, through one cell after
    another.
    """

    def __init__(self, world):
        self.world, self.number = world, 0
        for day in range(1, 5):
            world.book(days=day)
        self.at = world.clock.now.replace(minute=0) + timedelta(days=40)
        self.single = world.robin.add("Dentist", self.at, self.at + timedelta(hours=1))
        self.series = world.add_repeating(
            "Choir", self.at + timedelta(hours=3), world.source(), times=5
        )
        self.account = world.start(sources=[world.source()])

    def strike(self, method, path, fault, length):
        faults = self.world.sandbox.faults
        often = {"once": {"times": 1}, "three times": {"times": 3}, "an hour": {"times": None}}[
            length
        ]
        if fault == "cut before":
            made = faults.reset(method=method, path=path, **often)
        elif fault == "cut after":
            made = faults.time_out(method=method, path=path, **often)
        else:
            made = faults.fail(
                fault, self.world.refusal(fault) or "refused", method=method, path=path, **often
            )
        made.until = self.world.clock.now + timedelta(hours=1)

    def change_everything(self):
        world, self.number = self.world, self.number + 1
        near = (
            Booking.status == "confirmed",
            Booking.starts_at < world.clock.now + timedelta(days=300),
        )
        first, second, third = Booking.select().where(*near).order_by(Booking.id.desc()).limit(3)
        first.set_status("pending", world.user)
        second.cancel(world.user)
        far = world.clock.now + timedelta(days=500 + self.number)
        third.change(world.user, Span(far, far + timedelta(minutes=50)), allow_overlap=True)
        world.book(days=4, hour=8)
        world.book(days=5, hour=9)
        world.book(days=6, hour=9)
        self.at += timedelta(hours=1)
        world.robin.move(self.single, self.at, self.at + timedelta(hours=1), world.source())
        world.robin.retitle(self.series, f"Choir {self.number}", world.source())

    def settle(self, length):
        """As time goes by.

        After a short trouble not so much that the comparison of the night would put everything
        right.
        """
        for minutes in (0, *(MINUTES if length == "an hour" else MINUTES[:SOON])):
            self.world.later(minutes=minutes)
            self.world.run(self.account)

    def count(self) -> list[str]:
        """What is not as it should be on either side."""
        world, found = self.world, []
        account, standing, due = (
            Account.get_by_id(self.account.id),
            world.standing(self.account),
            world.due(),
        )
        if account.health != "ok":
            found.append(f"{account.health} {account.health_word}")
        for row in Booking.select():
            events, is_far = (
                standing.get(str(row.uuid), []),
                row.starts_at > world.clock.now + timedelta(days=366),
            )
            times = [world.times_of(event) for event in events]
            if times != ([(row.starts_at, row.ends_at)] if str(row.uuid) in due or is_far else []):
                found.append(f"booking {row.id} {row.status}: {times}")
        found += ["an event of no booking"] * len(
            standing.keys() - {str(row.uuid) for row in Booking.select()}
        )
        here = sorted((row.starts_at, row.title) for row in ExternalEvent.select())
        choir = [(self.first + timedelta(weeks=week), f"Choir {self.number}") for week in range(5)]
        if here != sorted([(self.at, "Dentist"), *choir]):
            found.append(f"mirrored: {here}")
        unsettled = (
            MappingRow.select().where(MappingRow.phase.not_in(("synced", "gone", "frozen"))).count()
        )
        return found + [f"{unsettled} links under way"] * bool(unsettled)

    @property
    def first(self):
        return self.at - timedelta(hours=self.number) + timedelta(hours=3)


@pytest.fixture(params=WORLDS)
def table(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return Table(WORLDS[request.param](linden, clock))


@pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # what is said to providers is the same on both
@pytest.mark.parametrize("route", range(7), ids=list(ROUTES["google"]))
def test_whatever_is_refused_or_cut_off_both_sides_count_right_in_the_end(table, route):
    method, path = list(ROUTES[table.world.kind].values())[route]
    wrong = []
    for number, fault in enumerate(FAULTS):
        for length in lengths(table.world, route, number):
            table.strike(method, path, fault, length)
            table.change_everything()
            table.settle(length)
            table.world.sandbox.faults.clear()
            wrong += [f"{fault}, {length}: {fact}" for fact in table.count()]
    assert wrong == []


# ---- departures, while a fault lasts an hour ----

MORE = {  # routes that only a departure takes, or that matter more to it
    "google": {
        "calendars": ("GET", "/calendarList$"),
        "remove": ("DELETE", "/calendars/[^/]+$"),
        "search": ("GET", "/events$"),
    },
    "microsoft": {
        "calendars": ("GET", "/me/calendars$"),
        "remove": ("DELETE", "/calendars/[^/]+$"),
        "search": ("GET", "/(events|calendarView)(/delta)?$"),
    },
    CalDavSyncWorld.kind: {
        "calendars": ("PROPFIND", "/cal/robin/$"),
        "remove": ("DELETE", "/cal/robin/[^/]+/$"),
        "search": ("REPORT", "/cal/robin/"),
    },
}


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    linden.clinic.change(linden.olive, sync_existing=True)
    made = WORLDS[request.param](linden, clock)
    for day in range(1, 5):
        made.book(days=day)
    return made


class Departure:
    """A stay in an account, in a calendar that we made or in one that was there, and its end."""

    def __init__(self, world, number):
        self.world, self.mine = world, {}
        robin, at = world.robin, world.clock.now + timedelta(days=40 + number)
        self.made = robin.add_calendar(f"Practice {number}") if number % 2 else None
        self.ideas = robin.add_calendar(f"Ideas {number}")
        account = world.connect()
        starting.start(account, world.user, f"Kalends {number}", "Europe/London", self.made)
        world.run()
        for calendar in filter(None, (self.made, self.ideas)):
            self.mine[calendar] = robin.add("Mine", at, at + timedelta(hours=1), calendar)
        world.copy(
            world.event_of(account, Booking.select().order_by(Booking.id).first()), self.ideas
        )

    def end(self, method, path, fault):
        world, faults = self.world, self.world.sandbox.faults
        choice = {"method": method, "path": path, "times": None}
        if isinstance(fault, int):
            made = faults.fail(fault, world.refusal(fault) or "notFound", **choice)
        else:
            made = (faults.reset if fault == "cut before" else faults.time_out)(**choice)
        made.until = world.clock.now + timedelta(hours=1)
        ending.begin_departure(Account.get(), world.user, "disconnect")
        for minutes in (0, *MINUTES):
            world.later(minutes=minutes)
            world.run()
        faults.clear()

    def count(self) -> list[str]:
        """What is not as it should be; put right for the next one."""
        world, found = self.world, []
        standing = [
            event
            for calendar in world.robin.calendars
            for event in world.robin.events(calendar)
            if world.reference_of(event)
        ]
        found += [f"{len(standing)} events are left"] * bool(standing)
        for calendar, mine in self.mine.items():
            there = {event["id"] for event in world.robin.events(calendar)}
            found += ["an event of the person's own is gone"] * (mine not in there)
        for account in Account.select():
            found.append(f"{account.phase}: {account.health_word}")
            account.delete_instance()
        for calendar in {self.ideas, *filter(None, (self.made,))}:
            world.robin.delete_calendar(calendar)
        return found


@pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # what is said to providers is the same on both
@pytest.mark.parametrize("route", [*ROUTES["google"], *MORE["google"]])
def test_whatever_is_refused_for_an_hour_a_departure_leaves_nothing(world, route):
    method, path = (ROUTES[world.kind] | MORE[world.kind])[route]
    turn = list(ROUTES["google"] | MORE["google"]).index(route)
    cells = (
        FAULTS
        if os.environ.get("FAULT_CELLS") == "all"
        else FAULTS[turn % 4 :: 4 * world.each_fault]
    )
    wrong = []
    for number, fault in enumerate(cells):
        departure = Departure(world, number)
        departure.end(method, path, fault)
        wrong += [f"{fault}: {fact}" for fact in departure.count()]
    assert wrong == []
