"""The next bookings as each calendar outside shows them: every connected calendar and every feed of
the person.
"""

from dataclasses import dataclass
from datetime import datetime

from base.catalogue import _
from models import User
from sync.events.event import Event
from sync.events.face import BUSY
from sync.feeds import owned, preview
from sync.tables import account_names
from sync.tables import listed as accounts
from sync.tables.accounts import Account
from sync.two_way.plans import local

PREVIEWED = 3  # bookings
MOST = 6  # calendars: the connected ones first, then the newest feeds


@dataclass(frozen=True)
class Pane:
    """One calendar outside, and the next bookings as it shows them."""

    key: str
    heading: str
    events: list[Event]
    note: str

    @staticmethod
    def is_dim(event: Event) -> bool:
        """Whether an event tells a reader nothing: it is cancelled, or says "Busy" alone."""
        return event.status == "cancelled" or event.face.title == BUSY.title


def panes(user: User, identifier: str | None, now: datetime) -> list[Pane]:
    """The person's calendars outside as they would be with this identifier; a feed that could be
    made if there are none. Nothing is stored.
    """
    person = preview.as_if(user, identifier)
    found = [_connected(account, person, now) for account in accounts.sending(user)]
    for feed in owned.answering(user, owned.feeds_of(user)):
        if len(found) == MOST:
            break
        events = preview.of_feed(feed, person, now, PREVIEWED)
        note = _("Anyone with this link sees this.")
        found.append(Pane(f"link-{feed.id}", _("Link “{name}”", name=feed.name), events, note))
    if found:
        return found
    events = preview.without_feed(person, now, PREVIEWED)
    note = _("Google leaves cancelled bookings out; Outlook goes on showing them.")
    is_cut = any(event.status == "cancelled" for event in events)
    return [Pane("new", _("A private link of yours"), events, note if is_cut else "")]


def _connected(account: Account, person: User, now: datetime) -> Pane:
    account.user = person
    destination, name = account.destination, account_names.name_of(account)
    heading = f"{name}, “{destination.name}”" if destination else name
    events = local.next_ones(account, person, now, PREVIEWED)
    note = _("The events are private: people you share this calendar with see “Busy”.")
    return Pane(f"account-{account.id}", heading, events, note)
