"""Two records of one client made one, and that taken back."""

from datetime import timedelta

import pytest

from base.scheduling import Span
from base.tables.notes import NoteVersion
from models import Booking, Patient, Practitioner
from people import clients, merges
from people.merges import CannotMerge, ClientMerge


@pytest.fixture
def double(linden, clock):
    """A second record of Małgorzata, with a booking of her own."""
    client = Patient.add(
        linden.clinic, linden.pat, first_name="Gosia", last_name="Wójcik", email="g@wojcik.test"
    )
    client.change(linden.pat, notes="prefers mornings")
    client.change(linden.pat, notes="prefers afternoons")
    start = clock.now + timedelta(days=3)
    Booking.book(
        linden.calendar, [Span(start, start + timedelta(hours=1))], linden.pat, patient=client
    )
    return Patient.get_by_id(client.id)


def said(client: Patient) -> dict:
    row = Patient.get_by_id(client.id)
    return {name: getattr(row, name) for name in (*merges.COLUMNS, "notes", "archived")}


def test_bookings_notes_and_what_the_kept_one_lacks_come_over(linden, double):
    linden.patient.change(linden.pat, notes="left knee")
    rev = Practitioner.get_by_id(linden.calendar.id).calendar_rev
    earlier = [row.text for row in NoteVersion.of(double)]
    merges.merge(linden.patient, double, linden.pat, [])
    kept = Patient.get_by_id(linden.patient.id)
    assert kept.name == "Małgorzata Wójcik" and kept.email == "g@wojcik.test"
    assert kept.notes == "left knee\n\nprefers afternoons"
    assert set(earlier) < {row.text for row in NoteVersion.of(kept)}
    assert {row.patient_id for row in Booking.select()} == {kept.id}
    assert Practitioner.get_by_id(linden.calendar.id).calendar_rev > rev
    assert double.id not in {row.id for row in clients.matching(linden.clinic, "gosia")}
    assert double.id not in {row.id for row in clients.matching(linden.clinic, "", archived=True)}


def test_what_was_chosen_is_taken_over_and_either_id_leads_to_the_client(linden, double):
    ids = linden.patient.internal_id, double.internal_id
    merges.merge(linden.patient, double, linden.pat, ["name", "internal_id"])
    kept = Patient.get_by_id(linden.patient.id)
    assert (kept.name, kept.internal_id) == ("Gosia Wójcik", ids[1])
    assert {clients.with_internal_id(linden.clinic, one) for one in ids} == {kept}
    assert double.record_in_use == kept


@pytest.mark.parametrize("take", [[], ["name"], ["name", "internal_id", "phone", "email"]])
def test_undone_both_records_are_as_they_were(linden, double, take):
    linden.patient.change(linden.pat, notes="left knee", email="m@wojcik.test", phone="1234567")
    before = said(linden.patient), said(double)
    bookings = {row.id: row.patient_id for row in Booking.select()}
    earlier = [row.text for row in NoteVersion.of(double)]
    done = merges.merge(linden.patient, double, linden.pat, take)
    assert merges.undo(done, linden.pat) == []
    assert (said(linden.patient), said(double)) == before
    assert {row.id: row.patient_id for row in Booking.select()} == bookings
    assert [row.text for row in NoteVersion.of(double)] == earlier
    assert merges.undo(done, linden.pat) is None  # once


def test_what_was_changed_or_booked_since_stays_with_the_kept_one(linden, double, clock):
    done = merges.merge(linden.patient, double, linden.pat, ["name"])
    kept = Patient.get_by_id(linden.patient.id)
    kept.change(linden.quinn, email="new@wojcik.test")
    start = clock.now + timedelta(days=5)
    booked = Booking.book(
        linden.calendar, [Span(start, start + timedelta(hours=1))], linden.pat, patient=double
    )
    assert booked[0].patient == kept  # a form that was open meanwhile
    assert merges.undo(done, linden.pat) == ["email"]
    kept = Patient.get_by_id(kept.id)
    assert (kept.name, kept.email) == ("Małgorzata Wójcik", "new@wojcik.test")
    assert Booking.get_by_id(booked[0].id).patient == kept


def test_a_record_is_merged_once_and_never_into_itself(linden, double):
    merges.merge(linden.patient, double, linden.pat, [])
    third = Patient.add(linden.clinic, linden.pat, first_name="M", last_name="W")
    for kept, gone in ((linden.patient, double), (double, third), (third, double), (third, third)):
        with pytest.raises(CannotMerge):
            merges.merge(kept, gone, linden.pat, [])


def test_a_chain_leads_to_its_end_and_comes_apart_in_order(linden, double):
    third = Patient.add(linden.clinic, linden.pat, first_name="M", last_name="W")
    first = merges.merge(linden.patient, double, linden.pat, [])
    second = merges.merge(third, linden.patient, linden.pat, [])
    assert {double.record_in_use, linden.patient.record_in_use} == {third}
    assert merges.undo(first, linden.pat) is None  # its bookings are the third record's by now
    assert {double.record_in_use, linden.patient.record_in_use} == {third}
    assert merges.undo(second, linden.pat) == []
    assert double.record_in_use == linden.patient.record_in_use == linden.patient
    assert merges.undo(first, linden.pat) == []
    assert double.record_in_use == double


def test_what_came_apart_before_a_chain_does_not_follow_it(linden, double):
    third = Patient.add(linden.clinic, linden.pat, first_name="M", last_name="W")
    merges.merge(linden.patient, double, linden.pat, [])
    second = merges.merge(third, linden.patient, linden.pat, [])
    Patient.update(merged_into=None, archived=False).where(Patient.id == double.id).execute()
    assert merges.undo(second, linden.pat) == []
    assert double.record_in_use == double


def test_nothing_is_written_into_a_record_that_was_merged_at_the_same_moment(linden, double):
    was = Patient.get_by_id(double.id).notes
    merges.merge(linden.patient, Patient.get_by_id(double.id), linden.pat, [])
    with pytest.raises(Patient.DoesNotExist):
        double.change(linden.quinn, notes="allergic to latex")
    assert Patient.get_by_id(double.id).notes == was


def test_a_merge_keeps_the_wish_for_no_reminders(linden, double, clock):
    Patient.update(unreminded_at=clock.now).where(Patient.id == double.id).execute()
    done = merges.merge(linden.patient, double, linden.pat, [])
    assert Patient.get_by_id(linden.patient.id).unreminded_at == clock.now
    assert merges.undo(done, linden.pat) == []
    assert Patient.get_by_id(linden.patient.id).unreminded_at is None
    assert Patient.get_by_id(double.id).unreminded_at == clock.now


def test_after_a_day_it_stays(linden, double, clock):
    done = merges.merge(linden.patient, double, linden.pat, [])
    clock.now += timedelta(days=1, seconds=1)
    assert ClientMerge.latest(linden.patient) is None and merges.undo(done, linden.pat) is None


def test_notes_that_are_too_long_together_are_kept_among_the_earlier_ones(linden, double):
    linden.patient.change(linden.pat, notes="x" * 3990)
    merges.merge(linden.patient, double, linden.pat, [])
    kept = Patient.get_by_id(linden.patient.id)
    assert kept.notes == "x" * 3990
    assert "prefers afternoons" in {row.text for row in NoteVersion.of(kept)}
