"""Taking an offered time. One transaction books the new time and gives up the old one. If two press
at once, one gets it.
"""

from datetime import timedelta

from base import scheduling
from base.bookings import client_letters
from base.bookings.clashes import ClosedCalendar, SlotTaken
from base.database import alone
from base.scheduling import Span
from base.tables import faulty
from base.tables.audit import AuditEntry
from free_times.finding import FreeTime
from free_times.online import asking_outside, holds, making, managing, team_letters, tickets, unmade
from free_times.online.asking_outside import CannotCheck
from free_times.online.made_online import made_of
from free_times.online.making import Details, JustTaken, TermsChanged
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from free_times.rules import OnlineSettings
from models import Booking, User
from sync.two_way import live
from sync.two_way.standing import freshness
from sync.two_way.standing.freshness import PATIENCE, Certainty

from . import entries, matching, offering
from .entries import WaitingEntry
from .matching import Chance
from .offering import EarlierOffer

LEFT_AFTER = PATIENCE + timedelta(seconds=3)  # seconds between two polls of the page
MOST = 50  # rows of one pass


class OfferGone(Exception):
    """The time is not offered any more: it was taken, is over, or the appointment changed."""


def page_of(offer: EarlierOffer) -> OnlinePage:
    """The clinic's page and rules under which the offered time is booked."""
    entry = offer.entry
    entry.clinic = offer.clinic
    terms = [one for one in entry.terms() if one.calendar.id == offer.practitioner_id]
    return matching.page_of(entry, terms, OnlineSettings.of(offer.clinic))


def can_accept(offer: EarlierOffer) -> bool:
    """Whether every rule lets the offered time be taken now."""
    if offering.why_ended(offer):
        return False
    offer.entry.clinic = offer.clinic
    return _free(offer) is not None


def status_for_client(offer: EarlierOffer) -> str:
    """How the offer stands for its client: "taken"; "request" (taken, and the clinic must confirm
    it); "open"; or why it is over: "declined", "unanswered", "gone".
    """
    before = offer.entry.booking
    if offer.phase == "taken" and before is not None:
        return "request" if before.status == "pending" else "taken"
    if can_accept(offer):
        return "open"
    if offer.phase == "declined":
        return "declined"
    return "unanswered" if offer.was_unanswered else "gone"


def _free(offer: EarlierOffer) -> FreeTime | None:
    chance = Chance(offer.practitioner, offer.starts_at, offer.minutes)
    settings, by_hand = OnlineSettings.of(offer.clinic), offer.user_id is not None
    return matching.free_at(offer.entry, settings, chance, offer.form_use, by_hand)


def ask_about_offer(offer: EarlierOffer) -> Certainty:
    """Find out, after the press, whether the time is known to be free outside. ASKING: a worker is
    on it, and the hold stays. Call it outside of a transaction. Raises OfferGone.
    """
    if offer.phase == "taken":
        return Certainty.FRESH
    if offering.why_ended(offer):
        if _is_taken_by_now(offer):
            return Certainty.FRESH
        raise OfferGone
    page = page_of(offer)
    if not page.settings.may_block_outside:
        return Certainty.FRESH
    outcome = live.ask_calendars(offer.practitioner.user_id, asking_outside.bound(page))
    if outcome == Certainty.ASKING:
        with alone(offer):
            if offer.phase != "open":
                raise OfferGone
            offer.pressed_at = scheduling.utc_now()
            offer.save(only=[EarlierOffer.pressed_at])
            holds.keep_on(offer.form_use, offer.pressed_at + offering.ANSWERING)
    return outcome


def _is_taken_by_now(offer: EarlierOffer) -> bool:
    """Whether the client took the time since the offer was read, by another press."""
    same = EarlierOffer.id == offer.id, EarlierOffer.phase == "taken"
    return EarlierOffer.select().where(*same).exists()


def outcome_of(offer: EarlierOffer) -> Certainty | None:
    """The outcome of asking the calendars outside; None if nobody pressed, or the offer is over."""
    if offer.pressed_at is None or offer.phase != "open":
        return None
    user_id = offer.practitioner.user_id
    return freshness.outcome(user_id, offer.pressed_at, asking_outside.bound(page_of(offer)))


def book_offered(offer: EarlierOffer, outcome: Certainty = Certainty.FRESH) -> Booking:
    """Book the offered time for its client, and give up their old one. A second press returns the
    same booking. Raises OfferGone. Raises CannotCheck if a calendar outside could not be asked and
    the clinic lets nobody book then; nothing is changed in that case.
    """
    with alone(offer):
        entry = entries.full_entries().where(WaitingEntry.id == offer.entry_id).get()
        offer.entry = entry
        if offer.phase == "taken" and entry.booking is not None:
            return entry.booking
        if offering.why_ended(offer):
            raise OfferGone
        choice = _when_unknown(offer, outcome)
        booking = _book(offer, choice)
        _settle(offer, entry, booking)
        return booking


def _when_unknown(offer: EarlierOffer, outcome: Certainty) -> str:
    """The clinic's choice if a calendar outside gave no answer: "", "open" or "pending". Raises
    CannotCheck if the clinic lets nobody book then. Raises it also for "pending" if the visitor has
    an appointment: they keep that one, since the offered time may be taken.
    """
    if outcome != Certainty.UNANSWERED:
        return ""
    choice = OnlineSettings.of(offer.clinic).when_stale
    makes_request = offer.entry.booking is None and bool(offer.entry.sealed)
    if choice == "close" or (choice == "pending" and not makes_request):
        raise CannotCheck
    return choice


def _book(offer: EarlierOffer, choice: str) -> Booking:
    entry, free = offer.entry, _free(offer)
    if free is None:
        raise OfferGone
    try:
        if entry.booking is not None:
            return _move(entry.booking, free, page_of(offer))
        if entry.sealed:
            return _new(offer, choice)
        return _plain(entry, free, None)
    except (SlotTaken, ClosedCalendar, JustTaken, TermsChanged):
        raise OfferGone from None


def _move(booking: Booking, free: FreeTime, page: OnlinePage, actor: User | None = None) -> Booking:
    """Move the client's appointment to the offered time. It keeps its status, since the clinic
    itself offered the time.
    """
    if actor is None:
        booking.will_change_online()
    booking.change(
        actor,
        Span(free.starts_at, free.ends_at),
        practitioner=free.wish.calendar,
        allow_overlap=making.ignored(free),
    )
    made = made_of(booking)
    if made is not None:
        managing.give_up(made)
        managing.was_moved(page, made, asks=False)
    if actor is None:
        client_letters.by_client(booking)
        team_letters.visitor_did(booking, "moved")
    return booking


def _new(offer: EarlierOffer, choice: str) -> Booking:
    """Book for a visitor who had no appointment, as the clinic's page does."""
    page, entry = page_of(offer), offer.entry
    typed = entry.typed
    terms = page.terms_of(entry.service, offer.practitioner_id)
    if terms is None:
        raise OfferGone
    ticket = Ticket.issue(
        tickets.nonce_of(f"earlier {offer.uuid}", offer.clinic_id),
        clinic=offer.clinic_id,
        service=entry.service_id,
        calendar=offer.practitioner_id,
        anyone=not making.is_choice(entry.service, anyone=False),
        minutes=terms.minutes,
        price_cents=terms.price_cents,
        starts_at=offer.starts_at,
    )
    details = Details(
        typed["name"], typed["email"], typed["phone"], "", bool(typed.get("agrees")), typed["zone"]
    )
    holds.forget(offer.form_use)
    made = making.book(page, ticket, details, as_request=choice == "pending", looked=choice)
    return made.booking


def _plain(entry: WaitingEntry, free: FreeTime, actor: User | None) -> Booking:
    """Book for a client whom the team put on the list."""
    made: Booking = Booking.book(
        free.wish.calendar,
        [Span(free.starts_at, free.ends_at)],
        actor,
        allow_overlap=making.ignored(free),
        service=entry.service,
        patient=entry.patient.record_in_use if entry.patient else None,
        changed_online=actor is None,
    )[0]
    if actor is None:
        team_letters.visitor_did(made, "booked")
    return made


def _settle(offer: EarlierOffer | None, entry: WaitingEntry, booking: Booking) -> None:
    """End the other offers: those to this client, and those of this time to others."""
    entry.booking, entry.patient = booking, booking.patient
    entry.end("taken")
    if offer is not None:
        offering.close([offer], "taken")
    mine = EarlierOffer.entry == entry
    same = EarlierOffer.form_use == (offer.form_use if offer else "")
    others = EarlierOffer.select().where(mine | same, EarlierOffer.phase == "open")
    offering.close(list(others), "gone")


def decline(offer: EarlierOffer) -> None:
    """Note that the client does not want this time; they stay on the list. A second press changes
    nothing.
    """
    with alone(offer):
        if offer.phase == "open":
            offering.close([offer], "declined")


def end_wait(entry: WaitingEntry, actor: User | None = None) -> None:
    """Take the client off the list; a second press changes nothing."""
    with alone(entry):
        if entry.is_waiting:
            entry.end("removed" if actor else "left")
            AuditEntry.note(entry.clinic, actor, "earlier.ended", entry)
            mine = EarlierOffer.entry == entry, EarlierOffer.phase == "open"
            offering.close(list(EarlierOffer.select().where(*mine)), "gone")


def book_for_entry(entry: WaitingEntry, chance: Chance, actor: User) -> Booking:
    """Book the time for somebody on the waiting list, as the team agreed with them on the phone. A
    second press returns the same booking. Raises OfferGone.
    """
    with alone(entry):
        entry = entries.full_entries().where(WaitingEntry.id == entry.id).get()
        booking = entry.booking
        if entry.ended_because == "taken" and booking and booking.starts_at == chance.starts_at:
            return booking
        if not entry.is_waiting or entry.why_over():
            raise OfferGone
        settings = OnlineSettings.of(entry.clinic)
        own = EarlierOffer.get_or_none(
            EarlierOffer.entry == entry,
            EarlierOffer.phase == "open",
            EarlierOffer.starts_at == chance.starts_at,
        )
        free = matching.free_at(
            entry, settings, chance, own.form_use if own else None, by_hand=True
        )
        if free is None:
            raise OfferGone
        try:
            if booking is not None:
                terms = entry.terms()
                _move(booking, free, matching.page_of(entry, terms, settings), actor)
            else:
                if entry.sealed:
                    typed = entry.typed
                    details = Details(typed["name"], typed["email"], typed["phone"])
                    entry.patient = making.client_of(entry.clinic, details)[0]
                booking = _plain(entry, free, actor)
        except (SlotTaken, ClosedCalendar):
            raise OfferGone from None
        _settle(own, entry, booking)
        return booking


def finish_unattended() -> None:
    """Chore: book for clients who pressed and then closed the page while calendars outside were
    asked.
    """
    late = EarlierOffer.pressed_at <= scheduling.utc_now() - LEFT_AFTER
    left = offering.full_offers().where(late, EarlierOffer.phase == "open")
    faulty.each("earlier_times", left, _finish_one, most=MOST)


def _finish_one(offer: EarlierOffer) -> None:
    outcome = outcome_of(offer)
    try:
        book_offered(
            offer,
            Certainty.UNANSWERED if outcome == Certainty.ASKING else outcome or Certainty.FRESH,
        )
    except (OfferGone, CannotCheck):
        _report_unmade(offer)


def _report_unmade(offer: EarlierOffer) -> None:
    """Queue a letter that the time was not taken, since nobody looks at the page."""
    with alone(offer):
        if offer.pressed_at is None or offer.phase == "taken":
            return
        entry = entries.full_entries().where(WaitingEntry.id == offer.entry_id).get()
        pressed_at, starts_at = offer.pressed_at, offer.starts_at
        stop_asking(offer)
        unmade.report_unmade(
            offer.clinic,
            offer.practitioner,
            starts_at,
            offer,
            entry.contact.email,
            pressed_at=pressed_at,
            stays=entry.booking,
        )


def stop_asking(offer: EarlierOffer) -> None:
    """Forget the press. The time stays offered until the offer ends by itself."""
    EarlierOffer.update(pressed_at=None).where(EarlierOffer.id == offer.id).execute()
