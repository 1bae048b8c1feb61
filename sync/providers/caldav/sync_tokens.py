"""The token for a calendar's state between two readings. Pure.

A server's own token is used for a day: some servers answer an expired one with whatever they have,
and a deletion could be missed for ever. If a server has none, ours is made of the version of the
calendar and those of its events.
"""

import hashlib
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sync.providers.errors import SyncTokenExpired

LONGEST = timedelta(days=1)
# two lists this far apart prove a version of the calendar: some servers count it in seconds
APART = timedelta(seconds=2)
VERSION = 1


@dataclass(frozen=True)
class CalDavToken:
    """`told`: the server's own token; "": it has none. `ctag`: the version of the whole calendar.
    `known`: a hash of each event's version by name, if the server has no token. `is_proved`: two
    lists, `APART` from each other, had this ctag; without that, a change in the second of a list
    may be missed, since some servers count in seconds. `ctag_at`: when the first of the two was
    asked for. `whole_at`: when everything was last read.
    """

    place: str
    told: str
    whole_at: datetime
    ctag: str = ""
    known: Mapping[str, str] = field(default_factory=dict)
    is_proved: bool = False
    ctag_at: datetime | None = None

    def moved_on(self, server_token: str) -> "CalDavToken":
        """The token after changes were read with the server's own."""
        return replace(self, told=server_token, ctag="", known={}, is_proved=False, ctag_at=None)

    def listed(self, ctag: str, known: Mapping[str, str], at: datetime) -> "CalDavToken":
        """The token after another list, which was asked for at this time."""
        is_same = ctag == self.ctag != ""
        first = self.ctag_at if is_same and self.ctag_at else at
        is_proved = is_same and at - first >= APART
        return replace(self, ctag=ctag, known=known, is_proved=is_proved, ctag_at=first)

    def written(self) -> str:
        """The token as text, for the calendar's row."""
        known = zlib.compress(json.dumps(dict(self.known)).encode()) if self.known else b""
        return json.dumps(
            {
                "version": VERSION,
                "place": self.place,
                "told": self.told,
                "ctag": self.ctag,
                "known": b64encode(known).decode(),
                "proved": self.is_proved,
                "ctag_at": self.ctag_at.isoformat() if self.ctag_at else "",
                "at": self.whole_at.isoformat(),
            }
        )


def read_token(text: str, place: str, at: datetime) -> CalDavToken:
    """The token of this calendar. Raises SyncTokenExpired for any other, and if everything was last
    read a day ago.
    """
    try:
        kept = json.loads(text)
        whole_at = datetime.fromisoformat(kept["at"])
        known = json.loads(zlib.decompress(b64decode(kept["known"]))) if kept["known"] else {}
        # missing in tokens of earlier versions
        is_proved, listed_at = bool(kept.get("proved")), kept.get("ctag_at")
        ctag_at = datetime.fromisoformat(listed_at) if listed_at else None
        place_of_it, server_token, ctag = kept["place"], kept["told"], kept["ctag"]
        token = CalDavToken(place_of_it, server_token, whole_at, ctag, known, is_proved, ctag_at)
        is_of_today = timedelta() <= at - whole_at + timedelta(hours=1) <= LONGEST
        if kept["version"] != VERSION or token.place != place or not is_of_today:
            raise SyncTokenExpired("old")
    except (ValueError, KeyError, TypeError, zlib.error):
        raise SyncTokenExpired("unreadable") from None
    return token


def place_of(origin: str, calendar_id: str) -> str:
    """A few letters for the calendar that a token belongs to."""
    return hashlib.sha256(f"{origin} {calendar_id}".encode()).hexdigest()[:16]


def short(etag: str) -> str:
    """A version in a few letters."""
    return hashlib.sha256(etag.encode()).hexdigest()[:8]
