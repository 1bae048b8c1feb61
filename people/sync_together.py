"""Asking several people to show their bookings in calendars outside, or giving them a first private
feed. Each person decides alone whether their bookings go out: nothing is switched on here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from peewee import JOIN, fn

from base import scheduling
from base.database import database
from base.tables import outbox
from base.tables.outbox import Letter
from models import Clinic, Feed, NoFeeds, Practitioner, User

LETTER = "sync_ask"  # the kind of the letter; `deed` says what was asked or made
NAME = "My calendar"  # the name of the new feed; its owner may rename it


@dataclass(frozen=True)
class PersonLine:
    """A person with a calendar here, and the number of their feeds."""

    person: User
    feed_count: int

    @property
    def may_be_asked(self) -> bool:
        """Whether the person can be asked: their sync is off, and letters can be sent."""
        return outbox.is_set_up() and not self.person.sync_allowed

    @property
    def may_get_feed(self) -> bool:
        """Whether the person has agreed, chosen how clients appear, and has no feed yet."""
        return not (self.person.missing_consent or self.feed_count)

    @property
    def can_be_ticked(self) -> bool:
        """Whether one of the two buttons does something for the person."""
        return self.may_be_asked or self.may_get_feed


def lines(clinic: Clinic) -> list[PersonLine]:
    """Everyone who works here and has an open calendar, by name."""
    count = fn.COUNT(fn.DISTINCT(Feed.id))
    is_living = (Feed.user == User.id) & Feed.revoked_at.is_null() & Feed.suspended_at.is_null()
    rows = (
        User.select(User, count.alias("feed_count"))
        .join(Practitioner)
        .switch(User)
        .join(Feed, JOIN.LEFT_OUTER, on=is_living)
        .where(User.clinic == clinic, User.left_at.is_null(), ~Practitioner.archived)
        .group_by(User.id)
        .order_by(User.name, User.id)
    )
    return [PersonLine(row, row.feed_count) for row in rows]


@database.atomic()
def ask_people(people: Sequence[PersonLine], actor: User) -> int:
    """Write to each whose sync is off, at most once a day. Returns the number of letters; 0 if mail
    is not set up.
    """
    return sum(_write(one.person, actor, "ask") for one in people if one.may_be_asked)


@database.atomic()
def give_feeds(people: Sequence[PersonLine], actor: User) -> int:
    """Make a feed of all their own calendars for each who agreed and has none, and tell
    them. Only they can see its address. Returns the number of feeds.
    """
    made = 0
    for one in people:
        if not one.may_get_feed:
            continue
        try:
            Feed.generate(one.person, NAME, actor, scope="person")
        except NoFeeds:  # the plan has no feeds, or they changed their mind meanwhile
            continue
        _write(one.person, actor, "link")
        made += 1
    return made


def _write(person: User, actor: User, deed: str) -> bool:
    day = scheduling.utc_now().date().isoformat()
    about = f"{deed} {day}"
    return Letter.write(person.clinic, LETTER, person, about, person.email, by=actor.id, deed=deed)
