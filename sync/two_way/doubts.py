"""What is not known for sure about our events outside, and when it is to be made sure.

One answer "not there" is a doubt, stored with the mapping, and nothing is done about that event
until
a complete list, asked for later, tells
whether it lives. What we wrote and no reading has told since is asked for by its id, since a
history need not tell the end of what it never
told. And each night the ids and versions of all our events are compared with the mappings, which
finds
what a history has lost.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from zoneinfo import ZoneInfo

from peewee import chunked, fn

from base import scheduling
from base.many import tuples
from base.outside import ExternalEvent
from sync.events.event import Delta, Mark
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow

from . import marks

LATER = timedelta(
    seconds=30
)  # a list asked for in the same moment could be behind as the first answer was
LONGEST = timedelta(hours=6)
ECHO = timedelta(minutes=2)  # until a history may be expected to tell what we wrote
NIGHT_MINUTES = 300  # after midnight, over which the comparisons of all accounts are spread
_CHUNK = 400


# ---- doubts ----


def note(account: Account, uids: Iterable[str]) -> None:
    """One answer said that the events of these mappings are not there. Inside the account's lease.
    The
    wait grows while answers contradict each other.
    """
    _doubt(account, MappingRow.uid.in_(list(uids)))


def _doubt(account: Account, which) -> None:
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
        sooner = Account.due_at.is_null() | (Account.due_at > soonest)
        Account.update(due_at=soonest, because="poll").where(
            Account.id == account.id, sooner
        ).execute()


def _due(account: Account, at: datetime):
    return (
        MappingRow.account == account,
        MappingRow.doubted_at.is_null(False),
        MappingRow.retry_at.is_null() | (MappingRow.retry_at <= at),
    )


def due_since(account: Account, at: datetime) -> datetime | None:
    """Since when there is the newest of the doubts that a complete list can end now, one asked for
    after that; None: there is none.
    """
    return MappingRow.select(fn.MAX(MappingRow.doubted_at)).where(*_due(account, at)).scalar()


def lacking(account: Account, delta: Delta) -> tuple[list[str], bool]:
    """Ids of our events that a complete reading of our calendar, of all times, does not tell though
    the mappings say that they stand there, or are in doubt; those that lie in the past last. And
    whether it tells none of ours. Where it holds an event without an id that can be read, that one
    could be any, and none is lacking.
    """
    told = _there(delta)
    standing = MappingRow.phase.in_(("synced", "frozen", "deleting")) & (
        MappingRow.fingerprint != ""
    )
    rows = MappingRow.select(MappingRow.remote_id, MappingRow.phase).where(
        MappingRow.account == account,
        MappingRow.remote_id != "",
        standing | MappingRow.doubted_at.is_null(False),
    )
    held = {row.remote_id: row.phase for row in rows.order_by(MappingRow.id)}
    missing = [] if "" in told else [one for one in held if one not in told]
    missing.sort(key=lambda one: held[one] == "frozen")
    return missing, not told & held.keys()


def ended(account: Account, delta: Delta, at: datetime) -> None:
    """After a complete reading: doubts about what it tells, or knows to be gone, are over; what it
    is `unsure` of is in doubt. Inside the account's lease.
    """
    if "" in _there(delta):
        return
    rows = MappingRow.select(MappingRow.id, MappingRow.remote_id).where(*_due(account, at))
    over = [row.id for row in rows if row.remote_id not in delta.unsure]
    for some in chunked(over, _CHUNK):
        MappingRow.update(doubted_at=None, retry_at=None).where(MappingRow.id.in_(some)).execute()
        settled = (
            MappingRow.phase.in_(("synced", "frozen")),
            MappingRow.wanted != "",
            MappingRow.problem == "not found",
        )
        MappingRow.update(problem="", tries=0).where(MappingRow.id.in_(some), *settled).execute()
    for some in chunked(sorted(delta.unsure), _CHUNK):
        _doubt(account, MappingRow.remote_id.in_(some))


def _there(delta: Delta) -> set[str]:
    """Ids of what a reading tells, also of what could not be read."""
    return {key for seen in delta.changed for key in (seen.remote_id, seen.series_id) if key} | {
        one.remote_id for one in delta.unread
    }


def over(account: Account) -> frozenset[str]:
    """Ids of the events that are known to be gone."""
    return frozenset(
        remote_id
        for (remote_id,) in MappingRow.select(MappingRow.remote_id)
        .where(MappingRow.account == account, MappingRow.phase == "gone")
        .tuples()
    )


# ---- echoes ----


def heard(account: Account, delta: Delta) -> None:
    """A reading told of these events: its history knows them. Inside the account's lease."""
    waiting = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account, MappingRow.written_at.is_null(False)
    )
    told = _there(delta) | delta.tombstones
    answered(
        account,
        [remote_id for (remote_id,) in tuples(waiting) if delta.complete or remote_id in told],
    )


def answered(account: Account, remote_ids: Iterable[str]) -> None:
    """Nothing need be asked about these events any more."""
    for some in chunked(remote_ids, _CHUNK):
        MappingRow.update(written_at=None).where(
            MappingRow.account == account, MappingRow.remote_id.in_(some)
        ).execute()


def unheard(account: Account, at: datetime) -> list[str]:
    """Ids of the events that we wrote a while ago and no reading has told since."""
    rows = MappingRow.select(MappingRow.remote_id).where(
        MappingRow.account == account,
        MappingRow.written_at <= at - ECHO,
        MappingRow.phase.in_(("synced", "frozen")),
    )
    return [remote_id for (remote_id,) in tuples(rows.order_by(MappingRow.id))]


# ---- the comparison of each night ----


def is_night(account: Account, destination: RemoteCalendar, at: datetime) -> bool:
    """Whether the calendar's comparison is due: once after a minute of the night, by its own clock,
    that is another for each account.
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
    """Whether ids and versions of the events with our mark are others than the mappings say, or
    others than those that are mirrored stand beside them.
    """
    own = {"", marks.part(account)} | marks.parts_of(account)
    rows = MappingRow.select(MappingRow.remote_id, MappingRow.etag, MappingRow.phase).where(
        MappingRow.account == account, MappingRow.remote_id != ""
    )
    known = {remote_id: (etag, phase) for remote_id, etag, phase in tuples(rows)}
    held = {key: row for key, row in known.items() if row[1] != "gone"}
    there = {
        key: etag
        for key, (etag, mark) in outline.items()
        if (key in held or (mark and mark.account in own)) and key not in account.kept_copies
    }
    external = {key for key, (_, mark) in outline.items() if mark is None and key not in known}
    if external != _mirrored(destination):
        return True
    lost = any(
        phase in ("synced", "frozen") and key not in there for key, (_, phase) in held.items()
    )
    return lost or any(
        key not in held or (held[key][1] == "synced" and held[key][0] != etag)
        for key, etag in there.items()
    )


def _mirrored(calendar: RemoteCalendar) -> set[str]:
    """Ids of the events of others that are mirrored of a calendar, of a repeat its own."""
    rows = ExternalEvent.select(ExternalEvent.remote_id, ExternalEvent.series_id).where(
        ExternalEvent.calendar == calendar
    )
    return {series_id or remote_id for remote_id, series_id in tuples(rows)}
