"""The pages of the offer link and the entry link in a letter: the earlier time, to accept or
decline, and leaving the waiting list.

GET changes nothing, since programs that check mail open every address in a letter.
"""

from flask import Blueprint, redirect, request, url_for

from base import region, scheduling
from base.catalogue import _
from free_times.earlier import accepting, entries, offering
from free_times.earlier.accepting import OfferGone
from free_times.earlier.entries import WaitingEntry
from free_times.earlier.offering import EarlierOffer
from free_times.online import by_letter, managing, names
from free_times.online.asking_outside import CannotCheck
from free_times.online.made_online import made_of
from free_times.rules import OnlineSettings
from models import Booking
from sync.two_way.standing.freshness import Certainty
from views.kit import display, waiting_wishes

from . import pages

blueprint = Blueprint("earlier", __name__, url_prefix="/earlier")
_WAY, _LIST = "/<uuid>/<token>", "/list/<uuid>/<token>"
_offered = pages.by_signed_address(offering.find_offer)
_listed = pages.by_signed_address(entries.find_entry)


@blueprint.get(f"{_WAY}/")
@_offered
def show(offer: EarlierOffer):
    return _page(offer)


def _page(offer: EarlierOffer, message: str = "", status: int = 200):
    entry, calendar = offer.entry, offer.practitioner
    before = entry.booking
    offer_status = accepting.status_for_client(offer)
    is_taken = offer_status in ("taken", "request")
    return pages.show_without_page(
        "earlier.html",
        status,
        clinic=offer.clinic,
        settings=OnlineSettings.of(offer.clinic),
        offer=offer,
        entry=entry,
        is_taken=is_taken,
        is_open=offer_status == "open",
        offer_status=offer_status,
        calendar=calendar,
        zone=calendar.zone,
        service=entry.service,
        now=None if before is None or is_taken else _facts(before.starts_at, before),
        booking_url=_booking_url(before) if before is not None else "",
        price="",
        way={"uuid": offer.uuid, "token": offering.token(offer)},
        leave={"uuid": entry.uuid, "token": entries.token(entry)},
        message=message,
        **_when(offer),
    )


def _when(offer: EarlierOffer) -> dict:
    zone = offer.practitioner.zone
    return {
        "day": _near(offer.starts_at, zone),
        "times": region.between_in(offer.starts_at, offer.ends_at, zone),
    }


def _near(at, zone) -> str:
    today = scheduling.local_day(scheduling.utc_now(), zone)
    return display.near_day(scheduling.local_day(at, zone), today)


def _facts(at, booking: Booking) -> dict[str, str]:
    zone = booking.practitioner.zone
    return {
        "day": _near(at, zone),
        "clock": region.clock_in(at, zone),
        "zone": display.zone_name(zone),
        "person": booking.practitioner.user.name,
    }


def _booking_url(booking: Booking) -> str:
    """The client's own page about the appointment."""
    made = made_of(booking)
    name = names.in_force(booking.clinic) if made else None
    if made is not None and name is not None:
        return url_for("managed.show", name=name, uuid=booking.uuid, token=managing.token(made))
    return url_for("by_letter.show", uuid=booking.uuid, token=by_letter.token(booking))


@blueprint.post(f"{_WAY}/take")
@_offered
def take(offer: EarlierOffer):
    try:
        outcome = accepting.ask_about_offer(offer)
    except OfferGone:
        return _page(offer, status=409)
    if outcome == Certainty.ASKING:
        return _to("wait", offer)
    return _carry_out(offer, outcome)


@blueprint.get(f"{_WAY}/wait")
@_offered
def wait(offer: EarlierOffer):
    """Take the time as soon as it is known to be free, since the client pressed the button. Without
    a press nothing happens.
    """
    outcome = accepting.outcome_of(offer)
    if outcome is None:
        return _page(offer)
    if outcome == Certainty.ASKING:
        return pages.show_without_page("still_asking.html", again=request.path)
    return _carry_out(offer, outcome)


def _carry_out(offer: EarlierOffer, outcome: Certainty):
    try:
        accepting.book_offered(offer, outcome)
    except OfferGone:
        return _page(
            offering.find_offer(str(offer.uuid), offering.token(offer)) or offer, status=409
        )
    except CannotCheck:
        accepting.stop_asking(offer)
        message = _(
            "We cannot make sure at the moment that this time is free. Nothing was changed. Try"
            " again in a minute, or call the clinic."
        )
        return _page(offer, message, 409)
    return _to("show", offer)


@blueprint.post(f"{_WAY}/decline")
@_offered
def decline(offer: EarlierOffer):
    accepting.decline(offer)
    return _to("show", offer)


def _to(endpoint: str, offer: EarlierOffer):
    way = {"uuid": offer.uuid, "token": offering.token(offer)}
    return redirect(url_for(f".{endpoint}", **way), 303)


@blueprint.get(f"{_LIST}/")
@_listed
def ask_leave(entry: WaitingEntry):
    """Ask whether to leave the waiting list. Nothing changes before the button is pressed."""
    return pages.show_without_page(
        "earlier_list.html",
        clinic=entry.clinic,
        settings=OnlineSettings.of(entry.clinic),
        entry=entry,
        suits=waiting_wishes.in_words(entry),
        way={"uuid": entry.uuid, "token": entries.token(entry)},
    )


@blueprint.post(f"{_LIST}/")
@_listed
def leave(entry: WaitingEntry):
    """Leave the waiting list. Mail programs send this request themselves when somebody unsubscribes
    (RFC 8058).
    """
    accepting.end_wait(entry)
    way = {"uuid": entry.uuid, "token": entries.token(entry)}
    return redirect(url_for(".ask_leave", **way), 303)
