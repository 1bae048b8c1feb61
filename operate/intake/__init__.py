"""Importing clients and bookings from CSV files.

`sheet` reads the file: encoding, delimiter, lines. `file_columns` knows the names and meanings of
columns. `client_lines` and `booking_lines` read each line by itself, with the clinic's calendars,
services and clients at hand (`read`). Then they check all lines together for duplicates and
overlaps, in the file and with the database (`fit`). `report_on` in `checking` does both and changes
nothing; `store` does both again and adds the good lines in portions (`importing`). On the web a
person decides between the two (`check_file`, then `import_good_lines`). Sentences about a line
never repeat the content of a client's column.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from base import jobs, region
from base.catalogue import _
from base.database import alone
from base.text import places, search_key
from models import Clinic, User

from . import checking, encoding, questions, written
from .begun import Begun
from .check_report import Report, grouped
from .checking import report_on, store
from .file_columns import COLUMNS
from .importing import SLICE_SECONDS, add_in_portions
from .moments import DAY_FIRST
from .sheet import MOST_BYTES, Sheet, UnreadableFile, decode, keys, open_sheet, peek
from .upload import ASKED, ColumnMeaning, Import, TooManyOpen

__all__ = [
    "COLUMNS",
    "MOST_BYTES",
    "UnreadableFile",
    "accept",
    "answer",
    "answer_people",
    "bad_lines",
    "begin",
    "check_again",
    "check_file",
    "decode",
    "example",
    "faults",
    "grouped",
    "import_good_lines",
    "meanings",
    "open_sheet",
    "people",
    "read_as",
    "report_on",
    "store",
    "sweep",
]

log = logging.getLogger("kalends.intake")

_QUEUE = "chores"
# Letters of a file that is small enough to be checked while its sender waits.
_AT_ONCE = 2**20


def begin_import(clinic: Clinic, user: User | None, kind: str, raw: bytes) -> Import:
    """Store an uploaded file and start its check. If it is large, only its first lines are read
    here; a worker does the rest. Raises UnreadableFile.
    """
    text, guessed = decode(raw)
    sheet = peek(kind, text, guessed)
    choices = {
        "columns": _known_columns(clinic, sheet),
        "people": Import.last_answer(clinic, "people") or {},
    }
    if len(text) <= _AT_ONCE:
        sheet = open_sheet(kind, text, guessed, choices)
    try:
        row = Import.begin(clinic, user, kind, text, sheet.total, {"guessed": guessed}, choices)
    except TooManyOpen:
        raise UnreadableFile(
            _(
                "{most_open} files wait already. Import or delete one of them first.",
                most_open=Import.MOST_OPEN,
            )
        ) from None
    if not (sheet.total and _ask(row, sheet)):
        jobs.enqueue(_QUEUE, check_file, row.id)
    return row


def _known_columns(clinic: Clinic, sheet: Sheet) -> dict[str, str]:
    """The meanings of this file's columns by the clinic's earlier answers."""
    known = ColumnMeaning.of(clinic, sheet.kind, sheet.preset)
    return {key: known[key] for key in keys(sheet.header) if key in known}


people = questions.people
faults = questions.faults
orders = questions.orders


def meanings(kind: str, clinic: Clinic, text: str, given: Iterable[str]) -> dict[str, str]:
    """The meanings of the columns of this file: from the clinic's earlier answers, and from
    HEADING=COLUMN as given now. Raises UnreadableFile for an unknown column.
    """
    known = ColumnMeaning.of(clinic, kind, peek(kind, text).preset)
    for one in given:
        heading, __, meaning = one.rpartition("=")
        if meaning not in ("", *(column.name for column in COLUMNS[kind])):
            raise UnreadableFile(
                _(
                    "There is no column {meaning}. Use one of {column}.",
                    meaning=meaning,
                    column=", ".join(column.name for column in COLUMNS[kind]),
                )
            )
        known |= dict.fromkeys(keys([heading]), meaning)
    return known


def _ask(row: Import, sheet: Sheet) -> bool:
    """Whether a person must first answer a question about the file; the file then waits for the
    answer. As long as its letters are in doubt, only they are asked about: with other letters the
    columns have other names.
    """
    letters = _about_letters(row, sheet)
    asks_letters = "letters" in letters and not row.choices.get("letters")
    asked = {} if asks_letters else _questions(row, sheet)
    return bool(asks_letters or asked) and row.advance(
        ("checking",), ASKED, None, total=sheet.total, problems={**letters, "ask": asked}
    )


def _about_letters(row: Import, sheet: Sheet) -> dict:
    """The part of `Import.problems` about the encoding of a file, with the one to propose."""
    found = checking.about_letters(sheet)
    if "letters" in found:
        last = Import.last_answer(row.clinic, "letters")
        found["letters"]["proposal"] = encoding.proposal(found["letters"], last)
    return found


def _questions(row: Import, sheet: Sheet, always: bool = False) -> dict:
    """The questions for the page, with "usual": the length of a booking that was answered last."""
    asked = questions.questions(sheet, row.clinic, always)
    return asked and asked | {"usual": Import.last_answer(row.clinic, "minutes")}


def ask_again(row: Import) -> bool:
    """Let a person change the meaning of the columns. `row` must have its content. False while the
    file is being imported, or after that.
    """
    may_ask = ("checked", ASKED, "failed")
    if row.phase not in may_ask:  # a deleted file has no content
        return False
    try:
        sheet = _sheet(row)
    except UnreadableFile:  # as long as its columns mean what they do now
        sheet = peek(row.kind, row.content, row.problems.get("guessed"), row.choices)
        sheet.dates = row.choices.get("dates") or DAY_FIRST
    asked = _questions(row, sheet, always=True)
    return row.advance(may_ask, ASKED, None, problems={**_about_letters(row, sheet), "ask": asked})


def read_as(row: Import, actor: User, name: str) -> bool:
    """Read the letters of a file in this encoding (one of `encoding.NAMES`), as a person chose, and
    check it again. `row` must have its content. False if the file cannot be in that encoding, if
    its encoding is known, or while it is being imported or after that.
    """
    guessed, may = row.problems.get("guessed"), ("checked", ASKED, "failed")
    if not guessed or row.begun or row.phase not in may:
        return False
    text = encoding.read_as(encoding.as_bytes(row.content, guessed), name)
    if text is None:
        return False
    named = {"guessed": encoding.NAMES[name]}
    try:  # other letters may be other headings, which the clinic has explained before
        columns = _known_columns(row.clinic, peek(row.kind, text))
    except UnreadableFile:  # the check says so
        columns = {}
    again = row.advance(
        may,
        "checking",
        actor,
        content=text,
        problems=named,
        done=0,
        good=0,
        choices={**row.choices, "columns": columns, "letters": name},
    )
    if again:
        jobs.enqueue(_QUEUE, check_file, row.id)
    return again


def answer(row: Import, actor: User, answers: dict) -> bool:
    """Store a person's answers about the file (as in `Import.choices`). The file is checked with
    them. The clinic's next file of the same kind starts with these meanings of columns.
    """
    choices, asked = {**row.choices, **answers}, row.problems["ask"]
    ColumnMeaning.remember(row.clinic, row.kind, answers["columns"], asked["preset"])
    answered = row.advance((ASKED,), "checking", actor, done=0, good=0, choices=choices)
    if answered:
        jobs.enqueue(_QUEUE, check_file, row.id)
    return answered


def accept(row: Import, actor: User | None, without_bad: bool = False) -> bool:
    """Accept a checked file.

    Its good lines are imported in this person's name. False if somebody else decided already, or
    there are bad lines that nobody agreed to leave out.
    """
    accepted = row.may_be_imported(without_bad) and row.advance(
        ("checked",), "importing", actor, done=0, user=actor and actor.id
    )
    if accepted:
        jobs.enqueue(_QUEUE, import_good_lines, row.id)
    return accepted


def check_again(row: Import, actor: User, overlaps: bool = False) -> bool:
    """Check the file again: after a fault, after the clinic has added missing rows, or with other
    `overlaps`. If a fault stopped the import, continue the import. False while it is being
    imported, or after that.
    """
    if row.phase == "failed" and row.begun:
        return bool(
            row.advance(("failed",), "importing", actor)
            and jobs.enqueue(_QUEUE, import_good_lines, row.id)
        )
    again = row.advance(
        ("checking", "checked", "failed"),
        "checking",
        actor,
        done=0,
        good=0,
        choices={**row.choices, "overlaps": overlaps},
    )
    if again:
        jobs.enqueue(_QUEUE, check_file, row.id)
    return again


def answer_people(row: Import, actor: User, people: dict[str, int]) -> bool:
    """Store who is meant by names of practitioners in the file (ids of users by name), and check it
    again. False while it is being checked or imported, or after that.
    """
    known = row.choices.get("people") or {}
    people = known | {search_key(name): user for name, user in people.items()}
    choices = {**row.choices, "people": people}
    again = row.advance(("checked",), "checking", actor, done=0, good=0, choices=choices)
    if again:
        jobs.enqueue(_QUEUE, check_file, row.id)
    return again


def _sheet(row: Import) -> Sheet:
    return open_sheet(row.kind, row.content, row.problems.get("guessed"), row.choices)


def waits_for(row: Import) -> str | None:
    """The reason why a file is kept waiting: "queue" (it does not answer), "worker" (none is alive)
    or "work" (it may be that others go first). None: it is not.
    """
    if not row.is_kept_waiting:
        return None
    count = jobs.workers(_QUEUE)
    return "queue" if count is None else "work" if count else "worker"


def check_file(import_id: int) -> None:
    """Job: read a file and store what is wrong with it. Safe to run twice."""
    row = Import.get_or_none(Import.id == import_id, Import.phase == "checking")
    if row is None:
        return
    with _or_failed(row):
        try:
            sheet = _sheet(row)
        except UnreadableFile as error:  # only a reading of the whole file could show it
            refusal = {"line": 1, "column": "", "sentence": str(error), "tone": "danger"}
            row.advance(
                ("checking",),
                "checked",
                None,
                good=0,
                problems={"entries": [refusal], "bad": [], "notes": 0, "refused": True},
            )
            return
        row.advance(("checking",), "checking", None, total=sheet.total)
        if not _ask(row, sheet):
            row.advance(
                ("checking",),
                "checked",
                None,
                **checking.result_of(sheet, report_on(sheet, row.clinic, row.progress)),
            )


def import_good_lines(import_id: int) -> None:
    """Job: import exactly the lines that the check found good, once, and continue where an earlier
    job ended.

    If the clinic changed before that, a person decides again with the new report. After some time
    the job ends and another continues, so that chores do not wait for a file.
    """
    row = Import.get_or_none(Import.id == import_id, Import.phase == "importing")
    if row is None:
        return
    with _or_failed(row):
        sheet, begun = _sheet(row), row.begun or Begun()
        report = checking.report_on_lines(
            sheet, row.clinic, checking.unwatched if begun.line else row.progress
        )
        importing = checking.importer(sheet, row.clinic, begun)
        if begun.line:
            report.keep_after(begun.line, set(row.problems["bad"]), importing.line)
        importing.fit(report)
        if importing.may_differ() if begun.line else not checking.is_as_shown(row, report):
            found = report_on(sheet, row.clinic) if begun.line else report
            return _show_again(row, sheet, found, begun.line)
        if begun.line:
            begun.note_refused(report)
        elif report.rows:
            begun.first = checking.KINDS[row.kind].first_of(report.rows)
        is_done = add_in_portions(
            row.clinic,
            importing,
            report.rows,
            row.user,
            begun,
            lambda: row.is_imported_up_to(begun.line),
            lambda is_last: row.settle(begun, is_last),
            SLICE_SECONDS,
        )
        if not is_done:
            jobs.enqueue(_QUEUE, import_good_lines, row.id)


def _show_again(row: Import, sheet: Sheet, report: Report, line: int) -> None:
    """Show a person the new report and ask again, unless another worker is importing the file."""
    report.note(
        1,
        "",
        _("The clinic changed since the last check, so we looked again. Nothing is imported yet.")
        if row.begun is None
        else _(
            "{count} were imported, then Kalends was stopped, and the clinic changed. We looked at"
            " the whole file again: what was imported counts as being in Kalends already.",
            count=f"{row.begun.count:,}",
        ),
    )
    found = {**checking.result_of(sheet, report), **row.not_begun()}
    with alone(row):
        if row.is_imported_up_to(line):
            row.advance(("importing",), "checked", None, **found)


@contextmanager
def _or_failed(row: Import) -> Iterator[None]:
    """Store an error for the page, and log its place. Its message is left out: it could contain a
    client's name. Times in sentences are written as the person has them, without one as the clinic
    does.
    """
    try:
        with region.using((row.user or row.clinic).region):
            yield
    except Exception as error:
        log.error("import %s: %s at %s", row.id, type(error).__name__, places(error))
        row.advance(Import.RUNNING, "failed", None)


def sweep() -> None:
    """Wake the workers about files whose wake-up was lost, or whose worker died."""
    Import.replace_former_phases()
    for row in Import.select(Import.id, Import.phase).where(Import.phase.in_(Import.RUNNING)):
        jobs.enqueue(_QUEUE, check_file if row.phase == "checking" else import_good_lines, row.id)


def bad_lines(row: Import) -> str:
    """The bad lines of a checked file as CSV, each with its reason."""
    return written.bad_lines(row, _sheet(row))


def example(kind: str, clinic: Clinic) -> str:
    """An example file, with lines that this clinic could import."""
    return written.example(COLUMNS[kind], checking.KINDS[kind].example(clinic))
