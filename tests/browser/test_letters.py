"""A visitor's whole way by e-mail: books, moves by the link in the letter, is reminded, and cancels
by the reminder; somebody from the waiting list takes the time. The letters come by SMTP, and axe
finds no barrier in any kind of them.
"""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from client_world import event, team_is_told_nothing
from online_world import switch_on

from free_times.earlier import news
from free_times.earlier.entries import EarlierSettings
from letters import reminders, to_clients
from models import Booking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def way(letter, words: str) -> str:
    """Where a button of the letter leads, without our host."""
    html = letter.get_body(("html",)).get_content()
    (found,) = re.findall(rf'href="([^"]+)">\s*{words}', html)
    return unescape(found).removeprefix("http://localhost")


def one(letters):
    """The only letter that went out since, to the visitor and from the clinic."""
    (letter,) = letters.send()
    assert letter["To"] == "nora@visitor.test" and letter["Reply-To"] is None
    assert letter["Subject"] == "Appointment, Linden Physiotherapy"
    assert letter["From"] == "Linden Physiotherapy <kalends@linden.test>"
    return letter


def ben_waits_for_an_earlier_time(page, press, letters):
    """Ben has a later time, and would rather come earlier. His booking."""
    page.goto("/book/linden/linden-street/")
    press("Shoulder")
    page.get_by_text("Later days").click()
    page.locator("details[open] button[name=time]").last.click()
    page.locator("#name").fill("Ben Visitor")
    page.locator("#email").fill("ben@visitor.test")
    press("Continue")
    press("Book")
    page.get_by_role("heading", name="You are booked").wait_for()
    press("Tell me about earlier times")
    page.locator("select[name=with_whom]").select_option(label="Anyone who is free")
    press("Tell me")
    page.get_by_role("heading", name="You are on the waiting list").wait_for()
    assert "ben@visitor.test" in {letter["To"] for letter in letters.send()}
    return Booking.select().order_by(Booking.id.desc()).get()


def ben_takes_the_freed_time(page, press, letters, waits, freed):
    """The letter that offered him what Nora gave up."""
    (offer,) = letters.send()
    assert offer["To"] == "ben@visitor.test"
    page.goto(way(offer, "See this time"))
    page.get_by_role("heading", name="An earlier time is free").wait_for()
    assert Booking.get_by_id(waits.id).starts_at == waits.starts_at
    press("Take this time")
    page.get_by_role("heading", name="You have this time").wait_for()
    assert Booking.get_by_id(waits.id).starts_at == freed
    (moved,) = letters.send()
    found, entry = event(moved)
    assert moved["To"] == "ben@visitor.test" and "has changed" in found.text
    assert entry["DTSTART"].dt == freed
    return offer


def test_a_visitor_lives_by_letters(app, chromium, address, linden, clock, letters, no_barriers):
    team_is_told_nothing(linden)
    switch_on(linden, change_hours=1, phone="+44 20 7946 0000", cancellation="Call if you are ill.")
    EarlierSettings.stored(linden.clinic).change(None, mode="turn", visitors_ask=True)
    context = chromium.new_context(base_url=address, viewport={"width": 390, "height": 800})
    page = context.new_page()

    def press(name):
        page.locator("a, button, summary").filter(has_text=name).first.click()

    page.goto("/book/linden/linden-street/")
    press("Shoulder")
    press("Earliest")
    page.locator("#name").fill("Nora Visitor")
    page.locator("#email").fill("nora@visitor.test")
    press("Continue")
    press("Book")
    page.get_by_role("heading", name="You are booked").wait_for()
    first = one(letters)
    found, entry = event(first)
    assert "You are booked" in found.text and found.method == "REQUEST"
    assert entry["DTSTART"].dt == Booking.get().starts_at

    clock.now += timedelta(minutes=5)
    page.goto(way(first, "See or change it"))
    press("Move to another time")
    page.locator("summary").nth(1).click()
    page.locator("details[open] button[name=time]").last.click()
    page.get_by_role("heading", name="You are booked").wait_for()
    moved = one(letters)
    found, again = event(moved)
    assert "Your appointment has changed" in found.text and "Before:" in found.text
    assert again["UID"] == entry["UID"] and int(again["SEQUENCE"]) > int(entry["SEQUENCE"])
    assert again["DTSTART"].dt == Booking.get().starts_at

    day = Booking.get().starts_at - timedelta(days=1)
    clock.now = datetime(day.year, day.month, day.day, 10, tzinfo=UTC)
    with app.app_context():
        reminders.write_due()
    reminder = one(letters)
    assert reminder["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "Your appointment is coming up" in reminder.get_body(("plain",)).get_content()

    waits = ben_waits_for_an_earlier_time(page, press, letters)
    page.goto(way(reminder, "I cannot come"))
    page.get_by_role("heading", name="Cancel this booking?").wait_for()
    assert Booking.get().status == "confirmed"
    press("Yes, cancel it")
    page.get_by_role("heading", name="Cancelled").first.wait_for()
    cancelled = one(letters)
    found, last = event(cancelled)
    assert "You cancelled it yourself" in found.text and found.method == "CANCEL"
    assert last["UID"] == entry["UID"] and int(last["SEQUENCE"]) > int(again["SEQUENCE"])
    page.goto(way(cancelled, "Book another time"))
    page.get_by_role("heading", name="Book an appointment").first.wait_for()
    clock.now += timedelta(minutes=1)
    with app.app_context():
        news.offer_freed_times()
    offer = ben_takes_the_freed_time(page, press, letters, waits, Booking.get().starts_at)
    assert letters.send() == [] and context.cookies() == []

    sent = {"booked": first, "moved": moved, "reminder": reminder}
    sent |= {"cancelled": cancelled, "earlier": offer}
    shown = {kind: letter.get_body(("html",)).get_content() for kind, letter in sent.items()}
    with app.app_context():
        for kind in to_clients.WORDINGS.keys() - shown.keys():
            shown[kind] = to_clients.preview(linden.clinic, kind, "")
    assert len(shown) == 10
    page = context.new_page()  # under no rules of ours about styles
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for html in shown.values():
            page.set_content(html)
            no_barriers(page)
    context.close()
