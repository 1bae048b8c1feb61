"""How this process reaches the providers: the settings, one HTTP client, and the credentials of
each account, encrypted.

Credentials are stored before they are used: a provider may give a new refresh token with each
refresh.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
from peewee import fn

from base import scheduling, vault
from base.config.endpoints import Endpoints
from base.outgoing import exchange
from base.outgoing.line import HttpClient
from models import Clinic
from sync import providers
from sync.providers import registry
from sync.providers.base import Provider
from sync.providers.errors import AuthExpired, ConnectedTwice
from sync.providers.registry import PasswordSignIn
from sync.providers.wire import http_client
from sync.tables import starting
from sync.tables.accounts import Account
from sync.tables.pace import Pace

from .oauth import Application, OAuth, Tokens, missing_scopes

HURRIED = httpx.Timeout(4, connect=2)  # seconds for each step
HURRIED_SECONDS = 10  # seconds for each call; a person who waits goes on before
AT_ONCE_SECONDS = 4  # seconds for each call whose late answer helps nobody
EARLY = timedelta(seconds=90)  # an access token that ends so soon is replaced before it is used


@dataclass(frozen=True)
class GatewaySetup:
    """The settings of providers. `transport` replaces the network in tests; `secret` makes our ids
    impossible to guess.
    """

    endpoints: Mapping[str, Endpoints] = field(default_factory=dict)
    webhook_url: str | None = None
    poll_seconds: int = 300
    secret: bytes = field(default=b"", repr=False)
    transport: Callable[[str], httpx.BaseTransport] | None = None
    by_password: bool = False  # also the providers that need no set-up


_setup = GatewaySetup()
_clients: dict[bool, tuple[int, HttpClient]] = {}  # whether it is for addresses that people entered


def set_up(setup: GatewaySetup) -> None:
    """Set how providers are reached from now on. Connects to nothing yet."""
    global _setup
    _setup = setup
    _clients.clear()


def setup() -> GatewaySetup:
    """The settings that were last given to `set_up`."""
    return _setup


def poll_seconds(kind: str) -> int:
    """The seconds between two regular reads of a calendar of this provider. The real time differs
    by up to a quarter.
    """
    return max(_setup.poll_seconds, registry.row_of(kind).poll_seconds)


def kinds() -> tuple[str, ...]:
    """The providers that accounts can be connected to here: those that are set up, and those whose
    accounts name their own server.
    """
    return tuple(
        kind
        for kind, row in registry.PROVIDERS.items()
        if (row.has_own_address and _setup.by_password) or kind in _setup.endpoints
    )


def is_sandbox(kind: str) -> bool:
    """Whether the provider is the sandbox that comes with Kalends."""
    return kind in _setup.endpoints and _setup.endpoints[kind].is_sandbox


def scopes(kind: str, clinic: Clinic) -> tuple[str, ...]:
    """The scopes to ask a person of this clinic for."""
    return providers.scopes(kind, clinic.sync_existing, clinic.sync_shared)


def allows_too_little(account: Account) -> bool:
    """Whether the person gave fewer permissions than people of the clinic are asked for now."""
    return bool(missing_scopes(scopes(account.kind, account.clinic), account.scopes.split()))


def sign_in(kind: str, http: HttpClient | None = None) -> OAuth:
    """The sign-in of a provider, over our own HTTP client or this one. Raises KeyError for a
    provider that is not set up.
    """
    known = _setup.endpoints[kind]
    application = Application(
        known.client_id,
        known.client_secret,
        known.authorize_url,
        known.token_url,
        known.revoke_url,
        registry.row_of(kind).oauth_extra,
    )
    return OAuth(application, http or _http(kind), scheduling.utc_now)


def with_tokens(kind: str, tokens: Tokens, http: HttpClient) -> Provider:
    """A provider with credentials that are not stored yet."""

    def access_token(stale: str | None) -> str:
        if stale is not None:
            raise AuthExpired("refused at once", 401)
        return tokens.access_token

    return providers.open_provider(kind, http, access_token, _setup.endpoints[kind].api_url)


def in_a_hurry(kind: str, longest_seconds: float = HURRIED_SECONDS) -> HttpClient:
    """An HTTP client with short time-outs, for requests while a person waits."""
    transport = _setup.transport and _setup.transport(kind)
    if registry.row_of(kind).has_own_address:
        return exchange.http_client(longest_seconds, transport=transport)
    return http_client(transport, HURRIED, longest_seconds)


def open_account(account: Account, http: HttpClient | None = None) -> Provider:
    """The adapter for an account, with its credentials, over our own HTTP client or this one. No
    request is sent yet. A refresh token that was refused is not tried again.
    """
    http = http or _http(account.kind)
    if by_password := registry.row_of(account.kind).by_password:
        return providers.open_provider(
            account.kind, http, lambda _stale: _at_pace(account, by_password, http), ""
        )
    dead: dict[str, AuthExpired] = {}  # sealed credentials → how they were refused

    def access_token(stale: str | None) -> str:
        kept = _kept(account)
        if kept in dead:
            raise dead[kept]
        tokens = opened(kept)
        if tokens.access_token == stale or tokens.expires_at - EARLY <= scheduling.utc_now():
            try:
                tokens = _refreshed(account, kept, tokens, http)
            except AuthExpired as error:
                dead[kept] = error
                raise
        return tokens.access_token

    return providers.open_provider(
        account.kind, http, access_token, _setup.endpoints[account.kind].api_url
    )


def _at_pace(account: Account, by_password: PasswordSignIn, http: HttpClient) -> str:
    """The login of an account, with the pace that its server allows."""
    login = _login(account, by_password, http)
    return by_password.at_pace(login, Pace.halvings_of(account, scheduling.utc_now()))


def _login(account: Account, by_password: PasswordSignIn, http: HttpClient) -> str:
    """The login of an account. If the account's server was not found yet, it is searched now, and
    the result is stored. Raises ConnectedTwice, and AuthExpired if no key of ours decrypts the
    login.
    """
    kept = _kept(account)
    login = opened_login(kept)
    if by_password.is_complete(login):
        if not account.place:  # from an earlier version
            account.put(place=by_password.place_of(login))
        return login
    login, email = by_password.completed(http, login)
    place = by_password.place_of(login)
    columns: dict[str, object] = {"sealed": vault.seal(login), "place": place}
    if account.is_unused:  # marks of events are made from it
        columns["email"] = email
        others = Account.user == account.user_id, Account.id != account.id, Account.place == place
        same_email = fn.LOWER(Account.email) == email.lower()
        if earlier := Account.select().where(*others, same_email).first():
            starting.give_back(account, earlier, vault.seal(login))
            raise ConnectedTwice("connected_twice")
    same = Account.id == account.id, Account.sealed == kept
    Account.update(columns).where(*same).execute()
    return login


def opened_login(kept: str) -> str:
    """The login of an account with a password, decrypted. Raises AuthExpired."""
    try:
        return vault.unseal(kept)
    except vault.CannotOpen:
        raise AuthExpired("sealed_with_another_key") from None


def stored(account: Account) -> Tokens:
    """The account's credentials in the database now. Raises AuthExpired if no key of ours decrypts
    them.
    """
    return opened(_kept(account))


def _kept(account: Account) -> str:
    return Account.select(Account.sealed).where(Account.id == account.id).scalar() or ""


def opened(kept: str) -> Tokens:
    """Credentials, decrypted. Raises AuthExpired if no key of ours does."""
    try:
        found = json.loads(vault.unseal(kept))
    except vault.CannotOpen:
        raise AuthExpired("sealed_with_another_key") from None
    end = found["refresh_expires_at"]
    return Tokens(
        found["access_token"],
        found["refresh_token"],
        datetime.fromisoformat(found["expires_at"]),
        frozenset(found["scopes"]),
        end and datetime.fromisoformat(end),
    )


def _refreshed(account: Account, kept: str, tokens: Tokens, http: HttpClient) -> Tokens:
    """Fresh credentials, stored before they are used. If the person connected again meanwhile, the
    credentials of the new consent.
    """
    fresh = sign_in(account.kind, http).refresh(tokens)
    columns = {"sealed": sealed(fresh), "refresh_expires_at": fresh.refresh_expires_at}
    is_stored = (
        Account.update(**columns).where(Account.id == account.id, Account.sealed == kept).execute()
    )
    return fresh if is_stored else stored(account)


def sealed(tokens: Tokens) -> str:
    """Credentials, encrypted for the row."""
    end = tokens.refresh_expires_at
    return vault.seal(
        json.dumps(
            {
                "access_token": tokens.access_token,
                "refresh_token": tokens.refresh_token,
                "expires_at": tokens.expires_at.isoformat(),
                "scopes": sorted(tokens.scopes),
                "refresh_expires_at": end and end.isoformat(),
            }
        )
    )


def _http(kind: str) -> HttpClient:
    """The HTTP client of this process: a forked worker must not share its parent's connections.
    Addresses that people entered have a client of their own.
    """
    is_typed = registry.row_of(kind).has_own_address
    make = exchange.http_client if is_typed else http_client
    if _setup.transport:
        return make(transport=_setup.transport(kind))
    if is_typed not in _clients or _clients[is_typed][0] != os.getpid():
        _clients[is_typed] = (os.getpid(), make())
    return _clients[is_typed][1]
