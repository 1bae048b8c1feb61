"""Feeds for the pages of their owners, and the programs that read them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from peewee import ModelSelect, fn, prefetch

from base import scheduling
from base.database import alone
from base.tables.audit import AuditEntry
from base.tables.bulk import tuples
from models import Clinic, Feed, FeedRead, Practitioner, User, Venue

from .feed import EMPTY_DAYS


def living(owner: "User | Clinic") -> "ModelSelect[Feed]":
    """The feeds of a person or a whole clinic that are neither stopped nor suspended."""
    feeds: Any = owner.feeds
    found: ModelSelect[Feed] = feeds.where(*Feed.living())
    return found


def count(owner: "User | Clinic") -> int:
    """The number of living feeds of a person or a whole clinic."""
    return living(owner).count()


def count_unread(clinic: Clinic, since: datetime) -> int:
    """How many of the clinic's feeds are older than this instant, and were not read after it."""
    read = FeedRead.select(FeedRead.feed).where(FeedRead.last_at > since)
    return living(clinic).where(Feed.created_at < since, Feed.id.not_in(read)).count()


def rotate_once(feed: Feed, actor: User, since: int | None) -> None:
    """Give the feed a new URL (`Feed.rotate`), unless it got one after the entry `since` of the
    history, when the page with the button was opened. Raises FeedStopped.
    """
    with alone(feed):
        last = AuditEntry.latest(feed, "feed.rotated")
        if since is None or last is None or last.id <= since:
            feed.rotate(actor)


def has_identifier(user: User) -> bool:
    """Whether a living feed of the person has an identifier of its own."""
    return bool(living(user).where(Feed.identifier.is_null(False)).exists())


def feeds_of(user: User) -> list[Feed]:
    """The person's own feeds, active ones first, newest on top, each with calendar and readers
    (last one first).
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


def of_people(people: Sequence[User]) -> dict[int, list[Feed]]:
    """The active feeds of these people, by person, newest on top, each with its readers (last one
    first). One query for all.
    """
    found: dict[int, list[Feed]] = {user.id: [] for user in people}
    rows = (
        Feed.select(Feed, FeedRead)
        .left_outer_join(FeedRead, attr="read")
        .where(Feed.user.in_(list(found)), *Feed.living())
        .order_by(Feed.id.desc(), FeedRead.last_at.desc())
    )
    reads: dict[int, list[FeedRead]] = {}
    for row in rows:
        if row.id not in reads:
            reads[row.id] = []
            vars(row)["reads"] = reads[row.id]  # in the form of `prefetch`
            found[row.user_id].append(row)
        if (read := vars(row).get("read")) is not None:
            reads[row.id].append(read)
    return found


def habits(user: User) -> dict[str, int | None]:
    """The families of programs that read the person's active feeds, each with its shortest typical
    interval in seconds; None: unknown yet.
    """
    rows = (
        FeedRead.select(FeedRead.family, fn.MIN(FeedRead.interval_seconds))
        .join(Feed)
        .where(Feed.user == user, Feed.revoked_at.is_null(), FeedRead.family != "a browser")
    )
    return dict(tuples(rows.group_by(FeedRead.family)))


def answering(user: User, feeds: Iterable[Feed]) -> list[Feed]:
    """The feeds among these of a person that are answered, or would be if the person allowed it."""
    return [feed for feed in feeds if not feed.is_stopped and not feed.lacks_role(user)]


def last_read(feeds: Iterable[Feed]) -> tuple[Feed, FeedRead] | None:
    """The last read of all of these feeds, each with its readers at hand (last one first), and the
    feed that was read; None: nothing has read them yet.
    """
    found = [(feed, read) for feed in feeds for read in feed.reads[:1]]
    return max(found, key=lambda pair: pair[1].last_at, default=None)


def still_answers(feed: Feed) -> bool:
    """Whether the address of a stopped feed still returns its one entry."""
    ended = feed.revoked_at or feed.suspended_at
    since = scheduling.utc_now() - timedelta(days=EMPTY_DAYS)
    return bool(feed.clinic.empty_when_stopped and ended and ended > since)


def shown_by_others(user: User) -> list[Feed]:
    """Working feeds of managers that show bookings of this person, by their owners' names, each
    with its owner at hand.
    """
    mine = Practitioner.select(Practitioner.id).where(Practitioner.user == user.id)
    rows = (
        Feed.select(Feed, User, Practitioner)
        .join(User, on=(Feed.user == User.id))
        .switch(Feed)
        .left_outer_join(Practitioner)
        .where(
            Feed.clinic == user.clinic_id,
            Feed.user != user.id,
            *Feed.living(),
            User.left_at.is_null(),
            User.sync_allowed,
            (Feed.scope == "clinic") | (Feed.scope == "practitioner") & Feed.practitioner.in_(mine),
        )
    )
    return [row for row in rows.order_by(User.name, Feed.id) if not row.lacks_role(row.user)]


def names(user: User, ids: Collection[int]) -> dict[int, str]:
    """The names of these feeds of the person, by id."""
    mine = Feed.select(Feed.id, Feed.name).where(Feed.user == user, Feed.id.in_(list(ids)))
    return dict(tuples(mine))
