"""Which notices a person sees, which of them wait for a decision, and their grouping. The notices'
rows decide; this module only sorts them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models import Booking
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.two_way.reading import double_bookings

ONE_BY_ONE = 3  # up to so many double bookings of a calendar have a notice each; more share one
MOST_LISTED = 20
CHANGES = "moved", "edited", "repeated", "deleted"


@dataclass(frozen=True)
class DoubleBookings:
    """Double bookings with one calendar outside, as one notice. `ids`: the rows that it
    stands for.
    """

    account: Account
    calendar: RemoteCalendar
    bookings: list[Booking]
    ids: list[int]
    kind: str = "doubles"

    @property
    def id(self) -> str:
        return f"calendar-{self.calendar.id}"


@dataclass(frozen=True)
class Changes:
    """Changes outside that were put back in one account, as one notice."""

    rows: list[Notice]
    kind: str = "put_back"

    @property
    def account(self) -> Account:
        return self.rows[0].account

    @property
    def id(self) -> str:
        """An id that contains the number of changes, so that an open page notices more of them."""
        return f"changes-{self.account.id}-{len(self.rows)}"


ShownNotice = Notice | DoubleBookings | Changes


def template(notice: ShownNotice) -> str:
    """The notice's template: one for each kind, and one for every kind of change outside."""
    name = "one_change" if notice.kind in CHANGES else notice.kind
    return f"sync/notices/{name}.html"


def shown(notices: Iterable[Notice]) -> list[ShownNotice]:
    """Open notices in the order of the page."""
    groups = (_as_one(rows) if _is_crowd(rows) else rows for rows in _by_calendar(notices))
    return [notice for rows in groups for notice in rows]


def _as_one(rows: list[Notice]) -> list[DoubleBookings] | list[Changes]:
    """Several notices as one; none if the last of these double bookings has ended."""
    if rows[0].kind in CHANGES:
        return [Changes(rows)]
    bookings = double_bookings.clashing(rows)
    return (
        [DoubleBookings(rows[0].account, rows[0].calendar, bookings, [row.id for row in rows])]
        if bookings
        else []
    )


def _by_calendar(notices: Iterable[Notice]) -> list[list[Notice]]:
    """The notices, grouped: double bookings by calendar, changes that were put back by account. All
    other notices, and small groups, stay single.
    """
    groups: dict[str, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(_group(notice), []).append(notice)
    found: list[list[Notice]] = []
    for rows in groups.values():
        is_few = rows[0].kind in CHANGES and not _is_crowd(rows)
        found += [[row] for row in rows] if is_few else [rows]
    return found


def _group(notice: Notice) -> str:
    if notice.kind == "double":
        return f"doubles {notice.calendar_id}"
    if notice.kind in CHANGES and notice.detail.get("is_put_back"):
        return f"back {notice.account_id}"
    return f"notice {notice.id}"


def _is_crowd(rows: list[Notice]) -> bool:
    if rows[0].kind in CHANGES:
        return len(rows) > ONE_BY_ONE
    return rows[0].kind == "double" and (
        len(rows) > ONE_BY_ONE or any(row.booking_id is None for row in rows)
    )


def to_decide(notices: Iterable[Notice]) -> int:
    """The number of open notices that wait for a person. A change that was put back does not wait.
    A reminder by a colleague counts only if no other notice waits.
    """
    groups = _by_calendar(notices)
    waiting = sum(
        1 if _is_crowd(rows) else len(rows)
        for rows in groups
        if rows[0].kind != "sync_reminder" and not all(map(is_news, rows))
    )
    return waiting or any(rows[0].kind == "sync_reminder" for rows in groups)


def is_news(notice: Notice) -> bool:
    """Whether the notice only reports something, so that there is nothing to decide."""
    return notice.kind in ("edited", "repeated") and bool(notice.detail.get("is_put_back"))
