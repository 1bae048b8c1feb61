"""Connected accounts and their calendars.

An account is *due* when its rows say so (`Account.due`), whoever wakes the worker. Only the holder
of an account's lease writes for it. What changes an account is in `starting`, `controls`, `sources`
and `ending`. Nothing here calls a provider; `sync.two_way.run` does.
"""

import secrets
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from peewee import (
    SQL,
    BigIntegerField,
    BooleanField,
    CharField,
    Check,
    DateField,
    ForeignKeyField,
    IntegerField,
    ModelSelect,
    TextField,
    fn,
)

from base.database import Base, InstantField, JSONText, database, now
from base.tables.outside import ID_LENGTH, RULES
from models import PLANS, Clinic, Practitioner, User, Venue
from sync.providers import registry

PHASES = ("naming", "active", "paused", "leaving", "off")
HEALTHS = ("ok", "waiting", "reconnect", "operator", "calendar_gone")
PERSONAL = ("reconnect", "calendar_gone")  # healths that the account's own person puts right
# what becomes of times and text that somebody changed outside
EDITS = (
    "put_back",
    "ask",
    "follow",
)
SURE = 2  # failures in a row before an answer counts as final
TOO_MUCH_AT_ONCE = "RateLimited"  # the word of an account whose provider asks us to slow down
GOALS = ("off", "disconnect", "restart")  # what an account that is leaving becomes
# renewed while its worker lives (`worker.lease`); after a kill the account is free this late
LEASE_SECONDS = 20
SEARCH_EVERY = timedelta(hours=20)  # for events of ours in other calendars than ours
# booking status → event status; the rest does not stand outside at all
TWO_WAY = {
    "pending": "tentative",
    "confirmed": "confirmed",
    "arrived": "confirmed",
    "delivered": "confirmed",
    "invoiced": "confirmed",
    "paid": "confirmed",
}
DAYS_BACK, DAYS_AHEAD = 30, 365


class LeaseLost(Exception):
    """Another worker has the lease by now. Nothing may be written."""


class Overtaken(Exception):
    """A person changed the account during the run. Begin again from the new state."""


class Account(Base):
    """One connected provider account of one person; at most one of each kind.

    `phase`: "naming" (allowed, its calendar has no name yet), "active", "paused", "leaving" (our
    events are being deleted; then it becomes its `goal`), "off" (still allowed, not synced).
    `health`: "ok", "waiting" (until `wait_until`), "reconnect" (the person must act), "operator"
    (whoever runs Kalends must act), "calendar_gone" (our calendar was deleted outside).
    `health_word` is the provider's own word, or `TOO_MUCH_AT_ONCE`.
    """

    clinic = ForeignKeyField(Clinic, backref="accounts")
    user = ForeignKeyField(User, backref="accounts")
    # a row of `sync.providers.registry`; a new one comes with a migration of this constraint
    kind = CharField(20, constraints=[Check(f"kind IN {registry.KINDS}")])
    email = CharField(254)
    sealed = TextField()  # what the provider allows us, encrypted: see `sync.connect.connections`
    scopes = TextField(default="")
    phase = CharField(10, default="naming", constraints=[Check(f"phase IN {PHASES}")])
    goal = CharField(10, default="")
    removes = BooleanField(default=True)  # leaving takes our events away outside, too
    edits = CharField(10, default="put_back", constraints=[Check(f"edits IN {EDITS}")])
    lock_sign = BooleanField(default=False)  # a padlock in front of each title outside
    time_off = BooleanField(default=True)  # the person's time off stands there, too, as "Away"
    # ids of the calendars whose bookings go there; None: the person's own
    covers = JSONText(null=True)
    past_days = IntegerField(default=DAYS_BACK)
    future_days = IntegerField(default=DAYS_AHEAD)
    # grows with each fresh start, so that no id outside is used twice
    generation = IntegerField(default=1)
    # uids of the events that a person agreed to have taken away, or written again
    approved = JSONText(null=True)
    # ids outside of copies of our events that a person wants to keep
    kept_copies = JSONText(default=list)
    # the rules by which all that stands outside shows clients; see `plans.local.shown_as`
    shown_as = CharField(200, default="")
    health = CharField(16, default="ok", constraints=[Check(f"health IN {HEALTHS}")])
    health_word = CharField(60, default="")
    failing_since = InstantField(null=True)
    failures = IntegerField(default=0)  # in a row
    told = IntegerField(default=0)  # mails about this episode
    wait_until = InstantField(null=True)
    # when somebody wants it looked at; polls stand in its calendars
    due_at = InstantField(null=True)
    because = CharField(10, default="")
    synced_rev = BigIntegerField(default=0)  # revisions of the clinic up to this one are taken in
    synced_on = DateField(null=True)  # the day whose window is
    lease = CharField(40, null=True)
    leased_until = InstantField(null=True)
    consented_at = InstantField(default=now)
    refresh_expires_at = InstantField(null=True)
    checked_at = InstantField(null=True)  # the last run without trouble
    listed_at = InstantField(null=True)  # when its calendars were last asked for
    # when all its calendars were last searched for strays: see `sync.two_way.reading.strays`
    searched_at = InstantField(null=True)
    created_at = InstantField(default=now)

    class Meta:
        indexes = ((("user", "kind"), True), (("clinic", "phase"), False))

    @property
    def is_stuck_leaving(self) -> bool:
        """Whether our events could not be deleted so far, so that a person may end it."""
        return self.phase == "leaving" and self.removes and self.failures > 0

    def unsearched(self) -> list[str]:
        """Names of the calendars that could not be searched for events of ours."""
        rows = self.calendars.where(RemoteCalendar.search_word != "")
        return [row.name for row in rows.order_by(RemoteCalendar.name)]

    def put(self, **columns: object) -> None:
        """Set and save these columns and no others."""
        for name, value in columns.items():
            setattr(self, name, value)
        self.save(only=list(columns))
        if columns.get("due_at"):
            database.will_wake("account", self.id)

    def refresh(self) -> None:
        """Read the row again, with its person and its clinic. Raises DoesNotExist."""
        fresh = (
            Account.select(Account, User, Clinic)
            .join(User)
            .switch(Account)
            .join(Clinic)
            .where(Account.id == self.id)
            .get()
        )
        fresh.user.clinic = fresh.clinic
        self.__data__, self.__rel__ = fresh.__data__, fresh.__rel__

    @classmethod
    def people_syncing(cls, clinic: Clinic) -> int:
        """How many people of the clinic sync both ways."""
        living = cls.clinic == clinic, cls.phase.in_(("active", "paused"))
        return cls.select(cls.user).where(*living).distinct().count()

    # ---- being due ----

    @classmethod
    def due(cls, at: datetime) -> "ModelSelect[Account]":
        """Accounts with something to do that are not waiting, whether or not a worker has their
        lease.
        """
        newest = Practitioner.select(fn.MAX(Practitioner.calendar_rev)).where(
            (Practitioner.user == cls.user)
            | (cls.covers.is_null(False) & (Practitioner.clinic == cls.clinic))
        )
        colleague = User.alias()
        # whether theirs may leave, too
        colleagues = colleague.select(fn.MAX(colleague.rev)).where(colleague.clinic == cls.clinic)
        pulls = RemoteCalendar.select(SQL("1")).where(
            RemoteCalendar.account == cls.id,
            RemoteCalendar.role != "listed",
            RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at <= at),
        )
        behind = (
            (User.rev > cls.synced_rev)
            | (Clinic.faces_rev > cls.synced_rev)
            | (newest > cls.synced_rev)
            | (cls.time_off & (User.away_rev > cls.synced_rev))
            | cls.covers.is_null(False) & (colleagues > cls.synced_rev)
            | cls.synced_on.is_null()
            | (cls.synced_on < at.date())
        )
        allowed = User.sync_allowed & reduce(
            or_,
            (
                (cls.kind == kind)
                & Clinic.plan.in_([plan for plan, features in PLANS.items() if kind in features])
                for kind in registry.KINDS
            ),
        )
        asked, left = cls.due_at <= at, User.left_at.is_null(False) & (cls.phase != "leaving")
        stopped = cls.health.in_(("reconnect", "calendar_gone")) & cls.wait_until.is_null()
        working = (cls.phase == "active") & allowed & ~stopped & (asked | behind | fn.EXISTS(pulls))
        return (
            cls.select(cls, User, Clinic)
            .join(User)
            .switch(cls)
            .join(Clinic)
            .where(
                working | (cls.phase == "leaving") | left,
                cls.wait_until.is_null() | (cls.wait_until <= at),
            )
        )

    @classmethod
    def free(cls, at: datetime) -> "ModelSelect[Account]":
        """The due accounts whose lease nobody has."""
        return cls.due(at).where(cls.leased_until.is_null() | (cls.leased_until <= at))

    @classmethod
    def wake(cls, account_id: int, because: str) -> None:
        """Note that something changed outside. One statement, since a webhook must be answered
        fast.
        """
        cls.update(due_at=now(), because=because).where(cls.id == account_id).execute()
        database.will_wake("account", account_id)

    @classmethod
    def be_due(cls, account_id: int, at: datetime, because: str | None = None) -> None:
        """Note that there is something to do at this time, unless there is something before."""
        why = {} if because is None else {"because": because}
        later = cls.due_at.is_null() | (cls.due_at > at)
        cls.update(due_at=at, **why).where(cls.id == account_id, later).execute()

    def show_anew(self) -> None:
        """The external events of this person changed: refresh open pages, and private links that
        show busy times. Inside a transaction that locks the clinic.
        """
        rev = Clinic(id=self.clinic_id).next_rev(wakes=False)
        User.update(outside_rev=rev).where(User.id == self.user_id).execute()

    # ---- the lease ----

    @classmethod
    def take(cls, account_id: int) -> str | None:
        """Take the lease. None while somebody else has it. The database's row decides, not
        Redis.
        """
        holder, at = secrets.token_hex(16), now()
        taken = (
            cls.update(lease=holder, leased_until=at + timedelta(seconds=LEASE_SECONDS))
            .where(cls.id == account_id, cls.leased_until.is_null() | (cls.leased_until <= at))
            .execute()
        )
        return holder if taken else None

    @classmethod
    def renew(cls, account_id: int, holder: str) -> bool:
        """Make the lease last longer. False: another worker has it by now."""
        until = now() + timedelta(seconds=LEASE_SECONDS)
        return bool(
            cls.update(leased_until=until)
            .where(cls.id == account_id, cls.lease == holder)
            .execute()
        )

    def keep(self, holder: str) -> None:
        """Renew the lease, as the first statement of every transaction of a run. Raises LeaseLost;
        Overtaken where the account's phase or generation changed since it was loaded.
        """
        same = Account.phase == self.phase, Account.generation == self.generation
        mine = Account.id == self.id, Account.lease == holder
        if (
            not Account.update(leased_until=now() + timedelta(seconds=LEASE_SECONDS))
            .where(*mine, *same)
            .execute()
        ):
            raise Overtaken if Account.select().where(*mine).exists() else LeaseLost

    @classmethod
    def let_go(cls, account_id: int, holder: str) -> None:
        """End the lease, if this holder still has it."""
        cls.update(lease=None, leased_until=None).where(
            cls.id == account_id, cls.lease == holder
        ).execute()

    # ---- what there is to see ----

    @property
    def is_unused(self) -> bool:
        """Whether it was connected and nothing more: we never made a calendar or wrote an event
        there.
        """
        is_made = self.calendars.where(
            RemoteCalendar.role == "destination", RemoteCalendar.calendar_id.is_null(False)
        ).exists()
        return self.phase == "naming" and not is_made

    @property
    def destination(self) -> "RemoteCalendar | None":
        """The calendar that our events go to."""
        found: RemoteCalendar | None = self.calendars.where(
            RemoteCalendar.role == "destination"
        ).first()
        return found

    def practitioners(self) -> list[Practitioner]:
        """The calendars whose bookings go there: the person's own, or those chosen, of people who
        let their bookings leave.
        """
        rows = (
            Practitioner.select(Practitioner, User, Venue)
            .join(User)
            .switch(Practitioner)
            .join(Venue)
            .order_by(Practitioner.id)
        )
        rows = rows.where(Practitioner.clinic == self.clinic_id, User.sync_allowed)
        # whoever is no manager any more sees colleagues' bookings nowhere
        chosen = self.covers is not None and self.user.is_manager
        return list(
            rows.where(
                Practitioner.id.in_(self.covers) if chosen else Practitioner.user == self.user_id
            )
        )


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
    # when it last did not answer while somebody waited for it: see `sync.two_way.live`
    unanswered_at = InstantField(null=True)
    gone_since = InstantField(null=True)
    may_empty = BooleanField(default=False)  # a person agreed that it is empty now
    # ours: when it was last compared with our records as a whole
    compared_at = InstantField(null=True)
    whole_at = InstantField(null=True)  # when all of it was last read, not only what changed
    # when it was read for the first time, until a second look finds nothing more
    unproved_since = InstantField(null=True)
    search_at = InstantField(null=True)  # when it is searched for strays; None: at the next search
    sought_at = InstantField(null=True)  # when all of it was last searched, without a filter
    search_word = CharField(60, default="")  # why it could not be; "": it could, or was not yet
    # grows each time it is turned on or wanted anew: what was read before is no longer meant
    turn = IntegerField(default=0)
    # ours, when we left it: somebody keeps events of their own in it
    holds_others = BooleanField(column_name="has_repeats", default=False)

    class Meta:
        indexes = ((("account", "calendar_id"), True),)

    @property
    def made_id(self) -> str:
        """Its id at the provider. Raises ValueError for our calendar while it is not made yet."""
        if self.calendar_id is None:
            raise ValueError("the calendar is not made yet")
        return self.calendar_id
