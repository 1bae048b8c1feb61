"""Changes that change the text of a private link, and changes that do not."""

from datetime import UTC, datetime, timedelta

from base.scheduling import Span
from models import Booking, Feed, Patient

KEY = "a key of the tests"
START = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)

CHANGES = {
    "a booking made": lambda c, link, booking: Booking.book(
        c.calendar, [Span(START + 2 * HOUR, START + 3 * HOUR)], c.pat
    ),
    "a booking moved": lambda c, link, booking: booking.change(
        c.pat, Span(START + HOUR, START + 2 * HOUR)
    ),
    "a booking given away": lambda c, link, booking: booking.change(
        c.pat, booking.span, practitioner=c.colleague_calendar
    ),
    "a booking cancelled": lambda c, link, booking: booking.cancel(c.pat),
    "a status": lambda c, link, booking: booking.set_status("arrived", c.pat),
    "notes deleted": lambda c, link, booking: booking.change(c.pat, booking.span, notes=""),
    "a rate": lambda c, link, booking: booking.change(c.pat, booking.span, rate_cents=7000),
    "another service": lambda c, link, booking: booking.change(c.pat, booking.span, service=None),
    "a client renamed": lambda c, link, booking: c.patient.change(c.pat, first_name="Maria"),
    "a client's internal ID": lambda c, link, booking: c.patient.change(c.pat, internal_id="K-9"),
    "a service renamed": lambda c, link, booking: c.service.change(c.olive, name="Knee"),
    "a venue renamed": lambda c, link, booking: _venue(c, name="Elm Street"),
    "a venue moved house": lambda c, link, booking: _venue(c, address="5 Elm Street"),
    "a venue in another zone": lambda c, link, booking: _venue(c, zone_name="Europe/Lisbon"),
    "the clinic renamed": lambda c, link, booking: c.clinic.change(c.olive, name="Lime"),
    "the clinic's ceiling": lambda c, link, booking: c.clinic.change(
        c.olive, privacy_ceiling="initials"
    ),
    "notes allowed out": lambda c, link, booking: c.clinic.change(c.olive, notes_may_leave=True),
    "the currency": lambda c, link, booking: c.clinic.change(c.olive, currency="EUR"),
    "the person's identifier": lambda c, link, booking: c.pat.change_sync(identifier="initials"),
    "the person hides": lambda c, link, booking: c.pat.change_sync(hide_sensitive=True),
    "the person renamed": lambda c, link, booking: c.pat.change(
        c.olive, name="Patricia", email=c.pat.email, role="practitioner"
    ),
    "the link's identifier": lambda c, link, booking: link.change(c.pat, identifier="first_name"),
    "the link's title": lambda c, link, booking: link.change(c.pat, title="{organisation}"),
    "the link's details": lambda c, link, booking: link.change(c.pat, details="status"),
    "the link hides": lambda c, link, booking: link.change(c.pat, hide_sensitive=True),
    "the link's window": lambda c, link, booking: link.change(
        c.pat, past_days=None, future_days=None
    ),
    "the link's statuses": lambda c, link, booking: link.change(c.pat, statuses={}),
    "the link's scope": lambda c, link, booking: link.change(c.pat, scope="person"),
    "a downgrade and a new start": lambda c, link, booking: _through_basic(c, link),
}


def _venue(c, **fields):
    kept = {name: getattr(c.street, name) for name in ("name", "address", "zone_name", "hours")}
    c.street.change(c.olive, **{**kept, **fields})


def _through_basic(c, link):
    c.clinic.change_plan("basic", c.olive)
    c.clinic.change_plan("pro", c.olive)
    Feed.update(suspended_at=None).where(Feed.id == link.id).execute()


UNCHANGED = {
    "a colleague's booking": lambda c, link, booking: Booking.book(
        c.colleague_calendar, [Span(START, START + HOUR)], c.quinn
    ),
    "a client without bookings renamed": (
        lambda c, link, booking: Patient.create(clinic=c.clinic, first_name="Ann").change(
            c.pat, first_name="Anna"
        )
    ),
    "a client's telephone": lambda c, link, booking: c.patient.change(c.pat, phone="0"),
    "a service's price": lambda c, link, booking: c.service.change(c.olive, price_cents=1),
    "another link": (
        lambda c, link, booking: Feed.generate(
            c.pat, "other", c.pat, practitioner=c.calendar
        ).change(c.pat, title="{organisation}")
    ),
    "a colleague's setting": lambda c, link, booking: c.quinn.change_sync(identifier="initials"),
    "a read": lambda c, link, booking: None,
}
