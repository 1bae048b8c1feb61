"""The rows that a letter names are loaded in one place, each by its right."""

import ast
from pathlib import Path
from types import SimpleNamespace

import external
import pytest
from client_world import booked

from letters import loading
from models import Clinic
from people.guide_notes import GuideNote
from sync.tables.unread import CalendarTrouble

LETTERS = Path(__file__).parents[2] / "letters"
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def loads(source: str) -> list[str]:
    """Calls that load one row by its id."""
    return [
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("get_by_id", "get_or_none")
    ]


def test_letters_load_rows_in_one_place():
    found = {path.name: loads(path.read_text()) for path in LETTERS.glob("*.py")}
    assert {name for name, calls in found.items() if calls} == {"loading.py"}


@pytest.mark.parametrize(
    "line", ["Account.get_by_id(1)", "Account.get_or_none(Account.id == 1)", "rows.get_or_none()"]
)
def test_every_such_call_is_seen(line):
    assert loads(line)


@pytest.fixture
def rows(linden, clock):
    """One of each row that a letter may name, by loader."""
    source = external.source(linden.pat)
    booking = booked(linden, clock)
    trouble = CalendarTrouble.create(
        clinic=linden.clinic, calendar=source, kind="calendar", reason="forbidden"
    )
    note = GuideNote.create(clinic=linden.clinic, page="google", is_helpful=False)
    return {
        "account": source.account,
        "trouble": trouble,
        "guide_note": note,
        "recipient": linden.pat,
        "person": linden.pat,
        "booking": booking,
        "client": linden.patient,
    }


def letter(clinic: Clinic, row) -> SimpleNamespace:
    detail = {"reader": row.id, "client": row.id}
    return SimpleNamespace(clinic_id=clinic.id, about=row.id, detail=detail)


def found(loader: str, told: SimpleNamespace):
    by_number = (told.about,) if loader in ("person", "booking") else ()
    return getattr(loading, loader)(told, *by_number)


@ON_SQLITE
@pytest.mark.parametrize(
    "loader", ["account", "trouble", "guide_note", "recipient", "person", "booking", "client"]
)
def test_a_letter_finds_rows_of_its_own_clinic_alone(rows, linden, stranger, loader):
    row = rows[loader]
    assert found(loader, letter(linden.clinic, row)) == row
    assert found(loader, letter(stranger.clinic, row)) is None


@ON_SQLITE
def test_a_calendar_of_another_clinic_is_not_found(linden, stranger):
    assert loading.calendar(linden.clinic.id, linden.calendar.id) == linden.calendar
    assert loading.calendar(stranger.clinic_id, linden.calendar.id) is None


@ON_SQLITE
def test_a_reader_who_has_left_gets_nothing(linden, clock):
    told = letter(linden.clinic, linden.pat)
    linden.pat.leave(linden.olive)
    assert loading.recipient(told) is None and loading.person(told, linden.pat.id) == linden.pat
