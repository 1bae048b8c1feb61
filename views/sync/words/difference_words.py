"""Bookings whose event outside is different, and why: one sentence for each, with its button."""

from dataclasses import dataclass

from flask import request

from base.catalogue import _, lazy
from base.tables.list_page import ListPage
from models import Booking
from sync.providers import registry
from sync.two_way.standing import differences
from sync.two_way.standing.differences import Difference, Why
from sync.two_way.standing.state import Standing
from views.kit.forms import arg_int

SIZE = 50  # lines a page
FEW = 5  # lines that are shown unfolded
_HOW = {
    "moved": lazy("It has another time in {name}."),
    "edited": lazy("Its text is different in {name}."),
    "repeated": lazy("It repeats in {name}."),
    "deleted": lazy("It was deleted in {name}."),
    "kept": lazy("It is still in {name}, but its booking is not sent any more."),
}
_WHY = {
    Why.ASKED: lazy("It waits for your decision."),
    Why.LEFT: lazy("You chose to leave it as it is."),
    Why.KEPT: lazy("You chose to keep it there."),
    Why.FROZEN: lazy(
        "The booking was changed while it was outside the dates that are sent, so {name} still"
        " has the old time."
    ),
}
_BUTTONS = {  # by `Difference.change`
    "moved": lazy("Put it back"),
    "edited": lazy("Put it back"),
    "repeated": lazy("Put it back"),
    "deleted": lazy("Add it again"),
    "kept": lazy("Remove it there"),
}


@dataclass(frozen=True)
class ListedDifference:
    """One difference: its booking (None: it no longer exists here), a sentence, and the label of
    the button ("": there is no button).
    """

    one: Difference
    booking: Booking | None
    sentence: str
    button: str


def differences_page(standing: Standing) -> ListPage | None:
    """A page of an account's differences, 50 at a time; None: there are none. One query."""
    every, number = standing.differences, arg_int(request.args.get("page"), 1)
    if not every:
        return None
    number = max(1, min(number, -(-len(every) // SIZE)))
    some = every[(number - 1) * SIZE :][:SIZE]
    bookings = differences.bookings(standing.account, some)
    name = registry.row_of(standing.account.kind).name
    lines = [_line(one, bookings.get(one.booking_id), name) for one in some]
    return ListPage(lines, number, len(every), SIZE)


def is_open(page: ListPage | None) -> bool:
    """Whether the list is shown unfolded: it is short, or the person turns its pages."""
    return page is not None and (page.total <= FEW or page.number > 1)


def _line(one: Difference, booking: Booking | None, name: str) -> ListedDifference:
    how = "" if one.why == Why.FROZEN else str(_HOW[one.change]).format(name=name)
    is_known = one.why != Why.LEFT or one.since  # old notices are removed
    why = str(_WHY[one.why]).format(name=name) if is_known else ""
    sentence = _("{how} {why}", how=how, why=why).strip()
    return ListedDifference(
        one, booking, sentence, str(_BUTTONS[one.change]) if one.can_be_put_right else ""
    )
