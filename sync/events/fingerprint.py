"""The content of an event as a short text: events with equal fingerprints show the same. It is made
from a provider's answers, not from our requests, since each provider changes texts a little.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime

from .event import Event, RemoteEvent

_VARIANTS = dict.fromkeys((0xFE0E, 0xFE0F))  # how an emoji is drawn; providers add and remove these


def fingerprint(seen: RemoteEvent) -> str:
    """The visible content of an event in at most 90 characters: its times, a space, a digest of the
    rest ("repeats" for a repeat).
    """
    if seen.is_series or seen.series_id:
        return f"{span(seen)} repeats"
    weight = _weight(seen.status, seen.busy)
    text = _digest(seen.title, seen.description, seen.location, weight, seen.is_private)
    return f"{span(seen)} {text}"


def wanted(event: Event) -> str:
    """The fingerprint that the event should have: busy and private, at these times, with this
    text.
    """
    face, weight = event.face, _weight(event.status, "busy")
    text = _digest(face.title, face.description, face.location, weight, True)
    return f"{span(event)} {text}"


def span(shown: Event | RemoteEvent) -> str:
    """The times of a fingerprint: instants in UTC to the second, or days; the end exclusive."""
    ends: Sequence[date] = (
        (shown.starts_on, shown.ends_on)
        if shown.starts_on and shown.ends_on
        else [at.astimezone(UTC).replace(microsecond=0) for at in (shown.starts_at, shown.ends_at)]
    )
    return "/".join(end.isoformat() for end in ends)


def times(printed: str) -> list[datetime]:
    """The instants at the beginning of a fingerprint; whole days at UTC midnight."""
    ends = [datetime.fromisoformat(end) for end in printed.partition(" ")[0].split("/")]
    return [end if end.tzinfo else end.replace(tzinfo=UTC) for end in ends]


def _digest(title: str, description: str, location: str, weight: str, is_private: bool) -> str:
    text = "\x1f".join([_tidy(title), _tidy(description), _tidy(location), weight, str(is_private)])
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _tidy(text: str) -> str:
    """The text without invisible changes by providers: kinds of white space and line ends, empty
    lines, the normal form of é.
    """
    lines = unicodedata.normalize("NFC", text.translate(_VARIANTS)).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


def _weight(status: str, busy: str) -> str:
    """One word for tentative events: Google says it in the status, Graph in the busy kind. An event
    that is tentative and takes no time differs from a tentative and from a free one.
    """
    return (
        "tentative"
        if busy == "tentative" or (status, busy) == ("tentative", "busy")
        else f"{status} {busy}"
    )
