"""Security events are kept for the owner: for a while, limited in number, and without names,
addresses or e-mails in clear text.
"""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import models
from models import Clinic, User
from operate import chores, keys
from people import security
from people.credentials import OneTimeToken, Throttle
from people.security import KINDS, SecurityEvent
from tests.conftest import PASSWORD
from views.doors import sign_ins
from views.kit import brakes

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def browser(app, linden, clock):
    browser = app.test_client()
    browser.environ_base.update(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT=AGENT)
    return browser


def sign_in(browser, user, password=PASSWORD):
    return browser.post(
        "/sign-in", data={"email": getattr(user, "email", user), "password": password}
    )


def kinds(user=None):
    found = SecurityEvent.select().order_by(SecurityEvent.id)
    return [row.kind for row in found if user is None or row.user_id == user.id]


def test_signing_in_and_out_is_kept_with_the_browser(browser, linden):
    sign_in(browser, linden.pat)
    browser.post("/sign-out")
    sign_in(browser, linden.pat)
    assert kinds(linden.pat) == ["new_device", "signed_out", "signed_in"]
    row = SecurityEvent.get()
    assert (row.clinic_id, row.device) == (linden.clinic.id, "Firefox on Windows") and len(
        row.source
    ) == 12


def test_wrong_tries_and_braked_ones_are_counted_together(browser, linden):
    for _ in range(8):
        sign_in(browser, linden.pat, "wrong")
        sign_in(browser, "nobody@linden.test", "wrong")
    rows = {(row.kind, row.user_id): row.count for row in SecurityEvent.select()}
    assert rows == {
        ("refused", linden.pat.id): 5,
        ("braked", linden.pat.id): 3,
        ("refused", None): 5,
        ("braked", None): 3,
    }


def test_the_rest_of_the_doors(browser, linden):
    browser.get("/invitations/made-up")
    browser.post(
        f"/invitations/{OneTimeToken.issue(linden.quinn, 'reset', None, days=1)}",
        data={"password": "a sentence of mine"},
    )
    browser.post(
        "/profile/password",
        data={"current": "a sentence of mine", "password": "another sentence of mine"},
    )
    browser.post("/profile/sign-outs")
    assert kinds() == ["link_refused", "link_used", "password", "everywhere", "signed_out"]


def test_nothing_stands_there_in_clear(browser, linden):
    sign_in(browser, linden.pat, "wrong")
    sign_in(browser, "somebody@else.test", "wrong")
    told = str([row.__data__ for row in SecurityEvent.select()])
    assert not any(
        word in told for word in ("203.0.113", "linden.test", "else.test", "wrong", "Pat")
    )


def test_the_owner_reads_it_and_nobody_else(app, browser, signed_in, linden, stranger):
    sign_in(browser, linden.pat, "wrong")
    sign_in(browser, linden.pat, "wrong")
    sign_in(browser, stranger, "wrong")
    sign_in(browser, "nobody@linden.test", "wrong")
    page = signed_in(linden.olive).get("/settings/sign-ins").text
    assert (
        "Wrong password for Pat Linden, 2 times" in page
        and "Firefox on Windows" in page
        and "Sam" not in page
    )
    assert "not known here" not in page  # several clinics: it may concern another
    assert "203.0.113" not in page
    assert signed_in(linden.maya).get("/settings/sign-ins").status_code == 403
    assert "Wrong password for Sam Elsewhere" in signed_in(stranger).get("/settings/sign-ins").text
    assert app.test_client().get("/settings/sign-ins").status_code == 302


def test_where_there_is_one_clinic_its_owner_sees_unknown_tries_too(browser, signed_in, linden):
    sign_in(browser, "nobody@linden.test", "wrong")
    assert (
        "somebody whose e-mail is not known here"
        in signed_in(linden.olive).get("/settings/sign-ins").text
    )


@pytest.mark.parametrize("kind", [*KINDS, "of_tomorrow"])
def test_every_kind_has_words(signed_in, linden, kind):
    SecurityEvent.note(kind, linden.clinic.id, linden.pat.id, "abc", "")
    assert signed_in(linden.olive).get("/settings/sign-ins").status_code == 200
    assert kind in sign_ins._WORDS or kind == "of_tomorrow"


def test_events_are_deleted_in_time_and_strangers_cannot_fill_the_table(linden, clock, monkeypatch):
    monkeypatch.setattr(security, "MOST", 5)
    for number in range(9):
        SecurityEvent.note("refused", None, None, f"net {number}", "")
    assert (
        SecurityEvent.select().count() == 6
        and SecurityEvent.get(SecurityEvent.source == "").count == 4
    )
    clock.now += security.KEPT + timedelta(hours=1)
    SecurityEvent.note("refused", None, None, "net", "")
    chores.clean_up()
    assert SecurityEvent.select().count() == 1


def test_the_brakes_cannot_be_filled_either(db, monkeypatch):
    monkeypatch.setattr(Throttle, "MOST", 40)
    for _ in range(6):
        Throttle.fail("guessed at", 5)
    for number in range(200):
        Throttle.fail(f"key {number}", 5)
    assert Throttle.select().count() <= 40 and Throttle.get_by_id("guessed at").failures == 6


def test_one_person_makes_so_many_invitations(signed_in, linden, monkeypatch):
    monkeypatch.setattr(brakes, "INVITATIONS", 3)
    olive = signed_in(linden.olive)
    path = f"/team/{linden.pat.id}/one-time-links"
    answers = [
        olive.post(path),
        olive.post(path),
        olive.post(
            "/team/", data={"name": "Ida", "email": "ida@linden.test", "role": "practitioner"}
        ),
    ]
    assert [answer.status_code for answer in answers] == [303] * 3
    part = olive.post(path, headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Reswap"]) == (
        429,
        "none show:#flash:top",
    ) and "Wait a minute" in part.text
    assert (
        olive.post(
            "/team/", data={"name": "Ivo", "email": "ivo@linden.test", "role": "practitioner"}
        ).status_code
        == 429
    )
    assert (
        signed_in(linden.maya).post(path).status_code == 303
        and not User.select().where(User.email == "ivo@linden.test").exists()
    )


def test_a_new_address_of_a_person_counts_like_an_invitation(signed_in, linden, monkeypatch):
    monkeypatch.setattr(brakes, "INVITATIONS", 3)
    olive = signed_in(linden.olive)

    def change(**typed):
        form = {"name": "Pat Linden", "email": "pat@linden.test", "role": "practitioner", **typed}
        return olive.post(f"/team/{linden.pat.id}", data=form).status_code

    assert [change(email=f"pat{n}@linden.test") for n in range(4)] == [303, 303, 303, 429]
    email = User.get_by_id(linden.pat.id).email
    assert email == "pat2@linden.test" and change(email=email, name="Pat L.") == 303


def test_tries_at_once_are_counted_before_they_are_judged(db):
    assert [Throttle.admit({"a": 3, "b": 5}) for _ in range(5)] == [0, 0, 0, 60, 60]
    assert (Throttle.get_by_id("a").failures, Throttle.get_by_id("b").failures) == (3, 3)
    Throttle.count_one_less({"a": 3})
    assert Throttle.admit({"a": 3}) == 0


def test_people_who_sign_in_at_once_are_no_guesses(app, linden):
    def enter(n):
        answers.append(
            app.test_client()
            .post("/sign-in", data={"email": linden.pat.email, "password": PASSWORD})
            .status_code
        )

    answers = []
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(enter, range(24)))
    assert answers == [303] * 24


def test_few_of_many_simultaneous_guesses_are_tried(app, linden):
    def guess(n):
        answers.append(
            app.test_client()
            .post("/sign-in", data={"email": linden.pat.email, "password": f"guess {n}"})
            .status_code
        )

    answers = []
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(guess, range(24)))
    assert Counter(answers) == {422: 5, 429: 19}


def test_one_of_two_people_on_a_new_server_founds_the_clinic(app, db):
    path = keys.welcome_path(app.config["SETTINGS"].secret_keys)  # both have it open

    def found(n):
        both.wait(10)
        data = {
            "clinic": f"Clinic {n}",
            "zone_name": "Europe/Dublin",
            "name": "Fia",
            "email": f"fia{n}@first.test",
            "password": "a sentence of mine",
        }
        answers.append(app.test_client().post(path, data=data).status_code)

    both, answers = threading.Barrier(2), []
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(found, range(2)))
    assert sorted(answers) in ([303, 403], [303, 404]) and Clinic.select().count() == 1


@pytest.mark.parametrize("password", ["wrong", PASSWORD])
def test_unknown_and_known_addresses_cost_the_same_queries(app, linden, monkeypatch, password):
    """A wrong password for somebody who is there, and any for somebody who is not, or has left."""
    linden.quinn.leave(None)
    asked, execute = [], models.database.obj.execute_sql
    monkeypatch.setattr(
        models.database.obj,
        "execute_sql",
        lambda sql, *rest: asked.append(sql) or execute(sql, *rest),
    )
    seen = []
    for number, email in enumerate(
        [
            "nobody@linden.test",
            "quinn@linden.test",
            *(["pat@linden.test"] if password == "wrong" else []),
        ]
    ):
        browser = app.test_client()
        browser.environ_base["REMOTE_ADDR"] = f"203.0.113.{number}"
        asked.clear()
        answer = browser.post("/sign-in", data={"email": email, "password": password})
        seen.append((answer.status_code, answer.text.replace(email, ""), len(asked)))
    assert [one == seen[0] for one in seen] == [True] * len(seen)


def test_people_of_a_clinic_that_goes_take_their_events_along(linden, stranger):
    SecurityEvent.note("signed_in", stranger.clinic_id, stranger.id, "", "")
    assert (
        SecurityEvent.listed(Clinic.get_by_id(linden.clinic.id)).count() == 0
        and User.select().count() == 5
    )
