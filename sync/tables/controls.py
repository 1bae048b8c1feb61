"""What a person may do with an account that syncs. What this means outside, the next run does."""

from base.audit import AuditEntry
from base.database import now, transition
from models import User

from .accounts import Account, RemoteCalendar
from .mappings import MappingRow


@transition
def pause(account: Account, actor: User) -> None:
    """Let everything stand as it is, outside and here, until `go_on`."""
    if account.phase == "active":
        account.put(phase="paused")
        AuditEntry.note(account.clinic, actor, "account.paused", account)


@transition
def resume(account: Account, actor: User) -> None:
    """End a pause; what was missed is made good."""
    if account.phase == "paused":
        account.put(phase="active", due_at=now(), because="resume")
        AuditEntry.note(account.clinic, actor, "account.resumed", account)


@transition
def change(account: Account, actor: User, **settings) -> None:
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
    """Look now: "check" (the person pressed), "resync" (read everything anew and compare,
    too).
    """
    if because == "resync":
        RemoteCalendar.update(
            sync_token=None, due_at=None, search_at=None, turn=RemoteCalendar.turn + 1
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
