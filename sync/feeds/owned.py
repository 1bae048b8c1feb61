"""Private links as their owners see them: which there are, and who reads them."""

from datetime import timedelta
from typing import Any

from peewee import ModelSelect, fn, prefetch

from base import scheduling
from base.tables.many import tuples
from models import Clinic, Feed, FeedRead, Practitioner, User, Venue

from .feed import EMPTY_DAYS


def living(owner: "User | Clinic") -> "ModelSelect[Feed]":
    """The links of a person or a whole clinic that are neither stopped nor suspended."""
    feeds: Any = owner.feeds
    found: ModelSelect[Feed] = feeds.where(*Feed.living())
    return found


def listed(user: User) -> list[Feed]:
    """The person's own links, the living first, the newest on top.

    Each with calendar and readers (last one first) at hand.
    """
    rows = (
        Feed.select(Feed, Practitioner, User, Venue)
        .left_outer_join(Practitioner)
        .left_outer_join(User)
        .switch(Practitioner)
        .left_outer_join(Venue)
        .where(Feed.user == user, Feed.revoked_because != "cleared")
        .order_by(Feed.revoked_at.is_null(False), Feed.id.desc())
    )
    found: list[Feed] = prefetch(rows, FeedRead.select().order_by(FeedRead.last_at.desc()))
    return found


def habits(user: User) -> dict[str, int | None]:
    """Per family of program that reads the person's living links.

    The shortest typical interval in seconds; None: not known yet.
    """
    rows = (
        FeedRead.select(FeedRead.family, fn.MIN(FeedRead.interval_seconds))
        .join(Feed)
        .where(Feed.user == user, Feed.revoked_at.is_null(), FeedRead.family != "a browser")
    )
    return dict(tuples(rows.group_by(FeedRead.family)))


def still_answers(feed: Feed) -> bool:
    """Whether the address of a stopped link still gives its one entry."""
    ended = feed.revoked_at or feed.suspended_at
    since = scheduling.utc_now() - timedelta(days=EMPTY_DAYS)
    return bool(feed.clinic.empty_when_stopped and ended and ended > since)
