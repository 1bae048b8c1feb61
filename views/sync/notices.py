"""Notices that wait for a person, each with its few possible decisions. A decision works
only once.
"""

from contextlib import suppress

from flask import Blueprint, abort, flash, g, request, url_for
from flask_login import current_user

from base import scheduling
from base.bookings.clashes import SlotTaken
from base.catalogue import _, lazy
from sync.tables import account_names, listed
from sync.tables.accounts import Account
from sync.tables.notices import Notice
from sync.two_way.reading import double_bookings
from sync.two_way.standing import decisions, many, open_notices, state, state_list
from views.kit import access, htmx, sync_access
from views.kit.access import login_required
from views.kit.forms import arg_int
from views.sync.words import banner_words

from . import sync_page

blueprint = Blueprint("notices", __name__)

_HOW = {  # decision → its function, the message afterwards
    "leave": (lambda notice: decisions.close_without_change(notice), lazy("It stays as it is.")),
    "move": (
        lambda notice: decisions.move_booking(notice, current_user),
        lazy("The booking is moved, and its event outside with it."),
    ),
    "cancel": (
        lambda notice: decisions.cancel_booking(notice, current_user),
        lazy("The booking is cancelled."),
    ),
    "put-back": (lambda notice: decisions.put_back(notice), lazy("It is put back.")),
    "remove-guests": (
        lambda notice: decisions.remove_guests(notice),
        lazy("The guests are being removed."),
    ),
    "approve": (lambda notice: decisions.approve(notice), lazy("It is being done.")),
    "keep": (
        lambda notice: decisions.keep_outside(notice),
        lazy("They stay there. We do not ask again."),
    ),
    "remove-stray": (
        lambda notice: decisions.decide_stray(notice, "remove"),
        lazy("It is being removed."),
    ),
    "keep-stray": (
        lambda notice: decisions.decide_stray(notice, "keep"),
        lazy("It stays there. We do not ask again."),
    ),
    "wait": (
        lambda notice: decisions.keep_source(notice),
        lazy("Its times go on blocking. We ask again tomorrow."),
    ),
    "believe": (
        lambda notice: decisions.accept_empty(notice),
        lazy("Its times are free here now."),
    ),
    "again": (
        lambda notice: decisions.make_again(notice, current_user),
        lazy("Our calendar is being made again."),
    ),
}


def _own(notice_id: int, what: str) -> Notice:
    """A notice of the signed-in person that allows this decision; 404 for any other, and 403 if the
    person may no longer change its booking.
    """
    notice = sync_access.notice_of_mine(notice_id)
    if not decisions.allows(notice, what):
        abort(404)
    if what in ("move", "cancel"):
        access.booking_to_change(notice.booking_id or 0)
    return notice


@blueprint.get("/<int:notice_id>/cancellation")
@login_required
def ask_to_cancel(notice_id: int):
    return sync_page.show(partial="sync/_cancelling.html", cancelling=_own(notice_id, "cancel"))


@blueprint.post(f"/<int:notice_id>/<any({', '.join(map(repr, _HOW))}):what>")
@login_required
def decide(notice_id: int, what: str):
    notice = _own(notice_id, what)
    act, sentence = _HOW[what]
    try:
        act(notice)
    except decisions.Settled:
        sentence = _("That is decided already.")
    except SlotTaken as refusal:
        return _refused(
            _(
                "{what} is there. Move that first, or open the booking",
                what=_("another booking") if refusal.conflicts else _("a busy time outside"),
            )
        )
    except scheduling.BadTime:
        return _refused(_("no booking can be then. Open the booking to give it another time"))
    return sync_page.changed(sentence, "notices")


@blueprint.post("/calendars/<int:calendar_id>/leave")
@login_required
def leave_all(calendar_id: int):
    """Leave the double bookings of one calendar that the page showed."""
    calendar = sync_access.calendar_outside_of_mine(calendar_id)
    seen = [arg_int(value) for value in request.form.getlist("notice")]
    is_done = double_bookings.accept(listed.doubles(calendar, seen))
    return sync_page.changed(
        _("They stay as they are.") if is_done else _("That is decided already."), "notices"
    )


@blueprint.post("/accounts/<int:account_id>/leave")
@login_required
def leave_changes(account_id: int):
    """Close those notices of an account about changes put back that the page showed. The bookings
    stay as they are.
    """
    account = sync_access.account_of_mine(account_id)
    seen = {arg_int(value) for value in request.form.getlist("notice")}
    is_done = False
    for notice in [row for row in Notice.open_of(account) if open_notices.is_put_back(row)]:
        if notice.id in seen:
            with suppress(decisions.Settled):
                decisions.close_without_change(notice)
                is_done = True
    sentence = _("The bookings stay as they are.") if is_done else _("That is decided already.")
    return sync_page.changed(sentence, "notices")


@blueprint.app_template_global()
def to_decide() -> int:
    """The number of things on Calendar sync that wait for the signed-in person, for the menu. An
    account that does not sync counts as one if it has no notice.
    """
    accounts, notices = _mine()
    return open_notices.to_decide(notices) + len(state.any_of(accounts, state_list.UNTOLD))


@blueprint.app_template_global()
def sync_banners() -> list[banner_words.Banner]:
    """A banner above the calendar for each of the signed-in person's accounts whose state makes it
    show less than expected.
    """
    found = state.any_of(_mine()[0], state_list.BANNER)
    return [banner_words.banner(one, why, account_names.name_of(one)) for one, why in found]


def _mine() -> tuple[list[Account], list[Notice]]:
    """The signed-in person's accounts, and their open notices, the newest last."""
    accounts, notices = _known()
    return [account for account in accounts if account.user_id == current_user.id], notices


def accounts_of_the_clinic() -> list[Account]:
    """For managers: every account of the clinic, with its person loaded."""
    return _known()[0]


def _known() -> tuple[list[Account], list[Notice]]:
    """The signed-in person's accounts (for managers the clinic's), and the person's open notices:
    one query in each request, for the menu and the calendar. A change made by this request is seen
    only in the next one.
    """
    if "known_accounts" not in g:
        whose = None if current_user.is_manager else current_user.id
        g.known_accounts = many.with_notices(access.clinic(), current_user.id, whose)
    return g.known_accounts


def _refused(why: str):
    """Show why the booking cannot follow. The sentence names no client, since messages travel in a
    cookie. The notice stays open.
    """
    sentence = _("Not moved: {why}.", why=why)
    if htmx.is_partial():
        return htmx.warn_on_page(sentence, 422)
    flash(sentence, "warning")
    return htmx.done(url_for("sync_settings.show", _anchor="notices"))
