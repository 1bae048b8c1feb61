"""The meaning of Graph's refusals: https://learn.microsoft.com/graph/errors

Decided by HTTP code and the most specific code in the body, never by the message.
"""

from collections.abc import Mapping
from typing import Any

from sync.providers.errors import (
    AuthExpired,
    Forbidden,
    Gone,
    NameInUse,
    NoMailbox,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    ScopeMissing,
    SyncTokenExpired,
    Unavailable,
    retry_after_seconds,
    word,
)

# the last when a channel is opened
NO_MAILBOX = (
    "mailboxnotenabledforrestapi",
    "resourcenotfound",
    "extensionerror",
)
NAME_IN_USE = ("errorfolderexists", "namealreadyexists")
LOST_TOKEN = ("syncstatenotfound", "syncstateinvalid", "resyncrequired")
TOO_MUCH = ("applicationthrottled", "toomanyrequests", "activitylimitreached")
DEEPEST = 5  # levels of errors inside errors


def error_of(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> ProviderError:
    """The error that an answer with this status (300 or above) stands for."""
    codes = _codes(body)
    reason, known = codes[0] if codes else "", {code.lower() for code in codes}
    waiting = retry_after_seconds(headers)
    if status == 429 or (status >= 500 and (waiting is not None or known.intersection(TOO_MUCH))):
        return RateLimited(reason, status, waiting)
    if status == 410 or (400 <= status < 500 and known.intersection(LOST_TOKEN)):
        return SyncTokenExpired(reason, status)
    if status == 404:
        return (NoMailbox if known.intersection(NO_MAILBOX) else Gone)(reason, status)
    if status == 403:
        return (ScopeMissing if "authorization_requestdenied" in known else Forbidden)(
            reason, status
        )
    if status == 409 and known.intersection(NAME_IN_USE):
        return NameInUse(reason, status)
    if status >= 500 or status == 408:
        return Unavailable(reason, status)
    return {401: AuthExpired, 412: PreconditionFailed}.get(status, ProviderError)(reason, status)


def _codes(body: dict[str, Any]) -> list[str]:
    """Microsoft's words for it, most specific first; empty for a body of another shape."""
    codes: list[str] = []
    try:
        detail = body["error"]
        for _ in range(DEEPEST):
            codes.insert(0, word(detail.get("code")))
            detail = detail.get("innerError") or detail["innererror"]
    except (KeyError, TypeError, AttributeError):
        pass
    return [code for code in codes if code]
