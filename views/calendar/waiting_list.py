"""The waiting list: the clients who wait for an earlier time, offers, and times free for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_login import current_user

from base import region
from base.catalogue import _, lazy, ngettext
from base.tables import outbox
from free_times.earlier import accepting, entries, matching, offering
from free_times.earlier.accepting import OfferGone
from free_times.earlier.entries import EarlierSettings, WaitingEntry
from free_times.earlier.matching import Chance, Sight
from free_times.earlier.offering import EVENING, MORNING, AtNight, CannotOffer, EarlierOffer
from free_times.rules import OnlineSettings
from models import Booking
from views.kit import access, button_times, display, htmx, waiting_wishes
from views.kit.access import login_required
from views.kit.forms import arg_int

blueprint = Blueprint("waiting_list", __name__)

MOST, MOST_FREE = 40, 3  # entries whose free times are searched, and times for each
MOST_OFFERS = 3  # of each entry
_STATES = {  # the phases of an offer
    "open": lazy("offered {when}, answer until {until}"),
    "declined": lazy("offered {when}: does not suit"),
    "lapsed": lazy("offered {when}: no answer"),
    "gone": lazy("offered {when}: no longer free"),
    "unsent": lazy("offered {when}: the e-mail did not go out"),
    "taken": lazy("took {when}"),
}


@dataclass(frozen=True)
class Slot:
    """A time that is free for a client who waits."""

    value: str
    words: str


@dataclass(frozen=True)
class WaitingLine:
    """One client on the waiting list, in words."""

    entry: WaitingEntry
    name: str
    phone: str
    email: str
    facts: list[str]
    offers: list[str]
    is_asked: bool
    free: list[Slot]
    may_change: bool
    may_offer: bool


@blueprint.get("/")
@login_required
def index():
    """All clients on the list. `freed`: only those whom the time of this cancelled booking would
    suit.
    """
    asked = arg_int(request.args.get("freed"))
    freed = access.booking_to_read(asked) if asked is not None else None
    online = OnlineSettings.of(access.clinic())
    rows = list(entries.waiting(access.clinic()))
    sight = Sight(access.clinic(), online, rows)
    if freed is not None:
        rows = [one for one in rows if sight.fits(one, freed)]
    settings, offers = EarlierSettings.of(access.clinic()), offering.latest(rows, MOST_OFFERS)
    lines = [_line(one, offers[one.id], sight, n < MOST, freed) for n, one in enumerate(rows)]
    return render_template(
        "waiting_list/index.html",
        lines=lines,
        settings=settings,
        freed=freed and display.from_to(freed, freed.practitioner.zone),
        is_set_up=outbox.is_set_up(),
        mode=_how(settings),
    )


def _how(settings: EarlierSettings) -> str:
    """A sentence: how the clinic offers free times."""
    if settings.mode == "hand" or not outbox.is_set_up():
        return _("Nothing is offered by itself: you offer a time, or call.")
    if settings.mode == "all":
        return _(
            "A time that becomes free is offered by e-mail to everyone it suits. Who is first gets"
            " it. It is kept for {length}.",
            length=region.length(settings.minutes),
        )
    return _(
        "A time that becomes free is offered by e-mail to one client after another, in this order."
        " Each has {length} to answer.",
        length=region.length(settings.minutes),
    )


def _line(
    entry: WaitingEntry,
    offers: Sequence[EarlierOffer],
    sight: Sight,
    with_times: bool,
    freed: Booking | None,
) -> WaitingLine:
    is_readable = offering.can_read(entry)
    contact = entry.contact if is_readable else None
    return WaitingLine(
        entry,
        contact.name if contact else _("Details cannot be read"),
        contact.phone if contact else "",
        contact.email if contact else "",
        _facts(entry, sight),
        [_offer(one) for one in offers],
        any(one.phase == "open" for one in offers),
        _free(entry, sight, freed) if with_times else [],
        access.may_change_entry(entry),
        bool(contact and contact.email) and outbox.is_set_up(),
    )


def _facts(entry: WaitingEntry, sight: Sight) -> list[str]:
    names = {one.calendar.id: one.calendar for one in sight.terms(entry)}
    whom = [names[one].user.name for one in entry.calendars if one in names]
    facts = [
        entry.service.name,
        _("with {names}", names=", ".join(whom)) if whom else _("with anyone"),
        waiting_wishes.in_words(entry),
    ]
    if not names:
        facts.append(_("nobody offers this at the moment"))
    if entry.booking is not None:
        zone = entry.booking.practitioner.zone
        facts.append(_("now {when}", when=display.from_to(entry.booking, zone)))
    facts.append(_("asked {ago}", ago=display.ago(entry.created_at)))
    return facts


def _offer(offer: EarlierOffer) -> str:
    zone = offer.practitioner.zone
    when = f"{display.moment(offer.starts_at, zone)}, {offer.practitioner.user.name}"
    until = display.moment(offer.expires_at, zone)
    return str(_STATES[offer.phase]).format(when=when, until=until)


def _free(entry: WaitingEntry, sight: Sight, freed: Booking | None) -> list[Slot]:
    """Free times that would suit, the earliest first."""
    starts = sight.starts(entry)
    if freed is None:
        new = sight.new(entry, starts, entry.known)
    else:
        its, at = freed.practitioner_id, matching.minute(freed.starts_at)
        new = sight.chances(entry, {its: [at] if at in starts.get(its, ()) else []})
    found: list[Chance] = []
    for one in new:
        if not any(one.overlaps(got.calendar.user_id, got.starts_at, got.ends_at) for got in found):
            found.append(one)
        if len(found) == MOST_FREE:
            break
    return [_slot(one) for one in found if access.may_book(one.calendar)]


def _slot(chance: Chance) -> Slot:
    zone = chance.calendar.zone
    words = f"{display.moment(chance.starts_at, zone)}, {chance.calendar.user.name}"
    return Slot(f"{int(chance.starts_at.timestamp())} {chance.calendar.id}", words)


def _chance(entry: WaitingEntry) -> Chance:
    """The time of a button, in a calendar in which the person may book; else 403 or 404."""
    seconds, __, calendar_id = request.form.get("time", "").partition(" ")
    at: datetime | None = button_times.instant(seconds)
    terms = next((one for one in entry.terms() if str(one.calendar.id) == calendar_id), None)
    if at is None or terms is None:
        abort(404)
    return Chance(access.calendar_to_book(terms.calendar), at, terms.minutes)


@blueprint.post("/<int:entry_id>/offer")
@login_required
def offer(entry_id: int):
    """Offer a time by e-mail."""
    entry = access.entry_to_change(entry_id)
    minutes = EarlierSettings.of(access.clinic()).minutes
    try:
        offering.make(entry, _chance(entry), minutes, current_user)
    except AtNight:
        sentence = _(
            "Nothing was sent: offers go out from {first} to {last} at the venue.",
            first=region.clock(MORNING),
            last=region.clock(EVENING),
        )
        flash(sentence, "warning")
    except CannotOffer:
        flash(_("Nothing was sent: the client has an offer already, or no e-mail."), "warning")
    except offering.SlotTaken:
        flash(_("This time was just taken. Nothing was sent."), "warning")
    else:
        flash(_("Offered by e-mail. The time is kept for {length}.", length=region.length(minutes)))
    return htmx.done(url_for("waiting_list.index"))


@blueprint.post("/<int:entry_id>/book")
@login_required
def book(entry_id: int):
    """Book a time that was agreed on the phone; the client's other appointment is given up
    for it.
    """
    entry = access.entry_to_change(entry_id)
    try:
        booking = accepting.book_for_entry(entry, _chance(entry), current_user)
    except OfferGone:
        flash(_("This time was just taken. Nothing was changed."), "warning")
        return htmx.done(url_for("waiting_list.index"))
    zone = booking.practitioner.zone
    flash(
        {
            "text": _("Booked: {when}.", when=display.from_to(booking, zone)),
            "show": url_for("bookings.show", booking_id=booking.id),
        }
    )
    return htmx.done(url_for("waiting_list.index"))


@blueprint.post("/<int:entry_id>/remove")
@login_required
def remove(entry_id: int):
    accepting.end_wait(access.entry_to_change(entry_id), current_user)
    flash(_("Removed from the waiting list. Appointments stay as they are."))
    return htmx.done(url_for("waiting_list.index"))


def waiting_for(booking: Booking) -> str:
    """The number of clients on the list whom the time of this booking would suit."""
    if booking.status != "cancelled" or booking.has_begun:
        return ""
    rows = list(entries.waiting(booking.clinic))
    sight = Sight(booking.clinic, OnlineSettings.of(booking.clinic), rows)
    count = sum(sight.fits(one, booking) for one in rows)
    return (
        ngettext(
            "{count} client on the waiting list could come then",
            "{count} clients on the waiting list could come then",
            count,
        )
        if count
        else ""
    )
