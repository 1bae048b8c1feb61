"""The age of our copy of a person's calendars outside, and whether it is too old to
confirm a time.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from peewee import fn

from base import scheduling
from models import Clinic, User
from sync.connect import gateway
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel

from . import state

# the allowed age if the provider reports changes; if it is polled, one poll
LIVE_BOUND = timedelta(minutes=2)
POLL_SPREAD = 1.25  # a poll may be late by a quarter: see `pull.JITTER`
# The longest wait for an answer. A calendar that gave none is not asked for a while, so that the
# next person need not wait for it too.
PATIENCE = timedelta(seconds=5)
REST = timedelta(seconds=15)
# How long a reading for somebody who waited counts, whatever the limit: their page asks again each
# second, or a chore acts in its place within this time.
COUNTS = timedelta(seconds=30)


class Certainty(StrEnum):
    """The result of making sure that a person's calendars outside are known as they are now."""

    FRESH = "fresh"
    ASKING = "asking"  # ask again in a moment
    UNANSWERED = "unanswered"  # at least one gave no answer


@dataclass(frozen=True)
class Freshness:
    """One calendar that blocks time (with its account, person and clinic).

    `is_live`: the provider reports changes, and its messages are known to reach us. `can_ask`:
    nothing keeps us from asking now. `bound`: the allowed age of our copy.
    """

    calendar: RemoteCalendar
    is_live: bool
    can_ask: bool
    bound: timedelta
    at: datetime

    @property
    def is_old(self) -> bool:
        """Whether the calendar was read too long ago or never, or a change was reported since."""
        read_at, due_at = self.calendar.read_at, self.calendar.due_at
        is_due = due_at is None or due_at <= self.at
        return is_due or read_at is None or read_at < self.at - self.bound

    def was_read_since(self, since: datetime) -> bool:
        """Whether the calendar was read at or after this instant."""
        return self.calendar.read_at is not None and self.calendar.read_at >= since

    def was_unanswered_since(self, since: datetime) -> bool:
        """Whether the calendar was asked at or after this instant, and gave no answer."""
        return self.calendar.unanswered_at is not None and self.calendar.unanswered_at >= since


def of_people(users: Collection[int], bound: timedelta | None = None) -> dict[int, list[Freshness]]:
    """The calendars that block time of these people (ids), by person. One query. `bound`: the
    clinic's own limit (None: two minutes if changes are reported, else one poll).
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
            Account.begun(),
            RemoteCalendar.role == "source",
            RemoteCalendar.gone_since.is_null(),  # no event can be added to it any more
        )
        .order_by(RemoteCalendar.id)
    )
    has_webhook = bool(gateway.setup().webhook_url)
    found: dict[int, list[Freshness]] = defaultdict(list)
    for row in rows:
        account, is_live = row.account, bool(vars(row)["is_live"]) and has_webhook
        account.user.clinic = account.clinic
        poll = timedelta(seconds=gateway.poll_seconds(account.kind) * POLL_SPREAD)
        waits = account.wait_until is not None and account.wait_until > at
        own = bound if bound is not None else LIVE_BOUND if is_live else poll
        can_ask = state.at_rest(account) is None and not waits
        found[account.user_id].append(Freshness(row, is_live, can_ask, own, at))
    return found


def too_old(user_id: int, bound: timedelta | None = None) -> list[Freshness]:
    """The calendars of a person (id) that were read too long ago."""
    return [one for one in of_people([user_id], bound)[user_id] if one.is_old]


def outcome(user_id: int, since: datetime, bound: timedelta | None = None) -> Certainty:
    """The result of asking this person's calendars, for somebody who waits `since` an instant.
    Reads only: `live.ask_calendars` begins it. After too long a wait the result is UNANSWERED,
    unless the calendars are still within the bound.
    """
    at = scheduling.utc_now()
    counts = max(since, at - COUNTS)
    left = [one for one in too_old(user_id, bound) if not one.was_read_since(counts)]
    if not left:
        return Certainty.FRESH
    if at - since >= PATIENCE or any(
        not one.can_ask or one.was_unanswered_since(since - REST) for one in left
    ):
        return Certainty.UNANSWERED
    return Certainty.ASKING
