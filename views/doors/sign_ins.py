"""Security events of the clinic, for its owner: sign-ins, failed tries, refused forms. No address
is ever shown.
"""

from flask import Blueprint, render_template, request
from flask_login import current_user

from base.catalogue import _, lazy
from base.tables.list_page import ListPage
from people.security import KEPT, SecurityEvent
from views.kit import access
from views.kit.access import owner_required
from views.kit.forms import arg_int
from views.kit.words import sync_words

blueprint = Blueprint("sign_ins", __name__)

_SOMEONE = lazy("somebody whose e-mail is not known here")
_WORDS = {
    "signed_in": lazy("{who} signed in"),
    "new_device": lazy("{who} signed in with a new browser"),
    "refused": lazy("Wrong password for {who}"),
    "braked": lazy("Too many tries for {who}: made to wait"),
    "form_refused": lazy("A form was refused that did not come from an open page"),
    "signed_out": lazy("{who} signed out"),
    "session_ended": lazy("{who} signed out one of their browsers"),
    "everywhere": lazy("{who} signed out on every device"),
    "password": lazy("{who} changed their password"),
    "link_used": lazy("{who} chose a password with a one-time link"),
    "link_refused": lazy("A one-time link was tried that does not work"),
}


@blueprint.get("")
@owner_required
def listed():
    page = ListPage.of(SecurityEvent.listed(access.clinic()), arg_int(request.args.get("page"), 1))
    lines = [{"event": event, "what": _what(event)} for event in page.rows]
    return render_template(
        "settings/sign_ins.html",
        page=page,
        lines=lines,
        part="settings",
        days=KEPT.days,
        zone=sync_words.zone(access.calendars(), current_user),
    )


def _what(event: SecurityEvent) -> str:
    words = _WORDS.get(event.kind, event.kind.replace("_", " ").capitalize())
    times = _(", {count} times", count=event.count) if event.count > 1 else ""
    return words.format(who=event.user.name if event.user else _SOMEONE) + times
