"""The page with the address at which clients book with the signed-in person. The person gives this
address to clients, who cannot subscribe to a calendar of the clinic.
"""

from dataclasses import dataclass

from flask import Blueprint, abort, current_app, render_template, url_for
from flask_login import current_user

from base.remembered import remembered
from free_times.online import names
from free_times.online.page import OnlinePage
from free_times.rules import OnlineSettings
from views.kit import access, qr
from views.kit.access import login_required

from . import feed_address

blueprint = Blueprint("booking_page", __name__)


@dataclass(frozen=True)
class BookingAddress:
    """An address at which clients book. `is_own`: with this person; otherwise with everyone who
    takes online bookings.
    """

    url: str
    is_own: bool

    @remembered
    def code(self) -> tuple[int, str]:
        """The address as a QR code: see `qr.code`."""
        return qr.code(self.url)


def address() -> BookingAddress | None:
    """The signed-in person's booking page; the clinic's, if the person takes no online bookings;
    None if the clinic takes none.
    """
    clinic = access.clinic()
    settings = OnlineSettings.of(clinic)
    name = names.in_force(clinic) if settings.is_on else None
    if name is None:
        return None
    people = OnlinePage.of(clinic, name, settings).people_by_slug
    place = next((word for word, one in people.items() if one.id == current_user.id), None)
    way = (
        url_for("choosing.place", name=name, place=place)
        if place
        else url_for("choosing.start", name=name)
    )
    base = current_app.config["SETTINGS"].base_url
    return BookingAddress(base + way, place is not None)


@blueprint.get("/card")
@login_required
def card():
    """One sheet to print, for the desk or to hand out."""
    found = address()
    if found is None:
        abort(404)
    return render_template("sync/booking_card.html", page=found, addresses=feed_address)
