"""Letters that wait while two records of one client are merged go once to the address of the kept
record, and never to the other. And links of a booking that was given to another client.
"""

import re
from datetime import UTC, datetime, timedelta

import pytest
from client_world import booked, event, parts, team_is_told_nothing
from online_world import book, switch_on

from base import vault
from base.bookings.client_letters import LetterSettings
from base.scheduling import Span
from free_times.online import by_letter, present_client
from letters import reminders
from models import Booking, Patient
from people import merges

# No statement here is written for one database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def kept(linden, letters):
    team_is_told_nothing(linden)
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    linden.patient.change(None, email="kept@client.test")
    return Patient.get_by_id(linden.patient.id)


@pytest.fixture
def gone(linden, kept):
    """A second record of the same client, with an old address."""
    return Patient.named(linden.clinic, None, "Gosia Wójcik", email="old@client.test")


def merge(kept, gone, *take):
    return merges.merge(Patient.get_by_id(kept.id), Patient.get_by_id(gone.id), None, take)


def move(made, linden, clock):
    clock.now += timedelta(minutes=1)
    made = type(made).get_by_id(made.id)
    later = timedelta(hours=1)
    made.change(linden.olive, Span(made.starts_at + later, made.ends_at + later))


@pytest.mark.parametrize(("take", "to"), [([], "kept@client.test"), (["email"], "old@client.test")])
def test_what_waits_goes_once_to_the_address_that_was_kept(
    linden, clock, letters, kept, gone, take, to
):
    booked(linden, clock, patient=gone)
    merge(kept, gone, *take)
    (letter,) = letters.send()
    assert letter["To"] == to and "You are booked" in parts(letter).text
    assert event(letter)[1]["ATTENDEE"] == f"mailto:{to}"
    assert letters.send() == []


def test_what_waits_before_and_after_a_merge_is_one_letter(linden, clock, letters, kept, gone):
    made = booked(linden, clock, patient=gone)
    merge(kept, gone)
    move(made, linden, clock)
    (letter,) = letters.send()
    assert letter["To"] == "kept@client.test" and "You are booked" in parts(letter).text


def test_what_the_merged_record_was_told_is_known_and_only_changes_are_told(
    linden, clock, letters, kept, gone
):
    made = booked(linden, clock, patient=gone)
    (first,) = letters.send()
    merge(kept, gone)
    assert first["To"] == "old@client.test" and letters.send() == []
    move(made, linden, clock)
    clock.now += timedelta(minutes=1)
    (moved,) = letters.send()
    assert moved["To"] == "kept@client.test" and "has changed" in parts(moved).text
    type(made).get_by_id(made.id).cancel(linden.olive)
    (last,) = letters.send()
    assert last["To"] == "kept@client.test" and event(last)[0].method == "CANCEL"
    assert event(last)[1]["UID"] == event(first)[1]["UID"]


def test_without_an_address_that_stands_nothing_goes_out(linden, clock, letters, kept, gone):
    booked(linden, clock, patient=gone)
    merge(kept, gone)
    Patient.get_by_id(kept.id).change(None, email="")
    assert letters.send() == []


def test_a_merge_that_is_taken_back_leaves_the_letter_with_its_client(
    linden, clock, letters, kept, gone
):
    booked(linden, clock, patient=gone)
    done = merge(kept, gone)
    assert merges.undo(done, None) is not None
    (letter,) = letters.send()
    assert letter["To"] == "old@client.test"


@pytest.mark.parametrize("unreminded", ["nobody", "kept", "gone"])
def test_a_reminder_that_waits_goes_to_who_stands_unless_they_want_none(
    linden, clock, letters, kept, gone, app, unreminded
):
    booked(linden, clock, patient=gone)  # Friday 27 November
    letters.send()
    clock.now = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
    with app.app_context():
        reminders.write_due()
    said = {"nobody": [], "kept": [kept.id], "gone": [gone.id]}[unreminded]
    Patient.update(unreminded_at=clock.now).where(Patient.id.in_(said)).execute()
    done = merge(kept, gone)
    clock.now += timedelta(minutes=30)
    with app.app_context():
        reminders.write_due()
    to = ["kept@client.test"] if unreminded == "nobody" else []
    assert [one["To"] for one in letters.send()] == to
    merges.undo(done, None)
    silent = [row.id for row in Patient.select().where(Patient.unreminded_at.is_null(False))]
    assert silent == said


def link_in(letter) -> str:
    """The path of the client's own page about it; "" where none is named."""
    found = re.search(
        r"http://localhost(/(appointment|book/linden/booking)/\S+)", parts(letter).text
    )
    return found[1] if found else ""


@pytest.mark.parametrize("by", ["the team", "a visitor"])
def test_a_link_ends_with_whose_appointment_it_is(app, linden, clock, letters, kept, gone, by):
    """Whoever had it before sees and cancels nothing of the next client's."""
    visitor = app.test_client(use_cookies=False)
    if by == "the team":
        booked(linden, clock, patient=gone)
    else:
        book(visitor, switch_on(linden).path, at=30)
    (letter,) = letters.send()
    before = link_in(letter)
    assert visitor.get(before).status_code == 200
    clock.now += timedelta(minutes=1)
    made = Booking.get()
    made.change(linden.olive, made.span, patient=kept)
    links = {one["To"]: link_in(one) for one in letters.send()}
    assert sorted(links) == sorted([letter["To"], "kept@client.test"])
    assert links[letter["To"]] == "" and links["kept@client.test"] not in ("", before)
    assert visitor.get(links["kept@client.test"]).status_code == 200
    assert visitor.get(before).status_code == 404
    assert visitor.post(f"{before.rstrip('/')}/cancel").status_code == 404
    assert Booking.get().status == "confirmed"


def test_a_link_goes_on_after_a_merge_and_one_of_an_earlier_version_until_then(
    app, linden, clock, letters, kept, gone
):
    made = booked(linden, clock, patient=gone)
    link = link_in(*letters.send())
    merge(kept, gone)
    visitor = app.test_client(use_cookies=False)
    assert visitor.get(link).status_code == 200
    old = vault.derived(by_letter._PURPOSE, str(made.uuid))[0]
    for at, status in ((-1, 200), (1, 404)):
        created_at = present_client.UNNAMED + timedelta(days=at)
        Booking.update(created_at=created_at).where(Booking.id == made.id).execute()
        assert visitor.get(f"/appointment/{made.uuid}/{old}/").status_code == status
