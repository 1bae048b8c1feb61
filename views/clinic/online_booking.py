"""Settings → Online booking: its rules, texts for clients, and the details that clients give."""

from flask import Blueprint, flash, render_template, url_for
from flask_login import current_user
from wtforms import BooleanField

from base import text
from base.catalogue import _, lazy
from base.database import alone
from free_times import rules
from free_times.online import names
from free_times.rules import OnlineSettings
from models import Service
from sync.tables.accounts import Account
from views.kit import access, htmx
from views.kit.access import manager_required
from views.kit.choices import Choice, Options
from views.kit.forms import Line, Number, Paragraph
from views.kit.merging import Merging

from . import no_times, page_name
from .services import COLOURS

blueprint = Blueprint("online_booking", __name__)

MOST_ORIGINS = 20
CONFIRMING = [
    (False, lazy("Confirm each booking at once")),
    (True, lazy("You confirm each booking")),
]
WHEN_STALE = [
    ("pending", lazy("Take the booking as a request")),
    ("open", lazy("Book it anyway")),
    ("close", lazy("Do not offer the time")),
]
ASKS = [
    ("either", lazy("E-mail or phone, as they like")),
    ("email", lazy("E-mail")),
    ("phone", lazy("Phone")),
]


class Origins(Paragraph):
    """Addresses of other websites, one a line, as a list."""

    def _value(self):
        return self.raw_data[0] if self.raw_data else "\n".join(self.data or [])

    def process_formdata(self, valuelist):
        super().process_formdata(valuelist)
        lines = [line.strip() for line in (self.data or "").splitlines() if line.strip()]
        self.data = []
        try:
            self.data = list(dict.fromkeys(text.origin(line) for line in lines))
        except text.NoAddress:
            raise ValueError(
                _("Write one address a line, such as https://www.example.org, without a page")
            ) from None
        if len(self.data) > MOST_ORIGINS:
            raise ValueError(_("Write at most {most_origins} addresses", most_origins=MOST_ORIGINS))


class OnlineForm(Merging):
    is_on = BooleanField(lazy("Clients can book online"))
    welcome = Paragraph(lazy("Welcome"), 1000)
    phone = Line(lazy("Phone for clients"), 40)
    colour = Choice(lazy("Colour of the page"), choices=COLOURS)
    notice_hours = Number(lazy("Least notice, in hours"), 0, 720)
    horizon_days = Number(lazy("Furthest ahead, in days"), 1, 730)
    needs_approval = Options(
        lazy("When a client books"),
        coerce=lambda value: value in (True, "True"),
        choices=CONFIRMING,
    )
    lapse_hours = Number(lazy("A request ends after, in hours"), 1, 168)
    change_hours = Number(lazy("Clients can move or cancel until, in hours before"), 0, 720)
    cancellation = Paragraph(lazy("Your cancellation rule"), 1000)
    outside_blocks = BooleanField(lazy("Outside events block online booking"))
    when_stale = Options(lazy("If a calendar outside does not answer"), choices=WHEN_STALE)
    stale_minutes = Number(lazy("Read again after, in minutes"), 1, 1440, may_be_empty=True)
    asks = Options(lazy("How can you reach them?"), choices=ASKS)
    note_allowed = BooleanField(lazy("Clients may write a note"))
    consent = Paragraph(lazy("Consent"), 500)
    embed_origins = Origins(lazy("Websites that may show the page inside theirs"), 4000)

    @classmethod
    def opened(cls, settings: OnlineSettings) -> "OnlineForm":
        """The form filled with the present settings."""
        return cls(formdata=None, data=_columns(settings))

    def validate(self, **kwargs) -> bool:
        return super().validate(**kwargs) and self.leaves_times()

    def leaves_times(self) -> bool:
        """Whether the limits allow any time; otherwise a field gets a fault. Checked again after
        merging: two people may have set one limit each.
        """
        if rules.leaves_nothing(self.notice_hours.data, self.horizon_days.data):
            self.fault(
                "horizon_days", _("Nobody could book: the least notice is longer. Write more days")
            )
        return not self.errors

    def columns(self, settings: OnlineSettings) -> dict:
        """The values to store. While nobody has used the switch for external events, no value of it
        is stored: it turns on by itself.
        """
        values = self.values()
        if values["outside_blocks"] == _columns(settings)["outside_blocks"]:
            values["outside_blocks"] = settings.outside_blocks
        return values


def _columns(settings: OnlineSettings) -> dict:
    found = {name: getattr(settings, name) for name in settings.__data__ if name != "id"}
    return found | {"outside_blocks": settings.blocks_outside(_syncing() > 0)}


def _syncing() -> int:
    """The number of people who sync both ways."""
    return Account.people_syncing(access.clinic())


def _page(form: OnlineForm) -> dict:
    services = sum(one.bookable_online for one in Service.listed(access.clinic()))
    people = sum(one.takes_online for one in access.calendars())
    counts = {"services": services, "people": people, "syncing": _syncing()}
    return {"form": form, **counts, **page_name.shown()}


@blueprint.get("/")
@manager_required
def show():
    form = OnlineForm.opened(OnlineSettings.of(access.clinic()))
    return render_template("settings/online.html", **_page(form))


@blueprint.post("/")
@manager_required
@no_times.naming_lost_times()
def update():
    clinic, form = access.clinic(), OnlineForm()
    if form.validate():
        with alone(clinic):
            settings = OnlineSettings.stored(clinic)
            saved = form.merge(OnlineForm.opened(settings), settings) and form.leaves_times()
            if saved:
                settings.change(current_user, **form.columns(settings))
                if settings.is_on:
                    names.ensure(clinic, current_user)
        if saved:
            flash(
                _("Saved. Clients can book online.")
                if settings.is_on
                else _("Saved. Clients cannot book online.")
            )
            return htmx.done(url_for("online_booking.show"))
    return htmx.show("settings/online.html", "settings/_online.html", 422, **_page(form))
