"""How old what we know of a person's calendars outside is, and whether that is too old to promise a
time to somebody.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from peewee import fn

from base import scheduling
from models import Clinic, User
from sync.connect import connections
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel

from . import state

# so old it may be where the provider reports changes; where it is polled, as old as one poll
LIVE_BOUND = timedelta(minutes=2)
POLL_SPREAD = 1.25  # a poll comes up to a quarter later: see `pull.JITTER`
# Somebody waits so long for an answer. A calendar that gave none is not asked for a while: whoever
# comes then need not wait for the same.
PATIENCE = timedelta(seconds=5)
REST = timedelta(seconds=15)


class Outcome(StrEnum):
    """What became of making sure that a person's calendars outside are known as they are now."""

    FRESH = "fresh"
    ASKING = "asking"  # look again in a moment
    UNANSWERED = "unanswered"  # at least one could not be asked


@dataclass(frozen=True)
class Freshness:
    """One calendar that blocks time (its account, person and clinic at hand).

    `is_live`: the provider reports changes, and messages are known to reach us. `can_ask`: nothing
    bars us from asking now. `bound`: so old what we know may be.
    """

    calendar: RemoteCalendar
    is_live: bool
    can_ask: bool
    bound: timedelta
    at: datetime

    @property
    def is_old(self) -> bool:
        """Whether it was read too long ago, never, or a change was reported since."""
        read_at, due_at = self.calendar.read_at, self.calendar.due_at
        is_due = due_at is None or due_at <= self.at
        return is_due or read_at is None or read_at < self.at - self.bound

    def was_read_since(self, since: datetime) -> bool:
        """Whether it was read at this instant or later."""
        return self.calendar.read_at is not None and self.calendar.read_at >= since

    def was_unanswered_since(self, since: datetime) -> bool:
        """Whether it was asked at this instant or later, and gave no answer."""
        return self.calendar.unanswered_at is not None and self.calendar.unanswered_at >= since


def of_people(users: Collection[int], bound: timedelta | None = None) -> dict[int, list[Freshness]]:
    """The calendars that block time of these people (ids), by person. One query. `bound`: the
    clinic's own (None: two minutes where changes are reported, else one poll).
    """
    at = scheduling.utc_now()
    live = Channel.select(Channel.id).where(
        Channel.calendar == RemoteCalendar.id,
        Channel.is_open,
        Channel.expires_at > at,
        Channel.wants == "",
        state.are_live(),
    )
    rows = (
        RemoteCalendar.select(
            RemoteCalendar, Account, User, Clinic, fn.EXISTS(live).alias("is_live")
        )
        .join(Account)
        .join(User)
        .switch(Account)
        .join(Clinic)
        .where(
            Account.user.in_(list(users)),
            Account.phase.in_(("active", "paused")),
            RemoteCalendar.role == "source",
            RemoteCalendar.gone_since.is_null(),  # nothing can be added to it any more
        )
        .order_by(RemoteCalendar.id)
    )
    poll = timedelta(seconds=connections.setup().poll_seconds * POLL_SPREAD)
    has_webhook = bool(connections.setup().webhook_url)
    found: dict[int, list[Freshness]] = defaultdict(list)
    for row in rows:
        account, is_live = row.account, bool(vars(row)["is_live"]) and has_webhook
        account.user.clinic = account.clinic
        waits = account.wait_until is not None and account.wait_until > at
        own = bound if bound is not None else LIVE_BOUND if is_live else poll
        can_ask = state.at_rest(account) is None and not waits
        found[account.user_id].append(Freshness(row, is_live, can_ask, own, at))
    return found


def too_old(user_id: int, bound: timedelta | None = None) -> list[Freshness]:
    """The calendars of a person (id) that were read too long ago."""
    return [one for one in of_people([user_id], bound)[user_id] if one.is_old]


def outcome(user_id: int, since: datetime, bound: timedelta | None = None) -> Outcome:
    """What became of asking this person's calendars, which somebody waits for `since` an instant.
    Reads only: `live.ask` begins it.
    """
    left = [one for one in too_old(user_id, bound) if not one.was_read_since(since)]
    if not left:
        return Outcome.FRESH
    if scheduling.utc_now() - since >= PATIENCE or any(
        not one.can_ask or one.was_unanswered_since(since - REST) for one in left
    ):
        return Outcome.UNANSWERED
    return Outcome.ASKING
