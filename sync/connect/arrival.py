"""Connecting an account: through the sign-in page of its provider, or with typed credentials."""

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from base import vault
from base.catalogue import _
from base.database import database
from base.tables.audit import AuditEntry
from models import Clinic, Practitioner, User, Venue
from sync.providers import registry
from sync.providers.errors import AuthExpired, ProviderError, ScopeMissing, Unanswered, Unavailable
from sync.tables import starting
from sync.tables.accounts import Account

from . import gateway, revoking
from .oauth import AuthorizationRequest, Tokens, missing_scopes

ARRIVAL_SECONDS = 5
LONGEST_EMAIL = 254  # characters of an account's address
Answer = TypeVar("Answer")


def authorize(
    kind: str, clinic: Clinic, redirect_uri: str, login_hint: str = ""
) -> AuthorizationRequest:
    """The request that sends a person to the provider to sign in. Keep it in their session. Raises
    KeyError for a provider that is not set up.
    """
    return gateway.sign_in(kind).authorize(redirect_uri, gateway.scopes(kind, clinic), login_hint)


def arrive(user: User, kind: str, sent: AuthorizationRequest, query: Mapping[str, str]) -> Account:
    """The account of a person who came back from the provider, connected for the first time or
    again. `first_list` lists its calendars.

    No other request waits for a provider; this one waits at most ARRIVAL_SECONDS. Raises Mismatch,
    Declined, ScopeMissing (boxes were left empty), starting.OtherAccount, Unanswered if the
    provider was too slow, and the other errors of `providers.errors`. If the account is not
    accepted, a job revokes the access to it.
    """
    asked = gateway.scopes(kind, user.clinic)
    tokens, email, fault = _within(ARRIVAL_SECONDS, lambda: _ask_who(kind, sent, query))
    sealed, lacks = gateway.sealed(tokens), _lacks(asked, tokens)
    refusal = ScopeMissing(lacks, 403) if lacks else fault
    if refusal:
        revoking.revoke_later(kind, email, sealed)
        raise refusal
    try:
        return starting.connect(user, kind, email, sealed, tokens.scopes, tokens.refresh_expires_at)
    except starting.OtherAccount:
        revoking.revoke_later(kind, email, sealed)
        raise


def sign_in(
    user: User, kind: str, address: str, name: str, secret: str, known: Account | None = None
) -> Account:
    """The account of a person who typed a name and a password: a new one, or the `known` one. Sends
    no request: the first list of its calendars finds the server and tries the password, once. An
    account in use keeps its address and name. Raises ValueError for a text that is no address.
    """
    way = registry.row_of(kind).by_password
    if way is None:
        raise KeyError(kind)
    if known and not known.is_unused:
        login = way.with_secret(gateway.opened_login(known.sealed), secret)
        place, name = known.place, known.email
    else:
        login = way.written(address, name, secret, _zone_name(user))
        place = way.place_of(login)
    return starting.connect(
        user, kind, name[:254], vault.seal(login), (), None, place=place, known=known
    )


def typed(account: Account) -> tuple[str, str]:
    """Address and name as the person typed them; both empty where the login cannot be opened."""
    way = registry.row_of(account.kind).by_password
    with suppress(AuthExpired):
        return way.user_of(gateway.opened_login(account.sealed)) if way else ("", "")
    return "", ""


def connect_published(user: User, kind: str, address: str, known: Account | None = None) -> Account:
    """The account of a person who typed the address of a published calendar, which is read from now
    on. A `known` account then reads this address instead of its earlier one. Sends no request.
    Raises ValueError with a sentence for a wrong address, or one that another account reads.
    """
    way = registry.row_of(kind).by_password
    if way is None:
        raise KeyError(kind)
    if known and known.phase == "leaving":
        return known
    zone_name = _zone_name(user)
    login = way.written(address, "", "", zone_name)
    host, place = way.user_of(login)[0][:254], way.place_of(login)
    with database.atomic():
        user.clinic.lock()
        there = Account.of(user).where(*starting.same(kind, place, host)).first()
        if known and there and there.id != known.id:
            if not there.may_begin:
                raise ValueError(_("You connected this address already."))
            there.delete_instance()  # it is no longer read, and has no events of ours
        if known:
            known.put(email=host, place=place)
        account = starting.connect(
            user, kind, host, vault.seal(login), (), None, place=place, known=known or there
        )
        starting.start_reading_published(
            account, user, registry.row_of(kind).only_calendar, host, zone_name
        )
    return account


def _zone_name(user: User) -> str:
    """The zone of a person's oldest calendar."""
    oldest = Practitioner.select(Practitioner, Venue).join(Venue)
    first = oldest.where(Practitioner.user == user).order_by(Practitioner.id).first()
    return first.venue.zone_name if first else "UTC"


def _ask_who(
    kind: str, sent: AuthorizationRequest, query: Mapping[str, str]
) -> tuple[Tokens, str, ProviderError | None]:
    """Three values: the tokens that the provider issues for this answer; the account's e-mail
    address, "" if it cannot be read; and then the error. Raises the errors of `oauth.arrive` if
    there are no tokens.
    """
    with gateway.in_a_hurry(kind) as http:
        tokens = gateway.sign_in(kind, http).arrive(sent, query)
        try:
            email: object = gateway.with_tokens(kind, tokens, http).email()
        except ProviderError as error:
            return tokens, "", error
    if isinstance(email, str) and 0 < len(email) <= LONGEST_EMAIL:
        return tokens, email, None
    return tokens, "", Unavailable("unreadable answer")


def _lacks(asked: Iterable[str], tokens: Tokens) -> str:
    """A missing permission of an account, in one word; "" if none is missing."""
    if missing_scopes(asked, tokens.scopes):
        return "boxes"
    return "" if tokens.refresh_token else "no_refresh_token"


def _within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """The result of `ask`, or Unanswered after so many seconds. The call then goes on in a thread
    of its own until its time-outs end it. Time-outs of single reads are not enough: an answer may
    come in drops. The call must not use the database.
    """
    answer: Future[Answer] = Future()

    def work() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="arrival", daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        raise Unanswered("slow") from None


def note_missing(user: User, kind: str, why: str) -> None:
    """Note in the history that connecting failed, with the reason in one word."""
    AuditEntry.note(user.clinic, user, "account.refused", user, kind=kind, why=why)
