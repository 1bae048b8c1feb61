"""Busy time outside that overlaps bookings: found, reported, and settled."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from datetime import timedelta

from peewee import JOIN, fn

from base import scheduling, vault
from base.bookings.statuses import FREE_STATUSES
from base.tables.bulk import portions, tuples
from base.tables.outside import ExternalEvent
from models import Booking
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

from .incoming import SPARE

MANY = 20  # more double bookings at once are in one notice
ACCEPTED = "accepted"  # how a notice of a double booking is settled that the person accepted


class Ahead:
    """The person's coming bookings that take time, loaded once to be compared with many events."""

    def __init__(self, account: Account):
        at = scheduling.utc_now()
        rows = Booking.of_person(
            account.user, at, at + timedelta(days=account.future_days + 366)
        ).where(Booking.status.not_in(FREE_STATUSES))
        self._rows = list(rows)  # oldest first
        self._starts = [row.starts_at for row in self._rows]
        self._longest = (
            max((row.ends_at - row.starts_at for row in self._rows), default=timedelta()) + SPARE
        )

    def under(self, event: ExternalEvent) -> list[Booking]:
        """The person's bookings that overlap the event."""
        if not event.blocks or not self._rows:
            return []
        # an event may be very long
        first = self._starts[0] - SPARE
        last = self._starts[-1] + self._longest
        starts_at, ends_at = max(event.starts_at, first), min(event.ends_at, last)
        near = self._rows[
            bisect_left(self._starts, starts_at - self._longest) : bisect_right(
                self._starts, ends_at + SPARE
            )
        ]
        return [row for row in near if event.overlaps(row.span, row.practitioner.zone)]


Doubles = dict[str, tuple[ExternalEvent, Booking]]


def doubles(account: Account, moved: list[ExternalEvent]) -> Doubles:
    """Double bookings of new or moved busy time. It writes nothing, since it takes long for many
    events and many bookings.
    """
    if not moved:
        return {}
    ahead = Ahead(account)
    return {
        _clash(event, booking): (event, booking)
        for event in moved
        for booking in ahead.under(event)
    }


def give_double_notices(
    account: Account, calendar: RemoteCalendar, near: Doubles, is_first: bool
) -> None:
    """Give notices of double bookings; one notice for many, or for a calendar's first read.

    A double booking that the person accepted is not reported again, however often the calendar is
    read again.
    """
    if not near:
        return
    rows = list(
        Notice.select().where(
            Notice.account == account,
            Notice.calendar == calendar,
            Notice.kind == "double",
            (Notice.settled_as == ACCEPTED) | Notice.settled_at.is_null(),
        )
    )
    left = {
        key for row in rows if row.settled_as == ACCEPTED for key in row.detail.get("clashes", [])
    }
    found = {key: pair for key, pair in near.items() if key not in left}
    if len(found) > (1 if is_first else MANY):
        topic = f"doubles {calendar.id}"
        still_open = [row for row in rows if row.settled_at is None]
        notice_before = next((row for row in still_open if row.topic == topic), None)
        known = notice_before.detail.get("clashes", []) if notice_before else []
        Notice.give(
            account,
            "double",
            topic,
            calendar=calendar,
            detail={"clashes": sorted({*known, *found})},
            still_open=still_open,
        )
        return
    ids = _ids(calendar, [event.remote_id for event, _ in found.values()])
    for key, (event, booking) in found.items():
        topic = f"double {booking.id} {ids[event.remote_id]}"
        Notice.give(
            account,
            "double",
            topic,
            booking=booking,
            event=ids[event.remote_id],
            calendar=calendar,
            detail={"clashes": [key]},
        )


def _ids(calendar: RemoteCalendar, remote_ids: list[str]) -> dict[str, int]:
    """The ids of the rows of these events, by their id outside."""
    rows = ExternalEvent.select(ExternalEvent.remote_id, ExternalEvent.id).where(
        ExternalEvent.calendar == calendar
    )
    return dict(
        row
        for some in portions(remote_ids)
        for row in tuples(rows.where(ExternalEvent.remote_id.in_(some)))
    )


def _clash(event: ExternalEvent, booking: Booking) -> str:
    """A key of a double booking. It stays the same when the event is read again into
    another row.
    """
    return (
        f"{booking.id} {event.starts_at.isoformat()} {event.ends_at.isoformat()}"
        f" {vault.hash_of(event.remote_id)[:12]}"
    )


def end_doubles(account: Account) -> None:
    """Settle notices of double bookings that no longer exist."""
    open_ones = Notice.select(Notice, ExternalEvent).join(ExternalEvent, JOIN.LEFT_OUTER)
    notices = list(
        open_ones.where(
            Notice.account == account, Notice.kind == "double", Notice.settled_at.is_null()
        )
    )
    ahead = Ahead(account) if any(notice.event_id for notice in notices) else None
    for notice in notices:
        if ahead and notice.event_id and notice.event:
            under = {booking.id for booking in ahead.under(notice.event)}
            is_over = notice.booking_id not in under
        else:
            is_over = not clashing([notice])
        if is_over:
            notice.close("over")


def clashing(notices: Sequence[Notice]) -> list[Booking]:
    """The bookings of these notices of one calendar that a busy time still overlaps, soonest
    first.
    """
    account, at = notices[0].account, scheduling.utc_now()
    ids = {int(key.split()[0]) for notice in notices for key in notice.detail.get("clashes", [])}
    blocking = ExternalEvent.select().where(
        ExternalEvent.calendar == notices[0].calendar_id, ExternalEvent.blocks
    )
    whole_days = list(
        blocking.where(
            ExternalEvent.starts_on.is_null(False), ExternalEvent.ends_at > at - timedelta(days=1)
        )
    )
    timed = blocking.where(
        ExternalEvent.starts_on.is_null(),
        ExternalEvent.starts_at < Booking.ends_at,
        ExternalEvent.ends_at > Booking.starts_at,
    )
    under = list(Booking.select(Booking.id).where(Booking.id.in_(ids), fn.EXISTS(timed)))
    rows = Booking.of_person(account.user, at, at + timedelta(days=account.future_days + 366))
    rows = rows.where(Booking.id.in_(ids), Booking.status.not_in(FREE_STATUSES))
    return [
        row
        for row in rows
        if row in under
        or any(event.overlaps(row.span, row.practitioner.zone) for event in whole_days)
    ]


def accept(notices: Iterable[Notice]) -> bool:
    """Accept these double bookings for the person. The notices are kept when the rows of their
    events are deleted, so that no later reading reports the same again. False if all of them
    were decided before.
    """
    ids = [notice.id for notice in notices]
    rows = Notice.update(settled_at=scheduling.utc_now(), settled_as=ACCEPTED, event=None).where(
        Notice.id.in_(ids), Notice.settled_at.is_null()
    )
    return bool(rows.execute())
