"""Two-way sync in the database: connected accounts, their calendars, what both sides last agreed
on, runs, and what a person should decide.

The database is the truth: an account is *due* when its rows say so (`Account.due`), whoever wakes.
Only the holder of an account's
lease writes for it. `sync.two_way.run` does the work; nothing here speaks with a provider.
"""

import hashlib
import secrets
import uuid
from collections.abc import Iterable
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
    TextField,
    fn,
)

from base.audit import AuditEntry
from base.database import Base, InstantField, JSONText, database, now, transition
from base.outside import EARLIER_RULES, ID_LENGTH, RULES, ExternalEvent, blocks
from models import PLANS, Booking, Clinic, Practitioner, User, Venue
from sync.providers import registry

PHASES = ("naming", "active", "paused", "leaving", "off")
HEALTHS = ("ok", "waiting", "reconnect", "operator", "calendar_gone")
PERSONAL = ("reconnect", "calendar_gone")  # healths that the account's own person puts right
EDITS = (
    "put_back",
    "ask",
    "follow",
)  # what becomes of times and text that somebody changed outside (X15)
SURE = 2  # failures in a row before an answer counts as final
TOO_MUCH_AT_ONCE = "RateLimited"  # the word of an account whose provider asks us to slow down
GOALS = ("off", "disconnect", "restart")  # what an account that is leaving becomes
# renewed while its worker lives (`sync.two_way.lease`); one that was killed holds others back for
# so long at most
LEASE_SECONDS = 20
KEPT_RUNS = timedelta(days=90)
SEARCH_EVERY = timedelta(hours=20)  # for events of ours in other calendars than ours
EDIT_NOTICES = ("moved", "edited", "repeated", "deleted", "double", "guests")
OVER = timedelta(days=2)  # after a booking nobody need decide about it
TWO_WAY = {
    "pending": "tentative",
    "confirmed": "confirmed",
    "arrived": "confirmed",
    "delivered": "confirmed",
    "invoiced": "confirmed",
    "paid": "confirmed",
}  # booking status → event status; the rest does not stand outside at all
DAYS_BACK, DAYS_AHEAD = 30, 365


class OtherAccount(Exception):
    """The person chose another account at the provider than the one that is connected (`email`)."""

    def __init__(self, email: str):
        super().__init__()
        self.email = email


class CalendarTaken(Exception):
    """The bookings of a colleague go to this calendar: it has one writer of a clinic."""


class LeaseLost(Exception):
    """Another worker works for this account by now: whatever is at hand must not be written."""


class Overtaken(Exception):
    """A person changed what the account is to do while it was being done: begin again from what
    stands there now.
    """


class Account(Base):
    """One connected provider account of one person; at most one of each kind (X20).

    `phase`: "naming" (allowed, its calendar has no name yet), "active", "paused", "leaving" (things
    are being taken away; then it becomes
    its `goal`), "off" (still allowed, nothing is synced). `health`: "ok", "waiting" (until
    `wait_until`, by itself), "reconnect" (the person
    must act), "operator" (whoever runs Kalends must), "calendar_gone" (ours was deleted outside).
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
    lock_sign = BooleanField(default=False)  # X27: a padlock in front of each title outside
    covers = JSONText(
        null=True
    )  # X21, E9: ids of the calendars whose bookings go there; None: the person's own
    past_days = IntegerField(default=DAYS_BACK)
    future_days = IntegerField(default=DAYS_AHEAD)
    generation = IntegerField(
        default=1
    )  # grows with each fresh start, so that no id outside is used twice
    approved = JSONText(
        null=True
    )  # uids of the events that a person agreed to have taken away, or written again
    kept_copies = JSONText(
        default=list
    )  # ids outside of copies of our events that a person wants to keep
    shown_as = CharField(
        200, default=""
    )  # the rules by which all that stands outside shows clients; see `sync.two_way.local.shown_as`
    health = CharField(16, default="ok", constraints=[Check(f"health IN {HEALTHS}")])
    health_word = CharField(60, default="")
    failing_since = InstantField(null=True)
    failures = IntegerField(default=0)  # in a row
    told = IntegerField(default=0)  # mails about this episode
    wait_until = InstantField(null=True)
    due_at = InstantField(
        null=True
    )  # when somebody wants it looked at; polls stand in its calendars
    because = CharField(10, default="")
    synced_rev = BigIntegerField(default=0)  # revisions of the clinic up to this one are taken in
    synced_on = DateField(null=True)  # the day whose window is
    lease = CharField(40, null=True)
    leased_until = InstantField(null=True)
    consented_at = InstantField(default=now)
    refresh_expires_at = InstantField(null=True)
    checked_at = InstantField(null=True)  # the last run without trouble
    listed_at = InstantField(null=True)  # when its calendars were last asked for
    searched_at = InstantField(
        null=True
    )  # when all its calendars were last searched for strays: see `sync.two_way.strays`
    created_at = InstantField(default=now)

    class Meta:
        indexes = ((("user", "kind"), True), (("clinic", "phase"), False))

    # ---- coming ----

    @classmethod
    @database.atomic()
    def connect(
        cls,
        user: User,
        kind: str,
        email: str,
        sealed: str,
        scopes: Iterable[str],
        refresh_expires_at: datetime | None,
    ) -> "Account":
        """The account after a person allowed it: a new one, or the one that is there with fresh
        credentials. One that was never used gives way
        to another; else raises OtherAccount. Its calendars are still to be listed."""
        user.clinic.lock()
        row = cls.get_or_none(cls.user == user, cls.kind == kind)
        if row and row.email.lower() != email.lower():
            if not row.is_unused:
                raise OtherAccount(row.email)
            AuditEntry.note(user.clinic, user, "account.gone", row, kind=kind)
            row.delete_instance()
            row = None
        action = "account.reconnected" if row else "account.connected"
        row = row or cls.create(
            clinic=user.clinic, user=user, kind=kind, email=email, sealed=sealed
        )
        row._set(
            sealed=sealed,
            scopes=" ".join(sorted(scopes)),
            refresh_expires_at=refresh_expires_at,
            consented_at=now(),
            due_at=now(),
            because="connect",
            listed_at=None,
            health="ok",
            health_word="",
            failing_since=None,
            failures=0,
            told=0,
            wait_until=None,
        )
        Notice.settle(row, "reconnect", "reconnected")
        AuditEntry.note(user.clinic, user, action, row, kind=kind)
        return row

    @transition
    def start(self, actor: User, name: str, zone_name: str, calendar_id: str | None = None) -> None:
        """Begin to sync: into a new calendar of this name, or into one that is there (an earlier
        one of ours, or where the clinic allows it
        one of the person's own). Raises CalendarTaken; of two who choose one at once, the second.
        """
        if calendar_id and self.taken([calendar_id]):
            raise CalendarTaken
        RemoteCalendar.delete().where(
            RemoteCalendar.account == self, RemoteCalendar.role == "destination"
        ).execute()
        if calendar_id:
            RemoteCalendar.delete().where(
                RemoteCalendar.account == self, RemoteCalendar.calendar_id == calendar_id
            ).execute()
        RemoteCalendar.create(
            clinic=self.clinic,
            account=self,
            role="destination",
            name=name,
            zone_name=zone_name,
            calendar_id=calendar_id,
            access="owner",
        )
        self._begin()
        self.user.change_sync(mode="two_way")
        AuditEntry.note(self.clinic, actor, "account.started", self, kind=self.kind)

    def taken(self, calendar_ids: Iterable[str]) -> set[str]:
        """Which of these calendars a colleague's account at the same provider writes to, or still
        takes its events away from.
        """
        rows = (
            RemoteCalendar.select(RemoteCalendar.calendar_id)
            .join(Account)
            .where(
                Account.clinic == self.clinic_id,
                Account.kind == self.kind,
                Account.id != self.id,
                RemoteCalendar.role == "destination",
                RemoteCalendar.calendar_id.in_(list(calendar_ids)),
            )
        )
        return {row.calendar_id for row in rows}

    def _begin(self) -> None:
        """A fresh start: nothing is remembered of what stood outside; what stands there is found by
        its mark.
        """
        MappingRow.delete().where(MappingRow.account == self).execute()
        RemoteCalendar.update(sync_token=None, due_at=None, search_at=None).where(
            RemoteCalendar.account == self
        ).execute()
        self._set(
            searched_at=None if self.generation > 1 else now() - SEARCH_EVERY + timedelta(hours=1)
        )  # not in the way of a first filling
        self._set(
            phase="active",
            goal="",
            generation=self.generation + 1,
            approved=None,
            kept_copies=[],
            shown_as="",
            synced_rev=0,
        )
        self._set(
            due_at=now(),
            because="start",
            health="ok",
            health_word="",
            wait_until=None,
            failures=0,
            failing_since=None,
            told=0,
        )

    # ---- what a person may do ----

    @transition
    def pause(self, actor: User) -> None:
        """Let everything stand as it is, outside and here, until `go_on`."""
        if self.phase == "active":
            self._set(phase="paused")
            AuditEntry.note(self.clinic, actor, "account.paused", self)

    @transition
    def go_on(self, actor: User) -> None:
        """End a pause; what was missed is made good."""
        if self.phase == "paused":
            self._set(phase="active", due_at=now(), because="resume")
            AuditEntry.note(self.clinic, actor, "account.resumed", self)

    @transition
    def change(self, actor: User, **settings) -> None:
        """Set any of `edits`, `lock_sign`, `covers`, `past_days`, `future_days`; what stands
        outside follows.
        """
        self._set(**settings, due_at=now(), because="change")
        AuditEntry.note(
            self.clinic,
            actor,
            "account.changed",
            self,
            **{name: value for name, value in settings.items() if name != "covers"},
        )

    @transition
    def ask(self, because: str, actor: User | None = None) -> None:
        """Look now: "check" (the person pressed), "resync" (read everything anew and compare,
        too).
        """
        if because == "resync":
            RemoteCalendar.update(
                sync_token=None, due_at=None, search_at=None, turn=RemoteCalendar.turn + 1
            ).where(RemoteCalendar.account == self).execute()
            MappingRow.update(tries=0, retry_at=None, problem="").where(
                MappingRow.account == self, MappingRow.problem != "kept"
            ).execute()
            self._set(searched_at=None)
            AuditEntry.note(self.clinic, actor, "account.resync", self)
        else:
            RemoteCalendar.update(due_at=None).where(
                RemoteCalendar.account == self, RemoteCalendar.role == "source"
            ).execute()
        self._set(due_at=now(), because=because)

    @transition
    def leave(self, actor: User | None, goal: str, removes: bool = True) -> None:
        """Stop syncing: to "off" (one way again, still allowed), "disconnect" (the account goes) or
        "restart" (a clean new start).

        What came from outside is gone here at once; what stands outside is taken away by the next
        run, if `removes`.
        """
        others = ExternalEvent.select(ExternalEvent.calendar)
        RemoteCalendar.update(holds_others=True).where(
            RemoteCalendar.account == self, RemoteCalendar.id.in_(others)
        ).execute()
        ExternalEvent.delete().where(ExternalEvent.calendar.in_(self.calendars)).execute()
        RemoteCalendar.update(role="listed", sync_token=None).where(
            RemoteCalendar.account == self, RemoteCalendar.role == "source", goal != "restart"
        ).execute()
        RemoteCalendar.update(sync_token=None, due_at=None, search_at=None, search_word="").where(
            RemoteCalendar.account == self
        ).execute()
        Notice.settle(self, None, "left")
        self._set(
            phase="leaving",
            goal=goal,
            removes=removes,
            due_at=now(),
            because="leave",
            wait_until=None,
            health="ok",
            health_word="",
            failures=0,
            failing_since=None,
        )
        self.show_anew()
        if goal != "restart" and not self._others_sync():
            self.user.change_sync(mode="one_way")
        AuditEntry.note(self.clinic, actor, "account.leaving", self, goal=goal, removes=removes)

    def _others_sync(self) -> bool:
        return (
            Account.select()
            .where(
                Account.user == self.user_id,
                Account.id != self.id,
                Account.phase.in_(("active", "paused")),
            )
            .exists()
        )

    @transition
    def end_departure(self, actor: User) -> None:
        """Let the events stay that could not be taken away; the next run ends the departure on our
        side alone.
        """
        if self.phase == "leaving" and self.removes:
            AuditEntry.note(
                self.clinic, actor, "account.ended", self, kind=self.kind, count=self.left_outside()
            )
            self._set(
                removes=False,
                due_at=now(),
                because="leave",
                wait_until=None,
                health="ok",
                health_word="",
            )

    @property
    def is_stuck_leaving(self) -> bool:
        """Whether our events could not be taken away so far, and a person may end it."""
        return self.phase == "leaving" and self.removes and self.failures > 0

    def left_outside(self) -> int:
        """How many events of ours still stand outside, as far as our records know; strays, too."""
        standing = MappingRow.phase.in_(("synced", "frozen", "deleting"))
        return self.mappings.where(standing).count() + self.strays.count()

    def unsearched(self) -> list[str]:
        """Names of the calendars that we could not look into for events of ours."""
        rows = self.calendars.where(RemoteCalendar.search_word != "")
        return [row.name for row in rows.order_by(RemoteCalendar.name)]

    @transition
    def left(self, calendar_gone: bool) -> None:
        """What stood outside is taken away (`calendar_gone`: with our calendar itself), or let be:
        become the goal.
        """
        if self.phase != "leaving":
            return
        if calendar_gone:
            RemoteCalendar.update(calendar_id=None).where(
                RemoteCalendar.account == self, RemoteCalendar.role == "destination"
            ).execute()
        MappingRow.delete().where(MappingRow.account == self).execute()
        if self.goal == "disconnect":
            AuditEntry.note(self.clinic, None, "account.gone", self, kind=self.kind)
            self.delete_instance()
            return
        if self.goal == "restart":
            self._begin()
            return
        RemoteCalendar.delete().where(
            RemoteCalendar.account == self, RemoteCalendar.role == "destination"
        ).execute()
        self._set(phase="off", goal="", due_at=None, because="")

    def _set(self, **columns) -> None:
        for name, value in columns.items():
            setattr(self, name, value)
        self.save(only=list(columns))

    def refresh(self) -> None:
        """Bring the row up to date, with its person and its clinic. Raises DoesNotExist."""
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

    # ---- being due ----

    @classmethod
    def due(cls, at: datetime):
        """Accounts for which something is to be done, that nobody works for and that need not
        wait.
        """
        newest = Practitioner.select(fn.MAX(Practitioner.calendar_rev)).where(
            (Practitioner.user == cls.user)
            | (cls.covers.is_null(False) & (Practitioner.clinic == cls.clinic))
        )
        colleague = User.alias()
        colleagues = colleague.select(fn.MAX(colleague.rev)).where(
            colleague.clinic == cls.clinic
        )  # whether theirs may leave, too
        pulls = RemoteCalendar.select(SQL("1")).where(
            RemoteCalendar.account == cls.id,
            RemoteCalendar.role != "listed",
            RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at <= at),
        )
        behind = (
            (User.rev > cls.synced_rev)
            | (Clinic.faces_rev > cls.synced_rev)
            | (newest > cls.synced_rev)
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
    def free(cls, at: datetime):
        """The accounts that are due and that no worker holds."""
        return cls.due(at).where(cls.leased_until.is_null() | (cls.leased_until <= at))

    @classmethod
    def wake(cls, account_id: int, because: str) -> None:
        """Somebody outside says that something changed. One statement: the caller is in a hurry."""
        cls.update(due_at=now(), because=because).where(cls.id == account_id).execute()

    def show_anew(self) -> None:
        """External events here are others than before: open pages follow, and private links that
        show busy times. Inside a transaction that locks the clinic.
        """
        rev = Clinic(id=self.clinic_id).next_rev()
        User.update(outside_rev=rev).where(User.id == self.user_id).execute()

    # ---- the lease ----

    @classmethod
    def take(cls, account_id: int) -> str | None:
        """A lease on the account, or None while somebody else has one. The clock of the database's
        own row decides, not Redis.
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
        """The lease lasts longer. False: it is another worker's by now."""
        until = now() + timedelta(seconds=LEASE_SECONDS)
        return bool(
            cls.update(leased_until=until)
            .where(cls.id == account_id, cls.lease == holder)
            .execute()
        )

    def keep(self, holder: str) -> None:
        """Say that the lease is still needed; first thing in every transaction of a run. Raises
        LeaseLost; Overtaken where the row went on
        to another phase or a fresh start since it was loaded."""
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
        """End the lease, where this holder still has it."""
        cls.update(lease=None, leased_until=None).where(
            cls.id == account_id, cls.lease == holder
        ).execute()

    # ---- what there is to see ----

    @property
    def is_unused(self) -> bool:
        """Whether it was connected and nothing more: we never made or wrote anything there."""
        is_made = self.calendars.where(
            RemoteCalendar.role == "destination", RemoteCalendar.calendar_id.is_null(False)
        ).exists()
        return self.phase == "naming" and not is_made

    @property
    def destination(self) -> "RemoteCalendar | None":
        """The calendar that our events go to."""
        return self.calendars.where(RemoteCalendar.role == "destination").first()

    @property
    def barred(self) -> str | None:
        """Why nothing is synced though the account is connected: "plan" (the clinic's has not this
        provider), "opt_in", or None.
        """
        if not self.clinic.allows(self.kind):
            return "plan"
        return None if self.user.sync_allowed else "opt_in"

    @property
    def open_notices(self):
        """What waits for a person, the newest first."""
        return self.notices.where(Notice.settled_at.is_null()).order_by(Notice.id.desc())

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
        chosen = (
            self.covers is not None and self.user.is_manager
        )  # whoever is no manager any more sees colleagues' bookings nowhere
        return list(
            rows.where(
                Practitioner.id.in_(self.covers) if chosen else Practitioner.user == self.user_id
            )
        )

    def counts(self) -> dict[str, int]:
        """How many bookings' events stand outside ("synced"), wait to be written ("waiting") or
        could not be ("failed").
        """
        rows = dict(
            MappingRow.select(MappingRow.phase, fn.COUNT(MappingRow.id))
            .where(MappingRow.account == self)
            .group_by(MappingRow.phase)
            .tuples()
        )
        failed = (
            MappingRow.select().where(MappingRow.account == self, MappingRow.problem != "").count()
        )
        return {
            "synced": rows.get("synced", 0),
            "waiting": rows.get("creating", 0) + rows.get("deleting", 0),
            "failed": failed,
        }


class RemoteCalendar(Base):
    """One calendar of an account. `role`: "destination" (ours, written), "source" (read to block
    time) or "listed" (there, not synced).

    `calendar_id` is None until our new calendar is made. `sync_token` belongs to [window_from,
    window_to). `due_at`: the next regular look;
    None: now. `access`: "owner", "writer", "reader" or "times".
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
    gone_since = InstantField(null=True)
    may_empty = BooleanField(default=False)  # a person agreed that it is empty now
    compared_at = InstantField(
        null=True
    )  # ours: when it was last compared with our records as a whole
    whole_at = InstantField(null=True)  # when all of it was last read, not only what changed
    search_at = InstantField(null=True)  # when it is searched for strays; None: at the next search
    search_word = CharField(60, default="")  # why it could not be; "": it could, or was not yet
    turn = IntegerField(
        default=0
    )  # grows each time it is turned on or wanted anew: what was read before is no longer meant
    holds_others = BooleanField(
        column_name="has_repeats", default=False
    )  # ours, when we left it: somebody keeps events of their own in it

    class Meta:
        indexes = ((("account", "calendar_id"), True),)

    @transition
    def sync(self, actor: User) -> None:
        """Read it from now on, so that its busy times block booking."""
        if self.role == "listed":
            self.role, self.sync_token, self.due_at, self.gone_since, self.turn = (
                "source",
                None,
                None,
                None,
                self.turn + 1,
            )
            if self.rules == EARLIER_RULES and not self._had("source.on", "source.rules"):
                self.rules = dict(
                    RULES
                )  # it was listed by an earlier version, and nobody chose what was usual then
            self.save(
                only=[
                    getattr(RemoteCalendar, name)
                    for name in ("role", "sync_token", "due_at", "gone_since", "turn", "rules")
                ]
            )
            Account.wake(self.account_id, "source")
            AuditEntry.note(self.clinic, actor, "source.on", self)

    def _had(self, *actions: str) -> bool:
        """Whether one of these was ever done to it."""
        mine = (
            AuditEntry.kind == self._meta.table_name,
            AuditEntry.subject == self.id,
            AuditEntry.action.in_(actions),
        )
        return AuditEntry.select().where(*mine).exists()

    @transition
    def stop(self, actor: User | None) -> None:
        """Read it no more; its events go from here."""
        if self.role == "source":
            self.role, self.sync_token, self.read_at, self.may_empty = "listed", None, None, False
            self.save(
                only=[
                    RemoteCalendar.role,
                    RemoteCalendar.sync_token,
                    RemoteCalendar.read_at,
                    RemoteCalendar.may_empty,
                ]
            )
            ExternalEvent.delete().where(ExternalEvent.calendar == self).execute()
            self.account.show_anew()
            Notice.settle(self.account, f"empty {self.id}", "stopped")
            AuditEntry.note(self.clinic, actor, "source.off", self)

    @transition
    def set_rules(self, actor: User, rules: dict[str, bool]) -> None:
        """Say what of it blocks time: by busy kind, and whether whole days do."""
        self.rules = rules
        self.save(only=[RemoteCalendar.rules])
        for event in self.events:
            event.blocks = blocks(event.busy, event.all_day, rules)
            event.save(only=[ExternalEvent.blocks])
        self.account.show_anew()
        AuditEntry.note(self.clinic, actor, "source.rules", self, **rules)


class MappingRow(Base):
    """A booking and its event outside as both sides last agreed (`sync.events.event.EventMapping`).
    `problem`: why
    it cannot be written, in one word;
    until `retry_at` nothing is tried. `writes` counts those of the hour that began at `counted_at`:
    something undoes them again and again.
    `doubted_at`: when one answer said that the event is not there. `written_at`: when we wrote what
    no reading has told since.
    """

    account = ForeignKeyField(Account, backref="mappings", on_delete="CASCADE")
    uid = CharField(36)
    booking = ForeignKeyField(Booking, null=True, on_delete="SET NULL")
    remote_id = CharField(ID_LENGTH, default="")
    etag = CharField(300, default="")
    sequence = IntegerField(default=0)
    fingerprint = CharField(120, default="")
    wanted = CharField(120, default="")
    phase = CharField(10)
    generation = IntegerField(default=1)
    updated_at = InstantField(null=True)
    guests = IntegerField(
        null=True
    )  # how many somebody added to the event outside; None: not known
    guests_told = IntegerField(null=True)  # of how many the person was told
    problem = CharField(60, default="")
    tries = IntegerField(default=0)
    retry_at = InstantField(null=True)
    writes = IntegerField(default=0)
    counted_at = InstantField(null=True)
    doubted_at = InstantField(null=True)
    written_at = InstantField(null=True)

    class Meta:
        table_name = "link"  # as earlier versions called it
        indexes = ((("account", "uid"), True), (("account", "phase"), False))


class Channel(Base):
    """A push channel: the provider calls `/webhooks/<kind>/<uuid>`. Of its secret only a hash is
    kept. `channel_id` is the provider's.
    """

    clinic = ForeignKeyField(Clinic)
    account = ForeignKeyField(Account, backref="channels", on_delete="CASCADE")
    calendar = ForeignKeyField(RemoteCalendar, backref="channels", on_delete="CASCADE")
    uuid = CharField(36, unique=True, default=lambda: str(uuid.uuid4()))
    channel_id = CharField(200, default="")
    resource_id = CharField(300, default="")
    secret_hash = CharField(64)
    opened_at = InstantField(default=now)
    expires_at = InstantField()
    called_at = InstantField(null=True)
    is_open = BooleanField(default=False)
    wants = CharField(10, default="")  # "renew" or "removed", as the provider said

    class Meta:
        indexes = ((("channel_id",), False),)

    @classmethod
    def promise(cls, calendar: RemoteCalendar, expires_at: datetime) -> tuple["Channel", str]:
        """A channel to be asked for, stored before, and its secret: the first call may come before
        the answer.
        """
        secret = secrets.token_urlsafe(32)
        ours = {"clinic": calendar.clinic_id, "account": calendar.account_id, "calendar": calendar}
        return cls.create(**ours, secret_hash=hash_of(secret), expires_at=expires_at), secret


def hash_of(secret: str) -> str:
    """What is kept of a channel's secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class SyncRun(Base):
    """A run that had something to do or met trouble: for the progress bar and the history. `counts`
    holds numbers by what was done:
    created, updated, deleted, adopted, put_back, failed; imported, changed, removed; and `held`.
    Never a title or a name.
    """

    clinic = ForeignKeyField(Clinic)
    account = ForeignKeyField(Account, backref="runs", on_delete="CASCADE")
    because = CharField(10)
    total = IntegerField(default=0)
    done = IntegerField(default=0)
    counts = JSONText(default=dict)
    error = CharField(20, default="")
    word = CharField(60, default="")
    wait_until = InstantField(null=True)
    started_at = InstantField(default=now)
    ended_at = InstantField(null=True)
    repeated = IntegerField(default=0)  # how often the same trouble came again right after

    class Meta:
        indexes = ((("account", "started_at"), False),)


class Notice(Base):
    """Something that a person should know or decide. One that is open has its `topic` to itself
    within the account.

    `kind`: "moved", "edited", "repeated", "deleted" (our event, outside; `is_put_back` tells what
    we did), "deletes" and "empty" (a plan was
    held), "source_empty", "double" (a busy time outside came to lie on a booking), "stray" (an
    event of ours in another calendar that we may
    not take away), "guests" (somebody invited others to our event), "reconnect", "calendar_gone",
    "nudge" (the owner reminds).
    `detail`: numbers and times, never a name or a title.
    """

    clinic = ForeignKeyField(Clinic, backref="notices")
    account = ForeignKeyField(Account, backref="notices", on_delete="CASCADE")
    kind = CharField(16)
    topic = CharField(80)
    booking = ForeignKeyField(Booking, null=True, on_delete="CASCADE")
    calendar = ForeignKeyField(RemoteCalendar, null=True, on_delete="CASCADE")
    event = ForeignKeyField(ExternalEvent, null=True, on_delete="CASCADE")
    detail = JSONText(default=dict)
    created_at = InstantField(default=now)
    settled_at = InstantField(null=True)
    settled_as = CharField(16, default="")

    class Meta:
        indexes = ((("account", "topic"), False), (("account", "settled_at"), False))

    @classmethod
    def give(
        cls,
        account: Account,
        kind: str,
        topic: str | None = None,
        still_open: Iterable["Notice"] | None = None,
        **columns,
    ) -> "Notice":
        """Tell the person; an open notice on the same topic is brought up to date instead. Inside
        the account's lease, or a transition. `still_open`: the open ones, where they were read
        already.
        """
        topic = topic or kind
        if still_open is None:
            still_open = cls.select().where(
                cls.account == account, cls.topic == topic, cls.settled_at.is_null()
            )
        row = next((row for row in still_open if row.topic == topic), None)
        row = row or cls(clinic=account.clinic_id, account=account, topic=topic)
        row.kind = kind
        for name, value in columns.items():
            setattr(row, name, value)
        row.save()
        return row

    @classmethod
    def settle(cls, account: Account, topic: str | None, how: str) -> None:
        """Close the open notices on a topic (None: all of the account)."""
        about = [cls.topic == topic] if topic else []
        cls.update(settled_at=now(), settled_as=how).where(
            cls.account == account, cls.settled_at.is_null(), *about
        ).execute()

    def close(self, how: str) -> bool:
        """Settle this one. False where somebody did already: of two who press at once one acts."""
        return bool(
            Notice.update(settled_at=now(), settled_as=how)
            .where(Notice.id == self.id, Notice.settled_at.is_null())
            .execute()
        )


def clean_up(at: datetime) -> None:
    """Throw away the history of long ago, channels that are over, and settle what nobody need
    decide any more.
    """
    SyncRun.delete().where(SyncRun.started_at < at - KEPT_RUNS).execute()
    Notice.delete().where(Notice.settled_at < at - KEPT_RUNS).execute()
    over = Booking.select(Booking.id).where(Booking.ends_at < at - OVER)
    stale = Notice.settled_at.is_null(), Notice.kind.in_(EDIT_NOTICES), Notice.booking.in_(over)
    Notice.update(settled_at=at, settled_as="over").where(*stale).execute()
    Channel.delete().where(Channel.expires_at < at - timedelta(days=1)).execute()
