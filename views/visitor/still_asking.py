"""The page on which a visitor waits while calendars outside are asked. It polls by itself, also
without JavaScript.
"""

from flask import request, url_for
from werkzeug.datastructures import MultiDict

from base import vault
from free_times.online import asking_outside, holds
from free_times.online.making import JustTaken
from free_times.online.page import OnlinePage
from free_times.online.tickets import Ticket
from sync.two_way.standing.freshness import Certainty

from . import choosing, details, details_pages, pages
from .pages import with_page

blueprint = pages.blueprint(__name__)


@blueprint.get("/wait")
@with_page
def show(page: OnlinePage):
    """Book once it is known whether the time is free, since the visitor pressed the button."""
    ticket = details.ticket_of(page, request.args.get("form", ""))
    if ticket is None:
        return choosing.gone(page)
    hold = asking_outside.waits(ticket)
    if hold is None or not hold.sealed:
        return _over(page, ticket)
    try:
        sent = asking_outside.sent_with(hold)
    except vault.CannotOpen:
        holds.stop_asking(hold)
        return _over(page, ticket)
    try:
        outcome = asking_outside.outcome_of(page, ticket, hold)
    except JustTaken:
        outcome = Certainty.FRESH  # which shows the sentence
    if outcome == Certainty.ASKING:
        kept_words = {word: request.args[word] for word in ("form", "zone") if word in request.args}
        again = url_for("still_asking.show", name=page.name, **kept_words)
        return pages.show("still_asking.html", page, again=again)
    answer = details.finish(page, ticket, sent, outcome, MultiDict(sent.typed))
    holds.stop_asking(hold)
    return answer


def _over(page: OnlinePage, ticket: Ticket):
    """The answer if no form waits any more: the request came twice, or the time could not be
    booked.
    """
    return details_pages.not_booked(page, ticket, MultiDict(asking_outside.typed_with(ticket)))
