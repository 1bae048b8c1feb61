"""Signing in and out over HTTP.

Throttling, sessions and their ends, one-time links, one's own password, the first clinic.
"""

import dataclasses
import hashlib
import re
from datetime import timedelta

import pytest

import models
from base import vault
from base.tables import outbox
from base.tables.outbox import Letter
from models import AuditEntry, Clinic, Patient, Practitioner, User, Venue
from operate import keys
from people import credentials
from people.credentials import OneTimeToken, ResetRequest, Throttle
from tests.conftest import PASSWORD
from views.kit import signing_in

PARTIAL = {"HX-Request": "true"}
OTHER = "another long password"
WELCOME = {
    "clinic": "First Clinic",
    "zone_name": "Europe/Dublin",
    "name": "Fia First",
    "email": "Fia@First.test",
    "password": OTHER,
}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def sign_in(browser, email="pat@linden.test", password=PASSWORD, query="", **more):
    answer = browser.post(f"/sign-in{query}", data={"email": email, "password": password, **more})
    models.database.connect(reuse_if_open=True)
    return answer


def cookie(browser):
    return browser.get_cookie("kalends")


def is_in(browser) -> bool:
    answer = browser.get("/team/")
    models.database.connect(reuse_if_open=True)
    return answer.status_code == 200


@pytest.fixture
def browser(app, linden, clock):
    return app.test_client()


@pytest.fixture
def signup_open(app, monkeypatch):
    monkeypatch.setitem(
        app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], signup_open=True)
    )


# ---- in and out ----


def test_the_right_password_opens_the_calendar(browser):
    answer = sign_in(browser, "PAT@Linden.test ")
    assert answer.status_code == 303 and answer.location == "/calendar"
    assert is_in(browser)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser):
    header = sign_in(browser).headers["Set-Cookie"]
    assert "HttpOnly" in header and "SameSite=Lax" in header and "Expires" not in header
    assert "Expires" in sign_in(browser, remember="y").headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("pat@linden.test", "wrong"),
        ("nobody@linden.test", PASSWORD),
        ("pat@linden.test", PASSWORD + " "),
        ("pat@linden.test", "\x00" + PASSWORD),
    ],
)
def test_a_failed_sign_in_shows_the_same_for_everyone(browser, email, password):
    answer = sign_in(browser, email, password)
    assert answer.status_code == 422 and "That did not match" in text_of(answer)
    assert f'value="{email}"' in text_of(answer) and password not in text_of(answer).replace(
        email, ""
    )
    assert not is_in(browser)


def test_an_empty_form_says_what_to_write_and_counts_as_no_try(browser):
    answer = sign_in(browser, "", "")
    assert answer.status_code == 422
    assert "Write your e-mail address" in text_of(answer) and "Write your password" in text_of(
        answer
    )
    assert not Throttle.select().exists()


@pytest.mark.parametrize("email", ["", "pat", "pat@", "\x00", "x" * 300 + "@linden.test"])
def test_what_is_no_address_is_said_so(browser, email):
    for path in ("/sign-in", "/forgotten"):
        assert browser.post(path, data={"email": email, "password": PASSWORD}).status_code == 422


def test_an_address_with_a_control_character_is_read_without_it(browser):
    assert sign_in(browser, "pat\x00@linden.test").status_code == 303


def test_an_invited_person_without_a_password_cannot_sign_in(browser, linden):
    User.invite(linden.clinic, None, [], name="Ida", email="ida@linden.test", role="practitioner")
    for password in ("", "x", "None"):
        assert sign_in(browser, "ida@linden.test", password).status_code == 422


def test_who_has_left_cannot_sign_in(browser, linden):
    linden.pat.leave(None)
    assert sign_in(browser).status_code == 422


def test_signing_out_ends_the_session(browser):
    sign_in(browser)
    assert browser.post("/sign-out").location == "/sign-in"
    assert not is_in(browser)


def test_signing_in_starts_a_fresh_session(browser):
    with browser.session_transaction() as session:
        session["planted"] = "by someone else"
    before = cookie(browser).value
    sign_in(browser)
    assert cookie(browser).value != before
    with browser.session_transaction() as session:
        assert "planted" not in session


def test_unsafe_requests_need_the_token_of_the_page(app, browser, monkeypatch):
    sign_in(browser)
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    for path in ("/profile/password", "/profile/sign-outs", "/clients/", "/settings/clinic"):
        answer = browser.post(path, data={"first_name": "Ann"})
        assert answer.status_code == 400 and "This page was open for too long" in text_of(answer)
    models.database.connect(reuse_if_open=True)
    assert not Patient.select().where(Patient.first_name == "Ann").exists()


# ---- where to, after ----


def test_after_signing_in_the_requested_page_opens(browser):
    sent = browser.get("/clients/")
    assert sent.location == "/sign-in?next=/clients/"
    assert sign_in(browser, query="?next=/clients/").location == "/clients/"


def test_a_part_of_a_page_stays_and_links_to_sign_in(browser):
    answer = browser.get("/clients/", headers=PARTIAL)
    assert answer.status_code == 401 and 'href="/sign-in" target="_blank"' in text_of(answer)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test",
        "\\\\evil.test",
        "/%09/evil.test",
        "/%0a/evil.test",
        "/%0d%0a/evil.test",
        "javascript:alert(1)",
        "evil.test",
        " //evil.test",
        "///evil.test",
        "/%2509//evil.test%00",
    ],
)
def test_next_cannot_leave_the_site(browser, target):
    location = sign_in(browser, query=f"?next={target}").location
    assert location.startswith("/") and location[1:2] not in ("/", "\\") and "\t" not in location
    assert "evil" not in location or location.startswith("/%")


# ---- throttling ----


def test_after_five_wrong_tries_the_account_waits_ever_longer(browser, clock):
    for _ in range(5):
        assert sign_in(browser, password="wrong").status_code == 422
    blocked = sign_in(browser)
    assert blocked.status_code == 429 and "Wait a minute" in text_of(blocked)
    clock.now += timedelta(seconds=59)
    assert sign_in(browser).status_code == 429
    clock.now += timedelta(seconds=1)
    assert sign_in(browser, password="wrong").status_code == 422
    clock.now += timedelta(seconds=61)
    assert "Wait 1 minutes" not in text_of(sign_in(browser)) and sign_in(browser).status_code == 429
    clock.now += timedelta(seconds=60)
    assert sign_in(browser).status_code == 303


def test_another_account_is_not_held_up(browser):
    for _ in range(5):
        sign_in(browser, password="wrong")
    assert sign_in(browser, "quinn@linden.test").status_code == 303


def test_an_unknown_account_is_held_up_like_a_known_one(browser):
    for _ in range(5):
        sign_in(browser, "nobody@linden.test")
    assert sign_in(browser, "nobody@linden.test").status_code == 429


def test_the_right_password_forgets_the_wrong_tries(browser):
    for _ in range(3):
        for _ in range(4):
            sign_in(browser, password="wrong")
        assert sign_in(browser).status_code == 303


def test_one_address_that_tries_many_accounts_waits(browser, app):
    for number in range(30):
        assert sign_in(browser, f"nobody{number}@linden.test").status_code == 422
    assert sign_in(browser).status_code == 429
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert sign_in(elsewhere).status_code == 303


def test_signing_in_as_oneself_does_not_make_an_address_new(browser, app):
    for number in range(30):
        assert sign_in(browser, f"nobody{number}@linden.test").status_code == 422
        if number % 10 == 5:
            assert sign_in(app.test_client(), "quinn@linden.test").status_code == 303
    assert sign_in(browser, "nobody@linden.test").status_code == 429
    assert sign_in(app.test_client(), "quinn@linden.test").status_code == 429


def test_people_whose_browser_is_known_sign_in_whatever_strangers_try(browser, app, clock):
    sign_in(browser)
    browser.post("/sign-out")
    thief = app.test_client()
    for number in range(60):
        sign_in(thief, password=f"guess {number}")
        sign_in(thief, f"nobody{number}@linden.test")
    assert sign_in(thief).status_code == 429 and sign_in(app.test_client()).status_code == 429
    assert sign_in(browser).status_code == 303
    assert (
        browser.post("/profile/password", data={"current": PASSWORD, "password": OTHER}).status_code
        == 303
    )


def test_a_known_browser_is_braked_too_for_itself(browser, app):
    sign_in(browser)
    for _ in range(5):
        assert sign_in(browser, password="wrong").status_code == 422
    assert sign_in(browser).status_code == 429
    assert sign_in(app.test_client()).status_code == 303


def test_five_wrong_tries_from_one_address_do_not_keep_the_person_out_elsewhere(browser, app):
    for _ in range(6):
        sign_in(browser, password="wrong")
    elsewhere = app.test_client()
    elsewhere.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert sign_in(elsewhere).status_code == 303


def test_guesses_at_one_account_from_many_addresses_add_up(browser, app):
    answers = []
    for number in range(60):
        browser.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
        answers.append(sign_in(browser, password="wrong").status_code)
    assert answers == [422] * 50 + [429] * 10


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_an_ipv6_network_counts_as_one_address(browser, one, other, is_same):
    browser.environ_base["REMOTE_ADDR"] = one
    for _ in range(5):
        sign_in(browser, password="wrong")
    browser.environ_base["REMOTE_ADDR"] = other
    assert sign_in(browser, password="wrong").status_code == (429 if is_same else 422)


def test_somebody_elses_mark_of_a_browser_is_worth_nothing(browser, app):
    """A person's own mark does not make the browser known for another person.

    A made-up one is none.
    """
    sign_in(browser, "quinn@linden.test")
    own = browser.get_cookie("kalends-device").value
    for value in (own, own[:-3] + "abc", "x", "a.b"):
        guesser = app.test_client()
        guesser.set_cookie("kalends-device", value)
        for _ in range(5):
            sign_in(guesser, password="wrong")
        assert sign_in(guesser).status_code == 429
        Throttle.delete().execute()


@pytest.mark.parametrize(
    ("path", "data", "free"),
    [
        ("/invitations/made-up", {"password": OTHER}, 20),
        ("/forgotten", {"email": "pat@linden.test"}, 5),
        ("/welcome", {**WELCOME, "name": ""}, 5),
    ],
)
def test_every_door_has_a_brake(browser, signup_open, path, data, free):
    answers = [browser.post(path, data=data) for _ in range(free + 1)]
    assert [answer.status_code == 429 for answer in answers] == [False] * free + [True]
    assert "Wait a minute" in text_of(answers[-1]) and answers[-1].headers["Retry-After"] == "60"


def test_tries_of_long_ago_are_forgotten(browser, clock):
    for _ in range(4):
        sign_in(browser, password="wrong")
    clock.now += timedelta(hours=7)
    sign_in(browser, password="wrong")
    assert sign_in(browser).status_code == 303


def test_neither_addresses_nor_accounts_are_kept_readable(browser):
    sign_in(browser, password="wrong")
    keys = [row.key for row in Throttle.select()]
    assert len(keys) == 3
    assert not any("linden" in key or "127.0.0.1" in key for key in keys)


# ---- how long a session lives ----


def use_for(browser, clock, hours: int, every: int = 1) -> None:
    for _ in range(0, hours, every):
        clock.now += timedelta(hours=every)
        assert is_in(browser)


def test_an_idle_session_ends_after_twelve_hours(browser, clock):
    sign_in(browser)
    clock.now += timedelta(hours=12)
    assert is_in(browser)
    clock.now += timedelta(hours=12, seconds=1)
    assert not is_in(browser)


def test_a_used_session_ends_after_seven_days(browser, clock):
    sign_in(browser)
    use_for(browser, clock, 7 * 24, every=8)
    clock.now += timedelta(seconds=1)
    assert not is_in(browser)


def test_a_remembered_session_lasts_thirty_days(browser, clock):
    sign_in(browser, remember="y")
    clock.now += timedelta(days=29)
    assert is_in(browser)
    clock.now += timedelta(days=1, seconds=1)
    assert not is_in(browser)


def test_signing_out_everywhere_ends_every_session(app, browser):
    phone = app.test_client()
    sign_in(browser)
    sign_in(phone)
    assert phone.post("/profile/sign-outs").location == "/sign-in"
    assert not is_in(phone) and not is_in(browser)
    assert sign_in(browser).status_code == 303


def test_a_session_cookie_kept_from_before_stays_dead(app, browser, linden):
    sign_in(browser)
    kept = cookie(browser).value
    browser.post("/profile/sign-outs")
    thief = app.test_client()
    thief.set_cookie("kalends", kept)
    assert not is_in(thief)


# ---- one's own password ----


def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(app, browser):
    phone = app.test_client()
    sign_in(browser)
    sign_in(phone)
    assert (
        browser.post("/profile/password", data={"current": PASSWORD, "password": OTHER}).status_code
        == 303
    )
    assert is_in(browser) and not is_in(phone)
    assert sign_in(phone).status_code == 422
    assert sign_in(phone, password=OTHER).status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "said"),
    [
        ("wrong", OTHER, "That is not your password"),
        (PASSWORD, "short", "Use at least 12 characters"),
        (PASSWORD, "", "Choose a password"),
        (PASSWORD, "x" * 201, "Use at most 200 characters"),
        ("", OTHER, "Write your password"),
    ],
)
def test_a_bad_change_of_password_changes_nothing(browser, linden, current, new, said):
    sign_in(browser)
    answer = browser.post("/profile/password", data={"current": current, "password": new})
    assert answer.status_code == 422 and said in text_of(answer)
    models.database.connect(reuse_if_open=True)
    assert User.get_by_id(linden.pat.id).password_hash == linden.pat.password_hash


def test_guessing_the_password_of_an_open_session_is_throttled(browser):
    sign_in(browser)
    for _ in range(5):
        browser.post("/profile/password", data={"current": "wrong", "password": OTHER})
    assert (
        browser.post("/profile/password", data={"current": PASSWORD, "password": OTHER}).status_code
        == 429
    )


def test_the_password_is_stored_as_argon2_and_told_nowhere(browser, linden):
    sign_in(browser)
    browser.post("/profile/password", data={"current": PASSWORD, "password": OTHER})
    models.database.connect(reuse_if_open=True)
    assert User.get_by_id(linden.pat.id).password_hash.startswith("$argon2id$")
    assert OTHER not in str([entry.detail for entry in AuditEntry.select()])


# ---- one-time links ----


def test_an_invitation_sets_the_password_and_signs_in_once(app, browser, linden):
    ida = User.invite(
        linden.clinic, None, [], name="Ida New", email="ida@linden.test", role="practitioner"
    )
    path = f"/invitations/{OneTimeToken.issue(ida, 'invite', None, days=7)}"
    assert "Welcome, Ida New" in text_of(browser.get(path))
    answer = browser.post(path, data={"password": OTHER})
    assert answer.status_code == 303 and is_in(browser)
    again = app.test_client().post(path, data={"password": PASSWORD})
    assert again.status_code == 404 and "was used before or has expired" in text_of(again)
    assert sign_in(app.test_client(), "ida@linden.test", OTHER).status_code == 303


def test_a_short_password_leaves_the_link_alive(browser, linden):
    path = f"/invitations/{OneTimeToken.issue(linden.pat, 'reset', None, days=1)}"
    answer = browser.post(path, data={"password": "short"})
    assert answer.status_code == 422 and "Use at least 12 characters" in text_of(answer)
    assert browser.post(path, data={"password": OTHER}).status_code == 303


def test_a_reset_ends_the_sessions_of_before_and_every_other_link(app, browser, linden):
    sign_in(browser)
    invite = OneTimeToken.issue(linden.pat, "invite", None, days=7)
    reset = OneTimeToken.issue(linden.pat, "reset", None, days=1)
    app.test_client().post(f"/invitations/{reset}", data={"password": OTHER})
    assert not is_in(browser)
    assert browser.get(f"/invitations/{invite}").status_code == 404


def test_a_link_dies_with_its_days(browser, linden, clock):
    path = f"/invitations/{OneTimeToken.issue(linden.pat, 'invite', None, days=7)}"
    clock.now += timedelta(days=7, seconds=-1)
    assert browser.get(path).status_code == 200
    clock.now += timedelta(seconds=1)
    assert browser.get(path).status_code == 404


@pytest.mark.parametrize("purpose", ["invite", "reset"])
def test_a_new_link_ends_no_earlier_one_before_one_is_used(browser, linden, purpose):
    paths = [
        f"/invitations/{OneTimeToken.issue(linden.pat, purpose, None, days=7)}" for _ in range(3)
    ]
    assert [browser.get(path).status_code for path in paths] == [200] * 3
    assert browser.post(paths[1], data={"password": OTHER}).status_code == 303
    assert [browser.get(path).status_code for path in paths] == [404] * 3


def test_only_a_hash_of_the_secret_is_kept(linden):
    secret = OneTimeToken.issue(linden.pat, "reset", None, days=1)
    assert secret not in str(OneTimeToken.get().__data__) and secret not in str(
        [e.__data__ for e in AuditEntry.select()]
    )


@pytest.mark.parametrize("secret", ["x", "0" * 43, "%00", "a" * 5000])
def test_a_made_up_link_is_refused(browser, secret):
    assert browser.get(f"/invitations/{secret}").status_code == 404


def link_in(letter) -> str:
    """The path of the one-time link in a letter."""
    return letter.get_content().partition("http://localhost")[2].split()[0]


def test_a_forgotten_password_sends_a_link_by_mail(browser, letters):
    assert "is on its way" in text_of(
        browser.post("/forgotten", data={"email": " PAT@linden.test"})
    )
    (letter,) = letters.send()
    assert letter["To"] == "pat@linden.test" and "expires after a day" in letter.get_content()
    assert browser.post(link_in(letter), data={"password": OTHER}).status_code == 303


def test_a_forged_host_does_not_lead_the_link_astray(browser, letters):
    browser.post("/forgotten", data={"email": "pat@linden.test"}, headers={"Host": "evil.test"})
    (letter,) = letters.send()
    assert (
        "http://localhost/invitations/" in letter.get_content()
        and "evil" not in letter.get_content()
    )


def test_the_answer_does_not_tell_who_is_known(browser, letters, linden):
    linden.quinn.leave(None)
    pages = {
        text_of(browser.post("/forgotten", data={"email": f"{name}@linden.test"}))
        for name in ("pat", "nobody", "quinn")
    }
    assert len(pages) == 1 and letters.server.connections == 0
    assert [letter["To"] for letter in letters.send()] == ["pat@linden.test"]


def test_the_same_is_done_for_an_address_that_nobody_has(browser, letters, db, monkeypatch):
    """Statement by statement, so that neither answer nor time tells."""
    said = []
    execute_sql = models.database.obj.execute_sql
    monkeypatch.setattr(
        models.database.obj,
        "execute_sql",
        lambda sql, *rest: said.append(sql) or execute_sql(sql, *rest),
    )
    works = []
    for name in ("pat", "nobody"):
        said.clear()
        browser.post(
            "/forgotten",
            data={"email": f"{name}@linden.test"},
            environ_base={"REMOTE_ADDR": f"10.0.0.{len(name)}"},
        )
        works.append(list(said))
    assert works[0] == works[1] and any("reset_request" in sql for sql in works[0])
    letters.send()
    models.database.connect(reuse_if_open=True)
    assert [row.sealed for row in ResetRequest.select()] == ["", ""]


def test_a_strangers_press_leaves_the_owners_link_alive_and_mails_little(app, browser, letters):
    browser.post("/forgotten", data={"email": "pat@linden.test"})
    (first,) = letters.send()
    sent = []
    for n in range(12):
        stranger = app.test_client()
        assert (
            stranger.post(
                "/forgotten",
                data={"email": "pat@linden.test"},
                environ_base={"REMOTE_ADDR": f"10.0.1.{n}"},
            ).status_code
            == 200
        )
        sent += letters.send()
    assert len(sent) == 5
    assert browser.post(link_in(first), data={"password": OTHER}).status_code == 303


def test_strangers_never_use_up_the_links_of_the_right_person(app, db, letters, linden):
    """From one network as often as it may, then from many.

    Once in a browser that was used before, once in a new one.
    """
    known, new = app.test_client(), app.test_client()
    sign_in(known)
    known.post("/sign-out")

    def press(client, network) -> int:
        client.post(
            "/forgotten",
            data={"email": "pat@linden.test"},
            environ_base={"REMOTE_ADDR": network},
        )
        return len(letters.send())

    assert sum(press(app.test_client(), "10.0.1.1") for _ in range(5)) == 3
    assert press(new, "10.0.2.1") == 1
    sent = sum(press(app.test_client(), f"10.0.3.{n}") for n in range(12))
    assert sent == 2
    assert [press(known, "10.0.3.1") for _ in range(4)] == [1, 1, 1, 0]


def test_a_link_is_sent_again_after_an_hour(browser, letters, clock):
    for _ in range(4):
        browser.post("/forgotten", data={"email": "pat@linden.test"})
    assert len(letters.send()) == 3
    clock.now += timedelta(hours=1, seconds=1)
    browser.post("/forgotten", data={"email": "pat@linden.test"})
    assert len(letters.send()) == 1


def test_an_old_request_is_not_answered_and_no_address_is_kept(browser, letters, clock):
    """One that a restored backup brought back, or that no worker saw for a day."""
    browser.post("/forgotten", data={"email": "pat@linden.test"})
    clock.now += timedelta(days=1, seconds=1)
    assert letters.send() == [] and ResetRequest.get().sealed == ""
    browser.post("/forgotten", data={"email": "quinn@linden.test"})
    models.database.connect(reuse_if_open=True)
    clock.now += timedelta(days=1, seconds=1)
    credentials.clean_up(clock.now)
    assert not ResetRequest.select().exists()


def test_asking_for_links_is_throttled(browser, letters):
    for n in range(5):
        browser.post("/forgotten", data={"email": f"p{n}@linden.test"})
    assert browser.post("/forgotten", data={"email": "pat@linden.test"}).status_code == 429
    assert letters.send() == []


def test_a_link_that_was_used_or_is_over_before_its_letter_goes_out_is_not_sent(
    browser, letters, linden, clock
):
    used, over = (
        OneTimeToken.issue(person, "reset", None, days=1, by_mail=True)
        for person in (linden.pat, linden.quinn)
    )
    assert browser.post(f"/invitations/{used}", data={"password": OTHER}).status_code == 303
    clock.now += timedelta(days=1, seconds=1)
    assert letters.send() == [] and {row.phase for row in Letter.select()} == {"dropped"} and over


def test_links_of_earlier_versions_still_work_and_derived_secrets_stay_as_they_are(
    browser, signed_in, linden
):
    """Earlier secrets were random, and only their hash was stored."""
    old = "k1XkH7Q2m0cGfB7m1oV3rZcJ8pYw5sT4uN6aL9dE0hI"
    kept = hashlib.sha256(old.encode()).hexdigest()
    OneTimeToken.create(
        user=linden.pat,
        purpose="reset",
        secret_hash=kept,
        expires_at=outbox.now() + timedelta(days=1),
    )
    assert OneTimeToken.get().secret is None
    assert signed_in(linden.olive).get(f"/team/{linden.pat.id}").status_code == 200
    assert browser.post(f"/invitations/{old}", data={"password": OTHER}).status_code == 303
    assert vault.derived("one-time link", "7|invite|00112233445566778899aabbccddeeff") == [
        "uuzEa1p1RV1AsYThQr7sPqX4431kdiwIa2MG6JbTXzo"
    ]


def test_nothing_in_the_database_opens_a_link_without_the_servers_key(letters, linden):
    secret = OneTimeToken.issue(linden.pat, "reset", None, days=1, by_mail=True)
    rows = [row.__data__ for table in (OneTimeToken, Letter) for row in table.select()]
    assert secret not in str(rows) and "pat@linden.test" not in str(rows)
    vault.open_vault(["another key of the tests", "a key of the tests"])
    try:
        assert OneTimeToken.get().secret == secret
        vault.open_vault(["another key of the tests"])
        assert OneTimeToken.get().secret is None and OneTimeToken.find(secret).user == linden.pat
    finally:
        vault.open_vault(["a key of the tests"])


def test_without_mail_the_page_says_whom_to_ask(browser):
    assert "Ask the owner or a manager" in text_of(browser.get("/forgotten"))
    assert "Ask the owner or a manager" in text_of(
        browser.post("/forgotten", data={"email": "pat@linden.test"})
    )
    models.database.connect(reuse_if_open=True)
    assert not OneTimeToken.select().exists()


# ---- the first clinic ----


def printed(app) -> str:
    """Where the first clinic is made, as the server prints it."""
    path = keys.welcome_path(app.config["SETTINGS"].secret_keys)
    assert re.fullmatch(r"/welcome/[\w-]{32}", path)
    return path


def test_an_empty_installation_leads_to_the_first_clinic(app):
    browser = app.test_client()
    assert browser.get("/sign-in").location == "/welcome"
    assert "Create" not in text_of(browser.get("/welcome")) and "flask --app app doctor" in text_of(
        browser.get("/welcome")
    )
    assert browser.get(printed(app)).status_code == 200
    answer = browser.post(printed(app), data=WELCOME)
    assert answer.status_code == 303 and is_in(browser)
    owner = User.get(User.email == "fia@first.test")
    assert owner.is_owner and owner.clinic.name == "First Clinic"
    assert Venue.get().zone_name == "Europe/Dublin" and Practitioner.get().user == owner


@pytest.mark.parametrize("token", ["", "/x", "/" + "A" * 32, "/%C3%A9"])
def test_a_stranger_cannot_make_the_first_clinic(app, token):
    browser = app.test_client()
    assert browser.post(f"/welcome{token}", data=WELCOME).status_code == 403
    models.database.connect(reuse_if_open=True)
    assert not Clinic.select().exists()


def test_the_printed_address_works_once(app):
    path = printed(app)
    assert app.test_client().post(path, data=WELCOME).status_code == 303
    assert app.test_client().get(path).status_code == 404
    models.database.connect(reuse_if_open=True)
    assert keys.welcome_path(app.config["SETTINGS"].secret_keys) is None


def test_afterwards_sign_up_is_closed(browser):
    assert browser.get("/welcome").status_code == 404
    assert browser.post("/welcome", data=WELCOME).status_code == 404
    models.database.connect(reuse_if_open=True)
    assert Clinic.select().count() == 1


def test_without_mail_the_first_page_says_what_that_means(app):
    page = text_of(app.test_client().get(printed(app)))
    assert "this server sends no e-mails yet" in page and "user password EMAIL" in page


def test_with_mail_the_first_page_does_not_speak_of_it(app, letters):
    page = text_of(app.test_client().get(printed(app)))
    assert "no e-mails" not in page and "user password" not in page


def test_where_sign_up_is_open_another_clinic_may_come(browser, signup_open, linden):
    assert browser.post("/welcome", data=WELCOME).status_code == 303
    page = text_of(browser.get("/clients/"))
    assert "First Clinic" in page and "Wójcik" not in page


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"clinic": ""}, "Write the clinic"),
        ({"zone_name": "Atlantis"}, "choose one from the list"),
        ({"name": " "}, "Write your name"),
        ({"email": "fia"}, "Write an address such as"),
        ({"email": "pat@linden.test"}, "did not work with these details"),
        ({"password": "short"}, "Use at least 12"),
    ],
)
def test_a_bad_clinic_comes_back_and_stores_nothing(browser, signup_open, bad, said):
    answer = browser.post("/welcome", data={**WELCOME, **bad})
    assert answer.status_code == 422 and said in text_of(answer)
    assert "One thing to fix" in text_of(answer)
    models.database.connect(reuse_if_open=True)
    assert (
        Clinic.select().count() == 1 and not User.select().where(User.name == "Fia First").exists()
    )


def test_a_form_from_an_earlier_session_says_in_place_that_it_is_too_old(app, signed_in, linden):
    browser = signed_in(linden.pat)
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        answer = browser.post(
            "/profile/password",
            data={"csrf_token": "of another session"},
            headers={"HX-Request": "true"},
        )
        plain = browser.post("/profile/password", data={"csrf_token": "of another session"})
    finally:
        app.config["WTF_CSRF_ENABLED"] = False
    assert (answer.status_code, answer.headers["HX-Reswap"]) == (401, "none show:#flash:top")
    assert (
        "open for too long" in answer.text
        and plain.status_code == 400
        and "open for too long" in plain.text
    )


def test_what_was_typed_is_shown_without_the_parts_that_are_ours():
    typed = [
        *(("parts", "clinic"), ("parts", "privacy"), ("clinic-seen", "W3sibmFtZSI6ICJ4In1d")),
        *(("seen", "W3sibmFtZSI6ICJ4In1d"), ("clinic-name", "Linden"), ("notes", "Knee since May")),
    ]
    assert signing_in.texts(typed) == [("Name", "Linden"), ("Notes", "Knee since May")]
