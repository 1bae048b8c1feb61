"""Next free: a list of free times, each with a link to the booking form."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, render_template, request, url_for
from flask_login import current_user

from base import region, scheduling
from base.catalogue import _, lazy
from free_times import finding, own_terms
from free_times.finding import FreeTime, Wish
from models import Patient, Practitioner, Service
from views.kit import access, display
from views.kit.access import login_required
from views.kit.choices import Choice
from views.kit.forms import Day, Form, Minutes, arg_int
from views.kit.words import sync_words

from . import places
from .booking_form.fields import bookable
from .booking_form.times import pass_of

blueprint = Blueprint("next_free", __name__)
places.carry(blueprint)

# fields for the client, and for the page one came from
OF_THE_WAY = ("patient", "calendar", "view", "shown")
MOST_DAYS, AT_ONCE = 5, 4  # days with free times on one page, and times of a day before "more"
FURTHER, MOMENT = timedelta(days=91), timedelta(microseconds=1)
WHEN = [
    ("soon", lazy("Soonest, in the next 2 weeks")),
    ("this_week", lazy("This week")),
    ("next_week", lazy("Next week")),
    ("month", lazy("In the next 4 weeks")),
]


def _parts() -> list[tuple[str, str]]:
    """The parts of a day to choose from, their times as the region writes them."""
    noon, five = region.wall("12:00"), region.wall("17:00")
    return [
        ("any", _("Any time of day")),
        ("morning", _("Mornings, before {noon}", noon=noon)),
        ("afternoon", _("Afternoons, {noon} to {five}", noon=noon, five=five)),
        ("evening", _("Evenings, from {five}", five=five)),
    ]


class WishForm(Form):
    """The values of a search for free times. Sent with GET: it names no client."""

    service = Choice(lazy("Service"), default="")
    minutes = Minutes(
        lazy("Minutes"),
        scheduling.SERVICE_MINUTES[0],
        scheduling.SERVICE_MINUTES[-1],
        may_be_empty=True,
    )
    calendar = Choice(lazy("With"), default="")
    venue = Choice(lazy("Where"), default="")
    when = Choice(lazy("When"), choices=WHEN, default="soon")
    day = Day(lazy("Or from this day"))
    part = Choice(lazy("Time of day"), default="any")

    def __init__(self, calendars: list[Practitioner], **kwargs):
        super().__init__(meta={"csrf": False}, **kwargs)
        self.calendars = calendars
        self.services = list(Service.listed(access.clinic()))
        self.service.choices = [
            *(
                (
                    str(one.id),
                    _(
                        "{service}, {length}",
                        service=one.name,
                        length=region.length(one.duration_minutes, is_brief=True),
                    ),
                )
                for one in self.services
            ),
            ("", _("No service")),
        ]
        if self.part:
            self.part.choices = _parts()
        self.calendar.choices = [
            ("", _("Anyone")),
            *((str(one.id), f"{one.user.name}, {one.venue.name}") for one in calendars),
        ]
        venues = {str(one.venue_id): one.venue.name for one in calendars}
        self.venue.choices = [("", _("Any venue")), *sorted(venues.items(), key=lambda one: one[1])]

    def validate(self, **kwargs) -> bool:
        super().validate(**kwargs)
        if self.minutes.data is None and not self.chosen_service and not self.errors:
            self.fault("minutes", _("Choose a service, or write how many minutes it takes"))
        return not self.errors

    @property
    def chosen_service(self) -> Service | None:
        return next((one for one in self.services if str(one.id) == self.service.data), None)

    def wishes(self) -> list[Wish]:
        """A wish for each chosen calendar that offers the service."""
        service, minutes = self.chosen_service, self.minutes.data
        if service:
            wishes = [Wish.of(terms, service, minutes) for terms in own_terms.open_terms(service)]
        else:
            wishes = [Wish(one, minutes) for one in self.calendars]
        may = {one.id for one in self.calendars}
        return [
            wish
            for wish in wishes
            if wish.calendar.id in may
            and self.calendar.data in ("", str(wish.calendar.id))
            and self.venue.data in ("", str(wish.calendar.venue_id))
        ]

    def window(self, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The time in which a visit may begin, as two instants; never in the past."""
        today = scheduling.local_day(now, zone)
        week = region.week_of(today)
        if self.day.data:
            first, days = max(self.day.data, today), 14
        elif self.when.data == "next_week":
            first, days = week[-1] + timedelta(days=1), 7
        else:
            first = today
            days = {"this_week": (week[-1] - today).days + 1, "month": 28}.get(self.when.data, 14)
        last = min(first + timedelta(days=days), scheduling.LAST_DAY)
        return max(now, scheduling.midnight(first, zone)), scheduling.midnight(last, zone)


@dataclass(frozen=True)
class FreeLine:
    """A free time: start, person, and the addresses of the booking form with the proposed person
    and with each of the others.
    """

    times: str
    name: str
    url: str
    others: list[tuple[str, str]]


@dataclass(frozen=True)
class FreeDay:
    """A day with free times."""

    name: str
    lines: list[FreeLine]

    @property
    def first(self) -> list[FreeLine]:
        return self.lines[:AT_ONCE]

    @property
    def more(self) -> list[FreeLine]:
        return self.lines[AT_ONCE:]


@blueprint.get("/")
@login_required
def show():
    calendars = bookable()
    number = arg_int(request.args.get("patient"))
    patient = access.client_to_read(number) if number is not None else None
    asked = [name for name in request.args if name not in OF_THE_WAY]
    form = (
        WishForm(calendars, formdata=request.args)
        if asked
        else WishForm(calendars, formdata=None, data=usual(calendars))
    )
    if not calendars:
        return _page(form=None)
    if not form.validate():
        return _page(form=form, days=[], patient=patient), 422
    return _page(**_answer(form, patient), patient=patient)


def _page(**shown) -> str:
    return render_template("next_free/show.html", came=places.came_from(), **shown)


def usual(calendars: list[Practitioner]) -> dict:
    """The search before the person chose anything: the first service, with anyone, or in the
    calendar that they came from.
    """
    service = next(iter(Service.listed(access.clinic())), None)
    came_from = arg_int(request.args.get("calendar"))
    known = any(one.id == came_from for one in calendars)
    return {
        "service": str(service.id) if service else "",
        "minutes": None if service else 30,
        "calendar": str(came_from) if known else "",
        "venue": "",
    }


def _answer(form: WishForm, patient: Patient | None) -> dict:
    """The days with free times, and the address of the next page."""
    wishes, now = form.wishes(), scheduling.utc_now()
    zone = sync_words.zone([wish.calendar for wish in wishes] or form.calendars, current_user)
    start, end = form.window(now, zone)
    suits, grid_step = finding.in_part(form.part.data), access.clinic().step_minutes
    days: dict[date, list[FreeTime]] = {}
    later = None
    for free in finding.free_times(wishes, start, end - MOMENT, grid_step, suits=suits):
        day = scheduling.local_day(free.starts_at, free.wish.calendar.zone)
        if day not in days and len(days) == MOST_DAYS:
            later = scheduling.local_day(free.starts_at, zone)  # the next page counts by this zone
            break
        days.setdefault(day, []).append(free)
    beyond = None
    if not days and end > start:
        beyond = next(finding.free_times(wishes, end, end + FURTHER, grid_step, suits=suits), None)
    first = next(iter(days.values()))[0] if days else beyond
    today = scheduling.local_day(now, zone)
    return {
        "form": form,
        "nobody": not wishes,
        "earliest": first and _line(first, form, patient),
        "earliest_day": first
        and display.near_day(
            scheduling.local_day(first.starts_at, first.wish.calendar.zone), today
        ),
        "days": [
            FreeDay(
                display.near_day(day, today),
                [_line(free, form, patient) for free in _by_clock(found)],
            )
            for day, found in days.items()
        ],
        "later": _again(form, patient, later or scheduling.local_day(end, zone)),
        "zones": len({wish.calendar.venue.zone_name for wish in wishes}) > 1,
    }


def _by_clock(found: list[FreeTime]) -> list[FreeTime]:
    """The free times of a day as shown on its clocks: venues may be in several zones."""
    return sorted(found, key=lambda free: free.starts_at.astimezone(free.wish.calendar.zone).time())


def _line(free: FreeTime, form: WishForm, patient: Patient | None) -> FreeLine:
    zone = free.wish.calendar.zone
    return FreeLine(
        region.between_in(free.starts_at, free.ends_at, zone),
        _who(free.wish.calendar, form),
        _booking(free, free.wish, form, patient),
        [(_who(one.calendar, form), _booking(free, one, form, patient)) for one in free.others],
    )


def _who(calendar: Practitioner, form: WishForm) -> str:
    several = form.venue.has_several and not form.venue.data
    return f"{calendar.user.name}, {calendar.venue.name}" if several else calendar.user.name


def _booking(free: FreeTime, wish: Wish, form: WishForm, patient: Patient | None) -> str:
    """The address of the booking form with this time."""
    local = free.starts_at.astimezone(wish.calendar.zone)
    return url_for(
        "bookings.new",
        calendar=wish.calendar.id,
        day=local.date().isoformat(),
        service=form.service.data or None,
        minutes=wish.minutes,
        anyone="1" if wish is free.wish and free.others else None,
        patient=patient and patient.id,
        hour_pass=pass_of(local) or None,
        **{"from": f"{local:%H:%M}"},
    )


def _again(form: WishForm, patient: Patient | None, day: date) -> str:
    """The address of the same search from a later day on."""
    kept = {
        name: form[name].data or "" for name in ("service", "minutes", "calendar", "venue", "part")
    }
    return url_for("next_free.show", **kept, day=day.isoformat(), patient=patient and patient.id)
