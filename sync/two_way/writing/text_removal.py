"""Removing the text of events of ours that no plan writes, if it shows more than may be shown.

These are events that a person keeps outside, or must still decide about: events of bookings that
are unknown here, cancelled or moved away, and copies. Afterwards each shows "Busy" and keeps its
time.
"""

import logging
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from datetime import timedelta
from itertools import groupby
from operator import attrgetter

from base import scheduling
from base.tables.bulk import tuples
from sync.events.event import Event, EventMapping, RemoteEvent
from sync.events.face import BUSY
from sync.events.fingerprint import fingerprint, wanted
from sync.providers.base import Update
from sync.providers.errors import OF_THE_ACCOUNT, ProviderError
from sync.tables.accounts import SURE, Account, RemoteCalendar
from sync.tables.excess import Excess
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.strays import Stray
from sync.two_way.plans import local, marks, text_limit
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.sync")

MOST_AT_ONCE = 200  # events in one round; the others wait for the next one
FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=5), timedelta(hours=6)


def note_all(context: RunContext, destination: RemoteCalendar) -> None:
    """Note all of these events, whatever their text is, since less may be shown from now on."""
    account = context.account
    asked = Notice.question(account)
    copies = {*account.kept_copies, *(asked.detail.get("copies", []) if asked else [])}
    places = {destination.made_id: {*copies, *_left_alone(account)}}
    for row in _unknown(account):
        places.setdefault(row.calendar_id, set()).add(row.remote_id)
    with context.writing():
        for calendar_id, ids in places.items():
            if ids:
                Excess.note(account, calendar_id, ids, is_certain=True)


def remove(context: RunContext) -> None:
    """Remove the text of the noted events, as far as possible now. Raises errors of the account,
    OutOfTime.
    """
    at = scheduling.utc_now()
    rows = list(
        Excess.select()
        .where(
            Excess.account == context.account, Excess.retry_at.is_null() | (Excess.retry_at <= at)
        )
        .order_by(Excess.calendar_id, Excess.remote_id)
        .limit(MOST_AT_ONCE)
    )
    for calendar_id, some in groupby(rows, key=attrgetter("calendar_id")):
        _remove_in(context, calendar_id, {row.remote_id: row for row in some})


def _left_alone(account: Account) -> set[str]:
    """Ids outside of events that should not be there, and that a person keeps there or must still
    decide about.
    """
    asked = Notice.question(account)
    uids = asked.detail.get("uids", []) if asked else []
    rows = MappingRow.select(MappingRow.uid, MappingRow.remote_id).where(
        MappingRow.account == account,
        MappingRow.phase.in_(("synced", "frozen", "deleting")),
        (MappingRow.problem == "kept") | MappingRow.uid.in_(uids),
    )
    found = dict(tuples(rows))
    written = local.going_out(account, account.practitioners(), found)
    return {remote_id for uid, remote_id in found.items() if uid not in written and remote_id}


def _unknown(account: Account) -> list[Stray]:
    """The strays of unknown bookings, in calendars to which we may write."""
    rows = list(Stray.select().where(Stray.account == account, Stray.problem == ""))
    uids = local.unknown(account, {row.uid for row in rows}) if rows else set()
    return [row for row in rows if row.uid in uids]


def _remove_in(context: RunContext, calendar_id: str, rows: Mapping[str, Excess]) -> None:
    """Remove the text of events in one calendar, by their present state there. Raises errors of the
    account.
    """
    context.check_time()
    try:
        looks = context.provider.look(calendar_id, sorted(rows))
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("events outside cannot be looked up: %s", error)
        looks = {}
    mapped = _mapped(context.account, rows)
    excess = _with_excess(context, calendar_id, rows, looks, mapped)
    updates = [
        Update(event.remote_id, bare, event.own_mark, event.etag, keeps_guests=True)
        for event, bare in excess
    ]
    if updates:
        context.begin(len(updates))
    results = list(context.provider.write(calendar_id, updates)) if updates else []
    over = {
        key
        for key, event in looks.items()
        if (event is not None or rows[key].tries >= SURE)
        and key not in {one.remote_id for one, _bare in excess}
    }
    with context.writing():
        for (event, bare), result in zip(excess, results, strict=True):
            if result.error is not None:
                continue
            over.add(event.remote_id)
            if result.event and (mapping := mapped.get(result.event.remote_id)):
                _store(context.account, mapping, result.event, bare)
        if done := sum(result.error is None for result in results):
            context.note(done=done, updated=done)
        _settle(context.account, rows, over, {key for key in looks if looks[key] is None})
    for result in results:
        if isinstance(result.error, OF_THE_ACCOUNT):
            raise result.error


def _with_excess(
    context: RunContext,
    calendar_id: str,
    rows: Mapping[str, Excess],
    looks: Mapping[str, RemoteEvent | None],
    mapped: Mapping[str, EventMapping],
) -> list[tuple[RemoteEvent, Event]]:
    """The events that still show too much, each with its replacement without text. Events whose
    booking is sent are left out, since the plan writes them.
    """
    account, seen = context.account, [event for event in looks.values() if event]
    row = RemoteCalendar.get_or_none(
        RemoteCalendar.account == account, RemoteCalendar.calendar_id == calendar_id
    )
    zone_name = row.zone_name if row and scheduling.is_zone(row.zone_name) else "UTC"
    ours = marks.ours(account, seen, row is not None and row.is_ours)
    uids = [mapped[one.remote_id].uid for one in ours if one.remote_id in mapped]
    written = local.going_out(account, account.practitioners(), uids)
    left = [
        event
        for event in ours
        if event.remote_id not in mapped or mapped[event.remote_id].uid not in written
    ]
    certain = [one for one in left if one.remote_id in rows and rows[one.remote_id].is_certain]
    doubtful = [one for one in left if one not in certain]
    exceeding = certain + (text_limit.TextLimit(account).exceeding(doubtful) if doubtful else [])
    return [pair for pair in _without_text(exceeding, zone_name) if shows_text(*pair)]


def _mapped(account: Account, ids: Iterable[str]) -> dict[str, EventMapping]:
    """The mappings of these events, by the id outside."""
    rows = MappingRow.select(*(getattr(MappingRow, name) for name in local.SHARED)).where(
        MappingRow.account == account, MappingRow.remote_id.in_(list(ids))
    )
    return {
        row.remote_id: EventMapping(**{name: getattr(row, name) for name in local.SHARED})
        for row in rows
    }


def _settle(
    account: Account, rows: Mapping[str, Excess], over: Set[str], missing: Set[str]
) -> None:
    """Delete the rows that are done. The others are tried again later; for events that were not
    found, that is the next regular round.
    """
    soonest, at = None, scheduling.utc_now()
    Excess.delete().where(Excess.id.in_([rows[key].id for key in over if key in rows])).execute()
    for key in rows.keys() - over:
        row = rows[key]
        row.retry_at = at + min(FIRST_RETRY * 2 ** min(row.tries, 10), LONGEST_RETRY)
        row.tries += 1
        row.save(only=[Excess.retry_at, Excess.tries])
        if key not in missing:
            soonest = min(soonest or row.retry_at, row.retry_at)
    if soonest:
        Account.be_due(account.id, soonest, "poll")


def _without_text(
    seen: Iterable[RemoteEvent], zone_name: str
) -> Iterable[tuple[RemoteEvent, Event]]:
    """Each of these events, with its replacement without text."""
    at = scheduling.utc_now()
    for event in seen:
        status = "tentative" if "tentative" in (event.status, event.busy) else "confirmed"
        own = event.starts_at, event.ends_at, at, at, zone_name, event.starts_on, event.ends_on
        yield event, Event(event.own_mark.reference, 0, status, BUSY, *own)


def shows_text(seen: RemoteEvent, bare: Event) -> bool:
    """Whether an event shows more than "Busy" and its time."""
    return fingerprint(seen) != wanted(bare)


def _store(account: Account, mapping: EventMapping, echo: RemoteEvent, bare: Event) -> None:
    """Store the state on which both sides agree. If the booking is sent again, its text differs
    from that state, so it is written.
    """
    agreed = replace(mapping, etag=echo.etag, fingerprint=fingerprint(echo))
    local.store(account, replace(agreed, updated_at=echo.updated_at, wanted=wanted(bare)))
