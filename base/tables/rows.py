"""Types for rows whose tables stand above this room."""

from collections.abc import Collection, Sequence
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from base.scheduling import Span


class Owned(Protocol):
    """A practitioner's calendar: its id and its owner, and nothing more."""

    @property
    def id(self) -> int:
        """The id of the calendar."""

    @property
    def user_id(self) -> int:
        """The id of its person."""


OwnedRow = TypeVar("OwnedRow", bound=Owned)


class Calendar(Protocol):
    """One practitioner's bookings at one venue (`models.Practitioner`)."""

    @property
    def id(self) -> int:
        """The id of the calendar."""

    @property
    def user_id(self) -> int:
        """The id of its person."""

    @property
    def zone(self) -> ZoneInfo:
        """The venue's zone."""

    def check_open(self) -> None:
        """Raise ClosedCalendar where nothing new may be booked."""


class Worked(Calendar, Protocol):
    """A calendar, with its hours."""

    @property
    def venue_id(self) -> int:
        """The id of the venue."""

    @property
    def venue(self) -> Any:
        """The venue, with its weekly hours."""

    @property
    def hours(self) -> Any:
        """The hours of each weekday (`opening_hours.Hours`)."""


class Booked(Protocol):
    """A booking (`models.Booking`)."""

    @property
    def id(self) -> int:
        """The id of the booking."""

    @property
    def span(self) -> Span:
        """The time from the booking's start to its end."""

    @property
    def status(self) -> str:
        """One of `statuses.STATUSES`."""

    @property
    def is_busy(self) -> bool:
        """Whether the booking takes time."""

    def overlaps(self, other: Any) -> bool:
        """Whether both take time of one person at once. `other`: another `Booked`."""

    @property
    def practitioner(self) -> Any:
        """The booking's `Calendar`."""

    @property
    def practitioner_id(self) -> int:
        """The id of its calendar."""

    @property
    def __data__(self) -> dict[str, Any]:
        """The values of the columns, by name."""

    @classmethod
    def conflicts(
        cls, user: int, spans: Sequence[Span], but: Collection[int] = ()
    ) -> Sequence["Booked"]:
        """The person's bookings that take time in these spans, except those with ids in `but`."""
