"""What can be booked. Everyone may see the services; managers change them."""

from flask import Blueprint, flash, render_template, request, url_for
from flask_login import current_user
from wtforms import BooleanField, IntegerField

from models import Booking, Service, Taken
from views.kit import access, htmx
from views.kit.access import login_required, manager_required
from views.kit.forms import Choice, Line, Money
from views.kit.merging import Merging

blueprint = Blueprint("services", __name__)

COLOURS = [
    ("teal", "Teal"),
    ("blue", "Blue"),
    ("green", "Green"),
    ("amber", "Amber"),
    ("red", "Red"),
    ("grey", "Grey"),
]


class Minutes(IntegerField):
    """Whole minutes between two bounds."""

    def __init__(self, label: str, least: int, most: int, **kwargs):
        super().__init__(label, render_kw={"min": least, "max": most, "step": 5}, **kwargs)
        self._bounds = least, most

    def process_formdata(self, valuelist):
        least, most = self._bounds
        written = "".join(valuelist).strip()
        self.data = (
            int(written) if written.isascii() and written.isdigit() and len(written) < 5 else None
        )
        if self.data is None or not least <= self.data <= most:
            raise ValueError(f"Write whole minutes from {least} to {most}")


class ServiceForm(Merging):
    name = Line("Name", 120, "Write a name, such as First visit", render_kw={"autocomplete": "off"})
    duration_minutes = Minutes("Minutes", 5, 720)
    buffer_minutes = Minutes("Gap after it, in minutes", 0, 240)
    price_cents = Money("Price")
    colour = Choice("Colour", choices=COLOURS)
    bookable_online = BooleanField("Clients may book it online")


def _values(form: ServiceForm) -> dict:
    return {**form.values(), "price_cents": form.price_cents.data or 0}


@blueprint.get("/")
@login_required
def index():
    archived = "archived" in request.args
    return render_template(
        "services/index.html",
        services=list(Service.listed(access.clinic(), archived)),
        archived=archived,
    )


@blueprint.get("/new")
@manager_required
def new():
    return render_template("services/edit.html", form=ServiceForm(obj=Service()), service=None)


@blueprint.post("/")
@manager_required
def create():
    form = ServiceForm()
    if form.validate():
        try:
            service = Service.add(access.clinic(), current_user, **_values(form))
        except Taken:
            _say_taken(form)
        else:
            flash(f"{service.name} can be booked now.")
            return htmx.done(url_for("services.index"))
    return htmx.show("services/edit.html", "services/_form.html", 422, form=form, service=None)


@blueprint.get("/<int:service_id>")
@manager_required
def edit(service_id: int):
    service = access.service_to_change(service_id)
    return render_template("services/edit.html", form=ServiceForm(obj=service), service=service)


@blueprint.post("/<int:service_id>")
@manager_required
def update(service_id: int):
    service = access.service_to_change(service_id)
    form = ServiceForm(obj=service)
    if form.validate():
        try:
            saved = form.store(
                service,
                lambda row: ServiceForm(formdata=None, obj=row),
                lambda: service.change(current_user, **_values(form)),
            )
        except Taken:
            _say_taken(form)
        else:
            if saved:
                flash(f"{service.name} is changed, here and in every private link.")
                return htmx.done(url_for("services.index"))
    return htmx.show(
        "services/edit.html",
        "services/_form.html",
        422,
        form=form,
        service=access.service_to_change(service_id),
    )


@blueprint.post("/<int:service_id>/archival")
@manager_required
def archive(service_id: int):
    service = access.service_to_change(service_id)
    service.set_archived(True, current_user)
    left = Booking.ahead(Booking.service == service).count()
    flash(
        f"{service.name} is archived. "
        + (f"Its {left} bookings to come stay." if left else "It has no bookings to come.")
    )
    return htmx.done(url_for("services.index"))


@blueprint.post("/<int:service_id>/return")
@manager_required
def bring_back(service_id: int):
    service = access.service_to_change(service_id)
    service.set_archived(False, current_user)
    flash(f"{service.name} can be booked again.")
    return htmx.done(url_for("services.index"))


def _say_taken(form: ServiceForm) -> None:
    form.fault(
        "name",
        f"There is a service called {form.name.data} already, perhaps an archived one. Choose"
        " another name",
    )
