"""The signed-in person's own format of dates and times, if it differs from the clinic's."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user

from base import region
from base.catalogue import _, lazy
from views.kit import access
from views.kit.access import login_required
from views.kit.choices import Choice
from views.kit.forms import Form
from views.kit.words import region_words

blueprint = Blueprint("own_region", __name__)

LOOKS = {  # column of a person → its choices, with the words on the page
    "own_week_start": region_words.WEEKS,
    "own_twelve_hours": region_words.TIMES,
    "own_date_order": region_words.DATES,
}


class OwnRegionForm(Form):
    own_week_start = Choice(lazy("Weeks begin on"))
    own_twelve_hours = Choice(lazy("Times look like"))
    own_date_order = Choice(lazy("Dates look like"))

    def __init__(self, usual: region.Region, **kwargs):
        super().__init__(**kwargs)
        as_there = (usual.week_start, int(usual.twelve_hours), usual.date_order)
        for (name, choices), key in zip(LOOKS.items(), as_there, strict=True):
            like = _("As the clinic: {choice}", choice=dict(choices)[key])
            self[name].choices = [("", like), *((str(value), words) for value, words in choices)]

    def columns(self) -> dict:
        """The columns of the person; None: the clinic's choice applies."""
        hours, week = self.own_twelve_hours.data, self.own_week_start.data
        return {
            "own_week_start": int(week) if week else None,
            "own_twelve_hours": hours == "1" if hours else None,
            "own_date_order": self.own_date_order.data or None,
        }


def _of(value: object) -> str:
    return "" if value is None else str(int(value) if isinstance(value, bool) else value)


@blueprint.get("/")
@login_required
def show():
    stored = {name: _of(getattr(current_user, name)) for name in LOOKS}
    form = OwnRegionForm(access.clinic().region, formdata=None, data=stored)
    return render_template("auth/own_region.html", form=form)


@blueprint.post("/")
@login_required
def update():
    form = OwnRegionForm(access.clinic().region)
    if not form.validate():
        return render_template("auth/own_region.html", form=form), 422
    current_user.read_as(**form.columns())
    flash(_("Saved."))
    return redirect(url_for("own_region.show"), 303)
