"""Clients that came by online booking: to be checked, and merged with one button."""

import pytest
from online_world import TYPED, book, switch_on, text_of

from base.tables.audit import AuditEntry
from free_times.online import newcomers
from free_times.online.made_online import OnlineBooking
from models import Booking, Patient
from tests.pages import Filled, forms_of


@pytest.fixture
def page(linden, clock):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


@pytest.fixture
def maya(signed_in, linden):
    return signed_in(linden.maya)


def newcomer() -> Patient:
    return Patient.get(Patient.email == TYPED["email"])


def pressed(browser, path, end):
    """The form of the page with this end of its address, sent as it is."""
    form = next(one for one in forms_of(browser.get(path)) if one["action"].endswith(end))
    return Filled(form).send(browser)


def test_the_list_of_clients_names_who_is_to_be_checked(visitor, page, maya, linden, stranger):
    assert "booked online" not in text_of(maya.get("/clients/"))
    book(visitor, page.path)
    assert "1 client booked online, to be checked" in text_of(maya.get("/clients/"))
    shown = maya.get(f"/clients/{newcomer().id}")
    assert "Booked online, to be checked" in text_of(shown)
    assert "We found nobody like this" in text_of(shown)
    assert pressed(maya, f"/clients/{newcomer().id}", "/checked").status_code == 303
    assert not newcomers.is_to_check(newcomer()) and not newcomers.waiting(linden.clinic)
    assert "to be checked" not in text_of(maya.get("/clients/"))
    assert AuditEntry.about(newcomer()).first().action == "patient.checked"
    maya.post(f"/clients/{newcomer().id}/checked")  # a second press
    assert AuditEntry.about(newcomer()).where(AuditEntry.action == "patient.checked").count() == 1


def test_a_likely_double_is_merged_with_one_button(visitor, page, maya, linden):
    known = Patient.add(linden.clinic, linden.olive, first_name="Nora", last_name="Visitor")
    book(visitor, page.path)
    gone = newcomer()
    answer = pressed(maya, f"/clients/{gone.id}", f"/{known.id}/merge")
    assert answer.status_code == 303 and answer.location.endswith(f"/clients/{known.id}")
    kept = Patient.get_by_id(known.id)
    assert (kept.email, kept.internal_id) == (TYPED["email"], known.internal_id)
    assert Booking.get().patient_id == known.id
    assert not newcomers.waiting(linden.clinic) and not OnlineBooking.get().is_to_check
    assert "Undo the merge" in text_of(maya.get(f"/clients/{known.id}"))


def test_where_the_two_differ_somebody_chooses(visitor, page, maya, linden):
    known = Patient.add(
        linden.clinic, linden.olive, first_name="Nora", last_name="Visitor", email="old@x.test"
    )
    book(visitor, page.path)
    shown = maya.get(f"/clients/{newcomer().id}")
    assert "Compare and merge" in text_of(shown)
    assert f"/clients/{known.id}/merge?other={newcomer().id}" in shown.text
    assert not any(one["action"].endswith("/merge") for one in forms_of(shown))


def test_known_clients_and_cancelled_bookings_need_no_check(visitor, page, maya, linden):
    book(visitor, page.path)
    newcomers.mark_checked(newcomer(), linden.maya)
    book(visitor, page.path, at=5)  # the same e-mail and name
    assert Booking.select().count() == 2 and not newcomers.waiting(linden.clinic)
    book(visitor, page.path, TYPED | {"name": "Other Person", "email": "other@visitor.test"}, at=9)
    assert [one.name for one in newcomers.waiting(linden.clinic)] == ["Other Person"]
    Booking.get(Booking.patient == newcomers.waiting(linden.clinic)[0]).cancel(None)
    assert not newcomers.waiting(linden.clinic)


def test_a_merge_that_is_undone_leaves_the_client_to_be_checked_again(visitor, page, maya, linden):
    known = Patient.add(linden.clinic, linden.olive, first_name="Nora", last_name="Visitor")
    book(visitor, page.path)
    gone = newcomer()
    checked = TYPED | {"name": "Other Person", "email": "other@visitor.test"}
    book(visitor, page.path, checked, at=9)
    newcomers.mark_checked(Patient.get(Patient.email == checked["email"]), linden.maya)
    pressed(maya, f"/clients/{gone.id}", f"/{known.id}/merge")
    assert not newcomers.waiting(linden.clinic)
    undo = pressed(maya, f"/clients/{known.id}", "/merge/undo")
    assert undo.status_code == 303 and newcomers.waiting(linden.clinic) == [gone]
    assert newcomers.is_to_check(gone) and not newcomers.is_to_check(known)
    pressed(maya, f"/clients/{gone.id}", f"/{known.id}/merge")
    assert not newcomers.waiting(linden.clinic)
