"""Which passwords may be set: long enough, and not what everybody tries first.

Those that were set before stay until they are changed.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

from base.catalogue import lazy

SHORTEST, LONGEST = 12, 200
COMMONEST = 10_000  # of a public list, the commonest first
_EVERYBODYS = ("kalends", "clinic", "calendar", "physio", "therapy", "praxis", "practice")
# guesses that a program needs which tries words, names, rows of keys, dates and repetitions first
_EASY_LOG10 = 7.0
_LEET = str.maketrans(
    {
        "0": "o",
        "1": "l",
        "3": "e",
        "4": "a",
        "5": "s",
        "7": "t",
        "8": "b",
        "@": "a",
        "$": "s",
        "!": "i",
    }
)

TOO_SHORT = lazy("Use at least {shortest} characters; a short sentence is good", shortest=SHORTEST)
TOO_LONG = lazy("Use at most {longest} characters", longest=LONGEST)
TOO_EASY = lazy("This password is easy to guess. Write a short sentence of your own")
TOO_CLOSE = lazy(
    "Use more than your name, your e-mail or the clinic in the password; a short sentence is good"
)


def fault(password: str, own: Iterable[str | None] = ()) -> str | None:
    """Why this may not become a password, as a sentence; None: it may.

    `own`: the person's name and e-mail, and the clinic's name.
    """
    if len(password) < SHORTEST:
        return TOO_SHORT
    if len(password) > LONGEST:
        return TOO_LONG
    plain = unicodedata.normalize("NFKC", password).casefold()
    words = _words(own)
    forms = {plain, plain.translate(_LEET)}
    if any(_is_made_of(form, words) for form in forms):
        return TOO_CLOSE
    if any(_is_common(form) for form in forms) or _guesses_log10(password, words) < _EASY_LOG10:
        return TOO_EASY
    return None


def _words(own: Iterable[str | None]) -> set[str]:
    """The names whole and in parts, without spaces and signs as well."""
    whole = [unicodedata.normalize("NFKC", text).casefold() for text in own if text]
    parts = [part for text in whole for part in re.split(r"[\W_]+", text)]
    joined = [re.sub(r"[\W_]+", "", text) for text in whole]
    return {word for word in (*whole, *parts, *joined, *_EVERYBODYS) if len(word) >= 3}


def _is_made_of(password: str, words: set[str]) -> bool:
    """Whether little is left without these words, read forwards or backwards."""
    left = password
    for word in sorted({*words, *(word[::-1] for word in words)}, key=len, reverse=True):
        left = left.replace(word, " ")
    return left != password and sum(one.isalpha() for one in left) < 4


def _is_common(password: str) -> bool:
    """Whether it is a common password.

    It may be repeated, or have digits and signs around or between its letters.
    """
    letters = "".join(one for one in password if one.isalpha())
    joined = "".join(one for one in password if one.isalnum())
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password)
    return any(_root(text) in _commonest() for text in (password, joined, core, letters) if text)


def _root(text: str) -> str:
    """The shortest text of which this is a repetition: "abcabc" → "abc"."""
    return text[: (text + text).index(text, 1)]


@cache
def _commonest() -> frozenset[str]:
    from zxcvbn.frequency_lists import (
        FREQUENCY_LISTS,
    )  # a megabyte that only who sets a password needs

    return frozenset(FREQUENCY_LISTS["passwords"][:COMMONEST])


def _guesses_log10(password: str, words: set[str]) -> float:
    from zxcvbn import zxcvbn

    return float(zxcvbn(password[:72], user_inputs=sorted(words))["guesses_log10"])
