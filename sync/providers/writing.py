"""How operations go out: in batches as results are asked for, until trouble that would meet the
rest as well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ..event import RemoteEvent
from .base import (
    AuthExpired,
    Forbidden,
    Gone,
    NotConfigured,
    Operation,
    ProviderError,
    RateLimited,
    Result,
    ScopeMissing,
    Unanswered,
    Unavailable,
    Unreadable,
    Unsent,
)

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
    """What the refusal of a batch as a whole means for each of its items: trouble, and never a
    verdict. Not found, taken, changed, malformed
    or forbidden was then the batch, and nobody knows about the items."""
    return error if isinstance(error, OF_ANY_CALL) else Unavailable(error.reason, error.status)


def told_by(
    looks: Mapping[str, RemoteEvent | ProviderError | None],
) -> dict[str, RemoteEvent | None]:
    """What single looks tell, by id, for `Provider.look`. Raises trouble that is about no single
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
