"""The settings of the clinic: what calendars outside show, feeds, internal IDs, venues, plan, and
the history of changes.
"""

from itertools import chain

from flask import Blueprint, flash, render_template, request, url_for
from flask_login import current_user
from wtforms import BooleanField

from base import text
from base.bookings.clashes import SlotTaken
from base.catalogue import _, lazy
from base.database import alone
from base.tables.list_page import ListPage
from free_times.rules import OnlineSettings
from models import PLANS, AuditEntry, Clinic, LastVenue, User, Venue
from people import calendars, leftover
from sync.feeds import owned
from sync.tables import listed
from views.kit import access, display, history, htmx
from views.kit.access import manager_required, owner_required
from views.kit.choices import Choice
from views.kit.forms import Form, Line, Zone, arg_int
from views.kit.merging import Merging, Seen
from views.kit.provider_words import PLAN_NAMES, included
from views.kit.week_fields import WeekHours
from views.kit.words import region_words, sync_words

from . import no_times, outside_messages

blueprint = Blueprint("settings", __name__)

CURRENCIES = [
    ("GBP", lazy("Pound (GBP)")),
    ("EUR", lazy("Euro (EUR)")),
    ("USD", lazy("US dollar (USD)")),
    ("AUD", lazy("Australian dollar (AUD)")),
    ("CAD", lazy("Canadian dollar (CAD)")),
    ("CHF", lazy("Swiss franc (CHF)")),
    ("CZK", lazy("Czech koruna (CZK)")),
    ("DKK", lazy("Danish krone (DKK)")),
    ("JPY", lazy("Yen (JPY)")),
    ("NOK", lazy("Norwegian krone (NOK)")),
    ("NZD", lazy("New Zealand dollar (NZD)")),
    ("PLN", lazy("Złoty (PLN)")),
    ("SEK", lazy("Swedish krona (SEK)")),
]
PRESETS = {
    "clinic": (
        lazy("Clinic"),
        lazy("Pending as tentative, cancelled struck through. 30 days back, 12 months ahead."),
    ),
    "locum": (
        lazy("Locum"),
        (
            lazy(
                "Confirmed, completed, invoiced and paid work, named by place, with status and"
                " rate. All of it, past and to come."
            )
        ),
    ),
}

STEPS = (5, 10, 15, 20, 30)  # minutes between offered times


class ClinicForm(Merging):
    seen = Seen(name="clinic-seen")
    name = Line(lazy("Name of the clinic"), 120, lazy("Write the clinic's name"))
    contact = Line(lazy("Contact for help"), 200)
    currency = Choice(lazy("Currency"), choices=CURRENCIES)
    week_start = Choice(lazy("Weeks begin on"), coerce=int, choices=region_words.WEEKS, default=0)
    twelve_hours = Choice(
        lazy("Times look like"), coerce=int, choices=region_words.TIMES, default=0
    )
    date_order = Choice(lazy("Dates look like"), choices=region_words.DATES, default="dmy")
    paper = Choice(lazy("Print on"), choices=region_words.PAPERS, default="a4")
    step_minutes = Choice(
        lazy("Free times every"),
        coerce=int,
        choices=[(minutes, lazy("{minutes} minutes", minutes=minutes)) for minutes in STEPS],
        default=15,
    )


class PrivacyForm(Merging):
    seen = Seen(name="privacy-seen")
    privacy_ceiling = Choice(
        lazy("How much of a client’s name may leave at most?"),
        choices=list(sync_words.IDENTIFIER_NAMES.items()),
    )
    notes_may_leave = BooleanField(lazy("Notes may leave Kalends"))
    internal_ids = BooleanField(lazy("Use internal IDs"))


class FeedsForm(Merging):
    seen = Seen(name="links-seen")
    feed_preset = Choice(
        lazy("New links begin as"), choices=[(key, name) for key, (name, __) in PRESETS.items()]
    )
    empty_when_stopped = Choice(
        lazy("Stopped links, also of people who left and after a change of plan"),
        coerce=bool,
        choices=[(False, lazy("Refuse at once")), (True, lazy("Empty for 30 days"))],
    )


class CalendarsForm(Merging):
    seen = Seen(name="calendars-seen")
    sync_shared = BooleanField(
        lazy("Calendars that others share with a person may block their time")
    )
    sync_existing = BooleanField(lazy("Bookings may go to a calendar that a person has already"))


class VenueForm(Merging):
    only_one = (
        "name",
        lazy(
            "There is a venue called {value} already, perhaps an archived one. Choose another name"
        ),
    )

    name = Line(lazy("Name"), 120, lazy("Write a name, such as the street"))
    address = Line(lazy("Address"), 300)
    zone_name = Zone(lazy("Time zone"))
    hours = WeekHours(lazy("Opening hours"))


class PlanForm(Form):
    plan = Choice(lazy("Plan"), choices=[(plan, PLAN_NAMES[plan]) for plan in PLANS])
    confirmed = BooleanField(lazy("Stop the links"))


_FOLLOWED = lazy("Saved. Private links and connected calendars follow at once.")
_FORMS = {
    "clinic": (ClinicForm, lazy("The clinic is changed.")),
    "privacy": (PrivacyForm, _FOLLOWED),
    "links": (
        FeedsForm,
        lazy("Saved. Links that are there keep what they show; connected calendars follow."),
    ),
    "calendars": (
        CalendarsForm,
        lazy("Saved. Everyone’s Calendar sync page offers it from now on."),
    ),
}


def _page(**forms) -> dict:
    """The settings page. `forms`: forms with faults, each in place of the fresh one."""
    clinic = access.clinic()
    fresh = {f"{name}_form": form(formdata=None, obj=clinic) for name, (form, __) in _FORMS.items()}
    examples = {
        key: text.client_label(key, "Małgorzata", "Wójcik", "K-2041")
        for key in sync_words.IDENTIFIER_NAMES
    }
    return {
        **fresh,
        "examples": examples,
        "presets": PRESETS,
        "online": OnlineSettings.of(clinic),
        "venues": list(Venue.listed(clinic)),
        "plan_names": PLAN_NAMES,
        "archived_venues": list(Venue.listed(clinic, archived=True)),
        **forms,
    }


@blueprint.get("/")
@manager_required
def show():
    return render_template("settings/show.html", **_page())


@blueprint.post("/")
@blueprint.post("/<any(clinic, privacy, links, calendars):part>")
@manager_required
def update(part: str = "clinic"):
    """Save every card that was sent. The page sends all cards with every button, so that no typed
    text is lost.
    """
    clinic, sent = access.clinic(), request.form.getlist("parts")
    forms = {name: _FORMS[name][0]() for name in _FORMS if name in (sent or [part])}
    valid = [form.validate() for form in forms.values()]  # each says what is wrong with it
    if all(valid) and _saved(clinic, list(forms.values())):
        flash(str(_FOLLOWED if len(forms) > 1 else _FORMS[part][1]))
        return htmx.done(url_for("settings.show"))
    return htmx.show(
        "settings/show.html",
        "settings/_form.html",
        422,
        **_page(**{f"{name}_form": form for name, form in forms.items()}),
    )


def _saved(clinic: Clinic, forms: list[Form]) -> bool:
    """Change the clinic by all of these forms; by none if somebody else changed one of the same
    fields.
    """
    with alone(clinic):
        merged = [form.merge(type(form)(formdata=None, obj=clinic), clinic) for form in forms]
        if all(merged):
            values = (form.values().items() for form in forms)
            clinic.change(current_user, **dict(chain.from_iterable(values)))
    return all(merged)


# ---- venues ----


@blueprint.get("/venues/new")
@manager_required
def new_venue():
    first = min(Venue.listed(access.clinic()), key=lambda one: one.id, default=None)
    form = VenueForm(
        formdata=None, data={"zone_name": first.zone_name, "hours": first.hours} if first else None
    )
    return render_template("settings/venue.html", form=form, venue=None)


@blueprint.post("/venues")
@manager_required
def create_venue():
    form = VenueForm()
    if form.validate():
        venue = form.add_once(Venue, Venue.add, form.values())
        if venue:
            flash(_("{venue} is there. In Team, give people a calendar at it.", venue=venue.name))
            return htmx.done(url_for("settings.show"))
    return htmx.show("settings/venue.html", "settings/_venue.html", 422, form=form, venue=None)


@blueprint.get("/venues/<int:venue_id>")
@manager_required
def edit_venue(venue_id: int):
    venue = access.venue_to_change(venue_id)
    return render_template("settings/venue.html", form=VenueForm(obj=venue), venue=venue)


@blueprint.post("/venues/<int:venue_id>")
@manager_required
@no_times.naming_lost_times()
def update_venue(venue_id: int):
    venue = access.venue_to_change(venue_id)
    form = VenueForm(obj=venue)
    if form.validate():
        try:
            saved = form.store(
                venue,
                lambda row: VenueForm(formdata=None, obj=row),
                lambda: _change(venue, form.values()),
            )
        except SlotTaken as refusal:
            saved = False
            form.fault("zone_name", _would_overlap(refusal))
        if saved:
            flash(_("{venue} is changed, here and in other calendars.", venue=venue.name))
            return htmx.done(url_for("settings.show"))
    return htmx.show(
        "settings/venue.html",
        "settings/_venue.html",
        422,
        form=form,
        venue=access.venue_to_change(venue_id),
    )


def _change(venue: Venue, values: dict) -> None:
    with outside_messages.counting_outside(venue):
        venue.change(current_user, **values)


def _would_overlap(refusal: SlotTaken) -> str:
    """Why the zone of a venue cannot change: whole days would overlap."""
    clash = refusal.clashes[0]
    day = display.day(clash.span.starts_on, year=True)
    return _(
        "In this zone a booking of whole days would overlap another one of"
        " {user} on {day}. Move one of them first",
        user=clash.calendar.user.name,
        day=day,
    )


@blueprint.get("/venues/<int:venue_id>/archival")
@manager_required
def ask_to_archive_venue(venue_id: int):
    venue = access.venue_to_change(venue_id)
    open_calendars = calendars.count_at(venue)
    left = leftover.count(venue)
    return htmx.show(
        "settings/venue.html",
        "settings/_archival.html",
        form=VenueForm(obj=venue),
        venue=venue,
        archiving=True,
        calendars=open_calendars,
        left=left,
    )


@blueprint.post("/venues/<int:venue_id>/archival")
@manager_required
def archive_venue(venue_id: int):
    venue = access.venue_to_change(venue_id)
    try:
        venue.set_archived(True, current_user)
    except LastVenue:
        flash(_("A clinic keeps at least one venue. Add the new one first."), "warning")
    else:
        flash(_("{venue} is archived. Its bookings stay.", venue=venue.name))
    return htmx.done(url_for("settings.show"))


@blueprint.post("/venues/<int:venue_id>/return")
@manager_required
def bring_back_venue(venue_id: int):
    venue = access.venue_to_change(venue_id)
    venue.set_archived(False, current_user)
    flash(_("{venue} is open again, and so are its calendars.", venue=venue.name))
    return htmx.done(url_for("settings.show"))


# ---- for the owner: plan and history ----


@blueprint.get("/plan")
@owner_required
def plan():
    return _show_plan()


def _show_plan(status: int = 200, **more):
    return htmx.show(
        "settings/plan.html",
        "settings/_plan.html",
        status,
        plans=[(plan, "feed" in PLANS[plan], included(plan)) for plan in PLANS],
        names=PLAN_NAMES,
        **more,
    )


@blueprint.post("/plan")
@owner_required
def change_plan():
    """Move to another plan. A plan that stops feeds asks first, and says how many."""
    clinic, form = access.clinic(), PlanForm()
    if not form.validate():
        return _show_plan(422, form=form)
    features = PLANS[form.plan.data]
    feeds = 0 if "feed" in features else owned.count(clinic)
    syncs = listed.count_beyond(clinic, features)
    if (feeds or syncs) and not form.confirmed.data:
        return _show_plan(losing=form.plan.data, feeds=feeds, syncs=syncs)
    clinic.change_plan(form.plan.data, current_user)
    flash(_("Your clinic is on the plan {plan} now.", plan=PLAN_NAMES[clinic.plan]))
    return htmx.done(url_for("settings.plan"))


@blueprint.get("/history")
@owner_required
def audit():
    clinic, person = access.clinic(), arg_int(request.args.get("person"))
    if person:
        access.person_to_read(person)
    page, zone = (
        ListPage.of(AuditEntry.listed(clinic, person), arg_int(request.args.get("page"), 1)),
        sync_words.zone(access.calendars(), current_user),
    )
    return render_template(
        "settings/history.html",
        page=page,
        lines=history.lines(clinic, page.rows, zone),
        person=person,
        people=list(User.listed(clinic)),
        zone=zone,
    )
