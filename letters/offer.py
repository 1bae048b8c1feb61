"""The letter that offers an earlier time to a client on the waiting list."""

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.tables.outbox import Letter
from free_times.earlier import entries, offering
from free_times.earlier.offering import EarlierOffer
from free_times.rules import OnlineSettings
from models import Booking

from . import loading, to_clients, visits
from .mail_text import Text, address

KIND = offering.KIND


def offer_text(letter: Letter) -> Text | None:
    """The letter about the offer, while the offer can be taken. None also at night, since the offer
    ends before the morning.
    """
    offer = loading.earlier_offer(letter)
    if offer is None or offering.why_ended(offer) or offering.is_night(offer.practitioner.zone):
        return None
    email = offer.entry.contact.email
    return _text(letter, offer, email) if email else None


def _text(letter: Letter, offer: EarlierOffer, to: str) -> Text:
    clinic, entry = letter.clinic, offer.entry
    settings, online = LetterSettings.of(clinic), OnlineSettings.of(clinic)
    time = _as_booking(offer)
    leave_url = address("earlier.ask_leave", uuid=str(entry.uuid), token=entries.token(entry))
    before = entry.booking
    shown = [visits.visit_of(clinic, settings, time, None, KIND)]
    facts = {
        **to_clients.facts_of(clinic, settings, online, KIND, shown),
        "now": visits.moment(before.starts_at, before) if before else "",
        "until": visits.moment(offer.expires_at, time),
        "manage_url": address("earlier.show", uuid=str(offer.uuid), token=offering.token(offer)),
        "leave_url": leave_url,
    }
    return to_clients.written(letter, settings, to, "earlier", facts, leave_url=leave_url)


def _as_booking(offer: EarlierOffer) -> Booking:
    """The appointment if the offer is taken; it is not stored."""
    return Booking(
        clinic=offer.clinic,
        practitioner=offer.practitioner,
        service=offer.entry.service,
        starts_at=offer.starts_at,
        ends_at=offer.ends_at,
        created_at=scheduling.utc_now(),
    )
