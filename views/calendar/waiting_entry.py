"""Putting a client on the waiting list: the client of an appointment, or one who has none. For the
client of an appointment the same form changes what suits them.
"""

from collections.abc import Mapping

from flask import Blueprint, flash, render_template, request, url_for
from flask_login import current_user

from base.catalogue import _, lazy
from free_times.earlier import entries, joining
from free_times.earlier.entries import WaitingEntry
from free_times.earlier.joining import CannotWait
from free_times.own_terms import open_terms
from models import Booking, Patient, Service
from views.kit import access, display, htmx
from views.kit.access import login_required
from views.kit.choices import Choice
from views.kit.waiting_wishes import WantedForm

blueprint = Blueprint("waiting_entry", __name__)


class EntryForm(WantedForm):
    """The wishes of a client; and the service, if no appointment has it."""

    service = Choice(lazy("Service"), default="")

    def validate(self, **kwargs) -> bool:
        super().validate(**kwargs)
        if "service" in self and self.until.data is None and not self.until.errors:
            self.fault("until", _("Choose the last day that suits"))
        return not self.errors


@blueprint.get("/booking/<int:booking_id>")
@login_required
def of_booking(booking_id: int):
    """Put the client of an appointment on the list, or change what suits them."""
    booking = access.booking_to_change(booking_id)
    entry = entries.of_booking(booking)
    if entry is None and not entries.may_wait(booking):
        return _cannot(booking)
    form = _of_booking(booking, entry)
    if entry is None:
        form.with_whom.data = str(booking.practitioner_id)
    return _page_of_booking(booking, entry, form)


@blueprint.post("/booking/<int:booking_id>")
@login_required
def add_booking(booking_id: int):
    booking = access.booking_to_change(booking_id)
    entry = entries.of_booking(booking)
    if entry is None and not entries.may_wait(booking):
        return _cannot(booking)
    form = _of_booking(booking, entry, request.form)
    if not form.validate():
        return _page_of_booking(booking, entry, form)
    try:
        joining.ask_for(booking, form.wanted(), current_user)
    except CannotWait:
        return _cannot(booking)
    return _waits(booking.patient)


def _cannot(booking: Booking):
    flash(_("Only a client with an appointment ahead and a service can wait."), "warning")
    return htmx.done(url_for("bookings.show", booking_id=booking.id))


def _waits(client: Patient):
    flash(_("{client} is on the waiting list.", client=client.name))
    return htmx.done(url_for("waiting_list.index"))


def _of_booking(booking: Booking, entry: WaitingEntry | None, typed=None) -> EntryForm:
    form = EntryForm(open_terms(booking.service), None, entry, typed)
    del form.service
    return form


def _page_of_booking(booking: Booking, entry: WaitingEntry | None, form: EntryForm):
    return _edit(
        form,
        booking.patient,
        url_for("waiting_entry.add_booking", booking_id=booking.id),
        url_for("bookings.show", booking_id=booking.id),
        now=display.from_to(booking, booking.practitioner.zone),
        is_new=entry is None,
    )


def _edit(form: EntryForm, client: Patient, target: str, back: str, **shown: object):
    facts = {"form": form, "client": client, "target": target, "back": back, **shown}
    return render_template("waiting_list/edit.html", **facts), 422 if form.errors else 200


@blueprint.get("/client/<int:patient_id>")
@login_required
def of_client(patient_id: int):
    """Put a client who has no appointment on the list."""
    client, form = access.client_to_change(patient_id), _of_client(request.args)
    return _page_of_client(client, form) if form else _no_service()


@blueprint.post("/client/<int:patient_id>")
@login_required
def add_client(patient_id: int):
    client, form = access.client_to_change(patient_id), _of_client(request.form, request.form)
    if form is None:
        return _no_service()
    if not form.validate():
        return _page_of_client(client, form)
    service, wished = access.service_to_read(int(form.service.data)), form.wanted()
    try:
        joining.ask_without(access.clinic(), service, wished, client, current_user)
    except CannotWait:
        form.fault("service", _("This client waits for three services already"))
        return _page_of_client(client, form)
    return _waits(client)


def _no_service():
    flash(_("Add a service first."), "warning")
    return htmx.done(url_for("services.index"))


def _of_client(asked: Mapping[str, str], typed=None) -> EntryForm | None:
    """The form for the service that was asked for, or the first one; None if there is none."""
    services = list(Service.listed(access.clinic()))
    chosen = [one for one in services if str(one.id) == asked.get("service")]
    if not services:
        return None
    service = (chosen or services)[0]
    form = EntryForm(open_terms(service), None, None, typed)
    form.service.choices = [(str(one.id), one.name) for one in services]
    form.service.data = str(service.id)
    return form


def _page_of_client(client: Patient, form: EntryForm):
    return _edit(
        form,
        client,
        url_for("waiting_entry.add_client", patient_id=client.id),
        url_for("patients.show", patient_id=client.id),
        now="",
        is_new=True,
    )
