"""Ending an account's sync.

External events are removed here at once. Then a run deletes our events outside, and the account
reaches its goal.
"""

from base.database import now, transition
from base.tables.audit import AuditEntry
from base.tables.outside import ExternalEvent
from models import User

from .accounts import Account, RemoteCalendar
from .mappings import MappingRow, left_outside
from .notices import Notice
from .starting import begin_afresh

FURTHER = ("restart", "off", "disconnect")  # each goal ends more than the one before it


@transition
def begin_departure(account: Account, actor: User | None, goal: str, removes: bool = True) -> bool:
    """Stop syncing, with one of these goals: "off" (no more sync, still connected), "disconnect"
    (the account is removed) or "restart" (a clean new start).

    External events are removed here at once; the calendars that were read are remembered for a new
    beginning. The next run deletes our events outside, if `removes`.
    An account that is already leaving may get a goal that ends more, and not one that ends less:
    then nothing changes, and the answer is False. Asking again for the same goal tries again.
    """
    if account.is_leaving and FURTHER.index(goal) <= FURTHER.index(account.goal):
        return goal == account.goal
    others = ExternalEvent.select(ExternalEvent.calendar)
    RemoteCalendar.update(has_others=True).where(
        RemoteCalendar.account == account, RemoteCalendar.id.in_(others)
    ).execute()
    ExternalEvent.delete().where(ExternalEvent.calendar.in_(account.calendars)).execute()
    RemoteCalendar.update(role="listed", was_source=True, sync_token=None).where(
        RemoteCalendar.account == account, RemoteCalendar.role == "source", goal != "restart"
    ).execute()
    RemoteCalendar.update(sync_token=None, due_at=None, search_at=None, search_word="").where(
        RemoteCalendar.account == account
    ).execute()
    Notice.settle(account, None, "left")
    account.put(
        phase="leaving",
        goal=goal,
        removes=removes,
        due_at=now(),
        because="leave",
        wait_until=None,
        health="ok",
        health_word="",
        failures=0,
        failing_since=None,
    )
    account.show_anew()
    if goal != "restart" and not _others_sync(account):
        account.user.change_sync(mode="one_way")
    AuditEntry.note(account.clinic, actor, "account.leaving", account, goal=goal, removes=removes)
    return True


def _others_sync(account: Account) -> bool:
    return (
        Account.select()
        .where(
            Account.user == account.user_id,
            Account.id != account.id,
            Account.begun(),
        )
        .exists()
    )


@transition
def end_now(account: Account, actor: User) -> None:
    """End the account now, and leave events outside that could not be deleted. The next run
    finishes on our side only.
    """
    if account.is_leaving and account.removes:
        AuditEntry.note(
            account.clinic,
            actor,
            "account.ended",
            account,
            kind=account.kind,
            count=left_outside(account),
        )
        account.put(
            removes=False,
            due_at=now(),
            because="leave",
            wait_until=None,
            health="ok",
            health_word="",
        )


@transition
def finish(account: Account, calendar_gone: bool) -> None:
    """Reach the goal, once our events are deleted (`calendar_gone`: with our calendar) or are left
    there.
    """
    if not account.is_leaving:
        return
    if calendar_gone:
        RemoteCalendar.update(calendar_id=None).where(
            RemoteCalendar.account == account, RemoteCalendar.role == "destination"
        ).execute()
    stayed = 0 if account.removes or calendar_gone else left_outside(account)
    MappingRow.delete().where(MappingRow.account == account).execute()
    if account.goal == "disconnect":
        AuditEntry.note(account.clinic, None, "account.gone", account, kind=account.kind)
        account.delete_instance()
        return
    if account.goal == "restart":
        begin_afresh(account)
        return
    RemoteCalendar.delete().where(
        RemoteCalendar.account == account, RemoteCalendar.role == "destination"
    ).execute()
    account.put(phase="off", goal="", due_at=None, because="", stayed=stayed)
