"""The form of a booking: its fields, its client and service, and the values for the row."""

import secrets
import uuid
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from flask_login import current_user
from wtforms import BooleanField
from wtforms.widgets import TelInput

from base import region, scheduling
from base.bookings.statuses import STATUSES
from base.catalogue import _, lazy
from free_times.own_terms import ServiceTerms, choices, terms
from models import Booking, Patient, Practitioner, Service
from views.kit import access, display
from views.kit.choices import Choice, Options
from views.kit.forms import (
    Clock,
    Day,
    Email,
    Hidden,
    Line,
    Money,
    Needed,
    Paragraph,
    WholeNumber,
)

from .client import ClientFields
from .times import Times

WHICH = [
    ("one", lazy("Only this one")),
    ("following", lazy("This and following")),
    ("all", lazy("The whole series")),
]


class BookingForm(ClientFields, Times):
    together: ClassVar = {
        lazy("When"): ("calendar", "day", "last_day", "starts", "ends", "all_day"),
        lazy("Client"): ("patient",),
    }
    not_stored = (
        "key",
        "anyone",
        "q",
        "matched",
        "phone",
        "email",
        "told",
        "overlap",
        "hour_pass",
        "agreed",
        "repeat",
        "every",
        "count",
        "until",
        "which",
    )

    key = Hidden()
    anyone = Hidden(limit=1)  # "1": any free practitioner will do
    calendar = Choice(lazy("Calendar"), coerce=int)
    q = Line(lazy("Client"), 100)
    patient = Hidden()
    matched = Hidden()  # the client that the text found, or "new" if it found none
    phone = Line(lazy("Phone"), 40, widget=TelInput())  # of a new client
    email = Email(lazy("E-mail"))
    told = Hidden(limit=200)  # clients that were listed because they may be the same person
    service = Choice(lazy("Service"), default="")
    day = Day(lazy("Day"), [Needed(lazy("Choose a day"))])
    last_day = Day(lazy("Last day"))
    starts = Clock(lazy("From"))
    ends = Clock(lazy("To"))
    all_day = BooleanField(lazy("All day"))
    overlap = Choice(
        lazy("When the time is taken"),
        choices=[("", ""), ("ok", lazy("Book anyway")), ("skip", lazy("Skip these"))],
        default="",
        validate_choice=False,
    )
    # of a start that comes twice when the clocks go back; "": as it is stored, else the first
    hour_pass = Choice(
        lazy("Which of both"),
        choices=[("", ""), ("first", lazy("The first")), ("second", lazy("The second"))],
        default="",
        validate_choice=False,
    )
    agreed = Hidden(limit=40_000)  # the conflicts on the page on which the person agreed
    rate = Money(lazy("Rate"))
    status = Choice(
        lazy("Status"),
        choices=[(status, display.STATUS_NAMES[status]) for status in STATUSES],
        default="confirmed",
    )
    notes = Paragraph(lazy("Notes"), 4000)
    repeat = Options(
        lazy("Repeat"),
        choices=[
            ("once", lazy("Once")),
            ("weekly", lazy("Every week")),
            ("weeks", lazy("Every 2, 3, 4 … weeks")),
        ],
        default="once",
    )
    every = WholeNumber(lazy("Every how many weeks?"))
    count = WholeNumber(lazy("Number of appointments"))
    until = Day(lazy("Or until"))
    which = Options(lazy("Change"), choices=WHICH, default="one")

    def __init__(self, practitioner: Practitioner, booking: Booking | None = None, **kwargs):
        super().__init__(**kwargs)
        self.calendar.data = practitioner.id
        self.practitioner, self.booking = practitioner, booking
        self.remarks: list[str] = []
        self._terms: dict[tuple[int, int], ServiceTerms] = {}
        self.services = choices(access.clinic(), booking and booking.service_id)
        self.calendar.choices = [
            (one.id, f"{one.user.name}, {one.venue.name}") for one in bookable(practitioner)
        ]
        self.service.choices = [
            ("", _("No service")),
            *((str(s.id), _service_label(s)) for s in self.services),
        ]

    @property
    def chosen_service(self) -> Service | None:
        return next(
            (service for service in self.services if str(service.id) == self.service.data), None
        )

    @property
    def terms(self) -> ServiceTerms | None:
        """The calendar's terms for the chosen service. One query for each service and calendar."""
        service, calendar = self.chosen_service, self.practitioner
        if service is None:
            return None
        key = service.id, calendar.id
        if key not in self._terms:
            self._terms[key] = terms(calendar, service)
        return self._terms[key]

    @property
    def form_key(self) -> uuid.UUID:
        """A key that is the same for every press of this form by this person."""
        return uuid.uuid5(
            uuid.NAMESPACE_OID, f"{current_user.id} {self.key.data or secrets.token_hex()}"
        )

    def made_before(self) -> list[Booking]:
        """Bookings that an earlier press of this form made. Called before any check: the calendar
        may have been closed since.
        """
        spans = self.spans_so_far() if self.key.data else []
        return Booking.made_before(self.practitioner, self.form_key, spans) if spans else []

    @property
    def may_overlap(self) -> bool | set[str]:
        """The overlaps to which the person agreed: those that the page named, or True for all if it
        named none. False: none.
        """
        if self.overlap.data in (None, "", "skip"):
            return False
        return set(self.agreed.data.split()) if self.agreed.data else True

    def agrees_to(self, keys: str) -> bool:
        """Whether the person agreed to all of these conflicts."""
        agreed = self.may_overlap
        return agreed is True or (bool(agreed) and set(keys.split()) <= agreed)

    def validate(self, **kwargs) -> bool:
        """Check each field, then the combinations of fields."""
        self.prepare_client()
        super().validate(**kwargs)
        self.check_client()
        if self.repeat.data != "once":
            self.check_repeat()
        return not self.errors

    def put(self, name: str, value) -> None:
        super().put(name, value)
        if name == "calendar":
            self.practitioner = access.calendar_to_read(value)

    def is_as_stored(self) -> bool:
        if self.booking is None or self.times() != filled_form(self.booking).times():
            return False
        stored = self.stored_pass(self.day.data, self.starts.data) if self.starts.data else ""
        return not self.hour_pass.data or not stored or self.hour_pass.data == stored

    def columns(self) -> dict:
        """Client, service, rate and notes for the row. On a new booking an empty rate is the
        service's price.
        """
        service, rate = self.chosen_service, self.rate.data
        if rate is None and self.booking is None and service and not self.all_day.data:
            rate = self.terms.price_cents
        asked = {} if self.booking else {"anyone": self.anyone.data == "1"}
        return asked | {
            "patient": self.chosen_patient and self.chosen_patient.record_in_use,
            "service": service,
            "rate_cents": rate,
            "notes": self.notes.data or "",
        }


def bookable(current: Practitioner | None = None) -> list[Practitioner]:
    """The calendars in which the signed-in person may book, with `current` even if closed."""
    own = [one for one in access.calendars() if access.is_own(one)]
    return own if current is None or any(one.id == current.id for one in own) else [*own, current]


def blank(
    practitioner: Practitioner,
    *,
    day: date,
    starts: time | None = None,
    like: Booking | None = None,
    patient: Patient | None = None,
    **found,
) -> BookingForm:
    """A form for a new booking of the client. `like`: an earlier booking whose service, rate, notes
    and length it takes over. `found`: more fields, from a free time that was chosen.
    """
    values = {
        "key": secrets.token_urlsafe(18),
        "calendar": practitioner.id,
        "day": day,
        "starts": starts,
        "status": "confirmed",
        "patient": patient and str(patient.id),
        "every": 2,
        **found,
    }
    if like:
        values = (
            _shared(like)
            | values
            | {
                "starts": starts or _wall(like.starts_at, like),
                "ends": _wall(like.ends_at, like),
            }
        )
    return BookingForm(practitioner, formdata=None, data=values)


def filled_form(booking: Booking) -> BookingForm:
    """The form for changing a booking, filled from it."""
    zone = booking.practitioner.zone
    values = _shared(booking) | {
        "calendar": booking.practitioner_id,
        "status": booking.status,
        "day": booking.starts_on or scheduling.local_day(booking.starts_at, zone),
        "starts": _wall(booking.starts_at, booking),
        "ends": _wall(booking.ends_at, booking),
        "last_day": booking.ends_on and booking.ends_on - timedelta(days=1),
    }
    return BookingForm(booking.practitioner, booking, formdata=None, data=values)


def _shared(booking: Booking) -> dict:
    return {
        "patient": booking.patient_id and str(booking.patient_id),
        "service": str(booking.service_id or ""),
        "all_day": booking.all_day,
        "rate": booking.rate_cents,
        "notes": booking.notes,
    }


def _wall(at: datetime, booking: Booking) -> time | None:
    return None if booking.all_day else at.astimezone(booking.practitioner.zone).time()


def _service_label(service: Service) -> str:
    """A service in the list of a form, with its length and price."""
    price = (
        f", {display.money(service.price_cents, access.clinic().currency)}"
        if service.price_cents
        else ""
    )
    return _(
        "{service}, {length}{price}",
        service=service.name,
        length=region.length(service.duration_minutes, is_brief=True),
        price=price,
    )
