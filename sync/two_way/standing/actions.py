"""The actions that a person can take on a connected account, decided from its rows. Pages have
their words.
"""

from enum import StrEnum

from sync.providers import registry
from sync.tables.accounts import Account

from . import state


class Action(StrEnum):
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


def in_menu(account: Account) -> tuple[Action, ...]:
    """The actions in the menu of an account, in order; none while our events are being deleted."""
    if account.is_leaving:
        return ()
    leaving = Action.CHANGE_ACCOUNT, Action.DISCONNECT
    if not account.has_begun:
        return leaving
    is_barred = state.barred(account) is not None
    if registry.of(account.kind).reads_only:
        own = (Action.RESYNC, Action.PAUSE) if account.is_active else (Action.RESUME,)
        return (*(() if is_barred else own), Action.RECONNECT, Action.DISCONNECT)
    if account.phase == "paused":
        first: tuple[Action, ...] = () if is_barred else (Action.RESUME,)
    elif is_barred:
        first = (Action.PAUSE,)
    else:
        first = (Action.RESYNC, Action.PAUSE, Action.START_OVER)
    return (*first, Action.SETTINGS, Action.ONE_WAY, *leaving)


def at_foot(account: Account) -> tuple[Action, ...]:
    """The actions below the account's state: the most useful ones, if any."""
    needs_access = account.needs_access
    if account.is_stuck_leaving:
        return (Action.RECONNECT, Action.END_NOW) if needs_access else (Action.END_NOW,)
    if account.phase == "paused":
        return (Action.RESUME,)
    if not account.is_active or state.barred(account):
        return ()
    if needs_access:
        return (Action.RECONNECT,)
    return () if account.health == "calendar_gone" else (Action.CHECK,)
