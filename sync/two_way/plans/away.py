"""Time off in two-way sync: a busy event "Away" in the person's own calendar outside, without its
kind or note. Each stretch is an event with a UID that never changes (`TimeOff.uid`), and follows
the same laws as a booking. Other hours on a date are not sent.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from base import scheduling
from base.tables.time_off import TimeOff
from sync.events.event import Event, Face, Window
from sync.tables.accounts import Account

FACE = Face("Away")
DAY = timedelta(days=1)
BEYOND = 800 * DAY  # days after the window, for events that were written when it was longer
_ZONE = ZoneInfo("UTC")  # whole days are sent as dates, without a zone


@dataclass(frozen=True)
class Away:
    """The time off of one account's person: by UID the row and the day on which it begins."""

    places: dict[str, tuple[TimeOff, date]]
    goes_out: bool  # whether the person wants it sent

    def events(self, uids: Collection[str]) -> dict[str, Event]:
        """By UID, the events of these entries that should exist outside, at any time."""
        if not self.goes_out:
            return {}
        found = ((uid, self._event(uid)) for uid in uids if uid in self.places)
        return {uid: event for uid, event in found if event}

    def within(self, window: Window) -> dict[str, Event]:
        """By UID, the events that lie in the window, at least in part."""
        spare, first, last = 2 * DAY, window.starts_at.date(), window.ends_at.date()
        near = [
            uid
            for uid, (row, day) in self.places.items()
            if day <= last + spare and day + (row.last_on - row.first_on) >= first - spare
        ]
        return {
            uid: event
            for uid, event in self.events(near).items()
            if window.touches(event.starts_at, event.ends_at)
        }

    def _event(self, uid: str) -> Event | None:
        row, day = self.places[uid]
        stretch = row.off.on(day, _ZONE)
        if stretch is None:
            return None
        return Event(
            uid,
            row.sequence,
            "confirmed",
            FACE,
            stretch.starts_at,
            stretch.ends_at,
            row.created_at,
            row.updated_at,
            row.zone_name or _ZONE.key,
            stretch.starts_on,
            stretch.ends_on,
        )


def sent_time_off(account: Account, window: Window) -> Away:
    """The time off of the account's person that is or was sent: one query."""
    last = _last(window)
    rows = TimeOff.select().where(
        TimeOff.user == account.user_id, TimeOff.removed_at.is_null(), TimeOff.first_on <= last
    )
    places = {str(row.uid(day)): (row, day) for row in rows for day in row.off.days(last)}
    return Away(places, account.time_off and account.sends)


def ever(account: Account, window: Window) -> set[str]:
    """UIDs of all time off of the account's person in our rows, also of removed time off and of
    skipped days of a repeat: one query.
    """
    found = set()
    for row in TimeOff.select().where(TimeOff.user == account.user_id):
        row.skipped = []
        found |= {str(row.uid(day)) for day in row.off.days(_last(window))}
    return found


def _last(window: Window) -> date:
    return min((window.ends_at + BEYOND).date(), scheduling.LAST_DAY)
