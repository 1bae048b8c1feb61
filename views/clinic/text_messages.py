"""Settings → Text messages: the clinic's own service for them, and which messages clients get."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user
from wtforms import BooleanField

from base import scheduling, vault
from base.catalogue import _, lazy
from base.database import alone
from base.outgoing import exchange
from base.tables import texts
from base.tables.outbox import Letter
from base.tables.texts import TextSettings
from people.text_numbers import number
from views.kit import access, htmx
from views.kit.access import owner_required
from views.kit.forms import NO_NUMBER, Form, Line
from views.kit.merging import Merging
from views.kit.words import text_words

blueprint = Blueprint("text_messages", __name__)


class TextsForm(Merging):
    settings: TextSettings | None = None  # as they are stored

    is_on = BooleanField(lazy("Send text messages to clients who asked for them"))
    url = Line(lazy("Address of your service"), 2000, render_kw={"autocomplete": "off"})
    booked = BooleanField(lazy("Booked or confirmed"))
    waits = BooleanField(lazy("Request received"))
    moved = BooleanField(lazy("Moved or changed"))
    cancelled = BooleanField(lazy("Cancelled or declined"))
    reminder = BooleanField(lazy("Reminders"))

    @classmethod
    def opened(cls, settings: TextSettings) -> "TextsForm":
        """The form filled with the present settings."""
        kinds = {kind: kind in settings.kinds for kind in texts.KINDS}
        form = cls(formdata=None, data={"is_on": settings.is_on, **kinds})
        form.settings = settings
        return form

    def snapshot(self) -> dict:
        """The address is in the page as a mark alone, since it often contains a key. A field that
        is left empty means the address that the page showed.
        """
        assert self.settings is not None
        now, typed = self.settings.mark, self.url.data
        mark = typed or (self.seen.data or {}).get("url", now)
        return super().snapshot() | {"url": now if typed and self.settings.has(typed) else mark}

    def in_words(self, names: tuple[str, ...]) -> str:
        if names == ("url",) and not self.url.data:
            return address_of(self.settings) or _("Empty")
        return super().in_words(names)

    def validate(self, **kwargs) -> bool:
        if super().validate(**kwargs) and self.url.data:
            try:
                exchange.judged(self.url.data)
            except exchange.RequestFailed as refused:
                self.fault("url", refused.sentence)
        return not self.errors

    def can_begin(self, settings: TextSettings) -> bool:
        """Whether the chosen settings can work; otherwise a field gets a fault."""
        if self.is_on.data and not settings.sealed_secret:
            self.fault("is_on", _("Set the address and the secret first, and send a trial message"))
        elif self.is_on.data and not (settings.sealed_url or self.url.data):
            self.fault("url", _("Write the address first"))
        return not self.errors

    def columns(self) -> dict:
        """The values to store."""
        kinds = [kind for kind in texts.KINDS if self[kind].data]
        return {"is_on": self.is_on.data, "kinds": kinds}


class TrialForm(Form):
    phone = Line(lazy("Your mobile number"), 40, lazy("Write a number"))


def address_of(settings: TextSettings) -> str:
    """The address of the clinic's service without what could be secret; "" if there is none."""
    try:
        return exchange.shown(settings.url) if settings.sealed_url else ""
    except vault.CannotOpen:
        return _("an address that this server cannot read any more: write it again")


def _page(form: TextsForm | None = None, trial: TrialForm | None = None, **more) -> dict:
    settings = TextSettings.of(access.clinic())
    return {
        "form": form or TextsForm.opened(settings),
        "trial": trial or TrialForm(formdata=None),
        "settings": settings,
        "address": address_of(settings),
        "tried": text_words.last_trial(access.clinic()),
        **more,
    }


@blueprint.get("/")
@owner_required
def show():
    return render_template("settings/texts.html", **_page())


@blueprint.post("/")
@owner_required
def update():
    clinic, form = access.clinic(), TextsForm()
    if form.validate():
        with alone(clinic):
            form.settings = settings = TextSettings.stored(clinic)
            saved = form.merge(TextsForm.opened(settings), settings) and form.can_begin(settings)
            if saved:
                settings.change(current_user, url=form.url.data or "", **form.columns())
        if saved:
            flash(_("Saved."))
            return htmx.done(url_for("text_messages.show"))
    return htmx.show("settings/texts.html", "settings/_texts.html", 422, **_page(form))


@blueprint.post("/secret")
@owner_required
def make_secret():
    """The page with a new secret. It is shown only now, and again to a second press."""
    with alone(access.clinic()) as clinic:
        made = TextSettings.stored(clinic).make_secret(current_user)
    return render_template("settings/texts.html", **_page(secret=made))


@blueprint.post("/removal")
@owner_required
def remove():
    with alone(access.clinic()) as clinic:
        TextSettings.stored(clinic).forget(current_user)
    flash(_("Removed. No text messages are sent."))
    return redirect(url_for("text_messages.show"), 303)


@blueprint.post("/trial")
@owner_required
def send_trial():
    """Queue a trial message; the page shows its result."""
    clinic, form = access.clinic(), TrialForm()
    to = number(clinic, form.phone.data or "") if form.validate() else None
    if to is None:
        if not form.errors:
            form.fault("phone", NO_NUMBER)
        return render_template("settings/texts.html", **_page(trial=form)), 422
    with alone(clinic):
        if TextSettings.of(clinic).is_ready:
            queue, at = texts.queue_of(clinic.id), scheduling.utc_now()
            Letter.write(clinic, texts.TRIAL, clinic, at.isoformat(), to, queue=queue)
    return redirect(url_for("text_messages.show") + "#trial", 303)
