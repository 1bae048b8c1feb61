"""Sentences in the language in use: filled by name, counted, and late where a table holds them."""

import copy
import json
import pickle
from gettext import NullTranslations

import pytest
from flask import render_template_string
from markupsafe import Markup

from base.catalogue import Lazy, _, lazy, ngettext, paragraph, translations


class Loud(NullTranslations):
    """A language that is English with a shout, so that what was not translated shows."""

    def gettext(self, message: str) -> str:
        return f"{message}!"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"{msgid1 if n == 1 else msgid2}!"


@pytest.fixture
def loud():
    before = translations.set(Loud())
    yield
    translations.reset(before)


def test_english_is_what_stands_in_the_program():
    assert _("Nothing is due.") == "Nothing is due."
    assert _("{name} is back.", name="Pat {x}") == "Pat {x} is back."
    assert _("Write {curly}") == "Write {curly}"


def test_a_name_is_escaped_by_the_page_and_nowhere_before(app):
    said = _("{name} is back.", name="<b>Pat")
    with app.test_request_context():
        assert render_template_string("{{ said }}", said=said) == "&lt;b&gt;Pat is back."


def test_counted_sentences_have_two_forms():
    forms = "{count} booking of {name}", "{count} bookings of {name}"
    assert [ngettext(*forms, count, name="Pat") for count in (0, 1, 2, 1234)] == [
        "0 bookings of Pat",
        "1 booking of Pat",
        "2 bookings of Pat",
        "1,234 bookings of Pat",
    ]


def test_the_language_in_use_counts_when_something_is_said(loud):
    assert _("{name} is back.", name="Pat") == "Pat is back.!"
    assert ngettext("One of {count}", "All of {count}", 2) == "All of 2!"


def test_a_sentence_of_a_table_is_translated_when_it_is_shown(loud, app):
    late = lazy("At most {most} <letters>", most=5)
    shown = "At most 5 <letters>!"
    assert [str(late), f"{late}", "{}".format(late), "%s" % late] == [shown] * 4  # noqa: UP031, UP032
    assert _("Note: {late}", late=late) == f"Note: {shown}!"
    assert late.lower() == shown.lower()
    assert lazy("{who} signed in").format(who="Pat") == "Pat signed in!"
    escaped = "At most 5 &lt;letters&gt;!"
    assert Markup("{}").format(late) == escaped
    with app.test_request_context():
        assert render_template_string("{{ late }}", late=late) == escaped


def test_a_sentence_of_a_table_is_its_english_words_to_the_program(loud):
    late = lazy("Up to {when}", when="date")
    assert late == "Up to date" and hash(late) == hash("Up to date") and late in {"Up to date"}
    assert json.loads(json.dumps(late)) == "Up to date"
    for twin in (copy.copy(late), copy.deepcopy(late), pickle.loads(pickle.dumps(late))):
        assert isinstance(twin, Lazy) and twin == late and str(twin) == "Up to date!"


def test_sentences_stand_together_without_those_that_are_not_said(loud):
    assert paragraph("Saved.", "", lazy("Look again.")) == "Saved. Look again.!"
