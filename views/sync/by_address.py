"""Connecting a published calendar by its address.

The request does not read the address: a job does, and the Calendar sync page shows the result.
"""

from flask import Response, redirect, url_for
from flask_login import current_user

from base.catalogue import lazy
from sync.connect import arrival
from sync.providers import registry
from sync.tables.accounts import Account
from views.kit import htmx
from views.kit.forms import Form, Line


class PublishedForm(Form):
    address = Line(
        lazy("Address of the calendar"),
        2000,
        lazy("Paste the address"),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )


def show(
    kind: str, known: Account | None, form: PublishedForm | None = None, status: int = 200
) -> Response:
    """The page that asks for the address."""
    return htmx.show(
        "sync/published.html",
        "sync/_published.html",
        status,
        provider=registry.row_of(kind),
        known=known,
        form=form or PublishedForm(formdata=None),
    )


def connect_address(kind: str, known: Account | None) -> Response:
    """Store the address, and start the job that reads it."""
    form = PublishedForm()
    if not form.validate():
        return show(kind, known, form, 422)
    try:
        account = arrival.connect_published(current_user, kind, form.address.data, known)
    except ValueError as error:
        form.fault("address", str(error))
        return show(kind, known, form, 422)
    return redirect(url_for("sync_settings.show", _anchor=f"account-{account.id}"), 303)
