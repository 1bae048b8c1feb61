"""Events that a complete reading of our calendar lacks are asked for by id before they count as
gone: a list may omit some, and those would then be made twice.
"""

import logging
from dataclasses import replace

from base import scheduling
from sync.events.event import Delta, RemoteEvent
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.two_way.plans import doubts
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.pull")

MOST_ASKED = 200  # at once; the others wait for the next complete reading


def made_sure(context: RunContext, destination: RemoteCalendar, delta: Delta) -> Delta:
    """The reading with the events that it lacked: each becomes an event, or a tombstone where there
    is none. The rest is `unsure`. Raises errors of the whole account.

    What we wrote a moment ago is unsure: lists and filters may not know it yet.

    Where neither the list nor any of many looks finds one of ours, all count as gone: a person is
    asked, and needs the whole number.
    """
    lacking, has_none = doubts.lacking(context.account, delta)
    fresh = doubts.fresh(context.account, scheduling.utc_now())
    asked = [one for one in lacking if one not in fresh][:MOST_ASKED]
    looks = _looks(context, destination, asked) if asked else {}
    living = {remote_id: event for remote_id, event in looks.items() if event is not None}
    gone = looks.keys() - living.keys()
    if has_none and asked and len(gone) == len(asked):
        gone = set(lacking) - fresh
    return replace(
        delta,
        changed=(*delta.changed, *living.values()),
        tombstones=delta.tombstones | gone,
        unsure=frozenset(lacking) - gone - living.keys(),
    )


def _looks(
    context: RunContext, destination: RemoteCalendar, asked: list[str]
) -> dict[str, RemoteEvent | None]:
    try:
        return context.provider.look(destination.made_id, asked, closely=True)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not asked about what it lacks: %s", destination.id, error)
        return {}
