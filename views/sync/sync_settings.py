"""The Calendar sync page: whether bookings may be sent, how clients appear outside, and which
direction is used.
"""

from flask import Blueprint, flash, request, url_for
from flask_login import current_user

from base.catalogue import _, paragraph
from sync.feeds import owned
from sync.tables import listed
from views.kit import htmx
from views.kit.access import login_required
from views.kit.words import sync_words

from . import switches, sync_page
from .identifier import Identifier, identifier_form

blueprint = Blueprint("sync_settings", __name__)


@blueprint.get("/")
@login_required
def show():
    return sync_page.show(partial=sync_page.WHOLE)


@blueprint.post("/opt-in")
@login_required
def allow():
    """The person's own switch; nobody else can set it. If calendars outside are connected,
    switching it off first asks what happens to them.
    """
    form = switches.opt_in(current_user)
    is_switched_off = not form.allow.data and form.seen.data == {"allow": True}
    if is_switched_off and listed.any_begun(current_user):
        flash(_("Nothing has changed yet: say first what becomes of your bookings outside."))
        return htmx.done(url_for("two_way.ask_to_leave", goal="one-way", opt_out=1))
    if not switches.saved(switches.opt_in, form, "sync_allowed"):
        return sync_page.show(422, sync_page.WHOLE, opt_in=form)
    return sync_page.changed(_allowed(bool(form.allow.data)), "opt-in", sync_page.WHOLE)


def _allowed(is_on: bool) -> str:
    """The result of the switch, as a sentence."""
    feeds = owned.count(current_user)
    count = sync_words.count(feeds, "link")
    if is_on and not feeds:
        return paragraph(
            _("Your bookings may now appear in other calendars."),
            _("Next, choose how you would like to sync.")
            if current_user.identifier
            else _("Next, choose how clients appear."),
        )
    if is_on:
        return _(
            "Your bookings may appear in outside calendars. {count} of yours can be read.",
            count=count,
        )
    if not feeds:
        return _("Nothing leaves any more.")
    return _(
        "Nothing leaves any more. {count} of yours stopped answering; switch this on again and"
        " they answer as before.",
        count=count,
    )


@blueprint.get("/titles")
@login_required
def show_titles():
    """Set who may read the titles of the person's events from other calendars."""
    form = switches.titles(current_user, formdata=None)
    return htmx.show("sync/titles.html", "sync/_titles.html", 200, titles=form)


@blueprint.post("/titles")
@login_required
def set_titles():
    form = switches.titles(current_user)
    is_saved = form.validate() and switches.saved(switches.titles, form, "titles_for")
    if is_saved and not htmx.is_partial():
        flash(_("Saved."))
        return htmx.done(url_for("sync_settings.show"))
    return htmx.show(
        "sync/titles.html",
        "sync/_titles.html",
        200 if is_saved else 422,
        titles=switches.titles(current_user, formdata=None) if is_saved else form,
        titles_saved=is_saved,
    )


@blueprint.route("/preview", methods=["GET", "POST"])
@login_required
def preview():
    """The next bookings as they would look with the identifier in the form. Saves nothing."""
    return sync_page.show(partial="sync/_preview.html", form=Identifier(request.values))


@blueprint.post("/identifier")
@login_required
def choose():
    form, user = identifier_form(current_user), current_user._get_current_object()
    if not form.validate() or not form.store(
        user,
        lambda row: identifier_form(row, formdata=None),
        lambda: user.change_sync(identifier=form.identifier.data),
    ):
        return sync_page.show(422, sync_page.WHOLE, form=form)
    return sync_page.changed(_chosen(), "identifier", sync_page.WHOLE)


def _chosen() -> str:
    """The effect of another identifier that was saved, as a sentence."""
    connected = listed.any_begun(current_user, "active")
    if not connected and not owned.count(current_user):
        return _("Saved. Next, choose how you would like to sync.")
    return paragraph(
        _("Saved. Private links show it when they are next read."),
        _("Events outside are rewritten in place.") if connected else "",
    )
