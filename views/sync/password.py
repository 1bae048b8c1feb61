"""Connecting a calendar with a typed name and password.

A job tries the password once; the Calendar sync page shows the result.
"""

from typing import ClassVar

from flask import Response, redirect, url_for
from flask_login import current_user
from wtforms import PasswordField
from wtforms.validators import Length

from base.catalogue import _, lazy
from sync.connect import arrival
from sync.providers import registry
from sync.providers.errors import AuthExpired
from sync.tables.accounts import Account
from views.kit import htmx
from views.kit.forms import Form, Line, Needed

NO_ADDRESS = lazy("This is no address. Write an e-mail address, or one such as cloud.example.org")


class Password(Form):
    """The form for signing in, labelled in the words of the service (`values.Asked`)."""

    address = Line("", 500)
    user = Line("", 254, lazy("Write your user name"))
    # never shown again: see `views.kit.signing_in.SECRET_FIELDS`
    password = PasswordField(
        "",
        [Needed(lazy("Write or paste the password")), Length(max=500)],
        render_kw={"autocomplete": "off"},
    )

    typing: ClassVar = {
        "autocomplete": "off",
        "autocapitalize": "none",
        "spellcheck": "false",
    }

    def __init__(self, kind: str, known: Account | None, *args, **kwargs):
        super().__init__(*args, **kwargs)
        way = registry.row_of(kind).by_password
        for name in ("address", "user", "password"):
            self[name].label.text = getattr(way.asked, name)
        if known or not way.asks_address:
            del self.address
        if known:
            del self.user


def used(account: Account | None) -> Account | None:
    """The account if it is in use, so that the page asks only for its password; else None."""
    return account if account and not account.is_unused else None


def show(
    kind: str, account: Account | None, form: Password | None = None, status: int = 200
) -> Response:
    """The page that asks for the name and password of a new account, or for the password of an
    existing one.
    """
    row, known = registry.row_of(kind), used(account)
    if form is None:
        typed = arrival.typed(account) if account else ("", "")
        before = dict(zip(("address", "user"), typed, strict=True))
        form = Password(kind, known, formdata=None, data=before)
    return htmx.show(
        "sync/password.html",
        "sync/_password.html",
        status,
        provider=row,
        way=row.by_password,
        known=known,
        account=account,
        form=form,
    )


def connect_with_password(kind: str, known: Account | None) -> Response:
    """Store the typed values, and start the job that tries them."""
    form = Password(kind, used(known))
    if not form.validate():
        return show(kind, known, form, 422)
    typed = {name: form[name].data if name in form else "" for name in ("address", "user")}
    try:
        account = arrival.sign_in(
            current_user, kind, typed["address"], typed["user"], form.password.data, known
        )
    except ValueError:
        form.fault("address" if "address" in form else "user", NO_ADDRESS)
        return show(kind, known, form, 422)
    except AuthExpired:
        form.fault(
            "password",
            _("The login that is kept can no longer be opened. Disconnect, then connect again."),
        )
        return show(kind, known, form, 422)
    return redirect(url_for("sync_settings.show", _anchor=f"account-{account.id}"), 303)
