"""The way to a provider's sign-in page and back. The way there is a link, since our content
security policy blocks forms to other sites.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, flash, redirect, request, session, url_for
from flask_login import current_user

from base import scheduling
from base.catalogue import _, paragraph
from sync.connect import arrival, gateway
from sync.connect.oauth import AuthorizationRequest, Mismatch
from sync.providers import registry
from sync.providers.errors import AuthExpired, ProviderError
from sync.tables.accounts import Account
from sync.tables.starting import OtherAccount
from sync.two_way.standing import state
from sync.two_way.standing.state_list import State
from views.kit import sync_access
from views.kit.access import login_required
from views.kit.sessions import page_session
from views.sync.words import connect_words

from . import by_address, password

blueprint = Blueprint("connect", __name__)

KEY = "departure "  # with the state: sign-ins in several tabs are told apart when they come back
MOST_UNDER_WAY = 4
# a code that comes back once more within this time was used by the first return
JUST_NOW = timedelta(minutes=10)
CHECKING = timedelta(minutes=1)  # longer than a provider is asked


@blueprint.get("/<kind>/departure")
@login_required
def begin(kind: str):
    """Send the person to the provider, and store what is needed to recognise the answer."""
    account = _meant(kind)
    refusal = _refusal(kind, account)
    if refusal:
        flash(refusal, "warning")
        return _back(kind)
    if registry.row_of(kind).reads_only:
        return by_address.show(kind, account)
    if registry.row_of(kind).by_password:
        return password.show(kind, account)
    # an account that was never used is replaced
    known = account.email if account and not account.is_unused else ""
    sent = arrival.authorize(kind, current_user.clinic, _way_back(kind), known)
    for key in _under_way()[MOST_UNDER_WAY - 1 :]:
        session.pop(key)
    session[KEY + sent.state] = {
        "at": scheduling.utc_now().isoformat(),
        "kind": kind,
        "verifier": sent.verifier,
        "redirect_uri": sent.redirect_uri,
    }
    return redirect(sent.url, 302)


@blueprint.post("/<kind>/password")
@login_required
def sign_in(kind: str):
    """The page that asks for a name and a password, if the provider needs them."""
    if kind not in gateway.kinds() or not registry.row_of(kind).by_password:
        abort(404)
    account = _meant(kind)
    refusal = _refusal(kind, account)
    if refusal:
        flash(refusal, "warning")
        return _back(kind)
    if registry.row_of(kind).reads_only:
        return by_address.connect_address(kind, account)
    return password.connect_with_password(kind, account)


@blueprint.get("/<kind>")
@login_required
def arrive(kind: str):
    """The address to which the provider sends the person back. Its query must not stay in an
    address of ours, so every answer redirects.
    """
    if kind not in gateway.kinds() or registry.row_of(kind).by_password:
        abort(404)
    sent = _sent(kind, request.args.get("state", ""))
    if sent is None:
        return _under_check(kind)
    refusal = _refusal(kind, Account.at(current_user, kind))
    if refusal:
        flash(refusal, "warning")
        return _back(kind)
    try:
        account = arrival.arrive(current_user, kind, sent, request.args)
    except OtherAccount as other:
        return _chose_another(kind, other.email)
    except ProviderError as error:
        account = _just_connected(kind) if isinstance(error, Mismatch | AuthExpired) else None
        return _connected(account) if account else _not_connected(kind, error)
    return _connected(account)


def _meant(kind: str) -> Account | None:
    """The account that is to be connected again; None for another one."""
    if kind not in registry.PROVIDERS or not registry.row_of(kind).accepts_several:
        return Account.at(current_user, kind)
    account_id = request.args.get("account", type=int)
    if account_id is None:
        return None
    account = sync_access.account_of_mine(account_id)
    return account if account.kind == kind else abort(404)


def _chose_another(kind: str, email: str):
    """The answer where another account than the one in use, `email`, was chosen there."""
    sentences = _("You chose another account."), _what_helps(kind, email)
    flash(paragraph(*sentences, connect_words.stays_allowed(kind)), "warning")
    return _back(kind)


def _not_connected(kind: str, error: ProviderError):
    word = type(error).__name__
    why = connect_words.refusal(word, registry.row_of(kind).name, error.reason)
    stays = connect_words.stays_allowed(kind) if word in connect_words.AFTER_CONSENT else ""
    flash(paragraph(_("Not connected. {why}", why=why), stays), "warning")
    arrival.note_missing(current_user, kind, word)
    return _back(kind)


def _under_way() -> list[str]:
    """The keys of requests that were sent to a provider and have no answer yet, the newest
    first.
    """
    keys = [key for key in session if key.startswith(KEY)]
    return sorted(keys, key=lambda key: session[key]["at"], reverse=True)


def _sent(kind: str, state: str) -> AuthorizationRequest | None:
    """The request that this answer belongs to; an empty request if there is none. It is removed
    from the session when the provider has been asked. Other requests of the same person stay.
    None: the same answer came twice at once, and the other one is being checked.
    """
    key, now = KEY + state, scheduling.utc_now()
    kept = session.get(key)
    if not state or not kept or kept["kind"] != kind:
        return AuthorizationRequest("", "", "", "")
    came_at = kept.get("came_at")
    if came_at and not scheduling.is_recent(datetime.fromisoformat(came_at), CHECKING):
        return AuthorizationRequest("", "", "", "")
    claimed = {**kept, "came_at": now.isoformat()}
    if came_at or not page_session().replace_now(key, kept, claimed):
        return None
    del session[key]  # stored with the answer
    return AuthorizationRequest("", state, kept["verifier"], kept["redirect_uri"])


def _under_check(kind: str):
    """The answer to a press that came twice, while the other one asks the provider."""
    account = _just_connected(kind)
    if account:
        return _connected(account)
    name = registry.row_of(kind).name
    flash(_("Your sign-in at {name} is being checked. Reload this page in a moment.", name=name))
    return _back(kind)


def _what_helps(kind: str, email: str) -> str:
    """Advice for a person who chose another account at the provider than the connected one."""
    known = Account.at(current_user, kind)
    if known and known.is_leaving:
        return _(
            "Our events in {email} are still to be removed. Connect {email} once more for that, or"
            " press “End now” and let them stay.",
            email=email,
        )
    return _("{email} is connected here; to change it, disconnect it first.", email=email)


def _connected(account: Account):
    """The answer after an account was connected: its calendars are listed next, or its sync goes
    on.
    """
    flash(
        paragraph(
            _("Connected to {email}.", email=account.email),
            _("Next, give the new calendar a name.") if account.may_begin else "",
        )
    )
    return redirect(url_for("sync_settings.show", _anchor=f"account-{account.id}"), 303)


def _just_connected(kind: str) -> Account | None:
    """The person's account, if the provider's answer came a second time after a successful first
    one: the button was pressed twice, or the page reloaded.
    """
    account = Account.at(current_user, kind)
    is_new = account and scheduling.is_recent(account.consented_at, JUST_NOW)
    return account if is_new and account.is_well else None


def _back(kind: str):
    """Go to the page on which this provider is already chosen, with its button."""
    return redirect(url_for("sync_settings.show", mode=kind, _anchor="mode"), 303)


def _way_back(kind: str) -> str:
    """Our redirect address, exactly as it is registered at the provider."""
    return f"{current_app.config['SETTINGS'].base_url}/connect/{kind}"


def _refusal(kind: str, known: Account | None) -> str | None:
    """The reason why this person cannot connect now (or not connect the `known` account), and what
    to do; None if they can.
    """
    why = state.barred_from(kind, current_user.clinic, current_user)
    if why == State.NOT_SET_UP:
        abort(404)
    name, base = registry.row_of(kind).name, urlsplit(current_app.config["SETTINGS"].base_url)
    if why == State.NO_PLAN:
        return connect_words.out_of_reach(why, name)
    is_unfinished = known is not None and known.is_unfinished
    if why == State.NOT_ALLOWED and not is_unfinished:
        return _("First tick the box that lets your bookings appear outside Kalends.")
    if not current_user.identifier and not is_unfinished:
        return _("First choose how clients appear, and save it.")
    if known is not None and known.is_leaving and not is_unfinished:
        return _(
            "We are still removing our events in {name}. Connect again in a moment.", name=name
        )
    if request.host != base.netloc and not registry.row_of(kind).by_password:
        return _(
            "Open Kalends at {geturl} and connect there: {name} knows only that address.",
            geturl=base.geturl(),
            name=name,
        )
    return None
