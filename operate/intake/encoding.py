"""The encoding of a file whose bytes are no UTF-8. Each byte is a letter, and which one depends on
the system that wrote the file.
"""

import re
import unicodedata
from itertools import pairwise

# Python's name → the name on pages; the first is taken where nothing speaks against it
ENCODINGS = {
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
    "cp1250": "Windows-1250",
    "mac_roman": "Mac Roman",
}
_READ = 200_000  # bytes that are looked at
_WORD = re.compile(r"[^\W\d_][^\s,;\"\t]*", re.U)


def guess(raw: bytes) -> tuple[str, str]:
    """The bytes as text, and the name of the encoding: of those that are possible, the one with the
    fewest signs where a word has letters.
    """
    possible = [name for name in ENCODINGS if _is_possible(raw, name)]
    if "cp1252" in possible:  # Latin-1 is a part of it
        possible.remove("latin-1")
    best = min(possible, key=lambda name: _oddities(raw[:_READ].decode(name, "replace")))
    return raw.decode(best), ENCODINGS[best]


def _is_possible(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except UnicodeDecodeError:
        return False
    return True


def _oddities(text: str) -> int:
    """How many signs stand in words, and capitals behind small letters: Ma³gorzata, RenŽe."""
    return sum(
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
