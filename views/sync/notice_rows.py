"""The rows that notices refer to, read with a few queries for all notices together, since no
template may query the database.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from base.catalogue import _
from models import Booking
from people import row_names
from sync.events.event import is_much
from sync.tables import listed
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

MOST_NAMED = 100


def load(account: Account, calendars: Iterable[RemoteCalendar], notices: Collection[Notice]):
    """Set for notices of one account their account, booking, calendar and event."""
    by_id = {row.id: row for row in calendars}
    ids = [one.booking_id for one in notices if one.booking_id]
    bookings = {row.id: row for row in Booking.of_ids(account.clinic_id, ids)}
    events = listed.events([one.event_id for one in notices if one.event_id])
    for notice in notices:
        notice.account = account
        notice.booking = bookings.get(notice.booking_id)
        notice.calendar = by_id.get(notice.calendar_id)
        notice.event = events.get(notice.event_id)


@dataclass(frozen=True)
class StoppedPlan:
    """The deletions of a plan that stopped: `count` of `total` events; and how many of them are for
    bookings, for time off, for copies that somebody made, and for unknown bookings. `bookings`: the
    known ones, soonest first, up to a limit. `is_much`: the plan stopped because of their number.
    """

    count: int
    total: int
    booked: int
    off: int
    copies: int
    unknown: int
    bookings: list[Booking]

    @property
    def is_much(self) -> bool:
        return is_much(self.count, self.total)

    @property
    def is_mixed(self) -> bool:
        """Whether the plan deletes events of bookings and other events."""
        return bool(self.booked and (self.copies or self.off or self.unknown))


def stopped(notice: Notice) -> StoppedPlan:
    """The deletions of the plan that stopped with this notice."""
    detail = notice.detail
    uids, off, unknown = detail.get("uids", []), detail.get("off") or 0, detail.get("strange") or 0
    ended = detail.get("ended", [])
    found = [UUID(uid) for uid in [*uids, *dict.fromkeys(ended)][:MOST_NAMED]]
    return StoppedPlan(
        count=detail.get("count") or 0,
        total=detail.get("total") or 0,
        booked=len(uids) - off + len(ended),
        off=off,
        copies=len(detail.get("copies", [])) - unknown - len(ended),
        unknown=unknown,
        bookings=Booking.of_uuids(notice.clinic_id, found),
    )


def asker(notice: Notice) -> str:
    """The person who asked the account's owner to look after their calendar sync."""
    number = notice.detail.get("by", 0)
    return row_names.users(notice.clinic_id, [number]).get(number) or _("Your clinic")
