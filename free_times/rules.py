"""By which rules clients book online: the clinic's settings, and what service and practitioner say
of their own. The team's own ways of booking know none of them.
"""

from dataclasses import dataclass
from datetime import timedelta

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from base.database import Base, JSONText, transition
from base.tables.audit import AuditEntry
from models import Clinic, Practitioner, Service, User

# Where calendars outside were last read too long ago: book, take as a request, or do not book.
WHEN_STALE = ("open", "pending", "close")
ASKS = ("email", "phone", "either")  # what a client must leave


class OnlineSettings(Base):
    """How a clinic is booked online: one row at most, and none means that nothing was ever set.

    `outside_blocks` None: on as soon as anybody syncs both ways. `stale_minutes` None: two with
    instant updates, one round of reading without. `welcome` and `cancellation` are what the clinic
    says to its clients, `consent` what they must agree to (empty: nothing).
    """

    clinic = ForeignKeyField(Clinic, unique=True, backref="online_settings")
    is_on = BooleanField(default=False)
    needs_approval = BooleanField(default=False)
    lapse_hours = IntegerField(default=24)  # after which a request that nobody answered ends
    change_hours = IntegerField(default=24)  # before the start, for moving and cancelling
    notice_hours = IntegerField(default=2)
    horizon_days = IntegerField(default=60)
    outside_blocks = BooleanField(null=True)
    when_stale = CharField(10, default="pending")  # one of WHEN_STALE
    stale_minutes = IntegerField(null=True)
    asks = CharField(10, default="either")  # one of ASKS
    note_allowed = BooleanField(default=False)
    consent = TextField(default="")
    welcome = TextField(default="")
    cancellation = TextField(default="")
    phone = CharField(40, default="")  # that clients see
    colour = CharField(20, default="teal")
    embed_origins = JSONText(default=list)  # that may show the page in a frame: "https://…"

    @classmethod
    def of(cls, clinic: Clinic) -> "OnlineSettings":
        """The clinic's settings; where it has none yet, those that every clinic begins with, not
        stored.
        """
        return cls.get_or_none(cls.clinic == clinic) or cls(clinic=clinic)

    @classmethod
    def stored(cls, clinic: Clinic) -> "OnlineSettings":
        """The clinic's settings as a row, made now where there is none. Call it while the clinic is
        held (`base.database.alone`).
        """
        return cls.get_or_create(clinic=clinic)[0]

    @property
    def may_block_outside(self) -> bool:
        """Whether events outside may block online booking at all: unless it was switched off."""
        return self.outside_blocks is not False

    def blocks_outside(self, somebody_syncs: bool) -> bool:
        """Whether events outside block online booking: as it was set, else as soon as somebody in
        the clinic syncs both ways.
        """
        return somebody_syncs if self.outside_blocks is None else self.outside_blocks

    @transition
    def change(self, actor: User | None, **columns) -> None:
        """Set columns. Nothing outside shows them, so no calendar is woken."""
        changed = [name for name, value in columns.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, columns[name])
        if changed:
            self.save(only=changed)
            AuditEntry.note(self.clinic, actor, "online.changed", self, fields=changed)


@dataclass(frozen=True)
class OnlineRules:
    """What holds for one service in one calendar: how long before its start a visit is booked, at
    least and at most, how many online bookings begin there on one day at most (None: any number),
    and whether events outside take time.
    """

    notice: timedelta
    horizon: timedelta
    most_a_day: int | None = None
    outside_blocks: bool = True

    @classmethod
    def of(
        cls, settings: OnlineSettings, service: Service, calendar: Practitioner
    ) -> "OnlineRules":
        """The service's own notice and horizon, else the clinic's; the calendar's most a day."""
        notice, horizon = service.online_notice_hours, service.online_horizon_days
        return cls(
            timedelta(hours=settings.notice_hours if notice is None else notice),
            timedelta(days=settings.horizon_days if horizon is None else horizon),
            calendar.online_most,
            settings.may_block_outside,
        )


def leaves_nothing(notice_hours: int, horizon_days: int) -> bool:
    """Whether nobody could ever book: the notice is as long as the horizon, or longer."""
    return notice_hours >= 24 * horizon_days


def needs_approval(settings: OnlineSettings, service: Service) -> bool:
    """Whether the clinic confirms a booking of the service itself before it counts."""
    if service.online_approval == "clinic":
        return settings.needs_approval
    return service.online_approval == "always"
