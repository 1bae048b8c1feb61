"""More buttons pressed twice at the same moment: accounts outside, links of letters, the waiting
list, and settings that one press sets back.
"""

import re
from datetime import timedelta
from html import unescape

import external
import pytest
from online_world import book as online_book
from online_world import only_form, solve, switch_on
from presses import at, booked, cases, client, filled, name, sent, wrong_moments

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter, MailSetup, set_up, setup
from base.tables.texts import TextSettings
from free_times.earlier import entries, joining, offering
from free_times.earlier.entries import EarlierSettings, WaitingEntry, Wanted
from free_times.earlier.matching import Chance
from free_times.online import by_letter
from models import Booking, Feed
from people.credentials import Throttle
from sync.connect import gateway
from sync.tables import ending
from sync.tables.accounts import Account
from tests.pages import forms_of


@pytest.fixture
def world(linden, clock):
    before = setup()
    set_up(MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    linden.olive.change_sync(sync_allowed=True, identifier="initials")
    linden.maya.change_sync(sync_allowed=True, identifier="initials")
    linden.maya.role = "owner"
    linden.maya.save()
    gateway.set_up(gateway.GatewaySetup(secret=b"secret", by_password=True))
    yield linden
    set_up(before)


# ---- accounts ----


def forget_accounts() -> None:
    """None, and no history of rows whose ids SQLite gives away again."""
    Account.delete().execute()
    AuditEntry.delete().where(AuditEntry.kind == "account").execute()


def connect_address(world, n, browser):
    forget_accounts()
    address = f"https://feeds.example.test/{n}.ics"
    return "/connect/published/password", {"address": address}


def connect_address_again(world, n, browser):
    path, data = connect_address(world, n, browser)
    assert browser.post(path, data=data).status_code == 303
    new = {"address": f"https://feeds.example.test/new{n}.ics"}
    return f"{path}?account={Account.get().id}", new


def connect_with_password(world, n, browser):
    forget_accounts()
    typed = {"address": "cloud.example.test", "user": f"u{n}", "password": "a b c d"}
    return "/connect/caldav-nextcloud/password", typed


def connect_with_password_again(world, n, browser):
    path, data = connect_with_password(world, n, browser)
    assert browser.post(path, data=data).status_code == 303
    return f"{path}?account={Account.get().id}", data | {"password": "other"}


def account(world, n) -> Account:
    forget_accounts()
    return external.source(world.maya).account


def start(world, n, browser):
    forget_accounts()
    external.known("google")
    world.maya.change_sync(mode="one_way")
    facts = {"email": "maya@home.test", "sealed": "", "phase": "naming"}
    row = Account.create(clinic=world.clinic, user=world.maya, kind="google", **facts)
    row.put(listed_at=scheduling.utc_now())
    return filled(browser, "/sync/", f"/sync/accounts/{row.id}/start")


def end(world, n, browser):
    row = account(world, n)
    ending.begin_departure(row, world.maya, "disconnect")
    return f"/sync/accounts/{row.id}/end", {}


def end_for_another(world, n, browser):
    forget_accounts()
    row = external.source(world.olive).account
    ending.begin_departure(row, world.olive, "disconnect")
    return f"/health/accounts/{row.id}/end", {}


def start_anew(world, n, browser):
    return f"/sync/accounts/{account(world, n).id}/new-start", {}


def one_way(world, n, browser):
    return f"/sync/accounts/{account(world, n).id}/one-way", {"removes": "y"}


def opt_out_and_leave(world, n, browser):
    world.maya.change_sync(sync_allowed=True)
    account(world, n)
    return "/sync/accounts/one-way", {"removes": "y", "opt_out": "y"}


def change_account(world, n, browser):
    row = account(world, n)
    return filled(browser, f"/sync/accounts/{row.id}/settings", edits="ask")


def nudge(world, n, browser):
    Letter.delete().execute()
    forget_accounts()
    return f"/health/accounts/{external.source(world.olive).account.id}/nudges", {}


def resync_another(world, n, browser):
    forget_accounts()
    return f"/health/accounts/{external.source(world.olive).account.id}/runs", {}


def resync_all(world, n, browser):
    forget_accounts()
    external.source(world.olive)
    return "/health/runs", {}


def rotate_all(world, n, browser):
    Feed.delete().execute()
    for one in range(3):
        Feed.generate(world.maya, f"Link {one}", world.maya, scope="clinic")
    form = next(
        one
        for one in forms_of(browser.get("/sync/links/rotation"))
        if one["action"].endswith("/links/rotation")
    )
    return form["action"], dict(form["fields"])


def clear_feed(world, n, browser):
    row = Feed.generate(world.maya, "Link", world.maya, scope="clinic")
    row.revoke(world.maya)
    return f"/sync/links/{row.id}/clearing", {}


def hide_all(world, n, browser):
    world.maya.change_sync(hide_sensitive=False)
    return filled(browser, "/sync/links/", "/sync/links/privacy", hide_sensitive="y")


def opt_in(world, n, browser):
    world.maya.change_sync(sync_allowed=False)
    return filled(browser, "/sync/", "/sync/opt-in", allow="y")


# ---- settings ----


def usual_words(world, n, browser):
    LetterSettings.stored(world.clinic).change(None, wordings={"booked": f"Come {n}"})
    return filled(browser, "/settings/letters/wording", booked="")


def change_letters(world, n, browser):
    LetterSettings.stored(world.clinic)
    return filled(browser, "/settings/letters/", reply_to=f"desk{n}@linden.test")


def change_texts(world, n, browser):
    row = TextSettings.stored(world.clinic)
    row.forget(world.maya)
    row = TextSettings.stored(world.clinic)
    row.make_secret(world.maya)
    row.change(world.maya, url="https://texts.example.test/", is_on=False, kinds=["booked"])
    return filled(browser, "/settings/text-messages/", is_on="y")


def remove_texts(world, n, browser):
    change_texts(world, n, browser)
    return "/settings/text-messages/removal", {}


def change_waiting_list(world, n, browser):
    EarlierSettings.stored(world.clinic).change(None, minutes=30)
    return filled(browser, "/settings/waiting-list/", minutes="60")


# ---- clients ----


def visit(world, m, browser, **settings):
    Throttle.delete().execute()
    path = switch_on(world, change_hours=0, notice_hours=0, **settings).path
    typed = {"name": " ".join(name(m)), "email": f"n{m}@visitor.test"}
    return online_book(browser, path, typed, at=m)


def _time(page, n) -> str:  # no case
    return sorted(set(re.findall(r'name="time" value="(\d+)"', page.text)))[-1 - n]


def accept_proposed(world, n, browser):
    done = visit(world, n, browser, needs_approval=True)
    row = Booking.select().order_by(Booking.id.desc()).get()
    path = f"/requests/{row.id}/offer"
    page = browser.get(path)
    form = next(one for one in forms_of(page) if one["action"].partition("?")[0] == path)
    data = dict(form["fields"]) | {"time": _time(page, n)}
    assert browser.post(form["action"], data=data).status_code == 303
    return sent(only_form(browser.get(done.location), "/accept"))


def propose(world, n, browser):
    visit(world, n, browser, needs_approval=True)
    row = Booking.select().order_by(Booking.id.desc()).get()
    path = f"/requests/{row.id}/offer"
    page = browser.get(path)
    form = next(one for one in forms_of(page) if one["action"].partition("?")[0] == path)
    return form["action"], dict(form["fields"]) | {"time": _time(page, n)}


def by_the_letter(world, n) -> tuple[Booking, str]:
    LetterSettings.stored(world.clinic).change(None, to_clients="all")
    row = booked(world, n, patient=client(world, n, email=f"c{n}@client.test"))
    return row, f"/appointment/{row.uuid}/{by_letter.token(row)}"


def cancel_by_letter(world, n, browser):
    __, path = by_the_letter(world, n)
    return sent(only_form(browser.get(f"{path}/"), "/cancel"))


def stop_reminders(world, n, browser):
    __, path = by_the_letter(world, n)
    return sent(only_form(browser.get(f"{path}/reminders"), "/reminders"))


def start_reminders(world, n, browser):
    path, data = stop_reminders(world, n, browser)
    assert browser.post(path, data=data).status_code == 303
    return sent(only_form(browser.get(path), "/reminders/again"))


def ask_by_letter(world, n, browser):
    online(world)
    EarlierSettings.stored(world.clinic).change(None, mode="turn", visitors_ask=True)
    __, path = by_the_letter(world, n)
    return sent(only_form(browser.get(f"{path}/earlier"), "/earlier"))


def online(world):
    Throttle.delete().execute()
    return switch_on(world, change_hours=0, notice_hours=0)


# ---- the waiting list ----


def waits(world, n) -> WaitingEntry:
    who = client(world, n, email=f"w{n}@client.test")
    EarlierSettings.stored(world.clinic).change(None, mode="turn", visitors_ask=True)
    row = booked(world, n + 3, patient=who)
    return joining.ask_for(row, Wanted([world.calendar.id]), world.maya)


def chance(world, n) -> Chance:
    return Chance(world.calendar, at(n) + timedelta(hours=3), 50)


def offered(world, n):
    offer = offering.make(waits(world, n), chance(world, n), 60, world.maya)
    return offer, f"/earlier/{offer.uuid}/{offering.token(offer)}"


def take_offered(world, n, browser):
    __, path = offered(world, n)
    return sent(only_form(browser.get(f"{path}/"), "/take"))


def decline_offered(world, n, browser):
    __, path = offered(world, n)
    return sent(only_form(browser.get(f"{path}/"), "/decline"))


def leave_list(world, n, browser):
    entry = waits(world, n)
    path = f"/earlier/list/{entry.uuid}/{entries.token(entry)}/"
    return sent(only_form(browser.get(path), path))


def time_of(world, n) -> str:
    return f"{int(chance(world, n).starts_at.timestamp())} {world.calendar.id}"


def offer_by_hand(world, n, browser):
    return f"/waiting-list/{waits(world, n).id}/offer", {"time": time_of(world, n)}


def book_waiting(world, n, browser):
    return f"/waiting-list/{waits(world, n).id}/book", {"time": time_of(world, n)}


def waits_without(world, n) -> WaitingEntry:
    EarlierSettings.stored(world.clinic).change(None, mode="turn", visitors_ask=True)
    until = at(40).date()
    return joining.ask_without(
        world.clinic,
        world.service,
        Wanted([world.calendar.id], until=until),
        client(world, n, email=f"w{n}@client.test"),
        world.maya,
    )


def book_waiting_without(world, n, browser):
    return f"/waiting-list/{waits_without(world, n).id}/book", {"time": time_of(world, n)}


def take_offered_without(world, n, browser):
    offer = offering.make(waits_without(world, n), chance(world, n), 60, world.maya)
    path = f"/earlier/{offer.uuid}/{offering.token(offer)}"
    return sent(only_form(browser.get(f"{path}/"), "/take"))


def join_list(world, n, browser):
    page = online(world)
    EarlierSettings.stored(world.clinic).change(None, mode="turn", visitors_ask=True)
    query = {"service": "shoulder", "venue": "linden-street"}
    shown = browser.get(f"{page.path}/waiting-list", query_string=query)
    challenge = re.search(r'data-proof="([^"]+)"', shown.get_data(as_text=True))[1]
    form = only_form(shown, "/waiting-list").put(
        name=" ".join(name(n)),
        email=f"j{n}@visitor.test",
        until=str(at(10).date()),
        proof=solve(unescape(challenge)),
    )
    return sent(form)


@pytest.mark.parametrize("case", cases(globals()), ids=lambda one: one.__name__)
def test_a_press_during_another_one_is_the_same_press(world, signed_in, monkeypatch, case):
    assert wrong_moments(world, signed_in, monkeypatch, case) == []
