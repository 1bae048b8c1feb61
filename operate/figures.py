"""The figures of the server: only counts, without a name of a person, a client or a clinic, without
an address and without an id.
"""

from collections.abc import Iterator

from peewee import fn

import models
from base import jobs, scheduling
from base.catalogue import _
from base.config.version import VERSION
from base.tables.bulk import tuples
from base.tables.outbox import Letter
from models import Booking, Clinic, Feed
from sync.tables.accounts import Account
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun

from . import migrate

Figure = tuple[str, str, dict[tuple[tuple[str, str], ...], float]]  # name, meaning, values


def figures() -> Iterator[Figure]:
    """The figures; a constant number of queries."""
    yield "info", _("The version of the program."), {(("version", VERSION),): 1}
    is_current = migrate.state() == "current"
    yield "database_current", _("1: the database fits the program."), {(): int(is_current)}
    workers = jobs.workers()
    yield "queue_usable", _("1: Redis answers."), {(): int(workers is not None)}
    yield "workers", _("Workers that live."), {(): workers or 0}
    if not is_current:
        return
    at = scheduling.utc_now()
    yield "clinics", _("Clinics."), {(): Clinic.select().count()}
    ahead = Booking.select().where(Booking.starts_at > at).count()
    yield "bookings_ahead", _("Bookings that have not begun."), {(): ahead}
    yield (
        "private_links",
        _("Private links that work."),
        {(): Feed.select().where(*Feed.living()).count()},
    )
    yield (
        "accounts",
        _("Connected calendar accounts by provider, phase and health."),
        _counted(Account, "kind", "phase", "health"),
    )
    due = Account.due(at).count()
    yield "accounts_due", _("Accounts with something to do now."), {(): due}
    open_ones = Notice.select().where(Notice.settled_at.is_null()).count()
    yield "notices_open", _("Notices that wait for a person."), {(): open_ones}
    newest = SyncRun.select(fn.MAX(SyncRun.id)).scalar() or 0
    yield "sync_runs_total", _("Runs of sync that were ever begun."), {(): newest}
    yield "letters", _("Letters by what became of them."), _counted(Letter, "phase")


def _counted(table: type[models.Base], *columns: str) -> dict[tuple[tuple[str, str], ...], float]:
    fields = [getattr(table, name) for name in columns]
    rows = table.select(*fields, fn.COUNT(table.id)).group_by(*fields)
    return {tuple(zip(columns, words, strict=True)): count for *words, count in tuples(rows)}
