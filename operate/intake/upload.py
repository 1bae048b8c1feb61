"""The table of files that are being imported."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from peewee import CharField, Check, ForeignKeyField, IntegerField, TextField

from base.database import Base, InstantField, JSONText, database, now
from base.scheduling import is_recent
from base.tables.audit import AuditEntry
from models import Clinic, User
from people.presses import SAME_PRESS

from .begun import Begun
from .check_report import MOST_KEPT


class TooManyOpen(Exception):
    """Too many files of the clinic wait already."""


class ColumnMeaning(Base):
    """The meaning that a clinic gave to a column, by its plain heading. "": the column is left out.

    Columns of a known program are stored separately, as PROGRAM/heading: in one program Location is
    a venue, in another it is a note.
    """

    clinic = ForeignKeyField(Clinic)
    kind = CharField(10)
    heading = CharField(90)
    meaning = CharField(20)

    class Meta:
        indexes = ((("clinic", "kind", "heading"), True),)

    @classmethod
    def of(cls, clinic: Clinic, kind: str, program: str = "") -> dict[str, str]:
        """The meanings that the clinic gave to the headings of such files, by heading."""
        pairs = (
            cls.select(cls.heading, cls.meaning)
            .where(cls.clinic == clinic, cls.kind == kind)
            .limit(2000)
            .tuples()
        )
        return {
            heading.partition("/")[2] or heading: meaning
            for heading, meaning in pairs
            if heading.rpartition("/")[0] == program
        }

    @classmethod
    @database.atomic()
    def remember(
        cls, clinic: Clinic, kind: str, meanings: Mapping[str, str], program: str = ""
    ) -> None:
        """Store the meanings of columns."""
        for heading, meaning in meanings.items():
            kept = f"{program}/{heading}" if program else heading
            cls.insert(clinic=clinic, kind=kind, heading=kept[:90], meaning=meaning).on_conflict(
                conflict_target=[cls.clinic, cls.kind, cls.heading], update={cls.meaning: meaning}
            ).execute()


ASKED = "mapping"  # a person must explain the columns; the stored word stays
# What a process of an earlier version stores, also while it runs beside one of this version.
_FORMER_PHASES = {"taking": "importing", "taken": "imported"}


class _PhaseField(CharField):
    def python_value(self, value: str | None) -> str | None:
        """The phase in the word of this version; earlier versions stored other words."""
        return _FORMER_PHASES.get(value or "", value)


class Import(Base):
    """A CSV file that is being imported.

    It is checked first (`phase` checking → checked); then a person has it imported (importing →
    imported) or deletes it (discarded).
    Open questions about the file come before that (ASKED); the answers are in `choices`:
    {"columns": heading → our column or "", "dates": the order of day and month, "calendar": the
    person whose bookings they are, "minutes": how long a booking lasts if its line does not tell,
    "letters": the encoding (Python's name) if a person chose it, "people": the users who are meant
    by names of practitioners in the file, by `search_key`,
    "overlaps": whether overlapping bookings are imported}. "begun" there is the progress of the
    import (`Begun`).

    `user` sent the file; once somebody accepts it, `user` is that person, who is responsible for
    the rows.

    `problems` has the result of the check: {"entries": lines and reasons, "bad": the numbers of all
    bad lines, "people": unknown names of practitioners, "notes": the number of notes, "refused":
    whether the file as a whole cannot be read, "guessed": the encoding if it was guessed, and then
    "letters": `encoding.readings` with the "proposal"}. After the import: {"calendar", "day"}:
    where the first booking can be seen; {"left", "lefts"}: the first lines that were good in the
    check and left out later, with reasons, and their number.
    """

    clinic = ForeignKeyField(Clinic, backref="imports")
    user = ForeignKeyField(User, null=True)
    kind = CharField(10, constraints=[Check("kind IN ('clients', 'bookings')")])
    phase = _PhaseField(10, default="checking")
    content = TextField()
    total = IntegerField(default=0)
    done = IntegerField(default=0)
    good = IntegerField(default=0)
    choices = JSONText(default=dict)
    problems = JSONText(default=dict)
    created_at = InstantField(default=now)

    BEGUN_WITHIN = timedelta(seconds=30)  # the seconds that an idle worker needs

    # The file is deleted if nobody decides for so long.
    RUNNING, KEPT = (
        ("checking", "importing"),
        timedelta(days=14),
    )
    # Files of a clinic that may wait at the same time.
    OPEN, MOST_OPEN = (
        ("checking", ASKED, "checked", "importing", "failed"),
        5,
    )

    @classmethod
    @database.atomic()
    def begin(
        cls,
        clinic: Clinic,
        user: User | None,
        kind: str,
        content: str,
        total: int,
        problems: dict,
        choices: dict,
    ) -> "Import":
        """A file to be checked. The same file sent a second time within a minute is the first one,
        while nobody has decided about it. Raises TooManyOpen.
        """
        clinic.lock()
        sent = cls.clinic == clinic, cls.user == user, cls.kind == kind, cls.content == content
        is_undecided = cls.phase.in_(("checking", ASKED))
        same = cls.select(*cls.light()).where(*sent, is_undecided).order_by(cls.id.desc()).first()
        if same and is_recent(same.created_at, SAME_PRESS):
            return same
        if (
            cls.select(cls.id).where(cls.clinic == clinic, cls.phase.in_(cls.OPEN)).count()
            >= cls.MOST_OPEN
        ):
            raise TooManyOpen
        row = cls.create(
            clinic=clinic,
            user=user,
            kind=kind,
            content=content,
            total=total,
            problems=problems,
            choices=choices,
        )
        AuditEntry.note(clinic, user, "import.begun", row, kind=kind, lines=total)
        return row

    @classmethod
    def light(cls) -> list:
        """Every column but the content, which may be 30 MB."""
        return [field for field in cls._meta.sorted_fields if field is not cls.content]

    @classmethod
    def latest(cls, clinic: Clinic, count: int = 20):
        """The newest imports, each with its user and without its content."""
        columns = cls.id, cls.kind, cls.phase, cls.total, cls.good, cls.created_at, User.name
        return (
            cls.select(*columns)
            .left_outer_join(User)
            .where(cls.clinic == clinic)
            .order_by(cls.id.desc())
            .limit(count)
        )

    @classmethod
    def last_answer(cls, clinic: Clinic, name: str) -> Any:
        """The last answer of this name in `choices` to a question about a file of this clinic's,
        such as "minutes"; None: there is none.
        """
        rows = cls.select(cls.choices).where(cls.clinic == clinic).order_by(cls.id.desc())
        return next(filter(None, (row.choices.get(name) for row in rows.limit(40))), None)

    @property
    def asks_letters(self) -> bool:
        """Whether the file waits for a person to say in which encoding its letters are right. This
        question comes before all others.
        """
        readings = self.problems.get("letters", {}).get("of", [])
        is_open = len(readings) > 1 and not self.choices.get("letters")
        return is_open and self.phase in (ASKED, "checked")

    @property
    def has_question(self) -> bool:
        """Whether the file waits for a person to explain its columns."""
        return self.phase == ASKED and not self.asks_letters

    @property
    def is_running(self) -> bool:
        """Whether a job works on the file now."""
        return self.phase in self.RUNNING

    def may_be_imported(self, without_bad: bool) -> bool:
        """Whether the file has good lines, and no bad ones unless these were agreed to be
        left out. Not while its letters are in doubt.
        """
        return bool(self.good and (without_bad or not self.bad)) and not self.asks_letters

    @property
    def is_checked_again(self) -> bool:
        """Whether the file is being imported, and all its lines were checked again before that."""
        return self.phase == "importing" and self.done == self.total

    @property
    def is_kept_waiting(self) -> bool:
        """Whether the file should be worked on, and nothing of that was seen for so long that a
        person should know why.
        """
        waited = now() - self.created_at
        return self.is_running and self.done == 0 and waited > self.BEGUN_WITHIN

    @property
    def begun(self) -> Begun | None:
        """The progress of the import, once a portion was stored."""
        return Begun(**self.choices["begun"]) if self.choices.get("begun") else None

    def is_imported_up_to(self, line: int) -> bool:
        """Whether the file is being imported, and no other worker has continued from this line
        meanwhile.
        """
        light = Import.select(Import.choices)
        row = light.where(Import.id == self.id, Import.phase == "importing").get_or_none()
        return row is not None and (row.begun or Begun()).line == line

    def settle(self, begun: Begun, is_last: bool) -> None:
        """Store the progress, in the transaction of the portion."""
        if not is_last:
            self.choices = {**self.choices, "begun": begun.kept()}
            self.done = begun.count
            self.save(only=[Import.choices, Import.done])
            return
        ended = dict(begun.first)
        if begun.lefts:
            ended |= {"left": begun.left, "lefts": begun.lefts}
        kept = {"good": begun.count, "problems": ended, **self.not_begun()}
        self.advance(("importing",), "imported", None, **kept)

    @property
    def first(self) -> dict:
        """Calendar and day of the first imported booking."""
        return {name: self.problems[name] for name in ("calendar", "day") if name in self.problems}

    def not_begun(self) -> dict:
        """The column for the progress, without any progress."""
        return {"choices": {key: one for key, one in self.choices.items() if key != "begun"}}

    @property
    def bad(self) -> int:
        """The number of lines that are not imported."""
        return self.total - self.good

    @property
    def reasons_given(self) -> int | None:
        """The number of bad lines of a checked file with a stored reason, if some have none."""
        return MOST_KEPT if self.phase == "checked" and self.bad > MOST_KEPT else None

    @classmethod
    def replace_former_phases(cls) -> None:
        """Store today's words for the phases that a process of an earlier version wrote."""
        for former, phase in _FORMER_PHASES.items():
            cls.update(phase=phase).where(cls.phase == former).execute()

    def progress(self, done: int) -> None:
        """Store how many lines are done, for the page."""
        Import.update(done=done).where(
            Import.id == self.id, Import.phase.in_(self.RUNNING)
        ).execute()

    @database.atomic()
    def advance(self, before: Sequence[str], phase: str, actor: User | None, **columns) -> bool:
        """Change the phase to `phase` if it is still one of `before`: of two callers only one gets
        True. A final phase deletes the file's content.
        """
        if phase in ("imported", "discarded"):
            columns = {"content": "", "problems": {}, **columns}
        moved = (
            Import.update(phase=phase, **columns)
            .where(Import.id == self.id, Import.phase.in_(before))
            .execute()
            == 1
        )
        if moved:
            self.__data__.update(phase=phase, **columns)
        if moved and phase in ("discarded", "failed"):  # the import writes its own entry
            AuditEntry.note(self.clinic, actor, f"import.{phase}", self)
        return moved
