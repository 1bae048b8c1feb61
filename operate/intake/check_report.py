"""The result of checking a file: good rows, bad lines, and the reasons. Besides: the cells of one
line, which report their faults.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from base.catalogue import _
from base.text import TooLong, clean, mended, places

from .cell_values import NOTHING, plain_spaces, without_mark
from .sheet import Sheet

log = logging.getLogger("kalends.intake")
MOST_KEPT = 1_000
MOST_PEOPLE = 30  # names of a file that a person is asked about
# Columns in which “none” or “-” may be what somebody wrote or is called.
_OPEN_TEXT = {
    "notes",
    "first_name",
    "last_name",
    "name",
    "client_first_name",
    "client_last_name",
}
STEP = 2_000  # lines between two calls of the progress function


@dataclass
class Report:
    """The result of a check: the good rows, the numbers of all bad lines, and the first thousand
    faults and notes in words.
    """

    rows: list = field(default_factory=list)
    bad: set[int] = field(default_factory=set)
    faults: list[dict] = field(default_factory=list)
    notes: list[dict] = field(default_factory=list)
    noted: int = 0
    told: set[str] = field(default_factory=set)
    # Names of practitioners that the clinic does not know, as the file has them.
    unknown_people: dict[str, None] = field(default_factory=dict)
    overlaps: int = 0  # lines whose time is taken
    overlapped: list[str] = field(default_factory=list)  # the lines, and what they overlap
    is_imported: bool = False
    stored: int = 0  # the number of imported lines

    def fault(self, line: int, column: str, sentence: str) -> None:
        """Note a fault: its line is not imported."""
        self.bad.add(line)
        if len(self.faults) < MOST_KEPT:
            self.faults.append(
                {"line": line, "column": column, "sentence": sentence, "tone": "danger"}
            )

    def keep_after(self, settled: int, bad: set[int], line: Callable[[Any], int]) -> None:
        """Remove the lines up to `settled`, and those in `bad`. `line`: returns a row's number."""

        def counts(number: int) -> bool:
            return number > settled and number not in bad

        self.rows = [row for row in self.rows if counts(line(row))]
        self.bad = {number for number in self.bad if counts(number)}
        self.faults = [entry for entry in self.faults if counts(entry["line"])]

    def overlap(self, line: int, which: str) -> None:
        """Count a line whose time is taken, with the booking that takes it."""
        self.overlaps += 1
        self.overlapped.append(f"{line} {which}")

    @property
    def overlap_digest(self) -> str:
        """A hash of the overlapped times. A person agrees to this hash; it changes with the
        overlaps.
        """
        return hashlib.sha256("\n".join(self.overlapped).encode()).hexdigest()[:16]

    def note(self, line: int, column: str, sentence: str) -> None:
        """Note a remark; the line is imported."""
        self.noted += 1
        if len(self.notes) < MOST_KEPT:
            self.notes.append(
                {"line": line, "column": column, "sentence": sentence, "tone": "info"}
            )

    def note_once(self, column: str, sentence: str) -> None:
        """Note a remark about the whole file."""
        if sentence not in self.told:
            self.told.add(sentence)
            self.note(1, column, sentence)

    def entries(self) -> list[dict]:
        """Faults, then notes, each by line."""
        return [
            *sorted(self.faults, key=lambda entry: entry["line"]),
            *sorted(self.notes, key=lambda entry: entry["line"]),
        ]


def grouped(entries: list[dict]) -> list[dict]:
    """The entries of a report, those with the same column and sentence as one with all its
    `lines`, where the first was.
    """
    found: dict[tuple, dict] = {}
    for entry in entries:
        key = entry["tone"], entry["column"], entry["sentence"]
        found.setdefault(key, {**entry, "lines": []})["lines"].append(entry["line"])
    return list(found.values())


class Cells:
    """The cells of one line by column, cleaned; their faults go to the report."""

    def __init__(self, number: int, values: dict[str, str], report: Report):
        self.number, self._values, self._report = number, values, report

    def text(self, column: str, limit: int = 200, needed: str = "") -> str:
        """The clean text of a column; a fault if it is too long, or `needed` and empty."""
        raw = self._values.get(column, "")
        value = self._cleaned(column, raw, limit) if raw else ""  # most columns are not in a file
        if needed and not value:
            self.fault(column, needed)
        return value

    def _cleaned(self, column: str, raw: str, limit: int) -> str:
        raw = plain_spaces(raw)
        if not raw:
            return ""
        if raw.strip().lower() in NOTHING and column not in _OPEN_TEXT:
            return ""
        raw = without_mark(raw)
        try:
            return clean(raw, limit) if column == "notes" else mended(raw, limit)
        except TooLong as error:
            self.fault(column, _("Use at most {limit} characters.", limit=f"{error.limit:,}"))
            return ""

    def texts(self, column: str, limit: int) -> list[str]:
        """The values of several columns with one meaning; `text` returns only one."""
        return [
            self._cleaned(column, raw, limit) for raw in self._values.get(column, "").splitlines()
        ]

    def fault(self, column: str, sentence: str) -> None:
        """Note a fault: the line is not imported."""
        self._report.fault(self.number, column, sentence)

    def note(self, column: str, sentence: str) -> None:
        """Note a remark; the line is imported."""
        self._report.note(self.number, column, sentence)

    def note_once(self, column: str, sentence: str) -> None:
        """Note a remark only for the first line that it is about."""
        self._report.note_once(column, sentence)

    def unknown_person(self, name: str) -> None:
        """Note the name of a practitioner that the clinic does not know."""
        if len(self._report.unknown_people) < MOST_PEOPLE:
            self._report.unknown_people[name] = None

    @property
    def fine(self) -> bool:
        """Whether the line has no fault so far."""
        return self.number not in self._report.bad


def read_lines(
    sheet: Sheet,
    read: Callable[[Cells], object | None],
    report: Report,
    progress: Callable[[int], None],
) -> None:
    """Read every line of the sheet into `report.rows`."""
    for done, (number, values, fault) in enumerate(sheet.lines(), 1):
        if fault:
            report.fault(number, "", fault)
        else:
            cells = Cells(number, sheet.values(values), report)
            try:
                row = read(cells)
            except (ValueError, OverflowError) as error:  # one line never stops the file
                log.error("a line of a file: %s at %s", type(error).__name__, places(error))
                cells.fault("", _("This line cannot be read. Check its dates and times."))
            if cells.fine:
                report.rows.append(row)
        if done % STEP == 0:
            progress(done)
    progress(sheet.total)
