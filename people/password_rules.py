"""The rules for new passwords: long enough, and not among those that attackers try first.

Attackers first try single words with a date, digits or signs: common passwords, names, months,
words of the trade, rows of keys. Several words, or random letters, are accepted.

Passwords that were set before a rule stay until they are changed.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from base.catalogue import lazy
from base.text import search_key

SHORTEST, LONGEST = 12, 200
COMMONEST = 10_000  # passwords of a public list, the most common first
_EVERYBODYS = ("kalends", "clinic", "calendar", "physio", "therapy", "praxis", "practice")
_ROWS = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1qay2wsx3edc4rfv5tgb6zhn7ujm",
    "qazwsxedcrfvtgbyhnujm",
    "1q2w3e4r5t6z7u8i9o0p",
    "1q2w3e4r5t6y7u8i9o0p",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
)  # rows of keys on keyboards, and patterns on them
_RUN = 4  # so many neighbouring keys count as a row
_A_WORD = 12  # with a word of at most so many letters, a date or year makes no good password
_DATED = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)|(?<!\d)\d\d(?!\d)|\d{5,8}")
# guesses by a program that first tries words, names, rows of keys, dates and repetitions
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
# How people type names without these letters on their keyboard; others leave the accent out.
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})

TOO_SHORT = lazy("Use at least {shortest} characters; a short sentence is good", shortest=SHORTEST)
TOO_LONG = lazy("Use at most {longest} characters", longest=LONGEST)
TOO_EASY = lazy("This password is easy to guess. Write a short sentence of your own")
TOO_PLAIN = lazy(
    "Common words with digits or signs are easy to guess. Write a sentence of four or more words"
)
TOO_CLOSE = lazy(
    "Use more than your name, your e-mail or the clinic in the password; a short sentence is good"
)


def fault(password: str, own: Iterable[str | None] = ()) -> str | None:
    """The reason why this password is refused, as a sentence; None: it is accepted. `own`: the
    person's name and e-mail, and the clinic's name.
    """
    if len(password) < SHORTEST:
        return TOO_SHORT
    if len(password) > LONGEST:
        return TOO_LONG
    plain = unicodedata.normalize("NFKC", password).casefold()
    words = _words(own)
    forms = {
        form for typed in (plain, search_key(plain)) for form in (typed, typed.translate(_LEET))
    }
    if any(_is_made_of(form, words) for form in forms):
        return TOO_CLOSE
    if any(_is_common(form) for form in forms) or _guesses_log10(password, words) < _EASY_LOG10:
        return TOO_EASY
    core = _without_ends(plain)
    for spelled in (_LEET, _LEET | {ord("1"): "i"}):
        forms.add(plain.replace(core, core.translate(spelled)) if core else plain)
    if any(_is_one_word(form, words) for form in forms):
        return TOO_PLAIN
    return None


def _words(own: Iterable[str | None]) -> set[str]:
    """The names as a whole and in parts, each also without spaces, signs and accents."""
    names = [unicodedata.normalize("NFKC", text).casefold() for text in own if text]
    whole = [form for name in names for form in {name, search_key(name), name.translate(_SPELLED)}]
    parts = [part for text in whole for part in re.split(r"[\W_]+", text)]
    joined = [re.sub(r"[\W_]+", "", text) for text in whole]
    return {word for word in (*whole, *parts, *joined, *_EVERYBODYS) if len(word) >= 3}


def _is_made_of(password: str, words: set[str]) -> bool:
    """Whether hardly anything is left of the password without these words, forwards or
    backwards.
    """
    left = password
    for word in sorted({*words, *(word[::-1] for word in words)}, key=len, reverse=True):
        left = left.replace(word, " ")
    return left != password and sum(one.isalpha() for one in left) < 4


def _is_one_word(password: str, words: set[str]) -> bool:
    """Whether nothing but digits and signs is left without names, expected words and one known
    word; or nothing but one short word of any language and a date.
    """
    left = _without_runs(password)
    for word in sorted(words | _expected(), key=len, reverse=True):
        left = left.replace(word, " ")
    parts = {_root(part) for part in re.findall(r"[^\W\d_]+", left)}
    letters = "".join(parts)
    if not any(one.isalpha() for one in password):
        return False  # only digits and signs: the estimate of guesses covers these
    if left != password and len(letters) < _RUN:
        return True
    return len(parts) == 1 and (
        (len(letters) < len(password) and _is_known(letters))
        or (len(letters) <= _A_WORD and bool(_DATED.search(password)))
    )


def _without_runs(password: str) -> str:
    """The password with a space in place of each row of neighbouring keys, in either direction."""
    kept, at = [], 0
    while at < len(password):
        end = at
        while end < len(password) and any(
            password[at : end + 1] in row or password[at : end + 1] in row[::-1] for row in _ROWS
        ):
            end += 1
        is_run = end - at >= _RUN
        kept.append(" " if is_run else password[at])
        at = end if is_run else at + 1
    return "".join(kept)


def _without_ends(password: str) -> str:
    """The password without digits and signs at its ends."""
    return re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password)


def _is_common(password: str) -> bool:
    """Whether the password is a common one, also repeated, or with digits and signs around or
    between its letters.
    """
    letters = "".join(one for one in password if one.isalpha())
    joined = "".join(one for one in password if one.isalnum())
    core = _without_ends(password)
    return any(_root(text) in _commonest() for text in (password, joined, core, letters) if text)


def _root(text: str) -> str:
    """The shortest text whose repetition is this text: "abcabc" → "abc"."""
    return text[: (text + text).index(text, 1)]


@cache
def _expected() -> frozenset[str]:
    """Words that people combine with a year, or choose because of passwords or their trade."""
    lines = Path(__file__).with_name("expected_words.txt").read_text("utf-8").splitlines()
    return frozenset(word for line in lines if line[0] != "#" for word in line.split())


@cache
def _commonest() -> frozenset[str]:
    from zxcvbn.frequency_lists import (
        FREQUENCY_LISTS,
    )  # a megabyte that is only needed to set a password

    return frozenset(FREQUENCY_LISTS["passwords"][:COMMONEST])


def _is_known(word: str) -> bool:
    """Whether a public list of words, names or passwords contains it."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS
    from zxcvbn.matching import RANKED_DICTIONARIES

    # named lists: zxcvbn adds the words of the last checked person as another list
    return any(word in RANKED_DICTIONARIES[name] for name in FREQUENCY_LISTS)


def _guesses_log10(password: str, words: set[str]) -> float:
    from zxcvbn import zxcvbn

    return float(zxcvbn(password[:72], user_inputs=sorted(words))["guesses_log10"])
