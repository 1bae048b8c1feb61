"""A CSV file: its encoding, its delimiter, its columns and its lines."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from base.catalogue import _

from . import cell_values, encoding, languages, moments
from .file_columns import COLUMNS, OURS, SEVERAL, STANDS_FOR, TIMES
from .headings import head_line, keys, plain

MOST_BYTES, MOST_LINES = 30 * 2**20, 200_000


class UnreadableFile(Exception):
    """The file as a whole cannot be used; the message is a sentence for its sender."""


# Columns; letters between two line breaks.
MOST_COLUMNS, MOST_ROW = (
    200,
    100_000,
)
MOST_BREAKS = 2_000_000
# Outlook's prefix of the subject of a cancelled meeting.
_CALLED_OFF = re.compile(
    r"\s*(cancell?ed|abgesagt|annul[eé]e?|cancelad[oa]|annullat[oa]|geannuleerd|anulowan[eya])\s*:",
    re.I,
)
# A column of hours: a plain number in it does not count minutes.
_HOURS = re.compile(r"\b(hours?|hrs?|h)\b", re.I)


@dataclass
class Sheet:
    """A file whose columns are understood as far as possible.

    `names`: our name for each of its columns, "" for one that is left out, or None for one that
    nobody has explained. `choices`: a person's answers about it, see `Import.choices`.
    """

    kind: str
    text: str
    delimiter: str
    header: list[str]
    names: list[str | None]
    guessed: str | None = None  # the encoding, if it was guessed
    total: int = 0
    head_at: int = 1  # the line with the names of the columns
    preset: str = ""  # the program that probably wrote it
    choices: dict = field(default_factory=dict)
    has_known_heading: bool = True  # if not, its first line may be one of the list itself
    # Columns with content that have no name and no explanation.
    nameless: set[int] = field(default_factory=set)
    dates: str | None = None  # the order of day and month; None: a person must choose it

    def lines(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Each line below the header: (number of its first line, cells, fault or None). Empty lines
        are left out, and the header where it is repeated; the fault is one of CSV.
        """
        source, number = io.StringIO(self.text, newline=""), 1
        reader = csv.reader(source, delimiter=self.delimiter, strict=True, skipinitialspace=True)
        while True:
            try:
                cells = next(reader)
                fault = (
                    self._misfit(cells, source.tell() == len(self.text))
                    if number > self.head_at
                    else None
                )
            except StopIteration:
                return
            except csv.Error:
                cells, fault = [], _("A quotation mark stands in the wrong place, or never closes.")
            is_line = any(cell.strip() for cell in cells) and cells != self.header
            if number > self.head_at and (fault or is_line):
                yield number, cells, fault
            number = reader.line_num + 1

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """The cells of a line by our names. Several columns that mean notes are joined, each below
        its heading.
        """
        found: dict[str, str] = {}
        shared = [name for name in SEVERAL if self.names.count(name) > 1]
        for heading, name, cell in zip(self.header, self.names, cells, strict=False):
            if not name or (not cell.strip() and name in found):
                continue
            if name == "duration" and _is_of_hours(heading) and cell.strip()[-1:].isdigit():
                cell = cell if ":" in cell else f"{cell.strip()} hours"
            if name in shared:
                note = cell.strip()
                if name == "other_phone" and note.lower() in cell_values.NOTHING:
                    continue
                if note and name in ("notes", "other_phone"):
                    note = f"{heading.strip()}: {cell_values.without_mark(note)}"
                found[name] = "\n".join(filter(None, (found.get(name), note)))
            else:
                found[name] = cell
            if _CALLED_OFF.match(cell) and languages.in_english([plain(heading)], {}) == [
                "subject"
            ]:
                found.setdefault("cancelled", "yes")
        return found

    @property
    def missing(self) -> list[str]:
        """Needed columns that the file lacks."""
        named = {*self.names, *(STANDS_FOR[name] for name in self.names if name in STANDS_FOR)}
        named |= {"calendar"} if self.choices.get("calendar") else set()
        return [
            column.name
            for column in COLUMNS[self.kind]
            if column.needed and column.name not in named
        ]

    @property
    def doubled(self) -> list[str]:
        """Meanings that two columns have, though only one may."""
        counts = Counter(name for name in self.names if name)
        return [name for name, count in counts.items() if count > 1 and name not in SEVERAL]

    @property
    def unknown(self) -> list[str]:
        """Headings that nobody has explained."""
        return [
            heading.strip()
            for heading, name in zip(self.header, self.names, strict=True)
            if name is None and heading.strip() and heading.strip() not in OURS
        ]

    @property
    def left_out(self) -> list[str]:
        """Headings of columns that have no place here, or that a person said to leave out."""
        return [
            heading.strip()
            for heading, name in zip(self.header, self.names, strict=True)
            if name == "" and heading.strip()
        ]

    def _misfit(self, cells: list[str], is_last: bool) -> str | None:
        """The fault of a line with too many cells, or of the last line if it has too few cells and
        no line break. Elsewhere too few are fine: spreadsheets leave out empty ones.
        """
        if any(cells[len(self.header) :]):
            return _(
                "It has {count} cells, the first line only {names}. "
                "Put quotation marks around text with a “{delimiter}”.",
                count=len(cells),
                names=len(self.header),
                delimiter=self.delimiter,
            )
        if is_last and len(cells) < len(self.header) and self.text[-1] not in "\r\n":
            return _("The file breaks off in this line. Export it once more.")
        return None


def decode(raw: bytes, chosen: str | None = None) -> tuple[str, str | None]:
    """The file as text, and its encoding if it was guessed, or `chosen` (one of `encoding.NAMES`).
    A file in UTF-8 or UTF-16 is read so whatever was chosen. Raises UnreadableFile.
    """
    if not raw.strip():
        raise UnreadableFile(_("The file is empty. Choose the one that you exported."))
    if len(raw) > MOST_BYTES:
        raise UnreadableFile(
            _(
                "The file is larger than {most_bytes} MB. Split it in two.",
                most_bytes=MOST_BYTES // 2**20,
            )
        )
    if raw.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise UnreadableFile(
            _("This is a workbook, not a CSV file. Open it, choose Save as, and take “CSV UTF-8”.")
        )
    if sentence := _other_kind(raw[:200]):
        raise UnreadableFile(sentence)
    try:
        wide = encoding.wide(raw)
        text, guessed = raw.decode(wide or "utf-8-sig"), None
    except UnicodeDecodeError as error:
        if wide or (error.start > len(raw) - 4 and "end of data" in error.reason):
            raise UnreadableFile(
                _(
                    "The file ends in the middle of a letter: it did not arrive whole. Export"
                    " it once more."
                )
            ) from None
        if not chosen and encoding.is_damaged(raw):
            raise UnreadableFile(
                _(
                    "Line {line} has letters in another encoding than the others (UTF-8). Correct"
                    " them in a spreadsheet, and save the file as “CSV UTF-8”.",
                    line=raw.count(b"\n", 0, error.start) + 1,
                )
            ) from None
        text, guessed = _as_chosen(raw, chosen) if chosen else encoding.guess(raw)
    if "\0" in text:
        raise UnreadableFile(_("This is not a text file. Export the list as CSV and choose that."))
    return text, guessed


def _other_kind(first: bytes) -> str | None:
    """The sentence about a file that is text and no list, by its first bytes."""
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"begin:v"):
        return _(
            "This is a calendar or a card (.ics, .vcf), not a list. Export the list as CSV and"
            " choose that."
        )
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<table", b'{"', b"[{")):
        return _(
            "This is a web page or a file of data, also if it is called .xls. Open it in a"
            " spreadsheet, choose Save as, and take “CSV UTF-8”."
        )
    return None


def _as_chosen(raw: bytes, chosen: str) -> tuple[str, str]:
    text = encoding.read_as(raw, chosen)
    if text is None:
        raise UnreadableFile(
            _("The file cannot be in {name}: it has other letters.", name=encoding.NAMES[chosen])
        )
    return text, encoding.NAMES[chosen]


def open_sheet(
    kind: str, text: str, guessed: str | None = None, choices: Mapping | None = None
) -> Sheet:
    """Find delimiter and columns in the first lines, count the others, and decide the order of
    dates. Raises UnreadableFile.

    Open questions stay in the sheet: see `questions`.
    """
    sheet = peek(kind, text, guessed, choices)
    dates: set[str] = set()
    columns = [n for n, name in enumerate(sheet.names) if name in TIMES]
    unnamed = [
        n for n, name in enumerate(sheet.names) if name is None and not sheet.header[n].strip()
    ]
    for __, cells, __ in sheet.lines():
        sheet.total += 1
        sheet.nameless.update(n for n in unnamed if n < len(cells) and cells[n].strip())
        if sheet.total > MOST_LINES:
            raise UnreadableFile(
                _(
                    "The file has more than {most_lines} lines. Split it.",
                    most_lines=f"{MOST_LINES:,}",
                )
            )
        dates.update(cells[n][:40] for n in columns if n < len(cells))
    if not sheet.total:
        raise UnreadableFile(
            _("The file has nothing below the first line.")
            if sheet.head_at == 1
            else _("The file has nothing below its column names.")
        )
    sheet.dates = sheet.choices.get("dates") or _order(dates) or _order_elsewhere(sheet, dates)
    return sheet


def _order(cells: Iterable[str]) -> str | None:
    try:
        return moments.order_of(cell_values.plain_spaces(cell) for cell in cells)
    except moments.NoValue:
        raise UnreadableFile(
            _(
                "Some dates of the file have the day first, others the month. Give all of them one"
                " form, best 2026-11-20."
            )
        ) from None


def _order_elsewhere(sheet: Sheet, dates: set[str]) -> str | None:
    """The order that other columns show, such as when a visit was cancelled or paid: a program
    writes all dates alike. None: they show none, or contradict each other.
    """
    others: dict[int, set[str]] = {
        n: set() for n, name in enumerate(sheet.names) if name not in TIMES
    }
    for __, cells, __ in sheet.lines():
        for n in [n for n in others if n < len(cells)]:
            cell = cell_values.plain_spaces(cells[n][:40]).strip()
            if cell and not moments.is_dated(cell) and sheet.names[n] is None:
                del others[n]  # numbers of another meaning may look like dates
            else:
                others[n].add(cell)
    with suppress(moments.NoValue):
        return moments.order_of(
            [*map(cell_values.plain_spaces, dates), *set().union(*others.values())]
        )
    return None


def check_bounds(text: str) -> None:
    """Refuse a file that cannot be a list and would cost much to parse. Raises UnreadableFile."""
    if text.count("\n") + text.count("\r") > MOST_BREAKS:
        raise UnreadableFile(
            _("The file has more than {most_lines} lines. Split it.", most_lines=f"{MOST_LINES:,}")
        )
    blocks = (text[at : at + MOST_ROW] for at in range(0, len(text) - MOST_ROW, MOST_ROW))
    if any("\n" not in block and "\r" not in block for block in blocks):
        raise UnreadableFile(
            _(
                "A line of the file is longer than {most_row} letters. Export it once more; a line"
                " contains one client or booking.",
                most_row=f"{MOST_ROW:,}",
            )
        )


def peek(kind: str, text: str, guessed: str | None = None, choices: Mapping | None = None) -> Sheet:
    """Read only the first lines of a file, without counting lines or deciding the order of dates.
    Raises UnreadableFile.
    """
    check_bounds(text)
    choices = dict(choices or {})
    head = head_line(kind, text)
    if head is None:
        raise UnreadableFile(
            _("The file has nothing that names its columns.")
            if text.strip()
            else _("The file is empty. Choose the one that you exported.")
        )
    sheet = Sheet(
        kind,
        text,
        head.delimiter,
        head.cells,
        head.names,
        guessed,
        head_at=head.number,
        preset=head.preset,
    )
    if len(sheet.header) > MOST_COLUMNS:
        raise UnreadableFile(
            _(
                "The file has more than {most_columns} columns. Export only those that are needed.",
                most_columns=MOST_COLUMNS,
            )
        )
    sheet.choices, sheet.has_known_heading = choices, any(sheet.names)
    chosen = choices.get("columns") or {}
    sheet.names = [
        chosen.get(key, name) for key, name in zip(keys(sheet.header), sheet.names, strict=True)
    ]
    return sheet


def short(value: str) -> str:
    """The value, cut to 40 characters."""
    return value if len(value) <= 40 else value[:39] + "…"


def _is_of_hours(heading: str) -> bool:
    """Whether the lengths below a heading are hours, not minutes."""
    return bool(_HOURS.search(heading)) and "min" not in heading.lower()
