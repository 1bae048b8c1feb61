"""Clients, one in each line."""

import re
from collections.abc import Callable

from base import phones, region
from base.catalogue import _
from base.database import AlreadyUsed
from base.text import NoAddress, email, search_key
from models import Clinic, Patient, User, Venue

from . import cell_values
from .begun import Begun
from .check_report import Cells, Report
from .line_status import says_yes
from .sheet import Sheet


def line_reader(clinic: Clinic, sheet: Sheet) -> Callable[[Cells], dict]:
    """A function that reads one line: the columns of the client, and the line's number as
    `line`.
    """
    return _read


def _read(cells: Cells) -> dict:
    first, last, whole = (
        cells.text("first_name", 80),
        cells.text("last_name", 80),
        cells.text("name", 170),
    )
    if whole and not last and (not first or _begins_with(whole, first)):
        title, whole = cell_values.without_title(whole)
        if title:
            cells.note_once("name", _("Titles such as Dr are left out of the name."))
        first, last = (part[:80] for part in cell_values.names(whole))
    if not first:
        cells.fault("first_name", _("Write a first name, or the single name."))
    phone, others = _phones(cells)
    address, more = _addresses(cells)
    notes = "\n".join(
        [
            *filter(None, [cells.text("notes", 4000)]),
            *(_("Other phone: {other}", other=other) for other in others),
            *(_("Other e-mail: {other}", other=other) for other in more),
        ]
    )
    row = {
        "line": cells.number,
        "first_name": first,
        "last_name": last,
        "internal_id": cell_values.identifier(cells.text("internal_id", 20)),
        "email": address,
        "phone": phone,
        "notes": notes,
        "archived": says_yes(cells, "archived"),
    }
    for column in ("internal_id", "phone"):
        if cell_values.is_spoiled(row[column]):
            cells.fault(
                column,
                _(
                    "A spreadsheet has spoiled this number (it ends in E+…). Format the column"
                    " as text and export it again."
                ),
            )
    if len(address) > 254:
        cells.fault("email", _("Use at most {limit} characters.", limit=254))
    if len(row["phone"]) > 40:
        cells.fault("phone", _("Use at most 40 characters."))
    try:
        row["email"] = row["email"] and email(row["email"])
    except NoAddress:
        cells.fault("email", _("Write an address such as name@example.org."))
    return row


def _begins_with(whole: str, first: str) -> bool:
    """Whether a whole name is this first name and more, which would be lost."""
    return search_key(whole).startswith(f"{search_key(first)} ")


def _phones(cells: Cells) -> tuple[str, list[str]]:
    """The first number, and the others with the names of their columns."""
    numbers = [
        number
        for column in ("phone", "other_phone")
        for raw in cells.texts(column, 200)
        for number in cell_values.phones(raw)
    ]
    first = next(iter(numbers), "")
    called = cell_values.bare_phone(first) or first
    return called, [
        other for other in dict.fromkeys(numbers[1:]) if cell_values.bare_phone(other) != called
    ]


def _addresses(cells: Cells) -> tuple[str, list[str]]:
    """The first e-mail address, in small letters, and the others."""
    found = [
        _address(part)
        for column in ("email", "other_email")
        for raw in cells.texts(column, 600)
        for part in re.findall(r"<([^<>\s]+@[^<>\s]+)>", raw)
        or re.split(r"\s*(?::::|[;\s]\s*(?=\S+@))\s*", raw)
        if part.strip()
    ]
    several = list(dict.fromkeys(found))
    return next(iter(several), ""), several[1:]


def _address(raw: str) -> str:
    """The address of one part of a cell: “Work: ada@x.test”, or a link."""
    bare = raw.rpartition(": ")[2].strip().lower()
    return bare.removeprefix("'").removeprefix("mailto:")  # spreadsheets mark text with an '


def fit(clinic: Clinic, report: Report, takes_overlaps: bool = False) -> set[str]:
    """Refuse internal IDs, and people without an ID, that Kalends has already or that occur twice
    in the file. Returns the IDs that are in use, in Kalends or in the file, in small letters.
    """
    there = _known(clinic)
    ids: dict[str, int | None] = {
        internal_id.lower(): None for internal_id, __ in there if internal_id
    }
    people: dict[tuple, int | None] = {person: None for __, person in there}
    kept = []
    for row in report.rows:
        line = row["line"]
        person = _person(row["first_name"], row["last_name"], row["email"], row["phone"])
        column, seen, key = (
            ("internal_id", ids, row["internal_id"].lower())
            if row["internal_id"]
            else ("first_name", people, person)
        )
        if key in seen:
            _refuse(report, line, column, seen[key])
            continue
        seen[key] = people[person] = line
        kept.append(row)
    report.rows = kept
    return set(ids)


def _refuse(report: Report, line: int, column: str, earlier: int | None) -> None:
    """Note a fault: an earlier line or Kalends has the same ID, or the same person."""
    what = _("this ID") if column == "internal_id" else _("this name, e-mail and phone")
    sentence = (
        _("Line {line} has {what} already.", line=earlier, what=what)
        if earlier
        else _("A client in Kalends has {what} already.", what=what)
    )
    if column == "first_name":
        sentence += " " + _("If they are two people, give this one an internal ID.")
    report.fault(line, column, sentence)


def _known(clinic: Clinic, since: int = 0) -> list[tuple[str | None, tuple[str, str, str]]]:
    """The clients with an id above this: their internal IDs, and their names and contacts."""
    columns = (
        Patient.internal_id,
        Patient.first_name,
        Patient.last_name,
        Patient.email,
        Patient.phone,
    )
    rows = Patient.select(*columns).where(Patient.clinic == clinic, Patient.id > since).tuples()
    return [(internal_id, _person(*rest)) for internal_id, *rest in rows]


def _person(first: str, last: str, mail: str, phone: str) -> tuple[str, str, str]:
    return search_key(first, last), mail.lower(), "".join(c for c in phone if c.isdigit())


def first_of(rows: list[dict]) -> dict:
    """Empty: clients have no place in the calendar."""
    return {}


class ImportingClients:
    """Importing the clients of a file that was checked, one portion at a time."""

    def __init__(self, clinic: Clinic, begun: Begun, takes_overlaps: bool):
        self._clinic, self._begun = clinic, begun
        self._ids: set[str] = set()
        self._seen = self._number = 0

    def fit(self, report: Report) -> None:
        """Compare the lines of a report with the clinic's rows."""
        self._seen = _latest_id()  # clients added after this are searched later
        self._ids = fit(self._clinic, report)
        self._number = int(Patient.next_internal_id(self._clinic)[2:]) - 1

    def line(self, row: dict) -> int:
        """The row's line in the file."""
        return row["line"]

    def may_differ(self) -> bool:
        """False: with clients there is nothing to which a person agrees."""
        return False

    def is_current(self) -> bool:
        """True: each portion searches by itself for clients that were added meanwhile."""
        return True

    def fit_again(self, rows: list[dict], report: Report) -> list[dict]:
        """Return the rows as they are. `add` leaves out clients that somebody else added."""
        return rows

    def add(self, rows: list[dict], actor: User | None, report: Report) -> int:
        """Make the clients of these rows and count them, in the transaction that locks the clinic.
        Clients without an ID get one.
        """
        came = _known(self._clinic, self._seen)
        try:
            count = self._add(self._without(rows, came, report), actor)
        except AlreadyUsed:  # somebody gave this ID to an existing client meanwhile
            count = self._add(self._without(rows, _known(self._clinic), report), actor)
        self._seen = _latest_id()
        return count

    def _without(self, rows: list[dict], there: list, report: Report) -> list[dict]:
        """The rows without those that exist already (`there`)."""
        ids = {internal_id.lower() for internal_id, __ in there if internal_id}
        people = {person for __, person in there}
        self._ids |= ids
        kept = []
        for row in rows:
            line = row["line"]
            person = _person(row["first_name"], row["last_name"], row["email"], row["phone"])
            if row["internal_id"].lower() in ids:
                _refuse(report, line, "internal_id", None)
            elif not row["internal_id"] and person in people:
                _refuse(report, line, "first_name", None)
            else:
                kept.append({name: row[name] for name in row if name != "line"})
        return kept

    def _add(self, rows: list[dict], actor: User | None) -> int:
        for row in rows:
            row["internal_id"] = row["internal_id"] or self._next_id()
        if rows:
            self._begun.entry = Patient.add_many(self._clinic, rows, actor, self._begun.entry)
        return len(rows)

    def _next_id(self) -> str:
        """The next free generated ID."""
        self._number += 1
        while f"k-{self._number}" in self._ids:
            self._number += 1
        return f"K-{self._number}"


def _latest_id() -> int:
    return Patient.select(Patient.id).order_by(Patient.id.desc()).limit(1).scalar() or 0


def example(clinic: Clinic) -> list[dict[str, str]]:
    """Rows of an example file, with a phone number of the clinic's country."""
    venue = Venue.listed(clinic).first()
    country = region.country_of(venue.zone_name) if venue else ""
    return [
        {
            "first_name": "Ada",
            "last_name": "Example",
            "internal_id": "C-1",
            "email": "ada@mail.example",
            "phone": phones.example(country),
            "notes": "Prefers mornings",
        },
        {"first_name": "Björk", "notes": "One name is enough"},
    ]
