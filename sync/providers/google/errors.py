"""The meaning of Google's refusals:
https://developers.google.com/workspace/calendar/api/guides/errors

Decided by HTTP code and `errors[].reason`, never by the message.
"""

from collections.abc import Mapping
from typing import Any

from sync.providers.errors import (
    AuthExpired,
    Exists,
    Forbidden,
    Gone,
    NotConfigured,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    ScopeMissing,
    SyncTokenExpired,
    Unavailable,
    retry_after_seconds,
    word,
)

RATE_REASONS = ("rateLimitExceeded", "userRateLimitExceeded")  # with 403 as with 429
# too many calendars, events or calls; it takes hours until Google accepts more
USE_LIMITS = (
    "quotaExceeded",
    "dailyLimitExceeded",
)
USE_LIMIT_SECONDS = 4 * 3600
LOST_TOKEN = ("fullSyncRequired", "updatedMinTooLongAgo")


def error_of(status: int, body: dict[str, Any], headers: Mapping[str, str]) -> ProviderError:
    """The error that an answer with this status (400 or above) stands for."""
    reason, location = _reason(body)
    waiting = retry_after_seconds(headers)
    is_limited = status == 403 and reason in (*RATE_REASONS, *USE_LIMITS)
    if status == 429 or is_limited or (status >= 500 and waiting is not None):
        return RateLimited(
            reason,
            status,
            USE_LIMIT_SECONDS if waiting is None and reason in USE_LIMITS else waiting,
        )
    if status == 403:
        return {"insufficientPermissions": ScopeMissing, "accessNotConfigured": NotConfigured}.get(
            reason, Forbidden
        )(reason, status)
    if status == 409:
        return Exists(None, "") if reason == "duplicate" else Unavailable(reason, status)
    if (status == 410 and reason in LOST_TOKEN) or (status == 400 and location == "syncToken"):
        return SyncTokenExpired(reason, status)
    if status >= 500 or status == 408:
        return Unavailable(reason, status)
    return {401: AuthExpired, 404: Gone, 410: Gone, 412: PreconditionFailed}.get(
        status, ProviderError
    )(reason, status)


def is_collision(status: int, body: dict[str, Any]) -> bool:
    """Whether items of one batch collided with each other."""
    return status == 409 and _reason(body)[0] == "conflict"


def _reason(body: dict[str, Any]) -> tuple[str, str]:
    """Google's word for it, and the parameter at fault; empty for a body of another shape."""
    try:
        detail = body["error"]["errors"][0]
        return word(detail.get("reason")), word(detail.get("location"))
    except (KeyError, IndexError, TypeError, AttributeError):
        return "", ""
