"""What waits for a person: each notice with the few things that can be done about it. Every
decision works once.
"""

from flask import Blueprint, abort, flash, g, request, url_for
from flask_login import current_user
from peewee import JOIN

from base import scheduling
from base.bookings.clashes import SlotTaken
from base.catalogue import _, lazy
from models import User
from sync.tables.accounts import Account
from sync.tables.notices import Notice
from sync.two_way.reading import double_bookings
from sync.two_way.standing import decisions, state
from views.kit import access, htmx
from views.kit.access import login_required
from views.kit.forms import arg_int

from . import notice_words, sync_page

blueprint = Blueprint("notices", __name__)

_EDITED = ("moved", "edited", "repeated", "deleted")
_HOW = {  # what is pressed: on which kinds, what it does, what is said then
    "leave": (
        (*_EDITED, "double", "sync_reminder", "stray", "guests"),
        lambda notice: _leave(notice),
        lazy("It stays as it is."),
    ),
    "move": (
        ("moved",),
        lambda notice: decisions.move_booking(notice, current_user),
        lazy("The booking is moved, and its event outside with it."),
    ),
    "cancel": (
        ("moved", "deleted"),
        lambda notice: decisions.cancel_booking(notice, current_user),
        lazy("The booking is cancelled."),
    ),
    "put-back": (_EDITED, lambda notice: decisions.put_back(notice), lazy("It is put back.")),
    "remove-guests": (
        ("guests",),
        lambda notice: decisions.remove_guests(notice),
        lazy("The guests are being removed."),
    ),
    "approve": (
        ("deletes", "empty"),
        lambda notice: decisions.approve(notice),
        lazy("It is being done."),
    ),
    "keep": (
        ("deletes",),
        lambda notice: decisions.keep_outside(notice),
        lazy("They stay there. We do not ask again."),
    ),
    "wait": (
        ("source_empty",),
        lambda notice: decisions.keep_source(notice),
        lazy("Its times go on blocking. We ask again tomorrow."),
    ),
    "believe": (
        ("source_empty",),
        lambda notice: decisions.accept_empty(notice),
        lazy("Its times are free here now."),
    ),
    "again": (
        ("calendar_gone",),
        lambda notice: decisions.make_again(notice, current_user),
        lazy("Our calendar is being made again."),
    ),
}


def _leave(notice: Notice) -> None:
    if notice.kind != "double":
        decisions.leave(notice)
    elif not double_bookings.accept([notice]):
        raise decisions.Settled


def _own(notice_id: int, what: str) -> Notice:
    """A notice of the signed-in person about which this can be done; else 404, or 403 where the
    booking is no longer theirs to change.
    """
    notice = access.notice_of_mine(notice_id)
    if notice.kind not in _HOW[what][0]:
        abort(404)
    if what in ("move", "cancel"):
        access.booking_to_change(notice.booking_id or 0)
    return notice


@blueprint.get("/<int:notice_id>/cancellation")
@login_required
def ask_to_cancel(notice_id: int):
    return sync_page.show(partial="sync/_cancelling.html", cancelling=_own(notice_id, "cancel"))


@blueprint.post(
    "/<int:notice_id>/<any(leave, move, cancel, 'put-back', 'remove-guests', approve, keep, wait,"
    " believe, again):what>"
)
@login_required
def decide(notice_id: int, what: str):
    notice = _own(notice_id, what)
    _kinds, act, said = _HOW[what]
    try:
        act(notice)
    except decisions.Settled:
        said = _("That is decided already.")
    except SlotTaken as refusal:
        return _refused(
            _(
                "{what} is there. Move that first, or open the booking",
                what=_("another booking") if refusal.conflicts else _("a busy time outside"),
            )
        )
    except scheduling.BadTime:
        return _refused(_("no booking can be then. Open the booking to give it another time"))
    return sync_page.changed(said, "notices")


@blueprint.post("/calendars/<int:calendar_id>/leave")
@login_required
def leave_all(calendar_id: int):
    """Leave the double bookings of one calendar that the person has seen."""
    calendar = access.calendar_outside_of_mine(calendar_id)
    seen = (
        Notice.id.in_([arg_int(value) for value in request.form.getlist("notice")]),
        Notice.calendar == calendar,
        Notice.kind == "double",
    )
    is_done = double_bookings.accept(Notice.select().where(*seen))
    return sync_page.changed(
        _("They stay as they are.") if is_done else _("That is decided already."), "notices"
    )


@blueprint.app_template_global()
def to_decide() -> int:
    """How many things wait for the signed-in person on Calendar sync, accounts that carry nothing
    and have no notice among them: for the menu.
    """
    accounts, notices = _mine()
    return notice_words.to_decide(notices) + len(state.any_of(accounts, state.UNTOLD))


@blueprint.app_template_global()
def stuck_accounts() -> list[tuple[Account, state.State]]:
    """The signed-in person's accounts because of which the calendar shows less than they expect,
    each with how it stands: for the calendar.
    """
    return state.any_of(_mine()[0], state.BANNER)


def _mine() -> tuple[list[Account], list[Notice]]:
    """The signed-in person's accounts, and their open notices, the newest last."""
    accounts, notices = _known()
    return [account for account in accounts if account.user_id == current_user.id], notices


def accounts_of_the_clinic() -> list[Account]:
    """For managers: every account, with its person at hand."""
    return _known()[0]


def _known() -> tuple[list[Account], list[Notice]]:
    """The signed-in person's accounts, of managers the clinic's, and the person's open notices: one
    query a request for the menu and the calendar. What an answer changes is seen in the next
    request.
    """
    if "known_accounts" not in g:
        notice = Notice.id, Notice.kind, Notice.detail, Notice.calendar, Notice.booking
        is_own = Account.user == current_user.id
        is_open = (Notice.account == Account.id) & Notice.settled_at.is_null() & is_own
        rows = (
            Account.select(Account, User, *notice, *state.columns())
            .join(User)
            .switch(Account)
            .join(Notice, JOIN.LEFT_OUTER, on=is_open, attr="open_notice")
            .where(Account.clinic == access.clinic() if current_user.is_manager else is_own)
            .order_by(Account.id, Notice.id)
        )
        accounts, notices = {}, []
        for row in rows:
            row.clinic = row.user.clinic = access.clinic()
            accounts.setdefault(row.id, row)
            if open_notice := getattr(row, "open_notice", None):  # missing where there is none
                notices.append(open_notice)
        g.known_accounts = list(accounts.values()), notices
    return g.known_accounts


def _refused(why: str):
    """The booking cannot follow: say why, without a client's name, since flashes travel in a
    cookie. The notice stays.
    """
    sentence = _("Not moved: {why}.", why=why)
    if htmx.is_partial():
        return htmx.say(sentence, 422)
    flash(sentence, "warning")
    return htmx.done(url_for("sync_settings.show", _anchor="notices"))
