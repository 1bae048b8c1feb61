"""Links with free and busy times: every venue, bookings, time off and external events, current with
the commit, and only "Busy".
"""

import random
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

import pytest
from external import event, source
from peewee import DoesNotExist
from rfc5545 import parse
from werkzeug.test import Client, TestResponse

from base.bookings.clashes import SlotTaken
from base.scheduling import Span
from base.tables.time_off import TimeOff
from models import Booking, Feed, User
from sync.feeds import feed as feeds
from sync.feeds.wsgi import FeedsApp
from sync.tables import sources
from sync.tables.accounts import Account

KEY = "a key of the tests"
FRIDAY = date(2026, 11, 20)


@pytest.fixture
def get(app):
    client = Client(FeedsApp(app, (KEY,), app.wsgi_app.reads), TestResponse)
    return lambda link, **headers: client.get(
        feeds.path(KEY, link), headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


@pytest.fixture
def busy(get):
    """`busy(link)`: from and to of its events, as they stand in the file."""

    def read(link) -> list[tuple[str, str]]:
        return [
            (entry.get("DTSTART"), entry.get("DTEND"))
            for entry in parse(get(link).data).children
            if entry.name == "VEVENT" and entry.text("SUMMARY") == "Busy"
        ]

    return read


@pytest.fixture
def link(linden, clock):
    """Of Quinn's calendar in London; she also works in New York."""
    return Feed.generate(
        linden.quinn,
        "free",
        linden.quinn,
        practitioner=linden.colleague_calendar,
        kind="availability",
        past_days=30,
        future_days=365,
    )


def book(calendar, start: str):
    begins = datetime.fromisoformat(start).replace(tzinfo=UTC)
    return Booking.book(calendar, [Span(begins, begins + timedelta(hours=1))], None)[0]


def off(user, **fields):
    fields = {"kind": "sick", "note": "a private matter", "first_on": FRIDAY} | fields
    return TimeOff.add(user, user, **({"last_on": fields["first_on"]} | fields))


def lunch(user, **more):
    times = {"starts": "12:00", "ends": "13:00", "zone_name": "Europe/London", "weekly": True}
    return off(user, **times, **more)


def test_a_busy_feed_covers_every_venue_time_off_and_external_events(linden, link, busy):
    book(linden.abroad, "2026-11-23T15:00")
    book(linden.calendar, "2026-11-23T09:00")  # a colleague's
    off(linden.quinn, first_on=date(2026, 11, 25), last_on=date(2026, 11, 26))
    lunch(linden.quinn, first_on=date(2026, 11, 24), until=date(2026, 12, 1))
    calendar = source(linden.quinn)
    event(calendar, "Dentist", "2026-11-27 13:00", "2026-11-27 14:00")
    event(calendar, "Yoga", "2026-11-27 15:00", "2026-11-27 16:00", busy="free")
    event(calendar, "Holiday", "2026-11-28", "2026-11-30")
    assert busy(link) == [
        ("20261123T100000", "20261123T110000"),
        ("20261124T120000", "20261124T130000"),
        ("20261125", "20261127"),
        ("20261127T130000", "20261127T140000"),
        ("20261128", "20261130"),
        ("20261201T120000", "20261201T130000"),
    ]


def test_a_busy_feed_shows_only_busy(linden, link, get):
    off(linden.quinn, first_on=date(2026, 11, 25))
    event(source(linden.quinn), "Divorce lawyer", "2026-11-27 13:00", "2026-11-27 14:00")
    body = get(link).data.decode()
    for word in ("Sick", "private", "Leave", "Away", "Divorce", "Family", str(link.uuid)):
        assert word not in body
    assert "Quinn Linden\\, busy times" in body


def test_a_managers_link_bears_the_name_of_whose_time_it_shows(linden, clock, get):
    shown = {"practitioner": linden.colleague_calendar, "kind": "availability"}
    link = Feed.generate(linden.maya, "Quinn", linden.maya, **shown)
    assert "Quinn Linden\\, busy times" in get(link).data.decode()
    User.update(sync_allowed=False).where(User.id == linden.quinn.id).execute()
    off(linden.quinn)
    linden.clinic.bump_faces()
    assert get(link).data.count(b"SUMMARY:Busy") == 0


def test_links_with_bookings_show_no_time_off(linden, clock, get):
    link = Feed.generate(linden.quinn, "phone", linden.quinn, scope="person")
    before = get(link)
    off(linden.quinn)
    event(source(linden.quinn), "Dentist", "2026-11-27 13:00", "2026-11-27 14:00")
    assert get(link, If_None_Match=before.headers["ETag"]).status_code == 304


def test_a_change_of_any_of_it_is_there_at_once(linden, link, get, clock):
    calendar = source(linden.quinn)
    event(calendar, "Dentist", "2026-11-27 13:00", "2026-11-27 14:00")
    leave = lunch(linden.quinn)
    steps = [
        lambda: book(linden.abroad, "2026-11-23T15:00"),
        lambda: leave.change(linden.quinn, ends="14:00"),
        lambda: leave.remove(linden.quinn, FRIDAY + timedelta(days=7)),
        lambda: leave.remove(linden.quinn),
        lambda: leave.bring_back(linden.quinn),
        lambda: sources.set_rules(calendar, linden.quinn, {**calendar.rules, "busy": False}),
        lambda: sources.set_rules(calendar, linden.quinn, {**calendar.rules, "busy": True}),
        lambda: sources.turn_off(calendar, linden.quinn),
    ]
    answer, dates = get(link), []
    for step in steps:
        clock.now += timedelta(seconds=1)
        step()
        again = get(
            link,
            If_None_Match=answer.headers["ETag"],
            If_Modified_Since=answer.headers["Last-Modified"],
        )
        assert again.status_code == 200 and again.data != answer.data
        dates.append(again.last_modified)
        answer = again
    assert dates == sorted(dates) and len(set(dates)) == len(dates)
    off(linden.pat)
    assert get(link, If_None_Match=answer.headers["ETag"]).status_code == 304


def test_time_off_wakes_no_account(linden, clock):
    calendar = source(linden.quinn)
    account = Account.get_by_id(calendar.account_id)
    rev = linden.clinic.next_rev()
    # one that shows no time off outside: where it does, time off is a change like any other
    Account.update(synced_rev=rev, synced_on=clock.now.date(), time_off=False).execute()
    type(calendar).update(due_at=clock.now + timedelta(days=1)).execute()
    assert list(Account.due(clock.now)) == []
    off(linden.quinn, first_on=date(2027, 3, 1))
    account.show_anew()
    assert list(Account.due(clock.now)) == []


def test_a_link_without_a_span_ends_what_repeats(linden, clock, get):
    link = Feed.generate(
        linden.quinn,
        "free",
        linden.quinn,
        scope="person",
        kind="availability",
        past_days=None,
        future_days=None,
    )
    lunch(linden.quinn)
    body = get(link).data
    assert 100 <= body.count(b"SUMMARY:Busy") <= 106
    clock.now += timedelta(days=7)
    assert get(link).data != body


def test_an_etag_names_one_body_through_any_history(linden, link, get, clock):
    chance, bodies, dates = random.Random(7), {}, []
    rows = [lunch(linden.quinn), off(linden.quinn, first_on=date(2026, 12, 1))]
    calendar = source(linden.quinn)
    event(calendar, "Dentist", "2026-11-27 13:00", "2026-11-27 14:00")
    changes = [
        lambda: chance.choice(rows).change(linden.quinn, note=str(chance.random())),
        lambda: rows[0].change(linden.quinn, ends=chance.choice(["12:30", "13:00", "13:30"])),
        lambda: rows[1].change(linden.quinn, last_on=date(2026, 12, chance.randint(1, 9))),
        lambda: chance.choice(rows).remove(linden.quinn),
        lambda: chance.choice(rows).bring_back(linden.quinn),
        lambda: sources.set_rules(
            calendar, linden.quinn, {**calendar.rules, "busy": chance.random() < 0.5}
        ),
        lambda: (
            book(linden.abroad, f"2027-01-{chance.randint(1, 28):02}T{chance.randint(1, 20):02}:00")
            if chance.random() < 0.2
            else None
        ),
    ]
    for _ in range(60):
        clock.now += chance.choice([timedelta(), timedelta(), timedelta(seconds=1)])
        with suppress(SlotTaken, DoesNotExist):  # removed ones cannot be changed
            chance.choice(changes)()
        answer = get(link)
        assert bodies.setdefault(answer.headers["ETag"], answer.data) == answer.data
        dates.append(answer.last_modified)
    assert dates == sorted(dates) and len(bodies) > 20
