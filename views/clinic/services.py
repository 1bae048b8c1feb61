"""Services. Everyone may see them; managers change them."""

from datetime import timedelta

from flask import Blueprint, flash, render_template, request, url_for
from flask_login import current_user
from wtforms import BooleanField

from base.catalogue import _, lazy, ngettext, paragraph
from base.scheduling import SERVICE_MINUTES
from free_times import own_terms, rules
from free_times.own_terms import OwnTerms
from free_times.rules import OnlineSettings
from models import LONGEST_GAP, Practitioner, Service
from people import leftover
from views.kit import access, htmx
from views.kit.access import login_required, manager_required
from views.kit.choices import Choice, Options
from views.kit.forms import Line, Minutes, Money, Number
from views.kit.merging import Merging

from . import no_times

blueprint = Blueprint("services", __name__)

COLOURS = [
    ("teal", lazy("Teal")),
    ("blue", lazy("Blue")),
    ("green", lazy("Green")),
    ("amber", lazy("Amber")),
    ("red", lazy("Red")),
    ("grey", lazy("Grey")),
]


WHO = [
    ("everyone", lazy("Everyone, also people who join later")),
    ("chosen", lazy("Only the people you choose")),
]
CHOICES = [
    ("either", lazy("A person or anyone")),
    ("person", lazy("A person, to be chosen")),
    ("anyone", lazy("Anyone who is free")),
]
APPROVALS = [
    ("clinic", lazy("As the clinic’s settings say")),
    ("always", lazy("You confirm each booking")),
    ("never", lazy("Confirm it at once")),
]
LONGEST_GAP_MINUTES = LONGEST_GAP // timedelta(minutes=1)


class ServiceForm(Merging):
    only_one = (
        "name",
        lazy(
            "There is a service called {value} already, perhaps an archived one. Choose another"
            " name"
        ),
    )

    name = Line(
        lazy("Name"),
        120,
        lazy("Write a name, such as First visit"),
        render_kw={"autocomplete": "off"},
    )
    duration_minutes = Minutes(lazy("Minutes"), SERVICE_MINUTES[0], SERVICE_MINUTES[-1])
    gap_before_minutes = Minutes(lazy("Gap before it, in minutes"), 0, LONGEST_GAP_MINUTES, True)
    buffer_minutes = Minutes(lazy("Gap after it, in minutes"), 0, LONGEST_GAP_MINUTES, True)
    price_cents = Money(lazy("Price"))
    colour = Choice(lazy("Colour"), choices=COLOURS)
    bookable_online = BooleanField(lazy("Clients may book it online"))
    online_choice = Choice(lazy("With whom"), choices=CHOICES, default="either")
    online_approval = Choice(lazy("When a client books it"), choices=APPROVALS, default="clinic")
    online_notice_hours = Number(lazy("Least notice, in hours"), 0, 720, True)
    online_horizon_days = Number(lazy("Furthest ahead, in days"), 1, 730, True)

    def validate(self, **kwargs) -> bool:
        super().validate(**kwargs)
        settings = _online()
        notice, days = self.online_notice_hours.data, self.online_horizon_days.data
        if not self.errors and rules.leaves_nothing(
            settings.notice_hours if notice is None else notice,
            settings.horizon_days if days is None else days,
        ):
            self.fault(
                "online_horizon_days",
                _("Nobody could book: the least notice is longer. Write more days"),
            )
        return not self.errors


class NewServiceForm(ServiceForm):
    not_stored = ("who",)
    who = Options(lazy("Who offers it?"), choices=WHO, default="everyone")


class OwnTermsForm(Merging):
    """The calendars that offer a service: all or some, with own minutes and price for each."""

    who = Options(lazy("Who offers it?"), choices=WHO, default="everyone")

    @classmethod
    def of(cls, calendars: list[Practitioner]) -> type["OwnTermsForm"]:
        """The form with the fields of these calendars."""
        fields, together = {}, {}
        for one in calendars:
            label = f"{one.user.name}, {one.venue.name}"
            own = {
                f"offers_{one.id}": BooleanField(_("Offers it")),
                f"minutes_{one.id}": Minutes(
                    _("Minutes"), SERVICE_MINUTES[0], SERVICE_MINUTES[-1], may_be_empty=True
                ),
                f"price_{one.id}": Money(_("Price")),
            }
            fields |= own
            together[label] = tuple(own)
        return type("OffersOfService", (cls,), fields | {"together": together})

    @classmethod
    def opened(
        cls, calendars: list[Practitioner], service: Service, rows: dict[int, OwnTerms]
    ) -> "OwnTermsForm":
        """The form filled with the present values of the service. If everyone offers it, every box
        is ticked.
        """
        values = {"who": "everyone" if service.for_everyone else "chosen"}
        for one in calendars:
            row = rows.get(one.id)
            values |= {
                f"offers_{one.id}": service.for_everyone or row is not None,
                f"minutes_{one.id}": row and row.duration_minutes,
                f"price_{one.id}": row and row.price_cents,
            }
        return cls.of(calendars)(formdata=None, data=values)

    def own(self, calendars: list[Practitioner]) -> dict[int, tuple | None]:
        """The argument for `own_terms.set_own_terms`, by calendar."""
        found = {}
        for one in calendars:
            values = self[f"minutes_{one.id}"].data, self[f"price_{one.id}"].data
            if self.who.data == "everyone":
                is_own = any(value is not None for value in values)
            else:
                is_own = self[f"offers_{one.id}"].data
            found[one.id] = values if is_own else None
        return found


def _values(form: ServiceForm) -> dict:
    """The values for the columns; an empty amount or gap is None."""
    values, numbers = form.values(), ("gap_before_minutes", "buffer_minutes", "price_cents")
    return values | {name: values[name] or 0 for name in numbers}


def _online() -> OnlineSettings:
    """The clinic's settings for online booking. A service may have its own instead."""
    return OnlineSettings.of(access.clinic())


@blueprint.get("/")
@login_required
def index():
    archived = "archived" in request.args
    return render_template(
        "services/index.html",
        services=list(Service.listed(access.clinic(), archived)),
        offered=own_terms.counts(access.clinic()),
        no_times={} if archived else no_times.by_service(),
        archived=archived,
    )


@blueprint.get("/new")
@manager_required
def new():
    return render_template(
        "services/edit.html", form=NewServiceForm(obj=Service()), service=None, online=_online()
    )


@blueprint.post("/")
@manager_required
def create():
    form = NewServiceForm()
    if form.validate():
        for_everyone = form.who.data == "everyone"
        service = form.add_once(
            Service, Service.add, {"for_everyone": for_everyone, **_values(form)}
        )
        if service and not for_everyone:
            flash(_("{service} is added. Choose who offers it.", service=service.name))
            return htmx.done(url_for("services.people", service_id=service.id))
        if service:
            flash(_("{service} can be booked now.", service=service.name))
            return htmx.done(url_for("services.index"))
    return htmx.show(
        "services/edit.html", "services/_form.html", 422, form=form, service=None, online=_online()
    )


@blueprint.get("/<int:service_id>")
@manager_required
def edit(service_id: int):
    service = access.service_to_change(service_id)
    return render_template(
        "services/edit.html", form=ServiceForm(obj=service), service=service, online=_online()
    )


@blueprint.post("/<int:service_id>")
@manager_required
@no_times.naming_lost_times()
def update(service_id: int):
    service = access.service_to_change(service_id)
    form = ServiceForm(obj=service)
    if form.validate():
        saved = form.store(
            service,
            lambda row: ServiceForm(formdata=None, obj=row),
            lambda: service.change(current_user, **_values(form)),
        )
        if saved:
            flash(_("{service} is changed, here and in other calendars.", service=service.name))
            return htmx.done(url_for("services.index"))
    return htmx.show(
        "services/edit.html",
        "services/_form.html",
        422,
        form=form,
        service=access.service_to_change(service_id),
        online=_online(),
    )


@blueprint.get("/<int:service_id>/people")
@manager_required
def people(service_id: int):
    """The page with the calendars that offer the service."""
    service, calendars = access.service_to_change(service_id), access.calendars()
    form = OwnTermsForm.opened(calendars, service, own_terms.own_terms_of(service))
    return render_template("services/people.html", form=form, service=service, calendars=calendars)


@blueprint.post("/<int:service_id>/people")
@manager_required
@no_times.naming_lost_times()
def set_people(service_id: int):
    service, calendars = access.service_to_change(service_id), access.calendars()
    form = OwnTermsForm.of(calendars)()
    if form.validate():
        saved = form.store(
            service,
            lambda row: OwnTermsForm.opened(calendars, row, own_terms.own_terms_of(row)),
            lambda: own_terms.set_own_terms(
                service, current_user, form.who.data == "everyone", form.own(calendars)
            ),
        )
        if saved:
            flash(_("Saved who offers {service}.", service=service.name))
            return htmx.done(url_for("services.index"))
    return htmx.show(
        "services/people.html",
        "services/_people.html",
        422,
        form=form,
        service=service,
        calendars=calendars,
    )


@blueprint.post("/<int:service_id>/archival")
@manager_required
def archive(service_id: int):
    service = access.service_to_change(service_id)
    service.set_archived(True, current_user)
    left = leftover.count(service)
    flash(
        paragraph(
            _("{service} is archived.", service=service.name),
            ngettext(
                "Its {count} booking to come stays.",
                "Its {count} bookings to come stay.",
                left,
                count=left,
            )
            if left
            else _("It has no bookings to come."),
        )
    )
    return htmx.done(url_for("services.index"))


@blueprint.post("/<int:service_id>/return")
@manager_required
def bring_back(service_id: int):
    service = access.service_to_change(service_id)
    service.set_archived(False, current_user)
    flash(_("{service} can be booked again.", service=service.name))
    return htmx.done(url_for("services.index"))
