"""Merging two records of a client: choosing the records and the values to keep; and undoing it."""

import hashlib

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from wtforms import BooleanField

from base import text
from base.catalogue import _, lazy
from base.database import alone
from free_times.online import newcomers
from models import Patient
from people import clients, doubles, merges
from views.kit import access, htmx
from views.kit.access import login_required
from views.kit.forms import Form, Hidden, arg_int

blueprint = Blueprint("merges", __name__)

MOST_FOUND = 8
WORDS = {
    "name": lazy("Name"),
    "internal_id": lazy("Internal ID"),
    "phone": lazy("Phone"),
    "email": lazy("E-mail"),
    "first_name": lazy("first name"),
    "last_name": lazy("last name"),
    "notes": lazy("notes"),
}
COMPARED = ("name", "internal_id", "phone", "email")


class MergeForm(Form):
    """The values to take over from the record that goes. If a box is not ticked, the kept record's
    value stays.
    """

    other = Hidden()
    showed = Hidden(limit=80)  # a hash of both records as the page with the button showed them
    name = BooleanField()
    internal_id = BooleanField()
    phone = BooleanField()
    email = BooleanField()

    @property
    def chosen(self) -> list[str]:
        return [name for name in merges.CHOICES if self[name].data]


@blueprint.get("/<int:patient_id>/merge")
@login_required
def choose(patient_id: int):
    """Choose the other record; with `other` show the two side by side."""
    client = access.client_to_change(patient_id)
    other = arg_int(request.args.get("other"))
    if other is not None:
        return _compare(client, _other(client, other), MergeForm(formdata=None))
    reach = {"phone": client.phone, "email": client.email}
    likely = doubles.likely(client.clinic, client.name, besides=client, **reach)
    return render_template("patients/merge.html", client=client, likely=likely, found=[], query="")


@blueprint.post("/<int:patient_id>/merge/matches")
@login_required
def matches(patient_id: int):
    """A search for the other record. POST: a name must not be in an address."""
    client = access.client_to_change(patient_id)
    query = text.clean(request.form.get("q", "")[:100], 100)
    found = clients.suggested(client.clinic, query) if query else []
    rows = [row for row in found[: MOST_FOUND + 1] if row != client]
    return render_template(
        "patients/merge.html", client=client, likely=[], found=rows[:MOST_FOUND], query=query
    )


@blueprint.post("/<int:patient_id>/merge")
@login_required
def merge(patient_id: int):
    client, form = access.client_to_change(patient_id), MergeForm()
    other = _other(client, arg_int(form.other.data))
    if not form.validate():
        return _compare(client, other, form, 422)
    if client == other:
        flash(_("These two are one record already."))
        return htmx.done(url_for("patients.show", patient_id=client.id))
    if form.showed.data != digest(client, other):
        return _compare(client, other, form, 422, changed=True)
    try:
        with alone(client):
            done = merges.merge(client, other, current_user, form.chosen)
            done.keep(checked=newcomers.mark_checked(client, current_user))
    except merges.CannotMerge:
        flash(_("These two are one record already."))
    else:
        flash(_("The two records are one now. It can be undone here for a day."))
    return htmx.done(url_for("patients.show", patient_id=client.id))


@blueprint.post("/<int:patient_id>/merge/undo")
@login_required
def undo(patient_id: int):
    client = access.client_to_change(patient_id)
    done = merges.ClientMerge.latest(client)
    is_this = done is not None and request.form.get("merge") == str(done.id)
    with alone(client):
        stays = merges.undo(done, current_user) if is_this else None
        if stays is not None:
            newcomers.uncheck(client.clinic, done.facts.get("checked", []))
    if stays is None:
        flash(_("This merge cannot be undone any more."))
        return htmx.done(url_for("patients.show", patient_id=client.id))
    flash(_("There are two records again. Bookings made since stay with this one."))
    if stays:
        words = ", ".join(WORDS[column].lower() for column in stays)
        flash(_("Changed since, and left as it is: {words}.", words=words), "warning")
    return redirect(url_for("patients.show", patient_id=client.id), 303)


def _other(client: Patient, other_id: int | None) -> Patient:
    return access.client_to_change(other_id) if other_id is not None else abort(404)


def _compare(client: Patient, other: Patient, form: MergeForm, status=200, changed=False):
    if client == other:
        return redirect(url_for("patients.show", patient_id=client.id), 303)
    form.showed.data = digest(client, other)
    form.other.data = str(other.id)
    return htmx.show(
        "patients/compare.html",
        "patients/compare.html",
        status,
        client=client,
        other=other,
        form=form,
        changed=changed,
        words=WORDS,
        columns=[one for one in COMPARED if one != "internal_id" or client.clinic.internal_ids],
        differ=merges.differences(client, other),
        filled=merges.filled(client, other),
        bookings=clients.count_of(other),
    )


def digest(*records: Patient) -> str:
    """A hash of the content of both records, which shows that one of them changed meanwhile. It
    need not be secret: the page shows the content anyway.
    """
    contents = repr(
        [[getattr(row, name) for name in (*merges.COLUMNS, "notes")] for row in records]
    )
    return hashlib.sha256(contents.encode()).hexdigest()
