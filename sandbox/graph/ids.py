"""Ids of events.

Events are stored under immutable ids. Callers who do not ask for these get ids that also contain
the calendar, and `/`, `+` and `=`.
"""

import hashlib
import re
import secrets

from .errors import Refused

PREFIX, LENGTH = "AAkALgAA", 48
IMMUTABLE = re.compile(r"AAkALgAA[\w-]{40}(\d{8})?")
PLAIN = re.compile(r"AAMkAG/([\w-]{40})\+(\w{8})(\d{8})?=")


def new() -> str:
    return PREFIX + secrets.token_urlsafe(30)


def hash_of(calendar_id: str) -> str:
    return hashlib.sha256(calendar_id.encode()).hexdigest()[:8]


def plain(calendar_id: str, immutable: str) -> str:
    """The id for callers who do not ask for immutable ones. It changes with the calendar."""
    return f"AAMkAG/{immutable[len(PREFIX) : LENGTH]}+{hash_of(calendar_id)}{immutable[LENGTH:]}="


def read(text: str) -> tuple[str, str | None]:
    """Two values: the immutable id, and the hash of the calendar in a plain id.

    Raises Refused (400).
    """
    if IMMUTABLE.fullmatch(text):
        return text, None
    matched = PLAIN.fullmatch(text)
    if not matched:
        raise Refused(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    return PREFIX + matched[1] + (matched[3] or ""), matched[2]
