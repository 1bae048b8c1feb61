"""The buttons for the actions on a connected account. Rows decide which actions there are
(`actions`), not this module.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import url_for

from base.catalogue import _, ngettext
from sync.tables import account_names, mappings
from sync.tables.accounts import Account
from sync.two_way.standing.actions import AccountAction


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


def menu(account: Account, actions: Iterable[AccountAction]) -> list[Button]:
    """The buttons of these actions for the menu of the account."""
    return [_in_menu(account, action) for action in actions]


def foot(account: Account, actions: Iterable[AccountAction]) -> list[Button]:
    """The buttons of these actions for the place below the account."""
    return [_at_foot(account, action) for action in actions]


def _in_menu(account: Account, action: AccountAction) -> Button:
    match action:
        case AccountAction.RESYNC:
            return Button(_("Resync this calendar"), _run(account, "resync"), "sync", "swap")
        case AccountAction.PAUSE:
            return Button(_("Pause"), _act(account, "pause"), "pause", "swap")
        case AccountAction.RESUME:
            return Button(_("Go on"), _act(account, "resumption"), "sync", "swap")
        case AccountAction.START_OVER:
            return Button(_("Start over"), _departure(account, "new-start"), "undo")
        case AccountAction.SETTINGS:
            url = url_for("two_way.edit", account_id=account.id)
            return Button(_("Settings"), url, "settings")
        case AccountAction.ONE_WAY:
            return Button(_("Go one way"), _departure(account, "one-way"), "link")
        case AccountAction.CHANGE_ACCOUNT:
            return Button(
                _("Change account"), _departure(account, "disconnection", change=1), "person"
            )
        case AccountAction.RECONNECT:
            return Button(_("Change the address"), _connect(account))
        case AccountAction.DISCONNECT:
            return Button(_("Disconnect"), _departure(account, "disconnection"), "cross")
    raise ValueError(action)


def _at_foot(account: Account, action: AccountAction) -> Button:
    name = account_names.name_of(account)
    match action:
        case AccountAction.CHECK:
            return Button(_("Check now"), _run(account, "check"), "sync", "swap")
        case AccountAction.RESUME:
            return Button(_("Go on"), _act(account, "resumption"), "sync", "swap", "primary")
        case AccountAction.RECONNECT:
            url = _connect(account)
            if account.is_leaving:
                return Button(
                    _("Connect {name} again", name=name), url, how="button", kind="primary"
                )
            return Button(_("Reconnect {name}", name=name), url, how="button")
        case AccountAction.END_NOW:
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


def _run(account: Account, because: str) -> str:
    return url_for("two_way.ask_for_run", account_id=account.id, because=because)


def _departure(account: Account, goal: str, **more: int) -> str:
    return url_for("two_way.ask_to_leave", account_id=account.id, goal=goal, **more)
