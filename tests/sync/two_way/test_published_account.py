"""A calendar that only publishes an address, through its whole life at one person's account."""

import logging
from datetime import timedelta
from types import SimpleNamespace

import pytest
from online_world import text_of
from typed_addresses import answer, calendar, event, serving

from base.bookings.clashes import SlotTaken
from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from letters import trouble
from models import Booking
from sync.connect import arrival, gateway
from sync.tables import ending
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.unread import CalendarTrouble
from sync.two_way import run

KIND = "published"
SECRET = "hunter2"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def outside(linden, clock):
    """The other side: `publish(*answers)` is what it answers from now on, `look()` a run."""
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    before, setup = exchange.set_up_as(), gateway.setup()
    exchange.set_up(read_allowed("http://127.0.0.1"))
    gateway.set_up(gateway.GatewaySetup(secret=b"secret", by_password=True))
    with serving(None) as server:
        address = f"http://pat:{SECRET}@127.0.0.1:{server.port}/{SECRET}.ics"

        def publish(*answers):
            server.answers = list(answers)
            server.seen.clear()

        def look(minutes=20):
            clock.now += timedelta(minutes=minutes)
            run.run(Account.get().id)

        yield SimpleNamespace(server=server, address=address, publish=publish, look=look)
    exchange.set_up(before)
    gateway.set_up(setup)


def follow(linden, outside):
    account = arrival.connect_published(linden.pat, KIND, outside.address)
    run.run(account.id)
    return Account.get_by_id(account.id)


def test_its_events_block_booking_and_nothing_ever_goes_there(linden, clock, outside):
    booked = Span(clock.now + timedelta(days=3), clock.now + timedelta(days=3, hours=1))
    Booking.book(linden.calendar, [booked], linden.pat)
    outside.publish(answer(calendar(event("a"), event("b", "20261128T100000Z"))))
    account = follow(linden, outside)
    assert (account.phase, account.health, account.direction) == ("active", "ok", "in")
    assert len(outside.server.seen) <= 3
    assert ExternalEvent.select().count() == 2 and not MappingRow.select().exists()
    row = ExternalEvent.select().order_by(ExternalEvent.starts_at).first()
    with pytest.raises(SlotTaken):
        Booking.book(linden.calendar, [Span(row.starts_at, row.ends_at)], linden.pat)
    assert {one.head.split()[0] for one in outside.server.seen} == {"GET"}
    outside.publish(answer(calendar(event("b", "20261128T100000Z"))))
    outside.look()
    assert ExternalEvent.select().count() == 1
    Booking.book(linden.calendar, [Span(row.starts_at, row.ends_at)], linden.pat)
    outside.look()
    assert not MappingRow.select().exists()
    assert {one.head.split()[0] for one in outside.server.seen} == {"GET"}


def test_a_published_calendar_is_read_about_every_quarter_of_an_hour(linden, clock, outside):
    outside.publish(answer(calendar(event()), "200 OK", 'ETag: "1"'), answer(b"", "304 X"))
    follow(linden, outside)
    for _ in range(4):  # a first reading is looked at again soon
        outside.look(90)
    source = RemoteCalendar.get(RemoteCalendar.role == "source")
    minutes = (source.due_at - clock.now).total_seconds() / 60
    assert 11.2 <= minutes <= 18.8
    before = len(outside.server.seen)
    outside.look(5)
    assert len(outside.server.seen) == before
    for _ in range(8):
        outside.look(20)
    assert ExternalEvent.select().count() == 1
    assert Account.get().health == "ok" and not CalendarTrouble.select().exists()


REFUSED = {  # answer → what the page says
    "gone": (answer(b"", "410 Gone"), "does not find it"),
    "a page to sign in": (answer(b"<html>"), "a page to be read by people"),
    "half": (answer(b"BEGIN:VCALENDAR"), "no calendar, or only a part"),
    "a password": (answer(b"", "401 X"), "asks for a password"),
    "large": (answer(b"BEGIN:VCALENDAR" + b" " * 11_000_000), "too large"),
    "moved inside": (answer(b"", "302 X", "Location: https://10.0.0.1/"), "private network"),
    "too many": (answer(calendar("BEGIN:VEVENT\nEND:VEVENT\n" * 20_001)), "20,000 events"),
    "down": (answer(b"", "503 X"), ""),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_cannot_be_read_keeps_blocking_and_says_why(
    linden, clock, outside, signed_in, how, caplog
):
    outside.publish(answer(calendar(event("a"), event("b", "20261128T100000Z"))))
    follow(linden, outside)
    given, said = REFUSED[how]
    outside.publish(given)
    caplog.set_level(logging.INFO)
    for _ in range(3):
        outside.look()
    assert ExternalEvent.select().count() == 2
    page = signed_in(linden.pat).get("/sync/")
    assert said in text_of(page).replace("\u2019", "'")
    assert SECRET not in page.get_data(as_text=True) and SECRET not in caplog.text
    outside.publish(answer(calendar(event("a"))))
    for _ in range(4):
        outside.look(120)
    assert ExternalEvent.select().count() == 1 and Account.get().health == "ok"


@pytest.mark.parametrize("how", ["gone", "a page to sign in", "a password"])
def test_its_person_gets_one_letter_when_it_goes_stale(linden, clock, outside, letters, how):
    outside.publish(answer(calendar(event("a"))))
    follow(linden, outside)
    outside.publish(REFUSED[how][0])
    for _ in range(26):
        outside.look(60)
        trouble.write_about_calendars()
    (letter,) = letters.send()
    assert letter["To"] == linden.pat.email and "cannot be read" in letter["Subject"]
    text = letter.get_content()
    assert "Published calendar" in text and "still block your time." in " ".join(text.split())
    assert SECRET not in text and "sent as usual" not in text


def test_an_empty_calendar_is_asked_about_before_times_are_freed(linden, clock, outside):
    events = [event(n, f"202611{n}T100000Z", f"202611{n}T110000Z") for n in range(23, 28)]
    outside.publish(answer(calendar(*events)))
    follow(linden, outside)
    outside.publish(answer(calendar()))
    for _ in range(3):
        outside.look()
    assert ExternalEvent.select().count() == 5


def test_another_address_takes_its_place(linden, clock, outside):
    outside.publish(answer(calendar(event("a"), event("b", "20261128T100000Z"))))
    account = follow(linden, outside)
    outside.publish(answer(calendar(event("c", "20261129T100000Z", "20261129T110000Z"))))
    again = arrival.connect_published(linden.pat, KIND, f"{outside.address}?other", account)
    assert again.id == account.id and Account.select().count() == 1
    for _ in range(3):
        outside.look()
    assert [one.starts_at.day for one in ExternalEvent.select()] == [29]


def test_several_addresses_are_read_each_once(linden, clock, outside):
    outside.publish(answer(calendar(event("a"))))
    first = follow(linden, outside)
    second = arrival.connect_published(linden.pat, KIND, f"{outside.address}?other")
    assert arrival.connect_published(linden.pat, KIND, outside.address).id == first.id
    run.run(second.id)
    assert ExternalEvent.select().count() == Account.select().count() == 2
    with pytest.raises(ValueError, match="already"):
        arrival.connect_published(linden.pat, KIND, outside.address, second)
    ending.begin_departure(second, linden.pat, "disconnect")
    run.run(second.id)
    assert [row.calendar.account_id for row in ExternalEvent.select()] == [first.id]


def test_disconnecting_asks_nobody_and_leaves_nothing(linden, clock, outside, signed_in):
    outside.publish(answer(calendar(event())))
    account = follow(linden, outside)
    page = signed_in(linden.pat).get(f"/sync/accounts/{account.id}/disconnection")
    asked = text_of(page).partition("Disconnect?")[2].partition("Leave it as it is")[0]
    assert "We forget the address." in asked and "1 event that came from" in asked
    assert not any(word in asked for word in ("password", "of ours", "we created"))
    outside.publish(answer(b"", "410 Gone"))
    ending.begin_departure(account, linden.pat, "disconnect")
    run.run(account.id)
    assert not Account.select().exists() and not ExternalEvent.select().exists()
    assert outside.server.seen == []


def test_the_page_takes_an_address_and_never_shows_it(linden, outside, signed_in):
    browser = signed_in(linden.pat)
    assert "Let its busy times block booking" in text_of(browser.get("/sync/"))
    page = browser.get(f"/connect/{KIND}/departure")
    assert "Address of the calendar" in text_of(page)
    for wrong, said in (("", "Paste"), ("http://a.test/", "https://"), ("x", "complete")):
        refused = browser.post(f"/connect/{KIND}/password", data={"address": wrong})
        assert refused.status_code == 422 and said in text_of(refused), wrong
    sent = browser.post(f"/connect/{KIND}/password", data={"address": outside.address})
    account = Account.get()
    assert sent.status_code == 303 and SECRET not in sent.location
    assert SECRET not in account.sealed and account.email == "127.0.0.1"
    outside.publish(answer(calendar(event())))
    run.run(account.id)
    body = browser.get("/sync/")
    assert "within 18 minutes" in text_of(body)  # a quarter of an hour, and what it is spread by
    assert "Its last event ends on 27 November 2026" in text_of(body)
    assert "1 event blocks booking" in text_of(body) and "Add another address" in text_of(body)
    for path in (
        "/sync/",
        "/settings/apps/",
        f"/connect/{KIND}/departure",
        "/sync/accounts/history",
    ):
        assert SECRET not in browser.get(path).get_data(as_text=True), path
    assert browser.get(f"/sync/accounts/{account.id}/settings").status_code == 404
