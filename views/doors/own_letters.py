"""E-mails to the signed-in person, who chooses which of them come."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user, login_required
from wtforms import BooleanField

from base.catalogue import _, lazy
from base.tables import outbox
from free_times.online.team_letters import TeamLetters
from people import calendars
from views.kit.forms import Form

blueprint = Blueprint("own_letters", __name__)


SWITCHES = ("own", "all", "lost", "asked", "morning", "digest")


class OwnLettersForm(Form):
    own = BooleanField(lazy("A client books, moves or cancels online in your calendar"))
    all = BooleanField(lazy("The same in every calendar of the clinic"))
    lost = BooleanField(lazy("A booking of yours goes to a colleague"))
    asked = BooleanField(lazy("A request waits for an answer"))
    morning = BooleanField(lazy("Your appointments of the day, in the morning"))
    digest = BooleanField(lazy("The week of the clinic, on Mondays"))


def _form() -> OwnLettersForm:
    """The switches that the person may set."""
    choice = TeamLetters.of(current_user)
    shown = {name: getattr(choice, name) for name in SWITCHES}
    if shown["asked"] is None:
        shown["asked"] = current_user.is_owner or calendars.has_any(current_user)
    form = OwnLettersForm(formdata=None, data=shown)
    _leave_out(form)
    return form


def _leave_out(form: OwnLettersForm) -> None:
    if not current_user.books_for_all:
        del form.all
    if not current_user.is_owner:
        del form.digest


@blueprint.get("/")
@login_required
def show():
    return render_template("auth/own_letters.html", form=_form(), is_set_up=outbox.is_set_up())


@blueprint.post("/")
@login_required
def update():
    form = OwnLettersForm()
    _leave_out(form)
    TeamLetters.choose(current_user._get_current_object(), **form.values())
    flash(_("Saved."))
    return redirect(url_for("own_letters.show"), 303)
