"""What a provider may refuse, in few errors, and the words that come with a refusal."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sync.events.event import RemoteEvent


class ProviderError(Exception):
    """A provider refused or could not do something, and trying again unchanged does not help.
    `reason` is its own word, `status` the
    HTTP code or 0; no id, address or text of an event is in them, so they may be logged and shown.
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


class NoMailbox(ProviderError):
    """The account signs in, and has no calendars that programs can reach: a guest, no licence, or a
    server of its own. Final.
    """


class NameTaken(ProviderError):
    """There is a calendar of this name already."""


class Gone(ProviderError):
    """One answer says that the event is not there; from `pull`, `find_marked` and for a Create:
    that the calendar is not, or is no longer
    ours to see. Providers say so of what lives, too: believe it only together with a tombstone, a
    complete list, or a later answer.
    """


class SyncTokenExpired(ProviderError):
    """Changes since this sync token cannot be told: one complete pull is due."""


class PreconditionFailed(ProviderError):
    """The event changed since this etag: `get` it and decide anew."""


class RateLimited(ProviderError):
    """Not done: too much at once. `retry_after_seconds` is None when the provider does not say how
    long to wait.
    """

    def __init__(self, reason: str = "", status: int = 0, retry_after_seconds: int | None = None):
        super().__init__(reason, status)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ProviderError):
    """Trouble at the provider. A write may have been done: repeat it later, with the same id."""


class Unreadable(Unavailable):
    """An event, as it was told, cannot be read; `reason` is one of `Unread`'s. That says nothing
    about any other.
    """


class Endless(Unavailable):
    """A list that goes on for more pages than any calendar has, or in a circle. Asking again soon
    does not help and costs as much.
    """


class Unanswered(ProviderError):
    """No answer came. A write may have been done, so it has not failed: repeat it later, with the
    same id.
    """


class Unsent(ProviderError):
    """Not sent, since an earlier operation met trouble that would meet this one too."""


class Exists(ProviderError):
    """The promised id is taken. `event` is what lies there; an Update with `etag` makes it what it
    should be. `event` None: its tombstone,
    where `etag` is told; otherwise nothing was found there, which is no more to be believed than
    Gone.
    """

    def __init__(self, event: RemoteEvent | None, etag: str):
        super().__init__("exists", 409)
        self.event, self.etag = event, etag


def word(value: object) -> str:
    """A provider's own word for a refusal, "" for what is no single word and could hold
    anything.
    """
    return value if isinstance(value, str) and re.fullmatch(r"[\w.-]{1,60}", value) else ""


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """How long to wait by a Retry-After header (RFC 9110, 10.2.3): seconds, or a date. None: it
    does not say.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 8:
        return int(text)
    try:
        return max(0, round((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()))
    except (TypeError, ValueError):
        return None
