"""An owner asks several people at once to switch sync on, or makes a first feed for those
who agreed. Nothing goes out before the person allows it.
"""

from flask import Blueprint, flash, render_template, request, url_for
from flask_login import current_user

from base.catalogue import _, ngettext
from base.tables import outbox
from people import sync_together
from views.kit import access, brakes, htmx
from views.kit.access import owner_required
from views.kit.forms import arg_int

blueprint = Blueprint("sync_together", __name__)


@blueprint.get("/")
@owner_required
def show():
    lines = sync_together.lines(access.clinic())
    return render_template("team/sync.html", lines=lines, can_mail=outbox.is_set_up())


@blueprint.post("/")
@owner_required
def act():
    """Ask the ticked people, or make their feeds, depending on the button."""
    brakes.slow_down("invite", str(current_user.id), brakes.INVITATIONS)
    ticked = {arg_int(value) for value in request.form.getlist("person")}
    chosen = [one for one in sync_together.lines(access.clinic()) if one.person.id in ticked]
    if request.form.get("deed") == "link":
        count = sync_together.give_feeds(chosen, current_user)
        sentence = ngettext(
            "{count} private link is made.", "{count} private links are made.", count
        )
        none = _("No link was made. Tick people who let their bookings appear and have no link.")
    else:
        count = sync_together.ask_people(chosen, current_user)
        sentence = ngettext(
            "{count} e-mail is on its way.", "{count} e-mails are on their way.", count
        )
        none = _("Nobody was asked. Tick people whose sync is off and who were not asked today.")
    flash(sentence if count else none, "message" if count else "warning")
    return htmx.done(url_for("sync_together.show"))
