"""The errors of providers, and the words that come with a refusal."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sync.events.event import RemoteEvent


class ProviderError(Exception):
    """A provider refused something, and the same request would be refused again. `reason` is its
    own word, `status` the HTTP code or 0. No id, address or text of an event is in them, so they
    may be logged and shown.
    """

    def __init__(self, reason: str = "", status: int = 0):
        super().__init__(f"{status or 'no answer'} {reason}".strip())
        self.reason, self.status = reason, status


class AuthExpired(ProviderError):
    """Final for this connection: the person must connect again."""


class ScopeMissing(ProviderError):
    """The person has not allowed this; connecting again, with every box ticked, helps."""


class NotConfigured(ProviderError):
    """Whoever runs Kalends must act: wrong client id or secret, or the API is not switched on."""


class Forbidden(ProviderError):
    """No right on this calendar or event."""


class ScopeDoubted(Forbidden):
    """An answer says that the person has not allowed this, while the account may do other things.
    It is about what was asked for alone, unless the person really allowed too little.
    """


class NoMailbox(ProviderError):
    """The account signs in, and has no calendars that programs can reach: a guest, no licence, or a
    server of its own. Final.
    """


class NameTaken(ProviderError):
    """There is a calendar of this name already."""


class Gone(ProviderError):
    """One answer says that the event is not there; from `pull`, `find_marked` and for a Create:
    that the calendar is not there, or no longer ours to see. Providers also say so of what exists:
    it counts only together with a tombstone, a complete list, or a later answer.
    """


class SyncTokenExpired(ProviderError):
    """Changes since this sync token are not available: make a complete pull."""


class PreconditionFailed(ProviderError):
    """The event changed since this etag: `get` it and decide again."""


class RateLimited(ProviderError):
    """Not done: too many requests. `retry_after_seconds` is None when the provider does not say how
    long to wait.
    """

    def __init__(self, reason: str = "", status: int = 0, retry_after_seconds: int | None = None):
        super().__init__(reason, status)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ProviderError):
    """An error at the provider. A write may have been done: repeat it later, with the same id."""


class Unreadable(Unavailable):
    """An event that cannot be read; `reason` is one of `Unread`'s. Says nothing about other
    events.
    """


class Endless(Unavailable):
    """A list with more pages than any calendar has, or in a circle. Asking again soon does not help
    and costs as much.
    """


class Unanswered(ProviderError):
    """No answer came. A write may have been done: repeat it later, with the same id."""


class Unsent(ProviderError):
    """Not sent, since an earlier operation met an error that this one would meet too."""


class Exists(ProviderError):
    """The id is taken. `event` has it; an Update with `etag` makes it what it should be. `event`
    None: its tombstone, where `etag` is told; otherwise nothing was found at the id, which is no
    more reliable than Gone.
    """

    def __init__(self, event: RemoteEvent | None, etag: str):
        super().__init__("exists", 409)
        self.event, self.etag = event, etag


# About the account or the way to it, not about the calendar that was asked for.
OF_THE_ACCOUNT = (AuthExpired, NotConfigured, RateLimited)


def word(value: object) -> str:
    """A provider's own word for a refusal; "" for what is no single word and could be anything."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w.-]{1,60}", value) else ""


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """The seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number, or a date. None: it
    does not say.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return max(0, round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return None
