"""Settings → E-mails to clients: which e-mails the clinic sends to its clients."""

from datetime import time

from flask import Blueprint, abort, flash, make_response, redirect, render_template, url_for
from flask_login import current_user
from wtforms import BooleanField

from base import region, scheduling
from base.bookings.client_letters import MOST_REMINDERS, LetterSettings
from base.catalogue import _, lazy, ngettext
from base.database import alone
from base.tables import outbox
from base.tables.outbox import Letter
from letters import queues
from letters.to_clients import WORDINGS, preview
from views.kit import access, htmx
from views.kit.access import manager_required
from views.kit.choices import Choice, Options
from views.kit.forms import Clock, Email, Paragraph
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


DAYS = [
    ("", lazy("No reminder")),
    ("0", lazy("On the same day")),
    ("1", lazy("1 day before")),
    ("2", lazy("2 days before")),
    ("3", lazy("3 days before")),
    ("7", lazy("1 week before")),
    ("14", lazy("2 weeks before")),
]
EARLIEST, LATEST = time(7), time(21)  # nobody is reminded at night


class LettersForm(Merging):
    to_clients = Options(lazy("Who gets e-mails about appointments?"), choices=TO_CLIENTS)
    reply_to = Email(lazy("Answers go to"))
    names_service = BooleanField(lazy("E-mails name the service"))
    names_clients = BooleanField(lazy("E-mails to the team name clients"))
    method = Options(lazy("The appointment in their calendar"), choices=METHODS)

    days_1 = Choice(lazy("First reminder"), choices=DAYS)
    at_1 = Clock(lazy("First reminder, at"))
    days_2 = Choice(lazy("Second reminder"), choices=DAYS)
    at_2 = Clock(lazy("Second reminder, at"))
    days_3 = Choice(lazy("Third reminder"), choices=DAYS)
    at_3 = Clock(lazy("Third reminder, at"))

    @classmethod
    def opened(cls, settings: LetterSettings) -> "LettersForm":
        """The form filled with the present settings."""
        return cls(formdata=None, data=_fields(settings))

    def validate(self, **kwargs) -> bool:
        return super().validate(**kwargs) and self.has_times()

    def has_times(self) -> bool:
        """Whether each reminder has a time; otherwise its field gets a fault. Checked again after
        merging with another person's changes.
        """
        for n in NUMBERS:
            at = self[f"at_{n}"].data
            if self[f"days_{n}"].data and not (at and EARLIEST <= at <= LATEST):
                first, last = region.clock(EARLIEST), region.clock(LATEST)
                self.fault(
                    f"at_{n}", _("Write a time from {first} to {last}", first=first, last=last)
                )
        return not self.errors

    def columns(self) -> dict:
        """The values to store."""
        values = {name: field.data for name, field in self._fields.items() if name in COLUMNS}
        rules = [
            {"days": int(self[f"days_{n}"].data), "at": f"{self[f'at_{n}'].data:%H:%M}"}
            for n in NUMBERS
            if self[f"days_{n}"].data
        ]
        ordered = sorted(rules, key=lambda rule: (-rule["days"], rule["at"]))
        return values | {"reminders": [r for n, r in enumerate(ordered) if r not in ordered[:n]]}


class WordingForm(Merging):
    """The clinic's own texts, by kind of letter. Empty: the program's own text is used."""

    booked = Paragraph(lazy("Booked"), 1000)
    waits = Paragraph(lazy("Request received"), 1000)
    approved = Paragraph(lazy("Request confirmed"), 1000)
    offered = Paragraph(lazy("Another time offered"), 1000)
    declined = Paragraph(lazy("Request declined"), 1000)
    lapsed = Paragraph(lazy("Request ended without an answer"), 1000)
    moved = Paragraph(lazy("Appointment changed"), 1000)
    cancelled = Paragraph(lazy("Appointment cancelled"), 1000)
    reminder = Paragraph(lazy("Reminder"), 1000)
    earlier = Paragraph(lazy("Earlier time offered"), 1000)

    @classmethod
    def opened(cls, settings: LetterSettings) -> "WordingForm":
        """The form filled with the present texts."""
        return cls(formdata=None, data=settings.wordings)

    def columns(self) -> dict:
        """The values to store."""
        return {"wordings": {kind: self[kind].data for kind in WORDINGS if self[kind].data}}


COLUMNS = ("to_clients", "reply_to", "names_service", "names_clients", "method")
NUMBERS = range(1, MOST_REMINDERS + 1)


def _fields(settings: LetterSettings) -> dict:
    found = {name: getattr(settings, name) for name in COLUMNS}
    for n, rule in zip(NUMBERS, settings.reminders, strict=False):
        found |= {f"days_{n}": str(rule["days"]), f"at_{n}": time.fromisoformat(rule["at"])}
    return found


def _page(form: LettersForm) -> dict:
    return {"form": form, "is_set_up": outbox.is_set_up()}


def _usual() -> dict[str, str]:
    """The program's own texts, in the language in use."""
    return {kind: str(words) for kind, words in WORDINGS.items()}


@blueprint.get("/wording")
@manager_required
def wording():
    form = WordingForm.opened(LetterSettings.of(access.clinic()))
    return render_template("settings/wording.html", form=form, usual=_usual())


@blueprint.post("/wording")
@manager_required
def update_wording():
    clinic, form = access.clinic(), WordingForm()
    if form.validate():
        with alone(clinic):
            settings = LetterSettings.stored(clinic)
            saved = form.merge(WordingForm.opened(settings), settings)
            if saved:
                settings.change(current_user, **form.columns())
        if saved:
            flash(_("Saved."))
            return htmx.done(url_for("letters.wording"))
    page = {"form": form, "usual": _usual()}
    return htmx.show("settings/wording.html", "settings/_wording.html", 422, **page)


@blueprint.post("/wording/<kind>")
@manager_required
def show_wording(kind: str):
    """A preview of a letter with the texts as they are typed now. Saves nothing."""
    form = WordingForm()
    if kind not in WORDINGS:
        abort(404)
    answer = make_response(preview(access.clinic(), kind, form[kind].data or ""))
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return answer


@blueprint.post("/again")
@manager_required
def send_again():
    """Try again to send recent letters that failed."""
    clinic = access.clinic()
    with alone(clinic):
        since = scheduling.utc_now() - queues.LATELY
        count = Letter.send_again(clinic, current_user, since)
    flash(
        ngettext("{count} message is sent again.", "{count} messages are sent again.", count)
        if count
        else _("There is nothing to send again.")
    )
    return redirect(url_for("health.show"), 303)


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
            saved = form.merge(LettersForm.opened(settings), settings) and form.has_times()
            if saved:
                settings.change(current_user, **form.columns())
        if saved:
            flash(_("Saved."))
            return htmx.done(url_for("letters.show"))
    return htmx.show("settings/letters.html", "settings/_letters.html", 422, **_page(form))
