"""What calendars outside hold, mirrored here: foreign events as locked, possibly busy time. Nothing of it is ever written back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from peewee import chunked, fn

import scheduling
import text
from accounts import Account, Notice, RemoteCalendar, hash_of
from database import insert_many_rows
from models import FREE_STATUSES, Booking
from outside import ID_LENGTH, TITLE_LENGTH, ExternalEvent, blocks

from . import marks
from .event import Delta, RemoteEvent

SUDDEN = 3  # so many events gone at once, and nothing left, is asked about
ACCEPTED = "accepted"  # how a notice of a double booking is settled that the person left
_CHUNK = 400
_COLUMNS = ("series_id", "title", "busy", "blocks", "starts_at", "ends_at", "starts_on", "ends_on")
_TIMES = ("starts_at", "ends_at", "starts_on", "ends_on", "blocks")


@dataclass
class Mirrored:
    """What changed here, and which events now take time that they did not take before."""

    counts: Counter = field(default_factory=Counter)
    moved: list[int] = field(default_factory=list)
    is_held: bool = False


def mirror(account: Account, calendar: RemoteCalendar, delta: Delta, held: Iterable[str] = ()) -> Mirrored:
    """Bring the mirror of a calendar up to one pull, inside the caller's transaction. `held`: ids of events of ours in it.

    A complete pull also takes away what it does not tell; one that finds nothing where several were stops for a person. What a pull tells
    of wins over a tombstone of its series.
    """
    held, result = set(held), Mirrored()
    foreign = [seen for seen in delta.changed if not marks.is_of_clinic(seen.mark, account)]
    told = {seen.remote_id: seen for seen in foreign if not {seen.remote_id, seen.series_id} & held}
    inside = {key: seen for key, seen in told.items() if len(key) <= ID_LENGTH and not seen.is_series
              and (delta.window is None or delta.window.touches(seen.starts_at - timedelta(days=1), seen.ends_at + timedelta(days=1)))}
    kept = {row.remote_id: row for row in _rows(calendar, delta, told)}
    gone = [row for key, row in kept.items() if key not in inside and (delta.complete or _is_gone(row, delta, told))]
    if delta.complete and not inside and len(_ahead(gone)) >= SUDDEN and not calendar.may_empty:
        Notice.give(account, "source_empty", f"empty {calendar.id}", calendar=calendar, detail={"count": len(gone)})
        return Mirrored(is_held=True)
    for some in chunked([row.id for row in gone], _CHUNK):
        ExternalEvent.delete().where(ExternalEvent.id.in_(some)).execute()
    for key in inside.keys() & kept.keys():
        _update(calendar, kept[key], inside[key], result)
    fresh = [_new(account, calendar, inside[key]) for key in inside.keys() - kept.keys()]
    insert_many_rows(ExternalEvent, fresh)
    result.counts.update(removed=len(gone), imported=len(fresh))
    result.moved += _ids(calendar, [row.remote_id for row in fresh if row.blocks])
    return result


def _rows(calendar: RemoteCalendar, delta: Delta, told: dict[str, RemoteEvent]) -> Iterable[ExternalEvent]:
    """The mirrored events that the pull may be about."""
    rows = ExternalEvent.select().where(ExternalEvent.calendar == calendar)
    if delta.complete:
        return rows
    found = {}
    for some in chunked([*told, *delta.tombstones], _CHUNK):
        found |= {row.id: row for row in rows.where(ExternalEvent.remote_id.in_(some) | ExternalEvent.series_id.in_(some))}
    return found.values()


def _is_gone(row: ExternalEvent, delta: Delta, told: dict[str, RemoteEvent]) -> bool:
    return row.remote_id in told or row.remote_id in delta.tombstones or row.series_id in delta.tombstones


def _ahead(rows: Iterable[ExternalEvent]) -> list[ExternalEvent]:
    at = scheduling.utc_now()
    return [row for row in rows if row.ends_at > at]


def _columns(calendar: RemoteCalendar, seen: RemoteEvent) -> dict:
    title = text.clean(seen.title, len(seen.title) or 1)[:TITLE_LENGTH]
    return {"series_id": seen.series_id, "title": title, "busy": seen.busy, "blocks": blocks(seen.busy, seen.starts_on is not None, calendar.rules),
            "starts_at": seen.starts_at, "ends_at": seen.ends_at, "starts_on": seen.starts_on, "ends_on": seen.ends_on}


def _new(account: Account, calendar: RemoteCalendar, seen: RemoteEvent) -> ExternalEvent:
    return ExternalEvent(clinic=account.clinic_id, user=account.user_id, calendar=calendar, remote_id=seen.remote_id, **_columns(calendar, seen))


def _update(calendar: RemoteCalendar, row: ExternalEvent, seen: RemoteEvent, result: Mirrored) -> None:
    columns = _columns(calendar, seen)
    changed = [name for name in _COLUMNS if getattr(row, name) != columns[name]]
    if not changed:
        return
    for name in changed:
        setattr(row, name, columns[name])
    row.save(only=changed)
    result.counts["changed"] += 1
    if row.blocks and set(changed) & set(_TIMES):
        result.moved.append(row.id)


def _ids(calendar: RemoteCalendar, remote_ids: list[str]) -> list[int]:
    ids = []
    for some in chunked(remote_ids, _CHUNK):
        rows = ExternalEvent.select(ExternalEvent.id).where(ExternalEvent.calendar == calendar, ExternalEvent.remote_id.in_(some))
        ids += [row.id for row in rows]
    return ids


# ---- double bookings ----


def look_for_doubles(account: Account, calendar: RemoteCalendar, moved: list[int], is_first: bool) -> None:
    """Tell the person where a busy time that came or moved outside lies on a booking; on a calendar's first read in one sentence.

    What the person left as it is, is not told again, however often the calendar is read anew.
    """
    left = {key for row in _doubles(account, calendar).where(Notice.settled_as == ACCEPTED) for key in row.detail.get("clashes", [])}
    near = [(event, booking) for some in chunked(moved, _CHUNK)
            for event in ExternalEvent.select().where(ExternalEvent.id.in_(some)) for booking in _under(account, event)]
    found = {_clash(event, booking): (event, booking) for event, booking in near if _clash(event, booking) not in left}
    if is_first and len(found) > 1:
        Notice.give(account, "double", f"doubles {calendar.id}", calendar=calendar, detail={"clashes": sorted(found)})
        return
    for key, (event, booking) in found.items():
        Notice.give(account, "double", f"double {booking.id} {event.id}", booking=booking, event=event, calendar=calendar, detail={"clashes": [key]})


def _doubles(account: Account, calendar: RemoteCalendar):
    return Notice.select().where(Notice.account == account, Notice.calendar == calendar, Notice.kind == "double")


def _clash(event: ExternalEvent, booking: Booking) -> str:
    """A double booking as a later reading knows it again, when the row of the event is another one."""
    return f"{booking.id} {event.starts_at.isoformat()} {event.ends_at.isoformat()} {hash_of(event.remote_id)[:12]}"


def end_doubles(account: Account) -> None:
    """Notices of double bookings that are none any more are settled by themselves."""
    for notice in Notice.select().where(Notice.account == account, Notice.kind == "double", Notice.settled_at.is_null()):
        under = _under(account, notice.event) if notice.event_id else []
        if notice.booking_id not in {booking.id for booking in under} if notice.event_id else not clashing([notice]):
            notice.close("over")


def clashing(notices: Sequence[Notice]) -> list[Booking]:
    """The bookings of these notices of one calendar on which a busy time of it still lies, soonest first."""
    account, at = notices[0].account, scheduling.utc_now()
    ids = {int(key.split()[0]) for notice in notices for key in notice.detail.get("clashes", [])}
    blocking = ExternalEvent.select().where(ExternalEvent.calendar == notices[0].calendar_id, ExternalEvent.blocks)
    whole_days = list(blocking.where(ExternalEvent.starts_on.is_null(False), ExternalEvent.ends_at > at - timedelta(days=1)))
    timed = blocking.where(ExternalEvent.starts_on.is_null(), ExternalEvent.starts_at < Booking.ends_at, ExternalEvent.ends_at > Booking.starts_at)
    under = list(Booking.select(Booking.id).where(Booking.id.in_(ids), fn.EXISTS(timed)))
    rows = account.user.bookings_between(at, at + timedelta(days=account.future_days + 366))
    rows = rows.where(Booking.id.in_(ids), Booking.status.not_in(FREE_STATUSES))
    return [row for row in rows if row in under or any(event.overlaps(row.span, row.practitioner.zone) for event in whole_days)]


def accept(notices: Iterable[Notice]) -> bool:
    """The person leaves these double bookings as they are. The notices outlive the rows of their events, so that no later reading of the
    calendar tells the same again. False where all of them were decided before."""
    ids = [notice.id for notice in notices]
    rows = Notice.update(settled_at=scheduling.utc_now(), settled_as=ACCEPTED, event=None).where(Notice.id.in_(ids), Notice.settled_at.is_null())
    return bool(rows.execute())


def _under(account: Account, event: ExternalEvent) -> list[Booking]:
    """The person's bookings ahead that hold time while the event takes it."""
    if not event.blocks or event.ends_at + timedelta(days=1) < scheduling.utc_now():
        return []
    rows = account.user.bookings_between(event.starts_at - timedelta(days=1), event.ends_at + timedelta(days=1))
    rows = rows.where(Booking.status.not_in(FREE_STATUSES), Booking.ends_at > scheduling.utc_now())
    return [booking for booking in rows if event.overlaps(booking.span, booking.practitioner.zone)]
