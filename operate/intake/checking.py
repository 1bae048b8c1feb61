"""The check of a whole file: each line by itself, then all lines together. Besides: an import
directly after a check (`store`), and the comparison of a new check with the one that a person saw.
"""

from collections.abc import Callable

from base.catalogue import _
from base.text import clean
from models import Clinic, User

from . import booking_lines, client_lines, encoding, questions
from .begun import Begun
from .check_report import Report, read_lines
from .importing import add_in_portions
from .sheet import Sheet, short
from .upload import Import

Progress = Callable[[int], None]  # called with the number of lines read
KINDS = {"clients": client_lines, "bookings": booking_lines}
_IMPORTING = {"clients": client_lines.ImportingClients, "bookings": booking_lines.ImportingBookings}


def unwatched(done: int) -> None:
    """A progress function for callers that show no progress."""


def report_on_lines(sheet: Sheet, clinic: Clinic, progress: Progress) -> Report:
    """Check every line by itself. Raises UnreadableFile while a question about the file is open."""
    questions.settled(sheet)
    report = Report()
    if sheet.guessed and not sheet.choices.get("letters"):  # else a person has seen them
        report.note(1, "", encoding.sentence(sheet.text, sheet.guessed))
    if not sheet.has_known_heading:
        report.note(1, "", questions.about_headings(sheet))
    unknown = sheet.unknown + [
        _("the {n}. without a name", n=n + 1) for n in sorted(sheet.nameless)
    ]
    if unknown:
        report.note(
            1, "", _("We leave out columns that we do not know: {unknown}.", unknown=_some(unknown))
        )
    if sheet.left_out:
        report.note(
            1, "", _("These columns are left out: {columns}.", columns=_some(sheet.left_out))
        )
    read_lines(sheet, KINDS[sheet.kind].line_reader(clinic, sheet), report, progress)
    return report


def _some(headings: list[str]) -> str:
    """The first headings, and how many more there are."""
    shown = ", ".join(short(clean(heading[:200], 200)) for heading in headings[:20])
    more = len(headings) - 20
    return _("{shown} and {more} more", shown=shown, more=more) if more > 0 else shown


def report_on(sheet: Sheet, clinic: Clinic, progress: Progress = unwatched) -> Report:
    """Check the whole file against the clinic; changes nothing."""
    report = report_on_lines(sheet, clinic, progress)
    KINDS[sheet.kind].fit(clinic, report, bool(sheet.choices.get("overlaps")))
    return report


def store(
    sheet: Sheet,
    clinic: Clinic,
    actor: User | None,
    wanted: Callable[[Report], bool],
    progress: Progress = unwatched,
) -> Report:
    """Check again and add the good lines, in portions.

    `wanted` accepts or refuses the report. Calendars outside follow. Lines that no longer fit when
    their portion is added also become bad.
    """
    report, begun = report_on_lines(sheet, clinic, progress), Begun()
    importing = importer(sheet, clinic, begun)
    importing.fit(report)
    report.is_imported = wanted(report)
    if report.is_imported and report.rows:
        add_in_portions(
            clinic, importing, report.rows, actor, begun, lambda: True, lambda is_last: None
        )
        report.stored = begun.count
        for entry in begun.left:
            report.fault(entry["line"], entry["column"], entry["sentence"])
    return report


def importer(
    sheet: Sheet, clinic: Clinic, begun: Begun
) -> "booking_lines.ImportingBookings | client_lines.ImportingClients":
    """The object that fits and adds the lines of this kind of file."""
    takes_overlaps = bool(sheet.choices.get("overlaps"))
    return _IMPORTING[sheet.kind](clinic, begun, takes_overlaps)


def about_letters(sheet: Sheet) -> dict:
    """The part of `Import.problems` about the encoding of a file."""
    letters = encoding.readings(sheet.text, sheet.guessed)
    return {"guessed": sheet.guessed, **({"letters": letters} if letters else {})}


def result_of(sheet: Sheet, report: Report) -> dict:
    """The columns of `Import` with the result of a check."""
    problems = {
        "entries": report.entries(),
        "bad": sorted(report.bad),
        "notes": report.noted,
        "people": list(report.unknown_people),
        **about_letters(sheet),
        "overlaps": report.overlaps,
        "over": report.overlap_digest,
    }
    return {
        "total": sheet.total,
        "good": len(report.rows),
        "done": sheet.total,
        "problems": problems,
    }


def is_as_shown(row: Import, report: Report) -> bool:
    """Whether the report is the one that the person saw when they accepted."""
    over = row.problems.get("over")  # a check by an earlier version has none
    found = report.overlap_digest if over or report.overlaps else None
    shown = row.good, row.problems["bad"], over
    return (len(report.rows), sorted(report.bad), found) == shown
