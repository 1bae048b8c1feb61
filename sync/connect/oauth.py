"""Signing in at a provider: OAuth 2.0 with PKCE (RFC 6749, 7636), by Authlib over our own HTTP
client.

Google: https://developers.google.com/identity/protocols/oauth2/web-server Microsoft:
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow

Nothing is stored here: the person's session has the `AuthorizationRequest`, the account's row the
`Tokens`.
The caller has the account's lease, so that no two processes refresh its tokens at once.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import httpx
from authlib.common.security import generate_token
from authlib.oauth2 import OAuth2Client

from base import scheduling
from base.outgoing.line import HttpClient
from sync.providers import registry
from sync.providers.errors import (
    AuthExpired,
    NotConfigured,
    ProviderError,
    RateLimited,
    Unavailable,
    retry_after_seconds,
    word,
)
from sync.providers.parsing import reading
from sync.providers.wire import request

# these come back in another form or not at all, and give no access to calendars
WHO = {
    "openid",
    "email",
    "profile",
    "offline_access",
}
FINAL = ("invalid_grant", "interaction_required", "consent_required", "login_required")
MISCONFIGURED = ("invalid_client", "unauthorized_client", "redirect_uri_mismatch", "invalid_scope")
PASSING = ("temporarily_unavailable", "server_error")
# Other errors of a provider that sends a person back without a code (RFC 6749 §4.1.2.1; OpenID
# Connect Core §3.1.2.6).
UNASKED = (
    "interaction_required",
    "consent_required",
    "login_required",
    "account_selection_required",
)
OURS = (
    *MISCONFIGURED,
    "invalid_request",
    "unsupported_response_type",
    "invalid_resource",
    "invalid_target",
    "deleted_client",
    "disabled_client",
    "org_internal",
)


class Declined(ProviderError):
    """The access was not given. `reason`: "access_denied" (the person said no), "admin_needed" (an
    administrator of their organisation must allow us first), "blocked" (the organisation's rules
    keep this account out), "interaction" (the person must confirm something there), or
    "refused".
    """


class Mismatch(ProviderError):
    """The answer does not belong to this sign-in: another browser, an old page, or a forgery."""


@dataclass(frozen=True, slots=True)
class Application:
    """Kalends as registered at a provider. `extra` is added to each sign-in; `revoke_url` "":
    tokens cannot be revoked.
    """

    client_id: str
    client_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    revoke_url: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A sign-in that has begun. Keep `state`, `verifier` and `redirect_uri` in the person's session
    until they are back.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens that a provider issued. `expires_at` is the end of the access token;
    `refresh_expires_at` is known only for grants that end.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str]
    refresh_expires_at: datetime | None = None


class OAuth:
    """One application at one provider. Errors are those of `providers.errors`; they have no token,
    code or address.
    """

    def __init__(
        self,
        application: Application,
        http: HttpClient,
        clock: Callable[[], datetime] = lambda: scheduling.utc_now(),
    ):
        self._application, self._http, self._clock = application, http, clock

    def authorize(
        self, redirect_uri: str, scopes: Iterable[str], login_hint: str = ""
    ) -> AuthorizationRequest:
        """The request with the provider's address for the person, and the values to keep meanwhile.
        `login_hint`: the earlier account, when they sign in again.
        """
        verifier = generate_token(64)
        parameters = {
            **self._application.extra,
            **({"login_hint": login_hint} if login_hint else {}),
        }
        url, state = self._client.create_authorization_url(
            self._application.authorize_url,
            generate_token(32),
            verifier,
            redirect_uri=redirect_uri,
            scope=" ".join(scopes),
            **parameters,
        )
        return AuthorizationRequest(url, state, verifier, redirect_uri)

    def arrive(self, sent: AuthorizationRequest, query: Mapping[str, str]) -> Tokens:
        """Tokens for what the provider sent back with the person (the query of our redirect
        address).

        Raises Mismatch, Declined, AuthExpired for a code that was used or is too old, and the
        errors of `refresh`. NotConfigured and Unavailable may also come back instead of a code.
        """
        if not sent.state or not hmac.compare_digest(
            query.get("state", "").encode(), sent.state.encode()
        ):
            raise Mismatch("state")
        if "error" in query:
            raise _refusal(query)
        if not query.get("code"):
            raise Mismatch("code")
        return self._tokens(
            "authorization_code",
            code=query["code"],
            code_verifier=sent.verifier,
            redirect_uri=sent.redirect_uri,
        )

    def refresh(self, tokens: Tokens) -> Tokens:
        """Fresh tokens. The refresh token stays the same unless the provider sent another.

        Raises AuthExpired (final for this connection), NotConfigured, RateLimited, Unavailable or
        Unanswered (try again later).
        """
        fresh = self._tokens("refresh_token", refresh_token=tokens.refresh_token)
        return replace(
            fresh,
            refresh_token=fresh.refresh_token or tokens.refresh_token,
            scopes=fresh.scopes or tokens.scopes,
            refresh_expires_at=fresh.refresh_expires_at or tokens.refresh_expires_at,
        )

    def revoke(self, tokens: Tokens) -> None:
        """Revoke the tokens at the provider, where it can. Tokens that are dead already count as
        revoked.
        """
        if not self._application.revoke_url:
            return
        answer = request(
            self._http,
            "POST",
            self._application.revoke_url,
            data={"token": tokens.refresh_token or tokens.access_token},
        )
        if answer.status_code != 400:
            _judge(answer)

    def _tokens(self, grant_type: str, **form: str) -> Tokens:
        """The answer of the token address; the form contains our id and secret."""
        application, now = self._application, self._clock()
        identity = {"client_id": application.client_id, "client_secret": application.client_secret}
        with reading():
            answer = self._client.fetch_token(
                application.token_url, grant_type=grant_type, **identity, **form
            )
            return Tokens(
                _token(answer["access_token"]),
                _token(answer["refresh_token"]) if answer.get("refresh_token") else "",
                _end(now, answer.get("expires_in")) or now,
                frozenset(str(answer.get("scope", "")).split()),
                _end(now, answer.get("refresh_token_expires_in")),
            )

    @property
    def _client(self) -> OAuth2Client:
        client = OAuth2Client(
            _Session(self._http), self._application.client_id, code_challenge_method="S256"
        )
        client.register_compliance_hook("access_token_response", _judge)
        return client


class _Session:
    """The part of an HTTP client that Authlib uses. Authlib's own part for httpx is deprecated."""

    def __init__(self, http: HttpClient):
        self._http = http

    def post(
        self, url: str, data: dict[str, Any], headers: dict[str, Any], auth: object
    ) -> httpx.Response:
        return request(self._http, "POST", url, data=data, headers=headers)


def missing_scopes(asked: Iterable[str], granted: Iterable[str]) -> frozenset[str]:
    """The scopes that were asked for and not granted: people may leave boxes empty. Check before a
    feature is switched on. Permission to write includes reading.
    """
    allowed = {_short(scope) for scope in granted}
    allowed |= {f"{scope}.readonly" for scope in allowed}
    return frozenset(scope for scope in asked if scope not in WHO and _short(scope) not in allowed)


def _short(scope: str) -> str:
    """A scope as it is compared: without the part that a provider may leave out in its answer."""
    for row in registry.PROVIDERS.values():
        scope = scope.removeprefix(row.scope_prefix)
    return scope.lower()


def _refusal(query: Mapping[str, str]) -> ProviderError:
    """The meaning of an error that came back instead of a code. A description in the provider's own
    form says more than the error beside it, and counts first.
    """
    error = word(query["error"])
    for row in registry.PROVIDERS.values():
        if reason := row.declined(query.get("error_description", "")):
            return Declined(reason)
    if error in PASSING:
        return Unavailable(error)
    if error in OURS:
        return NotConfigured(error)
    if error in UNASKED:
        return Declined("interaction")
    return Declined(
        {"access_denied": "access_denied", "admin_policy_enforced": "admin_needed"}.get(
            error, "refused"
        )
    )


def _token(value: object) -> str:
    """A token as it is sent in a header (RFC 6750 §2.1). Raises ValueError for anything else."""
    if isinstance(value, str) and value.isascii() and value.isprintable() and value.strip():
        return value
    raise ValueError("no token")


def _end(now: datetime, seconds: object) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=int(str(seconds)))


def _judge(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is good. Raises the error that a bad answer means."""
    try:
        body = dict(answer.json())
    except (ValueError, TypeError, RecursionError):
        body = {}
    error, status = word(body.get("error")), answer.status_code
    if status < 300 and "error" in body:  # not as the standard says it, so it is final for nothing
        raise Unavailable(error or "unreadable answer", status)
    if status < 300:
        return answer
    if error in FINAL:  # the subtype tells a rule of the organisation from a revoked access
        raise AuthExpired(word(body.get("error_subtype")) or error, status)
    waiting = retry_after_seconds(answer.headers)
    if status == 429 or (status >= 500 and waiting is not None):
        raise RateLimited(error, status, waiting)
    if status >= 500 or error in PASSING:
        raise Unavailable(error, status)
    raise (NotConfigured if error in MISCONFIGURED else ProviderError)(error, status)
