"""Clients: list and search, the record, adding and changing, archiving. All people of the clinic
may do all of this.
"""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user
from wtforms import BooleanField
from wtforms.widgets import TelInput

from base import scheduling, text
from base.catalogue import _, lazy
from base.tables.list_page import ListPage
from base.tables.texts import TextSettings
from free_times.online import newcomers
from models import Booking, Clinic, Patient, User
from people import clients, doubles, own_zone
from people import merges as merging
from people.id_changes import IdChange
from people.merges import ClientMerge
from people.text_numbers import number
from sync.events.face import identifier_of
from sync.feeds import owned
from views.kit import access, htmx
from views.kit.access import login_required, owner_required
from views.kit.forms import NO_NUMBER, Email, Hidden, Line, Paragraph, arg_int
from views.kit.merging import Merging
from views.kit.words import sync_words

from . import merges
from .booking_card import earlier_notes

blueprint = Blueprint("patients", __name__)

SHOWN = 20, 10  # bookings on the page, future and past; the rest on demand


class ClientForm(Merging):
    not_stored = ("told",)
    only_one = (
        "internal_id",
        lazy(
            "{value} belongs to another client, perhaps an archived one. Choose another, or leave"
            " the field empty for the next free ID"
        ),
    )

    first_name = Line(
        lazy("First name"),
        80,
        lazy("Write a first name; one name is enough"),
        render_kw={"autocomplete": "off"},
    )
    last_name = Line(lazy("Last name"), 80, render_kw={"autocomplete": "off"})
    internal_id = Line(lazy("Internal ID"), 20, render_kw={"autocomplete": "off"})
    email = Email(lazy("E-mail"), render_kw={"autocomplete": "off"})
    phone = Line(lazy("Phone"), 40, widget=TelInput(), render_kw={"autocomplete": "off"})
    texts = BooleanField(lazy("The client asked for text messages"))
    notes = Paragraph(lazy("Notes"), 4000)
    told = Hidden(limit=200)  # clients who were listed as perhaps the same person

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.doubles: list[Patient] = []

    def validate(self, **kwargs) -> bool:
        if not super().validate(**kwargs):
            return False
        if "texts" in self and self.texts.data and not number(access.clinic(), self.phone.data):
            self.fault("phone", NO_NUMBER)
        return not self.errors

    # the form was sent to a record that was merged into the one that it shows now
    is_merged = False

    def saved(self, client: Patient) -> bool:
        """Whether the form is stored; otherwise it shows why not. Raises DoesNotExist if the
        record was merged into another.
        """
        return self.store(
            client,
            lambda row: _form(row, formdata=None),
            lambda: client.change(current_user, **self.values()),
        )

    def added(self) -> Patient | None:
        """The client, in the list now. None: the form says why not, and lists `doubles`."""
        try:
            return self.add_once(Patient, self._add, self.values())
        except doubles.PerhapsListed as asked:
            self.doubles = asked.clients
            self.put("told", " ".join(str(one.id) for one in asked.clients))
            self.fault(
                "first_name",
                _(
                    "This client may be in your list already. Look at “Perhaps the same"
                    " person”, or press “Add the client” once more to add another"
                ),
            )
            return None

    def _add(self, clinic: Clinic, actor: User, **values: Any) -> Patient:
        name = f"{values['first_name']} {values['last_name']}".strip()
        reach = {"phone": values["phone"], "email": values["email"]}
        doubles.ask_whether_known(clinic, self.told.data or "", name, **reach)
        return Patient.add(clinic, actor, **values)


def _form(client: Patient | None = None, **kwargs) -> ClientForm:
    """The form; with an internal ID only if the clinic uses them (B7)."""
    form = ClientForm(obj=client, **kwargs)
    if not access.clinic().internal_ids:
        del form.internal_id
    if not TextSettings.of(access.clinic()).is_ready:
        del form.texts
    return form


def _list(query: str):
    """One page of the clients that match; without a query, of all clients."""
    archived = "archived" in request.values
    found = ListPage.of(
        clients.matching(access.clinic(), query, archived), arg_int(request.values.get("page"), 1)
    )
    changes = (
        IdChange.listed(access.clinic()) if current_user.is_owner and not htmx.is_partial() else []
    )
    return htmx.show(
        "patients/index.html",
        "patients/_results.html",
        found=found,
        query=query,
        archived=archived,
        id_changes=changes,
        to_check=[] if archived or htmx.is_partial() else newcomers.waiting(access.clinic()),
    )


@blueprint.get("/")
@login_required
def index():
    return _list("")


@blueprint.post("/id-changes")
@owner_required
def put_away_id_changes():
    IdChange.put_away(access.clinic(), current_user)
    return htmx.done(url_for("patients.index"))


@blueprint.post("/matches")
@login_required
def matches():
    """A search, sent by POST: browsers keep addresses and proxies log them, and this one would
    contain a name.
    """
    query = text.clean(request.form.get("q", "")[:100], 100)
    if query and access.clinic().internal_ids and not htmx.is_partial():
        exact = clients.with_internal_id(access.clinic(), query, "archived" in request.form)
        if exact:
            return redirect(url_for("patients.show", patient_id=exact.id), 303)
    return _list(query)


@blueprint.get("/matches")
@login_required
def forget_search():
    """Show the list to a person who returns to the address of a search."""
    return redirect(url_for("patients.index"), 303)


@blueprint.get("/new")
@login_required
def new():
    return render_template("patients/edit.html", form=_form(), client=None)


@blueprint.post("/")
@login_required
def create():
    form = _form()
    if form.validate() and (client := form.added()):
        flash(_("{client} is in your list of clients.", client=client.name))
        return htmx.done(url_for("patients.show", patient_id=client.id))
    return htmx.show("patients/edit.html", "patients/_form.html", 422, form=form, client=None)


@blueprint.get("/<int:patient_id>")
@login_required
def show(patient_id: int):
    client, now = access.client_to_read(patient_id), scheduling.utc_now()
    if client.id != patient_id:  # the two records were merged
        return redirect(url_for("patients.show", patient_id=client.id), 303)
    zone = sync_words.zone(access.calendars(), current_user)
    most = (None, None) if "all" in request.args else SHOWN
    ahead = list(clients.bookings_ahead(client, now, most[0]))
    before = list(clients.bookings_before(client, now, most[1]))
    return render_template(
        "patients/show.html",
        client=client,
        ahead=ahead,
        before=before,
        count_ahead=clients.count_ahead(client, now),
        count_before=clients.count_before(client, now),
        several_zones=own_zone.differ(client.clinic),
        visits=clients.visits(client, now),
        outside=_outside(client, [*ahead, *before]),
        earlier=earlier_notes(client, zone),
        merged=ClientMerge.latest(client),
        doubles=_doubles(client),
        is_to_check=newcomers.is_to_check(client),
        zone=zone,
    )


@blueprint.get("/<int:patient_id>/edit")
@login_required
def edit(patient_id: int):
    client = access.client_to_read(patient_id)
    return render_template("patients/edit.html", form=_form(client), client=client)


@blueprint.post("/<int:patient_id>")
@login_required
def update(patient_id: int):
    form = _form(access.client_to_change(patient_id))
    is_saved = form.validate() and access.on_client_in_use(patient_id, form.saved)
    client = access.client_to_change(patient_id)
    form.is_merged = client.id != patient_id
    if is_saved:
        flash(_("The record is changed."))
        if form.is_merged:
            flash(_("The record that you opened was merged into this one meanwhile."))
        return htmx.done(url_for("patients.show", patient_id=client.id))
    return htmx.show("patients/edit.html", "patients/_form.html", 422, form=form, client=client)


@blueprint.post("/<int:patient_id>/archival")
@login_required
def archive(patient_id: int):
    access.on_client_in_use(patient_id, lambda client: client.set_archived(True, current_user))
    flash(_("Archived. The record and its bookings stay; lists and search leave it out."))
    return htmx.done(url_for("patients.show", patient_id=patient_id))


@blueprint.post("/<int:patient_id>/return")
@login_required
def bring_back(patient_id: int):
    access.on_client_in_use(patient_id, lambda client: client.set_archived(False, current_user))
    flash(_("The client is back in lists and search."))
    return htmx.done(url_for("patients.show", patient_id=patient_id))


@blueprint.post("/<int:patient_id>/checked")
@login_required
def check(patient_id: int):
    """Confirm that somebody who booked online is a separate client."""
    client = access.client_to_change(patient_id)
    if newcomers.mark_checked(client, current_user):
        flash(_("Checked: this is a new client."))
    return htmx.done(url_for("patients.show", patient_id=client.id))


def _doubles(client: Patient) -> list[tuple[Patient, str]]:
    """Records that may be of the same person; each with a hash of both records if they can be
    merged without any choice.
    """
    reach = {"phone": client.phone, "email": client.email}
    likely = doubles.likely(client.clinic, client.name, besides=client, **reach)
    return [(one, _mark(one, client)) for one in likely]


def _mark(kept: Patient, gone: Patient) -> str:
    is_plain = set(merging.differences(kept, gone)) <= {"internal_id"}
    return merges.digest(kept, gone) if is_plain else ""


def _outside(client: Patient, bookings: list[Booking]) -> dict:
    """The label under which the client appears in the calendars of the signed-in person ("": none),
    whether any feed has its own choice, and the most that a colleague's calendar shows. `service`:
    the first of these bookings, as an example; None: none has a service.
    """
    identifier = identifier_of(current_user.identifier, access.clinic())
    label = text.client_label(
        identifier, client.first_name, client.last_name, client.internal_id or ""
    )
    differ = owned.has_identifier(current_user)
    return {
        "identifier": identifier,
        "label": label,
        "service": next((one.service for one in bookings if one.service), None),
        "feeds_differ": differ,
        "limit": sync_words.IDENTIFIER_NAMES[access.clinic().privacy_ceiling],
    }
