"""Settings → Waiting list: who may ask for an earlier time, and how a free one is offered."""

from flask import Blueprint, flash, render_template, url_for
from flask_login import current_user
from wtforms import BooleanField

from base.catalogue import _, lazy
from base.database import alone
from base.tables import outbox
from free_times.earlier.entries import EarlierSettings
from free_times.rules import OnlineSettings
from views.kit import access, htmx
from views.kit.access import manager_required
from views.kit.choices import Choice, Options
from views.kit.merging import Merging

blueprint = Blueprint("earlier_settings", __name__)

MODES = [
    ("hand", lazy("We offer it by hand")),
    ("turn", lazy("To one client after another")),
    ("all", lazy("To all clients it suits at once")),
]

LENGTHS = [
    (15, lazy("15 minutes")),
    (30, lazy("30 minutes")),
    (60, lazy("1 hour")),
    (120, lazy("2 hours")),
    (240, lazy("4 hours")),
]


class EarlierForm(Merging):
    """The settings of the waiting list."""

    visitors_ask = BooleanField(lazy("Clients can ask for an earlier time online"))
    mode = Options(lazy("When a time becomes free"), choices=MODES)
    minutes = Choice(lazy("An offered time is kept for"), coerce=int, choices=LENGTHS)

    @classmethod
    def opened(cls, settings: EarlierSettings) -> "EarlierForm":
        """The form filled with the present settings."""
        return cls(formdata=None, obj=settings)


def _page(form: EarlierForm) -> dict:
    return {
        "form": form,
        "is_set_up": outbox.is_set_up(),
        "is_online": OnlineSettings.of(access.clinic()).is_on,
    }


@blueprint.get("/")
@manager_required
def show():
    form = EarlierForm.opened(EarlierSettings.of(access.clinic()))
    return render_template("settings/earlier.html", **_page(form))


@blueprint.post("/")
@manager_required
def update():
    clinic, form = access.clinic(), EarlierForm()
    if form.validate():
        with alone(clinic):
            settings = EarlierSettings.stored(clinic)
            saved = form.merge(EarlierForm.opened(settings), settings)
            if saved:
                settings.change(current_user, **form.values())
        if saved:
            flash(_("Saved."))
            return htmx.done(url_for("earlier_settings.show"))
    return htmx.show("settings/earlier.html", "settings/_earlier.html", 422, **_page(form))
