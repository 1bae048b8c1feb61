"""The result of a check.

Good rows, bad lines, and why; and the cells of one line, which report their faults.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from base.catalogue import _
from base.text import TooLong, clean, mended

from .sheet import Sheet
from .values import plain_spaces

MOST_KEPT = 1_000
STEP = 2_000  # lines between two reports of progress


@dataclass
class Report:
    """The result of a check.

    The good rows, all bad line numbers, and the first thousand faults and notes in words.
    """

    rows: list = field(default_factory=list)
    bad: set[int] = field(default_factory=set)
    faults: list[dict] = field(default_factory=list)
    notes: list[dict] = field(default_factory=list)
    noted: int = 0
    told: set[str] = field(default_factory=set)
    overlaps: int = 0  # lines whose time somebody else has
    overlapped: list[str] = field(default_factory=list)  # which of them, and what is there
    taken: bool = False
    stored: int = 0  # how many came in

    def fault(self, line: int, column: str, sentence: str) -> None:
        """Note a fault that keeps the line out."""
        self.bad.add(line)
        if len(self.faults) < MOST_KEPT:
            self.faults.append(
                {"line": line, "column": column, "sentence": sentence, "tone": "danger"}
            )

    def keep_after(self, settled: int, bad: set[int], line: Callable[[Any], int]) -> None:
        """Forget the lines up to `settled`, and those that were `bad` before.

        `line` gives a row's number.
        """

        def counts(number: int) -> bool:
            return number > settled and number not in bad

        self.rows = [row for row in self.rows if counts(line(row))]
        self.bad = {number for number in self.bad if counts(number)}
        self.faults = [entry for entry in self.faults if counts(entry["line"])]

    def overlap(self, line: int, which: str) -> None:
        """Count a line whose time is taken, and by what."""
        self.overlaps += 1
        self.overlapped.append(f"{line} {which}")

    @property
    def overlap_digest(self) -> str:
        """Changes whenever other times are overlapped: what a person agreed to was this."""
        return hashlib.sha256("\n".join(self.overlapped).encode()).hexdigest()[:16]

    def note(self, line: int, column: str, sentence: str) -> None:
        """Note something to know; the line is imported."""
        self.noted += 1
        if len(self.notes) < MOST_KEPT:
            self.notes.append(
                {"line": line, "column": column, "sentence": sentence, "tone": "info"}
            )

    def note_once(self, column: str, sentence: str) -> None:
        """Something about the whole file."""
        if sentence not in self.told:
            self.told.add(sentence)
            self.note(1, column, sentence)

    def entries(self) -> list[dict]:
        """Faults, then notes, each by line."""
        return [
            *sorted(self.faults, key=lambda entry: entry["line"]),
            *sorted(self.notes, key=lambda entry: entry["line"]),
        ]


class Cells:
    """The cells of one line by column, cleaned; what is wrong with them goes to the report."""

    def __init__(self, number: int, values: dict[str, str], report: Report):
        self.number, self._values, self._report = number, values, report

    def take(self, column: str, limit: int = 200, needed: str = "") -> str:
        """The clean text of a column; a fault where it is too long, or `needed` and missing."""
        value = self._cleaned(column, self._values.get(column, ""), limit)
        if needed and not value:
            self.fault(column, needed)
        return value

    def _cleaned(self, column: str, raw: str, limit: int) -> str:
        raw = plain_spaces(raw)
        if raw[:1] == "'" and (
            raw[1:2].isdigit() or raw[1:2] in tuple("=+-@(")
        ):  # how spreadsheets, and our own downloads, keep a cell text
            raw = raw[1:]
        try:
            return clean(raw, limit) if column == "notes" else mended(raw, limit)
        except TooLong as error:
            self.fault(column, _("Use at most {limit} characters.", limit=f"{error.limit:,}"))
            return ""

    def take_all(self, column: str, limit: int) -> list[str]:
        """The values of several columns with one meaning, where `take` gives a single one."""
        return [
            self._cleaned(column, raw, limit) for raw in self._values.get(column, "").splitlines()
        ]

    def fault(self, column: str, sentence: str) -> None:
        """Say what keeps the line out."""
        self._report.fault(self.number, column, sentence)

    def note(self, column: str, sentence: str) -> None:
        """Say what is good to know; the line is taken in."""
        self._report.note(self.number, column, sentence)

    def note_once(self, column: str, sentence: str) -> None:
        """Say it at the first line that it concerns alone."""
        self._report.note_once(column, sentence)

    @property
    def fine(self) -> bool:
        """Whether nothing keeps the line out so far."""
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
            row = read(cells)
            if cells.fine:
                report.rows.append(row)
        if done % STEP == 0:
            progress(done)
    progress(sheet.total)
