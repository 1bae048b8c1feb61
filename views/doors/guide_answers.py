"""The answers to "Was this page of Help helpful?", with notes, for the operator of this server."""

from flask import Blueprint, abort, flash, render_template, url_for
from flask_login import current_user

from base.catalogue import _, lazy
from people.guide_notes import LONGEST, GuideNote
from views.kit import access, brakes, htmx
from views.kit.access import login_required, manager_required
from views.kit.choices import Options
from views.kit.forms import Form, Paragraph
from views.kit.words import sync_words

from .help import PAGES

blueprint = Blueprint("guide_answers", __name__)

FREE = 10  # answers that one person may send within a short time


class AnswerForm(Form):
    helpful = Options(
        lazy("Was this page helpful?"), choices=[("yes", lazy("Yes")), ("no", lazy("No"))]
    )
    note = Paragraph(lazy("What is missing or unclear?"), LONGEST)


@blueprint.app_context_processor
def _forms() -> dict:
    return {"answer_form": lambda: AnswerForm(formdata=None)}


@blueprint.post("/<name>/answers")
@login_required
def answer(name: str):
    if name not in PAGES:
        abort(404)
    form = AnswerForm()
    if not form.validate():
        return render_template("help/answer.html", form=form, page=PAGES[name], name=name), 422
    brakes.slow_down("guide", str(current_user.id), FREE)
    GuideNote.give(current_user, name, form.helpful.data == "yes", form.note.data)
    flash(
        _("Thank you. Your answer is kept for the person who looks after Kalends in your clinic.")
    )
    return htmx.done(url_for("help.page", name=name))


@blueprint.get("/answers")
@manager_required
def index():
    """The page of people's answers, the newest first."""
    zone = sync_words.zone(access.calendars(), current_user)
    rows = list(GuideNote.listed(access.clinic()))
    return render_template("help/answers.html", rows=rows, zone=zone, pages=PAGES)


@blueprint.post("/answers/removal")
@manager_required
def remove():
    """Delete answers that the operator has dealt with."""
    GuideNote.forget(access.clinic())
    flash(_("The answers are deleted."))
    return htmx.done(url_for("guide_answers.index"))
