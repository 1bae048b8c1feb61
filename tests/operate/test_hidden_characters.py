"""Texts of earlier versions with characters that forms refuse: the migration removes them once."""

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

import models
from base.tables import past_values
from base.text import client_label, line
from models import Clinic, Feed, Patient, Service, User, Venue

step = importlib.import_module("migrations.0076_hidden_characters")

OVERRIDE, ZERO, FILLER = "\u202e", "\u200b", "\u3164"


def migrate_once():
    step.up(None, models.database)


def store(row, **columns):
    """As an earlier version did: past every rule."""
    type(row).update(**columns).where(type(row).id == row.id).execute()


@pytest.fixture
def spoiled(linden):
    store(linden.patient, first_name=f"Ada{OVERRIDE}eve", last_name=f"By{ZERO}ron\r\nX")
    store(linden.patient, search=f"ada{FILLER}eve by{ZERO}ron")
    store(linden.pat, name=f"{OVERRIDE}Pat\u2028Jones")
    store(linden.service, name=f"Mass{ZERO}age")
    store(linden.street, name=f"Linden{OVERRIDE}", address=f"1 High{ZERO} Street")
    store(linden.clinic, name=f"Lin{ZERO}den")
    return linden


def test_names_are_one_plain_line_and_can_be_saved_again(spoiled):
    migrate_once()
    found = Patient.get_by_id(spoiled.patient.id)
    assert (found.first_name, found.last_name) == ("Adaeve", "Byron X")
    assert found.search == "adaeve byron"
    assert User.get_by_id(spoiled.pat.id).name == "Pat Jones"
    assert Service.get_by_id(spoiled.service.id).name == "Massage"
    venue = Venue.get_by_id(spoiled.street.id)
    assert (venue.name, venue.address) == ("Linden", "1 High Street")
    assert Clinic.get_by_id(spoiled.clinic.id).name == "Linden"


def test_rows_with_good_texts_and_a_second_run_change_nothing(spoiled):
    def everything():
        tables = (Clinic, Venue, Service, User, Feed, Patient)
        return [row.__data__ for table in tables for row in table.select().order_by(table.id)]

    others = User.get_by_id(spoiled.quinn.id).__data__
    migrate_once()
    once = everything()
    migrate_once()
    assert everything() == once
    assert others == User.get_by_id(others["id"]).__data__


def test_revisions_grow_and_the_values_before_are_kept(spoiled):
    clinic = Clinic.get_by_id(spoiled.clinic.id)
    migrate_once()
    after = Clinic.get_by_id(clinic.id)
    assert after.latest_rev > clinic.latest_rev and after.faces_rev == after.latest_rev
    service = Service.get_by_id(spoiled.service.id)
    (second, _values), *_rest = service.before
    assert past_values.AsOf(service, second).name == f"Mass{ZERO}age"
    labels = Patient.get_by_id(spoiled.patient.id).label_changes
    assert labels["full_name"] > labels["internal_id"]


def test_another_clinic_keeps_its_revision(spoiled, stranger):
    before = Clinic.get_by_id(stranger.clinic_id).latest_rev
    migrate_once()
    assert Clinic.get_by_id(stranger.clinic_id).latest_rev == before


def test_a_name_in_use_gets_a_number_and_an_id_in_use_stays(linden):
    twins = [
        Service.add(linden.clinic, None, name=name)
        for name in ("Yoga", "Yo\u200bga", "Y\u200boga", f"{ZERO}")
    ]
    ids = [
        Patient.add(linden.clinic, None, first_name="A", internal_id=name)
        for name in ("Z-1", "z\u200b-1")
    ]
    migrate_once()
    names = [Service.get_by_id(one.id).name for one in twins]
    assert names == ["Yoga", "Yoga (2)", "Yoga (3)", ZERO]
    assert [Patient.get_by_id(one.id).internal_id for one in ids] == ["Z-1", "z\u200b-1"]


def test_rows_are_read_in_portions(linden, monkeypatch):
    monkeypatch.setattr(step, "PORTION", 2)
    rows = [Patient.add(linden.clinic, None, first_name=f"A{ZERO}{n}") for n in range(5)]
    migrate_once()
    assert [Patient.get_by_id(one.id).first_name for one in rows] == [f"A{n}" for n in range(5)]


@given(st.text(st.characters(max_codepoint=0x10FFFF), max_size=30))
def test_what_the_step_leaves_is_what_forms_accept(value):
    mended = step.mended(value)
    assert line(mended, 1000) == mended


@pytest.mark.parametrize("name", ["علی\u200cرضا", "\u200fדנה", "ක්\u200dෂ", "Zoë O’Neil"])
def test_names_that_need_such_characters_keep_them(name):
    assert step.mended(name) == name == line(name, 80)


@pytest.mark.parametrize("filler", [FILLER, "\u115f", "\uffa0"])
def test_an_invisible_letter_is_no_initial(filler):
    assert client_label("initials", f"{filler}Ada", "Byron", "K-1") == "A. B."
