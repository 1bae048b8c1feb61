"""The meaning of a refusal, by its status and the word in it. Pure."""

import httpx

from sync.providers.errors import (
    AuthExpired,
    Forbidden,
    Gone,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    Unavailable,
    retry_after_seconds,
    word,
)

from . import xml

LOCKED_SECONDS = 5
FULL, MOVED = "full", "moved"


def error_of(answer: httpx.Response) -> ProviderError:
    """The error for an answer. Texts in it are neither shown nor logged."""
    status = answer.status_code
    reason = word(xml.condition(answer.content[:100_000]))
    if status == 429 or (status == 503 and "Retry-After" in answer.headers):
        return RateLimited(reason, status, retry_after_seconds(answer.headers))
    if status == 423:
        return RateLimited(reason, status, LOCKED_SECONDS)
    if status == 507:
        return ProviderError(FULL, status)
    if 300 <= status < 400:
        return Unavailable(MOVED, status)
    if status >= 500 and status != 501:
        return Unavailable(reason, status)
    kinds: dict[int, type[ProviderError]] = {
        401: AuthExpired,
        403: Forbidden,
        404: Gone,
        410: Gone,
        412: PreconditionFailed,
    }
    return kinds.get(status, ProviderError)(reason, status)
