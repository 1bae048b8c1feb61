"""The words above the calendar about an account for which it shows less than a person expects."""

from dataclasses import dataclass

from flask import url_for

from base.catalogue import _
from sync.tables.accounts import Account
from sync.two_way.standing.state_list import SEVERITY, State


@dataclass(frozen=True)
class Banner:
    """A sentence with its colour and its picture; and a button with its words and its address."""

    sentence: str
    tone: str
    icon: str
    button: str
    url: str


def banner(account: Account, state: State, name: str) -> Banner:
    """The banner of an account, which is called `name`, in one of the states of BANNER."""
    tone, icon = ("danger", "stop") if SEVERITY[state] == "trouble" else ("warning", "pause")
    return Banner(_sentence(state, name), tone, icon, *_button(account, state, name))


def _sentence(state: State, name: str) -> str:
    return {
        State.NO_PLAN: _(
            "Your clinic’s plan has no sync with {name} any more. Bookings do not reach it, and"
            " busy times from there are not updated.",
            name=name,
        ),
        State.NOT_SET_UP: _(
            "{name} is not set up on this server any more. Bookings do not reach it, and busy times"
            " from there are not updated.",
            name=name,
        ),
        State.UNREADABLE: _(
            "A calendar in {name} cannot be read: busy times from there are not updated.", name=name
        ),
        State.RECONNECT: _(
            "Access to {name} has ended: bookings do not reach it. They are safe here.", name=name
        ),
        State.CALENDAR_GONE: _(
            "Our calendar in {name} was deleted: bookings do not reach it. They are safe here.",
            name=name,
        ),
    }[state]


def _button(account: Account, state: State, name: str) -> tuple[str, str]:
    """The words of the button, and its address."""
    if state == State.RECONNECT:
        again = url_for("connect.begin", kind=account.kind, account=account.id)
        return _("Reconnect {name}", name=name), again
    if state == State.CALENDAR_GONE:
        return _("See what to do"), url_for("sync_settings.show", _anchor="notices")
    return _("See Calendar sync"), url_for("sync_settings.show")
