"""Writing to one calendar in Outlook:
https://learn.microsoft.com/graph/api/user-post-events?view=graph-rest-1.0

The server gives a new event its id. So an event with only a provisional id is looked for first, and
doubtful answers of Graph are checked: a repeated creation, an etag that is called outdated, a
refused deletion.
"""

from dataclasses import replace

from sync.events.event import RemoteEvent
from sync.events.fingerprint import fingerprint, wanted
from sync.providers.base import Create, Delete, Operation, Result, Update
from sync.providers.errors import Exists, Gone, PreconditionFailed, ProviderError, Unanswered
from sync.providers.multipart import Call, CallAnswer
from sync.providers.parsing import answered
from sync.providers.writing import deleted

from .contents import Found, GraphContents, calendar_path
from .graph import Graph, failure
from .shapes import is_provisional, to_create, to_event, to_restore


class GraphWriter:
    """Carries out batches of operations on one calendar."""

    def __init__(self, graph: Graph, calendar_id: str):
        self._graph, self._events = graph, f"{calendar_path(calendar_id)}/events"
        self._contents = GraphContents(graph, calendar_id)

    def write(self, group: list[Operation]) -> list[Result]:
        """One result per operation. No two of them may be about one event."""
        unsure = [operation.remote_id for operation in group if _is_unsure(operation)]
        found = dict(zip(unsure, self._contents.looks(unsure), strict=True))
        results = {
            operation.remote_id: settled
            for operation in group
            if operation.remote_id in found
            and (settled := _settled(operation, found[operation.remote_id]))
        }
        calls = {
            operation: self._call(operation, found.get(operation.remote_id))
            for operation in group
            if operation.remote_id not in results
        }
        for (operation, call), answer in zip(
            calls.items(), self._graph.together(list(calls.values())), strict=True
        ):
            results[operation.remote_id] = self._judged(operation, call, answer)
        return [results[operation.remote_id] for operation in group]

    def _call(self, operation: Operation, found: Found) -> Call:
        if isinstance(operation, Create):
            return Call(
                "POST",
                self._events,
                to_create(operation.remote_id, operation.event, operation.mark),
            )
        path = self._contents.path(
            found.remote_id if isinstance(found, RemoteEvent) else operation.remote_id
        )
        condition = {"If-Match": operation.etag} if operation.etag else {}
        if isinstance(operation, Delete):
            return Call("DELETE", path, headers=condition)
        return Call(
            "PATCH",
            path,
            to_restore(operation.event, operation.mark, operation.keeps_guests),
            condition,
        )

    # ---- results ----

    def _judged(
        self, operation: Operation, call: Call, answer: CallAnswer | ProviderError
    ) -> Result:
        error = failure(answer)
        try:
            if isinstance(answer, ProviderError):  # the state of this one is unknown
                return Result(operation, error=error)
            if isinstance(operation, Create):
                # Graph returns the value that we sent; not all of its servers do
                if answer.body.get("transactionId") not in (None, operation.remote_id):
                    return Result(operation, error=Unanswered("another event"))
                return self._created(operation, answer, error)
            if isinstance(error, PreconditionFailed):
                return self._tried_again(operation, call, error)
            if (
                isinstance(operation, Delete)
                and error
                and error.status == 400
                and not self._contents.has(operation.remote_id)
            ):
                return Result(operation, error=Gone(error.reason, 400))
            return _done(operation, answer, error)
        except ProviderError as trouble:
            return Result(operation, error=trouble)

    def _created(
        self, operation: Create, answer: CallAnswer | ProviderError, error: ProviderError | None
    ) -> Result:
        """The event that was made; or Exists, if Graph refuses or answers with the first event,
        even one that is deleted by now.
        """
        if error and error.status == 409:
            return _exists(operation, self._contents.get(operation.remote_id))
        result = _done(operation, answer, error)
        if result.error or result.event is None:
            return result
        if operation.resume and not self._contents.has(result.event.remote_id):
            return _exists(operation, None)
        return (
            result
            if fingerprint(result.event) == wanted(operation.event)
            else _exists(operation, result.event)
        )

    def _tried_again(
        self, operation: Update | Delete, call: Call, error: PreconditionFailed
    ) -> Result:
        """The result of a second try, if the event still has the version that we know: Graph may
        answer 412 for a moment without a reason.
        """
        now = self._contents.get(operation.remote_id)
        if now is None:
            return Result(operation, error=Gone("changed and gone", 404))
        if now.etag != operation.etag:
            return Result(operation, error=error)
        (answer,) = self._graph.together([call])
        return _done(operation, answer, failure(answer))


def _is_unsure(operation: Operation) -> bool:
    return (
        operation.resume if isinstance(operation, Create) else is_provisional(operation.remote_id)
    )


def _settled(operation: Operation, found: Found) -> Result | None:
    """The result, if a look for the event shows it already; None if a call is needed."""
    if isinstance(operation, Create) and not isinstance(found, ProviderError):
        return _exists(operation, found) if found else None
    if isinstance(operation, Delete) and found is None:  # a search that found nothing
        return Result(operation)
    if found is None:
        return Result(operation, error=Gone("provisional", 404))
    return Result(operation, error=found) if isinstance(found, ProviderError) else None


def _exists(operation: Create, found: RemoteEvent | None) -> Result:
    return Result(operation, error=Exists(found, found.etag if found else ""))


def _done(
    operation: Operation, answer: CallAnswer | ProviderError, error: ProviderError | None
) -> Result:
    if error or isinstance(answer, ProviderError):
        return Result(operation, error=error)
    if isinstance(operation, Delete):
        return deleted(operation, answer)
    try:
        event = answered(answer.body, to_event)
        return Result(operation, event and replace(event, mark=operation.mark))
    except ProviderError as trouble:
        return Result(operation, error=trouble)
