"""What visitors of a clinic's page do in a random history: choose a time, have it held, book it,
move and cancel by the link; and how the clinic answers their requests.
"""

import random
from itertools import islice

from free_times.online import hold_bounds, managing, requests, taking, times
from free_times.online.bookings import OnlineBooking
from free_times.online.forms import Ticket
from free_times.online.page import Page
from free_times.online.taking import Details, JustTaken
from free_times.rules import OnlineSettings

from .histories import DAY, START, History

CHOSEN = 12  # of so many free times a visitor takes one


def _page(history: History) -> Page:
    return Page.of(history.clinic, "histories", OnlineSettings.of(history.clinic))


def _chosen(history: History, chance: random.Random) -> tuple[Page, Ticket]:
    """A page as a visitor saw it, and the time that was chosen there. Raises JustTaken."""
    page = _page(history)
    service = chance.choice(page.services)
    terms = page.at(service)
    anyone = chance.random() < 0.5
    asked = terms if anyone else [chance.choice(terms)]
    found = list(islice(times.free_times(page, service, asked, START, START + DAY), CHOSEN))
    if not found:
        raise JustTaken
    free = chance.choice(found)
    its = next(one for one in terms if one.calendar.id == free.wish.calendar.id)
    ticket = Ticket.issue(
        clinic=history.clinic.id,
        service=service.id,
        calendar=its.calendar.id,
        anyone=anyone,
        minutes=its.minutes,
        price_cents=its.price_cents,
        starts_at=free.starts_at,
    )
    return page, ticket


def hold(history: History, chance: random.Random) -> None:
    """Choose a time, and go away."""
    page, ticket = _chosen(history, chance)
    hold_bounds.hold(page, ticket, ticket.nonce)


def book(history: History, chance: random.Random) -> None:
    """Choose a time and book it, perhaps with a hold, perhaps by pressing twice."""
    page, ticket = _chosen(history, chance)
    if chance.random() < 0.7:
        hold_bounds.hold(page, ticket, ticket.nonce)
    who = Details(f"Visitor {ticket.nonce[:6]}", f"{ticket.nonce}@visitor.test")
    as_request = chance.random() < 0.3
    made = taking.take(page, ticket, who, as_request=as_request)
    if chance.random() < 0.2:
        assert taking.take(page, ticket, who, as_request=as_request).id == made.id


def move(history: History, chance: random.Random) -> None:
    """Move a booking by its link."""
    page, made = _page(history), _made(history, chance)
    found = list(islice(managing.other_times(page, made, START, START + DAY), CHOSEN))
    if not found:
        raise JustTaken
    managing.move(page, made, chance.choice(found).starts_at)


def cancel(history: History, chance: random.Random) -> None:
    """Cancel a booking by its link."""
    managing.cancel(_page(history), _made(history, chance))


def answer(history: History, chance: random.Random) -> None:
    """The clinic answers a request: confirms, declines, or offers another time, which is taken."""
    row = requests.open_ones(history.clinic).first()
    if row is None:
        raise JustTaken
    what = chance.choice(("confirm", "decline", "offer"))
    if what == "confirm":
        row.booking.set_status("confirmed", history.owner)
    elif what == "decline":
        requests.decline(row, history.owner)
    else:
        found = list(islice(requests.other_times(row, START, START + DAY), CHOSEN))
        if not found:
            raise JustTaken
        requests.offer(row, chance.choice(found).starts_at, history.owner)
        if chance.random() < 0.7:
            requests.accept(row, row.booking.starts_at)


def _made(history: History, chance: random.Random) -> OnlineBooking:
    rows = list(OnlineBooking.select().where(OnlineBooking.clinic == history.clinic))
    if not rows:
        raise JustTaken
    return chance.choice(rows)


ACTS = [*[book] * 6, hold, *[move] * 2, cancel, *[answer] * 2]
