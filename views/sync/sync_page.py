"""The Calendar sync page as a whole: the values that all of its parts need, and the answers after a
change of one part.
"""

from zoneinfo import ZoneInfo

from flask import Response, flash, url_for
from flask_login import current_user

from base import scheduling
from base.catalogue import _, listed, ngettext
from base.text import IDENTIFIERS, cut
from models import Feed
from sync.events.face import Policy, face, identifier_of
from sync.feeds import owned, preview
from views.kit import access, htmx
from views.kit.merging import Merging
from views.kit.words import sync_words
from views.sync.words import feed_words

from . import booking_address, feed_address, panels, previews, switches
from .identifier import Identifier, identifier_form

WHOLE = "sync/_sync.html"
ACCOUNTS = "sync/_two_way.html"  # the part of it with connected accounts
_HISTORY = 8


def context(form: Identifier | None = None, opt_in: Merging | None = None, **more) -> dict:
    """The values for the page. `form`: the form with an identifier that is previewed and
    not saved.
    """
    user, now = current_user, scheduling.utc_now()
    looked_at = (
        form.identifier.data if form and form.identifier.data in IDENTIFIERS else user.identifier
    )
    chosen = looked_at and cut(looked_at, user.clinic.privacy_ceiling)
    subject = preview.sample(user, now)
    feeds, panes = owned.feeds_of(user), previews.panes(user, chosen, now)
    working = [feed for feed in feeds if not feed.is_stopped]
    form, limited = form or identifier_form(user, formdata=None), sync_words.limited(user)
    is_refused = bool(form.errors or form.differences)
    is_to_choose = user.missing_consent == "identifier" or chosen != user.identifier
    return panels.context(**more) | {
        "form": form,
        "opens_identifier": is_to_choose or limited or is_refused,
        "asks_identifier": not user.identifier and not is_refused,
        "opt_in": opt_in or switches.opt_in(user, formdata=None),
        "chosen": chosen,
        "panes": panes,
        "has_events": any(pane.events for pane in panes),
        "examples": {
            key: face(subject, Policy(identifier=identifier_of(key, user.clinic))).title
            for key in IDENTIFIERS
        },
        "allowed": user.clinic.allowed_identifiers(),
        "identifying": ["internal_id"] if user.clinic.internal_ids else [],
        "limited": limited,
        "feeds": working,
        "feeds_state": feed_words.feeds_state(user, working),
        "stopped": [feed for feed in feeds if feed.is_stopped],
        "why_not": user.why_no_feeds(),
        # without consent there is nothing to make, only what was made before
        "shows_feeds": user.why_no_feeds() != "opt_in" or bool(feeds),
        "history": sync_words.changes(user, _HISTORY),
        "zone": sync_words.zone(access.calendars(), user),
        "addresses": feed_address,
        "words": sync_words,
        "place_of": ZoneInfo,
    }


def show(status: int = 200, partial: str = ACCOUNTS, **more) -> Response:
    """The page; for htmx only the requested part."""
    found = context(**more)
    if partial == WHOLE or not htmx.is_partial():
        found |= {
            "saving": _what_saving_does(found["panels"], found["feeds"]),
            "booking_page": booking_address.address(),
        }
    return htmx.show("sync/show.html", partial, status, **found)


def _what_saving_does(shown: list[dict], feeds: list[Feed]) -> str:
    """A sentence: the effect outside of saving another identifier."""
    events = [
        ngettext(
            "{count} event in {provider}",
            "{count} events in {provider}",
            one["standing"].in_step,
            provider=one["name"],
        )
        for one in shown
        if one["account"].is_active
    ]
    if not events and not feeds:
        return ""
    if not events:
        return _("Private links show a change when they are next read.")
    return _(
        "Saving rewrites {events}, in place. Private links show it when they are next read.",
        events=listed(events),
    )


def changed(sentence: str | None, anchor: str = "two-way", partial: str = ACCOUNTS) -> Response:
    """The answer after a change: the changed part with a sentence at the top of the page."""
    if sentence:
        flash(str(sentence))
    return (
        show(partial=partial)
        if htmx.is_partial()
        else htmx.done(url_for("sync_settings.show", _anchor=anchor))
    )
