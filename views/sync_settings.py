"""The Calendar sync page: whether bookings may leave, how clients appear when they do, and which way they go."""

from zoneinfo import ZoneInfo

from flask import Blueprint, Response, flash, request, url_for
from flask_login import current_user
from wtforms import BooleanField, StringField

import scheduling
from models import Feed
from sync import shown
from sync.face import Policy, face
from text import IDENTIFIERS, cut

from . import access, htmx, link_address, sync_words
from .access import login_required
from .forms import Form

blueprint = Blueprint("sync_settings", __name__)

_PREVIEWED, _HISTORY = 3, 8


class OptIn(Form):
    allow = BooleanField("Let my bookings appear in calendars outside Kalends")


class Identifier(Form):
    identifier = StringField("How clients appear")
    confirm_full_name = BooleanField("I understand, and I want full names in my calendar")

    def validate_identifier(self, field):
        if field.data not in IDENTIFIERS:
            self.fault("identifier", "Choose how clients appear")
        elif field.data not in current_user.clinic.allowed_identifiers():
            self.fault("identifier", "Your clinic does not allow this one. Choose one above it")

    def validate_confirm_full_name(self, field):
        if self.identifier.data == "full_name" != current_user.identifier and not field.data:
            self.fault("confirm_full_name", "Tick that you understand what full names tell, or choose another way")


def _context(form: Identifier | None = None) -> dict:
    """What the page needs; `form` holds an identifier that is looked at but not saved."""
    user, now = current_user, scheduling.utc_now()
    looked_at = form.identifier.data if form and form.identifier.data in IDENTIFIERS else user.identifier
    chosen = looked_at and cut(looked_at, user.clinic.privacy_ceiling)
    subject = shown.sample(user, now)
    links = Feed.listed(user)
    living = [link for link in links if not link.is_stopped]
    return {
        "form": form or Identifier(formdata=None), "chosen": chosen, "panes": shown.preview(user, chosen, now, _PREVIEWED),
        "examples": {key: face(subject, Policy(identifier=shown.identifier_of(key, user.clinic))).title for key in IDENTIFIERS},
        "allowed": user.clinic.allowed_identifiers(), "limited": sync_words.limited(user),
        "answering": [link for link in living if not sync_words.lacks_role(link, user)], "links": living,
        "stopped": [link for link in links if link.is_stopped],
        "why_not": user.why_no_links(), "history": user.sync_history(_HISTORY), "zone": sync_words.zone(access.calendars(), user),
        "addresses": link_address, "words": sync_words, "place_of": ZoneInfo,
    }


def _show(status: int = 200, partial: str = "sync/_sync.html", form: Identifier | None = None) -> Response:
    return htmx.show("sync/show.html", partial, status, **_context(form))


def _changed(sentence: str, anchor: str) -> Response:
    flash(sentence)
    return _show() if htmx.is_partial() else htmx.done(url_for("sync_settings.show", _anchor=anchor))


@blueprint.get("/")
@login_required
def show():
    return _show()


@blueprint.post("/opt-in")
@login_required
def allow():
    """The person's own switch (B4); nobody else has it."""
    allowed = bool(OptIn().allow.data)
    current_user.change_sync(sync_allowed=allowed)
    count = sync_words.count(current_user.living_links.count(), "link")
    if allowed:
        return _changed(f"Your bookings may appear in outside calendars. {count} of yours can be read.", "opt-in")
    return _changed(f"Nothing leaves any more. {count} of yours stopped answering; switch this on again and they answer as before.", "opt-in")


@blueprint.route("/preview", methods=["GET", "POST"])
@login_required
def preview():
    """How the next bookings would look with the identifier at hand. Saves nothing."""
    return _show(partial="sync/_preview.html", form=Identifier(request.values))


@blueprint.post("/identifier")
@login_required
def choose():
    form = Identifier()
    if not form.validate():
        return _show(422, form=form)
    current_user.change_sync(identifier=form.identifier.data)
    return _changed("Saved. Private links show it when they are next read.", "identifier")
