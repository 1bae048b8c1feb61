"""A CSV file: its encoding, its delimiter, its columns and its lines."""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from text import search_key

MOST_BYTES, MOST_LINES = 30 * 2**20, 200_000
OURS = ("line", "why")  # columns that the download of bad lines adds


class Unreadable(Exception):
    """The file as a whole cannot be used; the message is a sentence for whoever sent it."""


@dataclass(frozen=True)
class Column:
    """One column of a file: its name, what else it may be called, and what to write in it."""

    name: str
    also: str
    advice: str
    needed: bool = False


COLUMNS = {
    "clients": (
        Column("first_name", "first, given name, forename", "Up to 80 characters.", True),
        Column("last_name", "last, surname, family name", "Up to 80 characters. Leave it empty for a single name."),
        Column("internal_id", "ID, client ID, patient ID, client number, number, reference",
               "Your own ID, up to 20 characters. Left empty, we give the next one."),
        Column("email", "e-mail, email address, mail", "Such as name@example.org."),
        Column("phone", "telephone, mobile, phone number, tel", "Up to 40 characters."),
        Column("notes", "note, comment, comments, remarks", "Up to 4,000 characters."),
    ),
    "bookings": (
        Column("calendar", "practitioner, therapist, staff, provider, practitioner email", "E-mail or name of the person it is with.", True),
        Column("venue", "location, site, place", "Needed only for people who work at several venues."),
        Column("client", "patient, client ID, patient ID, internal ID, client name",
               "Internal ID or full name of a client who is in Kalends. May be empty."),
        Column("service", "treatment, appointment type, type", "Name of one of your services. May be empty."),
        Column("date", "day, start date", "2026-11-20, 20.11.2026 or 20/11/2026 (day first).", True),
        Column("start", "start time, from, time", "09:30 or 9:30 am, at the venue. Empty for whole days."),
        Column("end", "end time, to, until", "An end at or before the start lies on the next day."),
        Column("duration", "minutes, duration minutes, length", "In minutes, or 1:30. Left empty with no end, it is the service's."),
        Column("all_day", "whole day, full day", "yes for whole days."),
        Column("last_day", "end date, until date", "For several whole days: the last of them."),
        Column("status", "state",
               "One of offered, pending, confirmed, arrived, delivered, invoiced, paid, cancelled, no-show. Left empty: confirmed."),
        Column("rate", "price, fee, amount, daily rate", "Such as 65 or 65.50."),
        Column("notes", "note, comment, comments, remarks", "Up to 4,000 characters."),
    ),
}


@dataclass
class Sheet:
    """A file whose first line is understood. `names` holds our column name, or None, for each of its columns."""

    kind: str
    text: str
    delimiter: str
    header: list[str]
    names: list[str | None]
    guessed: str | None = None  # the encoding, where we had to guess it
    total: int = 0

    def lines(self) -> Iterator[tuple[int, list[str], str | None]]:
        """(number of its first line, cells, what is wrong with it as CSV or None) of each line below the header that is not empty."""
        source, number = io.StringIO(self.text, newline=""), 1
        reader = csv.reader(source, delimiter=self.delimiter, strict=True)
        while True:
            try:
                cells = next(reader)
                fault = self._misfit(cells, source.tell() == len(self.text))
            except StopIteration:
                return
            except csv.Error:
                cells, fault = [], "A quotation mark stands in the wrong place, or never closes."
            if number > 1 and (fault or any(cell.strip() for cell in cells)):
                yield number, cells, fault
            number = reader.line_num + 1

    def _misfit(self, cells: list[str], is_last: bool) -> str | None:
        """Too many cells, or too few at an end without a line break. Elsewhere too few are fine: spreadsheets drop empty ones."""
        if any(cells[len(self.header):]):
            return (f"It has {len(cells)} cells, the first line only {len(self.header)}. "
                    f"Put quotation marks around text that holds a “{self.delimiter}”.")
        if is_last and len(cells) < len(self.header) and self.text[-1] not in "\r\n":
            return "The file breaks off in this line. Export it once more."
        return None


def decode(raw: bytes) -> tuple[str, str | None]:
    """The file as text, and the encoding we had to guess, if so. Raises Unreadable."""
    if not raw.strip():
        raise Unreadable("The file is empty. Choose the one that you exported.")
    if len(raw) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 2**20} MB. Split it in two.")
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable("This is a workbook, not a CSV file. Open it, choose Save as, and take “CSV UTF-8”.")
    try:
        wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
        text, guessed = raw.decode("utf-16" if wide else "utf-8-sig"), None
    except UnicodeDecodeError as error:
        if wide or error.start > len(raw) - 4 and "end of data" in error.reason:
            raise Unreadable("The file ends in the middle of a letter: it did not arrive whole. Export it once more.") from None
        text, guessed = _single_bytes(raw)
    if "\0" in text:
        raise Unreadable("This is not a text file. Export the list as CSV and choose that.")
    return text, guessed


def _single_bytes(raw: bytes) -> tuple[str, str]:
    try:
        return raw.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return raw.decode("latin-1"), "Latin-1"


def open_sheet(kind: str, text: str, guessed: str | None = None) -> Sheet:
    """Find delimiter and columns in the first line, and count the others. Raises Unreadable."""
    known = {_plain(name): column.name for column in COLUMNS[kind] for name in (column.name, *column.also.split(","))}
    sheets = []
    for delimiter in (",", ";", "\t"):
        header = _header(text, delimiter)
        sheets.append(Sheet(kind, text, delimiter, header, [known.get(_plain(cell)) for cell in header], guessed))
    sheet = max(sheets, key=lambda sheet: len(sheet.names) - sheet.names.count(None))
    found = Counter(name for name in sheet.names if name)
    if missing := [column.name for column in COLUMNS[kind] if column.needed and column.name not in found]:
        raise Unreadable(f"We do not find {' and '.join(missing)} in the first line. It must name the columns, with commas, semicolons or tabs "
                         f"between them: {', '.join(column.name for column in COLUMNS[kind])}.")
    if twice := [name for name, count in found.items() if count > 1]:
        raise Unreadable(f"Two columns both mean {twice[0]}. Keep one of them, or give the other another name.")
    sheet.total = sum(1 for _ in sheet.lines())
    if not sheet.total:
        raise Unreadable("There is nothing below the first line. Choose the file that holds the lines too.")
    if sheet.total > MOST_LINES:
        raise Unreadable(f"The file has more than {MOST_LINES:,} lines. Split it in two.")
    return sheet


def _header(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _plain(name: str) -> str:
    """A column's name without case, accents, spaces and signs: "First Name" and "first_name" are one."""
    return "".join(c for c in search_key(name[:80]) if c.isalnum())


def short(value: str) -> str:
    return value if len(value) <= 40 else value[:39] + "…"
