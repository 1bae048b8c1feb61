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

from . import strays

log = logging.getLogger("kalends.pull")

MOST_ASKED = 200  # at once; the others wait for the next complete reading


def made_sure(
    context: RunContext, destination: RemoteCalendar, delta: Delta, is_resync: bool = False
) -> Delta:
    """The reading with the events that it lacked: each becomes an event, or a tombstone where there
    is none. The rest is `unsure`. Raises errors of the whole account.

    What we wrote a moment ago is unsure: lists and filters may not know it yet. Where a person asks
    for all to be read anew, it is looked for all the same, without a filter.

    Where neither the list nor any of many looks finds one of ours, all count as gone: a person is
    asked, and needs the whole number.
    """
    lacking, has_none = doubts.lacking(context.account, delta)
    fresh = doubts.fresh(context.account, scheduling.utc_now())
    asked = [one for one in lacking if one not in fresh][:MOST_ASKED]
    looks = _looks(context, destination, asked) if asked else {}
    news = [one for one in lacking if one in fresh][:MOST_ASKED] if is_resync else []
    living = {remote_id: event for remote_id, event in looks.items() if event is not None}
    gone = looks.keys() - living.keys()
    if has_none and asked and len(gone) == len(asked):
        gone = set(lacking) - fresh
    gone |= _gone_since(context, destination, news) if news else set()
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


def _gone_since(context: RunContext, destination: RemoteCalendar, asked: list[str]) -> set[str]:
    """Which of these events, written a moment ago, are not in our calendar any more. One that is in
    another calendar by now is not, though some providers show it by its id all the same.
    """
    try:
        looks = context.provider.look(destination.made_id, asked)
        if context.provider.keeps_ids and any(looks.values()):
            for calendar in strays.elsewhere(context.account, context.provider.calendars()):
                moved = strays.look(context, calendar.calendar_id)
                looks |= dict.fromkeys(looks.keys() & moved.keys())
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not asked about what is new: %s", destination.id, error)
        return set()
    return {one for one, event in looks.items() if event is None}
