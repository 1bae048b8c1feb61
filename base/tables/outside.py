"""Time taken by external events, which cannot be changed here.

It stands below the bookings, which read it.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from peewee import BooleanField, CharField, DateField, DeferredForeignKey, ModelSelect

from base import scheduling
from base.database import Base, InstantField
from base.scheduling import Span

TITLE_LENGTH, ID_LENGTH = 300, 1200
# The rules for which events block time, until somebody chooses.
RULES = {
    "busy": True,
    "tentative": False,
    "away": True,
    "elsewhere": False,
    "all_day": True,
}
EARLIER_RULES = RULES | {"all_day": False}  # of earlier versions


class ExternalEvent(Base):
    """An external event.

    Its identity is (calendar, remote_id), never the event id alone. It is changed only in its own
    calendar.

    A whole-day event has `starts_on` and `ends_on` (exclusive) and takes these days in any zone
    that is asked about; its instants are UTC midnights. `busy`: "busy", "free", "tentative", "away"
    or "elsewhere". `blocks`: whether the event takes time by the calendar's rules. `doubted_at`:
    since when readings lack the event without reporting it deleted; it blocks meanwhile.
    """

    clinic = DeferredForeignKey("Clinic", backref="external_events")
    user = DeferredForeignKey("User", backref="external_events")
    calendar = DeferredForeignKey("RemoteCalendar", backref="events", on_delete="CASCADE")
    remote_id = CharField(ID_LENGTH)
    series_id = CharField(ID_LENGTH, null=True)
    title = CharField(TITLE_LENGTH)
    busy = CharField(10)
    blocks = BooleanField()
    starts_at = InstantField()
    ends_at = InstantField()
    starts_on = DateField(null=True)
    ends_on = DateField(null=True)
    doubted_at = InstantField(null=True)

    class Meta:
        indexes = (
            (("calendar", "remote_id"), True),
            (("calendar", "series_id"), False),
            (("user", "ends_at"), False),
        )

    @property
    def all_day(self) -> bool:
        """Whether the event takes whole days rather than times of day."""
        return self.starts_on is not None

    def is_shown_to(self, reader_id: int) -> bool:
        """Whether this reader of the clinic sees the event. An event that takes no time is shown to
        its own person only.
        """
        return self.busy != "free" or self.user_id == reader_id

    def taken(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The time that it takes; whole days go from midnight to midnight in the zone.

        It may be longer than any booking, or empty.
        """
        if self.starts_on is None or self.ends_on is None:
            return self.starts_at, self.ends_at
        # The year comes from outside and may be beyond our range.
        first, last = (
            min(max(day, scheduling.FIRST_DAY), scheduling.LAST_DAY)
            for day in (self.starts_on, self.ends_on)
        )
        return scheduling.midnight(first, zone), scheduling.midnight(last, zone)

    def overlaps(self, span: Span, zone: ZoneInfo) -> bool:
        """Whether the event takes time in the span (half-open, as spans are)."""
        starts_at, ends_at = self.taken(zone)
        return starts_at < span.ends_at and span.starts_at < ends_at

    @classmethod
    def between(
        cls, user: Base | int, start: datetime, end: datetime
    ) -> "ModelSelect[ExternalEvent]":
        """The person's external events that touch [start, end) in any zone, oldest first, each with
        its calendar.
        """
        return cls.of_people([user if isinstance(user, int) else user.id], start, end)

    @classmethod
    def of_people(
        cls, users: Collection[int], start: datetime, end: datetime
    ) -> "ModelSelect[ExternalEvent]":
        """The external events of several people (ids) that touch [start, end) in any zone, oldest
        first.
        """
        calendar: Any = cls.calendar.rel_model  # type: ignore[attr-defined]  # once it is known
        # A whole day begins up to 14 hours before and 12 after its UTC midnight.
        spare = timedelta(days=1)
        near = cls.ends_at > start - spare, cls.starts_at < end + spare
        return (
            cls.select(cls, calendar)
            .join(calendar)
            .where(cls.user.in_(list(users)), *near)
            .order_by(cls.starts_at, cls.id)
        )

    @classmethod
    def blocking(
        cls, user: Base | int, spans: Sequence[Span], zone: ZoneInfo
    ) -> list["ExternalEvent"]:
        """External events that take time in one of the spans, whole days being those of `zone`."""
        if not spans:
            return []
        start, end = min(span.starts_at for span in spans), max(span.ends_at for span in spans)
        touches = (cls.starts_at < end) & (cls.ends_at > start)
        near = cls.between(user, start, end).where(
            cls.blocks, touches | cls.starts_on.is_null(False)
        )
        return [event for event in near if any(event.overlaps(span, zone) for span in spans)]


def cut(events: Iterable[ExternalEvent], spans: Sequence[Span], zone: ZoneInfo) -> list[Span]:
    """The parts of these spans that the events take: an event may be longer than any span.

    Whole days are those of `zone`.
    """
    taken = [event.taken(zone) for event in events]
    cuts = [
        (max(starts_at, span.starts_at), min(ends_at, span.ends_at))
        for starts_at, ends_at in taken
        for span in spans
    ]
    return [Span(starts_at, ends_at) for starts_at, ends_at in cuts if starts_at < ends_at]


def blocks(busy: str, all_day: bool, rules: dict[str, bool]) -> bool:
    """Whether an event takes time by these rules: never a free one, a whole day only if whole days
    count.
    """
    return rules.get(busy, False) and (not all_day or rules["all_day"])
