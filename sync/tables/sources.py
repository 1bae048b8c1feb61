"""Which calendars of a person are read, and what of them blocks booking."""

from collections.abc import Iterable

from peewee import fn

from base import scheduling
from base.database import transition
from base.tables.audit import AuditEntry
from base.tables.many import tuples
from base.tables.outside import EARLIER_RULES, RULES, ExternalEvent, blocks
from models import User

from .accounts import Account, RemoteCalendar
from .notices import Notice


def blocking(calendars: Iterable[RemoteCalendar]) -> dict[int, tuple[int, int]]:
    """How many coming events of each calendar (by id) block booking, and how many do not. One
    query; none where there are no calendars.
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


@transition
def turn_on(calendar: RemoteCalendar, actor: User) -> None:
    """Read the calendar from now on, so that its busy times block booking."""
    if calendar.role == "listed":
        calendar.role = "source"
        calendar.sync_token = None
        calendar.due_at = None
        calendar.gone_since = None
        calendar.turn = calendar.turn + 1
        if calendar.rules == EARLIER_RULES and not _had(calendar, "source.on", "source.rules"):
            # it was listed by an earlier version, and nobody chose what was usual then
            calendar.rules = dict(RULES)
        calendar.save(
            only=[
                getattr(RemoteCalendar, name)
                for name in ("role", "sync_token", "due_at", "gone_since", "turn", "rules")
            ]
        )
        Account.wake(calendar.account_id, "source")
        AuditEntry.note(calendar.clinic, actor, "source.on", calendar)


def _had(calendar: RemoteCalendar, *actions: str) -> bool:
    """Whether one of these was ever done to it."""
    mine = (
        AuditEntry.kind == calendar._meta.table_name,
        AuditEntry.subject == calendar.id,
        AuditEntry.action.in_(actions),
    )
    return AuditEntry.select().where(*mine).exists()


@transition
def turn_off(calendar: RemoteCalendar, actor: User | None) -> None:
    """Stop reading the calendar. Its events are removed here."""
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
        AuditEntry.note(calendar.clinic, actor, "source.off", calendar)


@transition
def set_rules(calendar: RemoteCalendar, actor: User, rules: dict[str, bool]) -> None:
    """Set what of it blocks time: by busy kind, and whether whole days do."""
    calendar.rules = rules
    calendar.save(only=[RemoteCalendar.rules])
    for event in ExternalEvent.select().where(ExternalEvent.calendar == calendar):
        event.blocks = blocks(event.busy, event.all_day, rules)
        event.save(only=[ExternalEvent.blocks])
    calendar.account.show_anew()
    AuditEntry.note(calendar.clinic, actor, "source.rules", calendar, **rules)
