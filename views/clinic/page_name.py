"""Settings → Online booking: the address of the clinic's page."""

from flask import Blueprint, current_app, flash, url_for
from flask_login import current_user

from base.bookings.changes import ChangedMeanwhile
from base.catalogue import _, lazy
from base.database import AlreadyUsed
from free_times.online import names
from views.kit import access, htmx, qr
from views.kit.access import manager_required
from views.kit.forms import Form, Hidden, Line

blueprint = Blueprint("page_name", __name__)


class NameForm(Form):
    """A new name. `was`: the name that the page showed."""

    page_name = Line(lazy("Name in the address"), 40, lazy("Write a name"))
    was = Hidden(40)

    def validate(self, **kwargs) -> bool:
        super().validate(**kwargs)
        self.page_name.data = (self.page_name.data or "").lower()
        if not self.errors and not names.is_name(self.page_name.data):
            self.fault("page_name", _("Use 3 to 40 letters from a to z, digits and hyphens"))
        return not self.errors


def shown(form: NameForm | None = None) -> dict:
    """The values for the card: the form, the present name and the whole address."""
    clinic = access.clinic()
    name = names.in_force(clinic)
    filled = {"page_name": name or names.suggested(clinic.name), "was": name or ""}
    base = current_app.config["SETTINGS"].base_url
    address = name and base + url_for("choosing.start", name=name)
    return {
        "name_form": form or NameForm(formdata=None, data=filled),
        "page_address": address,
        "page_code": address and qr.code(address),
    }


@blueprint.post("/")
@manager_required
def update():
    form = NameForm()
    if form.validate():
        try:
            was = form.was.data or ""
            names.rename(access.clinic(), current_user, form.page_name.data, was)
            flash(_("Saved. An earlier address leads to the new one for 90 days."))
            return htmx.done(url_for("online_booking.show"))
        except ChangedMeanwhile:
            form.was.data = names.in_force(access.clinic()) or ""
            form.fault(
                "page_name", _("Somebody changed it meanwhile, to {name}", name=form.was.data)
            )
        except AlreadyUsed:
            form.fault("page_name", _("Another clinic has or had this name. Choose another one"))
        except names.TooManyNames:
            form.fault("page_name", _("You have changed the address too often. Use an earlier one"))
    page, part = "settings/page_name.html", "settings/_page_name.html"
    return htmx.show(page, part, 422, **shown(form))
