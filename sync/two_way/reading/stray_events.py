"""Strays: events of ours that somebody dragged or copied into another calendar of the account. They
are not external, and are deleted. A stray of an unknown booking may be all that is left of the
booking after an earlier state of the database was restored, so a person decides about each.

Readings of calendars find strays. The other calendars to which the account can write are searched
once a day and at a resync. Each stray is a row until a look no longer finds it: the answer to a
deletion alone is not enough.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from base import vault
from base.tables.bulk import tuples
from sync.events.event import Delta, Event, RemoteEvent
from sync.events.fingerprint import fingerprint, wanted
from sync.providers import registry
from sync.providers.base import Delete, ListedCalendar
from sync.providers.errors import (
    OF_THE_ACCOUNT,
    PreconditionFailed,
    ProviderError,
    Unanswered,
    Unavailable,
    Unsent,
)
from sync.tables.accounts import SURE, Account, RemoteCalendar
from sync.tables.excess import Excess
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.strays import Stray
from sync.two_way.plans import local, marks, text_limit
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.sync")

MOST_ASKED = 20  # notices at once about strays of unknown bookings
PASSING = (PreconditionFailed, Unanswered, Unavailable, Unsent)  # the next search tries again

# ---- finding ----


def note_strays(account: Account, calendar: RemoteCalendar, delta: Delta) -> None:
    """Store the strays in a pull of a calendar, inside the caller's transaction."""
    found = _by_id(account, delta.changed, calendar.is_ours)
    reported = delta.reported | delta.relisted
    remember(account, calendar.made_id, calendar.name, found, reported)


def elsewhere(account: Account, listed: Iterable[ListedCalendar]) -> list[ListedCalendar]:
    """The calendars to which the account can write, except the one to which our events go."""
    destination = account.destination
    ours = destination and destination.calendar_id
    return [calendar for calendar in listed if calendar.can_write and calendar.calendar_id != ours]


def out_of_reach(account: Account) -> list[str]:
    """The names of calendars that others share with the account for writing, and that its consent
    does not let us search: an event of ours may be there.
    """
    row = registry.row_of(account.kind)
    wider = set(row.scopes(shared=True)) - set(row.scopes())
    if wider <= set(account.scopes.split()):
        return []
    shared = RemoteCalendar.account == account, RemoteCalendar.access == "writer"
    return [name for (name,) in tuples(RemoteCalendar.select(RemoteCalendar.name).where(*shared))]


def find_marked(
    context: RunContext, calendar_id: str, is_quick: bool = True
) -> dict[str, RemoteEvent]:
    """This account's events in another calendar, by the id of the whole event. `is_quick`: use the
    provider's own filter.
    """
    installation = context.account.clinic.installation
    marked = context.provider.find_marked(calendar_id, installation, is_quick)
    return _ours(context.account, calendar_id, marked)


def find_in_full_list(context: RunContext, calendar_id: str) -> dict[str, RemoteEvent]:
    """This account's events in another calendar, found in a full list without a filter: the filters
    of some providers omit events.
    """
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
    reported: Set[str] | None = None,
) -> dict[str, Stray]:
    """Store the strays that were found in a calendar, and return all its rows by the events' ids.
    A row whose event was looked for (`reported`; None: all) and not found is deleted.
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
    text_limit.note_excess(account, calendar_id, list(found.values()))
    if gone := [key for key in kept if key not in found and (reported is None or key in reported)]:
        for table in (Stray, Excess):
            table.delete().where(
                table.account == account,
                table.calendar_id == calendar_id,
                table.remote_id.in_(gone),
            ).execute()
    return rows


# ---- deleting ----


def clear(context: RunContext, is_searched: bool) -> None:
    """Delete the strays that may not stay. `is_searched`: also try again those that could not be
    deleted before.
    """
    account = context.account
    strays = list(Stray.select().where(Stray.account == account).order_by(Stray.calendar_id))
    if rows := [row for row in strays if is_searched or not row.problem]:
        known = _KnownBookings.of(context, rows)
        for _, group in groupby(rows, key=attrgetter("calendar_id")):
            some = list(group)
            if any(not known.lets_stay(row) for row in some):
                context.check_time()
                _clear(context, some, known)
        strays = list(Stray.select().where(Stray.account == account))
    about = "stray", "stray_unknown"
    notices = list(Notice.open_of(account).where(Notice.kind.in_(about)))
    _settle([notice for notice in notices if notice.kind == "stray"], strays)
    _ask(account, [notice for notice in notices if notice.kind == "stray_unknown"], strays)


@dataclass(frozen=True)
class _KnownBookings:
    """The facts about the bookings of strays: the wanted events, the ids of those in our calendar,
    and the unknown bookings; all by uid.
    """

    events: Mapping[str, Event]
    homes: Mapping[str, str]
    unknown: Set[str]

    @classmethod
    def of(cls, context: RunContext, rows: Sequence[Stray]) -> "_KnownBookings":
        account, uids = context.account, {row.uid for row in rows}
        return cls(
            local.going_out(account, account.practitioners(), uids),
            _at_home(context, rows),
            local.unknown(account, uids),
        )

    def lets_stay(self, row: Stray) -> bool:
        """Whether a stray may stay for now. A stray of an unknown booking stays until a person
        wants it removed. Another stray stays while a stopped plan waits for a person: it is then
        the only event of its booking outside, and shows no more than allowed.
        """
        if row.uid in self.unknown:
            return row.decided != "remove"
        event = self.events.get(row.uid)
        return (
            event is not None
            and self.homes.get(row.uid, row.remote_id) == row.remote_id
            and row.fingerprint == wanted(event)
        )


def _at_home(context: RunContext, rows: Iterable[Stray]) -> dict[str, str]:
    """The ids of the events that are certainly in our calendar, by uid, without those that a
    stopped plan would write again. "" for an event with the same id as its stray: with Google the
    same id may be in both calendars.
    """
    account = context.account
    stands = MappingRow.phase.in_(("synced", "frozen")), MappingRow.doubted_at.is_null()
    mappings = MappingRow.select(MappingRow.uid, MappingRow.remote_id).where(
        MappingRow.account == account, *stands
    )
    stops = Notice.select().where(
        Notice.account == account, Notice.topic == Notice.SAFETY_STOP, Notice.settled_at.is_null()
    )
    missing = {uid for notice in stops for uid in notice.detail.get("uids", [])}
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
    some: Sequence[Stray],
    known: _KnownBookings,
) -> None:
    """Delete these strays in one calendar, by its present state: an event may have been dragged on,
    or back, meanwhile.
    """
    calendar_id, name = some[0].calendar_id, some[0].name
    try:
        found = find_marked(context, calendar_id)
        if {row.remote_id for row in some} - found.keys():
            found |= find_in_full_list(context, calendar_id)
    except OF_THE_ACCOUNT:
        raise
    except ProviderError as error:
        log.warning("strays cannot be looked at: %s", error)
        return
    with context.writing():
        rows = remember(context.account, calendar_id, name, found)
        goes = {key: row for key, row in rows.items() if not known.lets_stay(row)}
    deletes = [Delete(key, "" if found[key].series_id else found[key].etag) for key in goes]
    results = list(context.provider.write(calendar_id, deletes)) if deletes else []
    with context.writing():
        if done := sum(result.error is None for result in results):
            context.note(deleted=done)
        for result in results:
            if result.error and not isinstance(result.error, (*OF_THE_ACCOUNT, *PASSING)):
                _refused(context.account, goes[result.operation.remote_id], result.error)
    for result in results:
        if isinstance(result.error, OF_THE_ACCOUNT):
            raise result.error


def _refused(account: Account, row: Stray, error: ProviderError) -> None:
    """Count a refused deletion. If a later run is refused as well, the person must delete the
    stray, and gets one notice of it.
    """
    row.tries += 1
    is_news = not row.problem and row.tries >= SURE
    if is_news or row.problem:
        row.problem = (error.reason or type(error).__name__)[:60]
    row.save(only=[Stray.tries, Stray.problem])
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


def _ask(account: Account, still_open: list[Notice], strays: list[Stray]) -> None:
    """Ask the person about each stray of an unknown booking, a few at a time. `still_open`: the
    notices that ask about some.
    """
    rows = sorted(strays, key=attrgetter("id"))
    unknown = local.unknown(account, {row.uid for row in rows}) if rows else set()
    asked = [row for row in rows if row.uid in unknown and not row.decided][:MOST_ASKED]
    topics = {
        row.id: f"stray {vault.hash_of(f'{row.calendar_id} {row.remote_id}')[:24]}" for row in asked
    }
    for notice in still_open:
        if notice.topic not in topics.values():
            notice.close("over")
    for row in asked:
        if not any(notice.topic == topics[row.id] for notice in still_open):
            calendar = RemoteCalendar.get_or_none(
                RemoteCalendar.account == account, RemoteCalendar.calendar_id == row.calendar_id
            )
            starts_at, ends_at = row.fingerprint.partition(" ")[0].split("/")
            detail = {"stray": row.id, "starts_at": starts_at, "ends_at": ends_at}
            Notice.give(account, "stray_unknown", topics[row.id], calendar=calendar, detail=detail)


def _topic(calendar_id: str) -> str:
    return f"stray {vault.hash_of(calendar_id)[:12]}"


def _settle(still_open: list[Notice], strays: list[Stray]) -> None:
    """Settle notices about strays that are gone."""
    left = {_topic(row.calendar_id) for row in strays if row.problem}
    for notice in still_open:
        if notice.topic not in left:
            notice.close("over")
