"""The tables, and every rule that spans rows: one method per transition, each in one transaction.

Reads in order: clinic, people, clients and services, bookings, feeds. Every row belongs to one
clinic. Instants are aware UTC datetimes, stored as whole microseconds since 1970 so that both
databases keep them exactly. Revisions (`…_rev`): see `base.tables.revisions`.
"""

import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from flask_login import UserMixin
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
    UUIDField,
)

from base import feed_presets, passwords, scheduling
from base.bookings import client_letters
from base.bookings.agreements import Agreement
from base.bookings.changes import Changed
from base.bookings.clashes import ClosedCalendar, refuse_taken, untaken
from base.bookings.full import InFull
from base.bookings.placed import Placed, form_uuids
from base.bookings.rezoning import lay_anew
from base.bookings.series import InSeries
from base.bookings.statuses import STATUSES
from base.database import (
    Base,
    InstantField,
    JSONText,
    database,
    joined,
    now,
    transition,
    unique,
)
from base.opening_hours import Hours
from base.scheduling import Span
from base.tables.audit import AuditEntry
from base.tables.bookable import OnlineCalendar, OnlineService
from base.tables.bulk import insert_many_rows
from base.tables.feed_scope import FeedScope
from base.tables.notes import NoteVersion
from base.tables.numbered import Numbered, NumberIndex
from base.tables.outbox import Letter  # noqa: F401  # known before the tables that its rows refer to
from base.tables.revisions import Revised
from base.tables.traits import Archivable, KeepsTitles, Named, Regional, Shown, this_second
from base.text import IDENTIFIERS, client_label

ROLES = ("practitioner", "receptionist", "manager", "owner")
BELOW_MANAGERS, MANAGERS = ROLES[:2], ROLES[2:]
# What each plan may use: feeds, and sync with some providers or with all (their rows say
# with which of the two). A clinic that hosts itself has everything.
PLANS = {
    "self-hosted": ("feed", "sync", "all_sync"),
    "pro": ("feed", "sync", "all_sync"),
    "plus": ("feed", "sync"),
    "basic": ("sync",),
}


class LastOwner(Exception):
    """A clinic keeps at least one owner who can sign in."""


class LastVenue(Exception):
    """A clinic keeps at least one venue."""


class FeedStopped(Exception):
    """The feed was stopped for good."""


class NoFeeds(Exception):
    """The person may have no further feed: `why` is "plan", "opt_in" or "most"."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


class NotYours(Exception):
    """The feed would show calendars of others, and its owner is no manager (X8)."""


# ---- the clinic ----


class Clinic(Revised, Regional):
    """The tenant: all data belong to one clinic. `privacy_ceiling`: the most open identifier that
    its people may show outside.
    """

    name = CharField(120)
    plan = CharField(20, default="self-hosted", constraints=[Check(f"plan IN {tuple(PLANS)}")])
    privacy_ceiling = CharField(
        30, default="full_name", constraints=[Check(f"privacy_ceiling IN {IDENTIFIERS}")]
    )
    feed_preset = CharField(10, default="clinic")
    notes_may_leave = BooleanField(default=False)
    internal_ids = BooleanField(default=True)
    # feeds of people who left, and after a downgrade, show nothing for 30 days
    empty_when_stopped = BooleanField(default=False)
    # calendars that others share with a person may block their time, too
    sync_shared = BooleanField(default=False)
    # bookings may go into a calendar that the person already has; never the main one
    sync_existing = BooleanField(default=False)
    # identifies this clinic's events in calendars outside; never shown
    installation = CharField(32, default=lambda: secrets.token_hex(8))
    contact = CharField(200, default="")
    currency = CharField(3, default="GBP")
    latest_rev = BigIntegerField(default=0)
    faces_rev = BigIntegerField(default=0)
    void_rev = BigIntegerField(
        null=True
    )  # copies of feeds up to this revision are still to be voided
    step_minutes = IntegerField(default=15)  # between offered times, from the opening hour on
    overlaps = JSONText(default=dict)  # what the nightly check found (`operate.overlap_check`)
    overlaps_checked_at = InstantField(null=True)
    created_at = InstantField(default=now)

    @property
    def is_hosted(self) -> bool:
        """Whether a host gave the clinic a plan. A clinic that hosts itself has everything."""
        return self.plan != "self-hosted"

    def allows(self, feature: str) -> bool:
        """Whether the clinic's plan has `feature` ("feed", "sync", "all_sync")."""
        return feature in PLANS[self.plan]

    def allowed_identifiers(self) -> tuple[str, ...]:
        """The identifiers up to the ceiling, the one that shows least first."""
        return IDENTIFIERS[: IDENTIFIERS.index(self.privacy_ceiling) + 1]

    @transition
    def change(self, actor: "User | None", **settings) -> None:
        """Set columns. Every feed shows the change once it is committed. Switching internal IDs on
        gives one to each client who has none.
        """
        changed = {name: value for name, value in settings.items() if getattr(self, name) != value}
        if not changed:
            return
        unseen = {"contact", "empty_when_stopped", "sync_shared", "sync_existing", "step_minutes"}
        if set(changed) - unseen - Regional.COLUMNS:
            self.bump_faces()
        shown = set(changed) & {"privacy_ceiling", "internal_ids", "notes_may_leave", "currency"}
        self.keep_before(shown)
        for name, value in changed.items():
            setattr(self, name, value)
        self.save(only=[*changed, "before"])
        if changed.get("internal_ids"):
            Patient.fill_internal_ids(self)
        AuditEntry.note(self, actor, "clinic.changed", self, **changed)

    @transition
    def change_plan(self, plan: str, actor: "User | None") -> None:
        """Change the plan. A plan without `feed` stops every feed for good; a later plan with it
        needs a new URL for each (A41–A44).
        """
        had_feed, self.plan = self.allows("feed"), plan
        self.save(only=[Clinic.plan])
        if had_feed and not self.allows("feed"):
            Feed.update(suspended_at=scheduling.utc_now(), rev=self.next_rev()).where(
                Feed.clinic == self, *Feed.living()
            ).execute()
            self.void_copies()
        AuditEntry.note(self, actor, "clinic.plan", self, plan=plan)


class Venue(Named, Shown):
    """A place of work. Its IANA zone is that of every booking there."""

    clinic = ForeignKeyField(Clinic, backref="venues")
    name = CharField(120)
    address = CharField(300, default="")
    zone_name = CharField(60)
    hours = JSONText(default=dict)
    country = CharField(2, default="")  # the country whose public holidays close it; "": none do
    region = CharField(40, default="")

    class Meta:
        indexes = ((("clinic", "name"), True),)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the wall clock here."""
        return ZoneInfo(self.zone_name)

    @transition
    def set_archived(self, archived: bool, actor: "User | None") -> None:
        """Close for new bookings, or open again. Raises LastVenue."""
        if archived and not Venue.listed(self.clinic).where(Venue.id != self.id).exists():
            raise LastVenue
        super().set_archived(archived, actor)
        self.clinic.bump_faces()

    @transition
    def change(
        self, actor: "User | None", *, name: str, address: str, zone_name: str, hours: Hours
    ) -> None:
        """Rename, re-address or re-zone. Timed bookings keep their instant; whole days are laid on
        the new zone's midnights.

        Raises AlreadyUsed for a name in use, and SlotTaken where whole days would come to overlap
        other bookings in the new zone.
        """
        wanted = {"name": name, "address": address, "zone_name": zone_name, "hours": hours}
        changed = [column for column, value in wanted.items() if getattr(self, column) != value]
        moved, shown = "zone_name" in changed, {"name", "address", "zone_name"} & set(changed)
        if shown:
            self.clinic.bump_faces()
            self.keep_before(shown)
        self.name, self.address, self.zone_name, self.hours = name, address, zone_name, hours
        with unique():
            self.save()
        if moved:
            whole = (
                Booking.select(Booking, Practitioner)
                .join(Practitioner)
                .where(Practitioner.venue == self, Booking.starts_on.is_null(False))
            )
            lay_anew(list(whole), self.zone)
        AuditEntry.note_change(self.clinic, actor, "venue.changed", self, fields=changed)


# ---- people ----


class User(Shown, KeepsTitles, UserMixin):
    """A person who signs in. `identifier` is how clients appear in this person's outside calendars;
    None: not chosen yet.
    """

    clinic = ForeignKeyField(Clinic, backref="users")
    email = CharField(254, unique=True)
    name = CharField(120)
    role = CharField(20, default="practitioner", constraints=[Check(f"role IN {ROLES}")])
    password_hash = CharField(200, null=True)
    left_at = InstantField(null=True)
    epoch = IntegerField(default=0)
    sync_allowed = BooleanField(default=False)
    identifier = CharField(30, null=True)
    mode = CharField(20, default="one_way")
    hide_sensitive = BooleanField(default=False)
    rev = BigIntegerField(default=0)
    away_rev = BigIntegerField(default=0)  # grows with changes of the person's time off
    outside_rev = BigIntegerField(default=0)  # grows with events in their calendars outside
    day_venue = IntegerField(null=True)  # for the team's day; None: all
    day_working = BooleanField(default=False)  # only the people who work on that day
    created_at = InstantField(default=now)

    @property
    def is_active(self) -> bool:
        """Whether the person still works here."""
        return self.left_at is None

    @property
    def is_manager(self) -> bool:
        """Whether the person may do what managers may; owners may, too."""
        return self.role in MANAGERS

    @property
    def books_for_all(self) -> bool:
        """Whether the person may book, change and block time in every calendar of the clinic: as a
        receptionist, or as a manager.
        """
        return self.is_manager or self.role == "receptionist"

    @property
    def is_owner(self) -> bool:
        """Whether the person is an owner."""
        return self.role == "owner"

    def see_day_of(self, venue: int | None, working: bool) -> None:
        """Store the person's choice for the team's day. `venue`: its id; None: all venues.
        `working`: show only people who work on that day.
        """
        self.day_venue, self.day_working = venue, working
        self.save(only=[User.day_venue, User.day_working])

    @property
    def sign_in_state(self) -> str:
        """ "invited" (no password chosen yet), "active" or "left"."""
        return "left" if self.left_at else "active" if self.password_hash else "invited"

    @classmethod
    def listed(cls, clinic: Clinic):
        """Everyone of the clinic by name, those who left at the end."""
        return (
            cls.select()
            .where(cls.clinic == clinic)
            .order_by(cls.left_at.is_null(False), cls.name, cls.id)
        )

    @classmethod
    def owners(cls, clinic: Clinic | int):
        """The owners of the clinic who can sign in."""
        can = cls.left_at.is_null(), cls.password_hash.is_null(False)
        return cls.select().where(cls.clinic == clinic, cls.role == "owner", *can)

    def calendars(self):
        """The person's calendars with their venues, closed ones at the end."""
        own = Practitioner.select(Practitioner, Venue).join(Venue).where(Practitioner.user == self)
        return own.order_by(Practitioner.archived, Venue.name)

    def roles_to_give(self, person: "User | None" = None) -> tuple[str, ...]:
        """The roles that this person may give: an owner any, a manager those below their own,
        everyone else only the present one.
        """
        if self.is_owner:
            return ROLES
        return BELOW_MANAGERS if person is None or person.role in BELOW_MANAGERS else (person.role,)

    def may_manage(self, person: "User") -> bool:
        """Whether this person may change that one: an owner everyone; a manager practitioners,
        receptionists and themselves.
        """
        return self.is_owner or (
            self.is_manager and (person.role in BELOW_MANAGERS or person.id == self.id)
        )

    @classmethod
    @database.atomic()
    def invite(
        cls,
        clinic: Clinic,
        actor: "User | None",
        venues: Iterable[Venue],
        *,
        name: str,
        email: str,
        role: str,
    ) -> "User":
        """A new person without a password, with a calendar at each venue. Raises AlreadyUsed for an
        address in use.
        """
        with unique():
            user = cls.create(
                clinic=clinic, name=name, email=email, role=role, rev=clinic.next_rev()
            )
        for venue in venues:
            Practitioner.open(user, venue, actor)
        AuditEntry.note(clinic, actor, "user.invited", user, role=role)
        return user

    @transition
    def change(self, actor: "User | None", *, name: str, email: str, role: str) -> None:
        """Change name, address or role. One-time tokens that were sent to an earlier address end.
        Raises AlreadyUsed for an address in use, LastOwner.
        """
        if role != self.role:
            self._require_another_owner()
        if email != self.email:
            self.burn_tokens()
        wanted = {"name": name, "email": email, "role": role}
        changed = [column for column, value in wanted.items() if getattr(self, column) != value]
        shows = "name" in changed or "role" in changed
        self.keep_before({"name"} & set(changed))
        self.name, self.email, self.role = name, email, role
        with unique():
            self.save(only=[User.name, User.email, User.role, User.before])
        if shows:
            self.clinic.bump_faces()
        AuditEntry.note_change(self.clinic, actor, "user.changed", self, role=role, fields=changed)

    def _require_another_owner(self) -> None:
        """Raise LastOwner if the clinic has no other owner. Call it with the clinic's row locked,
        so that two owners cannot leave at once.
        """
        if not self.is_owner:
            return
        self.clinic.next_rev()
        if not User.owners(self.clinic).where(User.id != self.id).exists():
            raise LastOwner

    def get_id(self) -> str:
        """The value for the session cookie. It contains `epoch`, which grows to end all
        sessions.
        """
        return f"{self.id}.{self.epoch}"

    @database.atomic()
    def set_password(self, password: str, actor: "User | None") -> None:
        """Store a new password (Argon2id), end every session of this user and burn all one-time
        tokens.
        """
        self.password_hash, self.epoch = passwords.hash_of(password), self.epoch + 1
        self.save(only=[User.password_hash, User.epoch])
        self.burn_tokens()
        AuditEntry.note(self.clinic, actor or self, "user.password", self)

    @property
    def own_words(self) -> tuple[str, str, str]:
        """Words that must not be all of this person's password."""
        return self.name, self.email, self.clinic.name

    def check_password(self, password: str) -> bool:
        """Whether the password is right. A right one is hashed again if the cost of hashing has
        grown since.
        """
        if not passwords.matches(self.password_hash, password):
            return False
        if passwords.is_outdated(self.password_hash):
            User.update(password_hash=passwords.hash_of(password)).where(
                User.id == self.id
            ).execute()
        return True

    def burn_tokens(self) -> None:
        """End this person's invitations and resets."""
        for token in self.one_time_tokens:
            token.delete_instance()

    @database.atomic()
    def sign_out_everywhere(self) -> None:
        """End all sessions of the person, by the next epoch."""
        self.epoch += 1
        self.save(only=[User.epoch])
        AuditEntry.note(self.clinic, self, "user.signed_out_everywhere", self)

    @transition
    def change_sync(self, **settings) -> None:
        """Set any of `sync_allowed`, `identifier`, `mode`, `hide_sensitive`, `titles_for`. The
        person's feeds change at once. A feed that showed more than a new identifier then uses the
        new one.
        """
        settings = {name: to for name, to in settings.items() if getattr(self, name) != to}
        if not settings:  # a second press
            return
        self.rev = self.clinic.next_rev()
        self.clinic.void_copies()
        self.keep_before({"identifier", "hide_sensitive"} & set(settings))
        for name, value in settings.items():
            setattr(self, name, value)
        if self.identifier and "identifier" in settings:
            above = IDENTIFIERS[IDENTIFIERS.index(self.identifier) + 1 :]
            for feed in self.feeds.where(Feed.identifier.in_(above)):
                feed.follow_owner()
        self.save(only=[*settings, "rev", "before"])
        AuditEntry.note(self.clinic, self, "sync.settings", self, **settings)

    @property
    def missing_consent(self) -> str:
        """The choice that must come first: "opt_in", then "identifier"; "": both are made."""
        return ("" if self.identifier else "identifier") if self.sync_allowed else "opt_in"

    def why_no_feeds(self) -> str | None:
        """Why this person's feeds are not answered: "plan", "opt_in", or None if they are."""
        if not self.clinic.allows("feed"):
            return "plan"
        return None if self.sync_allowed else "opt_in"

    @transition
    def leave(self, actor: "User | None") -> None:
        """End the person's work in the clinic: sign-in off, feeds off, calendars closed for new
        bookings. Bookings stay. Raises LastOwner.
        """
        if self.left_at is not None:
            return
        self._require_another_owner()
        self.left_at, self.epoch = scheduling.utc_now(), self.epoch + 1
        self.save(only=[User.left_at, User.epoch])
        for feed in self.feeds.where(Feed.revoked_at.is_null()):
            feed.revoke(actor, because="left")
        closed = [calendar.id for calendar in self.practitioners.where(~Practitioner.archived)]
        Practitioner.update(archived=True).where(Practitioner.id.in_(closed)).execute()
        self.burn_tokens()
        self.clinic.bump_faces()
        AuditEntry.note(self.clinic, actor, "user.left", self, calendars=closed)

    @transition
    def come_back(self, actor: "User | None") -> None:
        """Undo `leave`: sign-in and the calendars that it closed work again. Feeds stay stopped;
        the person makes new ones.
        """
        if self.left_at is None:
            return
        self.left_at = None
        self.save(only=[User.left_at])
        left = AuditEntry.latest(self, "user.left")
        Practitioner.update(archived=False).where(
            Practitioner.user == self, Practitioner.id.in_(left.detail["calendars"] if left else [])
        ).execute()
        self.clinic.bump_faces()
        AuditEntry.note(self.clinic, actor, "user.returned", self)


class Practitioner(Archivable, OnlineCalendar):
    """The calendar of one user at one venue. `calendar_rev` grows with every visible change of a
    booking in it.
    """

    clinic = ForeignKeyField(Clinic, backref="practitioners")
    user = ForeignKeyField(User, backref="practitioners")
    venue = ForeignKeyField(Venue, backref="practitioners")
    uuid = UUIDField(unique=True, default=uuid.uuid4)
    colour = CharField(20, default="teal")
    hours = JSONText(default=dict)
    calendar_rev = BigIntegerField(default=0)

    class Meta:
        indexes = ((("user", "venue"), True),)

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the wall clock here."""
        return self.venue.zone

    @classmethod
    def listed(cls, clinic: Clinic):
        """The clinic's open calendars with user and venue, by name."""
        return (
            cls.select(cls, User, Venue)
            .join(User)
            .switch(cls)
            .join(Venue)
            .where(cls.clinic == clinic, ~cls.archived, ~Venue.archived)
            .order_by(User.name, Venue.name)
        )

    @classmethod
    @database.atomic()
    def open(cls, user: User, venue: Venue, actor: User | None) -> "Practitioner":
        """The person's calendar at the venue: a closed one is opened again, a new one starts with
        the venue's hours.
        """
        calendar, made = cls.get_or_create(
            user=user, venue=venue, defaults={"clinic": venue.clinic, "hours": venue.hours}
        )
        if made:
            venue.clinic.bump_faces()
            AuditEntry.note(venue.clinic, actor, "practitioner.added", calendar)
        elif calendar.archived:
            calendar.set_archived(False, actor)
        return calendar

    def check_open(self) -> None:
        """Raise ClosedCalendar if nothing new may be booked here: somebody may have left, or closed
        the calendar or its venue, since it was read. Call it in the transaction that books.
        """
        if not Practitioner.listed(self.clinic).where(Practitioner.id == self.id).exists():
            raise ClosedCalendar

    @transition
    def set_hours(self, actor: User | None, hours: Hours) -> None:
        """Change the working hours."""
        self.hours = hours
        self.save(only=[Practitioner.hours])
        AuditEntry.note(self.clinic, actor, "practitioner.hours", self)

    @transition
    def set_archived(self, archived: bool, actor: User | None) -> None:
        """Close for new bookings, or open again."""
        super().set_archived(archived, actor)
        self.clinic.bump_faces()


# ---- clients and services ----


class Patient(Numbered):
    """A client of the clinic. Screens say "client"; *client* in code means HTTP."""

    clinic = ForeignKeyField(Clinic, backref="patients")
    internal_id = CharField(20, null=True)
    first_name = CharField(80)
    last_name = CharField(80, default="")
    email = CharField(254, default="")
    phone = CharField(40, default="")
    notes = TextField(default="")
    search = CharField(600, default="", index=True)
    rev = BigIntegerField(default=0)
    label_changes = JSONText(
        null=True
    )  # identifier → when its label changed, in seconds; null: `rev`
    created_at = InstantField(default=now)
    # the record in use instead, if both were the same person
    merged_into = ForeignKeyField("self", null=True, backref="led_on", index=False)
    language = CharField(10, default="en")  # the language of letters to the client
    unreminded_at = InstantField(null=True)  # when the client asked for no reminders any more

    class Meta:
        indexes = (
            (("clinic", "internal_id"), True),
            (("clinic", "last_name", "first_name"), False),
        )

    @property
    def name(self) -> str:
        """First and last name, as far as there are any."""
        return f"{self.first_name} {self.last_name}".strip()

    def _labels(self) -> dict[str, str]:
        """The label of this client for each identifier."""
        facts = self.first_name, self.last_name, self.internal_id or ""
        return {identifier: client_label(identifier, *facts) for identifier in IDENTIFIERS}

    @transition
    def set_archived(self, archived: bool, actor: "User | None") -> None:
        """Archive, or bring back. Raises DoesNotExist if the record was merged into another."""
        if self.merged_into_id:
            raise Patient.DoesNotExist
        super().set_archived(archived, actor)

    @transition
    def change(self, actor: "User | None", **fields) -> None:
        """Change any columns. If name or ID changes, every calendar with a booking of this client
        changes at once.

        An internal ID that is emptied becomes the next free one. Raises AlreadyUsed for an ID in
        use, and DoesNotExist if the record was merged into another.
        """
        if self.merged_into_id:
            raise Patient.DoesNotExist
        if fields.get("internal_id") == "":
            fields["internal_id"] = Patient.next_internal_id(self.clinic)
        changed = [name for name, value in fields.items() if getattr(self, name) != value]
        visible = bool({"first_name", "last_name", "internal_id"} & set(changed))
        if "notes" in changed:
            NoteVersion.keep(self, actor)
        labels = self._labels()
        for name in changed:
            setattr(self, name, fields[name])
        if visible:
            known, at = self.label_changes or {}, this_second()
            self.label_changes = {
                identifier: known.get(identifier, self.rev) if label == labels[identifier] else at
                for identifier, label in self._labels().items()
            }
            self.rev = self.clinic.next_rev()
            seen_by = Booking.select(Booking.practitioner).where(Booking.patient == self)
            Practitioner.update(calendar_rev=self.rev).where(Practitioner.id.in_(seen_by)).execute()
        with unique():
            self.save()
        AuditEntry.note_change(self.clinic, actor, "patient.changed", self, fields=changed)


Patient.add_index(
    SQL(
        "CREATE UNIQUE INDEX IF NOT EXISTS patient_internal_id_folded ON patient (clinic_id,"
        " LOWER(internal_id))"
    )
)
Patient.add_index(NumberIndex())
Patient.add_index(SQL("CREATE INDEX IF NOT EXISTS patient_email ON patient (clinic_id, email)"))


LONGEST_GAP = timedelta(days=2)  # bounds of the time that is kept free beside a booking


class Service(Named, Shown, OnlineService):
    """A service that can be booked. Price in minor units of the clinic's currency."""

    clinic = ForeignKeyField(Clinic, backref="services")
    name = CharField(120)
    duration_minutes = IntegerField(default=50)
    gap_before_minutes = IntegerField(default=0)
    buffer_minutes = IntegerField(default=0)  # the gap after
    price_cents = IntegerField(default=0)
    colour = CharField(20, default="teal")
    bookable_online = BooleanField(default=False)
    for_everyone = BooleanField(default=True)  # otherwise everyone with a row in `Offer`

    class Meta:
        indexes = ((("clinic", "name"), True),)

    @transition
    def change(self, actor: "User | None", **fields) -> None:
        """Change any columns; a new name appears in every feed at once. Raises AlreadyUsed for a
        name in use.
        """
        changed = [name for name, value in fields.items() if getattr(self, name) != value]
        if "name" in changed:
            self.clinic.bump_faces()
            self.keep_before({"name"})
        for name in changed:
            setattr(self, name, fields[name])
        with unique():
            self.save()
        AuditEntry.note_change(self.clinic, actor, "service.changed", self, fields=changed)


# ---- bookings ----


class Booking(Placed, InFull, InSeries, client_letters.ChangedOnline):
    """One appointment, or whole days at a daily rate. `uuid` is its UID in every calendar, for
    ever.

    `starts_at`/`ends_at` are always filled. Whole days also have `starts_on`/`ends_on` (exclusive),
    and their instants are midnights in the venue's zone. `series` joins the separate bookings of
    one repeat.
    """

    clinic = ForeignKeyField(Clinic, backref="bookings")
    practitioner = ForeignKeyField(Practitioner, backref="bookings")
    patient = ForeignKeyField(Patient, null=True, backref="bookings")
    service = ForeignKeyField(Service, null=True, backref="bookings")
    uuid = UUIDField(unique=True, default=uuid.uuid4)
    status = CharField(12, default="confirmed", constraints=[Check(f"status IN {STATUSES}")])
    starts_at = InstantField()
    ends_at = InstantField()
    starts_on = DateField(null=True)
    ends_on = DateField(null=True)
    rate_cents = IntegerField(null=True)
    notes = TextField(default="")
    series = UUIDField(null=True, index=True)
    sequence = IntegerField(default=0)
    created_at = InstantField(default=now)
    updated_at = InstantField(default=now)
    # anyone would do: these visits count for a fair share
    anyone = BooleanField(null=True)
    # a client booked it online: it counts for the day's limit
    online = BooleanField(null=True)

    class Meta:
        indexes = (
            (("practitioner", "starts_at"), False),
            (("patient", "starts_at"), False),
            (("clinic", "starts_at"), False),
        )
        constraints = (Check("ends_at > starts_at"),)

    @property
    def title(self) -> str:
        """The client or text that our own screens show. Without both, and without a price, the time
        is only blocked.
        """
        named = self.patient or self.service
        return named.name if named else "No client" if self.rate_cents else "Blocked"

    @classmethod
    @joined()
    def book(
        cls,
        practitioner: Practitioner,
        spans: Sequence[Span],
        actor: User | None,
        *,
        status: str = "confirmed",
        allow_overlap: bool | Collection[str] = False,
        skip_taken: bool = False,
        is_clear: bool = False,
        key: UUID | None = None,
        new_client: Callable[[], Patient] | None = None,
        **fields,
    ) -> Changed:
        """Make one booking for each span; several are joined as a series. Raises SlotTaken, and
        then makes none; BadTime if the spans overlap each other; ClosedCalendar.

        `allow_overlap`: True, or the keys of what a person agreed to overlap. `skip_taken`: leave
        out spans that are taken; SlotTaken if none is left. `key`: a second call with the same key,
        calendar and times returns the first bookings (`is_again`). `new_client` adds the client;
        its error ends everything. `is_clear`: the caller locked the clinic, then looked.
        """
        if not is_clear:
            practitioner.clinic.lock()
        if key and (earlier := cls.made_before(practitioner, key, spans)):
            return Changed(earlier, is_again=True)
        taken = [] if is_clear else cls.in_the_way(practitioner, spans, status)
        uuids = dict(zip(spans, form_uuids(practitioner, key, spans), strict=True)) if key else {}
        if skip_taken:
            spans = untaken(spans, taken)
        else:
            refuse_taken(taken, allow_overlap)
        if fields.get("patient") and not is_clear:
            fields["patient"] = fields["patient"].record_in_use
        if new_client:
            fields["patient"] = new_client()
        fields |= {"status": status, "series": uuid.uuid4() if len(spans) > 1 else None}
        made = Changed(skipped=taken if skip_taken else ())
        agreed = {} if skip_taken else {clash.span: clash.keys for clash in taken}
        for span in spans:
            booking = cls(clinic=practitioner.clinic, practitioner=practitioner, **fields)
            booking.uuid = uuids.get(span) or uuid.uuid4()
            booking.place(span)
            booking.save(force_insert=True)
            made.append(booking)
            Agreement.keep([(booking.id, key) for key in agreed.get(span, ())], actor)
        cls.bump(practitioner.clinic, practitioner)
        client_letters.queue_letters_of_new(practitioner.clinic, made, fields.get("patient"))
        made[0].note(actor, "booking.made", made)
        return made

    @classmethod
    @database.atomic()
    def add_many(
        cls, clinic: Clinic, rows: Iterable[dict], actor: User | None, entry_id: int | None = None
    ) -> int:
        """Insert many bookings (columns by name, `practitioner` as id), with one revision and one
        entry of the history for all. Returns the entry's id, for the next portion.

        Conflicts are not looked for: the caller has done it in the same transaction, with the
        clinic locked.
        """
        calendars = set()

        def bookings():
            for row in rows:
                calendars.add(row["practitioner"])
                yield cls(clinic=clinic.id, **row)

        count = insert_many_rows(cls, bookings())
        cls.bump(clinic, *Practitioner.select().where(Practitioner.id.in_(calendars)))
        return AuditEntry.note_portion(clinic, actor, "bookings.added", count, entry_id)

    @staticmethod
    def bump(clinic: Clinic, *practitioners: Practitioner) -> None:
        """Note that these calendars changed, in the transaction of the change: feeds are renewed
        with the commit (A19, D36).
        """
        ids = {p.id for p in practitioners}
        Practitioner.update(calendar_rev=clinic.next_rev()).where(
            Practitioner.id.in_(ids)
        ).execute()


# ---- feeds ----
MOST_FEEDS = 30  # active feeds of one person, at most


class Feed(FeedScope, Shown):
    """One feed. Its token is never stored: it is derived from the server's secret, `uuid` and
    `salt`.

    `statuses` maps a booking's status to the one in iCalendar; bookings with other statuses are not
    shown. `past_days`/`future_days` None: no limit.
    """

    clinic = ForeignKeyField(Clinic, backref="feeds")
    user = ForeignKeyField(User, backref="feeds")
    practitioner = ForeignKeyField(Practitioner, null=True)
    uuid = UUIDField(unique=True, default=uuid.uuid4)
    name = CharField(80)
    kind = CharField(
        12, default="bookings", constraints=[Check("kind IN ('bookings', 'availability')")]
    )
    scope = CharField(
        12,
        default="practitioner",
        constraints=[Check("scope IN ('practitioner', 'person', 'clinic')")],
    )
    identifier = CharField(30, null=True)  # None: as its owner chose for all
    title = CharField(60, default=feed_presets.TITLE)
    details = CharField(60, default="")
    statuses = JSONText(default=lambda: dict(feed_presets.CLINIC))
    past_days = IntegerField(null=True, default=30)
    future_days = IntegerField(null=True, default=365)
    hide_sensitive = BooleanField(default=False)
    salt = CharField(40, default=lambda: secrets.token_urlsafe(24))
    rev = BigIntegerField(default=0)
    created_at = InstantField(default=now)
    rotated_at = InstantField(null=True)
    suspended_at = InstantField(null=True)
    revoked_at = InstantField(null=True)
    revoked_because = CharField(12, default="")

    @classmethod
    def living(cls) -> tuple:
        """Conditions for "neither stopped nor suspended"."""
        return cls.revoked_at.is_null(), cls.suspended_at.is_null()

    @classmethod
    def draft(cls, user: User, **settings) -> "Feed":
        """A feed with the clinic's preset, except for `settings`; not stored."""
        clinic = user.clinic
        preset = feed_presets.preset(clinic.feed_preset, clinic.notes_may_leave)
        return cls(clinic=clinic, user=user, **{**preset, **settings})

    @classmethod
    @database.atomic()
    def generate(cls, user: User, name: str, actor: User | None, **settings) -> "Feed":
        """Make a feed ("Generate feed URL"). Raises NoFeeds. Raises NotYours if it would show
        calendars of others and the user is no manager.
        """
        user.clinic.lock()
        user = User.get_by_id(user.id)
        if why := user.why_no_feeds() or (
            "most" if user.feeds.where(*cls.living()).count() >= MOST_FEEDS else None
        ):
            raise NoFeeds(why)
        clinic, feed = user.clinic, cls.draft(user, name=name, **settings)
        if feed.lacks_role(user):
            raise NotYours()
        feed.rev = clinic.next_rev()
        feed.save(force_insert=True)
        AuditEntry.note(clinic, actor, "feed.generated", feed, kind=feed.kind, scope=feed.scope)
        return feed

    @transition
    def change(self, actor: User | None, **settings) -> None:
        """Change what the feed shows; its URL stays. Raises FeedStopped."""
        if self.revoked_at:
            raise FeedStopped
        changed = [name for name, value in settings.items() if getattr(self, name) != value]
        if set(changed) - {"name"}:
            self.rev = self.clinic.next_rev()
            self.clinic.void_copies()
            shown = {"identifier", "title", "details", "hide_sensitive", "statuses"}
            self.keep_before(set(changed) & shown)
        for name in changed:
            setattr(self, name, settings[name])
        self.save()
        AuditEntry.note_change(self.clinic, actor, "feed.changed", self, fields=changed)

    def follow_owner(self) -> None:
        """Use the identifier that the owner chose for all feeds; part of the owner's change."""
        self.keep_before({"identifier"})
        self.identifier = None
        self.save(only=[Feed.identifier, Feed.before])

    @transition
    def rotate(self, actor: User | None) -> None:
        """Give the feed a new URL; the old one ends with the commit. Also restarts a feed that a
        plan change stopped (A44). Raises FeedStopped.
        """
        if self.revoked_at:
            raise FeedStopped
        self.salt, self.rotated_at, self.suspended_at = (
            secrets.token_urlsafe(24),
            scheduling.utc_now(),
            None,
        )
        self.rev = self.clinic.next_rev()
        self.clinic.void_copies()
        self.save()
        FeedRead.delete().where(FeedRead.feed == self).execute()
        AuditEntry.note(self.clinic, actor, "feed.rotated", self)

    @transition
    def revoke(self, actor: User | None, because: str = "stopped") -> None:
        """Stop the feed for good; stopping it again changes nothing."""
        if self.revoked_at:
            return
        self.revoked_at, self.revoked_because, self.rev = (
            scheduling.utc_now(),
            because,
            self.clinic.next_rev(),
        )
        self.clinic.void_copies()
        self.save()
        AuditEntry.note(self.clinic, actor, "feed.revoked", self, because=because)

    @transition
    def clear(self) -> None:
        """Remove a stopped feed from its owner's list, and delete who read it; the history keeps
        its name.
        """
        self.revoked_at, self.revoked_because = self.revoked_at or scheduling.utc_now(), "cleared"
        self.save(only=[Feed.revoked_at, Feed.revoked_because])
        FeedRead.delete().where(FeedRead.feed == self).execute()


class FeedRead(Base):
    """A reader of a feed: the family of program, never an address."""

    feed = ForeignKeyField(Feed, backref="reads", on_delete="CASCADE")
    family = CharField(40)
    first_at = InstantField()
    last_at = InstantField()
    count = IntegerField(default=0)
    interval_seconds = IntegerField(null=True)

    class Meta:
        indexes = ((("feed", "family"), True),)
