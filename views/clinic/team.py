"""The people of the clinic: roles, calendars with working hours, invitations, leaving. Everyone may
see these pages; managers change them.
"""

from flask import Blueprint, abort, flash, render_template, request, session, url_for
from flask_login import current_user

import letters
from base import scheduling
from base.catalogue import _
from base.database import AlreadyUsed, alone
from base.tables import outbox
from models import Clinic, LastOwner, Practitioner, User, Venue
from people import email_addresses, leftover, presses
from people.credentials import OneTimeToken
from sync.feeds import owned
from views.kit import access, brakes, htmx
from views.kit.access import login_required, manager_required
from views.kit.words import letter_words, sync_words

from . import no_times, outside_messages
from .team_forms import ROLES, CalendarForm, HoursForm, PersonForm, invite_form, with_roles

blueprint = Blueprint("team", __name__)

TOKEN_DAYS = 7


def _page(person: User, form: PersonForm | None = None, **more) -> dict:
    """The page of a person; `more` replaces some of its values."""
    calendars = [calendar for calendar in person.calendars() if not calendar.archived]
    return {
        "person": person,
        "form": form or with_roles(PersonForm(formdata=None, obj=person), person),
        "roles": ROLES,
        "calendars": calendars,
        "hours": {
            calendar.id: HoursForm(formdata=None, obj=calendar, prefix=f"c{calendar.id}-")
            for calendar in calendars
        },
        "opening": _opening_form(person),
        "letter": letter_words.of_person(person),
        "new_address": email_addresses.AddressProof.waiting(person),
        "left_on": person.left_at
        and scheduling.local_day(person.left_at, sync_words.zone(access.calendars(), current_user)),
        **more,
    }


def _opening_form(person: User, is_sent: bool = False) -> CalendarForm:
    """The form that opens a calendar: it offers the venues where the person has no open calendar
    yet. `is_sent`: all venues, since the button may have been pressed twice.
    """
    form, has = (
        CalendarForm(),
        {calendar.venue_id for calendar in person.calendars() if not calendar.archived},
    )
    form.venue.choices = [
        (venue.id, venue.name)
        for venue in Venue.listed(access.clinic())
        if is_sent or venue.id not in has
    ]
    return form


def _open_calendars() -> dict[int, list[Practitioner]]:
    """The clinic's open calendars by person."""
    by_person = {}
    for calendar in access.calendars():
        by_person.setdefault(calendar.user_id, []).append(calendar)
    return by_person


@blueprint.get("/")
@login_required
def index():
    return render_template(
        "team/index.html",
        people=list(User.listed(access.clinic())),
        roles=ROLES,
        calendars=_open_calendars(),
    )


@blueprint.get("/new")
@manager_required
def new():
    return _show_invite(invite_form())


def _show_invite(form, status: int = 200):
    return htmx.show(
        "team/invite.html",
        "team/_invite.html",
        status,
        form=form,
        roles=ROLES,
        can_mail=outbox.is_set_up(),
    )


@blueprint.post("/")
@manager_required
def invite():
    form = invite_form()
    if not form.validate():
        return _show_invite(form, 422)
    brakes.slow_down("invite", str(current_user.id), brakes.INVITATIONS)
    values = form.values()
    chosen = set(values.pop("venues"))
    venues = [venue for venue in Venue.listed(access.clinic()) if venue.id in chosen]
    try:
        person, is_new = presses.once(
            User,
            (clinic := access.clinic()),
            current_user,
            values,
            lambda: _invited(clinic, venues, values),
        )
    except AlreadyUsed:
        _fault_in_use(form)
        return _show_invite(form, 422)
    _keep_token(OneTimeToken.newest(person, "invite"), is_new)
    return htmx.done(url_for("team.show", user_id=person.id))


def _invited(clinic: Clinic, venues: list[Venue], values: dict) -> User:
    """The new person, with a one-time link; two presses at once make one of both."""
    person = User.invite(clinic, current_user, venues, **values)
    OneTimeToken.issue(person, "invite", current_user, days=TOKEN_DAYS, by_mail=True)
    return person


@blueprint.get("/<int:user_id>")
@manager_required
def show(user_id: int):
    person = access.person_to_manage(user_id)
    kept = session.pop("one_time_link", None)
    fresh = kept and OneTimeToken.of(person, kept)
    link = letters.one_time_address(fresh.secret) if fresh and fresh.secret else None
    return render_template("team/show.html", **_page(person), link=link)


@blueprint.post("/<int:user_id>")
@manager_required
@no_times.naming_lost_times()
def update(user_id: int):
    person = access.person_to_manage(user_id)
    parts = request.form.getlist("parts") or ["person"]
    return _open(person, parts) if "opens" in request.form else _save(person, parts)


@blueprint.post("/<int:user_id>/calendars")
@manager_required
def open_calendar(user_id: int):
    """Open a calendar from a page of an earlier version, whose form had only the venue."""
    return _open(access.person_to_manage(user_id), [])


def _open(person: User, parts: list[str]):
    """Open the calendar that the form names, and save the cards that were sent with it."""
    opening = _opening_form(person, is_sent=True)
    if person.is_active and opening.validate():
        return _save(person, parts, opening)
    opening.venue.choices = _opening_form(person).venue.choices
    return _show_faults(person, *_sent(person, parts), opening=opening)


def _sent(
    person: User, parts: list[str]
) -> tuple[PersonForm | None, dict[Practitioner, HoursForm]]:
    """The cards that were sent."""
    form = with_roles(PersonForm(obj=person), person) if "person" in parts else None
    hours = {
        calendar: HoursForm(obj=calendar, prefix=f"c{calendar.id}-")
        for calendar in person.calendars()
        if f"c{calendar.id}" in parts
    }
    return form, hours


def _show_faults(
    person: User, form: PersonForm | None, hours: dict[Practitioner, HoursForm], **more
):
    page = _page(access.person_to_manage(person.id), form, **more)
    page["hours"] |= {calendar.id: one for calendar, one in hours.items()}
    return htmx.show("team/show.html", "team/_person.html", 422, **page)


def _save(person: User, parts: list[str], opening: CalendarForm | None = None):
    """Save every card that was sent. The page sends all cards with every button, so that no typed
    text is lost. `opening`: also open the calendar that it names.
    """
    form, hours = _sent(person, parts)
    if not (form or hours or opening):
        abort(404)
    valid = [
        one.validate() for one in (form, *hours.values()) if one
    ]  # each says what is wrong with it
    if all(valid):
        if form and form.email.data != person.email:  # a letter goes there, as with an invitation
            brakes.slow_down("invite", str(current_user.id), brakes.INVITATIONS)
        try:
            with alone(person):
                may = _merge(person, form, hours)
                if may:
                    _change(person, form, hours)
                    if opening:
                        venue = access.venue_to_change(opening.venue.data)
                        Practitioner.open(person, venue, current_user)
        except AlreadyUsed:
            _fault_in_use(form)
        except LastOwner:
            form.fault("role", _("A clinic needs an owner. Make someone else an owner first"))
        else:
            if may:
                if opening:
                    flash(
                        _(
                            "{person} has a calendar at {venue} now.",
                            person=person.name,
                            venue=venue.name,
                        )
                    )
                elif form:
                    flash(_("{person} is changed.", person=person.name))
                else:
                    flash(
                        _("The calendar at {venue} is changed.", venue=next(iter(hours)).venue.name)
                    )
                return htmx.done(url_for("team.show", user_id=person.id))
    return _show_faults(person, form, hours)


def _merge(person: User, form: PersonForm | None, hours: dict[Practitioner, HoursForm]) -> bool:
    may = form is None or form.merge(
        with_roles(PersonForm(formdata=None, obj=person), person), person
    )
    merged = [
        one.merge(
            HoursForm(
                formdata=None, obj=access.calendar_to_read(calendar.id), prefix=f"c{calendar.id}-"
            ),
            calendar,
        )
        for calendar, one in hours.items()
    ]
    return may and all(merged)


def _change(person: User, form: PersonForm | None, hours: dict[Practitioner, HoursForm]) -> None:
    if form and email_addresses.change_person(person, current_user, **form.values()):
        flash(
            _(
                "A link was sent to {email}. {person} opens it, signed in, to use the new address.",
                email=form.email.data,
                person=person.name,
            )
        )
    for calendar, one in hours.items():
        if one.hours.data != calendar.hours:
            with outside_messages.counting_outside(calendar):
                calendar.set_hours(current_user, one.hours.data)
        calendar.set_online(current_user, **one.online())


@blueprint.post("/<int:user_id>/one-time-links")
@manager_required
def issue_token(user_id: int):
    person = access.person_to_manage(user_id)
    if not person.is_active:
        abort(404)
    brakes.slow_down("invite", str(current_user.id), brakes.INVITATIONS)
    purpose = "reset" if person.password_hash else "invite"
    secret = OneTimeToken.issue(person, purpose, current_user, days=TOKEN_DAYS, by_mail=True)
    _keep_token(OneTimeToken.find(secret), True)
    return htmx.done(url_for("team.show", user_id=person.id))


def _keep_token(token: OneTimeToken | None, is_new: bool) -> None:
    """Keep the number of a one-time token for the next page only, and say that it is mailed, if it
    is new. None: it was used already.
    """
    if token:
        session["one_time_link"] = token.id
    if is_new and outbox.is_set_up():
        flash(_("The link is on its way by e-mail as well."))


@blueprint.post("/<int:user_id>/calendars/<int:calendar_id>")
@manager_required
@no_times.naming_lost_times()
def set_hours(user_id: int, calendar_id: int):
    return _save(access.calendar_of_managed(user_id, calendar_id).user, [f"c{calendar_id}"])


@blueprint.get("/<int:user_id>/calendars/<int:calendar_id>/closing")
@manager_required
def ask_to_close(user_id: int, calendar_id: int):
    calendar = access.calendar_of_managed(user_id, calendar_id)
    left = leftover.count(calendar)
    return htmx.show(
        "team/show.html", "team/_closing.html", **_page(calendar.user), closing=calendar, left=left
    )


@blueprint.post("/<int:user_id>/calendars/<int:calendar_id>/closing")
@manager_required
def close_calendar(user_id: int, calendar_id: int):
    calendar = access.calendar_of_managed(user_id, calendar_id)
    calendar.set_archived(True, current_user)
    flash(_("The calendar at {venue} is closed for new bookings.", venue=calendar.venue.name))
    if leftover.count(calendar):
        return htmx.done(url_for("handover.show", calendar_id=calendar.id))
    return htmx.done(url_for("team.show", user_id=user_id))


@blueprint.get("/<int:user_id>/leaving")
@manager_required
def ask_to_leave(user_id: int):
    person = access.person_to_manage(user_id)
    feeds, left = owned.count(person), leftover.count(person)
    return htmx.show(
        "team/show.html",
        "team/_leaving.html",
        **_page(person),
        leaving=True,
        ends=sync_words.ends_of_sync(person),
        feeds=feeds,
        left=left,
    )


@blueprint.post("/<int:user_id>/leaving")
@manager_required
def leave(user_id: int):
    person = access.person_to_manage(user_id)
    try:
        person.leave(current_user)
    except LastOwner:
        flash(
            _("{person} is the only owner. Make someone else an owner first.", person=person.name),
            "warning",
        )
    else:
        flash(
            _(
                "{person} has left. Sign-in, private links and sync are off; bookings stay.",
                person=person.name,
            )
        )
        if left := next(
            (one for one in leftover.calendars(access.clinic()) if one.user_id == person.id), None
        ):
            return htmx.done(url_for("handover.show", calendar_id=left.id))
    return htmx.done(url_for("team.show", user_id=person.id))


@blueprint.post("/<int:user_id>/return")
@manager_required
def come_back(user_id: int):
    person = access.person_to_manage(user_id)
    person.come_back(current_user)
    flash(
        _(
            "{person} is back. The calendars are open again; private links must be created again,"
            " and other calendars connected again.",
            person=person.name,
        )
    )
    return htmx.done(url_for("team.show", user_id=person.id))


def _fault_in_use(form: PersonForm) -> None:
    form.fault("email", _("This address cannot be used. Use another"))
