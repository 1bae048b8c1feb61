"""The buttons for the actions on a connected account. Rows decide which actions there are
(`actions`), not this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for

from base.catalogue import _, ngettext
from sync.tables import account_names, mappings
from sync.tables.accounts import Account
from sync.two_way.standing.actions import Action


@dataclass(frozen=True)
class Button:
    """`how`: "swap" (a form whose answer replaces the list of accounts), "form", "link", or
    "button" (a link that looks like one).
    """

    words: str
    url: str
    icon: str = ""
    how: str = "link"
    kind: str = ""


def menu(account: Account, actions: Iterable[Action]) -> list[Button]:
    """The buttons of these actions for the menu of the account."""
    return [_in_menu(account, action) for action in actions]


def foot(account: Account, actions: Iterable[Action]) -> list[Button]:
    """The buttons of these actions for the place below the account."""
    return [_at_foot(account, action) for action in actions]


def _in_menu(account: Account, action: Action) -> Button:
    match action:
        case Action.RESYNC:
            return Button(_("Resync this calendar"), _act(account, "resync"), "sync", "swap")
        case Action.PAUSE:
            return Button(_("Pause"), _act(account, "pause"), "pause", "swap")
        case Action.RESUME:
            return Button(_("Go on"), _act(account, "resumption"), "sync", "swap")
        case Action.START_OVER:
            return Button(_("Start over"), _leave(account, "new-start"), "undo")
        case Action.SETTINGS:
            url = url_for("two_way.edit", account_id=account.id)
            return Button(_("Settings"), url, "settings")
        case Action.ONE_WAY:
            return Button(_("Go one way"), _leave(account, "one-way"), "link")
        case Action.CHANGE_ACCOUNT:
            return Button(_("Change account"), _leave(account, "disconnection", change=1), "person")
        case Action.RECONNECT:
            return Button(_("Change the address"), _connect(account))
        case Action.DISCONNECT:
            return Button(_("Disconnect"), _leave(account, "disconnection"), "cross")
    raise ValueError(action)


def _at_foot(account: Account, action: Action) -> Button:
    name = account_names.name_of(account)
    match action:
        case Action.CHECK:
            return Button(_("Check now"), _act(account, "check"), "sync", "swap")
        case Action.RESUME:
            return Button(_("Go on"), _act(account, "resumption"), "sync", "swap", "primary")
        case Action.RECONNECT:
            url = _connect(account)
            if account.is_leaving:
                return Button(
                    _("Connect {name} again", name=name), url, how="button", kind="primary"
                )
            return Button(_("Reconnect {name}", name=name), url, how="button")
        case Action.END_NOW:
            url = url_for("two_way.end", account_id=account.id)
            return Button(
                _("End now{staying}", staying=_staying(account, name)),
                url,
                how="form",
                kind="danger",
            )
    raise ValueError(action)


def _connect(account: Account) -> str:
    """The address for connecting an account again."""
    return url_for("connect.begin", kind=account.kind, account=account.id)


def _staying(account: Account, name: str) -> str:
    """A sentence with the number of our events that stay outside; "" if there are none."""
    count = mappings.left_outside(account)
    if not count:
        return ""
    return ngettext(
        ", {count} event stays in {name}", ", {count} events stay in {name}", count, name=name
    )


def _act(account: Account, what: str) -> str:
    return url_for("two_way.act", account_id=account.id, what=what)


def _leave(account: Account, goal: str, **more: int) -> str:
    return url_for("two_way.ask_to_leave", account_id=account.id, goal=goal, **more)
