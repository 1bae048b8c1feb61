"""Clients, a line each."""

from collections.abc import Callable

from base.catalogue import _
from base.text import NoAddress, email, search_key
from models import Clinic, Patient, User

from . import values
from .report import Cells, Report
from .sheet import Sheet


def reader(clinic: Clinic, sheet: Sheet) -> Callable[[Cells], tuple[int, dict]]:
    """How to read one line: (its number, columns of the client)."""
    return _read


def _read(cells: Cells) -> tuple[int, dict]:
    first, last, whole = (
        cells.take("first_name", 80),
        cells.take("last_name", 80),
        cells.take("name", 170),
    )
    if whole and not first and not last:
        first, last = (part[:80] for part in values.names(whole))
    if not first:
        cells.fault("first_name", _("Write a first name, or the single name."))
    phone, others = _phones(cells)
    notes = "\n".join(
        [
            *filter(None, [cells.take("notes", 4000)]),
            *(_("Other phone: {other}", other=other) for other in others),
        ]
    )
    row = {
        "first_name": first,
        "last_name": last,
        "internal_id": cells.take("internal_id", 20),
        "email": cells.take("email", 254).lower(),
        "phone": phone,
        "notes": notes,
    }
    for column in ("internal_id", "phone"):
        if values.is_spoiled(row[column]):
            cells.fault(
                column,
                _(
                    "A spreadsheet has spoiled this number (it ends in E+…). Format the column"
                    " as text and export it again."
                ),
            )
    if len(row["phone"]) > 40:
        cells.fault("phone", _("Use at most 40 characters."))
    try:
        row["email"] = row["email"] and email(row["email"])
    except NoAddress:
        cells.fault("email", _("Write an address such as name@example.org."))
    return cells.number, row


def _phones(cells: Cells) -> tuple[str, list[str]]:
    """The first number, and the others as they are called in the file."""
    numbers = [
        number
        for column in ("phone", "other_phone")
        for raw in cells.take_all(column, 200)
        for number in values.phones(raw)
    ]
    first = next(iter(numbers), "")
    called = values.bare_phone(first) or first
    return called, [
        other for other in dict.fromkeys(numbers[1:]) if values.bare_phone(other) != called
    ]


def fit(clinic: Clinic, report: Report, takes_overlaps: bool = False) -> None:
    """Refuse IDs, and people without an ID, who stand here already or twice in the file.

    Gives IDs to those without.
    """
    columns = (
        Patient.internal_id,
        Patient.first_name,
        Patient.last_name,
        Patient.email,
        Patient.phone,
    )
    there = [
        (internal_id, _person(*rest))
        for internal_id, *rest in Patient.select(*columns).where(Patient.clinic == clinic).tuples()
    ]
    ids: dict[str, int | None] = {
        internal_id.lower(): None for internal_id, __ in there if internal_id
    }
    people: dict[tuple, int | None] = {person: None for __, person in there}
    kept = []
    for line, row in report.rows:
        person = _person(row["first_name"], row["last_name"], row["email"], row["phone"])
        column, seen, key = (
            ("internal_id", ids, row["internal_id"].lower())
            if row["internal_id"]
            else ("first_name", people, person)
        )
        if key in seen:
            what = _("this ID") if column == "internal_id" else _("this name, e-mail and phone")
            report.fault(
                line,
                column,
                _("Line {line} has {what} already.", line=seen[key], what=what)
                if seen[key]
                else _("A client in Kalends has {what} already.", what=what),
            )
            continue
        seen[key] = people[person] = line
        kept.append(row)
    number = int(Patient.next_internal_id(clinic)[2:])
    for row in kept:
        while not row["internal_id"]:
            row["internal_id"] = f"K-{number}" if f"k-{number}" not in ids else ""
            number += 1
    report.rows = kept


def _person(first: str, last: str, mail: str, phone: str) -> tuple[str, str, str]:
    return search_key(first, last), mail.lower(), "".join(c for c in phone if c.isdigit())


def first_of(rows: list[dict]) -> dict:
    """Clients have no place in time."""
    return {}


def add(clinic: Clinic, rows: list[dict], actor: User | None) -> None:
    """Make the clients of these rows, in one transaction."""
    Patient.add_many(clinic, rows, actor)


def example(clinic: Clinic) -> list[dict[str, str]]:
    """Rows of a file as it may look."""
    return [
        {
            "first_name": "Ada",
            "last_name": "Example",
            "internal_id": "C-1",
            "email": "ada@mail.example",
            "phone": "+44 7700 900001",
            "notes": "Prefers mornings",
        },
        {"first_name": "Björk", "notes": "One name is enough"},
    ]
