"""How operations are sent: in batches as results are asked for, until an error that the remaining
ones would meet too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sync.events.event import RemoteEvent

from .base import Delete, Operation, Result
from .errors import (
    AuthExpired,
    Forbidden,
    Gone,
    NotConfigured,
    ProviderError,
    RateLimited,
    ScopeMissing,
    Unanswered,
    Unavailable,
    Unreadable,
    Unsent,
)
from .multipart import Call, CallAnswer
from .wire import is_of_access

# Errors that the next batch would meet, too.
HOPELESS = (AuthExpired, Forbidden, NotConfigured, ScopeMissing, Unanswered, Unavailable, Unsent)
# Errors of the account or of the way to it, for any request. All others are about the request.
OF_ANY_CALL = (
    AuthExpired,
    NotConfigured,
    RateLimited,
    ScopeMissing,
    Unanswered,
    Unavailable,
    Unsent,
)
# Also for a look at one event: some answer with 500 while one event is broken (Unavailable), and
# show all others.
OF_ANY_LOOK = (AuthExpired, NotConfigured, RateLimited, ScopeMissing, Unanswered, Unsent)


def of_the_whole(error: ProviderError) -> ProviderError:
    """The error of each item in a batch that was refused as a whole. It says nothing certain about
    the item: the reason (not found, taken, changed, malformed, forbidden) was about the batch.
    """
    return error if isinstance(error, OF_ANY_CALL) else Unavailable(error.reason, error.status)


# Statuses that refuse the content of a request (RFC 9110, 15.5): one item may be the reason for a
# whole batch.
OF_CONTENT = (400, 413, 422)


def answers_to(
    calls: Sequence[Call], send: Callable[[Sequence[Call]], list[CallAnswer | ProviderError]]
) -> list[CallAnswer | ProviderError]:
    """The answer to each call of a batch. `send` sends one batch, and raises the error that refuses
    it as a whole.

    A batch whose content is refused is sent again in halves, until the faulty items stand alone.
    These are then refused, which says nothing about their events, and the others get through. For n
    items at most 4 log2(n) + 3 batches are sent. If none of so many is accepted, the fault is not
    in the items, and all of them failed. Any other refusal of a batch ends the halving.
    """
    answers: list[CallAnswer | ProviderError] = [Unsent()] * len(calls)
    most, waiting, sent = 4 * (len(calls) - 1).bit_length() + 3, [(0, len(calls))][: len(calls)], 0
    refused: dict[int, ProviderError] = {}
    last: ProviderError = Unavailable()  # the error of the whole batch
    while waiting:
        start, end = waiting.pop()
        if sent == most:
            answers[start:end] = [last] * (end - start)
            continue
        try:
            answers[start:end], sent = send(calls[start:end]), sent + 1
        except ProviderError as error:
            sent += 1
            if isinstance(error, OF_ANY_CALL) or error.status not in OF_CONTENT:
                answers[start:end] = [of_the_whole(error)] * (end - start)
                break
            last = of_the_whole(error)
            if end - start == 1:
                refused[start] = ProviderError(error.reason, error.status)
            else:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
    is_of_batches = sent == most and not any(isinstance(answer, CallAnswer) for answer in answers)
    for number, refusal in refused.items():
        answers[number] = of_the_whole(refusal) if is_of_batches else refusal
    return [Unanswered("error inside") if _contradicts_itself(one) else one for one in answers]


def _contradicts_itself(answer: CallAnswer | ProviderError) -> bool:
    """Whether an answer says that a call was done, and contains an error."""
    return isinstance(answer, CallAnswer) and answer.status < 300 and bool(answer.body.get("error"))


def judged(
    answers: Sequence[CallAnswer | ProviderError],
    failure: Callable[[CallAnswer | ProviderError], ProviderError | None],
    judge: Callable[[ProviderError], ProviderError],
) -> list[CallAnswer | ProviderError]:
    """The answers; errors that would end access (`wire.is_of_access`) are replaced by their
    meaning. `failure` gives the error of an answer; `judge` is `Wire.judged`, called once for
    each kind.
    """
    meanings: dict[type[ProviderError], ProviderError] = {}
    made: list[CallAnswer | ProviderError] = []
    for answer in answers:
        error = failure(answer) if isinstance(answer, CallAnswer) else None
        if error is None or not is_of_access(error):
            made.append(answer)
            continue
        if type(error) not in meanings:
            meanings[type(error)] = judge(error)
        made.append(meanings[type(error)])
    return made


def deleted(operation: Delete, answer: CallAnswer) -> Result:
    """The result of a deletion with a good answer. Providers answer 204; anything else is as
    uncertain as Gone, and the caller makes sure.
    """
    return Result(operation, error=None if answer.status == 204 else Gone("unsure", answer.status))


def told_by(
    looks: Mapping[str, RemoteEvent | ProviderError | None],
) -> dict[str, RemoteEvent | None]:
    """The events that single looks found, by id, for `Provider.look`. Raises errors that are not
    about a single event.
    """
    for look in looks.values():
        if isinstance(look, OF_ANY_LOOK):
            raise look
    found = {one: None if isinstance(look, Gone) else look for one, look in looks.items()}
    return {one: look for one, look in found.items() if not isinstance(look, ProviderError)}


def carried_out(
    operations: Iterable[Operation], size: int, write: Callable[[list[Operation]], list[Result]]
) -> Iterator[Result]:
    """One result per operation, in order, for `Provider.write`. `write` sends one batch of at most
    `size`. An answer about another event than its operation's counts as no answer.
    """
    trouble = False
    for group in _groups(operations, size):
        results = (
            [Result(operation, error=Unsent()) for operation in group]
            if trouble
            else _told_apart(write(group))
        )
        yield from results
        errors = [result.error for result in results]
        trouble = (
            trouble
            or any(isinstance(error, RateLimited) for error in errors)
            or all(
                isinstance(error, HOPELESS) and not isinstance(error, Unreadable)
                for error in errors
            )
        )


def _told_apart(results: list[Result]) -> list[Result]:
    """The results of a batch, Unanswered where an answer is about another event: some answers may
    be missing or in another order. A mapping must never get the id of another booking's event.
    """
    asked = {result.operation.remote_id for result in results}
    return [
        Result(result.operation, error=Unanswered("another event"))
        if _is_of_another(result, asked)
        else result
        for result in results
    ]


def _is_of_another(result: Result, asked: set[str]) -> bool:
    operation, event = result.operation, result.event
    if event is None or isinstance(operation, Delete):
        return False
    is_named = event.mark is not None and event.mark.reference != operation.mark.reference
    return is_named or event.remote_id in asked - {operation.remote_id}


def _groups(operations: Iterable[Operation], size: int) -> Iterator[list[Operation]]:
    """Batches in order. No event is twice in one, since its second operation may need the answer to
    the first.
    """
    group: dict[str, Operation] = {}
    for operation in operations:
        if len(group) == size or operation.remote_id in group:
            yield list(group.values())
            group = {}
        group[operation.remote_id] = operation
    if group:
        yield list(group.values())
