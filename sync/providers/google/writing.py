"""One call for each operation, and the meaning of its answer."""

from typing import Any
from urllib.parse import quote, urlencode

from sync.providers.base import Create, Delete, Operation, Result
from sync.providers.errors import Exists, Gone, ProviderError, Unanswered, Unavailable
from sync.providers.multipart import Call, CallAnswer
from sync.providers.parsing import answered
from sync.providers.writing import deleted

from .errors import error_of, is_collision
from .gathering import living
from .shapes import EVENT_FIELDS, from_event, from_event_with_guests

API = "/calendar/v3"
ANSWER = {"fields": EVENT_FIELDS}
QUIET = {"sendUpdates": "none"}


def calendar_path(calendar_id: str) -> str:
    """The path of a calendar, below the API's."""
    return f"/calendars/{quote(calendar_id, safe='')}"


def item_address(calendar_id: str, remote_id: str, query: dict[str, Any]) -> str:
    """The address of an item in a batch."""
    return f"{API}{event_path(calendar_id, remote_id)}?{urlencode(query)}"


def event_path(calendar_id: str, remote_id: str) -> str:
    """The path of an event, below the API's."""
    return f"{calendar_path(calendar_id)}/events/{quote(remote_id, safe='')}"


def to_call(calendar_id: str, operation: Operation) -> Call:
    """The call for an operation. PUT rather than PATCH, unless there may be guests: it costs a
    third of the quota, and restores the whole event.
    """
    if isinstance(operation, Create):
        body = {"id": operation.remote_id, **from_event(operation.event, operation.mark)}
        return Call(
            "POST", f"{API}{calendar_path(calendar_id)}/events?{urlencode(QUIET | ANSWER)}", body
        )
    condition = {"If-Match": operation.etag} if operation.etag else {}
    if isinstance(operation, Delete):
        return Call(
            "DELETE", item_address(calendar_id, operation.remote_id, QUIET), headers=condition
        )
    address = item_address(calendar_id, operation.remote_id, QUIET | ANSWER)
    if operation.keeps_guests:
        return Call(
            "PATCH", address, from_event_with_guests(operation.event, operation.mark), condition
        )
    return Call("PUT", address, from_event(operation.event, operation.mark), condition)


def may_pass_now(answer: CallAnswer | ProviderError) -> bool:
    """Whether the call did nothing and may succeed when it is sent once more."""
    return isinstance(answer, CallAnswer) and (
        answer.status == 401 or is_collision(answer.status, answer.body)
    )


def failure(answer: CallAnswer | ProviderError) -> ProviderError | None:
    """The error that the answer to a call of a batch means; None for a good one."""
    if isinstance(answer, ProviderError):
        return answer
    return error_of(answer.status, answer.body, answer.headers) if answer.status >= 300 else None


def to_result(operation: Operation, answer: CallAnswer | ProviderError) -> Result:
    """The result of an operation."""
    if isinstance(answer, ProviderError):
        return Result(operation, error=answer)
    if answer.status >= 300:
        error = error_of(answer.status, answer.body, answer.headers)
        # a taken id matters only for a creation
        is_verdict = isinstance(operation, Create) or not isinstance(error, Exists)
        return Result(
            operation, error=error if is_verdict else Unavailable("duplicate", answer.status)
        )
    if isinstance(operation, Delete):
        return deleted(operation, answer)
    try:
        return Result(operation, answered(answer.body, living))
    except ProviderError as error:
        return Result(operation, error=error)


def lies_there(remote_id: str, answer: CallAnswer | ProviderError) -> ProviderError:
    """The result for an id that is taken, with the event that has it."""
    if isinstance(answer, ProviderError):
        return answer
    if answer.status >= 300:
        error = error_of(answer.status, answer.body, answer.headers)
        return Exists(None, "") if isinstance(error, Gone) else error
    if answer.body.get("id", remote_id) != remote_id:
        return Unanswered("another event")
    try:
        return Exists(answered(answer.body, living), str(answer.body.get("etag", "")))
    except ProviderError as error:
        return error
