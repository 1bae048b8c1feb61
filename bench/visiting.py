"""The actions of visitors of a clinic's page in a random history: choose a time and have it held,
book it, move and cancel it by the booking link; and the clinic's answers to their requests.
"""

import random
from itertools import islice

from base import scheduling
from free_times.earlier import accepting, joining, matching
from free_times.earlier.entries import Wanted
from free_times.online import (
    answering,
    asking_outside,
    by_letter,
    chosen_time,
    making,
    managing,
    requests,
    unattended,
    visitor_times,
)
from free_times.online.asking_outside import SentForm
from free_times.online.holds import Hold
from free_times.online.made_online import OnlineBooking
from free_times.online.making import Details, JustTaken
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from free_times.rules import OnlineSettings

from .histories import DAY, MINUTE, START, History

CHOSEN = 12  # of so many free times a visitor takes one


def _page(history: History) -> OnlinePage:
    return OnlinePage.of(history.clinic, "histories", OnlineSettings.of(history.clinic))


def _chosen(history: History, chance: random.Random) -> tuple[OnlinePage, Ticket]:
    """Two values: a page as a visitor saw it, and the time chosen there. Raises JustTaken."""
    page = _page(history)
    service = chance.choice(page.services)
    terms = page.at(service)
    anyone = chance.random() < 0.5
    asked = terms if anyone else [chance.choice(terms)]
    found = list(islice(visitor_times.free_times(page, service, asked, START, START + DAY), CHOSEN))
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
    chosen_time.hold(page, ticket, ticket.nonce)


def book(history: History, chance: random.Random) -> None:
    """Choose a time and book it, sometimes with a hold, sometimes by pressing twice."""
    page, ticket = _chosen(history, chance)
    if chance.random() < 0.7:
        chosen_time.hold(page, ticket, ticket.nonce)
    who = Details(f"Visitor {ticket.nonce[:6]}", f"{ticket.nonce}@visitor.test")
    as_request = chance.random() < 0.3
    made = making.book_once(page, ticket, who, as_request=as_request)
    if chance.random() < 0.2:
        assert making.book_once(page, ticket, who, as_request=as_request).id == made.id


def wait(history: History, chance: random.Random) -> None:
    """Book a time for which calendars outside are asked first: the sent form is kept with the hold.
    Sometimes the page books, sometimes it is closed and the sweep does.
    """
    page, ticket = _chosen(history, chance)
    who = Details(f"Waiting {ticket.nonce[:6]}", f"{ticket.nonce}@visitor.test")
    sent = SentForm(who, {}, reads_mail=True)
    hold = asking_outside.hold_and_wait(page, ticket, sent, ticket.nonce)
    if chance.random() < 0.5:
        asking_outside.finish(page, ticket, sent, asking_outside.outcome_of(page, ticket, hold))
    else:
        asked_at = hold.asked_at - 2 * unattended.LEFT_AFTER
        Hold.update(asked_at=asked_at).where(Hold.form_use == hold.form_use).execute()


def attend(history: History, chance: random.Random) -> None:
    """Let the sweep book for visitors who closed their page."""
    unattended.finish()


def move(history: History, chance: random.Random) -> None:
    """Move a booking by its booking link."""
    page, made = _page(history), _made(history, chance)
    found = list(islice(managing.other_times(page, made, START, START + DAY), CHOSEN))
    if not found:
        raise JustTaken
    managing.move(page, made, chance.choice(found).starts_at)


def cancel(history: History, chance: random.Random) -> None:
    """Cancel a booking by its booking link."""
    managing.cancel(_page(history), _made(history, chance))


def answer(history: History, chance: random.Random) -> None:
    """Answer a request as the clinic: confirm, decline, or offer another time, which the visitor
    takes.
    """
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
        requests.propose_time(row, chance.choice(found).starts_at, history.owner)
        if chance.random() < 0.7:
            answering.accept(row, row.booking.starts_at)


def lapse(history: History, chance: random.Random) -> None:
    """End a request that nobody answered in time."""
    row = requests.open_ones(history.clinic).first()
    if row is None:
        raise JustTaken
    late = scheduling.utc_now() - MINUTE
    OnlineBooking.update(approve_by=late).where(OnlineBooking.id == row.id).execute()
    requests.lapse()


def cancel_by_letter(history: History, chance: random.Random) -> None:
    """Cancel a booking that the team made, as its client, by the booking link in a letter."""
    by_letter.cancel(history.booking(chance))


def come_earlier(history: History, chance: random.Random) -> None:
    """Take a free time as a client on the waiting list, who gives up the later one; sometimes by
    pressing twice.
    """
    booking = _made(history, chance).booking
    anyone = Wanted(venue=booking.practitioner.venue)
    entry = joining.ask_for(booking, anyone, history.owner)
    sight = matching.Sight(history.clinic, _page(history).settings, [entry])
    found = sight.chances(entry, sight.starts(entry))
    near = [one for one in found if one.starts_at >= START][:CHOSEN]
    if not near:
        raise JustTaken
    chosen = chance.choice(near)
    took = accepting.book_for_entry(entry, chosen, history.owner)
    if chance.random() < 0.3:
        assert accepting.book_for_entry(entry, chosen, history.owner).id == took.id


def _made(history: History, chance: random.Random) -> OnlineBooking:
    rows = list(OnlineBooking.select().where(OnlineBooking.clinic == history.clinic))
    if not rows:
        raise JustTaken
    return chance.choice(rows)


ACTS = [
    *[book] * 5,
    *[wait] * 2,
    attend,
    hold,
    *[move] * 2,
    cancel,
    *[answer] * 2,
    lapse,
    cancel_by_letter,
    *[come_earlier] * 2,
]
