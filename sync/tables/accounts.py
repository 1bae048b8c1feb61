"""Connected accounts and their calendars.

An account is *due* when its rows say so (`Account.due`). Only the worker with an account's lease
writes its rows. `starting`, `controls`, `sources` and `ending` change an account. Nothing here
calls a provider; `sync.two_way.run` does.
"""

from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    DateField,
    Expression,
    ForeignKeyField,
    IntegerField,
    ModelSelect,
    TextField,
    fn,
)

from base.database import Base, InstantField, JSONText, database, now
from base.tables.outside import ID_LENGTH, RULES, ExternalEvent
from base.tables.rows import OwnedRow
from models import PLANS, Clinic, Practitioner, User, Venue
from sync.events.event import Window
from sync.providers import registry

from .directions import Directed
from .leases import Leased, latest_end
from .phases import HEALTHS, PERSONAL, PHASES, Phased

EDITS = ("put_back", "ask", "follow")  # the possible answers to a change that somebody made outside
SURE = 2  # failures in a row before an answer counts as final
TOO_MUCH_AT_ONCE = "RateLimited"  # the word for an account whose provider asks us to slow down
GOALS = ("off", "disconnect", "restart")  # the goals of an account that is leaving
SEARCH_EVERY = timedelta(hours=20)  # between two searches for events of ours in other calendars
# booking status → event status; bookings with other statuses are not sent
TWO_WAY = {
    "pending": "tentative",
    "confirmed": "confirmed",
    "arrived": "confirmed",
    "delivered": "confirmed",
    "invoiced": "confirmed",
    "paid": "confirmed",
}
DAYS_BACK, DAYS_AHEAD = 30, 365


class Account(Phased, Leased, Directed):
    """One connected provider account of one person. A person has one account of each kind; if
    `registry.ProviderRow.takes_several`, one at each place with each name.

    `phase`: "naming" (connected, its calendar has no name yet), "active", "paused", "leaving" (our
    events are being deleted; then it becomes its `goal`), "off" (still allowed, not synced).
    `health`: "ok", "waiting" (until `wait_until`), "reconnect" (the person must act), "operator"
    (the operator of Kalends must act), "calendar_gone" (our calendar was deleted outside).
    `health_word` is the provider's own word, or `TOO_MUCH_AT_ONCE`.
    """

    clinic = ForeignKeyField(Clinic, backref="accounts")
    user = ForeignKeyField(User, backref="accounts")
    # a row of `sync.providers.registry`; a new one comes with a migration of this constraint
    kind = CharField(20, constraints=[Check(f"kind IN {registry.KINDS}")])
    place = CharField(260, default="")  # the server, or a hash of an address; "": known by kind
    email = CharField(254)
    sealed = TextField()  # the account's credentials, encrypted: see `sync.connect.gateway`
    scopes = TextField(default="")
    phase = CharField(10, default="naming", constraints=[Check(f"phase IN {PHASES}")])
    goal = CharField(10, default="")
    removes = BooleanField(default=True)  # leaving also deletes our events outside
    stayed = IntegerField(default=0)  # events of ours that stayed there when it became "off"
    edits = CharField(10, default="put_back", constraints=[Check(f"edits IN {EDITS}")])
    lock_sign = BooleanField(default=False)  # a padlock in front of each title outside
    time_off = BooleanField(default=True)  # the person's time off is sent, too, as "Away"
    # ids of the calendars whose bookings are sent; None: all of the person's own
    covers = JSONText(null=True)
    past_days = IntegerField(default=DAYS_BACK)
    future_days = IntegerField(default=DAYS_AHEAD)
    # grows with each fresh start, so that no id outside is used twice
    generation = IntegerField(default=1)
    # uids of the events that a person allowed us to delete, or to write again
    approved = JSONText(null=True)
    # ids outside of copies of our events that a person wants to keep
    kept_copies = JSONText(default=list)
    # the rules by which all events outside were written; see `plans.showing.rules`
    shown_as = CharField(200, default="")
    health = CharField(16, default="ok", constraints=[Check(f"health IN {HEALTHS}")])
    health_word = CharField(60, default="")
    failing_since = InstantField(null=True)
    failures = IntegerField(default=0)  # failures in a row
    told = IntegerField(default=0)  # letters about this episode of trouble
    wait_until = InstantField(null=True)
    # when a run was asked for; the times of polls are in its calendars
    due_at = InstantField(null=True)
    because = CharField(10, default="")
    synced_rev = BigIntegerField(default=0)  # changes of the clinic up to this revision were sent
    synced_on = DateField(null=True)  # the day on which the window was last moved
    lease = CharField(40, null=True)
    leased_until = InstantField(null=True)
    consented_at = InstantField(default=now)
    refresh_expires_at = InstantField(null=True)
    checked_at = InstantField(null=True)  # the last run without trouble
    listed_at = InstantField(null=True)  # when its calendars were last listed
    # when all its calendars were last searched for strays: see `sync.two_way.reading.stray_events`
    searched_at = InstantField(null=True)
    created_at = InstantField(default=now)

    class Meta:
        indexes = ((("user", "kind", "place", "email"), True), (("clinic", "phase"), False))

    def put(self, **columns: object) -> None:
        """Set and save these columns and no others."""
        for name, value in columns.items():
            setattr(self, name, value)
        self.save(only=list(columns))
        if columns.get("due_at"):
            database.will_wake("account", self.id)

    def refresh(self) -> None:
        """Read the row again, with its person and its clinic. Raises DoesNotExist."""
        fresh = Account.with_owner().where(Account.id == self.id).get()
        fresh.user.clinic = fresh.clinic
        self.__data__, self.__rel__ = fresh.__data__, fresh.__rel__

    @classmethod
    def people_syncing(cls, clinic: Clinic) -> int:
        """The number of people of the clinic who sync both ways."""
        living = cls.clinic == clinic, cls.begun()
        return cls.select(cls.user).where(*living).distinct().count()

    @classmethod
    def of(cls, user: User, *phases: str) -> "ModelSelect[Account]":
        """The accounts of a person, oldest first; with `phases` only those in one of them."""
        rows = cls.select().where(cls.user == user.id).order_by(cls.id)
        return rows.where(cls.phase.in_(phases)) if phases else rows

    @classmethod
    def at(cls, user: User, kind: str) -> "Account | None":
        """The oldest account of a person with this provider, if there is one."""
        return cls.of(user).where(cls.kind == kind).first()  # type: ignore[no-any-return]

    # ---- being due ----

    @classmethod
    def due(cls, at: datetime) -> "ModelSelect[Account]":
        """Accounts with something to do that are not waiting, whether or not a worker has their
        lease.
        """
        return cls.with_owner().where(*cls.are_due(at, at.date()))

    @classmethod
    def free(cls, at: datetime) -> "ModelSelect[Account]":
        """The due accounts whose lease nobody has."""
        return cls.due(at).where(cls.is_unleased(at, latest_end(at)))

    @classmethod
    def with_owner(cls) -> "ModelSelect[Account]":
        """Accounts with their people and clinics."""
        return cls.select(cls, User, Clinic).join(User).switch(cls).join(Clinic)

    @classmethod
    def are_due(cls, at: Any, today: Any) -> tuple[Expression, Expression]:
        """The conditions of `due`, where the person and the clinic are joined.

        `at`, `today`: the present and its date in UTC, or places for them in a statement.
        """
        newest = Practitioner.select(fn.MAX(Practitioner.calendar_rev)).where(
            (Practitioner.user == cls.user)
            | (cls.covers.is_null(False) & (Practitioner.clinic == cls.clinic))
        )
        colleague = User.alias()
        # whether the person allows bookings outside
        colleagues = colleague.select(fn.MAX(colleague.rev)).where(colleague.clinic == cls.clinic)
        pulls = RemoteCalendar.select(SQL("1")).where(
            RemoteCalendar.account == cls.id,
            RemoteCalendar.role != "listed",
            RemoteCalendar.is_due(at),
            # no calendar of ours is made where nothing is sent
            RemoteCalendar.calendar_id.is_null(False) | (cls.direction != "in"),
        )
        behind = (
            (User.rev > cls.synced_rev)
            | (Clinic.faces_rev > cls.synced_rev)
            | (newest > cls.synced_rev)
            | (cls.time_off & (User.away_rev > cls.synced_rev))
            | cls.covers.is_null(False) & (colleagues > cls.synced_rev)
            | cls.synced_on.is_null()
            | (cls.synced_on < today)
        )
        allowed = User.sync_allowed & reduce(
            or_,
            (
                (cls.kind == kind) & Clinic.plan.in_(registry.plans_with(kind, PLANS))
                for kind in registry.KINDS
            ),
        )
        asked, left = cls.due_at <= at, User.left_at.is_null(False) & (cls.phase != "leaving")
        stopped = cls.health.in_(PERSONAL) & cls.wait_until.is_null()
        working = (cls.phase == "active") & allowed & ~stopped & (asked | behind | fn.EXISTS(pulls))
        return (
            working | (cls.phase == "leaving") | left,
            cls.wait_until.is_null() | (cls.wait_until <= at),
        )

    @classmethod
    def wake(cls, account_id: int, because: str) -> None:
        """Note that something changed outside. One statement, since a webhook must be answered
        fast.
        """
        cls.update(due_at=now(), because=because).where(cls.id == account_id).execute()
        database.will_wake("account", account_id)

    @classmethod
    def be_due(cls, account_id: int, at: datetime, because: str | None = None) -> None:
        """Set the account due at this time, unless it is due before."""
        why = {} if because is None else {"because": because}
        later = cls.due_at.is_null() | (cls.due_at > at)
        cls.update(due_at=at, **why).where(cls.id == account_id, later).execute()

    def show_anew(self) -> None:
        """The external events of this person changed: refresh open pages, and feeds that
        show busy times. Call it inside a transaction that locks the clinic.
        """
        rev = Clinic(id=self.clinic_id).next_rev(wakes=False)
        User.update(outside_rev=rev).where(User.id == self.user_id).execute()

    # ---- for pages ----

    @property
    def is_unused(self) -> bool:
        """Whether nothing was done with the account since it was connected: no calendar was made
        there, and no event written.
        """
        made = RemoteCalendar.role == "destination", RemoteCalendar.calendar_id.is_null(False)
        return self.is_naming and not self.calendars.where(*made).exists()

    @property
    def destination(self) -> "RemoteCalendar | None":
        """The calendar to which our events go."""
        found: RemoteCalendar | None = self.calendars.where(
            RemoteCalendar.role == "destination"
        ).first()
        return found

    def external(self) -> "ModelSelect[ExternalEvent]":
        """The external events in its calendars."""
        return ExternalEvent.select().where(ExternalEvent.calendar.in_(self.calendars))

    def practitioners(self) -> list[Practitioner]:
        """The calendars whose bookings are sent: the person's own, or those chosen, of people who
        allow bookings outside. None if no bookings are sent there.
        """
        rows = (
            Practitioner.select(Practitioner, User, Venue)
            .join(User)
            .switch(Practitioner)
            .join(Venue)
            .order_by(Practitioner.id)
        )
        own = Practitioner.user == self.user_id
        wide = own if self.covers is None else own | Practitioner.id.in_(self.covers)
        rows = rows.where(Practitioner.clinic == self.clinic_id, User.sync_allowed, wide)
        return self.going_out(list(rows)) if self.sends else []

    def going_out(self, rows: "list[OwnedRow]") -> "list[OwnedRow]":
        """The calendars among `rows` whose bookings are sent. `rows`: calendars of people who allow
        bookings outside.
        """
        own = [row for row in rows if row.user_id == self.user_id]
        if not self.sends or self.covers is None:
            return own if self.sends else []
        chosen = [row for row in rows if row.id in self.covers]
        mine = [row for row in own if row.id in self.covers] or own
        return chosen if self._may_cover_others else mine

    @property
    def _may_cover_others(self) -> bool:
        """Whether the chosen calendars may include colleagues'. A person who is no manager any more
        may not see the bookings of colleagues anywhere.
        """
        return self.covers is not None and bool(self.user.is_manager)

    def covers_others(self) -> bool:
        """Whether bookings of colleagues are sent there, so that each names its practitioner."""
        if not self._may_cover_others:
            return False
        theirs = Practitioner.id.in_(self.covers), Practitioner.user != self.user_id
        return bool(Practitioner.select().where(*theirs).exists())


class RemoteCalendar(Base):
    """One calendar of an account. `role`: "destination" (ours, written), "source" (read to block
    time) or "listed" (not synced).

    `calendar_id` is None until our new calendar is made. `sync_token` belongs to [window_from,
    window_to). `due_at`: the next regular read; None: now. `access`: "owner", "writer", "reader" or
    "times".
    """

    clinic = ForeignKeyField(Clinic)
    account = ForeignKeyField(Account, backref="calendars", on_delete="CASCADE")
    calendar_id = CharField(ID_LENGTH, null=True)
    role = CharField(12, constraints=[Check("role IN ('destination', 'source', 'listed')")])
    name = CharField(300)
    # the provider's name for it, while `name` is the person's own
    told_name = CharField(300, null=True)
    access = CharField(10, default="owner")
    is_primary = BooleanField(default=False)
    is_ours = BooleanField(default=False)  # made by us for this person, now or earlier
    zone_name = CharField(60, default="")
    sync_token = TextField(null=True)
    window_from = InstantField(null=True)
    window_to = InstantField(null=True)
    rules = JSONText(default=lambda: dict(RULES))
    due_at = InstantField(null=True)
    read_at = InstantField(null=True)
    # it was read until its account was set to send only, and is read again after that
    was_source = BooleanField(default=False)
    # the last time that it gave no answer while somebody waited: see `sync.two_way.live`
    unanswered_at = InstantField(null=True)
    gone_since = InstantField(null=True)
    may_empty = BooleanField(default=False)  # a person confirmed that it is empty now
    # when its ids were last compared with our records
    compared_at = InstantField(null=True)
    whole_at = InstantField(null=True)  # when it was last read completely
    # when it was read for the first time, until later lists find nothing new
    unproved_since = InstantField(null=True)
    search_at = InstantField(null=True)  # when it is searched for strays; None: at the next search
    sought_at = InstantField(null=True)  # when it was last searched completely, without a filter
    search_word = CharField(60, default="")  # why it could not be; "": it could, or was not yet
    # grows each time it is turned on or is to be read again: a reading that began before is void
    turn = IntegerField(default=0)
    # when we asked for it to be made, until we know its id
    asked_for_at = InstantField(null=True)
    # our calendar that we left there, since somebody keeps their own events in it
    has_others = BooleanField(column_name="has_repeats", default=False)

    class Meta:
        indexes = ((("account", "calendar_id"), True),)

    @classmethod
    def is_due(cls, at: Any) -> "Expression":
        """The condition that its regular read is due at this time, or asked for."""
        found: Expression = cls.due_at.is_null() | (cls.due_at <= at)
        return found

    @property
    def is_source(self) -> bool:
        """Whether the calendar is read to block time."""
        return bool(self.role == "source")

    @property
    def made_id(self) -> str:
        """The calendar's id at the provider. Raises ValueError for our calendar while it is not
        made yet.
        """
        if self.calendar_id is None:
            raise ValueError("the calendar is not made yet")
        return self.calendar_id

    @property
    def window(self) -> Window | None:
        """The window of its sync token."""
        starts_at, ends_at = self.window_from, self.window_to
        return Window(starts_at, ends_at) if starts_at and ends_at else None
