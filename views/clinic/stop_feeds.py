"""An owner stops all feeds of one person: a device was stolen, or an address became known. Only the
person ever sees the addresses.
"""

from flask import Blueprint, flash, url_for
from flask_login import current_user

from base.catalogue import _, ngettext
from sync.feeds import owned
from views.kit import access, htmx
from views.kit.access import owner_required

blueprint = Blueprint("stop_feeds", __name__)


@blueprint.get("/<int:user_id>/links")
@owner_required
def ask_to_stop(user_id: int):
    person = access.person_to_manage(user_id)
    feeds = owned.count(person)
    return htmx.show("team/stop_feeds.html", "team/_stop_feeds.html", person=person, feeds=feeds)


@blueprint.post("/<int:user_id>/links")
@owner_required
def stop(user_id: int):
    person = access.person_to_manage(user_id)
    feeds = list(owned.living(person))
    for feed in feeds:
        feed.revoke(current_user)
    flash(
        ngettext(
            "{count} private link of {name} is stopped.",
            "{count} private links of {name} are stopped.",
            len(feeds),
            name=person.name,
        )
        if feeds
        else _("{name} has no private link that works.", name=person.name)
    )
    return htmx.done(url_for("team.show", user_id=person.id))
