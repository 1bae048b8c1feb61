"""Words that readers trip over whose first language is not English, and so are not used: on pages,
in letters, in help, in what commands say. Left is what was there, right what is said in its place.
"""

import re
from functools import cache
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
NOT_SAID = {
    r"\bin step\b": "up to date",
    r"all the same": "anyway",
    r">take it\b|^take it$": "use this time",
    r"do not save|leave it as it (was|is)<|keep everything as it is": "cancel",
    r"^leave (it|them)$|\"leave (it|them)\"": "keep both, keep them all",
    r"daily rate": "all day",
    r"time kept without a name": "no client",
    r"how many in all": "number of appointments",
    r"and those after": "this and following",
    r"may stay empty|[\">.] ?empty: ": "leave empty to …",
    r">coming up\b|^coming up$": "upcoming",
    r"hold for everyone": "apply to everyone",
    r"\bbring in\b|brought in|bring a csv": "import",
    r"\banew\b": "again",
    r"throw (the file )?away": "delete",
    r"worth knowing": "please check",
    r"to put right": "to fix",
    r"make the (clinic|invitation)": "create",
    r"\bhand this link": "send",
    r"lets its reader": "the person can",
    r"password of their own": "their password",
    r"behind the scenes": "system status",
    r"nobody is written to": "no e-mails are sent",
    r"what helps": "what to do",
    r"looks again by itself": "refreshes by itself",
    r"access given": "connected",
    r"lets kalends into": "connected to",
    r"no longer lets us": "access has ended",
    r"can be taken back": "can be removed",
    r"ends by itself with": "closes when all are solved",
    r"\bliving links?\b|stays? dead": "active, no longer works",
    r"starts out like": "default",
    r"changed meanwhile": "someone else changed",
    r"not yours to": "you don’t have permission",
    r"half saved": "not saved",
    r"kept free after": "gap after",
    r"one of the list": "one from the list",
    r"busy \(outside\)": "busy (other calendar)",
    r"imitation for trying": "test mode",
    r"\b(in|to|own|your|connects) google (and|or) outlook": "other calendars: there are more",
    r"(here and in|cuts) every private link|links go on\s+showing": "connected ones follow too",
    r"sync error|\boops\b|successfully": "plain words",
}


@cache
def said() -> list[tuple[str, str]]:
    """(where, sentence): every template without its code, and the catalogue."""
    found = []
    for path in sorted((TOP / "templates").rglob("*.*")):
        text = re.sub(r"\{#.*?#\}|\{%.*?%\}", " ", path.read_text(), flags=re.DOTALL)
        found.append((path.relative_to(TOP).as_posix(), " ".join(text.split())))
    catalogue = (TOP / "translations" / "messages.pot").read_text()
    entries = re.findall(r'^msgid(?:_plural)? ((?:"[^\n]*"\n)+)', catalogue, re.MULTILINE)
    found += [("messages.pot", "".join(re.findall(r'"(.*)"', entry))) for entry in entries]
    for path in sorted((TOP / "static").glob("*.js")):
        found += [(path.name, text) for text in re.findall(r'"([^"\n]{3,})"', path.read_text())]
    return found


@pytest.mark.parametrize("words", NOT_SAID)
def test_a_word_that_trips_readers_is_not_used(words):
    pattern = re.compile(words, re.IGNORECASE)
    hits = [(where, hit.group(), text[max(0, hit.start() - 50) : hit.end() + 40])
            for where, text in said() for hit in pattern.finditer(text)]  # fmt: skip
    assert hits == [], f"say: {NOT_SAID[words]}"


# A time of day, but for examples of what may be typed and the choice of how times look.
TIME = re.compile(r'\b(?!0?9:30|1:30|01:00|2:30 pm)\d{1,2}:\d\d\b(?!"\|wall)')


def test_times_of_day_are_written_as_the_region_does():
    hits = [(where, hit.group(), text) for where, text in said() for hit in TIME.finditer(text)]
    assert hits == [], 'let a template say `"08:00"|wall`, and Python `region.clock`'


def test_names_are_joined_as_in_a_sentence():
    hits = [where for where, text in said() if 'join(" and ")' in text]
    assert hits == [], "let a template say `names|listed`: of three, the first two have a comma"


def test_the_search_reads_templates_catalogue_and_scripts():
    assert {where.split("/")[0] for where, __ in said()} >= {"templates", "messages.pot", "card.js"}
    assert sum(len(text) for __, text in said()) > 100_000
