"""The actions that a person can take on a connected account, decided from its rows. Pages have
their words.
"""

from enum import StrEnum

from sync.providers import registry
from sync.tables.accounts import Account

from . import state


class AccountAction(StrEnum):
    """One action on an account."""

    CHECK = "check"
    RESYNC = "resync"
    PAUSE = "pause"
    RESUME = "resume"
    RECONNECT = "reconnect"
    START_OVER = "start_over"
    SETTINGS = "settings"
    ONE_WAY = "one_way"
    CHANGE_ACCOUNT = "change_account"
    DISCONNECT = "disconnect"
    END_NOW = "end_now"


def in_menu(account: Account) -> tuple[AccountAction, ...]:
    """The actions in the menu of an account, in order; none while our events are being deleted."""
    if account.is_leaving:
        return ()
    leaving = AccountAction.CHANGE_ACCOUNT, AccountAction.DISCONNECT
    if not account.has_begun:
        return leaving
    is_barred = state.barred(account) is not None
    if registry.row_of(account.kind).reads_only:
        own = (
            (AccountAction.RESYNC, AccountAction.PAUSE)
            if account.is_active
            else (AccountAction.RESUME,)
        )
        return (*(() if is_barred else own), AccountAction.RECONNECT, AccountAction.DISCONNECT)
    if account.phase == "paused":
        first: tuple[AccountAction, ...] = () if is_barred else (AccountAction.RESUME,)
    elif is_barred:
        first = (AccountAction.PAUSE,)
    else:
        first = (AccountAction.RESYNC, AccountAction.PAUSE, AccountAction.START_OVER)
    return (*first, AccountAction.SETTINGS, AccountAction.ONE_WAY, *leaving)


def at_foot(account: Account) -> tuple[AccountAction, ...]:
    """The actions below the account's state: the most useful ones, if any."""
    needs_access = account.needs_access
    if account.is_stuck_leaving:
        return (
            (AccountAction.RECONNECT, AccountAction.END_NOW)
            if needs_access
            else (AccountAction.END_NOW,)
        )
    if account.phase == "paused":
        return (AccountAction.RESUME,)
    if not account.is_active or state.barred(account):
        return ()
    if needs_access:
        return (AccountAction.RECONNECT,)
    return () if account.health == "calendar_gone" else (AccountAction.CHECK,)
