"""What a person can do with a connected account, decided from its rows. Pages word it."""

from enum import StrEnum

from sync.tables.accounts import Account

from . import state


class Action(StrEnum):
    """One thing that a person can do with an account."""

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
    """What the menu of an account offers, in order; nothing while we take our events away."""
    if account.phase == "leaving":
        return ()
    leaving = Action.CHANGE_ACCOUNT, Action.DISCONNECT
    if account.phase not in ("active", "paused"):
        return leaving
    is_barred = state.barred(account) is not None
    if account.phase == "paused":
        first: tuple[Action, ...] = () if is_barred else (Action.RESUME,)
    elif is_barred:
        first = (Action.PAUSE,)
    else:
        first = (Action.RESYNC, Action.PAUSE, Action.START_OVER)
    return (*first, Action.SETTINGS, Action.ONE_WAY, *leaving)


def at_foot(account: Account) -> tuple[Action, ...]:
    """What stands below how the account stands: what helps next, if anything does."""
    needs_access = account.health == "reconnect"
    if account.is_stuck_leaving:
        return (Action.RECONNECT, Action.END_NOW) if needs_access else (Action.END_NOW,)
    if account.phase == "paused":
        return (Action.RESUME,)
    if account.phase != "active" or state.barred(account):
        return ()
    if needs_access:
        return (Action.RECONNECT,)
    return () if account.health == "calendar_gone" else (Action.CHECK,)
