"""Calendars and single events outside that could not be read, and the reasons. Nothing of their
content is stored.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from peewee import CharField, ForeignKeyField, IntegerField, ModelSelect, fn

from base.database import Base, InstantField, now
from base.tables.bulk import insert_many_rows, portions, tuples
from base.tables.outside import ID_LENGTH
from models import Clinic

from .accounts import Account, RemoteCalendar

KINDS = ("calendar", "events")
QUIET = timedelta(days=1)  # the least time between two letters about the same calendar
# how long trouble lasts before a letter about it: most refusals pass
PATIENCE = {
    "calendar": timedelta(hours=6),
    "events": timedelta(minutes=1),
}


class UnreadEvent(Base):
    """An event that could not be read. `reason`: see `sync.events.event.Unread`."""

    clinic = ForeignKeyField(Clinic)
    calendar = ForeignKeyField(RemoteCalendar, backref="unread", on_delete="CASCADE")
    remote_id = CharField(ID_LENGTH)
    reason = CharField(20)

    class Meta:
        indexes = ((("calendar", "remote_id"), True),)

    @classmethod
    def reasons(cls, calendar_ids: Iterable[int]) -> dict[int, Counter[str]]:
        """The number of events that could not be read, by reason, for each of these calendars."""
        found: dict[int, Counter[str]] = {number: Counter() for number in calendar_ids}
        if not found:
            return {}
        for number, reason, count in tuples(cls.counted(cls.calendar.in_(list(found)))):
            found[number][reason] = count
        return found

    @classmethod
    def counted(cls, *where: Any) -> "ModelSelect[UnreadEvent]":
        """A query: calendar, reason, and the number of events that cannot be read, as `number`."""
        counted = cls.select(cls.calendar, cls.reason, fn.COUNT(cls.id).alias("number"))
        return counted.where(*where).group_by(cls.calendar, cls.reason)

    @classmethod
    def keep(
        cls, calendar: RemoteCalendar, found: dict[str, str], over: Iterable[str] | None
    ) -> tuple[int, int]:
        """Store events that could not be read (id → reason). `over`: rows to delete; None: all that
        were not found again. Returns two numbers: of the rows before and after.
        """
        known = dict(tuples(cls.select(cls.remote_id, cls.reason).where(cls.calendar == calendar)))
        gone = (known.keys() if over is None else known.keys() & set(over)) - found.keys()
        other = [key for key in found.keys() & known.keys() if found[key] != known[key]]
        for some in portions([*gone, *other]):
            cls.delete().where(cls.calendar == calendar, cls.remote_id.in_(some)).execute()
        fresh = [*(found.keys() - known.keys()), *other]
        insert_many_rows(
            cls,
            [
                cls(clinic=calendar.clinic_id, calendar=calendar, remote_id=key, reason=found[key])
                for key in fresh
            ],
        )
        return len(known), len(known) - len(gone) + len(found.keys() - known.keys())


class CalendarTrouble(Base):
    """A calendar that cannot be read ("calendar"), or some events in it that cannot ("events"): one
    row for each, which is kept when the trouble ends.

    `reason` of "calendar": "unavailable", "forbidden", "not_found", "refused", "unreadable" or
    "endless"; `word` is the provider's own. `looks`: how often in a row this reason was met.
    `told_at`: when a person was last written to about it.
    """

    clinic = ForeignKeyField(Clinic)
    calendar = ForeignKeyField(RemoteCalendar, backref="troubles", on_delete="CASCADE")
    kind = CharField(10)
    reason = CharField(20)
    word = CharField(60, default="")
    since = InstantField(default=now)
    looks = IntegerField(default=1)
    told_at = InstantField(null=True)
    # nobody may have it read before: each read costs too much
    until = InstantField(null=True)
    ended_at = InstantField(null=True)

    class Meta:
        indexes = ((("calendar", "kind"), True),)

    @classmethod
    def met(
        cls,
        calendar: RemoteCalendar,
        kind: str,
        reason: str,
        word: str = "",
        until: datetime | None = None,
    ) -> "CalendarTrouble":
        """Note the trouble: a new one, or one more time."""
        row = cls.get_or_none(cls.calendar == calendar, cls.kind == kind)
        if row is None:
            return cls.create(
                clinic=calendar.clinic_id,
                calendar=calendar,
                kind=kind,
                reason=reason,
                word=word[:60],
                until=until,
            )
        row.looks = row.looks + 1 if row.ended_at is None and row.reason == reason else 1
        row.since = row.since if row.ended_at is None else now()
        row.reason, row.word, row.until, row.ended_at = reason, word[:60], until, None
        row.save()
        return row

    @classmethod
    def end(cls, calendar: RemoteCalendar, *kinds: str) -> None:
        """Note that the trouble is over."""
        cls.update(ended_at=now()).where(
            cls.calendar == calendar, cls.kind.in_(kinds), cls.ended_at.is_null()
        ).execute()

    @classmethod
    def is_put_off(cls, calendar: RemoteCalendar) -> bool:
        """Whether the calendar must not be read yet, even if somebody asks."""
        return (
            cls.select()
            .where(cls.calendar == calendar, cls.ended_at.is_null(), cls.until > now())
            .exists()
        )

    @classmethod
    def wait(cls, account: Account) -> None:
        """Postpone the calendars that must not be read yet, even if somebody asked."""
        for row in cls.open_ones(account):
            if row.until and row.until > now():
                sooner = RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at < row.until)
                RemoteCalendar.update(due_at=row.until).where(
                    RemoteCalendar.id == row.calendar_id, sooner
                ).execute()

    @classmethod
    def open_ones(cls, account: Account) -> list["CalendarTrouble"]:
        """The open troubles of the account's calendars, each with its calendar, except those that a
        person must decide (`gone_since`).
        """
        rows = (
            cls.select(cls, RemoteCalendar)
            .join(RemoteCalendar)
            .where(
                RemoteCalendar.account == account,
                RemoteCalendar.role != "listed",
                cls.ended_at.is_null(),
            )
        )
        return list(rows.order_by(RemoteCalendar.id, cls.kind))

    @classmethod
    def due_for_letter(cls) -> list["CalendarTrouble"]:
        """The troubles that need a letter to a person, once for each episode."""
        at = now()
        rows = (
            cls.select(cls, RemoteCalendar, Account)
            .join(RemoteCalendar)
            .join(Account)
            .where(
                RemoteCalendar.role != "listed",
                Account.phase == "active",
                cls.ended_at.is_null(),
                cls.told_at.is_null() | (cls.told_at < cls.since) & (cls.told_at < at - QUIET),
            )
        )
        return [row for row in rows if row.since <= at - PATIENCE[row.kind]]

    def claim(self) -> bool:
        """Whether this process writes the letter: of two at once, only one does."""
        same = (
            CalendarTrouble.told_at.is_null()
            if self.told_at is None
            else CalendarTrouble.told_at == self.told_at
        )
        return bool(
            CalendarTrouble.update(told_at=now())
            .where(CalendarTrouble.id == self.id, same)
            .execute()
        )
