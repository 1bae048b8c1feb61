"""The calendars of a person that are read, and which of their events block booking."""

from collections.abc import Iterable
from datetime import datetime

from peewee import fn

from base import scheduling
from base.database import transition
from base.tables.audit import AuditEntry
from base.tables.bulk import tuples
from base.tables.outside import EARLIER_RULES, RULES, ExternalEvent, blocks
from models import User

from .accounts import Account, RemoteCalendar
from .notices import Notice


def blocking(calendars: Iterable[RemoteCalendar]) -> dict[int, tuple[int, int]]:
    """The number of coming events of each calendar (by id) that block booking, and of those that do
    not. One query; none without calendars.
    """
    ids = [row.id for row in calendars]
    found = dict.fromkeys(ids, (0, 0))
    rows = (
        ExternalEvent.select(
            ExternalEvent.calendar, ExternalEvent.blocks, fn.COUNT(ExternalEvent.id)
        )
        .where(ExternalEvent.calendar.in_(ids), ExternalEvent.ends_at > scheduling.utc_now())
        .group_by(ExternalEvent.calendar, ExternalEvent.blocks)
    )
    for calendar_id, blocks_here, count in tuples(rows) if ids else ():
        block, free = found[calendar_id]
        found[calendar_id] = (block + count, free) if blocks_here else (block, free + count)
    return found


def last_end(calendar: RemoteCalendar) -> datetime | None:
    """The end of the last known event of a calendar. Later time need not be free: many calendars
    are published only for some weeks.
    """
    rows = ExternalEvent.select(fn.MAX(ExternalEvent.ends_at))
    found: datetime | None = rows.where(ExternalEvent.calendar == calendar).scalar()
    return found


@transition
def turn_on(calendar: RemoteCalendar, actor: User) -> None:
    """Read the calendar from now on, so that its busy times block booking."""
    if calendar.role == "listed" and calendar.account.reads:
        calendar.role = "source"
        calendar.was_source = False
        calendar.sync_token = None
        calendar.due_at = None
        calendar.gone_since = None
        calendar.turn = calendar.turn + 1
        if calendar.rules == EARLIER_RULES and not _had(calendar, "source.on", "source.rules"):
            # an earlier version listed it with the rules of that time, and nobody chose others
            calendar.rules = dict(RULES)
        calendar.save(
            only=[
                getattr(RemoteCalendar, name)
                for name in (
                    "role",
                    "was_source",
                    "sync_token",
                    "due_at",
                    "gone_since",
                    "turn",
                    "rules",
                )
            ]
        )
        Account.wake(calendar.account_id, "source")
        AuditEntry.note(calendar.clinic, actor, "source.on", calendar, account=calendar.account_id)


def _had(calendar: RemoteCalendar, *actions: str) -> bool:
    """Whether one of these actions ever happened to the calendar."""
    mine = (
        AuditEntry.kind == calendar._meta.table_name,
        AuditEntry.subject == calendar.id,
        AuditEntry.action.in_(actions),
    )
    return AuditEntry.select().where(*mine).exists()


@transition
def turn_off(calendar: RemoteCalendar, actor: User | None) -> None:
    """Stop reading the calendar. Its events are deleted here."""
    if calendar.role == "source":
        calendar.role = "listed"
        calendar.sync_token = None
        calendar.read_at = None
        calendar.may_empty = False
        calendar.save(
            only=[
                RemoteCalendar.role,
                RemoteCalendar.sync_token,
                RemoteCalendar.read_at,
                RemoteCalendar.may_empty,
            ]
        )
        ExternalEvent.delete().where(ExternalEvent.calendar == calendar).execute()
        calendar.account.show_anew()
        Notice.settle(calendar.account, f"empty {calendar.id}", "stopped")
        AuditEntry.note(calendar.clinic, actor, "source.off", calendar, account=calendar.account_id)


@transition
def set_rules(calendar: RemoteCalendar, actor: User, rules: dict[str, bool]) -> None:
    """Set which events of it block time: by busy kind, and whether whole days do."""
    calendar.rules = rules
    calendar.save(only=[RemoteCalendar.rules])
    for event in ExternalEvent.select().where(ExternalEvent.calendar == calendar):
        event.blocks = blocks(event.busy, event.all_day, rules)
        event.save(only=[ExternalEvent.blocks])
    calendar.account.show_anew()
    AuditEntry.note(
        calendar.clinic, actor, "source.rules", calendar, account=calendar.account_id, **rules
    )


def update_name(calendar: RemoteCalendar, name: str) -> None:
    """Store the provider's name for a calendar. A name that its person gave stays."""
    if name in (calendar.name, calendar.told_name):
        return
    this, is_told = RemoteCalendar.id == calendar.id, RemoteCalendar.told_name.is_null()
    RemoteCalendar.update(name=name).where(this, is_told).execute()
    RemoteCalendar.update(told_name=name).where(this, ~is_told).execute()
    column = "name" if calendar.told_name is None else "told_name"
    setattr(calendar, column, name)


@transition
def give_name(calendar: RemoteCalendar, actor: User, name: str) -> None:
    """Store the person's own name for the calendar. "": it has the provider's name again."""
    providers_name = calendar.name if calendar.told_name is None else calendar.told_name
    calendar.name, calendar.told_name = (name, providers_name) if name else (providers_name, None)
    calendar.save(only=[RemoteCalendar.name, RemoteCalendar.told_name])
    AuditEntry.note(calendar.clinic, actor, "source.named", calendar, account=calendar.account_id)
