"""The form of a booking: what was typed, as spans and columns, or as sentences about what to put
right.
"""

import secrets
import uuid
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import ClassVar

from flask import url_for
from flask_login import current_user
from wtforms import BooleanField, Field
from wtforms.widgets import NumberInput

from base import scheduling
from base.scheduling import BadTime, Span
from base.statuses import STATUSES
from base.text import search_key
from free_times.offers import Terms, terms
from models import Booking, Patient, Practitioner, Service, Venue
from views.kit import access, display
from views.kit.forms import Choice, Clock, Day, Hidden, Line, Money, Needed, Options, Paragraph
from views.kit.merging import Merging

from . import clients

OVERNIGHT = timedelta(
    hours=12
)  # an end before the start means the next day when it is at most so long; else it is a slip
MOST_FOUND = 6
WHICH = [("one", "Only this one"), ("following", "This and following"), ("all", "The whole series")]
FACTS = {  # BadTime → the field and the sentence
    "year": ("day", "Choose a day from 1970 to 2099"),
    "ends_before_start": ("ends", "It ends before it starts. Check both times"),
    "too_long": ("last_day", "One booking lasts at most 31 days. Make several"),
    "interval": ("every", "Repeat every 1 to 52 weeks"),
    "too_many": ("count", f"Make at most {scheduling.MOST_REPEATS} bookings at once"),
}


class Whole(Field):
    """A whole number; empty: None."""

    widget = NumberInput()

    def _value(self):
        return self.raw_data[0] if self.raw_data else "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist):
        raw = valuelist[0].strip() if valuelist else ""
        self.data = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 7 else None
        if raw and self.data is None:
            raise ValueError("Write a whole number")


class _Slip(Exception):
    """What was typed is no span: the field, and what to do."""

    def __init__(self, field: str, sentence: str):
        super().__init__(field)
        self.field, self.sentence = field, sentence


class BookingForm(Merging):
    together: ClassVar = {"When": ("calendar", "day", "last_day", "starts", "ends", "all_day")}
    not_stored = (
        "key",
        "anyone",
        "q",
        "matched",
        "overlap",
        "agreed",
        "repeat",
        "every",
        "count",
        "until",
        "which",
    )

    key = Hidden()
    anyone = Hidden(limit=1)  # "1": whoever is free was asked for
    calendar = Choice("Calendar", coerce=int)
    q = Line("Client", 100)
    patient = Hidden()
    matched = Hidden()  # the client whom the text chose
    service = Choice("Service", default="")
    day = Day("Day", [Needed("Choose a day")])
    last_day = Day("Last day")
    starts = Clock("From")
    ends = Clock("To")
    all_day = BooleanField("All day")
    overlap = Choice(
        "When the time is taken",
        choices=[("", ""), ("ok", "Book anyway"), ("skip", "Skip these")],
        default="",
        validate_choice=False,
    )
    agreed = Hidden(limit=10_000)  # what was in the way on the page on which somebody agreed to it
    rate = Money("Rate")
    status = Choice(
        "Status",
        choices=[(status, display.STATUS_NAMES[status]) for status in STATUSES],
        default="confirmed",
    )
    notes = Paragraph("Notes", 4000)
    repeat = Options(
        "Repeat",
        choices=[("once", "Once"), ("weekly", "Every week"), ("weeks", "Every 2, 3, 4 … weeks")],
        default="once",
    )
    every = Whole("Every how many weeks?")
    count = Whole("Number of appointments")
    until = Day("Or until")
    which = Options("Change", choices=WHICH, default="one")

    def __init__(self, practitioner: Practitioner, booking: Booking | None = None, **kwargs):
        super().__init__(**kwargs)
        self.calendar.data = practitioner.id
        self.practitioner, self.booking = practitioner, booking
        self.remarks: list[str] = []
        self._terms: dict[tuple[int, int], Terms] = {}
        kept = Service.id == (booking and booking.service_id)
        self.services = list(
            access.clinic().services.where(~Service.archived | kept).order_by(Service.name)
        )
        self.calendar.choices = [
            (one.id, f"{one.user.name}, {one.venue.name}") for one in bookable(practitioner)
        ]
        self.service.choices = [
            ("", "No service"),
            *((str(s.id), _service_label(s)) for s in self.services),
        ]

    @property
    def chosen_service(self) -> Service | None:
        return next(
            (service for service in self.services if str(service.id) == self.service.data), None
        )

    @property
    def terms(self) -> Terms | None:
        """How the calendar offers the chosen service: one look for each service and calendar."""
        service, calendar = self.chosen_service, self.practitioner
        if service is None:
            return None
        key = service.id, calendar.id
        if key not in self._terms:
            self._terms[key] = terms(calendar, service)
        return self._terms[key]

    @cached_property
    def chosen_patient(self) -> Patient | None:
        """The client chosen so far, of this clinic."""
        chosen = self.patient.data or ""
        return (
            access.client_to_read(int(chosen))
            if chosen.isascii() and chosen.isdigit() and len(chosen) < 10
            else None
        )

    @property
    def form_key(self) -> uuid.UUID:
        """The same for every press of this very form by this person."""
        return uuid.uuid5(
            uuid.NAMESPACE_OID, f"{current_user.id} {self.key.data or secrets.token_hex()}"
        )

    @property
    def new_client(self) -> str | None:
        """The name of the client to be added, if one is."""
        return self.q.data if self.patient.data == "new" else None

    @property
    def may_overlap(self) -> bool | set[str]:
        """What the person agreed to overlap: nothing, what the page named, or, where it named
        nothing, whatever is there.
        """
        if self.overlap.data in (None, "", "skip"):
            return False
        return set(self.agreed.data.split()) if self.agreed.data else True

    def agrees_to(self, keys: str) -> bool:
        """Whether that covers what is in the way now."""
        agreed = self.may_overlap
        return agreed is True or (bool(agreed) and set(keys.split()) <= agreed)

    def found(self) -> list[Patient]:
        """Clients that match what was typed, each with the day of the last booking so far as
        `last_here` (None: not yet).
        """
        if not self.q.data:
            return []
        patients = list(clients.suggested(access.clinic(), self.q.data).limit(MOST_FOUND))
        last = clients.last_seen(patients)
        for patient in patients:
            patient.last_here = patient.id in last and scheduling.local_day(
                last[patient.id], self.practitioner.zone
            )
        return patients

    def names_id(self, found: list[Patient]) -> list[Patient]:
        """Whose internal ID is exactly what was typed."""
        return [
            one
            for one in found
            if one.internal_id and search_key(one.internal_id) == search_key(self.q.data)
        ]

    def match(self, found: list[Patient]) -> Patient | None:
        """The one client whose internal ID or whole name was typed, unless someone, or nobody, is
        chosen already.
        """
        named = self.names_id(found) or [
            one for one in found if search_key(one.name) == search_key(self.q.data)
        ]
        return (
            named[0]
            if len(named) == 1
            and not self.chosen_patient
            and self.patient.data not in ("none", "new")
            else None
        )

    def let_go(self) -> None:
        """Forget a client whom the text chose and nobody pressed: the text has gone on since."""
        if self.matched.data and self.matched.data == self.patient.data:
            self.patient.data = ""

    def validate(self, **kwargs) -> bool:
        """Each field alone, then what crosses fields."""
        super().validate(**kwargs)
        if self.patient.data == "new" and not self.q.data:
            self.fault("q", "Write the name of the new client")
        elif self.q.data and not self.patient.data:
            self.fault("q", "Choose a client, or add a new one")
        elif self.chosen_patient and self.chosen_patient.archived and not self._keeps_patient():
            self.fault(
                "q", "This client is archived. Bring the record back first, or choose another"
            )
        if self.repeat.data != "once":
            self._validate_repeat()
        return not self.errors

    def _keeps_patient(self) -> bool:
        """Whether the client is the booking's already: it stays, archived or not."""
        return bool(self.booking) and self.booking.patient_id == self.chosen_patient.id

    def snapshot(self) -> dict:
        nobody = {"patient": ""} if self.patient.data == "none" else {}
        return super().snapshot() | nobody

    def put(self, name: str, value) -> None:
        super().put(name, value)
        if name == "calendar":
            self.practitioner = access.calendar_to_read(value)
        elif name == "patient":
            self.__dict__.pop("chosen_patient", None)

    def in_words(self, names: tuple[str, ...]) -> str:
        if names != ("patient",):
            return super().in_words(names)
        return self.chosen_patient.name if self.chosen_patient else self.new_client or "No client"

    def _validate_repeat(self) -> None:
        if self.repeat.data == "weeks" and not self.every.data:
            self.fault("every", FACTS["interval"][1])
        if self.count.data is None and self.until.data is None:
            self.fault(
                "count",
                f"Say how many times, from 2 to {scheduling.MOST_REPEATS}, or until which day",
            )
        elif self.count.data is not None and not 2 <= self.count.data <= scheduling.MOST_REPEATS:
            self.fault("count", f"Say how many times, from 2 to {scheduling.MOST_REPEATS}")

    def span(self) -> Span | None:
        """What was typed as a span in the calendar's zone, or None with a fault beside the field.
        Fills `remarks`.
        """
        try:
            return self._span()
        except _Slip as slip:
            self.fault(slip.field, slip.sentence)
            return None

    def span_so_far(self) -> Span | None:
        """The span of a form that may not be finished. What is filled in and cannot be becomes a
        remark, unless it stands beside its field.
        """
        try:
            return self._span()
        except _Slip as slip:
            finished = slip.field == "last_day" or (slip.field == "ends" and self.ends.data)
            self.remarks[:] = [f"{slip.sentence}."] if finished and not self.errors else []
            return None

    def spans_so_far(self) -> list[Span]:
        """The same with its repeats, as far as they can be told."""
        span = self.span_so_far()
        if span is None:
            return []
        every = 1 if self.repeat.data == "weekly" else self.every.data
        if (
            self.booking
            or self.repeat.data == "once"
            or not every
            or not (self.count.data or self.until.data)
        ):
            return [span]
        try:
            return scheduling.repeats(
                span, self.practitioner.zone, every, self.count.data, self.until.data
            )
        except BadTime:
            return [span]

    def _span(self) -> Span:
        self.remarks.clear()
        if self.day.data is None:
            raise _Slip("day", "Choose a day")
        if self.booking and self._times() == of(self.booking)._times():
            return (
                self.booking.span
            )  # untouched: also the second pass of a repeated hour stays what it is
        try:
            return self._whole_days() if self.all_day.data else self._timed()
        except BadTime as error:
            raise _Slip(*FACTS[error.fact]) from None

    def _times(self) -> tuple:
        whole = self.all_day.data
        walls = (
            (None, None, self.last_day.data or self.day.data)
            if whole
            else (self.starts.data, self.ends.data, None)
        )
        return self.practitioner.id, self.day.data, whole, *walls

    def _whole_days(self) -> Span:
        last = self.last_day.data or self.day.data
        if last < self.day.data:
            raise _Slip("last_day", "The last day lies before the first")
        return scheduling.whole_days(self.day.data, last, self.practitioner.zone)

    def _timed(self) -> Span:
        day, zone = self.day.data, self.practitioner.zone
        if self.starts.data is None:
            raise _Slip("starts", "Say when it starts, or tick All day")
        starts_at, odd_start = scheduling.instant(day, self.starts.data, zone)
        self._remark(day, self.starts.data, starts_at, odd_start)
        length = self._length(day)
        if self.ends.data is None:
            return Span(starts_at, starts_at + length)
        last = day if self.ends.data > self.starts.data else day + timedelta(days=1)
        ends_at, odd_end = scheduling.instant(last, self.ends.data, zone)
        self._remark(last, self.ends.data, ends_at, odd_end)
        if last > day:
            self.remarks.append(f"It ends on {display.day(last)}.")
        if ends_at <= starts_at and odd_start == "gap":
            ends_at = starts_at + length  # the start was moved past the end
        return Span(starts_at, ends_at)

    def _length(self, day: date) -> timedelta:
        """How long it lasts on the clock: from the two times, or the service's."""
        if self.ends.data is None:
            if self.chosen_service is None:
                raise _Slip("ends", "Say when it ends, or choose a service")
            return timedelta(minutes=self.terms.minutes)
        length = datetime.combine(day, self.ends.data) - datetime.combine(day, self.starts.data)
        overnight = length <= timedelta(0)
        if overnight and length + timedelta(days=1) > OVERNIGHT:
            raise BadTime("ends_before_start")
        return length + timedelta(days=overnight)

    def _remark(self, day: date, wall: time, at: datetime, odd: str | None) -> None:
        zone = self.practitioner.zone
        where = f"{wall:%H:%M} on {display.day(day, year=True)} in {display.zone_city(zone)}"
        if odd == "gap":
            self.remarks.append(
                f"{where} does not exist: the clocks go forward. We take {display.clock(at, zone)}."
            )
        elif odd == "twice":
            local = at.astimezone(zone)
            self.remarks.append(
                f"{where} comes twice: the clocks go back. We take the first, {local:%H:%M}"
                f" {local.tzname()}."
            )

    def spans(self) -> list[Span]:
        """The span and its repeats; empty with a fault beside the field."""
        span = self.span()
        if span is None or self.repeat.data == "once":
            return [span] if span else []
        every = 1 if self.repeat.data == "weekly" else self.every.data or 0
        try:
            spans = scheduling.repeats(
                span, self.practitioner.zone, every, self.count.data, self.until.data
            )
        except BadTime as error:
            self.fault(
                *("until", "Choose a day up to 2099") if error.fact == "year" else FACTS[error.fact]
            )
            return []
        if len(spans) < 2:
            self.fault("until", "Choose a day on which it has happened at least twice")
        elif spans[0].overlaps(spans[1]):
            self.fault("every", "Each one would run into the next. Leave more weeks between them")
        return spans

    def columns(self) -> dict:
        """Client, service, rate and notes for the row. A rate left empty is the service's price on
        a new booking.
        """
        service, rate = self.chosen_service, self.rate.data
        if rate is None and self.booking is None and service and not self.all_day.data:
            rate = self.terms.price_cents
        asked = {} if self.booking else {"anyone": self.anyone.data == "1"}
        return asked | {
            "patient": self.chosen_patient,
            "service": service,
            "rate_cents": rate,
            "notes": self.notes.data or "",
        }


def _service_label(service: Service) -> str:
    price = (
        f", {display.money(service.price_cents, access.clinic().currency)}"
        if service.price_cents
        else ""
    )
    return f"{service.name}, {service.duration_minutes} min{price}"


def bookable(current: Practitioner | None = None) -> list[Practitioner]:
    """The calendars in which the signed-in person may book, with `current` even when it is
    closed.
    """
    own = [
        one
        for one in access.calendars()
        if current_user.is_manager or one.user_id == current_user.id
    ]
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
    """A form to make a booking for the client, with service, rate, notes and length `like` an
    earlier one where given. `found` are further fields, of a free time that was looked for.
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


def of(booking: Booking) -> BookingForm:
    """The form to change a booking, as it is now."""
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


def close_url(form: BookingForm) -> str:
    """Where "Cancel" leads."""
    if form.booking:
        return url_for("bookings.show", booking_id=form.booking.id)
    return url_for(
        "week.index",
        calendar=form.practitioner.id,
        day=form.day.data.isoformat() if form.day.data else None,
    )


def zone_differs(practitioner: Practitioner) -> bool:
    """Whether a calendar of this clinic lies in another zone, so that times must say theirs."""
    return (
        Practitioner.listed(practitioner.clinic_id)
        .where(Venue.zone_name != practitioner.venue.zone_name)
        .exists()
    )
