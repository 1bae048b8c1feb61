"""The calendar part of every kind of letter against the tables of RFC 5546 §3.2.1, 3.2.2 and 3.2.5:
required properties, how often each may occur, and forbidden ones. Two other parsers read it.
"""

from collections import Counter
from datetime import date, timedelta

import pytest
from client_world import booked, ends, parts, team_is_told_nothing
from online_world import book, switch_on

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.scheduling import Span
from free_times.online import answering, requests
from free_times.online.made_online import OnlineBooking
from letters import reminders
from models import Booking

# No statement here is written for one database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

MANY = 1_000
ANY, ONE, NONE, SOME, AT_MOST_ONE = (0, MANY), (1, 1), (0, 0), (1, MANY), (0, 1)
# What the three tables say alike. What is in no table must not stand.
ALIKE = {
    **dict.fromkeys(("DTSTAMP", "ORGANIZER", "UID", "SEQUENCE"), ONE),
    **dict.fromkeys(("CREATED", "LAST-MODIFIED", "LOCATION", "TRANSP", "STATUS"), AT_MOST_ONE),
    **dict.fromkeys(("DESCRIPTION", "DTEND", "DURATION", "URL", "CLASS", "PRIORITY"), AT_MOST_ONE),
    "REQUEST-STATUS": NONE,
}
TABLES = {
    "PUBLISH": {**ALIKE, "DTSTART": ONE, "SUMMARY": ONE, "ATTENDEE": NONE},
    "REQUEST": {**ALIKE, "DTSTART": ONE, "SUMMARY": ONE, "ATTENDEE": SOME},
    "CANCEL": {**ALIKE, "DTSTART": AT_MOST_ONE, "SUMMARY": AT_MOST_ONE, "ATTENDEE": ANY},
}
STATUS = {
    "PUBLISH": {"TENTATIVE", "CONFIRMED", "CANCELLED"},
    "REQUEST": {"TENTATIVE", "CONFIRMED"},
    "CANCEL": {"CANCELLED"},
}
OF_CALENDAR = {"PRODID": 1, "VERSION": 1, "METHOD": 1, "CALSCALE": 1}


class World:
    """A clinic that writes to all its clients, and what may happen there."""

    def __init__(self, linden, clock, app, letters):
        self.linden, self.clock, self.app, self.letters = linden, clock, app, letters

    def made(self, **how):
        """Booked by the team, and told."""
        row = booked(self.linden, self.clock, **how)
        return self._told(row)

    def asked(self):
        """A visitor's request, and told."""
        page = switch_on(self.linden, needs_approval=True)
        book(self.app.test_client(use_cookies=False), page.path, at=30)
        return self._told(OnlineBooking.get())

    def _told(self, row):
        self.first = self.letters.send()
        self.clock.now += timedelta(minutes=1)
        return row

    def whole_days(self):
        day = date(2026, 12, 1)
        span = scheduling.whole_days(day, day, self.linden.street.zone)
        return Booking.book(self.linden.calendar, [span], self.linden.olive,
                            patient=self.linden.patient)[0]  # fmt: skip

    def move(self):
        row, later = self.made(), timedelta(hours=1)
        row.change(self.linden.olive, Span(row.starts_at + later, row.ends_at + later))

    def offer(self):
        made, now = self.asked(), self.clock.now
        free = next(requests.other_times(made, now, now + timedelta(days=3)))
        requests.propose_time(made, free.starts_at, self.linden.olive)
        return free.starts_at

    def approve(self):
        at = self.offer()
        self._told(None)
        answering.accept(OnlineBooking.get(), at)

    def lapse(self):
        self.asked()
        self.clock.now += timedelta(hours=24)
        requests.lapse()


HAPPENS = {
    "booked": lambda world: booked(world.linden, world.clock),
    "whole days": lambda world: world.whole_days(),
    "in a series": lambda world: booked(world.linden, world.clock, count=3),
    "moved": lambda world: world.move(),
    "cancelled": lambda world: world.made().cancel(world.linden.olive),
    "one of a series cancelled": lambda world: world.made(count=3).cancel(world.linden.olive),
    "waits": lambda world: (
        switch_on(world.linden, needs_approval=True)
        and book(world.app.test_client(use_cookies=False), "/book/linden", at=30)
    ),
    "offered": lambda world: world.offer(),
    "approved": lambda world: world.approve(),
    "declined": lambda world: requests.decline(world.asked(), world.linden.olive),
    "lapsed": lambda world: world.lapse(),
}
SEVERAL = {"in a series"}
ENDS = {"cancelled", "one of a series cancelled", "declined", "lapsed"}


@pytest.fixture
def world(linden, clock, app, letters):
    team_is_told_nothing(linden)
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    linden.patient.change(None, email="malgorzata@client.test")
    return World(linden, clock, app, letters)


@pytest.mark.parametrize("chosen", ["REQUEST", "PUBLISH"])
@pytest.mark.parametrize("happens", HAPPENS)
def test_the_part_is_as_the_table_of_its_method_says(world, letters, happens, chosen):
    LetterSettings.stored(world.linden.clinic).change(None, method=chosen)
    HAPPENS[happens](world)
    (letter,) = letters.send()
    found = parts(letter)
    method = "PUBLISH" if happens in SEVERAL else "CANCEL" if happens in ENDS else chosen
    assert found.method == found.entry["METHOD"] == found.by_other.method.value == method
    entries, by_others = found.entry.walk("VEVENT"), found.by_other.vevent_list
    assert len(entries) == len(by_others) == (3 if happens in SEVERAL else 1)
    for entry, other in zip(entries, by_others, strict=True):
        counted = counts(entry)
        assert counted == {name.upper(): len(rows) for name, rows in other.contents.items()}
        check(entry, counted, method)
    of_calendar = counts(found.entry)
    assert of_calendar == OF_CALENDAR
    if method in ("REQUEST", "CANCEL"):
        assert len({str(entry["UID"]) for entry in entries}) == 1
        assert ("ATTENDEE" in entries[0]) == (chosen == "REQUEST")
    check_zones(found.entry)


def counts(component) -> Counter:
    """How often each property stands in it, as icalendar reads it."""
    names = [name for name, _value in component.property_items(recursive=False)]
    return Counter(name for name in names if name not in ("BEGIN", "END"))


def check(entry, counted, method):
    table = TABLES[method]
    assert {name for name in counted if not name.startswith("X-")} <= set(table)
    for name, (least, most) in table.items():
        assert least <= counted[name] <= most, name
    assert not (counted["DTEND"] and counted["DURATION"])
    assert entry["STATUS"] in STATUS[method] and entry.subcomponents == []
    assert entry["ORGANIZER"] == "mailto:kalends@linden.test"
    for one in ("DTSTAMP", "CREATED", "LAST-MODIFIED"):
        assert entry[one].dt.utcoffset() == timedelta(0), one
    assert int(entry["SEQUENCE"]) >= 0


def check_zones(calendar):
    """Each zone that a time refers to is defined once, and nothing else stands beside entries."""
    kinds = Counter(one.name for one in calendar.subcomponents)
    assert set(kinds) <= {"VEVENT", "VTIMEZONE"}
    used = {
        str(entry[name].params["TZID"])
        for entry in calendar.walk("VEVENT")
        for name in ("DTSTART", "DTEND")
        if "TZID" in entry[name].params
    }
    defined = [str(one["TZID"]) for one in calendar.walk("VTIMEZONE")]
    assert used <= set(defined) and len(defined) == len(set(defined))


@pytest.mark.parametrize("chosen", ["REQUEST", "PUBLISH"])
def test_each_of_several_cancelled_bookings_has_its_own_cancellation(world, letters, chosen):
    """Of the bookings that were told: the table of CANCEL asks for one UID."""
    LetterSettings.stored(world.linden.clinic).change(None, method=chosen)
    row = world.made(count=3)
    told = [str(one["UID"]) for one in parts(world.first[0]).entry.walk("VEVENT")]
    row.cancel(world.linden.olive, which="all")
    (letter,) = letters.send()
    found = ends(letter)
    uids = []
    for calendar, other in zip(found.entries, found.by_others, strict=True):
        (entry,), (by_other,) = calendar.walk("VEVENT"), other.vevent_list
        counted = counts(entry)
        assert counted == {name.upper(): len(rows) for name, rows in by_other.contents.items()}
        assert calendar["METHOD"] == other.method.value == "CANCEL"
        assert ("ATTENDEE" in entry) == (chosen == "REQUEST") and int(entry["SEQUENCE"]) > 0
        check(entry, counted, "CANCEL")
        check_zones(calendar)
        uids.append(str(entry["UID"]))
    assert uids == told and len(set(uids)) == 3


def test_what_follows_an_invitation_has_its_uid_and_a_higher_sequence(world, letters):
    """Of the entry: the tables ask for SEQUENCE wherever it is above 0, and readers leave out what
    is not newer (RFC 5546 §2.1.4).
    """
    row = world.made()
    entries = [parts(letter).entry.walk("VEVENT")[0] for letter in world.first]
    later = timedelta(hours=1)
    row.change(world.linden.olive, Span(row.starts_at + later, row.ends_at + later))
    world.clock.now += timedelta(minutes=1)
    entries += [parts(letter).entry.walk("VEVENT")[0] for letter in letters.send()]
    row.cancel(world.linden.olive)
    entries += [parts(letter).entry.walk("VEVENT")[0] for letter in letters.send()]
    assert len(entries) == 3 and len({str(entry["UID"]) for entry in entries}) == 1
    sequences = [int(entry["SEQUENCE"]) for entry in entries]
    stamps = [entry["DTSTAMP"].dt for entry in entries]
    assert sequences == sorted(set(sequences)) and stamps == sorted(stamps)


def test_a_reminder_has_no_calendar_part(world, letters, app):
    world.made()
    world.clock.now += timedelta(days=6)
    with app.app_context():
        reminders.write_due()
    (letter,) = letters.send()
    assert letter.get_content_type() == "multipart/alternative"
    kinds = [one.get_content_type() for one in letter.iter_parts()]
    assert kinds == ["text/plain", "text/html"]
