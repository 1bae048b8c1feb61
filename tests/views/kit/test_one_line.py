"""One line of text, e-mail addresses and passwords.

The rules themselves, and that every field, command and file goes by them.
"""

import importlib
import pkgutil
from datetime import timedelta

import pytest
import zxcvbn
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import PasswordField, StringField, TextAreaField

import views
from base import text
from models import Clinic, Patient, Service, User, Venue
from people import password_rules
from tests.conftest import PASSWORD
from views.kit.forms import Email, Form, Line, Paragraph, SignInName

HIDDEN = [
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u2029"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2064\u2066\u2067\u2068\u2069\u206a\u206f\u2800\u3164\ufeff\uffa0\ufff9\uffff\U000e0001\U000e0041\ud800",
]
FINE = [
    "Małgorzata",
    "Ó Súilleabháin",
    "D’Arcy-Smith, Ph.D. (she/her)",
    "王小明",
    "נועה\u200f כהן",
    "علی\u200cرضا",
    "नमस्\u200dते",
    "Praxis\u00a0Süd\u202f24",
    "🎂👩\u200d⚕️",
    "a@b; c \\ <b> & %0a",
    "µ-1/2 ½",
]
BAD_EMAILS = [
    "a,b@x.test",
    "a@[",
    "a@[127.0.0.1]",
    "Ann <a@x.test>",
    "a@b@x.test",
    "á@x.test",
    "a@ü.test",
    "a@x.test.",
    ".a@x.test",
    "a.@x.test",
    "a..b@x.test",
    "a@x",
    "a@-x.test",
    "a@x-.test",
    "a@x..test",
    "a b@x.test",
    "a@x.te st",
    '"a"@x.test',
    "a@x.test,b@x.test",
    "a;b@x.test",
    "a@x.test\nBcc: b@x.test",
    "a@x.test\x00",
    "a\u200b@x.test",
    "mailto:a@x.test",
    "a@x.test?cc=b@x.test",
    "a(c)@x.test",
    "@x.test",
    "a@",
    "a" * 65 + "@x.test",
    "a@" + "x" * 64 + ".test",
    "a@" + ".".join(["x" * 60] * 5) + ".test",
    "a@1.2",
    "<a@x.test>",
    "a@x.test>",
    "a:b@x.test",
]


@pytest.mark.parametrize("character", HIDDEN, ids=lambda c: f"{ord(c):04x}")
def test_what_cannot_be_seen_is_refused_inside_a_line(character):
    for raw in (
        f"An{character}n",
        f"{character}Ann" if not character.isspace() else f"A{character}n",
    ):
        with pytest.raises(text.NotOneLine) as refused:
            text.line(raw, 40)
        sentence = str(refused.value)
        assert sentence and character not in sentence
    assert text.mended(f"An{character}n", 40) in ("Ann", "An n")


@pytest.mark.parametrize("value", FINE)
def test_what_people_are_called_is_left_alone(value):
    assert text.line(f"  {value}\n", 80) == value == text.mended(value, 80)


@given(st.text(st.characters(codec=None), max_size=40))
def test_a_line_is_one_line_and_stays_one(value):
    mended = text.mended(value, 200)
    assert text.line(mended, 200) == mended
    assert len(mended.splitlines()) <= 1
    mended.encode()


@pytest.mark.parametrize("value", BAD_EMAILS)
def test_what_is_not_one_plain_address_is_refused(value):
    with pytest.raises(text.NoAddress):
        text.email(value)


@pytest.mark.parametrize(
    "value",
    [
        "a@x.test",
        "First.Last+tag@mail.clinic-one.example",
        "o'brien@x.test",
        "x_1@1a.test",
        "a@xn--bcher-kva.test",
        " a@x.test ",
    ],
)
def test_a_plain_address_is_taken_in_lower_case(value):
    assert text.email(value) == value.strip().lower()


# ---- everywhere ----


def forms():
    """Every form class of the program."""
    for module in pkgutil.iter_modules(views.__path__):
        importlib.import_module(f"views.{module.name}")
    found, waiting = [], [Form]
    while waiting:
        waiting += (more := waiting.pop().__subclasses__())
        found += more
    return found


def test_every_field_for_one_line_is_ours():
    lines = 0
    for form in forms():
        for name in dir(form):
            field = getattr(getattr(form, name), "field_class", None)
            if (
                isinstance(field, type)
                and issubclass(field, StringField)
                and not issubclass(field, PasswordField | Paragraph)
            ):
                assert issubclass(field, Line), f"{form.__name__}.{name}"
                lines += 1
            assert not (
                isinstance(field, type)
                and issubclass(field, TextAreaField)
                and not issubclass(field, Paragraph)
            ), f"{form.__name__}.{name}"
    assert lines > 15


@pytest.mark.parametrize(
    "character", ["\r\n", "\n", "\x00", "\u202e", "\u200b", "\u2028", "\x85", "\t"]
)
def test_every_field_for_one_line_refuses_it_with_a_sentence(app, character):
    class Every(Form):
        line, email = Line("Line", 80), Email("E-mail")

    with app.test_request_context():
        form = Every(
            formdata=MultiDict({"line": f"An{character}n", "email": f"a{character}@x.test"}),
            meta={"csrf": False},
        )
        assert not form.validate() and set(form.errors) == {"line", "email"}
        # What comes back can be saved.
        assert "\x00" not in form.line.data and text.mended(form.line.data, 80) == form.line.data
        assert not issubclass(SignInName, Email)  # looked up only


@pytest.mark.parametrize("character", ["\x00", "\u202e"])
def test_a_search_in_the_booking_form_finds_nothing_by_it_and_is_no_fault(
    signed_in, linden, character
):
    """PostgreSQL takes no NUL at all.

    Whoever looks at a field before it is validated must not meet one.
    """
    for headers in ({}, {"HX-Request": "true"}):
        answer = signed_in(linden.pat).post(
            "/bookings/",
            data={"q": f"Mał{character}g", "day": "2026-11-26", "starts": "09:00"},
            headers=headers,
        )
        assert answer.status_code == 422 and character not in answer.text


@pytest.mark.parametrize(
    ("path", "data", "table"),
    [
        (
            "/team/",
            {"name": "Ida\r\nClick here", "email": "ida@linden.test", "role": "practitioner"},
            User,
        ),
        (
            "/team/",
            {"name": "Ida", "email": "ida@linden.test,b@x.test", "role": "practitioner"},
            User,
        ),
        ("/team/", {"name": "Ida", "email": "a@[", "role": "practitioner"}, User),
        ("/clients/", {"first_name": "Ann\u200b"}, Patient),
        ("/clients/", {"first_name": "Ann", "internal_id": "K\u202e1"}, Patient),
        ("/clients/", {"first_name": "Ann", "phone": "1\x002"}, Patient),
        ("/clients/", {"first_name": "Ann", "email": "a@b@x.test"}, Patient),
        ("/services/", {"name": "Ne\nck", "duration_minutes": "30"}, Service),
        ("/settings/venues", {"name": "Ne\nw", "zone_name": "Europe/London"}, Venue),
    ],
)
def test_nothing_of_it_is_stored(signed_in, linden, path, data, table):
    before = table.select().count()
    assert signed_in(linden.olive).post(path, data=data).status_code == 422
    assert table.select().count() == before


@pytest.mark.parametrize("name", ["Lin\nden", "Lin\u202eden", "Lin\x00den"])
def test_a_clinics_name_too(signed_in, linden, name):
    assert (
        signed_in(linden.olive)
        .post("/settings/clinic", data={"name": name, "currency": "GBP"})
        .status_code
        == 422
    )
    assert Clinic.get_by_id(linden.clinic.id).name == "Linden Physiotherapy"


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "create", "ida@linden.test", "--name", "Ida\nClick", "--venue", "Linden Street"],
        ["user", "create", "a,b@linden.test", "--name", "Ida", "--venue", "Linden Street"],
        [
            "clinic",
            "create",
            "Oak\u202e",
            "--zone",
            "Europe/London",
            "--owner-email",
            "o@oak.test",
            "--owner-name",
            "Ola",
        ],
        [
            "clinic",
            "create",
            "Oak",
            "--zone",
            "Europe/London",
            "--owner-email",
            "Ola <o@oak.test>",
            "--owner-name",
            "Ola",
        ],
        [
            "clinic",
            "create",
            "Oak",
            "--zone",
            "Europe/London",
            "--owner-email",
            "o@oak.test",
            "--owner-name",
            "O\u200bla",
        ],
        ["feed", "create", "pat@linden.test", "--name", "my\nphone"],
    ],
)
def test_commands_go_by_the_same_rule(app, linden, arguments):
    answer = app.test_cli_runner().invoke(args=arguments)
    assert answer.exit_code != 0 and "Traceback" not in answer.output
    assert (
        Clinic.select().count() == 1
        and User.select().count() == 4
        and not linden.pat.feeds.exists()
    )


# ---- passwords ----


OWN = ("Olive Linden", "olive@linden.test", "Linden Physiotherapy")
WEAK = [
    "short",
    "1234567890",
    " " * 12,
    "123456789012",
    "aaaaaaaaaaaa",
    "abcdefghijkl",
    "zyxwvutsrqpo",
    "qwertyuiop[]",
    "passwordpassword",
    "Password1234",
    "P@ssw0rd1234!",
    "olive@linden.test",
    "OLIVE@LINDEN.TEST",
    "olivelinden2026",
    "evilo nednil!",
    "Linden Physiotherapy",
    "lindenphysiotherapy1",
    "0l1veL1nden!!",
    "111111222222",
    "1q2w3e4r5t6y",
    "letmein12345",
    "monkey monkey",
    "abc123abc123",
    "Summer2026!!",
    "kalends-kalends",
    "dragon.dragon",
    "olìve.lindèn!",
    "november2026!",
    "Linden2026!",
    "Linden-2026-11!",
    "Autumn-2026-11",
    "Dezember2026!",
    "septembre2026!",
    "Massage2026!!",
    "physio-november-26",
    "november-linden-26",
    "clinic november 2026",
    "november2026!november2026!",
    "letmein-november",
    "Michael1985!!",
    "M1ch43l1985!!",
    "N0vemb3r2026!",
    "Krankenhaus2026!",
    "Patient12345!",
    "qwerty-asdfgh-1",
    "yxcvbnm,.-12",
    "poiuytrewq12!",
    "abcd1234efgh!",
]
STRONG = [
    PASSWORD,
    "a sentence of mine",
    "tomorrow is monday",
    "Xk9$mQ2vLp7w",
    "839201745623",
    "olive trees on a hill",
    "january rain on roofs",
    "three blind mice",
    "kgzpqwvm8391!",
    "Wq8-monday-Zx4!",
    "пятая кошка в саду",
    "x" * 3 + "Qf7!kPz2w",
]


@pytest.mark.parametrize("password", WEAK)
def test_what_everybody_tries_first_is_no_password(password):
    assert password_rules.fault(password, OWN)


@pytest.mark.parametrize(
    "password",
    [
        "Ágota Sørensen",
        "agotasorensen",
        "AgotaSorensen1",
        "sorensen-2026",
        "Soerensen2026!",
        "nesnerosagota",
        "mueller.praxis1",
        "Muller Praxis 26",
        "ag0ta.s0rensen",
    ],
)
def test_the_own_name_is_none_either_as_it_is_typed_without_accents(password):
    own = ("Ágota Sørensen", "pat@linden.test", "Müller")
    assert password_rules.fault(password, own) == password_rules.TOO_CLOSE


@pytest.mark.parametrize("password", STRONG)
def test_a_sentence_or_chance_is_one(password):
    assert password_rules.fault(password, OWN) is None


def test_each_of_the_commonest_is_refused_alone_and_in_its_plain_variants():
    common = sorted(password_rules._commonest())[::400]
    assert len(password_rules._commonest()) == 10_000
    for word in common:
        for variant in (
            word.ljust(12, "1"),
            f"{word}{'2' * 12}"[: max(12, len(word) + 2)],
            word * (-(-12 // len(word))),
            f"!!{word}!!!!!!!!!!"[:40],
        ):
            assert password_rules.fault(variant), variant


def test_of_a_long_password_a_bounded_part_is_estimated(monkeypatch):
    """The check must not be a way to hold a process: the estimate of guesses takes longest."""
    estimate, read = zxcvbn.zxcvbn, []

    def noted(password, **others):
        read.append(len(password))
        return estimate(password, **others)

    monkeypatch.setattr(zxcvbn, "zxcvbn", noted)
    assert password_rules.fault("q1" * 100)
    assert password_rules.fault("q1 monday w" * 18) is None
    assert read and max(read) == 72
    assert password_rules.fault("y" * 201) == password_rules.TOO_LONG


def test_a_password_from_before_the_rule_still_opens(app, linden, clock):
    linden.pat.set_password("short", None)
    browser = app.test_client()
    assert (
        browser.post("/sign-in", data={"email": linden.pat.email, "password": "short"}).status_code
        == 303
    )
    clock.now += timedelta(seconds=1)
    answer = browser.post(
        "/profile/password", data={"current": "short", "password": "pat@linden.test"}
    )
    assert answer.status_code == 422 and "more than your name" in answer.text
    assert (
        browser.post(
            "/profile/password", data={"current": "short", "password": "a sentence of mine"}
        ).status_code
        == 303
    )
