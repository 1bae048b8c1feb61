"""What waits for a person: each notice with the few things that can be done about it. Every decision works once."""

from flask import Blueprint, abort, flash, url_for
from flask_login import current_user

from accounts import Notice
from models import SlotTaken
from sync import decisions, work

from . import access, htmx, sync_page
from .access import login_required

blueprint = Blueprint("notices", __name__)

_EDITED = ("moved", "edited", "repeated", "deleted")
_HOW = {  # what is pressed: on which kinds, what it does, what is said then
    "leave": ((*_EDITED, "double", "nudge", "source_empty"), lambda notice: decisions.leave(notice), "It stays as it is."),
    "move": (("moved",), lambda notice: decisions.move_booking(notice, current_user), "The booking is moved, and its event outside with it."),
    "cancel": (("moved", "deleted"), lambda notice: decisions.cancel_booking(notice, current_user), "The booking is cancelled."),
    "put-back": (_EDITED, lambda notice: decisions.put_back(notice), "It is put back."),
    "approve": (("deletes", "empty"), lambda notice: decisions.approve(notice), "It is being done."),
    "keep": (("deletes",), lambda notice: decisions.keep_outside(notice), "They stay there. We do not ask again."),
    "believe": (("source_empty",), lambda notice: decisions.believe(notice), "Its times are free here now."),
    "again": (("calendar_gone",), lambda notice: decisions.make_again(notice, current_user), "Our calendar is being made again."),
}


@blueprint.post("/<int:notice_id>/<any(leave, move, cancel, 'put-back', approve, keep, believe, again):what>")
@login_required
def decide(notice_id: int, what: str):
    notice = access.load(Notice, notice_id)
    kinds, act, said = _HOW[what]
    if notice.account.user_id != current_user.id or notice.kind not in kinds:
        abort(404)
    try:
        act(notice)
    except decisions.Settled:
        said = "That is decided already."
    except SlotTaken as refusal:
        return _taken(refusal)
    work.nudge(notice.account_id)
    return sync_page.changed(said, "notices")


def _taken(refusal: SlotTaken):
    """The booking cannot follow: say what is in the way. The notice stays."""
    in_the_way = "another booking" if refusal.conflicts else "a busy time outside"  # no client's name: flashes travel in a cookie
    sentence = f"Not moved: {in_the_way} is there. Move that first, or open the booking and book it all the same."
    if htmx.is_partial():
        return htmx.say(sentence, 422)
    flash(sentence, "warning")
    return htmx.done(url_for("sync_settings.show", _anchor="notices"))
