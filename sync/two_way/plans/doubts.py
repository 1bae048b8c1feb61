"""Uncertain facts about our events outside, and when they are checked.

One answer "not there" is a doubt. It is stored with the mapping, and the event is left alone until
a later complete list decides. An event that we wrote or deleted, and that no reading has reported
since, is asked for by its id: incremental readings may never report it. Each night the ids and
versions of all our events are compared with the mappings, to find what incremental readings lost.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from zoneinfo import ZoneInfo

from peewee import fn

from base import scheduling
from base.tables.bulk import portions, tuples
from base.tables.outside import ExternalEvent
from sync.events.event import Delta, Mark
from sync.tables import earlier_accounts
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow

# a list asked for at once could be as outdated as the first answer
LATER = timedelta(seconds=30)
LONGEST = timedelta(hours=6)
ECHO = timedelta(minutes=2)  # after a write: by then incremental readings should report it
NIGHT_MINUTES = 300  # after midnight: the time over which the comparisons are spread


# ---- doubts ----


def note_doubts(account: Account, uids: Iterable[str]) -> None:
    """Store that one answer said that the events of these mappings do not exist. Call it inside the
    account's lease. The wait grows while answers contradict each other.
    """
    _doubt(account, MappingRow.uid.in_(list(uids)))


def _doubt(account: Account, which: Any) -> None:
    at, soonest = scheduling.utc_now(), None
    rows = list(
        MappingRow.select(MappingRow.id, MappingRow.tries).where(
            MappingRow.account == account, which
        )
    )
    for tries, some in groupby(sorted(rows, key=attrgetter("tries")), key=attrgetter("tries")):
        retry_at = at + min(LATER * 2 ** min(tries, 12), LONGEST)
        problem = {"problem": "not found"} if tries else {}
        MappingRow.update(doubted_at=at, tries=tries + 1, retry_at=retry_at, **problem).where(
            MappingRow.id.in_([row.id for row in some])
        ).execute()
        soonest = min(soonest or retry_at, retry_at)
    if soonest:
        Account.be_due(account.id, soonest, "poll")


def _due(account: Account, at: datetime) -> tuple[Any, ...]:
    return (
        MappingRow.account == account,
        MappingRow.doubted_at.is_null(False),
        MappingRow.retry_at.is_null() | (MappingRow.retry_at <= at),
    )


def due_since(account: Account, at: datetime) -> datetime | None:
    """The time of the newest doubt that a complete list can decide now, if the list was requested
    after it; None: there is none.
    """
    newest: datetime | None = (
        MappingRow.select(fn.MAX(MappingRow.doubted_at)).where(*_due(account, at)).scalar()
    )
    return newest


def soonest(account: Account, at: datetime) -> datetime | None:
    """When the next doubt after this time can be decided; None: there is none."""
    found: datetime | None = (
        MappingRow.select(fn.MIN(MappingRow.retry_at))
        .where(
            MappingRow.account == account,
            MappingRow.doubted_at.is_null(False),
            MappingRow.retry_at > at,
        )
        .scalar()
    )
    return found


def lacking(account: Account, delta: Delta) -> tuple[list[str], bool]:
    """Two values. The ids of our events that a complete reading of our calendar lacks, although the
    mappings say that they are there or in doubt, past events last; and whether the reading contains
    no event of ours at all.

    If the calendar contains an event without a readable id, it could be any of them, so none counts
    as lacking.
    """
    reported = _there(delta)
    standing = MappingRow.phase.in_(("synced", "frozen", "deleting")) & (
        MappingRow.fingerprint != ""
    )
    rows = MappingRow.select(MappingRow.remote_id, MappingRow.phase).where(
        MappingRow.account == account,
        MappingRow.remote_id != "",
        standing | MappingRow.doubted_at.is_null(False),
    )
    mapped = {row.remote_id: row.phase for row in rows.order_by(MappingRow.id)}
    missing = [] if "" in reported else [one for one in mapped if one not in reported]
    missing.sort(key=lambda one: mapped[one] == "frozen")
    return missing, not reported & mapped.keys()


def settle(account: Account, delta: Delta, at: datetime) -> None:
    """After a complete reading: end the doubts about events that it has or knows to be gone. Ids
    that it is `unsure` of become doubts. Call it inside the account's lease.
    """
    if "" in _there(delta):
        return
    rows = MappingRow.select(MappingRow.id, MappingRow.remote_id).where(*_due(account, at))
    over = [row.id for row in rows if row.remote_id not in delta.unsure]
    for some in portions(over):
        MappingRow.update(doubted_at=None, retry_at=None).where(MappingRow.id.in_(some)).execute()
        settled = (
            MappingRow.phase.in_(("synced", "frozen")),
            MappingRow.wanted != "",
            MappingRow.problem == "not found",
        )
        MappingRow.update(problem="", tries=0).where(MappingRow.id.in_(some), *settled).execute()
    for unsure in portions(sorted(delta.unsure)):
        _doubt(account, MappingRow.remote_id.in_(unsure))


def _there(delta: Delta) -> set[str]:
    """Ids of the events in a reading, also of those that could not be read."""
    return {key for seen in delta.changed for key in seen.ids} | {
        one.remote_id for one in delta.unread
    }


def known_gone(account: Account) -> frozenset[str]:
    """Ids of the events that are known to be deleted."""
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account, MappingRow.phase == "gone"
    )
    return frozenset(remote_id for (remote_id,) in tuples(rows))


# ---- echoes ----


def note_told(account: Account, delta: Delta) -> None:
    """Note that a reading reported these events. Call it inside the account's lease."""
    waiting = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account, MappingRow.written_at.is_null(False)
    )
    reported, unsure = _there(delta) | delta.tombstones, delta.unsure
    _forget_untold(
        account,
        [
            remote_id
            for (remote_id,) in tuples(waiting)
            if remote_id in reported or (delta.complete and remote_id not in unsure)
        ],
    )


def _forget_untold(account: Account, remote_ids: Iterable[str]) -> None:
    """Note that these events need not be asked for any more."""
    for some in portions(remote_ids):
        MappingRow.update(written_at=None).where(
            MappingRow.account == account, MappingRow.remote_id.in_(some)
        ).execute()


def fresh(account: Account, at: datetime) -> set[str]:
    """Ids of the events that we wrote so recently that a reading may still lack them."""
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account, MappingRow.written_at > at - ECHO
    )
    return {remote_id for (remote_id,) in tuples(rows)}


def untold(account: Account, at: datetime) -> list[str]:
    """Ids of the events that we wrote or deleted a while ago and that no reading has reported
    since.
    """
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account,
        MappingRow.written_at <= at - ECHO,
        MappingRow.phase.in_(("synced", "frozen", "gone")),
    )
    return [remote_id for (remote_id,) in tuples(rows.order_by(MappingRow.id))]


# ---- the comparison of each night ----


def is_night(account: Account, destination: RemoteCalendar, at: datetime) -> bool:
    """Whether the calendar's nightly comparison is due: once a night, by its own clock, at a minute
    that differs between accounts.
    """
    zone = ZoneInfo(destination.zone_name if scheduling.is_zone(destination.zone_name) else "UTC")
    slot = scheduling.midnight(at.astimezone(zone).date(), zone) + timedelta(
        minutes=account.id * 7919 % NIGHT_MINUTES
    )
    slot -= timedelta(days=1) if slot > at else timedelta(0)
    return destination.compared_at is None or destination.compared_at < slot


def differs(
    account: Account,
    destination: RemoteCalendar,
    outline: Mapping[str, tuple[str, Mark | None]],
) -> bool:
    """Whether ids and versions of the events with our mark differ from the mappings; if busy times
    are read there, also whether the ids of others' events differ from our external events.
    """
    own = {"", earlier_accounts.part(account)} | earlier_accounts.parts_of(account)
    rows = MappingRow.select(MappingRow.remote_id, MappingRow.etag, MappingRow.phase).where(
        MappingRow.account == account, MappingRow.remote_id != ""
    )
    known = {remote_id: (etag, phase) for remote_id, etag, phase in tuples(rows)}
    mapped = {key: row for key, row in known.items() if row[1] != "gone"}
    there = {
        key: etag
        for key, (etag, mark) in outline.items()
        if (key in mapped or (mark and mark.account in own)) and key not in account.kept_copies
    }
    external = {key for key, (_, mark) in outline.items() if mark is None and key not in known}
    if account.reads and external != _external_ids(destination):
        return True
    lost = any(
        phase in ("synced", "frozen") and key not in there for key, (_, phase) in mapped.items()
    )
    return lost or any(
        key not in mapped or (mapped[key][1] == "synced" and mapped[key][0] != etag)
        for key, etag in there.items()
    )


def _external_ids(calendar: RemoteCalendar) -> set[str]:
    """Ids of the external events of a calendar, for a repeat its own."""
    rows = ExternalEvent.select(ExternalEvent.remote_id, ExternalEvent.series_id).where(
        ExternalEvent.calendar == calendar
    )
    return {series_id or remote_id for remote_id, series_id in tuples(rows)}
