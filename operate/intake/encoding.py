"""The encoding of a file that is not UTF-8. Each byte is a letter; which letter depends on the
system that wrote the file.
"""

import re
import unicodedata
from collections.abc import Set
from functools import lru_cache
from itertools import pairwise
from typing import Any

from base.catalogue import _
from base.text import clean

# Python's name → the name on pages; the first is taken where nothing speaks against it
ENCODINGS = {
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
    "cp1250": "Windows-1250",
    "iso8859-2": "ISO 8859-2",
    "mac_roman": "Mac Roman",
}
# Their letters come out as accents in the encodings above, and nothing speaks against that: so a
# person is asked about any file whose encoding is guessed.
CHOSEN = {
    "cp1251": "Windows-1251",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1257": "Windows-1257",
    "cp850": "DOS 850",
    "cp866": "DOS 866",
    "koi8-r": "KOI8-R",
}
NAMES = {**ENCODINGS, **CHOSEN}
# Alphabets beside Latin: a file whose letters are nearly all accents is tried in these.
_ALPHABETS = {"CYRILLIC": ("cp1251", "koi8-r", "cp866"), "GREEK": ("cp1253",)}
_READ = 200_000  # bytes that are looked at for a guess
_SHOWN = 4  # cells
_AROUND = 30  # letters shown on each side of one that is in doubt
_SCRIPTS = {"LATIN", *_ALPHABETS}
_ASCII = set(map(chr, range(128)))
_OF_UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
_BOUNDS = re.compile(r"[,;|\t\r\n\"]")
_CONTROL = re.compile("[\\x80-\\x9f]")
_WORD = re.compile(r"[^\W\d_][^\s,;\"\t]*", re.U)


def wide(raw: bytes) -> str | None:
    """The encoding of a file with two bytes for each letter, by its mark or, without one, by its
    first letters: a zero beside each. None: it has one byte for most letters.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    first = raw[:8]
    if len(first) == 8 and 0 not in first[::2] and not any(first[1::2]):
        return "utf-16-le"
    return "utf-16-be" if len(first) == 8 and 0 not in first[1::2] and not any(first[::2]) else None


def is_damaged(raw: bytes) -> bool:
    """Whether a file that is not UTF-8 is nearly that: most of its letters beyond ASCII are."""
    return len(_OF_UTF_8.findall(raw)) > raw.decode("utf-8", "replace").count("\ufffd")


def guess(raw: bytes) -> tuple[str, str]:
    """Two values: the bytes as text, and the name of the encoding. It is the possible encoding that
    puts the fewest signs in the place of letters; of another alphabet if most letters would
    have accents otherwise.
    """
    possible = [name for name in ENCODINGS if _is_possible(raw, name)]
    if "cp1252" in possible:  # Latin-1 is a part of it
        possible.remove("latin-1")
    first = raw[:_READ]
    best = min(possible, key=lambda name: _oddities(first.decode(name, "replace")))
    if _is_all_accents(first.decode(best, "replace")):
        best = _of_another_alphabet(raw) or best
    return raw.decode(best), NAMES[best]


def _is_all_accents(text: str) -> bool:
    """Whether most letters of the words with accents have one."""
    letters = [letter for word in _cells(text, 200) for letter in word if letter.isalpha()]
    return 2 * sum(not letter.isascii() for letter in letters) > len(letters)


def _of_another_alphabet(raw: bytes) -> str | None:
    """The encoding in which nearly all letters beyond ASCII are of its own alphabet, if any."""
    found = {}
    for alphabet, names in _ALPHABETS.items():
        for name in filter(lambda name: _is_possible(raw, name), names):
            text = raw[:_READ].decode(name, "replace")
            letters = [letter for letter in text if letter.isalpha() and not letter.isascii()]
            its_own = sum(_script(letter) == alphabet for letter in letters)
            if letters and its_own >= 0.95 * len(letters):
                found[name] = _oddities(text)
    return min(found, key=lambda name: found[name], default=None)


def as_bytes(text: str, named: str) -> bytes:
    """The bytes of a text that was read in the encoding with this name on pages."""
    name = next(one for one, its_name in NAMES.items() if its_name == named)
    return text.encode(name, "replace")


def read_as(raw: bytes, name: str) -> str | None:
    """The bytes as text in this encoding (Python's name, one of NAMES); None if they cannot be
    that.
    """
    try:
        return raw.decode(name) if name in NAMES else None
    except UnicodeDecodeError:
        return None


def readings(text: str, guessed: str | None) -> dict[str, Any]:
    """The cells in doubt of a file whose encoding was guessed, read in each encoding that it may
    have: {"of": a dict for each, the guess first}. Empty for a file whose encoding is known, or
    whose letters are the same in all of them.
    """
    if guessed is None:
        return {}
    letters = "".join(sorted(set(text) - _ASCII))
    as_letters = _as_letters(as_bytes(letters, guessed), guessed)
    in_doubt = {
        letter
        for letter, *others in zip(letters, *as_letters.values(), strict=True)
        if len(set(others)) > 1
    }
    if not in_doubt:
        return {}
    cells = [as_bytes(cell, guessed) for cell in _cells(text, _SHOWN, in_doubt)]
    of = []
    for name in as_letters:
        words = [clean(read_as(cell, name) or "", 200) for cell in cells]
        odd = sum(map(_oddities, words))
        of.append({"name": name, "label": NAMES[name], "words": " · ".join(words), "odd": odd})
    return {"of": sorted(of, key=lambda one: (one["label"] != guessed, one["odd"]))}


def _as_letters(raw: bytes, guessed: str) -> dict[str, str]:
    """These letters in each encoding that can have written them, without two that are equal. One
    that makes controls of them is left out, unless it is the guess.
    """
    found: dict[str, str] = {}
    for name in sorted(NAMES, key=lambda name: NAMES[name] != guessed):
        letters = read_as(raw, name)
        if letters is None or letters in found.values():
            continue
        if NAMES[name] == guessed or not _CONTROL.search(letters):
            found[name] = letters
    return found


def _cells(text: str, most: int, in_doubt: Set[str] | None = None) -> list[str]:
    """The first cells with each letter beyond ASCII, or with each of these, cut to the words around
    it.
    """
    found: list[str] = []
    left, at = set(text) - _ASCII if in_doubt is None else set(in_doubt), 0
    while left and len(found) < most:
        place = re.compile(f"[{re.escape(''.join(left))}]").search(text, at)
        if place is None:
            break
        before = _BOUNDS.split(text[max(0, place.start() - _AROUND) : place.start()])[-1]
        cell = before + _BOUNDS.split(text[place.start() : place.end() + _AROUND])[0]
        found.append(cell.strip())
        left, at = left - set(cell), place.end()
    return found


def proposal(letters: dict[str, Any], last: str | None) -> str | None:
    """The encoding to propose: the last answer (Python's name), if the file reads as well in it as
    in the guess and in the same alphabet; else the guess. None: there is no doubt.
    """
    of = letters.get("of", [])
    good = [one["name"] for one in of if one["odd"] <= of[0]["odd"]]
    return (
        last if last in good and _alphabet(last) == _alphabet(good[0]) else next(iter(good), None)
    )


def _alphabet(name: str) -> str:
    """The alphabet that an encoding is made for."""
    return next((script for script, names in _ALPHABETS.items() if name in names), "LATIN")


def sentence(text: str, guessed: str) -> str:
    """The note about a guess, with the first cells of the text that another encoding would change.
    A file in an encoding that is not tried here comes out wrong, which only a person notices.
    """
    return _(
        "The file is not in UTF-8, so we read it as {guessed}: {words}. If that looks wrong, have"
        " it read otherwise, or save the file as “CSV UTF-8” and upload it again.",
        guessed=guessed,
        words=", ".join(clean(cell, 80) for cell in _cells(text, _SHOWN)) or "…",
    )


def _is_possible(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _oddities(text: str) -> int:
    """How many signs stand in words, and capitals behind small letters: Ma³gorzata, RenŽe; and how
    many controls there are, which no program writes.
    """
    return len(_CONTROL.findall(text)) + sum(
        _is_odd(before, letter)
        for word in _WORD.findall(text)
        if not word.isascii()
        for before, letter in pairwise(word)
    )


def _is_odd(before: str, letter: str) -> bool:
    if letter.isascii() or letter in "’–—…":
        return False
    if letter.isalpha():
        both = {_script(before), _script(letter)} & _SCRIPTS
        return (letter.isupper() and before.islower()) or len(both) > 1
    return unicodedata.category(letter)[0] != "Z"


@lru_cache(2_000)
def _script(letter: str) -> str:
    """The alphabet of a letter, as Unicode names it: LATIN, CYRILLIC, GREEK …"""
    return unicodedata.name(letter, "").partition(" ")[0]
