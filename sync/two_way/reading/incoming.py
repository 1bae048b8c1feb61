"""The mirror of calendars outside: external events as locked, possibly busy time. Nothing is ever
written back from it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from peewee import chunked

from base import scheduling, text
from base.tables.bulk import insert_many_rows, portions, update_many_rows
from base.tables.outside import TITLE_LENGTH, ExternalEvent, blocks
from sync.events.event import Delta, RemoteEvent, Window
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way.plans import marks

SUDDEN = 3  # if so many events disappear at once and none is left, a person is asked
SPARE = timedelta(
    days=1
    # a whole day has no zone: it begins up to 14 hours before its UTC midnight and ends up to 12
    # after
)
PORTION = 1500  # rows in one transaction
_COLUMNS = ("series_id", "title", "busy", "blocks", "starts_at", "ends_at", "starts_on", "ends_on")
_TIMES = {"starts_at", "ends_at", "starts_on", "ends_on", "blocks"}


@dataclass
class Change:
    """The changes that one pull makes in the mirror of a calendar. `is_sudden`: it would empty the
    mirror, which a person must confirm. `is_empty`: the pull is complete and has no events.
    `lacking`: rows that are missing in it and would be there if their events existed.
    """

    gone: list[int] = field(default_factory=list)
    changed: list[ExternalEvent] = field(default_factory=list)
    fresh: list[ExternalEvent] = field(default_factory=list)
    # rows that take time now and did not before; new ones have no id yet
    moved: list[ExternalEvent] = field(default_factory=list)
    is_sudden: bool = False
    is_empty: bool = False
    lacking: list[ExternalEvent] = field(default_factory=list)
    # lacking rows that stay for now, and earlier ones that are listed again
    doubted: list[int] = field(default_factory=list)
    certain: list[int] = field(default_factory=list)

    def doubt(self, rows: Sequence[ExternalEvent]) -> None:
        """Keep a doubt about a list that lacked these rows, though their events exist."""
        ids = {row.id for row in rows}
        self.doubted += [row.id for row in rows if row.doubted_at is None]
        self.certain = [one for one in self.certain if one not in ids]

    def portions(self) -> Iterator["Change"]:
        """The change in portions, each for one short transaction."""
        yield from (Change(gone=some) for some in chunked(self.gone, PORTION))
        yield from (Change(changed=some) for some in chunked(self.changed, PORTION))
        yield from (Change(fresh=some) for some in chunked(self.fresh, PORTION))

    def store(self) -> dict[str, int]:
        """Write the change, inside the caller's transaction. Returns the counts for the history."""
        if self.gone:
            ExternalEvent.delete().where(ExternalEvent.id.in_(self.gone)).execute()
        update_many_rows(ExternalEvent, self.changed, _COLUMNS)
        insert_many_rows(ExternalEvent, self.fresh)
        return {
            "removed": len(self.gone),
            "changed": len(self.changed),
            "imported": len(self.fresh),
        }

    def store_doubts(self) -> None:
        """Store which rows are in doubt, inside the caller's transaction."""
        for rows, at in ((self.doubted, scheduling.utc_now()), (self.certain, None)):
            for some in portions(rows):
                ExternalEvent.update(doubted_at=at).where(ExternalEvent.id.in_(some)).execute()


def compare(
    account: Account, calendar: RemoteCalendar, delta: Delta, mapped: Iterable[str] = ()
) -> Change:
    """The changes by a pull. Reads only. `mapped`: ids of events of ours in the calendar.

    A complete pull also removes events that it lacks, and missing occurrences of a series that was
    listed again, unless the pull is unsure. An event in the pull counts more than a tombstone
    of its series. An event that cannot be read keeps its last known state. An event without an
    id could be any, so nothing then counts as missing.
    """
    mapped, unread = set(mapped), {one.remote_id for one in delta.unread}
    external = [seen for seen in delta.changed if not marks.is_of_clinic(seen.mark, account)]
    reported = {
        seen.remote_id: seen for seen in external if not {seen.remote_id, seen.series_id} & mapped
    }
    bounds = delta.window and Window(delta.window.starts_at - SPARE, delta.window.ends_at + SPARE)
    inside = {
        key: seen
        for key, seen in reported.items()
        if not seen.is_series and (bounds is None or bounds.touches(seen.starts_at, seen.ends_at))
    }
    kept = {row.remote_id: row for row in _rows(calendar, delta, reported)}
    absent = [row for key, row in kept.items() if key not in inside]
    repeats = {seen.series_id for seen in reported.values()}
    gone = [row for row in absent if _is_told_gone(row, delta, reported, repeats, unread)]
    known = {row.id for row in gone}
    lacking = [row for row in absent if row.id not in known and _is_lacking(row, delta, unread)]
    unsure = [row for row in lacking if row.remote_id in delta.unsure]
    gone += [row for row in lacking if row.remote_id not in delta.unsure]
    change = Change(
        gone=[row.id for row in gone],
        is_empty=delta.complete and not inside,
        lacking=lacking,
        doubted=[row.id for row in unsure if row.doubted_at is None],
        certain=[row.id for key, row in kept.items() if key in inside and row.doubted_at],
    )
    at = scheduling.utc_now()
    is_much = sum(row.ends_at > at for row in gone) >= SUDDEN
    change.is_sudden = change.is_empty and is_much and not calendar.may_empty
    _fill(change, account, calendar, inside, kept)
    return change


def _fill(
    change: Change,
    account: Account,
    calendar: RemoteCalendar,
    inside: Mapping[str, RemoteEvent],
    kept: Mapping[str, ExternalEvent],
) -> None:
    """Add new and different events, and those at another time."""
    for key, seen in inside.items():
        row, columns = kept.get(key), _columns(calendar, seen)
        if row is None:
            row = ExternalEvent(
                clinic=account.clinic_id,
                user=account.user_id,
                calendar=calendar,
                remote_id=key,
                **columns,
            )
            change.fresh.append(row)
            different = set(_COLUMNS)
        else:
            different = {name for name in _COLUMNS if getattr(row, name) != columns[name]}
            for name in different:
                setattr(row, name, columns[name])
            change.changed += [row] if different else []
        if row.blocks and different & _TIMES:
            change.moved.append(row)


def remember_unread(calendar: RemoteCalendar, delta: Delta) -> None:
    """Store the events of a pull that could not be read, until they can be read or are gone. An
    event without an id is stored by its number.
    """
    found = {one.remote_id or f"?{number}": one.reason for number, one in enumerate(delta.unread)}
    over = None if delta.complete else {seen.remote_id for seen in delta.changed} | delta.tombstones
    before, after = UnreadEvent.keep(calendar, found, over)
    if found:
        CalendarTrouble.met(calendar, "events", "unread")
    elif before and not after:
        CalendarTrouble.end(calendar, "events")


def _rows(
    calendar: RemoteCalendar, delta: Delta, reported: dict[str, RemoteEvent]
) -> Iterable[ExternalEvent]:
    """The external events that the pull may be about."""
    rows = ExternalEvent.select().where(ExternalEvent.calendar == calendar)
    if delta.complete:
        return rows
    found: dict[int, ExternalEvent] = {}
    for some in portions([*reported, *delta.tombstones, *delta.relisted]):
        found |= {
            row.id: row
            for row in rows.where(
                ExternalEvent.remote_id.in_(some) | ExternalEvent.series_id.in_(some)
            )
        }
    return found.values()


def _is_told_gone(
    row: ExternalEvent,
    delta: Delta,
    reported: dict[str, RemoteEvent],
    repeats: set[str | None],
    unread: set[str],
) -> bool:
    """Whether the pull says that an external event, which it does not list, is gone: also if it is
    a repeat now.
    """
    if row.remote_id in reported or row.remote_id in delta.tombstones:
        return True
    if {row.remote_id, row.series_id} & unread:
        return False
    if row.remote_id in repeats:
        return True
    series = reported.get(row.series_id) if row.series_id else None
    # a repeat no longer: not every provider reports each removed occurrence
    made_single = series is not None and not series.is_series
    return made_single or row.series_id in delta.tombstones


def _is_lacking(row: ExternalEvent, delta: Delta, unread: set[str]) -> bool:
    """Whether the pull would list an external event if it existed."""
    if {row.remote_id, row.series_id} & unread:
        return False
    return row.series_id in delta.relisted or (delta.complete and "" not in unread)


def _columns(calendar: RemoteCalendar, seen: RemoteEvent) -> dict[str, Any]:
    title = text.clean(seen.title, len(seen.title) or 1)[:TITLE_LENGTH]
    return {
        "series_id": seen.series_id,
        "title": title,
        "busy": seen.busy,
        "blocks": blocks(seen.busy, seen.starts_on is not None, calendar.rules),
        "starts_at": seen.starts_at,
        "ends_at": seen.ends_at,
        "starts_on": seen.starts_on,
        "ends_on": seen.ends_on,
    }


# ---- double bookings ----
