"""Making a visitor's booking in one transaction. No other module makes one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from base import scheduling
from base.bookings.clashes import Clash, ClosedCalendar, SlotTaken
from base.database import database
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from base.text import phone_tail, search_key
from free_times.finding import FreeTime, Wish
from free_times.own_terms import ServiceTerms, online_terms
from free_times.rules import OnlineSettings, needs_approval
from models import Booking, Clinic, Patient, Service

from . import holds, newcomers, team_letters, visitor_times
from .made_online import OnlineBooking
from .page import OnlinePage
from .tickets import Ticket

# How long the booking notice counts from the choice if the time is not held.
TYPING = timedelta(minutes=30)


class JustTaken(Exception):
    """The time is not free any more, or not offered."""


class TermsChanged(Exception):
    """Length or price of the service differ from those that the visitor was shown. The error has
    the present ones.
    """

    def __init__(self, minutes: int, price_cents: int):
        super().__init__(minutes, price_cents)
        self.minutes, self.price_cents = minutes, price_cents


@dataclass(frozen=True)
class Details:
    """A visitor's own details, cleaned."""

    name: str
    email: str = ""
    phone: str = ""
    note: str = ""
    agrees: bool = False
    texts: bool = False
    zone_name: str = ""


def is_choice(service: Service, anyone: bool) -> bool:
    """Whether the clinic lets clients book the service in this way: with anyone, or with a named
    person.
    """
    return service.online_choice != ("person" if anyone else "anyone")


def bookable_terms(page: OnlinePage, ticket: Ticket) -> tuple[Service, list[ServiceTerms]]:
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


def still_free(page: OnlinePage, ticket: Ticket) -> tuple[Service, FreeTime]:
    """The ticket's time, if it can be taken now: in the proposed calendar or, if anyone will do, in
    another of the venue. The booking notice counts from when the time was chosen, as long as it is
    held and a little longer. Raises JustTaken.
    """
    service, terms = bookable_terms(page, ticket)
    since, hold = ticket.issued_at, holds.alive(ticket.form_use)
    if hold is None or hold.starts_at != ticket.starts_at:  # an older form of the same use
        since = max(since, scheduling.utc_now() - TYPING)
    at, form_use = ticket.starts_at, ticket.form_use
    proposed = [one for one in terms if one.calendar.id == ticket.calendar]
    for some in (proposed, terms):  # one calendar costs less to ask than all of them
        found = visitor_times.free_times(
            page, service, some, at, at, form_use=form_use, judged_at=since
        )
        if free := next(found, None):
            return service, free
    raise JustTaken


def judge(page: OnlinePage, ticket: Ticket) -> FreeTime | None:
    """The answer of `still_free`; None if the time is not free. Call it before the clinic is
    locked, so that nobody waits for it.
    """
    try:
        return still_free(page, ticket)[1]
    except JustTaken:
        return None


def book_once(
    page: OnlinePage,
    ticket: Ticket,
    details: Details,
    *,
    as_request: bool = False,
    looked: str = "",
) -> OnlineBooking:
    """Book the time, as confirmed or as a request. A second call with the same ticket returns the
    booking of the first. `as_request`: make it a request, whatever the clinic's rules say.

    Raises JustTaken and TermsChanged, and then books nothing.
    """
    judged = judge(page, ticket)
    with database.atomic():
        page.clinic.lock()
        return earlier(page, ticket) or book(
            page, ticket, details, as_request=as_request, looked=looked, judged=judged
        )


def book(
    page: OnlinePage,
    ticket: Ticket,
    details: Details,
    *,
    as_request: bool = False,
    looked: str = "",
    judged: FreeTime | None = None,
) -> OnlineBooking:
    """Book the time of a ticket that has booked nothing yet. Call it inside a transaction that
    locks the clinic. `judged`: the answer of `judge`. If terms and rules are still as they were
    then, only the rows that take time are read again. If they changed, or if another calendar may
    be used instead, every rule is checked again.
    """
    page = _current_for(page, ticket)
    stands = _stands(page, ticket, judged) if judged else None
    service, free = (page.services[0], stands) if stands else still_free(page, ticket)
    check_terms(page, ticket, service, free)
    settings, asks = page.settings, as_request or is_request(page, service, free)
    client, is_unknown = client_of(page.clinic, details)
    booking = _book(ticket, free, service, client, details, asks, stands is not None)
    made = OnlineBooking.create(
        clinic=page.clinic,
        booking=booking,
        form_use=ticket.form_use,
        approve_by=approve_by(settings, booking.starts_at) if asks else None,
        looked=looked,
        consent=settings.consent if details.agrees else "",
        consented_at=scheduling.utc_now() if details.agrees and settings.consent else None,
        zone_name=details.zone_name,
        newcomer=client.id if is_unknown else None,
        is_to_check=is_unknown,
    )
    holds.forget(ticket.form_use)
    team_letters.visitor_did(booking, "asked" if asks else "booked")
    return made


def _stands(page: OnlinePage, ticket: Ticket, judged: FreeTime) -> FreeTime | None:
    """The judged time, if the page as it is now still offers it; None if every rule must be checked
    again. A limit of bookings a day makes bookings at other times count, too. If events outside
    block nothing online, the booking agrees to each of them.
    """
    terms = page.terms_of(page.services[0], judged.wish.calendar.id) if page.services else None
    if terms is None or not is_choice(page.services[0], ticket.anyone):
        return None
    if not ticket.anyone and terms.calendar.id != ticket.calendar:
        return None
    wish = Wish.online(terms, page.services[0], page.settings)
    rules = wish.rules
    if wish != judged.wish or rules is None:
        return None
    if rules.most_a_day is not None or not rules.outside_blocks:
        return None
    return unless_taken(ticket, judged._replace(wish=wish))


def unless_taken(ticket: Ticket, judged: FreeTime) -> FreeTime | None:
    """The free time, or None if something takes it by now. The time must have been found a moment
    ago. Three queries.
    """
    user = judged.wish.calendar.user_id
    held = holds.held_of_others([user], ticket.form_use).get(user, [])
    return None if visitor_times.is_taken(judged, held) else judged


def earlier(page: OnlinePage, ticket: Ticket) -> OnlineBooking | None:
    """The booking that this ticket has made already."""
    return OnlineBooking.get_or_none(
        OnlineBooking.form_use == ticket.form_use, OnlineBooking.clinic == page.clinic
    )


def is_request(page: OnlinePage, service: Service, free: FreeTime) -> bool:
    """Whether the clinic must confirm the booking: by its rules, or because the practitioner takes
    no new clients online. The second reason holds for known clients too, so that nobody learns who
    is known.
    """
    return needs_approval(page.settings, service) or not free.wish.calendar.takes_new_online


def current(page: OnlinePage) -> OnlinePage:
    """The page as it is now. Raises JustTaken if it was switched off meanwhile."""
    settings = OnlineSettings.of(page.clinic)
    if not settings.is_on:
        raise JustTaken
    return OnlinePage.of(Clinic.get_by_id(page.clinic.id), page.name, settings)


def _current_for(page: OnlinePage, ticket: Ticket) -> OnlinePage:
    """The page as it is now with the ticket's service alone: two queries. Raises JustTaken if the
    page was switched off meanwhile.
    """
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
    found = online_terms(service)
    for one in found:
        one.calendar.clinic = clinic
    return OnlinePage(clinic, page.name, settings, [service] if found else [], {service.id: found})


def check_terms(page: OnlinePage, ticket: Ticket, service: Service, free: FreeTime) -> None:
    """Raise TermsChanged if the visitor was shown another length or price, and JustTaken if the
    service is no longer offered there.
    """
    terms = page.terms_of(service, free.wish.calendar.id)
    if terms is None:
        raise JustTaken
    if (terms.minutes, terms.price_cents) != (ticket.minutes, ticket.price_cents):
        raise TermsChanged(terms.minutes, terms.price_cents)


def _book(
    ticket: Ticket,
    free: FreeTime,
    service: Service,
    client: Patient,
    details: Details,
    is_request: bool,
    is_clear: bool,
) -> Booking:
    """Book the time for the client. Raises JustTaken."""
    try:
        made: list[Booking] = Booking.book(
            free.wish.calendar,
            [Span(free.starts_at, free.ends_at)],
            None,
            status="pending" if is_request else "confirmed",
            allow_overlap=() if is_clear else ignored(free),
            is_clear=is_clear,
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


def ignored(free: FreeTime) -> set[str]:
    """The keys of external events at this time, if the clinic lets them block nothing online."""
    if free.wish.rules is None or free.wish.rules.outside_blocks:
        return set()
    calendar, span = free.wish.calendar, Span(free.starts_at, free.ends_at)
    events = ExternalEvent.blocking(calendar.user_id, [span], calendar.zone)
    return Clash(calendar, span, [], events).keys


def approve_by(settings: OnlineSettings, starts_at: datetime) -> datetime:
    """The instant at which a request lapses: after the time that the clinic has to answer, or at
    the request's start if that is earlier.
    """
    return min(scheduling.utc_now() + timedelta(hours=settings.lapse_hours), starts_at)


def client_of(clinic: Clinic, details: Details) -> tuple[Patient, bool]:
    """Two values: the client's record, and whether it is new or unchecked. A record is used again
    if e-mail and name are the same and only one such record exists. Both cases do the same work.
    """
    wanted = search_key(details.name)
    alike = Patient.select(Patient, newcomers.are_added_online().alias("is_unknown")).where(
        Patient.clinic == clinic,
        Patient.email == details.email,
        Patient.email != "",
        ~Patient.archived,
        Patient.merged_into.is_null(),
    )
    same = [one for one in alike if search_key(one.name) == wanted]
    number = Patient.next_internal_id(clinic)
    if len(same) == 1:
        _ask_for_texts(same[0], details)
        return same[0], bool(vars(same[0])["is_unknown"])
    made = Patient.named(
        clinic,
        None,
        details.name,
        internal_id=number,
        email=details.email,
        phone=details.phone,
        texts=details.texts,
    )
    return made, True


def _ask_for_texts(client: Patient, details: Details) -> None:
    """Switch text messages on for the client if the typed number is the one that the team has.
    Otherwise anybody could change another client's record by typing their name.
    """
    tail = phone_tail(details.phone)
    if details.texts and tail and phone_tail(client.phone) == tail and not client.texts:
        client.change(None, texts=True)
