"""Signing in at Microsoft: the differences from Google. The common part is in `test_oauth.py`."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox import graph
from sandbox.graph.seed import CLIENT_ID, CLIENT_SECRET, ROBIN
from sync.connect.oauth import Application, Declined, OAuth, missing_scopes
from sync.providers import open_provider, registry, scopes
from sync.providers.errors import AuthExpired, NotConfigured, Unavailable
from sync.providers.wire import http_client

NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
REDIRECT = "http://localhost:8000/connect/microsoft"
SCOPES = scopes("microsoft")
LOGIN = "http://sandbox/common/oauth2/v2.0"


@pytest.fixture
def moving():
    return SimpleNamespace(now=NOW)


@pytest.fixture
def sandbox(moving):
    app = graph.create(clock=lambda: moving.now, sender=lambda *_: (202, "", ""))
    app.oauth.register(CLIENT_ID, CLIENT_SECRET, REDIRECT)
    return app


@pytest.fixture
def http(sandbox):
    return http_client(httpx.WSGITransport(app=sandbox))


def application(secret=CLIENT_SECRET):
    return Application(
        CLIENT_ID,
        secret,
        f"{LOGIN}/authorize",
        f"{LOGIN}/token",
        extra=registry.row_of("microsoft").oauth_extra,
    )


@pytest.fixture
def oauth(http, moving):
    return OAuth(application(), http, lambda: moving.now)


def asked(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def consent(http, sent, granted=SCOPES, decision="allow"):
    """What Microsoft's page sends back with the person."""
    form = asked(sent.url) | {"account": ROBIN, "granted": list(granted), "decision": decision}
    answer = http.post(sent.url.partition("?")[0], data=form)
    assert answer.status_code == 303, answer.text
    return asked(answer.headers["Location"])


@pytest.fixture
def tokens(oauth, http):
    sent = oauth.authorize(REDIRECT, SCOPES)
    return oauth.arrive(sent, consent(http, sent))


def test_everyone_is_asked_for_the_same_and_chooses_an_account(oauth):
    query = asked(oauth.authorize(REDIRECT, SCOPES, login_hint=ROBIN).url)
    assert (query["prompt"], query["response_mode"], query["login_hint"]) == (
        "select_account",
        "query",
        ROBIN,
    )
    assert query["scope"].split() == ["offline_access", "User.Read", "Calendars.ReadWrite"]
    assert {
        scopes("microsoft", existing, shared)
        for existing in (True, False)
        for shared in (True, False)
    } == {SCOPES}


def test_consent_gives_tokens_that_open_the_calendars(http, tokens):
    provider = open_provider(
        "microsoft", http, lambda stale: tokens.access_token, "http://sandbox/v1.0"
    )
    assert (provider.email(), missing_scopes(SCOPES, tokens.scopes)) == (ROBIN, frozenset())
    assert provider.create_calendar("Linden", "Europe/London").can_write


def test_a_box_left_empty_is_noticed(oauth, http):
    sent = oauth.authorize(REDIRECT, SCOPES)
    granted = oauth.arrive(sent, consent(http, sent, granted=["User.Read"])).scopes
    assert missing_scopes(SCOPES, granted) == {"Calendars.ReadWrite"}


def test_an_organisation_may_want_its_administrator_first(oauth, http, sandbox):
    sent = oauth.authorize(REDIRECT, SCOPES)
    sandbox.oauth.admin_consent = True
    with pytest.raises(Declined) as caught:
        oauth.arrive(sent, consent(http, sent))
    assert caught.value.reason == "admin_needed"


def test_a_person_may_say_no(oauth, http):
    sent = oauth.authorize(REDIRECT, SCOPES)
    with pytest.raises(Declined, match="access_denied"):
        oauth.arrive(sent, consent(http, sent, decision="deny"))


def test_each_refresh_renews_the_refresh_token_and_a_lost_answer_loses_nothing(
    oauth, tokens, moving, sandbox
):
    moving.now += timedelta(hours=2)
    sandbox.faults.time_out(path="/token$", status=504)
    with pytest.raises(Unavailable):
        oauth.refresh(tokens)
    fresh = oauth.refresh(tokens)
    assert fresh.refresh_token not in ("", tokens.refresh_token)
    assert oauth.refresh(fresh).access_token != fresh.access_token


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required", "consent_required"])
def test_what_needs_the_person_is_final(oauth, tokens, sandbox, error):
    sandbox.oauth.refresh_error = error
    with pytest.raises(AuthExpired):
        oauth.refresh(tokens)


def test_access_taken_back_is_final(oauth, tokens, sandbox):
    sandbox.user(ROBIN).revoke(CLIENT_ID)
    with pytest.raises(AuthExpired):
        oauth.refresh(tokens)


def test_a_wrong_secret_is_a_matter_for_the_operator(http, tokens, moving):
    with pytest.raises(NotConfigured):
        OAuth(application("wrong"), http, lambda: moving.now).refresh(tokens)


def test_access_cannot_be_taken_back_from_here(oauth, tokens, sandbox):
    sandbox.requests.clear()
    oauth.revoke(tokens)
    assert not sandbox.requests
