"""Updating the database to this program's tables, forwards only, with Peewee's runner."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import OperationalError, PeeweeException
from playhouse.migrations import Runner

import models
from base import database_faults
from base.bookings.agreements import Agreement
from base.bookings.client_letters import LetterSettings
from base.catalogue import _, lazy
from base.database import is_sqlite
from base.tables.audit import AuditEntry
from base.tables.faulty import FaultyRow
from base.tables.notes import NoteVersion
from base.tables.outbox import Letter
from base.tables.outside import ExternalEvent
from base.tables.texts import TextSettings
from base.tables.time_off import DatedHours, TimeOff
from free_times.earlier.entries import EarlierSettings, WaitingEntry
from free_times.earlier.offering import EarlierOffer
from free_times.online.holds import Hold
from free_times.online.made_online import OnlineBooking
from free_times.online.names import PageName
from free_times.online.proofs import SpentProof
from free_times.online.team_letters import TeamLetters
from free_times.own_terms import OwnTerms
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Feed, FeedRead, Patient, Practitioner, Service, User, Venue
from people.credentials import OneTimeToken, ResetRequest, Throttle
from people.email_addresses import AddressProof
from people.guide_notes import GuideNote
from people.id_changes import IdChange
from people.mailed_codes import MailedCode
from people.merges import ClientMerge
from people.security import SecurityEvent
from people.sessions import Session
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.earlier_accounts import EarlierAccount
from sync.tables.excess import Excess
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.pace import Pace, ReadPage, Revocation, ToldChange
from sync.tables.runs import SyncRun
from sync.tables.strays import Stray
from sync.tables.unread import CalendarTrouble, UnreadEvent

from .chore_turns import ChoreTurn
from .intake.upload import ColumnMeaning, Import
from .keys import ServerKey

TABLES = (
    Clinic,
    Venue,
    User,
    Practitioner,
    Patient,
    Service,
    OwnTerms,
    Booking,
    Feed,
    FeedRead,
    OneTimeToken,
    Throttle,
    SpentProof,
    MailedCode,
    AuditEntry,
    NoteVersion,
    Import,
    ColumnMeaning,
    Account,
    RemoteCalendar,
    ExternalEvent,
    MappingRow,
    Channel,
    SyncRun,
    Notice,
    Stray,
    Letter,
    ResetRequest,
    ServerKey,
    Session,
    SecurityEvent,
    IdChange,
    AddressProof,
    Pace,
    ToldChange,
    ReadPage,
    Revocation,
    UnreadEvent,
    CalendarTrouble,
    EarlierAccount,
    TimeOff,
    DatedHours,
    Agreement,
    ClientMerge,
    OnlineSettings,
    PageName,
    Hold,
    OnlineBooking,
    LetterSettings,
    TextSettings,
    TeamLetters,
    EarlierSettings,
    WaitingEntry,
    EarlierOffer,
    GuideNote,
    ChoreTurn,
    Excess,
    FaultyRow,
)
EARLIER_NAMES = ("link", "one_time_link")  # former names of renamed tables
DIRECTORY = Path(__file__).parent.parent / "migrations"


_NEWER = lazy(
    "This database was made by a newer version of Kalends. Update the program, or restore a backup"
    " made before."
)


class CannotMigrate(Exception):
    """The database cannot be brought up to date.

    The message is a sentence for the person at the keyboard.
    """


def known() -> set[str]:
    """The names of all migrations of this program."""
    return {path.stem for path in DIRECTORY.glob("[0-9]*.py")}


def applied() -> set[str]:
    """The names of the migrations that were applied to the database."""
    try:
        return {
            name
            for (name,) in models.database.execute_sql(
                "SELECT name FROM schema_migration"
            ).fetchall()
        }
    except PeeweeException:
        return set()


def state() -> str:
    """ "current", "behind" (run `migrate`), or "newer" (made by a later version of Kalends).

    Reads only.
    """
    had, ours = applied(), known()
    return "newer" if had - ours else "current" if had == ours else "behind"


def unfit() -> str:
    """The sentence about a database that does not have this program's tables; "": it has them. The
    database is of another version, or empty. It may be empty because it was lost, or because the
    settings name another one than the service's.
    """
    found = state()
    if found == "current":
        return ""
    if found == "newer":
        return str(_NEWER)
    if applied():
        return _("The database is behind this program. Run: flask --app app migrate")
    return _(
        "The database is empty. If a clinic should be in it, set KALENDS_INSTANCE and DATABASE_URL"
        " as the service has them, or restore a backup. For a new clinic run: flask --app app"
        " migrate"
    )


class BehindProgram(OperationalError):
    """The database is not opened while it is behind this program. Callers treat it as away."""


def guard() -> None:
    """Make this process open no connection while the database is older than the program: a process
    may start before the database does. After `migrate` has run, connections open again. A newer
    database is accepted, since each version only adds to it.
    """
    before = models.database.obj.guard

    def compare() -> bool:
        if state() == "behind":
            raise BehindProgram("unable to open database: it is behind this program")
        return before() if before else True

    models.database.obj.guard = compare


def wait_until_open(report: Callable[[str], object]) -> None:
    """Return once `guard` lets this process open the database. No connection is left open. `report`
    is called once with a sentence if the database is away.

    A part that takes jobs waits here. If it took a job that it cannot do yet, the processes of the
    earlier version would miss that job. A database that is away may be behind once it is back.
    """
    is_warned = False
    while True:
        try:
            models.database.connect(reuse_if_open=True)
            return
        except BehindProgram:
            pass
        except PeeweeException as error:
            if not is_warned:
                report(str(unusable(error)))
            is_warned = True
        finally:
            models.database.obj.close_all()
        time.sleep(1)


def refuse_behind() -> None:
    """Raise CannotMigrate if the database is behind this program, or away. Call it before `guard`.
    No connection is left open.
    """
    try:
        models.database.connect(reuse_if_open=True)
        if state() == "behind":
            raise CannotMigrate(unfit())
    except PeeweeException as error:
        raise unusable(error) from None
    finally:
        models.database.obj.close_all()


def migrate() -> list[str]:
    """Apply the missing migrations, each step in one transaction. Returns their names. Raises
    CannotMigrate.
    """
    try:
        models.database.connect(reuse_if_open=True)
        if state() == "newer":
            raise CannotMigrate(str(_NEWER))
        try_writing()
        with _alone():
            names = _bring_up() if state() == "behind" else []
            _give_defaults()  # also where one that was killed has not come so far
            return names
    except PeeweeException as error:
        raise unusable(error) from None


def _bring_up() -> list[str]:
    """Apply each step in a transaction of its own, and then check every reference.

    During a step the runner switches SQLite's check of references off, so that a table can be
    rebuilt without emptying the tables that refer to it. Afterwards every reference must be valid.
    """
    names = [str(name) for name in Runner(models.database.obj, str(DIRECTORY)).up() or []]
    lost = models.database.execute_sql("PRAGMA foreign_key_check").fetchall() if is_sqlite() else []
    if lost:
        raise CannotMigrate(
            _(
                "After the update {count} rows refer to others that are not there"
                " ({tables}). Restore the backup that was made"
                " before the update, and report this.",
                count=len(lost),
                tables=", ".join(sorted({row[0] for row in lost})),
            )
        )
    return names


def _give_defaults() -> None:
    """On PostgreSQL, store the columns' defaults in the database itself. A process of the version
    before, which does not know a new column, can then continue to add rows while the processes are
    replaced one after another.
    """
    if is_sqlite():
        return
    lacking = set(
        models.database.execute_sql(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema()"
            " AND is_nullable = 'NO' AND column_default IS NULL"
        ).fetchall()
    )
    for table in TABLES:
        name = table._meta.table_name
        for field in table._meta.sorted_fields:
            value = field.default
            if (name, field.column_name) not in lacking or value is None or callable(value):
                continue
            models.database.execute_sql(
                f'ALTER TABLE "{name}" ALTER COLUMN "{field.column_name}"'
                f" SET DEFAULT {_literal(field.db_value(value))}"
            )


def _literal(value: object) -> str:
    """A column's value as SQL. It is one of our own defaults, never typed by a person."""
    if isinstance(value, bool | int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def unusable(error: PeeweeException) -> CannotMigrate:
    """The error for a database that refuses connections or writes."""
    return CannotMigrate(
        _(
            "The database cannot be used: {error}. "
            "Check that its file or server exists and may be written to.",
            error=database_faults.words(error),
        )
    )


def try_writing() -> None:
    """Raise OperationalError if nothing can be written, so that this shows now and not later."""
    with models.database.atomic():  # on SQLite this takes the lock that a write takes
        if (
            not is_sqlite()
            and models.database.execute_sql("SHOW transaction_read_only").fetchone()[0] == "on"
        ):
            raise OperationalError("it is read-only")


@contextmanager
def _alone() -> Iterator[None]:
    """Make a second program wait that migrates the same server's database at the same time."""
    if is_sqlite():
        yield
        return
    models.database.execute_sql("SELECT pg_advisory_lock(75340)")
    try:
        yield
    finally:
        models.database.execute_sql("SELECT pg_advisory_unlock(75340)")
