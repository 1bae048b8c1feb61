"""Taking a time: the one way in which a visitor's booking is made, in one transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from base import scheduling
from base.bookings.clashes import Clash, ClosedCalendar, SlotTaken
from base.database import database
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.text import search_key
from free_times.finding import Free
from free_times.offers import Terms, offering_online
from free_times.rules import OnlineSettings, needs_approval
from models import Booking, Clinic, Patient, Service

from . import holds, team_letters, times
from .bookings import OnlineBooking
from .forms import Ticket
from .page import Page

TYPING = timedelta(minutes=30)  # how long the notice may count from a time that is not held


class JustTaken(Exception):
    """The time is not free any more, or not offered."""


class TermsChanged(Exception):
    """Length or price of the service are not what the visitor was shown, but these."""

    def __init__(self, minutes: int, price_cents: int):
        super().__init__(minutes, price_cents)
        self.minutes, self.price_cents = minutes, price_cents


@dataclass(frozen=True)
class Details:
    """What a visitor says of themselves, cleaned."""

    name: str
    email: str = ""
    phone: str = ""
    note: str = ""
    agrees: bool = False
    zone_name: str = ""


def is_choice(service: Service, anyone: bool) -> bool:
    """Whether the clinic lets clients book the service so: with anyone, or with a person named."""
    return service.online_choice != ("person" if anyone else "anyone")


def offered(page: Page, ticket: Ticket) -> tuple[Service, list[Terms]]:
    """The service of a ticket and the calendars it may be booked in. Raises JustTaken."""
    service = page.service(ticket.service)
    every = page.at(service) if service else []
    chosen = page.terms_of(service, ticket.calendar) if service else None
    if service is None or (chosen is None and not ticket.anyone):
        raise JustTaken
    if not is_choice(service, ticket.anyone):
        raise JustTaken
    if not ticket.anyone:
        return service, [one for one in every if one is chosen]
    if chosen is not None:
        return service, page.at(service, chosen.calendar.venue)
    raise JustTaken


def still_free(page: Page, ticket: Ticket) -> tuple[Service, Free]:
    """The ticket's time, if it can be taken now: in the calendar that was proposed, or for anyone
    in another of the venue. The notice counts from when the time was chosen, while it is held and
    a little longer. Raises JustTaken.
    """
    service, terms = offered(page, ticket)
    since, hold = ticket.issued_at, holds.alive(ticket.visitor)
    if hold is None or hold.starts_at != ticket.starts_at:  # an older form of the same visit
        since = max(since, scheduling.utc_now() - TYPING)
    at, visitor = ticket.starts_at, ticket.visitor
    proposed = [one for one in terms if one.calendar.id == ticket.calendar]
    for some in (proposed, terms):  # one calendar costs less to ask than all of them
        found = times.free_times(page, service, some, at, at, visitor=visitor, judged_at=since)
        if free := next(found, None):
            return service, free
    raise JustTaken


def take(
    page: Page, ticket: Ticket, details: Details, *, as_request: bool = False, looked: str = ""
) -> OnlineBooking:
    """Book the time, as confirmed or as a request. A second call with the same ticket gives what
    the first one made. `as_request`: whatever the clinic's rules say.

    Raises JustTaken and TermsChanged, and then books nothing.
    """
    with database.atomic():
        page.clinic.lock()
        return earlier(page, ticket) or book(
            page, ticket, details, as_request=as_request, looked=looked
        )


def book(
    page: Page, ticket: Ticket, details: Details, *, as_request: bool = False, looked: str = ""
) -> OnlineBooking:
    """The same, inside a transaction that holds the clinic, for a ticket that has booked nothing
    yet.
    """
    page = _current_for(page, ticket)
    service, free = still_free(page, ticket)
    check_terms(page, ticket, service, free)
    settings, asks = page.settings, as_request or is_request(page, service, free)
    client, is_new = _client(page.clinic, details)
    booking = _book(ticket, free, service, client, details, asks)
    made = OnlineBooking.create(
        clinic=page.clinic,
        booking=booking,
        form=ticket.visitor,
        approve_by=approve_by(settings, booking.starts_at) if asks else None,
        looked=looked,
        consent=settings.consent if details.agrees else "",
        consented_at=scheduling.utc_now() if details.agrees and settings.consent else None,
        zone_name=details.zone_name,
        newcomer=client.id if is_new else None,
        is_to_check=is_new,
    )
    holds.forget(ticket.visitor)
    team_letters.visitor_did(booking, "asked" if asks else "booked")
    return made


def earlier(page: Page, ticket: Ticket) -> OnlineBooking | None:
    """What this ticket has booked already."""
    return OnlineBooking.get_or_none(
        OnlineBooking.form == ticket.visitor, OnlineBooking.clinic == page.clinic
    )


def is_request(page: Page, service: Service, free: Free) -> bool:
    """Whether the clinic has to confirm the booking: by its rules, and, for everybody alike, where
    the practitioner takes no new clients online. Nobody learns whether somebody is known.
    """
    return needs_approval(page.settings, service) or not free.wish.calendar.takes_new_online


def current(page: Page) -> Page:
    """The page as it is now. Raises JustTaken where it was switched off meanwhile."""
    settings = OnlineSettings.of(page.clinic)
    if not settings.is_on:
        raise JustTaken
    return Page.of(Clinic.get_by_id(page.clinic.id), page.name, settings)


def _current_for(page: Page, ticket: Ticket) -> Page:
    """The same, with the ticket's service alone: two queries."""
    row = (
        Service.select(Service, Clinic, OnlineSettings)
        .join(Clinic)
        .join(OnlineSettings, on=(OnlineSettings.clinic == Clinic.id), attr="own_settings")
        .where(Service.id == ticket.service, Service.clinic == page.clinic)
        .get_or_none()
    )
    if row is None or not row.clinic.own_settings.is_on:
        raise JustTaken
    service, clinic, settings = row, row.clinic, row.clinic.own_settings
    settings.clinic = clinic
    found = offering_online(service)
    for one in found:
        one.calendar.clinic = clinic
    return Page(clinic, page.name, settings, [service] if found else [], {service.id: found})


def check_terms(page: Page, ticket: Ticket, service: Service, free: Free) -> None:
    """Raise TermsChanged where the visitor was shown another length or price."""
    terms = page.terms_of(service, free.wish.calendar.id)
    if (terms.minutes, terms.price_cents) != (ticket.minutes, ticket.price_cents):
        raise TermsChanged(terms.minutes, terms.price_cents)


def _book(
    ticket: Ticket,
    free: Free,
    service: Service,
    client: Patient,
    details: Details,
    is_request: bool,
) -> Booking:
    """Raises JustTaken."""
    try:
        made = Booking.book(
            free.wish.calendar,
            [Span(free.starts_at, free.ends_at)],
            None,
            status="pending" if is_request else "confirmed",
            allow_overlap=ignored(free),
            service=service,
            patient=client,
            rate_cents=ticket.price_cents,
            notes=details.note,
            anyone=True if ticket.anyone else None,
            online=True,
            key=ticket.key,
        )
    except (SlotTaken, ClosedCalendar):
        raise JustTaken from None
    return made[0]


def ignored(free: Free) -> set[str]:
    """The keys of events outside at this time, where the clinic lets them block nothing online."""
    if free.wish.rules is None or free.wish.rules.outside_blocks:
        return set()
    calendar, span = free.wish.calendar, Span(free.starts_at, free.ends_at)
    events = ExternalEvent.blocking(calendar.user_id, [span], calendar.zone)
    return Clash(calendar, span, [], events).keys


def approve_by(settings: OnlineSettings, starts_at: datetime) -> datetime:
    """When a request lapses: after the clinic's time, never past its start."""
    return min(scheduling.utc_now() + timedelta(hours=settings.lapse_hours), starts_at)


def _client(clinic: Clinic, details: Details) -> tuple[Patient, bool]:
    """The client's record, and whether it is a new one. One that is there counts where e-mail and
    name are the same, and only one is; the same work is done in either case.
    """
    wanted = search_key(details.name)
    alike = Patient.select().where(
        Patient.clinic == clinic,
        Patient.email == details.email,
        Patient.email != "",
        ~Patient.archived,
        Patient.merged_into.is_null(),
    )
    same = [one for one in alike if search_key(one.name) == wanted]
    number = Patient.next_internal_id(clinic)
    if len(same) == 1:
        return same[0], False
    contact = {"email": details.email, "phone": details.phone}
    return Patient.named(clinic, None, details.name, internal_id=number, **contact), True
