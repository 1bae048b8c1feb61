"""Clients and bookings from CSV files: upload a file, follow its check, then import or delete it.
Managers only.
"""

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask_login import current_user
from flask_wtf.file import FileField
from wtforms.validators import InputRequired

from base.catalogue import _, lazy
from operate import intake
from operate.intake.upload import ASKED, Import
from views.kit import access, htmx
from views.kit.access import manager_required
from views.kit.choices import Radio
from views.kit.forms import Form, arg_int

blueprint = Blueprint("imports", __name__)

KINDS = {"clients": lazy("Clients"), "bookings": lazy("Bookings")}
LINES_NAMED = 5  # of those with the same fault
SHOWN = 100  # lines with problems on one page, before "Show more"


class Upload(Form):
    kind = Radio(
        lazy("What does the file contain?"),
        [InputRequired(lazy("Choose what the file contains"))],
        choices=list(KINDS.items()),
        default="clients",
    )
    file = FileField(lazy("CSV file"))


def _new(form: Upload) -> dict:
    return {"form": form, "columns": intake.COLUMNS, "latest": list(Import.latest(access.clinic()))}


@blueprint.get("/")
@manager_required
def index():
    return render_template("imports/index.html", **_new(Upload()))


@blueprint.post("/")
@manager_required
def create():
    form = Upload()
    if form.validate():
        try:
            raw = form.file.data.read(intake.MOST_BYTES + 1) if form.file.data else b""
            row = intake.begin_import(access.clinic(), current_user, form.kind.data, raw)
            return htmx.done(url_for("imports.show", import_id=row.id))
        except intake.UnreadableFile as error:
            form.fault("file", str(error) if form.file.data else _("Choose a file."))
    return htmx.show("imports/index.html", "imports/_new.html", 422, **_new(form))


@blueprint.get("/examples/<kind>.csv")
@manager_required
def example(kind: str):
    if kind not in KINDS:
        abort(404)
    return _download(intake.example(kind, access.clinic()), f"{kind}-example.csv")


@blueprint.get("/<int:import_id>")
@manager_required
def show(import_id: int):
    return _show(access.import_to_decide(import_id, *Import.light()))


def _show(row: Import, status: int = 200, **more) -> Response:
    entries = intake.grouped(row.problems.get("entries", []))
    shown = entries if "all" in request.args else entries[:SHOWN]
    return htmx.show(
        "imports/show.html",
        "imports/_import.html",
        status,
        row=row,
        entries=shown,
        left=intake.grouped(row.problems.get("left", [])),
        hidden=len(entries) - len(shown),
        columns=intake.COLUMNS[row.kind],
        people=intake.people(access.clinic()) if row.problems.get("people") else [],
        where=lambda entry: _where(row, entry),
        waits_for=intake.waits_for(row),
        orders=intake.orders(
            row.problems.get("ask", {}).get("dates", []), access.clinic().date_order
        ),
        **more,
    )


def _where(row: Import, entry: dict) -> str:
    """The lines of an entry, and the column by its name on pages: “Lines 2 and 3, Start”."""
    lines = entry["lines"]
    shown = [f"{line:,}" for line in lines[:LINES_NAMED]]
    if lines[0] == 1:
        place = _("The file")
    elif len(lines) == 1:
        place = _("Line {line}", line=shown[0])
    elif len(lines) == len(shown):
        place = _("Lines {some} and {last}", some=", ".join(shown[:-1]), last=shown[-1])
    else:
        more = f"{len(lines) - len(shown):,}"
        place = _("Lines {some} and {more} more", some=", ".join(shown), more=more)
    labels = {column.name: column.label for column in intake.COLUMNS[row.kind]}
    return f"{place}, {labels.get(entry['column'], entry['column'])}" if entry["column"] else place


@blueprint.post("/<int:import_id>/meanings")
@manager_required
def answer(import_id: int):
    """Store the answers about the file's columns and dates. If the file still cannot be read, the
    questions come back with the reason.
    """
    row = access.import_to_decide(import_id, *Import.light())
    if not row.has_question:
        return htmx.done(url_for("imports.show", import_id=row.id))
    answers = _answers(row)
    faults = intake.faults(row.kind, answers, row.problems["ask"])
    if faults:
        return _show(row, 422, faults=faults, given=answers["columns"])
    intake.answer(row, current_user, answers)
    return htmx.done(url_for("imports.show", import_id=row.id))


def _answers(row: Import) -> dict:
    """The answers that were sent, as in `Import.choices`; what was not offered is left out."""
    asked = row.problems["ask"]
    allowed = {column.name for column in intake.COLUMNS[row.kind]} | {""}
    columns = {
        column["key"]: meaning
        for n, column in enumerate(asked["columns"])
        if (meaning := request.form.get(f"column-{n}", "")) in allowed
    }
    orders = {order for order, __ in intake.orders(asked["dates"])}
    dates, calendar = request.form.get("dates"), arg_int(request.form.get("calendar"))
    minutes = request.form.get("minutes", "").strip()
    is_number = minutes.isascii() and minutes.isdecimal() and len(minutes) < 10
    return {
        "columns": columns,
        "dates": dates if dates in orders else None,
        "calendar": calendar if calendar in {one["id"] for one in asked["calendars"]} else None,
        "minutes": (int(minutes) if is_number else 0) if minutes else None,
    }


@blueprint.post("/<int:import_id>/questions")
@manager_required
def ask(import_id: int):
    """Go back to the question about the meaning of the columns."""
    row = access.import_to_decide(import_id)
    intake.ask_again(row)
    return htmx.done(url_for("imports.show", import_id=row.id))


@blueprint.post("/<int:import_id>/letters")
@manager_required
def read_as(import_id: int):
    """Read the letters of the file in the chosen encoding, and check it again."""
    row = access.import_to_decide(import_id)
    intake.read_as(row, current_user, request.form.get("encoding", ""))
    return htmx.done(url_for("imports.show", import_id=row.id))


@blueprint.post("/<int:import_id>/people")
@manager_required
def answer_people(import_id: int):
    """Store who is meant by names of practitioners in the file, and check it again."""
    row = access.import_to_decide(import_id, *Import.light())
    known = {one["id"] for one in intake.people(access.clinic())}
    chosen = {
        name: user
        for n, name in enumerate(row.problems.get("people", []))
        if (user := arg_int(request.form.get(f"person-{n}"))) in known
    }
    if chosen:
        intake.answer_people(row, current_user, chosen)
    return htmx.done(url_for("imports.show", import_id=row.id))


@blueprint.post("/<int:import_id>/taking")
@manager_required
def accept(import_id: int):
    """Import a checked file. If some of its lines are bad, the form must confirm that only the good
    ones are imported.
    """
    row = access.import_to_decide(import_id, *Import.light())
    without_bad = "good_ones" in request.form
    if row.phase == "checked" and not row.may_be_imported(without_bad):
        return _show(row, 422, refused=True)
    intake.accept(row, current_user, without_bad)
    return htmx.done(url_for("imports.show", import_id=row.id))


@blueprint.post("/<int:import_id>/checks")
@manager_required
def check(import_id: int):
    row = access.import_to_decide(import_id, *Import.light())
    intake.check_again(row, current_user, overlaps="overlaps" in request.form)
    return htmx.done(url_for("imports.show", import_id=row.id))


@blueprint.post("/<int:import_id>/disposal")
@manager_required
def discard(import_id: int):
    row = access.import_to_decide(import_id, *Import.light())
    if row.advance(("checking", ASKED, "checked", "failed"), "discarded", current_user):
        flash(
            _("The file is deleted. What was imported before stays.")
            if row.begun
            else _("The file is deleted. Nothing of it was imported.")
        )
        return htmx.done(url_for("imports.index"))
    return htmx.done(url_for("imports.show", import_id=row.id))


@blueprint.get("/<int:import_id>/bad-lines.csv")
@manager_required
def bad_lines(import_id: int):
    row = access.import_to_decide(import_id)
    if row.phase != "checked" or not row.problems.get("bad"):
        abort(404)
    return _download(intake.bad_lines(row), f"bad-{row.kind}-{row.id}.csv")


def _download(text: str, name: str) -> Response:
    return Response(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
