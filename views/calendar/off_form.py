"""The form of time off: the typed values for the columns, or sentences about mistakes; and the
bookings during it.
"""

import uuid
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from flask_login import current_user
from wtforms import BooleanField

from base import scheduling
from base.catalogue import _, lazy
from base.scheduling import BadTime
from base.tables.time_off import KINDS, TimeOff
from base.working_time import LONGEST_DAYS, Off
from models import Booking, Practitioner
from views.kit import access, display
from views.kit.choices import Choice
from views.kit.forms import Clock, Day, Hidden, Needed, Paragraph
from views.kit.merging import Merging
from views.kit.week_fields import Weekdays

DATES = ("first_on", "last_on")
MOST_LISTED = 10  # bookings during it, by name; the rest are counted
SEARCHED_AHEAD = timedelta(days=2 * 366)  # for bookings during time off that repeats without end
FACTS = {  # BadTime → the field and the sentence
    "year": ("first_on", lazy("Choose days from 1970 to 2099")),
    "ends_before_start": ("ends", lazy("It ends before it starts. Check days and times")),
    "off_too_long": (
        "last_on",
        lazy(
            "Time off lasts at most {longest_days} years. Check the last day",
            longest_days=LONGEST_DAYS // 366,
        ),
    ),
    "off_overlaps_itself": (
        "last_on",
        lazy("What repeats every week must end before it begins again. Choose an earlier last day"),
    ),
    "until": ("until", lazy("Choose a day after the first one, or leave it empty")),
}


class OffForm(Merging):
    together: ClassVar = {
        lazy("When"): ("first_on", "last_on", "whole", "starts", "ends", "weekly", "until")
    }
    not_stored = ("key", "kept", "days")

    key = Hidden()
    kept = Hidden(limit=200_000)  # bookings on the list, at most: years hold thousands
    kind = Choice(lazy("What for"), choices=[(kind, display.OFF_NAMES[kind]) for kind in KINDS])
    whole = BooleanField(lazy("Whole days"))
    first_on = Day(lazy("From"), [Needed(lazy("Choose the first day"))])
    starts = Clock(lazy("At"))
    last_on = Day(lazy("To"))
    ends = Clock(lazy("Until"))
    weekly = BooleanField(lazy("Every week"))
    until = Day(lazy("Until which day"))
    days = Weekdays(lazy("On these days"), is_short=True)
    note = Paragraph(lazy("Note"), 2000)

    def __init__(self, calendar: Practitioner, row: TimeOff | None = None, **kwargs):
        super().__init__(**kwargs)
        if not access.may_see_off_note(calendar.user_id):
            del self.note
        if row:
            del self.days  # one row for each weekday
        self.practitioner, self.row = calendar, row
        self.zone_name = (row and row.zone_name) or calendar.venue.zone_name
        self.bookings: list[Booking] = []

    @property
    def form_key(self) -> uuid.UUID:
        """A key that is the same for every press of this form by this person."""
        return uuid.uuid5(uuid.NAMESPACE_OID, f"time off {current_user.id} {self.key.data}")

    def columns(self) -> dict:
        """The values to store."""
        first, last = self.first_on.data, self.last_on.data or self.first_on.data
        walls = None, None
        if not self.whole.data:
            walls = f"{self.starts.data:%H:%M}", f"{self.ends.data:%H:%M}"
            if last == first and walls[0] > walls[1] == "00:00":
                last += timedelta(days=1)  # until midnight
        return {
            "kind": self.kind.data,
            "first_on": first,
            "last_on": last,
            "starts": walls[0],
            "ends": walls[1],
            "zone_name": None if self.whole.data else self.zone_name,
            "weekly": self.weekly.data,
            "until": self.until.data if self.weekly.data else None,
        } | ({"note": self.note.data or ""} if self.note else {})

    def every(self) -> list[dict]:
        """The values to store, once for each ticked weekday, whose first day is the typed one or
        the next after it.
        """
        columns = self.columns()
        ticked = [int(day) for day in (self.days and self.days.data) or ()]
        if not ticked or not self.weekly.data:
            return [columns]
        first = columns["first_on"]
        later = sorted((day - first.weekday()) % 7 for day in ticked)
        moved = ({name: columns[name] + timedelta(days=n) for name in DATES} for n in later)
        return [columns | dates for dates in moved]

    def offs(self) -> list[Off]:
        """The typed values as rules, one for each weekday; none with a fault at the field."""
        if self.days and self.days.data and not self.weekly.data:
            self.fault("weekly", _("Tick “Every week” too, or no weekdays"))
        off = self.off()
        if off is None or self.errors:
            return []
        if self.row:
            return [off]
        try:
            return [TimeOff(**columns).off for columns in self.every()]
        except BadTime as error:
            self.fault(*FACTS[error.fact])
        return []

    def off(self) -> Off | None:
        """The typed values as a rule, or None with a fault at the field."""
        if not self.whole.data:
            for clock, sentence in (
                (self.starts, _("Say when it starts, or tick Whole days")),
                (self.ends, _("Say when it ends, or tick Whole days")),
            ):
                if clock.data is None and not clock.errors:
                    self.fault(clock.name, sentence)
        if self.errors:
            return None
        try:
            off = TimeOff(skipped=self.row.skipped if self.row else [], **self.columns()).off
        except BadTime as error:
            self.fault(*FACTS[error.fact])
            return None
        if not off.takes_time:
            self.fault("starts", _("The clocks go forward over these times. Choose others"))
        return off

    def find_bookings(self, *offs: Off) -> None:
        """Find the bookings during the time off."""
        found = {row.id: row for off in offs for row in bookings_in(off, self.practitioner)}
        self.bookings = sorted(found.values(), key=lambda row: row.starts_at)

    @property
    def listed(self) -> list[Booking]:
        """The first bookings during the time off, which the page names."""
        return self.bookings[:MOST_LISTED]

    @property
    def unlisted(self) -> int:
        """The number of bookings during the time off that the page does not name."""
        return len(self.bookings) - len(self.listed)

    @property
    def keys(self) -> str:
        return " ".join(str(booking.id) for booking in self.bookings)

    @property
    def knows_bookings(self) -> bool:
        """Whether the page that was sent had listed all bookings during the time off."""
        return set(self.keys.split()) <= set((self.kept.data or "").split())


def bookings_in(off: Off, calendar: Practitioner) -> list[Booking]:
    """The bookings of the calendar's person that take time during the time off, oldest first. For
    time off that repeats, only those of the first two years.
    """
    zone = off.zone or calendar.zone
    first, last = off.first_on, off.last_on
    if off.weekly:
        today = scheduling.local_day(scheduling.utc_now(), zone)
        last = min(filter(None, (off.until, max(first, today) + SEARCHED_AHEAD))) + (
            off.last_on - off.first_on
        )
    last = min(last, scheduling.LAST_DAY)
    window = (
        scheduling.midnight(first, zone) - timedelta(days=1),
        scheduling.midnight(last, zone) + timedelta(days=3),
    )
    rows = Booking.of_person(calendar.user, *window)
    return [
        row
        for row in rows
        if row.is_busy
        and next(off.between(row.starts_at, row.ends_at, row.practitioner.zone), None)
    ]


def blank(calendar: Practitioner, day: date, starts: time | None) -> OffForm:
    """A new form: for an hour from `starts` on, or for whole days."""
    until = datetime.combine(day, starts or time()) + timedelta(hours=1)
    past_midnight = until.date() > day and until.time() > time()
    return OffForm(
        calendar,
        formdata=None,
        data={
            "key": uuid.uuid4().hex,
            "kind": "other" if starts else "leave",
            "whole": starts is None,
            "first_on": day,
            "last_on": until.date() if past_midnight else day,
            "starts": starts,
            "ends": starts and until.time(),
        },
    )


def filled_off_form(row: TimeOff, calendar: Practitioner) -> OffForm:
    """The form filled with the stored values."""
    walls = {
        name: time.fromisoformat(wall)
        for name in ("starts", "ends")
        if (wall := getattr(row, name))
    }
    data = {name: getattr(row, name) for name in ("kind", "note", "first_on", "last_on")}
    data |= {"weekly": row.weekly, "until": row.until, "whole": row.starts is None, **walls}
    return OffForm(calendar, row, formdata=None, data=data)
