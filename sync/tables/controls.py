"""What a person may do with an account that syncs. The next run carries out what follows
outside.
"""

from datetime import timedelta

from base.database import now, transition
from base.tables.audit import AuditEntry
from models import User

from .accounts import Account, RemoteCalendar
from .mappings import MappingRow

LIST_IS_OLD = timedelta(minutes=10)


@transition
def pause(account: Account, actor: User) -> None:
    """Leave everything as it is, outside and here, until `resume`."""
    if account.phase == "active":
        account.put(phase="paused")
        AuditEntry.note(account.clinic, actor, "account.paused", account)


@transition
def resume(account: Account, actor: User) -> None:
    """End a pause. The next run makes up for what was missed."""
    if account.phase == "paused":
        account.put(phase="active", due_at=now(), because="resume")
        AuditEntry.note(account.clinic, actor, "account.resumed", account)


@transition
def change(account: Account, /, actor: User, **settings: object) -> None:
    """Set any of `edits`, `lock_sign`, `time_off`, `covers`, `past_days`, `future_days`; what
    stands outside follows.
    """
    account.put(**settings, due_at=now(), because="change")
    AuditEntry.note(
        account.clinic,
        actor,
        "account.changed",
        account,
        **{name: value for name, value in settings.items() if name != "covers"},
    )


@transition
def ask(account: Account, because: str, actor: User | None = None) -> None:
    """Ask for a run now: "check" (the person pressed), "resync" (read everything anew and
    compare).
    """
    if because == "resync":
        RemoteCalendar.update(
            sync_token=None,
            due_at=None,
            search_at=None,
            sought_at=None,
            turn=RemoteCalendar.turn + 1,
        ).where(RemoteCalendar.account == account).execute()
        MappingRow.update(tries=0, retry_at=None, problem="").where(
            MappingRow.account == account, MappingRow.problem != "kept"
        ).execute()
        account.put(searched_at=None)
        AuditEntry.note(account.clinic, actor, "account.resync", account)
    else:
        RemoteCalendar.update(due_at=None).where(
            RemoteCalendar.account == account, RemoteCalendar.role == "source"
        ).execute()
    account.put(due_at=now(), because=because)


def is_list_old(account: Account) -> bool:
    """Whether calendars may have been made at the provider since they were last listed, and a run
    could list them now.
    """
    is_old = account.listed_at is None or now() - account.listed_at > LIST_IS_OLD
    return is_old and account.phase == "active" and account.health == "ok"


@transition
def list_anew(account: Account) -> None:
    """Have the calendars listed by a run now, if the list is old."""
    if is_list_old(account):
        account.put(listed_at=None, due_at=now())
