"""Signing in for calendars.

Out to the provider's own page and back, fresh tokens, and the ends of them.
"""

import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from sandbox import google
from sandbox.seed import CLIENT_ID, CLIENT_SECRET, ROBIN
from sync.connect.oauth import (
    Application,
    AuthorizationRequest,
    Declined,
    Mismatch,
    OAuth,
    Tokens,
    missing_scopes,
)
from sync.providers import open_provider, registry, scopes
from sync.providers.errors import (
    AuthExpired,
    NotConfigured,
    ProviderError,
    RateLimited,
    Unanswered,
    Unavailable,
)
from sync.providers.wire import http_client

NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
REDIRECT = "http://localhost:8000/connect/google"
SCOPES = scopes("google")
APPLICATION = Application(
    CLIENT_ID,
    CLIENT_SECRET,
    "http://sandbox/o/oauth2/v2/auth",
    "http://sandbox/token",
    "http://sandbox/revoke",
    registry.row_of("google").oauth_extra,
)


@pytest.fixture
def moving():
    return SimpleNamespace(now=NOW)


@pytest.fixture
def sandbox(moving):
    app = google.create(clock=lambda: moving.now, sender=lambda *_: None)
    app.oauth.register(CLIENT_ID, CLIENT_SECRET, REDIRECT)
    return app


@pytest.fixture
def http(sandbox):
    return http_client(httpx.WSGITransport(app=sandbox))


@pytest.fixture
def oauth(http, moving):
    return OAuth(APPLICATION, http, lambda: moving.now)


def asked(url):
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def consent(http, sent, granted=SCOPES, decision="allow", account=ROBIN):
    """What the provider's page sends back with the person."""
    form = asked(sent.url) | {
        "account": account,
        "granted": list(granted),
        "decision": decision,
    }
    answer = http.post(sent.url.partition("?")[0], data=form)
    assert answer.status_code == 303, answer.text
    return asked(answer.headers["Location"])


@pytest.fixture
def tokens(oauth, http):
    sent = oauth.authorize(REDIRECT, SCOPES)
    return oauth.arrive(sent, consent(http, sent))


def answering(answer, clock=lambda: NOW):
    """An OAuth before a provider that always gives one answer, and what it was asked."""
    requests = []

    def respond(request):
        requests.append(dict(parse_qs(request.content.decode())))
        return answer

    return OAuth(APPLICATION, http_client(httpx.MockTransport(respond)), clock), requests


OLD = Tokens("old access", "old refresh", NOW, frozenset(SCOPES), NOW + timedelta(days=7))


def test_a_person_is_sent_away_with_state_and_a_hashed_secret(oauth):
    sent, other = (oauth.authorize(REDIRECT, SCOPES, login_hint=ROBIN) for _ in range(2))
    query = asked(sent.url)
    assert sent.url.startswith("http://sandbox/o/oauth2/v2/auth?")
    assert (query["client_id"], query["response_type"], query["redirect_uri"]) == (
        CLIENT_ID,
        "code",
        REDIRECT,
    )
    assert (query["scope"].split(), query["login_hint"]) == (list(SCOPES), ROBIN)
    assert (query["access_type"], query["prompt"]) == ("offline", "consent select_account")
    assert (query["state"], query["code_challenge_method"]) == (sent.state, "S256")
    assert sent.verifier not in sent.url and CLIENT_SECRET not in sent.url
    assert len(sent.state) >= 22 and 43 <= len(sent.verifier) <= 128
    assert {sent.state, sent.verifier} & {other.state, other.verifier} == set()


def test_consent_gives_tokens_that_open_the_calendars(http, tokens):
    assert (tokens.scopes, tokens.expires_at) == (frozenset(SCOPES), NOW + timedelta(seconds=3599))
    assert tokens.refresh_token and tokens.refresh_expires_at is None
    provider = open_provider("google", http, lambda stale: tokens.access_token, "http://sandbox")
    assert provider.email() == ROBIN
    assert provider.create_calendar("Linden", "Europe/London").can_write


def test_connecting_again_gives_a_refresh_token_again(oauth, http, tokens):
    sent = oauth.authorize(REDIRECT, SCOPES, login_hint=ROBIN)
    assert oauth.arrive(sent, consent(http, sent)).refresh_token


@pytest.mark.parametrize("state", ["", "another", "ünïcode"])
def test_a_return_that_is_not_ours_is_refused_before_anything_is_asked(oauth, sandbox, http, state):
    sent = oauth.authorize(REDIRECT, SCOPES)
    back = consent(http, sent)
    sandbox.requests.clear()
    with pytest.raises(Mismatch):
        oauth.arrive(sent, back | {"state": state})
    with pytest.raises(Mismatch):
        oauth.arrive(sent, {"code": back["code"]})
    assert not sandbox.requests


def test_a_session_without_a_request_accepts_nothing(oauth):
    with pytest.raises(Mismatch):
        oauth.arrive(AuthorizationRequest("", "", "", REDIRECT), {"state": "", "code": "x"})
    with pytest.raises(Mismatch):
        oauth.arrive(AuthorizationRequest("", "s", "v", REDIRECT), {"state": "s"})


def test_a_person_may_say_no(oauth, http):
    sent = oauth.authorize(REDIRECT, SCOPES)
    with pytest.raises(Declined, match="access_denied"):
        oauth.arrive(sent, consent(http, sent, decision="deny"))


def microsoft(number, error="access_denied"):
    return {
        "error": error,
        "error_description": f"AADSTS{number}: Something that is never shown. Trace ID: 1",
    }


@pytest.mark.parametrize(
    ("query", "refusal", "reason"),
    [
        ({"error": "access_denied"}, Declined, "access_denied"),
        ({"error": "access_denied", "error_subcode": "cancel"}, Declined, "access_denied"),
        (microsoft(65004), Declined, "access_denied"),
        (microsoft(65004, "consent_required"), Declined, "access_denied"),
        *((microsoft(number), Declined, "admin_needed") for number in (90093, 90094, 90095, 90099)),
        (microsoft(90094, "consent_required"), Declined, "admin_needed"),
        (microsoft(90093, "invalid_request"), Declined, "admin_needed"),
        (
            {"error": "access_denied", "error_description": "Need admin approval (AADSTS90094)"},
            Declined,
            "admin_needed",
        ),
        ({"error": "admin_policy_enforced"}, Declined, "admin_needed"),
        *((microsoft(number), Declined, "blocked") for number in (50105, 53003, 50020)),
        (microsoft(53003, "interaction_required"), Declined, "blocked"),
        *(
            (microsoft(number, "interaction_required"), Declined, "interaction")
            for number in (50076, 50079, 65001)
        ),
        *(
            ({"error": error}, Declined, "interaction")
            for error in ("interaction_required", "consent_required", "login_required")
        ),
        *(
            ({"error": error}, Unavailable, error)
            for error in ("server_error", "temporarily_unavailable")
        ),
        *(
            ({"error": error}, NotConfigured, error)
            for error in (
                "unauthorized_client",
                "invalid_scope",
                "invalid_request",
                "redirect_uri_mismatch",
            )
        ),
        (microsoft(700016, "unauthorized_client"), NotConfigured, "unauthorized_client"),
        ({"error": "something new"}, Declined, "refused"),
        ({"error": ""}, Declined, "refused"),
        ({"error": "<b>ünïcode</b>"}, Declined, "refused"),
    ],
    ids=str,
)
def test_why_nobody_was_let_through_is_told_apart(oauth, query, refusal, reason):
    sent = oauth.authorize(REDIRECT, SCOPES)
    with pytest.raises(ProviderError) as caught:
        oauth.arrive(sent, query | {"state": sent.state})
    assert (type(caught.value), caught.value.reason) == (refusal, reason)


def test_a_code_is_good_once_and_not_for_long(oauth, http, moving):
    sent = oauth.authorize(REDIRECT, SCOPES)
    back = consent(http, sent)
    oauth.arrive(sent, back)
    with pytest.raises(AuthExpired):
        oauth.arrive(sent, back)
    back = consent(http, sent)
    moving.now += timedelta(minutes=15)
    with pytest.raises(AuthExpired):
        oauth.arrive(sent, back)


def test_a_stolen_code_is_worth_nothing_without_the_verifier(oauth, http):
    sent = oauth.authorize(REDIRECT, SCOPES)
    thief = AuthorizationRequest(
        "", sent.state, oauth.authorize(REDIRECT, SCOPES).verifier, REDIRECT
    )
    with pytest.raises(AuthExpired):
        oauth.arrive(thief, consent(http, sent))


def test_boxes_left_empty_are_noticed(oauth, http):
    sent = oauth.authorize(REDIRECT, ("openid", "email", *SCOPES))
    granted = oauth.arrive(sent, consent(http, sent, granted=SCOPES[:1])).scopes
    assert missing_scopes(("openid", "email", *SCOPES), granted) == set(SCOPES[1:])
    assert missing_scopes(SCOPES[:1], granted) == set()


def test_microsofts_scopes_are_known_in_both_forms():
    asked_for = ("offline_access", "Calendars.ReadWrite", "User.Read")
    assert (
        missing_scopes(asked_for, ["https://graph.microsoft.com/Calendars.ReadWrite", "user.read"])
        == set()
    )
    assert missing_scopes(asked_for, ["User.Read"]) == {"Calendars.ReadWrite"}


def test_a_refresh_keeps_the_refresh_token_that_google_does_not_repeat(oauth, tokens, moving):
    moving.now += timedelta(hours=2)
    fresh = oauth.refresh(tokens)
    assert fresh.access_token != tokens.access_token
    assert (fresh.refresh_token, fresh.scopes) == (tokens.refresh_token, tokens.scopes)
    assert fresh.expires_at == moving.now + timedelta(seconds=3599)


def test_a_refresh_takes_over_a_refresh_token_that_microsoft_renews():
    oauth, requests = answering(
        httpx.Response(
            200, json={"access_token": "new", "refresh_token": "newer", "expires_in": "3599"}
        )
    )
    fresh = oauth.refresh(OLD)
    assert (fresh.access_token, fresh.refresh_token, fresh.expires_at) == (
        "new",
        "newer",
        NOW + timedelta(seconds=3599),
    )
    assert (fresh.scopes, fresh.refresh_expires_at) == (OLD.scopes, OLD.refresh_expires_at)
    assert requests == [
        {
            "grant_type": ["refresh_token"],
            "refresh_token": ["old refresh"],
            "client_id": [CLIENT_ID],
            "client_secret": [CLIENT_SECRET],
        }
    ]


def test_a_secret_with_signs_in_it_arrives_whole():
    answer = httpx.Response(200, json={"access_token": "new"})
    _, requests = answering(answer)
    application = Application("id", "a~8Q+&=%/ü", "http://x/auth", "http://x/token")
    http = http_client(
        httpx.MockTransport(
            lambda request: requests.append(parse_qs(request.content.decode())) or answer
        )
    )
    OAuth(application, http, lambda: NOW).refresh(OLD)
    assert requests[0]["client_secret"] == ["a~8Q+&=%/ü"]


def test_a_token_without_an_end_is_used_at_once():
    oauth, _ = answering(httpx.Response(200, json={"access_token": "new"}))
    assert oauth.refresh(OLD).expires_at == NOW


def test_a_project_in_testing_tells_when_its_grant_ends(oauth, http, sandbox, moving):
    sandbox.oauth.testing_days = 7
    sent = oauth.authorize(REDIRECT, SCOPES)
    made = oauth.arrive(sent, consent(http, sent))
    assert made.refresh_expires_at == NOW + timedelta(days=7)
    moving.now += timedelta(days=6)
    assert oauth.refresh(made).refresh_expires_at == NOW + timedelta(days=7)
    moving.now += timedelta(days=1)
    with pytest.raises(AuthExpired, match="invalid_grant"):
        oauth.refresh(made)


def test_access_taken_back_is_final(oauth, sandbox, tokens):
    sandbox.user(ROBIN).revoke(CLIENT_ID)
    with pytest.raises(AuthExpired):
        oauth.refresh(tokens)


def test_taking_back_ends_the_tokens_and_may_be_repeated(oauth, sandbox, tokens):
    oauth.revoke(tokens)
    with pytest.raises(AuthExpired):
        oauth.refresh(tokens)
    oauth.revoke(tokens)
    assert sandbox.requests.count(path="/revoke") == 2


def test_taking_back_works_long_after_the_access_token_died():
    oauth, requests = answering(httpx.Response(200, json={}))
    oauth.revoke(OLD)
    assert requests == [{"token": ["old refresh"]}]


def test_trouble_while_taking_back_is_told(oauth, sandbox, tokens):
    sandbox.faults.fail(503, path="^/revoke")
    with pytest.raises(Unavailable):
        oauth.revoke(tokens)


def test_where_nothing_can_be_taken_back_nothing_is_asked():
    http = http_client(httpx.MockTransport(lambda request: pytest.fail("asked")))
    OAuth(Application("id", "secret", "http://x/auth", "http://x/token"), http).revoke(OLD)


def test_a_wrong_client_secret_is_for_the_operator(http, tokens):
    oauth = OAuth(
        Application(CLIENT_ID, "wrong", APPLICATION.authorize_url, APPLICATION.token_url),
        http,
        lambda: NOW,
    )
    with pytest.raises(NotConfigured, match="invalid_client"):
        oauth.refresh(tokens)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            httpx.Response(400, json={"error": "invalid_grant", "error_subtype": "invalid_rapt"}),
            AuthExpired,
        ),
        (
            httpx.Response(
                400, json={"error": "interaction_required", "error_description": "AADSTS50076"}
            ),
            AuthExpired,
        ),
        (httpx.Response(401, json={"error": "invalid_client"}), NotConfigured),
        (httpx.Response(400, json={"error": "unauthorized_client"}), NotConfigured),
        (httpx.Response(429, text="slow down", headers={"Retry-After": "30"}), RateLimited),
        (httpx.Response(503, text="<html>"), Unavailable),
        (httpx.Response(500, json={"error": "internal_failure"}), Unavailable),
        (httpx.Response(400, json={"error": "temporarily_unavailable"}), Unavailable),
        (httpx.Response(400, json={"error": "invalid_request"}), ProviderError),
        (httpx.Response(404, text="<html>"), ProviderError),
        (httpx.Response(400, json=["odd"]), ProviderError),
        (httpx.Response(200, text="<html>Sign in to this network</html>"), Unavailable),
        (httpx.Response(200, json={"token_type": "Bearer"}), Unavailable),
        (httpx.Response(200, json={"access_token": "new", "expires_in": "soon"}), Unavailable),
        (httpx.Response(200, json=["odd"]), Unavailable),
        (httpx.Response(302, headers={"Location": "http://elsewhere.example/"}), ProviderError),
    ],
    ids=lambda value: (
        value.__name__ if isinstance(value, type) else f"{value.status_code} {value.text[:40]}"
    ),
)
def test_only_what_is_final_counts_as_final(answer, error):
    oauth, _ = answering(answer)
    with pytest.raises(ProviderError) as caught:
        oauth.refresh(OLD)
    assert type(caught.value) is error


LIES = [  # of a token address that answers 200
    {"error": "invalid_grant"},
    {"error": "server_error", "access_token": "new", "expires_in": 3600},
    {"error": None, "access_token": "new", "expires_in": 3600},
    {"error": ["odd"]},
    *(
        {"access_token": odd, "expires_in": 3600}
        for odd in (None, "", " ", 5, ["a"], "a\r\nb", "ä")
    ),
    *(
        {"access_token": "new", "expires_in": 3600, "refresh_token": odd}
        for odd in (7, {"a": 1}, "a\nb")
    ),
]


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_a_good_answer_with_an_error_or_without_a_token_is_tried_again(lie):
    """It neither ends an access nor replaces a refresh token that works."""
    oauth, _ = answering(httpx.Response(200, json=lie))
    with pytest.raises(Unavailable):
        oauth.refresh(OLD)


def test_a_policy_is_told_from_access_taken_back():
    oauth, _ = answering(
        httpx.Response(400, json={"error": "invalid_grant", "error_subtype": "invalid_rapt"})
    )
    with pytest.raises(AuthExpired, match="invalid_rapt"):
        oauth.refresh(OLD)


def test_no_answer_can_be_tried_again(oauth, sandbox, tokens):
    sandbox.faults.time_out(path="^/token")
    with pytest.raises(Unanswered):
        oauth.refresh(tokens)
    assert oauth.refresh(tokens).access_token


def test_no_secret_is_shown_or_logged(oauth, http, caplog):
    caplog.set_level(logging.DEBUG)
    sent = oauth.authorize(REDIRECT, SCOPES)
    tokens = oauth.arrive(sent, consent(http, sent))
    shown = repr([sent, tokens, APPLICATION]) + caplog.text
    secrets = (
        sent.state,
        sent.verifier,
        tokens.access_token,
        tokens.refresh_token,
        CLIENT_SECRET,
    )
    assert [secret for secret in secrets if secret in shown] == []
