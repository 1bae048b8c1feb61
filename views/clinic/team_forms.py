"""The forms of the team pages."""

from flask_login import current_user
from wtforms import BooleanField
from wtforms.widgets import CheckboxInput, ListWidget

from base.catalogue import lazy
from models import User, Venue
from people import calendars
from views.kit import access
from views.kit.choices import Choice, Several
from views.kit.forms import Email, Form, Line, Number
from views.kit.merging import Merging
from views.kit.week_fields import WeekHours

ROLES = {  # role → name, what it may do
    "practitioner": (
        lazy("Practitioner"),
        lazy("Sees every calendar, books in their own, looks after clients"),
    ),
    "receptionist": (
        lazy("Receptionist"),
        lazy("Books for everyone, looks after clients and time off; no settings"),
    ),
    "manager": (
        lazy("Manager"),
        lazy("Books for everyone; changes services, settings and practitioners"),
    ),
    "owner": (lazy("Owner"), lazy("Everything, also roles, the plan and the history of changes")),
}


class PersonForm(Merging):
    name = Line(
        lazy("Name"), 120, lazy("Write the person's name"), render_kw={"autocomplete": "off"}
    )
    email = Email(
        lazy("E-mail"),
        lazy("Write the address this person signs in with"),
        render_kw={"autocomplete": "off"},
    )
    role = Choice(lazy("Role"))


class InviteForm(PersonForm):
    venues = Several(
        lazy("Has a calendar at"),
        coerce=int,
        validate_choice=False,
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )


class CalendarForm(Form):
    venue = Choice(lazy("Venue"), coerce=int)


class HoursForm(Merging):
    hours = WeekHours(lazy("Working hours"))
    takes_online = BooleanField(lazy("Takes online bookings"))
    takes_new_online = BooleanField(lazy("Also from new clients"))
    online_most = Number(lazy("Most online bookings a day"), 1, 99, may_be_empty=True)

    def online(self) -> dict:
        """The columns that say which online bookings the practitioner takes here."""
        return {name: value for name, value in self.values().items() if name != "hours"}


def with_roles(form: PersonForm, person: User | None = None) -> PersonForm:
    form.role.choices = [(role, ROLES[role][0]) for role in current_user.roles_to_give(person)]
    return form


def invite_form() -> InviteForm:
    form = with_roles(InviteForm())
    form.venues.choices = [(venue.id, venue.name) for venue in Venue.listed(access.clinic())]
    if not form.is_submitted():  # ticked at first: most people who are invited take bookings
        form.venues.data = [calendars.busiest_venue(access.clinic()).id]
    return form
