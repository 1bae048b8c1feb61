"""Which notices a person sees, which of them wait for a decision, and who asks.

Rows are grouped here; nothing is decided.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from models import Booking
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.two_way.reading import double_bookings

ONE_BY_ONE = (
    3  # so many double bookings of a calendar are told each by itself; more are told at once
)
MOST_LISTED = 20
CHANGES = "moved", "edited", "repeated", "deleted"


@dataclass(frozen=True)
class Doubles:
    """Double bookings with one calendar outside, as one notice.

    `ids`: the rows that it stands for.
    """

    account: Account
    calendar: RemoteCalendar
    bookings: list[Booking]
    ids: list[int]
    kind: str = "doubles"

    @property
    def id(self) -> str:
        return f"calendar-{self.calendar.id}"


def template(notice: Notice | Doubles) -> str:
    """The file that tells it: one a kind, and one for whatever was changed outside."""
    name = "changed" if notice.kind in CHANGES else notice.kind
    return f"sync/notices/{name}.html"


def shown(notices: Iterable[Notice]) -> list[Notice | Doubles]:
    """Open notices as the page shows them, in their order."""
    groups = (_as_one(rows) if _is_crowd(rows) else rows for rows in _by_calendar(notices))
    return [notice for rows in groups for notice in rows]


def _as_one(rows: list[Notice]) -> list[Doubles]:
    """Nothing where the last of these double bookings has ended by itself."""
    bookings = double_bookings.clashing(rows)
    return (
        [Doubles(rows[0].account, rows[0].calendar, bookings, [row.id for row in rows])]
        if bookings
        else []
    )


def _by_calendar(notices: Iterable[Notice]) -> list[list[Notice]]:
    """Double bookings of a calendar together, everything else by itself."""
    groups: dict[str, list[Notice]] = {}
    for notice in notices:
        groups.setdefault(
            f"doubles {notice.calendar_id}" if notice.kind == "double" else f"notice {notice.id}",
            [],
        ).append(notice)
    return list(groups.values())


def _is_crowd(rows: list[Notice]) -> bool:
    return rows[0].kind == "double" and (
        len(rows) > ONE_BY_ONE or any(row.booking_id is None for row in rows)
    )


def to_decide(notices: Iterable[Notice]) -> int:
    """How many of the open notices wait for a person.

    What is put back already does not; that somebody asks counts where nothing else does.
    """
    groups = _by_calendar(notices)
    waiting = sum(
        1 if _is_crowd(rows) else len(rows)
        for rows in groups
        if rows[0].kind != "sync_reminder" and not is_news(rows[0])
    )
    return waiting or any(rows[0].kind == "sync_reminder" for rows in groups)


def is_news(notice: Notice) -> bool:
    """Whether it only tells what was done."""
    return notice.kind in ("edited", "repeated") and bool(notice.detail.get("is_put_back"))
