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

from base import scheduling, vault
from base.config.endpoints import Endpoints
from models import Clinic
from sync import providers
from sync.providers import registry
from sync.providers.base import Provider
from sync.providers.errors import AuthExpired
from sync.providers.line import Client
from sync.providers.wire import http_client
from sync.tables.accounts import Account

from .oauth import Application, OAuth, Tokens, missing_scopes

HURRIED = httpx.Timeout(4, connect=2)  # of each step
HURRIED_SECONDS = 10  # of each call; whoever waits goes on before
AT_ONCE_SECONDS = 4  # of each call where an answer that comes later helps nobody
EARLY = timedelta(seconds=90)  # an access token that ends so soon is replaced before it is used


@dataclass(frozen=True)
class Setup:
    """What the settings say about providers. `transport` replaces the network in tests; `secret`
    keeps our ids from being guessed.
    """

    endpoints: Mapping[str, Endpoints] = field(default_factory=dict)
    webhook_url: str | None = None
    poll_seconds: int = 300
    secret: bytes = field(default=b"", repr=False)
    transport: Callable[[str], httpx.BaseTransport] | None = None


_setup = Setup()
_client: tuple[int, Client] | None = None


def set_up(setup: Setup) -> None:
    """Set how providers are reached from now on. Connects to nothing."""
    global _setup, _client
    _setup, _client = setup, None


def setup() -> Setup:
    """What `set_up` was given."""
    return _setup


def kinds() -> tuple[str, ...]:
    """The providers that accounts can be connected to here: those that are set up, and those whose
    accounts say themselves where their server is.
    """
    return tuple(
        kind
        for kind, row in registry.PROVIDERS.items()
        if row.has_own_address or kind in _setup.endpoints
    )


def is_sandbox(kind: str) -> bool:
    """Whether this is the sandbox that comes with Kalends."""
    return _setup.endpoints[kind].is_sandbox


def scopes(kind: str, clinic: Clinic) -> tuple[str, ...]:
    """The scopes to ask a person of this clinic for."""
    return providers.scopes(kind, clinic.sync_existing, clinic.sync_shared)


def allows_too_little(account: Account) -> bool:
    """Whether the person allowed us less than we ask people of the clinic for now."""
    return bool(missing_scopes(scopes(account.kind, account.clinic), account.scopes.split()))


def sign_in(kind: str, http: Client | None = None) -> OAuth:
    """Signing in at a provider, over our own HTTP client or this one. Raises KeyError for a
    provider that is not set up.
    """
    known = _setup.endpoints[kind]
    application = Application(
        known.client_id,
        known.client_secret,
        known.authorize_url,
        known.token_url,
        known.revoke_url,
        registry.of(kind).oauth_extra,
    )
    return OAuth(application, http or _http(kind), scheduling.utc_now)


def with_tokens(kind: str, tokens: Tokens, http: Client) -> Provider:
    """A provider with credentials that are not stored yet."""

    def access_token(stale: str | None) -> str:
        if stale is not None:
            raise AuthExpired("refused at once", 401)
        return tokens.access_token

    return providers.open_provider(kind, http, access_token, _setup.endpoints[kind].api_url)


def in_a_hurry(kind: str, longest_seconds: float = HURRIED_SECONDS) -> Client:
    """An HTTP client with short time-outs, for where a person waits for a provider."""
    return http_client(_setup.transport and _setup.transport(kind), HURRIED, longest_seconds)


def open_account(account: Account, http: Client | None = None) -> Provider:
    """The provider of an account, with its credentials, over our own HTTP client or this one. Asks
    the provider nothing yet. A refresh token that was refused is not tried again.
    """
    http = http or _http(account.kind)
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


def stored(account: Account) -> Tokens:
    """The account's credentials as they are in the database now. Raises AuthExpired where no key of
    ours opens them.
    """
    return opened(_kept(account))


def _kept(account: Account) -> str:
    return Account.select(Account.sealed).where(Account.id == account.id).scalar() or ""


def opened(kept: str) -> Tokens:
    """Credentials, decrypted. Raises AuthExpired where no key of ours opens them."""
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


def _refreshed(account: Account, kept: str, tokens: Tokens, http: Client) -> Tokens:
    """Fresh credentials, stored before they are used. Where the person connected again meanwhile,
    those of the new consent.
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


def _http(kind: str) -> Client:
    """One client per process: a forked worker must not share its parent's connections."""
    global _client
    if _setup.transport:
        return http_client(_setup.transport(kind))
    if _client is None or _client[0] != os.getpid():
        _client = (os.getpid(), http_client())
    return _client[1]
