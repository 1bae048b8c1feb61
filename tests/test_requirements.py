"""The table of requirements names tests that there are, and pages of Help that say each row."""

import ast
import re
from pathlib import Path
from typing import NamedTuple

from tests.views.doors.test_help import SAID

TOP = Path(__file__).parent.parent
NUMBERS = {"A": 44, "B": 31, "C": 52, "D": 53, "E": 24, "F": 10, "X": 28}


class Row(NamedTuple):
    """A line of the table."""

    number: str
    statement: str
    seen: str
    kept_by: str
    walked: str


ROWS = [
    Row(*(cell.strip() for cell in line.strip("|").split("|")))
    for line in (TOP / "docs" / "requirements.md").read_text().splitlines()
    if re.match(r"\| [A-FX]\d", line)
]
STEMS = {path.stem for path in (TOP / "tests").rglob("test_*.py")}


def names_in(stem: str) -> set[str]:
    """The classes and functions in the files of this name."""
    nodes = [
        node
        for path in (TOP / "tests").rglob(f"{stem}.py")
        for node in ast.walk(ast.parse(path.read_text()))
    ]
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def named(kept_by: str) -> tuple[set[str], set[str]]:
    """The names of files, and of classes and functions in them, in a cell."""
    words = {word.strip().rpartition("/")[2] for word in re.split("[,:]", kept_by)}
    return words & STEMS, words - STEMS


def pages(seen: str) -> set[str]:
    """The pages of Help in a cell."""
    found = re.search(r"Help: ([a-z, -]+)(?:;|$)", seen)
    return set(found[1].strip().split(", ")) if found else set()


def test_every_requirement_has_a_row():
    expected = [f"{group}{at + 1}" for group, last in NUMBERS.items() for at in range(last)]
    assert [row.number for row in ROWS] == expected
    assert {row.walked for row in ROWS} <= {"✓", "–"}


def test_what_keeps_a_requirement_is_there():
    faults = {}
    for row in ROWS:
        files, names = named(row.kept_by)
        there = set().union(*(names_in(stem) for stem in files)) if names else set()
        if not files or names - there:
            faults[row.number] = row.kept_by
    assert faults == {}


def test_help_says_a_requirement_on_the_pages_that_are_named():
    """`SAID` has the words, and `test_help` looks for them."""
    for row in ROWS:
        said = {page for number, page, _ in SAID if number == row.number}
        assert pages(row.seen) == said, row
        files, names = named(row.kept_by)
        assert "test_help" not in files or names or said, row
