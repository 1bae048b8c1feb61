"""Every button that adds or changes something, pressed twice at the same moment by one person.

The second press begins and ends between two steps of the first, at each step in turn. Both must
answer as one press does, and both together leave what one leaves.
"""

import io
from datetime import timedelta

import external
import pytest
from online_world import book as online_book
from online_world import only_form, switch_on, times_of, to_check
from presses import at, booked, cases, client, day, filled, name, sent, wrong_moments

from base.scheduling import Span
from base.tables.outbox import MailSetup, set_up, setup
from base.tables.time_off import DatedHours, TimeOff
from free_times.earlier.entries import EarlierSettings, WaitingEntry
from models import Booking, Feed, Practitioner, Service, User, Venue
from operate import intake
from operate.intake.upload import Import
from people.credentials import Throttle
from people.merges import ClientMerge
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from tests.pages import forms_of


@pytest.fixture
def world(linden, clock):
    before = setup()
    set_up(MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    for one in (linden.pat, linden.maya, linden.olive):
        one.change_sync(sync_allowed=True, identifier="initials")
    yield linden
    set_up(before)


def typed(world, n, **more):
    return {
        "key": f"k{n}",
        "calendar": world.calendar.id,
        "patient": world.patient.id,
        "service": world.service.id,
        "day": day(n).isoformat(),
        "starts": "09:00",
        "ends": "09:50",
        "rate": "",
        "status": "confirmed",
        "notes": "",
        "repeat": "once",
        **more,
    }


# ---- each gives the address and the fields of one press; n makes it another one each time ----


def book(world, n, browser):
    return "/bookings/", typed(world, n)


def book_new_client(world, n, browser):
    return "/bookings/", typed(world, n, patient="new", q=" ".join(name(n)))


def book_series(world, n, browser):
    times = {"day": "2026-11-23", "starts": f"{n + 1:02}:00", "ends": f"{n + 1:02}:30"}
    return "/bookings/", typed(world, n, repeat="weekly", count="2", **times)


def book_anyway(world, n, browser):
    booked(world, n)
    return "/bookings/", typed(world, n, overlap="ok", starts="09:10")


def book_skipping(world, n, browser):
    span = Span(at(n), at(n) + timedelta(minutes=10))
    Booking.book(world.calendar, [span], world.maya, allow_overlap=True)
    more = {"repeat": "weekly", "count": "2", "ends": "09:20", "overlap": "skip"}
    return "/bookings/", typed(world, n, **more)


def change_booking(world, n, browser):
    row = booked(world, n)
    return f"/bookings/{row.id}", typed(world, n, notes="knee", starts="11:00", ends="11:50")


def change_booking_to_new_client(world, n, browser):
    row = booked(world, n)
    return f"/bookings/{row.id}", typed(world, n, patient="new", q=" ".join(name(n)))


def move_booking(world, n, browser):
    row = booked(world, n)
    return f"/bookings/{row.id}/move", {"by": "60", "seen": str(row.sequence)}


def undo_move(world, n, browser):
    row = booked(world, n)
    to = Span(row.starts_at + timedelta(hours=1), row.ends_at + timedelta(hours=1))
    entry = row.change(world.maya, to).entry
    return f"/bookings/{row.id}/move/undo", {"change": str(entry)}


def set_status(world, n, browser):
    row = booked(world, n)
    return f"/bookings/{row.id}/status", {"status": "arrived", "was": "confirmed", "shown": "0"}


def cancel_booking(world, n, browser):
    row = booked(world, n)
    return f"/bookings/{row.id}/cancellation", {"which": "one", "was": "confirmed", "shown": "0"}


def undo_status(world, n, browser):
    row = booked(world, n)
    entry = row.cancel(world.maya).entry
    return f"/bookings/{row.id}/undo", {"change": str(entry)}


def off(world, n, **more) -> dict:
    when = {"first_on": day(n), "last_on": day(n), "starts": "09:00", "ends": "10:00"}
    return {"kind": "leave", "zone_name": "Europe/London", **when, **more}


def take_off(world, n, browser):
    when = {"first_on": str(day(n)), "last_on": str(day(n)), "starts": "09:00", "ends": "10:00"}
    return f"/time-off/?calendar={world.calendar.id}", {"key": f"k{n}", "kind": "lunch", **when}


def change_off(world, n, browser):
    row = TimeOff.add(world.pat, world.maya, **off(world, n))
    return filled(browser, f"/time-off/{row.id}", ends="11:00")


def delete_off(world, n, browser):
    return f"/time-off/{TimeOff.add(world.pat, world.maya, **off(world, n)).id}/deletion", {}


def bring_off_back(world, n, browser):
    row = TimeOff.add(world.pat, world.maya, **off(world, n))
    row.remove(world.maya)
    return f"/time-off/{row.id}/return", {}


def add_client(world, n, browser):
    first, last = name(n)
    return "/clients/", {"first_name": first, "last_name": last, "phone": ""}


def add_client_with_id(world, n, browser):
    first, last = name(n)
    return "/clients/", {"first_name": first, "last_name": last, "internal_id": f"N-{n}"}


def change_client(world, n, browser):
    path = f"/clients/{client(world, n).id}"
    return filled(browser, f"{path}/edit", path, last_name=f"New{n}")


def archive_client(world, n, browser):
    return f"/clients/{client(world, n).id}/archival", {}


def bring_client_back(world, n, browser):
    row = client(world, n)
    row.set_archived(True, world.maya)
    return f"/clients/{row.id}/return", {}


def merge_clients(world, n, browser):
    kept, gone = client(world, n), client(world, n)
    page = browser.get(f"/clients/{kept.id}/merge?other={gone.id}")
    form = next(one for one in forms_of(page) if one["action"].endswith("/merge"))
    return form["action"], dict(form["fields"])


def undo_merge(world, n, browser):
    path, data = merge_clients(world, n, browser)
    assert browser.post(path, data=data).status_code == 303
    last = ClientMerge.select().order_by(ClientMerge.id.desc()).get()
    return f"{path}/undo", {"merge": str(last.id)}


def service(world, n) -> Service:
    return Service.add(world.clinic, world.maya, name=f"Service {n}", duration_minutes=40)


def add_service(world, n, browser):
    facts = {"duration_minutes": "60", "colour": "blue", "price_cents": "85.50"}
    return "/services/", {"name": f"Service {n}", **facts}


def change_service(world, n, browser):
    row = service(world, n)
    return f"/services/{row.id}", {"name": f"Other {n}", "duration_minutes": "60", "colour": "blue"}


def archive_service(world, n, browser):
    return f"/services/{service(world, n).id}/archival", {}


def bring_service_back(world, n, browser):
    row = service(world, n)
    row.set_archived(True, world.maya)
    return f"/services/{row.id}/return", {}


def set_people(world, n, browser):
    row = service(world, n)
    return f"/services/{row.id}/people", {f"c{world.calendar.id}-offers": "y"}


def venue(world, n) -> Venue:
    return Venue.add(world.clinic, world.maya, name=f"Venue {n}", zone_name="Europe/Paris")


def add_venue(world, n, browser):
    return "/settings/venues", {"name": f"Venue {n}", "zone_name": "Europe/Paris"}


def change_venue(world, n, browser):
    row = venue(world, n)
    return f"/settings/venues/{row.id}", {"name": f"Other {n}", "zone_name": "Europe/Paris"}


def archive_venue(world, n, browser):
    return f"/settings/venues/{venue(world, n).id}/archival", {}


def bring_venue_back(world, n, browser):
    row = venue(world, n)
    row.set_archived(True, world.maya)
    return f"/settings/venues/{row.id}/return", {}


def person(world, n) -> User:
    facts = {"name": f"Person {n}", "email": f"p{n}@linden.test", "role": "practitioner"}
    return User.invite(world.clinic, world.maya, [], **facts)


def invite(world, n, browser):
    facts = {"name": f"Person {n}", "email": f"p{n}@linden.test", "role": "practitioner"}
    return "/team/", {**facts, "venues": str(world.street.id)}


def change_person(world, n, browser):
    row = person(world, n)
    facts = {"name": f"Other {n}", "email": row.email, "role": "practitioner"}
    return f"/team/{row.id}", {"parts": "person", **facts}


def open_calendar(world, n, browser):
    return f"/team/{person(world, n).id}/calendars", {"venue": str(world.street.id)}


def close_calendar(world, n, browser):
    row = Practitioner.open(person(world, n), world.street, world.maya)
    return f"/team/{row.user_id}/calendars/{row.id}/closing", {}


def leave(world, n, browser):
    return f"/team/{person(world, n).id}/leaving", {}


def come_back(world, n, browser):
    row = person(world, n)
    row.leave(world.maya)
    return f"/team/{row.id}/return", {}


def hand_over(world, n, browser):
    row = Practitioner.open(person(world, n), world.street, world.maya)
    span = Span(at(n), at(n) + timedelta(minutes=50))
    booking = Booking.book(row, [span], world.maya)[0]
    row.set_archived(True, world.maya)
    data = {"booking": str(booking.id), "to": str(world.calendar.id)}
    return f"/team/hand-over/{row.id}", {**data, f"shown-{booking.id}": str(booking.sequence)}


def cancel_left_over(world, n, browser):
    path, data = hand_over(world, n, browser)
    return path, {**data, "to": "cancel", "confirmed": "y"}


def feed(world, n) -> Feed:
    return Feed.generate(world.maya, f"Link {n}", world.maya, scope="clinic")


def add_feed(world, n, browser):
    for row in Feed.select().where(*Feed.living()):
        row.revoke(world.maya)  # a person has thirty at most
    return "/sync/links/", {"name": f"Link {n}", "kind": "availability", "covers": "clinic"}


def change_feed(world, n, browser):
    return filled(browser, f"/sync/links/{feed(world, n).id}", name=f"Other {n}")


def revoke_feed(world, n, browser):
    return f"/sync/links/{feed(world, n).id}/revocation", {}


def rotate_feed(world, n, browser):
    return filled(browser, f"/sync/links/{feed(world, n).id}/rotation")


def add_date(world, n, browser):
    path = f"/dates/calendars/{world.calendar.id}"
    return filled(browser, path, day=str(day(n)), name="Fair")


def dated(world, n) -> DatedHours:
    return DatedHours.add(world.calendar, day(n), [], world.maya)


def change_date(world, n, browser):
    return filled(browser, f"/dates/{dated(world, n).id}", name=f"Fair {n}")


def remove_date(world, n, browser):
    return f"/dates/{dated(world, n).id}/removal", {}


def bring_date_back(world, n, browser):
    entry = dated(world, n).remove(world.maya)
    return f"/dates/removals/{entry.id}/return", {}


def change_clinic(world, n, browser):
    return filled(browser, "/settings/", name=f"Linden {n}")


# ---- imports ----


def people_file(n) -> bytes:
    return f"First name,Last name\n{' '.join(name(n)).replace(' ', ',')}\n".encode()


def begun(world, n) -> Import:
    for row in Import.select().where(Import.phase.in_(Import.OPEN)):
        row.advance(Import.OPEN, "discarded", None)  # few may wait
    return intake.begin_import(world.clinic, world.maya, "clients", people_file(n))


def checked(world, n) -> Import:
    row = begun(world, n)
    intake.check_file(row.id)
    return row


def upload(world, n, browser):
    begun(world, n).advance(Import.OPEN, "discarded", None)
    return "/settings/imports/", lambda: {
        "kind": "clients",
        "file": (io.BytesIO(people_file(n)), "list.csv"),
    }


def accept_import(world, n, browser):
    return f"/settings/imports/{checked(world, n).id}/taking", {}


def check_again(world, n, browser):
    return f"/settings/imports/{checked(world, n).id}/checks", {}


def ask_about_columns(world, n, browser):
    return f"/settings/imports/{checked(world, n).id}/questions", {}


def delete_import(world, n, browser):
    return f"/settings/imports/{checked(world, n).id}/disposal", {}


# ---- visitors, requests, the waiting list ----


def online(world, **settings) -> str:
    Throttle.delete().execute()
    return switch_on(world, change_hours=0, notice_hours=0, **settings).path


def visits(world, n, visitor, step=to_check, **settings):  # no case: it leads to one
    typed = {"name": " ".join(name(n)), "email": f"n{n}@visitor.test"}
    return step(visitor, online(world, **settings), typed, at=n)


def book_online(world, n, browser):
    return sent(only_form(visits(world, n, browser), "/book"))


def cancel_online(world, n, browser):
    done = visits(world, n, browser, online_book)
    return sent(only_form(browser.get(f"{done.location}/cancel"), "/cancel"))


def move_online(world, n, browser):
    done = visits(world, n, browser, online_book)
    ask = browser.get(f"{done.location}/move")
    return sent(only_form(ask, "/move").put(time=times_of(ask)[-1 - n]))


def ask_for_earlier(world, n, browser):
    EarlierSettings.stored(world.clinic).change(None, mode="turn", visitors_ask=True)
    done = visits(world, n + 20, browser, online_book)
    page = browser.get(f"{done.location}/earlier")
    return sent(only_form(page, "/earlier"))


def decline_request(world, n, browser):
    visits(world, n, browser, online_book, needs_approval=True)
    row = Booking.select().order_by(Booking.id.desc()).get()
    return f"/requests/{row.id}/decline", {"seen": str(row.sequence)}


def confirm_request(world, n, browser):
    visits(world, n, browser, online_book, needs_approval=True)
    row = Booking.select().order_by(Booking.id.desc()).get()
    data = {"status": "confirmed", "was": "pending", "seen": str(row.sequence)}
    return f"/bookings/{row.id}/status", data


def wait_for_earlier(world, n, browser):
    path = f"/waiting-list/booking/{booked(world, n + 3, patient=client(world, n)).id}"
    return sent(only_form(browser.get(path), path))


def wait_without_booking(world, n, browser):
    path = f"/waiting-list/client/{client(world, n).id}"
    return sent(only_form(browser.get(path), path).put(until=str(day(20))))


def stop_waiting(world, n, browser):
    path, data = wait_without_booking(world, n, browser)
    assert browser.post(path, data=data).status_code == 303
    entry = WaitingEntry.select().order_by(WaitingEntry.id.desc()).get()
    return f"/waiting-list/{entry.id}/remove", {}


# ---- calendars outside ----


def account(world, n) -> Account:
    Account.delete().execute()
    row = external.source(world.maya).account
    RemoteCalendar.create(
        clinic=world.clinic,
        account=row,
        role="destination",
        name="Kalends",
        calendar_id="ours",
        zone_name="UTC",
    )
    return row


def ask_for_check(world, n, browser):
    return f"/sync/accounts/{account(world, n).id}/check", {}


def ask_for_resync(world, n, browser):
    return f"/sync/accounts/{account(world, n).id}/resync", {}


def pause(world, n, browser):
    return f"/sync/accounts/{account(world, n).id}/pause", {}


def resume(world, n, browser):
    row = account(world, n)
    browser.post(f"/sync/accounts/{row.id}/pause")
    return f"/sync/accounts/{row.id}/resumption", {}


def disconnect(world, n, browser):
    return f"/sync/accounts/{account(world, n).id}/disconnection", {"removes": "y"}


def stop_source(world, n, browser):
    row = RemoteCalendar.get(account=account(world, n), role="source")
    return f"/sync/calendars/{row.id}/stop", {}


def start_source(world, n, browser):
    row = account(world, n)
    columns = {"role": "listed", "name": "Home", "calendar_id": "other"}
    listed = RemoteCalendar.create(clinic=world.clinic, account=row, **columns)
    return f"/sync/calendars/{listed.id}/sync", {}


def notice(world, n) -> Notice:
    moved = {
        "starts_at": (at(n) + timedelta(hours=3)).isoformat(),
        "ends_at": (at(n) + timedelta(hours=4)).isoformat(),
        "is_put_back": True,
    }
    return Notice.give(account(world, n), "moved", booking=booked(world, n), detail=moved)


def follow_notice(world, n, browser):
    return f"/sync/notices/{notice(world, n).id}/move", {}


def leave_notice(world, n, browser):
    return f"/sync/notices/{notice(world, n).id}/leave", {}


def cancel_by_notice(world, n, browser):
    row = notice(world, n)
    Notice.update(kind="deleted").where(Notice.id == row.id).execute()
    return f"/sync/notices/{row.id}/cancel", {}


@pytest.mark.parametrize("case", cases(globals()), ids=lambda one: one.__name__)
def test_a_press_during_another_one_is_the_same_press(world, signed_in, monkeypatch, case):
    assert wrong_moments(world, signed_in, monkeypatch, case) == []
