"""The calendars that offer a service, all or some, with their own length and price; and the
consequences.
"""

import html
import re

import pytest

from free_times.own_terms import OwnTerms
from models import AuditEntry, Practitioner, Service

PARTIAL = {"HX-Request": "true"}


def text(answer) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))).split())


@pytest.fixture
def maya(signed_in, linden, clock):
    return signed_in(linden.maya)


@pytest.fixture
def page(linden):
    return f"/services/{linden.service.id}/people"


@pytest.fixture
def only_quinn(maya, linden, page):
    """Quinn offers it in London alone, in 80 minutes for £90."""
    quinn = linden.colleague_calendar.id
    typed = {"who": "chosen", f"offers_{quinn}": "y", f"minutes_{quinn}": "80"}
    assert maya.post(page, data=typed | {f"price_{quinn}": "90"}).status_code == 303


def test_everyone_offers_what_there_is(maya, linden, page):
    said = maya.get(page).get_data(as_text=True)
    assert len(re.findall(r"<input checked", said)) == 4  # "Everyone", and three calendars
    assert "Everyone" in text(maya.get("/services/"))


def test_some_are_chosen_with_their_own_length_and_price(maya, linden, only_quinn):
    row = OwnTerms.get()
    assert (row.practitioner, row.duration_minutes, row.price_cents) == (
        *(linden.colleague_calendar, 80, 9000),
    )
    assert not Service.get_by_id(linden.service.id).for_everyone
    assert AuditEntry.about(linden.service).first().detail == {"fields": ["offers"]}
    assert "1 person" in text(maya.get("/services/"))


def test_next_free_lists_who_offers_it_for_as_long_as_it_takes_them(maya, linden, only_quinn):
    found = text(maya.get("/free-times/", query_string={"service": linden.service.id}))
    assert "Quinn Linden" in found and "09:00–10:20" in found and "with Pat" not in found
    query = {"service": linden.service.id, "calendar": linden.calendar.id}
    assert "Nobody offers this" in text(maya.get("/free-times/", query_string=query))


def test_the_booking_form_takes_their_length_and_price(maya, linden, only_quinn):
    query = {"day": "2026-11-26", "starts": "09:00", "service": linden.service.id}
    query |= {"calendar": linden.colleague_calendar.id, "fill": "service", "repeat": "once"}
    said = maya.get("/bookings/check", query_string=query, headers=PARTIAL)
    assert 'value="10:20"' in said.get_data(as_text=True)
    assert 'value="90"' in said.get_data(as_text=True)
    assert "does not offer" not in text(said)
    said = maya.get("/bookings/check", query_string=query | {"calendar": linden.calendar.id})
    assert "Pat Linden does not offer Shoulder at Linden Street. You can book it anyway." in (
        text(said)
    )


def test_own_length_stays_where_everyone_offers_it_again(maya, linden, page, only_quinn):
    quinn = linden.colleague_calendar.id
    maya.post(page, data={"who": "everyone", f"minutes_{quinn}": "80", f"price_{quinn}": ""})
    row = OwnTerms.get()
    assert (row.duration_minutes, row.price_cents) == (80, None)
    assert Service.get_by_id(linden.service.id).for_everyone
    maya.post(page, data={"who": "everyone"})
    assert OwnTerms.select().count() == 0


def test_a_new_service_asks_who_offers_it(maya, linden):
    assert "Who offers it?" in text(maya.get("/services/new"))
    new = {"name": "Gait", "duration_minutes": "30", "colour": "blue", "who": "chosen"}
    answer = maya.post("/services/", data=new)
    made = Service.get(Service.name == "Gait")
    assert answer.location == f"/services/{made.id}/people" and not made.for_everyone
    assert "Nobody yet" in text(maya.get("/services/"))
    said = text(maya.get("/free-times/", query_string={"service": made.id}))
    assert "Nobody offers this" in said


@pytest.mark.parametrize("minutes", ["4", "721", "ten"])
def test_a_length_that_is_none_is_refused(maya, linden, page, minutes):
    answer = maya.post(page, data={"who": "chosen", f"minutes_{linden.calendar.id}": minutes})
    assert answer.status_code == 422 and "Write whole minutes from 5 to 720" in text(answer)
    assert OwnTerms.select().count() == 0


def test_two_people_may_change_different_calendars(maya, linden, page):
    seen = re.search(r'name="seen"[^>]*value="([^"]*)"', maya.get(page).get_data(as_text=True))[1]
    pat, quinn = linden.calendar.id, linden.colleague_calendar.id
    everyone = {f"offers_{one.id}": "y" for one in Practitioner.select()}
    shown = everyone | {"who": "everyone", "seen": seen}
    assert maya.post(page, data=shown | {f"minutes_{pat}": "30"}).status_code == 303
    assert maya.post(page, data=shown | {f"minutes_{quinn}": "40"}).status_code == 303
    rows = OwnTerms.select().order_by(OwnTerms.duration_minutes)
    assert [(row.practitioner_id, row.duration_minutes) for row in rows] == [(pat, 30), (quinn, 40)]
    answer = maya.post(page, data=shown | {f"minutes_{pat}": "45"})
    assert answer.status_code == 422 and "Someone else changed this" in text(answer)


def test_closed_calendars_keep_what_they_have(maya, linden, page, only_quinn):
    linden.colleague_calendar.set_archived(True, None)
    maya.post(page, data={"who": "chosen", f"offers_{linden.calendar.id}": "y"})
    assert {row.practitioner_id for row in OwnTerms.select()} == {
        *(linden.calendar.id, linden.colleague_calendar.id)
    }
    assert "1 person" in text(maya.get("/services/"))


def test_only_managers_of_the_clinic_may(app, signed_in, linden, stranger, clock, page):
    assert signed_in(linden.pat).get(page).status_code == 403
    assert signed_in(linden.pat).post(page, data={"who": "chosen"}).status_code == 403
    sam = app.test_client()
    sam.post("/sign-in", data={"email": stranger.email, "password": "correct horse battery"})
    assert sam.get(page).status_code == 404
    assert sam.post(page, data={"who": "chosen"}).status_code == 404
    assert Service.get_by_id(linden.service.id).for_everyone


def test_both_gaps_are_stored_and_may_be_left_empty(maya, linden):
    new = {"name": "Gait", "duration_minutes": "30", "colour": "blue", "buffer_minutes": ""}
    maya.post("/services/", data=new | {"gap_before_minutes": "2880"})
    made = Service.get(Service.name == "Gait")
    assert (made.gap_before_minutes, made.buffer_minutes, made.for_everyone) == (2880, 0, True)
    assert "48 hours, 0 min" in text(maya.get("/services/"))
