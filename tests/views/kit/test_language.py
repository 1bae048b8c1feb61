"""Pages in another language: no sentence from Python stays English on the page."""

import html
import re
from gettext import NullTranslations
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from base.catalogue import translations
from tests.views.kit import test_rights

TOP = Path(__file__).parents[3]


class Marked(NullTranslations):
    """English between marks."""

    def gettext(self, message: str) -> str:
        return f"‹{message}›"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"‹{msgid1 if n == 1 else msgid2}›"


@pytest.fixture
def marked():
    before = translations.set(Marked())
    yield
    translations.reset(before)


def without_marked(words: str) -> str:
    """What is left of a page; a sentence may stand in another."""
    while (less := re.sub(r"‹[^‹›]*›", "", words)) != words:
        words = less
    return words


def said_by_python_alone() -> set[str]:
    """Sentences of the catalogue that stand in no template, three words or more."""
    templates = " ".join(
        re.sub(r"\s+", " ", path.read_text()) for path in (TOP / "templates").rglob("*.html")
    )
    with (TOP / "translations" / "messages.pot").open("rb") as page:
        said = [message.id for message in read_po(page) if isinstance(message.id, str)]
    return {
        one
        for one in said
        if len(re.findall(r"\w+", one)) > 2 and "{" not in one and one not in templates
    }


rows = test_rights.rows


@test_rights.ON_SQLITE
def test_no_sentence_of_python_stays_english_in_a_page(app, rows, linden, signed_in, marked):
    """Of every page that can be read: the owner's, and what only its own person sees."""
    plain = [
        (rule.endpoint, rule.rule)
        for rule in app.url_map.iter_rules()
        if "GET" in rule.methods and not rule.arguments
    ]
    named = [
        (endpoint, address)
        for endpoint, how, address in test_rights.addresses(app, rows)
        if how == "GET"
    ]
    owner, pat = signed_in(linden.olive), signed_in(linden.pat)
    marks, left = 0, {}
    for endpoint, address in (*plain, *named):
        room = endpoint.partition(".")[0]
        page = (pat if room in test_rights.PRIVATE | {"sync_settings"} else owner).get(address)
        assert page.status_code != 500, address
        if page.mimetype == "text/html":
            words = html.unescape(re.sub(r"\s+", " ", page.text))
            marks += words.count("‹")
            left[endpoint] = without_marked(words)
    everything = "\n".join(left.values())
    stayed = {
        (endpoint, one)
        for one in said_by_python_alone()
        if one in everything
        for endpoint, words in left.items()
        if one in words
    }
    assert marks > 1000 and stayed == set()
