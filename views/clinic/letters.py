"""Settings → Letters: which e-mails the clinic sends to its clients."""

from flask import Blueprint, flash, render_template, url_for
from flask_login import current_user
from wtforms import BooleanField

from base.bookings.client_letters import LetterSettings
from base.catalogue import _, lazy
from base.database import alone
from base.tables import outbox
from views.kit import access, htmx
from views.kit.access import manager_required
from views.kit.forms import Email, Options
from views.kit.merging import Merging

blueprint = Blueprint("letters", __name__)

TO_CLIENTS = [
    ("online", lazy("Clients who book online")),
    ("all", lazy("All clients with an e-mail address")),
    ("none", lazy("Nobody")),
]
METHODS = [
    ("REQUEST", lazy("As an invitation")),
    ("PUBLISH", lazy("As a plain entry")),
]


class LettersForm(Merging):
    to_clients = Options(lazy("Who gets e-mails about appointments?"), choices=TO_CLIENTS)
    reply_to = Email(lazy("Answers go to"))
    names_service = BooleanField(lazy("E-mails name the service"))
    method = Options(lazy("The appointment in their calendar"), choices=METHODS)

    @classmethod
    def opened(cls, settings: LetterSettings) -> "LettersForm":
        """The form as the settings are now."""
        return cls(formdata=None, obj=settings)


def _page(form: LettersForm) -> dict:
    return {"form": form, "is_set_up": outbox.is_set_up()}


@blueprint.get("/")
@manager_required
def show():
    form = LettersForm.opened(LetterSettings.of(access.clinic()))
    return render_template("settings/letters.html", **_page(form))


@blueprint.post("/")
@manager_required
def update():
    clinic, form = access.clinic(), LettersForm()
    if form.validate():
        with alone(clinic):
            settings = LetterSettings.stored(clinic)
            saved = form.merge(LettersForm.opened(settings), settings)
            if saved:
                settings.change(current_user, **form.values())
        if saved:
            flash(_("Saved."))
            return htmx.done(url_for("letters.show"))
    return htmx.show("settings/letters.html", "settings/_letters.html", 422, **_page(form))
