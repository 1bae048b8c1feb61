"""Out to a calendar provider and back. The way out is a link: a form would be stopped at the border by our own content policy."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, redirect, request, session, url_for
from flask_login import current_user

from accounts import Account, OtherAccount
from sync import connecting, connections, work
from sync.oauth import Declined, Departure, Mismatch
from sync.providers.base import AuthExpired, NoMailbox, NotConfigured, ProviderError, ScopeMissing

from . import display
from .access import login_required

blueprint = Blueprint("connect", __name__)

KEY = "departure"


@blueprint.get("/<kind>/departure")
@login_required
def depart(kind: str):
    """Off to the provider, with what is needed to know the person again."""
    refusal = _refusal(kind)
    if refusal:
        flash(refusal, "warning")
        return redirect(url_for("sync_settings.show"), 303)
    account = Account.get_or_none(Account.user == current_user.id, Account.kind == kind)
    leaving = connecting.depart(kind, current_user.clinic, _way_back(kind), account.email if account else "")
    session[KEY] = {"kind": kind, "state": leaving.state, "verifier": leaving.verifier, "redirect_uri": leaving.redirect_uri}
    return redirect(leaving.url, 302)


@blueprint.get("/<kind>")
@login_required
def arrive(kind: str):
    """Back from the provider. What came with the address must not stay in it, so every answer leads on."""
    kept = session.pop(KEY, None)
    if kind not in connections.kinds():
        abort(404)
    known = kept if kept and kept["kind"] == kind else {"state": "", "verifier": "", "redirect_uri": ""}
    leaving = Departure("", known["state"], known["verifier"], known["redirect_uri"])
    name = display.PROVIDER_NAMES[kind]
    refusal = _refusal(kind)
    if not refusal:
        try:
            account = connecting.arrive(current_user, kind, leaving, request.args)
            work.nudge(account.id)
        except OtherAccount as other:
            refusal = f"You chose another account. {other.email} is connected here; to change it, disconnect it first."
        except ProviderError as error:
            refusal = _words(error, name)
            connecting.note_missing(current_user, kind, type(error).__name__)
    if refusal:
        flash(refusal, "warning")
        return redirect(url_for("sync_settings.show"), 303)
    flash(f"Connected: {name} lets Kalends into {account.email}." + (" One name, and you can start." if account.phase in ("naming", "off") else ""))
    return redirect(url_for("sync_settings.show", _anchor=f"account-{account.id}"), 303)


def _way_back(kind: str) -> str:
    """The address that is registered at the provider; exactly this."""
    return f"{current_app.config['SETTINGS'].base_url}/connect/{kind}"


def _refusal(kind: str) -> str | None:
    """Why this person cannot connect now, and what helps; None when they can."""
    if kind not in connections.kinds():
        abort(404)
    name, base = display.PROVIDER_NAMES[kind], urlsplit(current_app.config["SETTINGS"].base_url)
    if not current_user.clinic.allows(kind):
        return f"Your clinic’s plan has no two-way sync with {name}. Whoever owns the clinic can change the plan."
    if not current_user.sync_allowed:
        return "First tick the box that lets your bookings appear outside Kalends."
    if not current_user.identifier:
        return "First choose how clients appear, and save it."
    if Account.select().where(Account.user == current_user.id, Account.kind == kind, Account.phase == "leaving").exists():
        return f"We are still taking away in {name} what we made there. Connect again in a moment."
    if request.host != base.netloc:
        return f"Open Kalends at {base.geturl()} and connect there: {name} knows only that address."
    return None


def _words(error: ProviderError, name: str) -> str:
    """What went wrong on the way, and what the person can do."""
    if isinstance(error, Mismatch):
        return "This page was too old, or it began in another browser. Press the button once more."
    if isinstance(error, Declined):
        return f"{name} did not let us in, as you said no there. Nothing has changed."
    if isinstance(error, ScopeMissing):
        return f"{name} let us in, but not to everything that sync needs. Connect again and leave every box ticked."
    if isinstance(error, AuthExpired):
        return f"That took too long for {name}. Press the button once more."
    if isinstance(error, NoMailbox):
        return "This account has no calendar that programs can reach. Choose another, or ask whoever looks after it."
    if isinstance(error, NotConfigured):
        return f"{name} does not know this Kalends. Whoever runs it finds out more with: flask --app app doctor"
    return f"{name} does not answer as it should. Try again in a few minutes; nothing has changed."
