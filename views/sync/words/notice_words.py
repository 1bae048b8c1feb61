"""The notices that a person sees: one for each group of open notices, and the template of each."""

from collections.abc import Iterable
from dataclasses import dataclass

from models import Booking
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import CHANGES, Notice
from sync.two_way.reading import double_bookings
from sync.two_way.standing import decisions, open_notices

MOST_LISTED = 20
# for the templates
is_news, may_cancel = open_notices.is_news, decisions.may_cancel


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
_DANGERS = "reconnect", "calendar_gone"  # nothing goes outside until a person acts
_WARNINGS = (
    *("deletes", "empty", "source_empty"),
    *("double", "doubles", "stray", "stray_unknown", "guests"),
)


def tone(notice: ShownNotice) -> str:
    """The colour of the notice: "danger", "warning", or "info" for what only reports or reminds."""
    if notice.kind in _DANGERS:
        return "danger"
    return "warning" if notice.kind in _WARNINGS else "info"


def template(notice: ShownNotice) -> str:
    """The notice's template: one for each kind, and one for every kind of change outside."""
    name = "one_change" if notice.kind in CHANGES else notice.kind
    return f"sync/notices/{name}.html"


def shown(notices: Iterable[Notice]) -> list[ShownNotice]:
    """Open notices in the order of the page."""
    groups = (
        _as_one(rows) if open_notices.is_crowd(rows) else rows
        for rows in open_notices.groups(notices)
    )
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
