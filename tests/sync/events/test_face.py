"""The text of a booking outside: every identifier, every ceiling, and nothing more."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from base import catalogue
from base.text import IDENTIFIERS, cut
from sync.events.event import Face
from sync.events.face import Policy, Subject, face

ALL = "{organisation} {service} {client}"
BOOKED = Subject(
    "Linden Street",
    "4 Linden Street",
    "Shoulder",
    "confirmed",
    "Małgorzata",
    "Wójcik",
    "K-2041",
    "65.00 GBP",
    "Bring the scans",
)
LABELS = dict(
    zip(
        IDENTIFIERS,
        ("", "K-2041", "M. W.", "Małgorzata", "Małgorzata W.", "Małgorzata Wójcik"),
        strict=True,
    )
)


@pytest.mark.parametrize("hide", [False, True])
@pytest.mark.parametrize("ceiling", IDENTIFIERS)
@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_the_safer_of_choice_and_ceiling_is_shown(identifier, ceiling, hide):
    shown = face(BOOKED, Policy(cut(identifier, ceiling), hide_sensitive=hide))
    label = LABELS[min(identifier, ceiling, key=IDENTIFIERS.index)]
    expected = (
        Face("Busy")
        if hide
        else Face(f"Shoulder · {label}" if label else "Shoulder", "", "4 Linden Street")
    )
    assert shown == expected


@pytest.mark.parametrize("status", ["pending", "confirmed", "cancelled", "no_show"])
def test_hidden_is_busy_and_nothing_else(status):
    subject = Subject(
        "Linden Street",
        "4 Linden Street",
        "Shoulder",
        status,
        "Cher",
        "",
        "K-1",
        "65.00 GBP",
        "notes",
    )
    assert face(
        subject, Policy("full_name", ALL, "status rate notes", hide_sensitive=True)
    ) == Face("Busy", "", "")


@pytest.mark.parametrize(
    ("pattern", "title"),
    [
        ("{organisation}", "Linden Street"),
        ("{service}", "Shoulder"),
        ("{client}", "M. W."),
        ("{service} {client}", "Shoulder · M. W."),
        (ALL, "Linden Street · Shoulder · M. W."),
        ("{client} {service}", "M. W. · Shoulder"),
        ("", "Linden Street"),
        ("{unknown}", "Linden Street"),
    ],
)
def test_the_title_follows_its_pattern(pattern, title):
    assert face(BOOKED, Policy("initials", pattern)).title == title


def test_a_title_is_never_empty():
    assert face(Subject("", "", "", "confirmed", "Cher"), Policy()).title == "Busy"
    assert (
        face(
            Subject("Linden", "", "", "confirmed", "Cher"), Policy(title="{service} {client}")
        ).title
        == "Linden"
    )


@pytest.mark.parametrize(
    ("status", "title", "word"),
    [
        ("cancelled", "Cancelled: Shoulder", "Cancelled"),
        ("no_show", "No-show: Shoulder", "No-show"),
        ("pending", "Shoulder", "Pending"),
        ("paid", "Shoulder", "Paid"),
        ("delivered", "Shoulder", "Completed"),
        ("offered", "Shoulder", "Offered"),
    ],
)
def test_the_status_shows_in_words(status, title, word):
    subject = Subject("Linden", "", "Shoulder", status)
    assert face(subject, Policy(details="status")) == Face(title, f"Status: {word}")


@pytest.mark.parametrize(
    ("details", "description"),
    [
        ("", ""),
        ("status", "Status: Confirmed"),
        ("rate", "Rate: 65.00 GBP"),
        ("notes", "Bring the scans"),
        ("status rate notes", "Status: Confirmed\nRate: 65.00 GBP\nBring the scans"),
    ],
)
def test_the_description_gives_what_was_chosen(details, description):
    assert face(BOOKED, Policy(details=details)).description == description


def test_the_address_may_stay_out():
    assert face(BOOKED, Policy(location=False)).location == ""


# Each part of a client has letters of its own, so that a stray piece is seen wherever it lands.
def _part(letters: str):
    separators = st.sampled_from(
        (" ", " · ", "; ", ", ", "-", "’", "\n", ": ", "{client}", "%s", "\\")
    )
    return st.lists(st.text(letters, min_size=2, max_size=6), min_size=0, max_size=3).flatmap(
        lambda words: separators.map(lambda separator: separator.join(words))
    )


FIRST, LAST, INTERNAL = "αβγδεζηθλμπρσφ", "бгдежзилпрфцшя", "אבגדהטלמנפקרש"


@given(
    _part(FIRST),
    _part(LAST),
    _part(INTERNAL),
    st.sampled_from(IDENTIFIERS),
    st.sampled_from((ALL, "{client}", "{service} {client}")),
    st.sampled_from(("confirmed", "cancelled", "no_show")),
)
@example("", "", "", "internal_id", "{client}", "confirmed")
@example("αβ", "", "", "first_name_last_initial", "{client}", "confirmed")
def test_nothing_of_the_client_shows_beyond_the_chosen_step(
    first, last, internal, identifier, pattern, status
):
    subject = Subject(
        "Linden Street",
        "4 Linden Street",
        "Shoulder",
        status,
        first,
        last,
        internal,
        "65.00 GBP",
        "Bring the scans",
    )
    shown = face(subject, Policy(identifier, pattern, "status rate notes"))
    everything = "\n".join((shown.title, shown.description, shown.location)).lower()
    seen = {
        name: [c for c in everything if c in letters]
        for name, letters in (("first", FIRST), ("last", LAST), ("internal", INTERNAL))
    }
    whole = {
        "first": identifier in ("first_name", "first_name_last_initial", "full_name"),
        "last": identifier == "full_name",
        "internal": identifier == "internal_id",
    }
    initials = {
        "first": identifier == "initials",
        "last": identifier in ("initials", "first_name_last_initial"),
        "internal": False,
    }
    for name, value in (("first", first), ("last", last), ("internal", internal)):
        letters = [c for c in value.lower() if c in FIRST + LAST + INTERNAL]
        assert seen[name] == (letters if whole[name] else letters[:1] if initials[name] else [])
    assert shown.title


class Shouting(catalogue.gettext.NullTranslations):
    def gettext(self, message):
        return message.upper()


@pytest.mark.parametrize("status", ["confirmed", "cancelled", "no_show"])
def test_the_readers_language_does_not_change_text_outside(status):
    booked = replace(BOOKED, status=status, practitioner="Pat")
    policy = Policy("initials", details="status rate notes")
    expected = face(booked, policy)
    with catalogue.using(Shouting()):
        assert catalogue._("Busy") == "BUSY"
        assert face(booked, policy) == expected
        assert catalogue._("Busy") == "BUSY"


@pytest.mark.parametrize("name", ["first_name", "service", "practitioner", "organisation"])
@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("A\u202eda\u2066", "Ada"),
        ("A\x00d\x85a\ufeff", "Ada"),
        ("A\r\nda\r", "A da"),
        ("A\u2028da", "A da"),
    ],
)
def test_a_row_of_another_program_shows_nothing_that_turns_or_ends_a_line(name, stored, shown):
    texts = {"organisation": "", "service": "", "first_name": "", "practitioner": ""}
    policy = Policy("first_name", "{organisation} {service} {client} {practitioner}", "notes")
    found = face(
        Subject(**texts | {name: stored}, status="confirmed", notes=stored, address=stored), policy
    )
    assert found.title == shown
    for text in (found.description, found.location):
        assert " ".join(text.split()) == shown and text.isprintable() == ("\n" not in text)
