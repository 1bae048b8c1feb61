"""Out to a calendar provider and back. The way out is a link: a form would be stopped at the border
by our own content policy.
"""

from datetime import timedelta
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, redirect, request, session, url_for
from flask_login import current_user

from base import scheduling
from base.catalogue import _, paragraph
from sync.connect import connecting, connections
from sync.connect.oauth import Departure, Mismatch
from sync.providers import registry
from sync.providers.errors import AuthExpired, ProviderError
from sync.tables.accounts import Account
from sync.tables.starting import OtherAccount
from sync.two_way import first_look
from sync.two_way.standing import state
from sync.two_way.standing.state import State
from views.kit.access import login_required

from . import connect_words

blueprint = Blueprint("connect", __name__)

KEY = "departure "  # and the state: each tab that leaves is known when it is back
MOST_UNDER_WAY = 4
# a code that comes back once more within this time was used by the first return
JUST_NOW = timedelta(minutes=10)


@blueprint.get("/<kind>/departure")
@login_required
def depart(kind: str):
    """Off to the provider, with what is needed to know the person again."""
    refusal = _refusal(kind)
    if refusal:
        flash(refusal, "warning")
        return _back(kind)
    account = Account.get_or_none(Account.user == current_user.id, Account.kind == kind)
    # one that is of no use gives way to another
    known = account.email if account and not account.is_unused else ""
    leaving = connecting.depart(kind, current_user.clinic, _way_back(kind), known)
    for key in _under_way()[MOST_UNDER_WAY - 1 :]:
        session.pop(key)
    session[KEY + leaving.state] = {
        "at": scheduling.utc_now().isoformat(),
        "kind": kind,
        "verifier": leaving.verifier,
        "redirect_uri": leaving.redirect_uri,
    }
    return redirect(leaving.url, 302)


@blueprint.get("/<kind>")
@login_required
def arrive(kind: str):
    """Back from the provider. What came with the address must not stay in it, so every answer leads
    on.
    """
    if kind not in connections.kinds():
        abort(404)
    leaving = _departure(kind, request.args.get("state", ""))
    refusal = _refusal(kind)
    if refusal:
        flash(refusal, "warning")
        return _back(kind)
    try:
        account = connecting.arrive(current_user, kind, leaving, request.args)
    except OtherAccount as other:
        flash(
            _("You chose another account. {what_helps}", what_helps=_what_helps(kind, other.email)),
            "warning",
        )
        return _back(kind)
    except ProviderError as error:
        account = _just_connected(kind) if isinstance(error, Mismatch | AuthExpired) else None
        if account is None:
            word = type(error).__name__
            why = connect_words.refusal(word, registry.of(kind).name, error.reason)
            flash(_("Not connected. {why}", why=why), "warning")
            connecting.note_missing(current_user, kind, word)
            return _back(kind)
    return _connected(account)


def _under_way() -> list[str]:
    """Keys of the departures that are not back yet, the newest first."""
    keys = [key for key in session if key.startswith(KEY)]
    return sorted(keys, key=lambda key: session[key]["at"], reverse=True)


def _departure(kind: str, state: str) -> Departure:
    """The departure that this return belongs to, which is used with it; one that nothing belongs
    to where there is none. Others of the same person go on.
    """
    kept = session.get(KEY + state)
    if not state or not kept or kept["kind"] != kind:
        return Departure("", "", "", "")
    del session[KEY + state]
    return Departure("", state, kept["verifier"], kept["redirect_uri"])


def _what_helps(kind: str, email: str) -> str:
    """What somebody can do who chose another account than the one that is known."""
    known = Account.get_or_none(Account.user == current_user.id, Account.kind == kind)
    if known and known.phase == "leaving":
        return _(
            "Our events in {email} are still to be removed. Connect {email} once more for that, or"
            " press “End now” and let them stay.",
            email=email,
        )
    return _("{email} is connected here; to change it, disconnect it first.", email=email)


def _connected(account: Account):
    """The account is there: its calendars are looked at next, or its sync goes on."""
    flash(
        paragraph(
            _("Connected to {email}.", email=account.email),
            _("Next, give the new calendar a name.") if account.phase in first_look.PHASES else "",
        )
    )
    return redirect(url_for("sync_settings.show", _anchor=f"account-{account.id}"), 303)


def _just_connected(kind: str) -> Account | None:
    """The person's account, where this is the second return of one that worked: pressed twice, or
    reloaded.
    """
    account = Account.get_or_none(
        Account.user == current_user.id, Account.kind == kind, Account.health == "ok"
    )
    return account if account and account.consented_at > scheduling.utc_now() - JUST_NOW else None


def _back(kind: str):
    """To the page, where this provider is chosen already and the button stands."""
    return redirect(url_for("sync_settings.show", mode=kind, _anchor="mode"), 303)


def _way_back(kind: str) -> str:
    """The address that is registered at the provider; exactly this."""
    return f"{current_app.config['SETTINGS'].base_url}/connect/{kind}"


def _refusal(kind: str) -> str | None:
    """Why this person cannot connect now, and what helps; None when they can."""
    why = state.barred_from(kind, current_user.clinic, current_user)
    if why == State.NOT_SET_UP or registry.of(kind).sign_in != "oauth":
        abort(404)
    name, base = registry.of(kind).name, urlsplit(current_app.config["SETTINGS"].base_url)
    if why == State.NO_PLAN:
        return _(
            "Your clinic’s plan has no two-way sync with {name}. Whoever owns the clinic can"
            " change the plan.",
            name=name,
        )
    known = Account.get_or_none(Account.user == current_user.id, Account.kind == kind)
    # our events there are still to be removed
    is_unfinished = known is not None and known.phase == "leaving" and known.health == "reconnect"
    if why == State.NOT_ALLOWED and not is_unfinished:
        return _("First tick the box that lets your bookings appear outside Kalends.")
    if not current_user.identifier and not is_unfinished:
        return _("First choose how clients appear, and save it.")
    if known is not None and known.phase == "leaving" and not is_unfinished:
        return _(
            "We are still removing our events in {name}. Connect again in a moment.", name=name
        )
    if request.host != base.netloc:
        return _(
            "Open Kalends at {geturl} and connect there: {name} knows only that address.",
            geturl=base.geturl(),
            name=name,
        )
    return None
