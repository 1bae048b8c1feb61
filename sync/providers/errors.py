"""The errors of providers, and the words that come with a refusal."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from base import scheduling
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
    """Access has ended: the person must connect again."""


class ScopeMissing(ProviderError):
    """The person gave no permission for this; connecting again, with every box ticked, helps."""


class NotConfigured(ProviderError):
    """The operator of Kalends must act: the client id or secret is wrong, or the API is not
    switched on.
    """


class Forbidden(ProviderError):
    """The account has no right on this calendar or event."""


class CannotMake(Forbidden):
    """The server makes no calendars for programs, or no more of them: an existing one must be
    chosen.
    """


class ScopeDoubted(Forbidden):
    """An answer says that the person gave no permission for this request, while the account may do
    other things. It counts only for this request, unless a permission is really missing.
    """


class NoMailbox(ProviderError):
    """Signing in works, but the account has no calendars that programs can reach: it is a guest,
    has no licence, or uses its own server. Final.
    """


class WrongPassword(AuthExpired):
    """A name and password that were just typed are refused. They are not tried again."""


class Misaddressed(ProviderError):
    """The typed address leads to nothing that may be asked. Final: something else must be typed."""


class NoServer(Misaddressed):
    """There is no calendar server at the address."""


class PrivateServer(Misaddressed):
    """The address leads into a private network that the operator has not allowed."""


class UnsafeServer(Misaddressed):
    """The server cannot be asked safely: it has no TLS, or a bad certificate."""


class OtherServer(Misaddressed):
    """The server redirects to another domain, which does not get the password."""


class ConnectedTwice(Misaddressed):
    """The person has connected this account already."""


class NameInUse(ProviderError):
    """There is a calendar of this name already."""


class Gone(ProviderError):
    """One answer says that the event does not exist; from `pull`, `find_marked` and for a Create:
    that the calendar does not exist, or that we may not see it any more. Providers may say so
    about existing ones: it counts only together with a tombstone, a complete list, or a later
    answer.
    """


class SyncTokenExpired(ProviderError):
    """Changes since this sync token are not available: make a complete pull."""


class PreconditionFailed(ProviderError):
    """The event changed since this etag: `get` it and decide again."""


class RateLimited(ProviderError):
    """The provider refused: too many requests. `retry_after_seconds` is None when the provider does
    not say how long to wait.
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


class NotListed(Unanswered):
    """A calendar was made that the provider does not list yet. To make another one would leave
    two.
    """


class Unsent(ProviderError):
    """The operation was not sent, since an earlier one met an error that this
    one would meet too.
    """


class Exists(ProviderError):
    """The id is taken. `event` is the event there; an Update with `etag` makes it ours. `event`
    None: if `etag` is known, a tombstone has the id; otherwise nothing was found there, which is no
    more certain than Gone.
    """

    def __init__(self, event: RemoteEvent | None, etag: str):
        super().__init__("exists", 409)
        self.event, self.etag = event, etag


LONGEST_RETRY_SECONDS = 86400  # the longest wait, whatever a provider asks for

# Errors of the account or of the way to it, not of the calendar.
OF_THE_ACCOUNT = (AuthExpired, NotConfigured, RateLimited)


def word(value: object) -> str:
    """A provider's own word for a refusal; "" for anything but a single word."""
    return value if isinstance(value, str) and re.fullmatch(r"[\w.-]{1,60}", value) else ""


def retry_after_seconds(headers: Mapping[str, str]) -> int | None:
    """The seconds to wait by a Retry-After header (RFC 9110, 10.2.3): a number, or a date; a day at
    most. None: it does not say.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text), LONGEST_RETRY_SECONDS) if len(text) < 8 else LONGEST_RETRY_SECONDS
    try:
        seconds = round((parsedate_to_datetime(text) - scheduling.utc_now()).total_seconds())
        return min(max(0, seconds), LONGEST_RETRY_SECONDS)
    except (TypeError, ValueError):
        return None
