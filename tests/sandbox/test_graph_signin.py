"""Microsoft's sign-in: consent, codes, tokens that rotate, and refusals."""

import base64
import hashlib
import json
from html import unescape
from re import findall
from urllib.parse import parse_qs, urlsplit

import pytest
from graph_world import REDIRECT, Caller

from sandbox.graph.calendars import PERSONAL_TENANT
from sandbox.graph.seed import ANA, CLIENT_ID, CLIENT_SECRET, LEE, ROBIN

AUTHORIZE, TOKEN = "/common/oauth2/v2.0/authorize", "/common/oauth2/v2.0/token"
VERIFIER = "a-verifier-that-is-long-enough-for-the-rules-0123456789"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
ASKED = {
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "response_mode": "query",
    "state": "s t",
    "scope": "offline_access User.Read Calendars.ReadWrite",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
CLIENT = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}


def came_back(answer):
    """The query that the application gets."""
    assert answer.status_code in (302, 303) and answer.headers["Location"].startswith(REDIRECT)
    return {
        name: values[0]
        for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()
    }


def consent(
    edge, email=ROBIN, granted=("User.Read", "Calendars.ReadWrite"), decision="allow", **changes
):
    """Presses a button on the consent page as the form has it."""
    page = edge.get(AUTHORIZE, params=ASKED | changes).text
    hidden = {
        name: unescape(value)
        for name, value in findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }
    return edge.post(
        AUTHORIZE, data=hidden | {"account": email, "granted": list(granted), "decision": decision}
    )


def exchange(edge, code, **changes):
    form = (
        CLIENT
        | {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        | changes
    )
    return edge.post(TOKEN, data={name: value for name, value in form.items() if value})


def refresh(edge, refresh_token, **changes):
    return edge.post(
        TOKEN,
        data=CLIENT | {"grant_type": "refresh_token", "refresh_token": refresh_token} | changes,
    )


def problem(answer):
    body = answer.json()
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return answer.status_code, body["error"]


def test_consent_leads_to_tokens_that_work(edge, graph):
    back = came_back(consent(edge))
    assert back["state"] == "s t"
    tokens = exchange(edge, back["code"]).json()
    assert (tokens["token_type"], tokens["scope"], tokens["expires_in"]) == (
        "Bearer",
        "User.Read Calendars.ReadWrite",
        3599,
    )
    assert "id_token" not in tokens
    assert Caller(graph, tokens["access_token"]).get("/me").json()["userPrincipalName"] == ROBIN


def test_boxes_left_empty_are_not_granted(edge, graph):
    tokens = exchange(edge, came_back(consent(edge, granted=["User.Read"]))["code"]).json()
    assert tokens["scope"] == "User.Read"
    assert Caller(graph, tokens["access_token"]).get("/me/calendars").status_code == 403


def test_who_says_no_comes_back_without_a_code(edge, graph):
    assert came_back(consent(edge, decision="deny"))["error"] == "access_denied"
    graph.oauth.admin_consent = True
    back = came_back(consent(edge))
    assert back["error"] == "access_denied" and back["error_description"].startswith("AADSTS90094")


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "other"},
        {"redirect_uri": "http://localhost:8000/elsewhere"},
        {"response_type": "token"},
        {"scope": "Mail.Read"},
    ],
)
def test_a_request_that_is_wrong_is_shown_to_the_user_and_never_sent_back(edge, wrong):
    assert edge.get(AUTHORIZE, params=ASKED | wrong).status_code == 400


def test_on_localhost_the_port_does_not_count(edge):
    assert (
        edge.get(
            AUTHORIZE, params=ASKED | {"redirect_uri": "http://localhost:9999/connect/microsoft"}
        ).status_code
        == 200
    )


def test_the_second_time_nobody_is_asked_unless_the_prompt_says_so(edge):
    assert (
        came_back(edge.get(AUTHORIZE, params=ASKED | {"prompt": "none", "login_hint": ROBIN}))[
            "error"
        ]
        == "interaction_required"
    )
    consent(edge)
    assert "code" in came_back(edge.get(AUTHORIZE, params=ASKED | {"login_hint": ROBIN}))
    assert (
        edge.get(
            AUTHORIZE, params=ASKED | {"login_hint": ROBIN, "prompt": "select_account"}
        ).status_code
        == 200
    )


def test_a_code_works_once_soon_and_with_its_verifier(edge, moving):
    code = came_back(consent(edge))["code"]
    assert exchange(edge, code).status_code == 200
    assert problem(exchange(edge, code)) == (400, "invalid_grant")
    for changes in (
        {"code_verifier": "another"},
        {"code_verifier": None},
        {"redirect_uri": "http://localhost:8000/"},
    ):
        assert problem(exchange(edge, came_back(consent(edge))["code"], **changes)) == (
            400,
            "invalid_grant",
        )
    late = came_back(consent(edge))["code"]
    moving.on(minutes=11)
    assert problem(exchange(edge, late)) == (400, "invalid_grant")


def test_every_refresh_gives_a_new_refresh_token_and_the_old_one_lives_on(edge, graph):
    first = graph.connect(ROBIN, ["User.Read"])["refresh_token"]
    second = refresh(edge, first).json()["refresh_token"]
    assert second != first
    assert refresh(edge, first).status_code == refresh(edge, second).status_code == 200


def test_refreshing_fails_with_the_errors_that_users_and_operators_meet(edge, graph, moving):
    living = graph.connect(ROBIN, ["User.Read"])["refresh_token"]
    assert problem(refresh(edge, living, client_secret="old")) == (401, "invalid_client")
    assert problem(refresh(edge, living, client_id="other")) == (400, "unauthorized_client")
    assert problem(refresh(edge, "unknown")) == (400, "invalid_grant")
    graph.oauth.refresh_error = "interaction_required"
    assert problem(refresh(edge, living)) == (400, "interaction_required")
    graph.oauth.refresh_error = None
    moving.on(days=91)
    assert problem(refresh(edge, living)) == (400, "invalid_grant")


def test_access_taken_back_ends_every_token(edge, graph, outlook):
    tokens = graph.connect(ROBIN, ["User.Read"])
    outlook.revoke(CLIENT_ID)
    assert Caller(graph, tokens["access_token"]).get("/me").status_code == 401
    assert problem(refresh(edge, tokens["refresh_token"])) == (400, "invalid_grant")


def test_access_tokens_expire_and_can_be_made_to(graph, ms, moving):
    assert ms.get("/me").status_code == 200
    graph.oauth.expire_access_tokens(ROBIN)
    assert ms.get("/me").json()["error"]["code"] == "InvalidAuthenticationToken"
    later = Caller(graph, graph.connect(ROBIN, ["User.Read"])["access_token"])
    moving.on(hours=1)
    assert later.get("/me").status_code == 401


def test_an_id_token_tells_a_personal_account_by_its_tenant(graph):
    claims = graph.connect(ANA, ["openid"])["id_token"].split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["tid"] == PERSONAL_TENANT


def test_an_account_without_a_mailbox_signs_in_but_has_no_calendars(as_graph_user, graph):
    lee = as_graph_user(email=LEE)
    assert lee.get("/me").json()["mail"] is None
    answer = lee.get("/me/calendars")
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        404,
        "MailboxNotEnabledForRESTAPI",
    )
    body = {
        "changeType": "created",
        "notificationUrl": "https://clinic.example/",
        "resource": "/me/events",
    }
    assert (
        lee.post(
            "/subscriptions", json=body | {"expirationDateTime": "2026-11-21T00:00:00Z"}
        ).json()["error"]["code"]
        == "ExtensionError"
    )
