"""Small values that more than one provider reads or writes. Pure."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from base.catalogue import lazy
from base.text import clean
from sync.events.event import Mark

TITLE_LENGTH, TEXT_LENGTH = 1024, 8192


@dataclass(frozen=True)
class Asked:
    """Labels of the fields that a person fills in to sign in. `address`: of the server, with its
    hint. `is_for_programs`: the password is made for programs, and can be deleted alone.
    """

    address: str = lazy("Address of the server, or your e-mail address")
    address_hint: str = lazy(
        "Such as cloud.example.org, or the CalDAV address from the settings of your calendar."
    )
    user: str = lazy("User name, often your e-mail address")
    password: str = lazy("App password")
    is_for_programs: bool = True


ASKED = Asked()


def digest(mark: Mark, secret: bytes) -> bytes:
    """20 bytes that depend only on this mark, and that nobody can guess without the secret."""
    # as in versions without an account
    text = json.dumps(
        [mark.installation, mark.reference, mark.generation, *filter(None, [mark.account])]
    )
    return hmac.digest(secret, text.encode(), hashlib.sha256)[:20]


def written(at: datetime) -> str:
    """The instant in the form of RFC 3339: in UTC, without fractions of a second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def zone(name: str) -> ZoneInfo:
    """A zone by its IANA name. Raises ValueError for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError("unknown zone") from None


def plain(value: str | None, limit: int) -> str:
    """Text from outside, shortened and cleaned."""
    return clean((value or "")[:limit], limit)
