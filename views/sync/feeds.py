"""Feeds: made, copied, changed, regenerated, stopped. A person only ever sees their own
feeds.
"""

from contextlib import suppress

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask_login import current_user

from base import scheduling
from base.catalogue import _, lazy, ngettext, paragraph
from models import MOST_FEEDS, AuditEntry, Feed, FeedStopped, NoFeeds
from people import presses
from sync.events.face import Policy, face
from sync.feeds import owned, preview
from sync.tables import listed as tables
from views.kit import access, htmx, sync_access
from views.kit.access import login_required
from views.kit.forms import arg_int
from views.kit.words import sync_words

from . import feed_address, modes, switches
from .feed_settings import settings_form
from .new_feed import NewFeed

blueprint = Blueprint("feeds", __name__)

_REFUSALS = {
    "plan": lazy("Your clinic’s plan has no private links"),
    "opt_in": (
        lazy(
            "Switch on “Let my bookings appear in calendars outside Kalends” first; until then"
            " no link answers"
        )
    ),
    "calendar": lazy(
        "You have no calendar here yet. Ask the person who manages the team to give you one"
    ),
    "most": lazy(
        "You have {most_feeds} links. Stop one that nothing reads, then make a new one",
        most_feeds=MOST_FEEDS,
    ),
}


def _shown_by_others() -> list[Feed]:
    """Working feeds of managers that show bookings of the signed-in person, each with its owner at
    hand.
    """
    if current_user.why_no_feeds():
        return []
    return owned.shown_by_others(current_user)


def _context(**more) -> dict:
    """The values for the page of feeds."""
    own, subject = owned.feeds_of(current_user), preview.sample(current_user, scheduling.utc_now())
    examples = {
        feed.id: face(subject, Policy.of(current_user, current_user.clinic, feed)).title
        for feed in own
    }
    return {
        "feeds": [f for f in own if not f.is_stopped],
        "stopped": [f for f in own if f.is_stopped],
        "examples": examples,
        "why_not": current_user.why_no_feeds(),
        "has_plan": access.clinic().allows("feed"),
        "others": _shown_by_others(),
        "calendars": access.calendars(),
        "addresses": feed_address,
        "rotatable": _rotatable(),
        "sizes": preview.sizes(own, scheduling.utc_now()),
        "opt_in": switches.opt_in(current_user, formdata=None),
        "hiding": switches.hide(current_user, formdata=None),
        "words": sync_words,
        "faster": modes.in_place_of(own),
        "still_answers": owned.still_answers,
        "zone": sync_words.zone(access.calendars(), current_user),
        **more,
    }


def _show(
    status: int = 200, partial: str = "feeds/_feeds.html", form: NewFeed | None = None, **more
) -> Response:
    return htmx.show(
        "feeds/index.html",
        partial,
        status,
        **_context(form=form or NewFeed(formdata=None), **more),
    )


def _changed(sentence: str, anchor: str | None = None) -> Response:
    """The answer after a change: the list with a sentence in the changed card, or at the top of the
    page.
    """
    if anchor and htmx.is_partial():
        return _show(message={"at": anchor, "sentence": sentence})
    flash(sentence)
    return _show() if htmx.is_partial() else htmx.done(url_for("feeds.index", _anchor=anchor))


@blueprint.get("/")
@login_required
def index():
    return _show()


@blueprint.post("/")
@login_required
def create():
    form = NewFeed()
    columns = form.scope()
    if not form.validate() or not columns:
        return _refused(form, None if form.errors else "calendar")
    name = form.name.data or (
        _("Free and busy") if form.kind.data == "availability" else _("My calendar")
    )
    if form.identifier and form.identifier.data:
        current_user.change_sync(identifier=form.identifier.data)
    try:
        feed = _generated({"name": name, "kind": form.kind.data, "user": current_user, **columns})
    except NoFeeds as refusal:
        return _refused(form, refusal.why)
    return _changed(
        _("“{feed}” is ready. Copy its address into your calendar app.", feed=feed.name),
        f"link-{feed.id}",
    )


def _generated(values: dict) -> Feed:
    """A new feed with these values. A second press of the button returns the feed of the first.
    Raises NoFeeds.
    """
    clinic = current_user.clinic
    return presses.once(
        Feed, clinic, current_user, values, lambda: Feed.generate(actor=current_user, **values)
    )[0]


def _refused(form: NewFeed, why: str | None) -> Response:
    if why:
        form.fault("name", _REFUSALS[why])
    return _show(422, form=form)


@blueprint.get("/<int:feed_id>")
@login_required
def edit(feed_id: int):
    feed = sync_access.living_feed_of_mine(feed_id)
    return render_template("feeds/edit.html", feed=feed, form=settings_form(feed))


@blueprint.post("/<int:feed_id>")
@login_required
def update(feed_id: int):
    feed = sync_access.living_feed_of_mine(feed_id)
    form = settings_form(feed)
    if not form.validate():
        return htmx.show("feeds/edit.html", "feeds/_settings.html", 422, feed=feed, form=form)
    try:
        saved = form.store(
            feed,
            lambda row: settings_form(row, formdata=None),
            lambda: feed.change(current_user, **form.settings()),
        )
    except FeedStopped:  # meanwhile
        abort(404)
    if not saved:
        return htmx.show("feeds/edit.html", "feeds/_settings.html", 422, feed=feed, form=form)
    flash(
        _(
            "“{feed}” is changed. Its address stays; apps show the change when they next look.",
            feed=feed.name,
        )
    )
    return htmx.done(url_for("feeds.index", _anchor=f"link-{feed.id}"))


@blueprint.get("/<int:feed_id>/rotation")
@login_required
def ask_rotation(feed_id: int):
    feed = sync_access.living_feed_of_mine(feed_id)
    return _show(
        partial="feeds/_rotation.html",
        rotation=feed,
        going_stale=sync_words.going_stale(feed),
        since=AuditEntry.newest(access.clinic()),
    )


@blueprint.post("/<int:feed_id>/rotation")
@login_required
def rotate(feed_id: int):
    feed = sync_access.feed_to_rotate(feed_id)
    try:
        owned.rotate_once(feed, current_user, _since())
    except FeedStopped:  # meanwhile
        abort(404)
    return _changed(
        _(
            "“{feed}” has a new address; the old one is dead. Add the new one in each app that"
            " used it.",
            feed=feed.name,
        ),
        f"link-{feed.id}",
    )


@blueprint.get("/rotation")
@login_required
def ask_rotation_of_all():
    count = len(_rotatable())
    return _show(
        partial="feeds/_all_rotation.html",
        all_rotation=count or abort(404),
        since=AuditEntry.newest(access.clinic()),
    )


def _since() -> int | None:
    """The newest entry of the history when the page with the button was opened."""
    return arg_int(request.form.get("since"))


def _rotatable() -> list[Feed]:
    """One's own feeds that can get new addresses."""
    return owned.answering(current_user, owned.living(current_user))


@blueprint.post("/rotation")
@login_required
def rotate_all():
    """Give all of one's own feeds new addresses, for example after a device was lost."""
    sync_access.clinic_with_feeds()
    feeds = _rotatable()
    for feed in feeds:
        with suppress(FeedStopped):  # meanwhile
            owned.rotate_once(feed, current_user, _since())
    return _changed(
        ngettext(
            "{count} link has a new address; the old one no longer works. Add the new one in your"
            " app.",
            "{count} links have new addresses; the old ones no longer work. Add the new ones in"
            " your apps.",
            len(feeds),
        ),
        "hide",
    )


@blueprint.get("/<int:feed_id>/revocation")
@login_required
def ask_revocation(feed_id: int):
    return _show(
        partial="feeds/_revocation.html", revocation=sync_access.living_feed_of_mine(feed_id)
    )


@blueprint.post("/<int:feed_id>/revocation")
@login_required
def revoke(feed_id: int):
    feed = sync_access.feed_of_mine(feed_id)
    feed.revoke(current_user)
    return _changed(
        paragraph(
            _("“{feed}” is stopped.", feed=feed.name),
            _("For 30 days its address gives one entry, “This link was stopped”.")
            if feed.clinic.empty_when_stopped
            else _("Anyone who still has its address gets nothing."),
        ),
        f"link-{feed.id}",
    )


@blueprint.get("/<int:feed_id>/clearing")
@login_required
def ask_clearing(feed_id: int):
    feed = sync_access.feed_of_mine(feed_id)
    return _show(partial="feeds/_clearing.html", clearing=feed if feed.is_stopped else abort(404))


@blueprint.post("/<int:feed_id>/clearing")
@login_required
def clear(feed_id: int):
    feed = sync_access.feed_to_clear(feed_id)
    if not feed.is_stopped:
        abort(404)
    feed.clear()
    return _changed(_("“{feed}” is off the list.", feed=feed.name))


@blueprint.post("/privacy")
@login_required
def hide():
    form = switches.hide(current_user)
    if not switches.saved(switches.hide, form, "hide_sensitive"):
        return _show(422, hiding=form)
    return _changed(_hidden(bool(form.hide_sensitive.data)), "hide")


def _hidden(is_on: bool) -> str:
    """The effect of the switch that hides sensitive information, as sentences."""
    follow = _("Connected calendars follow at once.")
    return paragraph(
        _("Every link of yours now says “Busy” and nothing else.")
        if is_on
        else _("Your links show again what you chose for each."),
        _("Apps show it when they next look."),
        follow if tables.any_begun(current_user, "active") else "",
    )


@blueprint.get("/<int:feed_id>/card")
@login_required
def card(feed_id: int):
    """A sheet to print: the QR code, the steps, the warning."""
    feed = sync_access.feed_of_mine(feed_id)
    return (
        abort(404)
        if feed.is_stopped
        else render_template("feeds/card.html", feed=feed, addresses=feed_address)
    )
