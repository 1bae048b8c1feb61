"""Files that we write: the bad lines of a checked file, and examples."""

import csv
import io
from collections import defaultdict
from collections.abc import Sequence

from .file_columns import OURS, FileColumn
from .sheet import Sheet
from .upload import Import


def bad_lines(row: Import, sheet: Sheet) -> str:
    """The bad lines, each with its reason. Cells that a spreadsheet would execute are marked as
    text.
    """
    bad = set(row.problems["bad"])
    why = defaultdict(list)
    for entry in row.problems["entries"]:
        if entry["tone"] == "danger":
            why[entry["line"]].append(f"{entry['column']}: {entry['sentence']}".removeprefix(": "))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=sheet.delimiter)
    writer.writerow([*map(_harmless, sheet.header), *OURS])
    for number, cells, __ in sheet.lines():
        if number in bad:
            padded = [*cells, *[""] * (len(sheet.header) - len(cells))]
            writer.writerow([*map(_harmless, padded), number, " ".join(why[number])])
    return "\ufeff" + out.getvalue()


def _harmless(cell: str) -> str:
    return (
        "'" + cell
        if cell.lstrip()[:1] in ("=", "+", "-", "@") or cell[:1] in ("\t", "\r", "\n")
        else cell
    )


def example(columns: Sequence[FileColumn], lines: Sequence[dict[str, str]]) -> str:
    """A file with these lines; columns that are empty in all of them are left out."""
    out = io.StringIO()
    writer = csv.writer(out)
    names = [column.name for column in columns if any(column.name in line for line in lines)]
    writer.writerow(names)
    writer.writerows([line.get(name, "") for name in names] for line in lines)
    return "\ufeff" + out.getvalue()
