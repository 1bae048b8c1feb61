"""Strays: events of ours that somebody dragged or copied into another calendar of the account. They
are not external, and are deleted.

Calendars that are read show strays by themselves; the others that the account can write to are
searched once a day and at a resync. Each stray is a row until a look no longer finds it: the answer
to a deletion alone is not enough.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import groupby
from operator import attrgetter

from base.tables.many import tuples
from sync.events.event import Delta, Event, RemoteEvent
from sync.events.fingerprint import fingerprint, wanted
from sync.providers import registry
from sync.providers.base import Calendar, Delete
from sync.providers.errors import (
    OF_THE_ACCOUNT,
    PreconditionFailed,
    ProviderError,
    Unanswered,
    Unavailable,
    Unsent,
)
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import hash_of
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.strays import Stray
from sync.two_way.plans import local, marks
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.sync")

PASSING = (PreconditionFailed, Unanswered, Unavailable, Unsent)  # the next look tries again

# ---- finding ----


def note(account: Account, calendar: RemoteCalendar, delta: Delta) -> None:
    """Store the strays in a pull of a calendar, inside the caller's transaction."""
    found = _by_id(account, delta.changed, calendar.is_ours)
    told = {key for seen in delta.changed for key in seen.ids} | delta.tombstones | delta.relisted
    remember(account, calendar.made_id, calendar.name, found, told)


def elsewhere(account: Account, listed: Iterable[Calendar]) -> list[Calendar]:
    """The calendars that the account can write to, except the one that our events go to."""
    destination = account.destination
    ours = destination and destination.calendar_id
    return [calendar for calendar in listed if calendar.can_write and calendar.calendar_id != ours]


def out_of_reach(account: Account) -> list[str]:
    """The names of calendars that others share with the account for writing, and that its consent
    does not let us search: whether one of our events lies there cannot be made sure.
    """
    row = registry.of(account.kind)
    wider = set(row.scopes(shared=True)) - set(row.scopes())
    if wider <= set(account.scopes.split()):
        return []
    shared = RemoteCalendar.account == account, RemoteCalendar.access == "writer"
    return [name for (name,) in tuples(RemoteCalendar.select(RemoteCalendar.name).where(*shared))]


def look(context: RunContext, calendar_id: str, is_quick: bool = True) -> dict[str, RemoteEvent]:
    """This account's events in another calendar, by the id of the whole event. `is_quick`: use the
    provider's own filter.
    """
    installation = context.account.clinic.installation
    marked = context.provider.find_marked(calendar_id, installation, is_quick)
    return _ours(context.account, calendar_id, marked)


def listed(context: RunContext, calendar_id: str) -> dict[str, RemoteEvent]:
    """The same from a list of everything there, without a filter: some do not show all."""
    provider, installation = context.provider, context.account.clinic.installation
    bearing = [
        one for one, (_, mark) in provider.outline(calendar_id, installation).items() if mark
    ]
    looks = provider.look(calendar_id, bearing) if bearing else {}
    return _ours(context.account, calendar_id, [event for event in looks.values() if event])


def _ours(
    account: Account, calendar_id: str, marked: Iterable[RemoteEvent]
) -> dict[str, RemoteEvent]:
    row = RemoteCalendar.get_or_none(
        RemoteCalendar.account == account, RemoteCalendar.calendar_id == calendar_id
    )
    return _by_id(account, marked, row is not None and row.is_ours)


def _by_id(account: Account, seen: Iterable[RemoteEvent], is_made: bool) -> dict[str, RemoteEvent]:
    return {
        event.series_id or event.remote_id: event
        for event in marks.ours(account, tuple(seen), is_made)
    }


def remember(
    account: Account,
    calendar_id: str,
    name: str,
    found: Mapping[str, RemoteEvent],
    told: Set[str] | None = None,
) -> dict[str, Stray]:
    """The rows of the strays in a calendar. Rows of what was told (None: of all) and not found are
    deleted.
    """
    kept = {
        row.remote_id: row
        for row in Stray.select().where(Stray.account == account, Stray.calendar_id == calendar_id)
    }
    rows = {
        key: kept.get(key) or Stray(account=account, calendar_id=calendar_id, remote_id=key)
        for key in found
    }
    for key, row in rows.items():
        row.name = name[:300]
        row.fingerprint = fingerprint(found[key])
        reference = found[key].own_mark.reference
        row.uid = reference if marks.is_uuid(reference) else ""
        row.save()
    if gone := [
        row.id for key, row in kept.items() if key not in found and (told is None or key in told)
    ]:
        Stray.delete().where(Stray.id.in_(gone)).execute()
    return rows


# ---- taking away ----


def clear(context: RunContext, is_searched: bool) -> None:
    """Delete the strays that may not stay. `is_searched`: also try again those that could not be
    deleted before.
    """
    account = context.account
    rows = list(
        Stray.select()
        .where(Stray.account == account, *([] if is_searched else [Stray.problem == ""]))
        .order_by(Stray.calendar_id)
    )
    events, homes = (
        (
            local.going_out(account, account.practitioners(), {row.uid for row in rows}),
            _at_home(context, rows),
        )
        if rows
        else ({}, {})
    )
    for _, group in groupby(rows, key=attrgetter("calendar_id")):
        some = list(group)
        if any(not _may_stay(row, events, homes) for row in some):
            context.check_time()
            _clear(context, some, events, homes)
    _settle(account)


def _may_stay(row: Stray, events: Mapping[str, Event], homes: Mapping[str, str]) -> bool:
    """Whether it is the only event of its booking outside, and shows what it may: then a person has
    yet to decide about the one in our calendar.
    """
    event = events.get(row.uid)
    return (
        event is not None
        and homes.get(row.uid, row.remote_id) == row.remote_id
        and row.fingerprint == wanted(event)
    )


def _at_home(context: RunContext, rows: Iterable[Stray]) -> dict[str, str]:
    """By uid the ids of the events that are certainly in our calendar; not those that a stopped
    plan would write again. "" for one that has the same id as the stray and is in both calendars,
    as Google's may be.
    """
    account = context.account
    stands = MappingRow.phase.in_(("synced", "frozen")), MappingRow.doubted_at.is_null()
    mappings = MappingRow.select(MappingRow.uid, MappingRow.remote_id).where(
        MappingRow.account == account, *stands
    )
    holds = Notice.select().where(
        Notice.account == account, Notice.topic == Notice.SAFETY_STOP, Notice.settled_at.is_null()
    )
    missing = {uid for notice in holds for uid in notice.detail.get("uids", [])}
    homes = {uid: remote_id for uid, remote_id in tuples(mappings) if uid not in missing}
    same = {row.uid for row in rows if homes.get(row.uid) == row.remote_id}
    if same and account.destination:
        try:
            there = context.provider.outline(
                account.destination.made_id, account.clinic.installation
            )
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:
            log.warning("our calendar cannot be looked at for strays: %s", error)
            there = {}
        homes |= {uid: "" for uid in same if homes[uid] in there}
    return homes


def _clear(
    context: RunContext,
    known: Sequence[Stray],
    events: Mapping[str, Event],
    homes: Mapping[str, str],
) -> None:
    """Clear one calendar of the strays that are `known` there, by what is there now: an event may
    have been dragged on, or back, meanwhile.
    """
    calendar_id, name = known[0].calendar_id, known[0].name
    try:
        found = look(context, calendar_id)
        if {row.remote_id for row in known} - found.keys():
            found |= listed(context, calendar_id)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("strays cannot be looked at: %s", error)
        return
    with context.writing():
        rows = remember(context.account, calendar_id, name, found)
        goes = {key: row for key, row in rows.items() if not _may_stay(row, events, homes)}
    deletes = [Delete(key, "" if found[key].series_id else found[key].etag) for key in goes]
    results = list(context.provider.write(calendar_id, deletes)) if deletes else []
    with context.writing():
        if done := sum(result.error is None for result in results):
            context.note(deleted=done)
        for result in results:
            if result.error and not isinstance(result.error, (*OF_THE_ACCOUNT, *PASSING)):
                _tell(context.account, goes[result.operation.remote_id], result.error)
    for result in results:
        if isinstance(result.error, OF_THE_ACCOUNT):
            raise result.error


def _tell(account: Account, row: Stray, error: ProviderError) -> None:
    """Tell the person once of each stray that they must delete."""
    is_news, row.problem = not row.problem, (error.reason or type(error).__name__)[:60]
    row.save(only=[Stray.problem])
    if is_news:
        count = (
            Stray.select()
            .where(
                Stray.account == account, Stray.calendar_id == row.calendar_id, Stray.problem != ""
            )
            .count()
        )
        calendar = RemoteCalendar.get_or_none(
            RemoteCalendar.account == account, RemoteCalendar.calendar_id == row.calendar_id
        )
        Notice.give(
            account, "stray", _topic(row.calendar_id), calendar=calendar, detail={"count": count}
        )


def _topic(calendar_id: str) -> str:
    return f"stray {hash_of(calendar_id)[:12]}"


def _settle(account: Account) -> None:
    """Settle notices about strays that are gone."""
    notices = list(
        Notice.select().where(
            Notice.account == account, Notice.kind == "stray", Notice.settled_at.is_null()
        )
    )
    kept = Stray.select().where(Stray.account == account, Stray.problem != "")
    left = {_topic(row.calendar_id) for row in kept} if notices else set()
    for notice in notices:
        if notice.topic not in left:
            notice.close("over")
