"""Settings → Letters: which e-mails the clinic sends to its clients."""

from datetime import time

from flask import Blueprint, flash, render_template, url_for
from flask_login import current_user
from wtforms import BooleanField

from base.bookings.client_letters import MOST_REMINDERS, LetterSettings
from base.catalogue import _, lazy
from base.database import alone
from base.tables import outbox
from views.kit import access, htmx
from views.kit.access import manager_required
from views.kit.forms import Choice, Clock, Email, Options
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
    method = Options(lazy("The appointment in their calendar"), choices=METHODS)

    days_1 = Choice(lazy("First reminder"), choices=DAYS)
    at_1 = Clock(lazy("First reminder, at"))
    days_2 = Choice(lazy("Second reminder"), choices=DAYS)
    at_2 = Clock(lazy("Second reminder, at"))
    days_3 = Choice(lazy("Third reminder"), choices=DAYS)
    at_3 = Clock(lazy("Third reminder, at"))

    @classmethod
    def opened(cls, settings: LetterSettings) -> "LettersForm":
        """The form as the settings are now."""
        return cls(formdata=None, data=_fields(settings))

    def validate(self, **kwargs) -> bool:
        return super().validate(**kwargs) and self.has_times()

    def has_times(self) -> bool:
        """Whether each reminder has a time by day; a fault beside it where it has none. Asked again
        after merging.
        """
        for n in NUMBERS:
            at = self[f"at_{n}"].data
            if self[f"days_{n}"].data and not (at and EARLIEST <= at <= LATEST):
                self.fault(f"at_{n}", _("Write a time from 07:00 to 21:00"))
        return not self.errors

    def columns(self) -> dict:
        """What is to be stored."""
        values = {name: field.data for name, field in self._fields.items() if name in COLUMNS}
        rules = [
            {"days": int(self[f"days_{n}"].data), "at": f"{self[f'at_{n}'].data:%H:%M}"}
            for n in NUMBERS
            if self[f"days_{n}"].data
        ]
        ordered = sorted(rules, key=lambda rule: (-rule["days"], rule["at"]))
        return values | {"reminders": [r for n, r in enumerate(ordered) if r not in ordered[:n]]}


COLUMNS = ("to_clients", "reply_to", "names_service", "method")
NUMBERS = range(1, MOST_REMINDERS + 1)


def _fields(settings: LetterSettings) -> dict:
    found = {name: getattr(settings, name) for name in COLUMNS}
    for n, rule in zip(NUMBERS, settings.reminders, strict=False):
        found |= {f"days_{n}": str(rule["days"]), f"at_{n}": time.fromisoformat(rule["at"])}
    return found


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
            saved = form.merge(LettersForm.opened(settings), settings) and form.has_times()
            if saved:
                settings.change(current_user, **form.columns())
        if saved:
            flash(_("Saved."))
            return htmx.done(url_for("letters.show"))
    return htmx.show("settings/letters.html", "settings/_letters.html", 422, **_page(form))
