"""Whether a text outside shows more than is allowed, whoever wrote it."""

import pytest

from base.text import IDENTIFIERS, client_label
from sync.events.at_most import Words, could_be, reveals
from sync.events.event import Face
from sync.events.face import Policy, Subject, face

NAMES = {"Shoulder", "Linden Street", "Pat Quinn", "Busy"}
WORDS = Words("Anna", "Berg", "K-1", "Shoulder", "65.00 GBP", "allergic to nuts")


def said(policy):
    return face(
        Subject(
            "Linden Street",
            "",
            "Shoulder",
            "confirmed",
            WORDS.first_name,
            WORDS.last_name,
            WORDS.internal_id,
            WORDS.rate,
            WORDS.notes,
            "Pat Quinn",
        ),
        policy,
    )


@pytest.mark.parametrize("now", IDENTIFIERS)
@pytest.mark.parametrize("then", IDENTIFIERS)
def test_each_identifier_lets_itself_and_what_is_below_it(then, now):
    text, less = said(Policy(then)), IDENTIFIERS.index(then) <= IDENTIFIERS.index(now)
    assert could_be(text, Policy(now), NAMES) is less
    assert reveals(text, WORDS, Policy(now)) is not less
    assert client_label(then, "Anna", "Berg", "K-1") in text.title


@pytest.mark.parametrize("details", ["", "status", "rate", "notes", "status rate notes"])
@pytest.mark.parametrize("then", ["", "status", "rate", "notes"])
def test_details_that_may_not_leave_any_more_are_seen(then, details):
    text, now = said(Policy(details=then)), Policy(details=details)
    is_allowed = set(then.split()) <= set(details.split())
    # whoever shows notes may show any line
    assert could_be(text, now, NAMES) is (is_allowed or "notes" in details)
    assert reveals(text, WORDS, now) is (not is_allowed and then != "status")


def test_where_everything_is_hidden_only_busy_is_let():
    hidden = Policy("full_name", hide_sensitive=True)
    assert could_be(Face("Busy"), hidden, NAMES) and not could_be(Face("Shoulder"), hidden, NAMES)
    assert reveals(Face("Shoulder"), WORDS, hidden)


def test_what_a_person_added_to_a_known_booking_is_theirs():
    assert not reveals(Face("Went well, Annabel"), WORDS, Policy("none"))


@pytest.mark.parametrize("word", ["Completed", "Delivered", "Confirmed"])
def test_the_former_word_of_a_status_says_no_more_than_the_present_one(word):
    text = Face("Busy", f"Status: {word}")
    assert could_be(text, Policy(details="status"), NAMES) and not could_be(text, Policy(), NAMES)
