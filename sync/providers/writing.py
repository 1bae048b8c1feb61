"""How operations are sent: in batches as results are asked for, until an error that the rest would
meet too.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from sync.events.event import RemoteEvent

from .base import Operation, Result
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
from .multipart import Answer, Call
from .wire import is_of_access

# Errors that the next batch would meet as well.
HOPELESS = (AuthExpired, Forbidden, NotConfigured, ScopeMissing, Unanswered, Unavailable, Unsent)
# Errors that are about the account or the way to it, whatever was asked. All others are about what
# was asked for.
OF_ANY_CALL = (
    AuthExpired,
    NotConfigured,
    RateLimited,
    ScopeMissing,
    Unanswered,
    Unavailable,
    Unsent,
)
# The same for a look at one event: some answer with 500 for as long as one event is broken
# (Unavailable), and show all others.
OF_ANY_LOOK = (AuthExpired, NotConfigured, RateLimited, ScopeMissing, Unanswered, Unsent)


def of_the_whole(error: ProviderError) -> ProviderError:
    """What the refusal of a batch as a whole means for each of its items: an error, and nothing
    certain about the item. Whatever the refusal was (not found, taken, changed, malformed,
    forbidden), it was about the batch.
    """
    return error if isinstance(error, OF_ANY_CALL) else Unavailable(error.reason, error.status)


# Statuses that refuse what a request holds (RFC 9110, 15.5): one item may be the reason that a
# whole batch is refused.
OF_CONTENT = (400, 413, 422)


def answers_to(
    calls: Sequence[Call], send: Callable[[Sequence[Call]], list[Answer | ProviderError]]
) -> list[Answer | ProviderError]:
    """What each call of a batch came to. `send` sends one batch, and raises what refuses it as a
    whole.

    A batch whose content is refused is sent again in halves, until the items that are the reason
    stand alone: these are then refused, with no verdict about their events, and the others get
    through. Of n items at most 4 log2(n) + 3 batches are sent. Where none of so many is taken, it
    is not the items, and all of them failed. Whatever else refuses a batch ends the halving.
    """
    answers: list[Answer | ProviderError] = [Unsent()] * len(calls)
    most, waiting, sent = 4 * (len(calls) - 1).bit_length() + 3, [(0, len(calls))][: len(calls)], 0
    refused: dict[int, ProviderError] = {}
    last: ProviderError = Unavailable()  # what the whole was refused with
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
    is_of_batches = sent == most and not any(isinstance(answer, Answer) for answer in answers)
    for number, refusal in refused.items():
        answers[number] = of_the_whole(refusal) if is_of_batches else refusal
    return answers


def judged(
    answers: Sequence[Answer | ProviderError],
    failure: Callable[[Answer | ProviderError], ProviderError | None],
    judge: Callable[[ProviderError], ProviderError],
) -> list[Answer | ProviderError]:
    """The answers; those that would end access (`wire.is_of_access`), as what that means.
    `failure` gives the error of an answer, `judge` is `Wire.judged`: asked once for each kind.
    """
    meanings: dict[type[ProviderError], ProviderError] = {}
    made: list[Answer | ProviderError] = []
    for answer in answers:
        error = failure(answer) if isinstance(answer, Answer) else None
        if error is None or not is_of_access(error):
            made.append(answer)
            continue
        if type(error) not in meanings:
            meanings[type(error)] = judge(error)
        made.append(meanings[type(error)])
    return made


def told_by(
    looks: Mapping[str, RemoteEvent | ProviderError | None],
) -> dict[str, RemoteEvent | None]:
    """What single looks found, by id, for `Provider.look`. Raises errors that are about no single
    event.
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
    `size`.
    """
    trouble = False
    for group in _groups(operations, size):
        results = (
            [Result(operation, error=Unsent()) for operation in group] if trouble else write(group)
        )
        yield from results
        errors = [result.error for result in results]
        trouble = (
            trouble
            or any(isinstance(error, RateLimited) for error in errors)
            or all(map(_is_hopeless, errors))
        )


def _is_hopeless(error: ProviderError | None) -> bool:
    return isinstance(error, HOPELESS) and not isinstance(error, Unreadable)


def _groups(operations: Iterable[Operation], size: int) -> Iterator[list[Operation]]:
    """Batches in order. No event twice in one, since the second word on it may need the answer to
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
