"""Events that a complete reading of our calendar lacks. They are asked for by id before they count
as gone: a list may omit some, and those would then be made twice.
"""

import logging
from dataclasses import replace

from base import scheduling
from sync.events.event import Delta, RemoteEvent
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import RemoteCalendar
from sync.two_way.plans import doubts
from sync.two_way.worker.context import RunContext

from . import stray_events

log = logging.getLogger("kalends.pull")

MOST_ASKED = 200  # at once; the rest waits for the next complete reading


def made_sure(
    context: RunContext, destination: RemoteCalendar, delta: Delta, is_resync: bool = False
) -> Delta:
    """The reading with the events that it lacked: each becomes an event, or a tombstone where there
    is none. The rest is `unsure`. Raises errors of the whole account.

    Events that we wrote a moment ago are unsure: lists and filters may not know them yet. If a
    person asked to read everything again, they are looked for anyway, without a filter.

    If neither the list nor any of many looks finds one of ours, all count as gone: a person is
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
    """The events among these, written a moment ago, that are no longer in our calendar. An event
    that was moved to another calendar counts as gone, though some providers still show it by its
    id.
    """
    try:
        looks = context.provider.look(destination.made_id, asked)
        if context.provider.keeps_ids and any(looks.values()):
            for calendar in stray_events.elsewhere(context.account, context.provider.calendars()):
                moved = stray_events.find_marked(context, calendar.calendar_id)
                looks |= dict.fromkeys(looks.keys() & moved.keys())
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("calendar %s not asked about what is new: %s", destination.id, error)
        return set()
    return {one for one, event in looks.items() if event is None}
