"""Cookies of browsers, sessions as rows, and forms whose session has ended. The page's tokens are
switched on, as in use.
"""

import hashlib
import html
import re
from datetime import timedelta

import pytest
from races import at_once

import models
from models import Patient, User
from operate import chores
from people.security import SecurityEvent
from people.sessions import MOST, Session
from tests.conftest import PASSWORD

OTHER = "another long password"
NEW = {
    "first_name": "Zoltán",
    "last_name": "Kovács",
    "notes": 'Allergic to latex,\r\nand "quotes" <b>',
}


class Browser:
    """A browser without JavaScript.

    It reads a page, fills in its forms and sends them with what the page hides in them.
    """

    def __init__(self, app):
        self.http, self.page = app.test_client(), ""

    def get(self, path: str):
        return self._taken(self.http.get(path))

    def post(self, path: str, data: dict | list, **headers):
        return self._taken(self.http.post(path, data=data, headers=headers))

    def _taken(self, answer):
        models.database.connect(reuse_if_open=True)
        self.page, self.answer = answer.text, answer
        return answer

    @property
    def token(self) -> str:
        return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.page)[1]

    def send(self, path: str, **typed):
        """Send a form of the page that is open."""
        return self.post(path, {**typed, "csrf_token": self.token})

    def sign_in(self, user, password=PASSWORD, **more):
        self.get("/sign-in")
        return self.send("/sign-in", email=user.email, password=password, **more)

    def hidden(self) -> list[tuple[str, str]]:
        """What the page's main form hides."""
        inputs = re.findall(r"<input[^>]*>", self.page.partition("<main")[2])
        tags = [dict(re.findall(r'(\w+)="([^"]*)"', one)) for one in inputs]
        return [
            (html.unescape(tag["name"]), html.unescape(tag["value"]))
            for tag in tags
            if tag.get("type") == "hidden"
        ]

    def press(self):
        """Press the button of the page's main form."""
        main = self.page.partition("<main")[2]
        return self.post(re.search(r'<form[^>]* action="([^"]+)"', main)[1], dict(self.hidden()))


@pytest.fixture
def tokens(app):
    app.config["WTF_CSRF_ENABLED"] = True
    yield
    app.config["WTF_CSRF_ENABLED"] = False


@pytest.fixture
def browser(app, linden, clock, tokens):
    return Browser(app)


@pytest.fixture
def olive(browser, linden):
    assert browser.sign_in(linden.olive).status_code == 303
    return browser


def cookie(browser):
    return browser.http.get_cookie("kalends").value


# ---- sessions ----


def test_signing_out_ends_the_session_on_the_server(app, olive):
    for more in ({}, {"remember": "y"}):
        kept = cookie(olive)
        olive.get("/team/")
        olive.send("/sign-out")
        thief = Browser(app)
        thief.http.set_cookie("kalends", kept)
        assert thief.get("/team/").status_code == 302 and not Session.select().exists()
        olive.sign_in(User.get(User.name == "Olive Linden"), **more)


@pytest.mark.parametrize(
    "value", ["x", "x" * 43, "é" * 20, "gAAAA" + "x" * 200, "." * 43, "a" * 4000, ""]
)
def test_a_cookie_that_is_none_of_ours_opens_nothing(browser, value):
    browser.http.set_cookie("kalends", value)
    assert browser.get("/team/").status_code == 302
    assert browser.get("/sign-in").status_code == 200


def test_only_a_hash_of_the_cookie_is_kept_and_nothing_of_a_session_in_clear(olive, linden):
    olive.get("/clients/new")
    olive.send("/clients/", **NEW)
    row = Session.get()
    assert cookie(olive) not in str(row.__data__) and "Kovács" not in row.contents and row.contents
    assert "Zoltán Kovács is in your list of clients" in olive.get("/clients/").text
    assert (
        Session.get().contents == ""
        and "in your list of clients" not in olive.get("/clients/").text
    )


def test_messages_that_no_page_shows_do_not_pile_up(olive, browser):
    olive.get("/profile")
    token = olive.token
    names = [hashlib.sha256(bytes([number])).hexdigest()[:20] for number in range(30)]
    for name in names:  # each unlike all others: for a likely second record the page asks first
        form = {**NEW, "first_name": name[:10], "last_name": name[10:], "csrf_token": token}
        olive.post("/clients/", form)
    page = olive.get("/clients/").text
    assert page.count("is in your list of clients") == 10 and names[-1][:10] in page


def test_pages_of_one_browser_that_answer_at_once_keep_what_each_said(app, linden):
    """One page shows its messages while another begins to connect an account and says something.

    Neither undoes the other.
    """
    _row, secret = Session.begin(linden.pat, False, "")
    sessions, response = app.session_interface, app.response_class()

    def open_one():
        with app.test_request_context(headers={"Cookie": f"kalends={secret}"}) as context:
            return context, context.session

    with app.test_request_context(headers={"Cookie": f"kalends={secret}"}) as context:
        context.session["_flashes"] = [("message", "first")]
        sessions.save_session(app, context.session, response)
    (showing_in, showing), (saying_in, saying) = open_one(), open_one()
    assert showing["_flashes"] == saying["_flashes"]
    saying["connecting"] = {"state": "x"}
    saying["_flashes"] = [*saying["_flashes"], ("message", "second")]
    del showing["_flashes"]
    for context, session in ((saying_in, saying), (showing_in, showing)):
        with context:
            sessions.save_session(app, session, response)
    with app.test_request_context(headers={"Cookie": f"kalends={secret}"}) as context:
        assert dict(context.session) == {
            "connecting": {"state": "x"},
            "_flashes": [("message", "second")],
        }


def test_one_browser_can_be_signed_out_from_another(app, olive, linden):
    phone = Browser(app)
    phone.sign_in(linden.olive)
    other = Browser(app)
    other.sign_in(linden.pat)
    assert olive.get("/profile").text.count("/profile/sessions/") == 2
    ids = [row.id for row in Session.listed(linden.olive)]
    phones, pats = max(ids), Session.listed(linden.pat)[0].id
    assert olive.send(f"/profile/sessions/{pats}").status_code == 404 and olive.post(
        f"/profile/sessions/{2**40}", {}
    ).status_code in (400, 404)
    olive.get("/profile")
    assert olive.send(f"/profile/sessions/{phones}").status_code == 303
    assert (
        phone.get("/team/").status_code == 302
        and other.get("/team/").status_code == olive.get("/team/").status_code == 200
    )
    olive.get("/profile")
    assert (
        olive.send(f"/profile/sessions/{min(ids)}").location == "/sign-in"
        and olive.get("/team/").status_code == 302
    )


def test_a_person_has_so_many_sessions_and_old_ones_are_thrown_away(linden, clock):
    first, _ = Session.begin(linden.pat, False, "")
    for _ in range(MOST):
        clock.now += timedelta(seconds=1)
        Session.begin(linden.pat, True, "")
    assert (
        Session.select().count() == MOST
        and not Session.select().where(Session.id == first.id).exists()
    )
    Session.begin(linden.maya, False, "")
    clock.now += timedelta(hours=13)
    chores.clean_up()
    assert Session.select().count() == MOST
    clock.now += timedelta(days=30)
    chores.clean_up()
    assert not Session.select().exists()


def test_who_leaves_is_signed_out(app, olive, linden):
    pat = Browser(app)
    pat.sign_in(linden.pat)
    linden.pat.leave(None)
    assert pat.get("/calendar").status_code == 302


def test_under_https_cookies_belong_to_this_host_alone(app, linden, monkeypatch):
    monkeypatch.setitem(app.config, "SESSION_COOKIE_NAME", "__Host-kalends")
    monkeypatch.setitem(app.config, "SESSION_COOKIE_SECURE", True)
    answer = app.test_client().post(
        "/sign-in",
        data={"email": linden.pat.email, "password": PASSWORD},
        base_url="https://localhost",
    )
    lines = answer.headers.getlist("Set-Cookie")
    assert len(lines) == 2
    for line in lines:
        assert (
            line.startswith("__Host-kalends")
            and "Secure" in line
            and "Path=/" in line
            and "HttpOnly" in line
            and "Domain" not in line
        )


def test_a_session_is_one_query_and_a_file_of_ours_none(app, olive, monkeypatch):
    asked, execute = [], models.database.obj.execute_sql
    monkeypatch.setattr(
        models.database.obj,
        "execute_sql",
        lambda sql, *rest: asked.append(sql) or execute(sql, *rest),
    )
    olive.get("/static/app.js")
    assert [sql for sql in asked if "session" in sql] == []
    olive.get("/profile")
    # This one, and the list on the page.
    assert len([sql for sql in asked if "secret_hash" in sql and sql.startswith("SELECT")]) == 2


# ---- a session that ends while a form is open ----


ENDS = ("idle", "signed out", "everywhere", "password")


def end(browser, how, linden, clock):
    if how == "idle":
        clock.now += timedelta(hours=12, seconds=1)
    elif how == "signed out":
        Session.delete().execute()
    elif how == "everywhere":
        User.get_by_id(linden.olive.id).sign_out_everywhere()
    else:
        User.get_by_id(linden.olive.id).set_password(OTHER, None)


@pytest.mark.parametrize("how", ENDS)
def test_without_javascript_what_was_typed_is_saved_with_one_press(olive, linden, clock, how):
    olive.get("/clients/new")
    end(olive, how, linden, clock)
    answer = olive.send("/clients/", **NEW)
    assert (
        answer.status_code == 401
        and "You were signed out" in answer.text
        and "Kovács" not in answer.text
    )
    typed = {
        **dict(olive.hidden()),
        "email": linden.olive.email,
        "password": OTHER if how == "password" else PASSWORD,
    }
    wrong = olive.post("/sign-in", {**typed, "password": "wrong"})
    assert wrong.status_code == 422
    typed = {**dict(olive.hidden()), "email": linden.olive.email, "password": typed["password"]}
    again = olive.post("/sign-in", typed)
    assert (
        again.status_code == 200 and "Allergic to latex" in again.text and "<b>" not in again.text
    )
    assert not Patient.select().where(Patient.last_name == "Kovács").exists()
    assert olive.press().status_code == 303
    saved = Patient.get(Patient.last_name == "Kovács")
    assert (saved.first_name, saved.notes) == ("Zoltán", 'Allergic to latex,\nand "quotes" <b>')


@pytest.mark.parametrize("how", ENDS)
def test_with_javascript_the_page_goes_on_after_signing_in_in_another_tab(
    olive, linden, clock, how
):
    olive.get("/clients/new")
    token = olive.token
    end(olive, how, linden, clock)
    part = {"HX-Request": "true"}
    answer = olive.post("/clients/", {**NEW, "csrf_token": token}, **part)
    assert answer.status_code == 401 and "Sign in in another tab" in answer.text
    olive.sign_in(linden.olive, OTHER if how == "password" else PASSWORD)
    assert olive.post("/clients/", {**NEW, "csrf_token": token}, **part).status_code == 204
    assert Patient.select().where(Patient.last_name == "Kovács").exists()


def test_what_another_person_typed_is_not_saved_under_ones_name(olive, linden, clock):
    olive.get("/clients/new")
    token = olive.token
    olive.sign_in(linden.pat)
    answer = olive.post("/clients/", {**NEW, "csrf_token": token})
    assert answer.status_code == 401 and "Someone else is signed in now" in answer.text
    typed = {**dict(olive.hidden()), "email": linden.maya.email, "password": PASSWORD}
    assert olive.post("/sign-in", typed).status_code == 303
    assert not Patient.select().where(Patient.last_name == "Kovács").exists()


def test_a_forged_form_is_neither_taken_nor_kept(app, olive, browser, linden):
    stranger = Browser(app)
    stranger.get("/sign-in")
    olive.get("/clients/new")
    for token in ("", "x", stranger.token, olive.token[:-2] + "xx"):
        answer = olive.post("/clients/", {**NEW, "csrf_token": token})
        assert (
            answer.status_code == 400
            and "open for too long" in answer.text
            and 'name="kept"' not in answer.text
        )
    assert SecurityEvent.select().where(SecurityEvent.kind == "form_refused").get().count == 4
    assert stranger.post("/clients/", {**NEW, "csrf_token": "x"}).status_code == 400
    stranger.get("/sign-in")
    assert 'name="kept"' not in stranger.send("/clients/", **NEW).text
    assert not Patient.select().where(Patient.last_name == "Kovács").exists()


def test_a_persons_token_does_not_sign_a_stranger_in(app, olive, linden):
    """Else another site could sign a visitor in as somebody else, with a token of its own."""
    victim = Browser(app)
    victim.get("/sign-in")
    olive.get("/team/")
    answer = victim.post(
        "/sign-in", {"email": linden.olive.email, "password": PASSWORD, "csrf_token": olive.token}
    )
    assert answer.status_code == 400 and victim.get("/team/").status_code == 302


@pytest.mark.parametrize("kept", ["x", "", "gAAAAA" + "x" * 100])
def test_a_made_up_kept_form_is_left_out(browser, linden, kept):
    browser.get("/sign-in")
    assert (
        browser.send("/sign-in", email=linden.olive.email, password=PASSWORD, kept=kept).location
        == "/calendar"
    )


def test_a_form_of_more_than_a_month_ago_waits_behind_the_password(olive, linden, clock):
    olive.sign_in(linden.olive, remember="y")
    olive.get("/clients/new")
    token = olive.token
    clock.now += timedelta(days=32)
    olive.sign_in(linden.olive)
    answer = olive.post("/clients/", {**NEW, "csrf_token": token})
    assert answer.status_code == 401 and "Please sign in again" in answer.text
    assert (
        olive.post(
            "/sign-in", {**dict(olive.hidden()), "email": linden.olive.email, "password": PASSWORD}
        ).status_code
        == 200
    )
    assert (
        olive.press().status_code == 303
        and Patient.select().where(Patient.last_name == "Kovács").exists()
    )


def test_passwords_are_not_kept_and_the_page_is_shown_again(olive, linden, clock):
    olive.get("/profile")
    end(olive, "idle", linden, clock)
    olive.send("/profile/password", current=PASSWORD, password=OTHER)
    answer = olive.post(
        "/sign-in", {**dict(olive.hidden()), "email": linden.olive.email, "password": PASSWORD}
    )
    assert (
        answer.location == "/profile"
        and "Passwords and files are not kept" in olive.get("/profile").text
    )


def test_the_key_may_be_rotated_while_a_form_is_open(app, olive, linden, monkeypatch):
    olive.get("/clients/new")
    monkeypatch.setitem(app.config, "SECRET_KEY_FALLBACKS", [app.config["SECRET_KEY"]])
    monkeypatch.setitem(app.config, "SECRET_KEY", "a newer key")
    assert olive.send("/clients/", **NEW).status_code == 303


def test_every_form_on_the_pages_survives_the_end_of_its_session(app, olive, linden, clock):
    """Each page with forms, each form.

    Sent after the session ended, it waits; nothing of it happens before the person is back.
    """
    pages = [
        "/calendar",
        "/clients/",
        "/clients/new",
        f"/clients/{linden.patient.id}",
        "/services/",
        "/team/",
        f"/team/{linden.pat.id}",
        "/sync/",
        "/settings/",
        "/settings/imports/",
        "/health/",
        "/profile",
        "/bookings/new",
        f"/services/{linden.service.id}",
    ]
    forms = set()
    for path in pages:
        page = olive.get(path)
        assert page.status_code in (200, 302), path
        for form in re.findall(r"<form[^>]*method=\"post\"[^>]*>", page.text):
            action = re.search(r' action="([^"]*)"', form)
            forms.add(html.unescape(action[1]) if action else path)
    token = olive.token
    assert len(forms) > 15
    clock.now += timedelta(hours=13)
    for action in sorted(forms):
        answer = olive.post(action, {"name": "A typed text", "csrf_token": token})
        assert (action, answer.status_code in (303, 401)) == (action, True)
        assert action == "/sign-out" or 'name="kept"' in answer.text, action


def test_people_who_sign_in_to_one_account_at_once_all_stay_signed_in(linden):
    """As on two machines at the desk in the morning: the newest sessions are kept."""
    begun = []
    faults = at_once(*[lambda _n: begun.append(Session.begin(linden.pat, False, "")[1])] * 3)
    assert faults == [] and len(begun) < MOST
    assert [secret for secret in begun if Session.find(secret) is None] == []
