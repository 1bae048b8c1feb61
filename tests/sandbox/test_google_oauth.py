"""Sign-in: consent, codes, tokens, refresh, revocation."""

import base64
import hashlib
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from google_world import REDIRECT

from sandbox import google
from sandbox.seed import ANA, CLIENT_ID, CLIENT_SECRET, ROBIN
from sandbox.spec import PREFIX

VERIFIER = "v" * 50
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
CREATED, BUSY = f"{PREFIX}calendar.app.created", f"{PREFIX}calendar.freebusy"
REQUEST = {
    "client_id": CLIENT_ID,
    "redirect_uri": REDIRECT,
    "response_type": "code",
    "scope": f"openid email {CREATED} {BUSY}",
    "access_type": "offline",
    "state": "opaque&odd=1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
EXCHANGE = {
    "grant_type": "authorization_code",
    "redirect_uri": REDIRECT,
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "code_verifier": VERIFIER,
}


def consent(web, granted=(CREATED, BUSY), account=ROBIN, decision="allow", **changes):
    """What comes back to the application."""
    form = REQUEST | changes | {"account": account, "granted": list(granted), "decision": decision}
    answer = web.post("/o/oauth2/v2/auth", data=form)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    return {
        name: values[0]
        for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()
    }


def exchange(web, code, /, **changes):
    return web.post("/token", data=EXCHANGE | {"code": code} | changes)


def refresh(web, token):
    return web.post(
        "/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": token,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        },
    )


def test_the_consent_page_offers_accounts_and_a_box_per_scope(web):
    page = web.get("/o/oauth2/v2/auth", params=REQUEST)
    assert page.status_code == 200
    boxes = re.findall(r'<input type="checkbox"[^>]*>', page.text)
    assert len(boxes) == 2, "openid and email are no choice"
    assert not any("checked" in box for box in boxes), "the real page shows them empty"
    assert ROBIN in page.text and ANA in page.text


def test_a_consent_comes_back_with_code_and_state_and_is_exchanged_for_tokens(web):
    back = consent(web)
    assert back["state"] == REQUEST["state"]
    tokens = exchange(web, back["code"]).json()
    assert (
        tokens["token_type"] == "Bearer"
        and 0 < tokens["expires_in"] <= 3600
        and tokens["refresh_token"]
    )
    assert set(tokens["scope"].split()) == {"openid", f"{PREFIX}userinfo.email", CREATED, BUSY}
    info = web.get(
        "/v1/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    ).json()
    assert (info["email"], info["email_verified"]) == (ROBIN, True)


def test_fewer_scopes_can_be_granted_than_asked_for(web):
    tokens = exchange(web, consent(web, granted=[CREATED])["code"]).json()
    assert BUSY not in tokens["scope"].split()


def test_any_other_e_mail_gets_an_account_of_its_own(web, sandbox):
    exchange(web, consent(web, account="", other="new@clinic.example")["code"])
    assert sandbox.user("new@clinic.example").calendar()["id"] == "new@clinic.example"


def test_a_consent_without_an_account_asks_again(web):
    answer = web.post(
        "/o/oauth2/v2/auth", data=REQUEST | {"account": "", "decision": "allow", "granted": BUSY}
    )
    assert answer.status_code == 422 and "Choose an account" in answer.text


def test_refusing_sends_the_user_back_with_access_denied(web):
    assert consent(web, decision="deny") == {"error": "access_denied", "state": REQUEST["state"]}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": REDIRECT + "/"}, "redirect_uri_mismatch"),
        ({"client_id": "who"}, "invalid_client"),
        ({"scope": "calendar"}, "invalid_scope"),
        ({"response_type": "token"}, "invalid_request"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_shown_to_the_user_and_never_sent_back(web, change, error):
    for answer in (
        web.get("/o/oauth2/v2/auth", params=REQUEST | change),
        web.post("/o/oauth2/v2/auth", data=REQUEST | change),
    ):
        assert answer.status_code == 400 and error in answer.text


def test_a_code_works_once(web):
    code = consent(web)["code"]
    assert exchange(web, code).status_code == 200
    again = exchange(web, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_dies_after_ten_minutes(web, moving):
    code = consent(web)["code"]
    moving.on(minutes=10)
    assert exchange(web, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"code_verifier": "x" * 50}, 400, "invalid_grant"),
        ({"code_verifier": ""}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "who"}, 401, "invalid_client"),
        ({"redirect_uri": "http://localhost/"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": ""}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"code": "4/0Aother"}, 400, "invalid_grant"),
    ],
)
def test_a_wrong_exchange_is_refused_in_oauth_shape(web, change, status, error):
    answer = exchange(web, consent(web)["code"], **change)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_client_may_also_identify_itself_in_the_header(web):
    form = EXCHANGE | {"code": consent(web)["code"], "client_id": "", "client_secret": ""}
    assert web.post("/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET)).status_code == 200


def test_a_refresh_token_comes_with_the_first_consent_only_or_when_consent_is_asked_for(web):
    assert "refresh_token" in exchange(web, consent(web)["code"]).json()
    assert "refresh_token" not in exchange(web, consent(web)["code"]).json()
    assert (
        "refresh_token"
        in exchange(web, consent(web, prompt="select_account consent")["code"]).json()
    )


def test_without_offline_access_there_is_no_refresh_token(web):
    assert "refresh_token" not in exchange(web, consent(web, access_type="online")["code"]).json()


def test_refreshing_gives_an_access_token_and_no_new_refresh_token(web):
    tokens = exchange(web, consent(web)["code"]).json()
    fresh = refresh(web, tokens["refresh_token"]).json()
    assert fresh["access_token"] != tokens["access_token"] and fresh["scope"] == tokens["scope"]
    assert "refresh_token" not in fresh


def test_earlier_scopes_are_added_when_asked_for(web):
    consent(web, granted=[CREATED])
    again = exchange(
        web, consent(web, granted=[BUSY], include_granted_scopes="true")["code"]
    ).json()
    assert {CREATED, BUSY} <= set(again["scope"].split())


def test_someone_who_agreed_before_is_not_asked_again(web):
    consent(web)
    answer = web.get("/o/oauth2/v2/auth", params=REQUEST | {"login_hint": ROBIN})
    assert answer.status_code == 302 and "code=" in answer.headers["Location"]
    assert (
        web.get(
            "/o/oauth2/v2/auth", params=REQUEST | {"login_hint": ROBIN, "prompt": "consent"}
        ).status_code
        == 200
    )


def test_prompt_none_never_shows_a_page(web):
    answer = web.get("/o/oauth2/v2/auth", params=REQUEST | {"login_hint": ROBIN, "prompt": "none"})
    assert "error=interaction_required" in answer.headers["Location"]


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_revoking_either_token_ends_the_whole_grant(web, which):
    tokens = exchange(web, consent(web)["code"]).json()
    assert web.post("/revoke", data={"token": tokens[which]}).status_code == 200
    dead = refresh(web, tokens["refresh_token"])
    assert (dead.status_code, dead.json()["error"]) == (400, "invalid_grant")
    assert (
        web.get(
            "/v1/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}
        ).status_code
        == 401
    )
    assert web.post("/revoke", data={"token": tokens[which]}).json()["error"] == "invalid_token"


def test_the_user_can_take_access_back_and_the_next_consent_counts_as_the_first(web, robin):
    tokens = exchange(web, consent(web)["code"]).json()
    robin.revoke(CLIENT_ID)
    assert refresh(web, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert "refresh_token" in exchange(web, consent(web)["code"]).json()


def test_the_hundred_and_first_refresh_token_kills_the_oldest(web, sandbox):
    first = sandbox.connect(ROBIN, ["calendar"])["refresh_token"]
    for _ in range(99):
        sandbox.connect(ROBIN, ["calendar"])
    assert refresh(web, first).status_code == 200
    sandbox.connect(ROBIN, ["calendar"])
    assert refresh(web, first).json()["error"] == "invalid_grant"


def test_refresh_tokens_of_a_project_in_testing_die_after_seven_days(web, sandbox, moving):
    sandbox.oauth.testing_days = 7
    tokens = exchange(web, consent(web)["code"]).json()
    assert tokens["refresh_token_expires_in"] == 7 * 86400
    moving.on(days=6)
    assert refresh(web, tokens["refresh_token"]).status_code == 200
    moving.on(days=1)
    assert refresh(web, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_the_sandbox_refuses_to_run_in_production():
    with pytest.raises(RuntimeError):
        google.create(environment="production")
