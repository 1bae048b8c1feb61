"""The encoding of a file that is not UTF-8. Each byte is a letter; which letter depends on the
system that wrote the file.
"""

import re
import unicodedata
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
# Read so only where a person chooses it: the letters of these alphabets come out as accents in the
# encodings above, and nothing speaks against that.
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
_READ = 200_000  # bytes that are looked at
_SHOWN = 3  # words
_CELL_WORD = re.compile(r"[^\s,;\"]+")
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


def guess(raw: bytes) -> tuple[str, str]:
    """Two values: the bytes as text, and the name of the encoding. It is the possible encoding that
    puts the fewest signs in the place of letters.
    """
    possible = [name for name in ENCODINGS if _is_possible(raw, name)]
    if "cp1252" in possible:  # Latin-1 is a part of it
        possible.remove("latin-1")
    best = min(possible, key=lambda name: _oddities(raw[:_READ].decode(name, "replace")))
    return raw.decode(best), ENCODINGS[best]


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
    """The first words of a file in each encoding that it may have: {"of": a dict for each,
    "is_weak": whether most letters of these words have accents, so that the guess is probably
    wrong}. Empty for a file whose encoding is known.
    """
    if guessed is None:
        return {}
    raw, found = as_bytes(text[:_READ], guessed), []
    for name, its_name in NAMES.items():
        # a letter of one encoding may be a space in another, so each has words of its own
        shown = clean(" ".join(_telling(read_as(raw, name) or "")), 200)
        if shown and shown not in [one["words"] for one in found]:
            found.append({"name": name, "label": its_name, "words": shown})
    letters = [letter for word in _telling(text) for letter in word if letter.isalpha()]
    weak = 2 * sum(not letter.isascii() for letter in letters) > len(letters)
    return {"of": found, "is_weak": weak}


def _telling(text: str) -> list[str]:
    """The first words that another encoding would change."""
    found = (word for word in _CELL_WORD.findall(text[:_READ]) if not word.isascii())
    return [word[:40] for word in list(dict.fromkeys(found))[:_SHOWN]]


def sentence(text: str, guessed: str) -> str:
    """The note about a guess, with the first words of the text that another encoding would change.
    Letters of an alphabet that is not tried here come out as accents, which only a person notices.
    """
    return _(
        "The file is not in UTF-8, so we read it as {guessed}: {words}. If that looks wrong, have"
        " it read otherwise, or save the file as “CSV UTF-8” and upload it again.",
        guessed=guessed,
        words=", ".join(clean(word, 40) for word in _telling(text)) or "…",
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
        return letter.isupper() and before.islower()
    return unicodedata.category(letter)[0] != "Z"
