"""The line of a file that names its columns: its place, the sign between its cells, and the meaning
of the names as far as it is known.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from base.text import search_key

from . import languages
from .file_columns import COLUMNS, MEANT, PRESETS

HEAD_LINES = 10  # the first lines, which are searched
MOST_HEAD = 20_000  # their letters
DELIMITERS = ",;\t|"
# A word that happens to be a heading, such as “Paid”, makes no headings of a line further down.
LEAST_KNOWN = 2


@dataclass
class HeadLine:
    """One of the first lines of a file, with the meanings that its cells would have as headings."""

    delimiter: str
    cells: list[str]
    names: list[str | None]
    number: int
    preset: str
    is_first: bool  # of the lines that are not empty
    alike: int = 0  # how many of the first lines have as many cells

    @property
    def rank(self) -> tuple[int, ...]:
        """The more likely line has the greater rank."""
        known, filled = sum(map(bool, self.names)), sum(bool(cell.strip()) for cell in self.cells)
        return (
            known if self.is_first or known >= LEAST_KNOWN else 0,
            len(self.cells) > 1,
            self.alike if len(self.cells) > 1 else 0,
            2 * filled > len(self.cells),  # a title has one
            len(self.cells),
            -self.number,
        )


def head_line(kind: str, text: str) -> HeadLine | None:
    """The line that most likely names the columns; None: the first lines are empty."""
    known = {
        plain(name): column.name
        for column in COLUMNS[kind]
        for name in (column.name, *column.also.split(","))
    }
    separator = re.match(r'"?sep=(.)"?\s*[\r\n]', text, re.I)
    found: list[HeadLine] = []
    for delimiter in separator[1] if separator else DELIMITERS:
        lines = list(_candidates(kind, text, delimiter, known))
        counts = Counter(len(line.cells) for line in lines)
        for line in lines:
            line.alike = counts[len(line.cells)]
        found += lines
    return max(found, key=lambda line: line.rank, default=None)


def _candidates(
    kind: str, text: str, delimiter: str, known: Mapping[str, str]
) -> Iterator[HeadLine]:
    """The first lines, as if each contained the names of the columns."""
    source = io.StringIO(text[:MOST_HEAD], newline="")
    reader, number = csv.reader(source, delimiter=delimiter, skipinitialspace=True), 1
    is_first = True
    try:
        for cells in islice(reader, HEAD_LINES):
            is_separator = re.fullmatch(r"sep=.", delimiter.join(cells), re.I)
            if any(cell.strip() for cell in cells) and not is_separator:
                names, preset = _meanings(kind, cells, known)
                yield HeadLine(delimiter, cells, names, number, preset, is_first)
                is_first = False
            number = reader.line_num + 1
    except csv.Error:
        return


def _meanings(
    kind: str, cells: Sequence[str], known: Mapping[str, str]
) -> tuple[list[str | None], str]:
    """The meanings of headings, and the program that probably wrote them."""
    words = languages.in_english([plain(cell) for cell in cells], known)
    preset = next(
        (name for name, signs in PRESETS.items() if any(sign <= set(words) for sign in signs)), ""
    )
    meant = MEANT.get(preset, {}) if kind == "bookings" else {}
    names = [meant.get(word, known.get(word)) for word in words]
    return [
        "other_phone" if name == "phone" and "phone" in names[:n] else name
        for n, name in enumerate(names)
    ], preset


def keys(header: Sequence[str]) -> list[str]:
    """The keys under which the meanings of columns are stored: the plain heading, with a number if
    several columns have the same.
    """
    seen: Counter = Counter()
    found = []
    for heading in header:
        word = plain(heading)
        seen[word] += 1
        found.append(word if seen[word] == 1 else f"{word}#{seen[word]}")
    return found


def plain(name: str) -> str:
    """A column's name without case, accents, spaces and signs: "First Name" and "first_name" are
    equal.
    """
    return "".join(c for c in search_key(name[:80]) if c.isalnum())
