"""The rules of online booking: the clinic's settings, and those of service and practitioner. The
team's own bookings have none of these rules.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from peewee import BooleanField, CharField, ForeignKeyField, IntegerField, TextField

from base import scheduling
from base.database import JSONText
from base.tables.traits import ClinicSettings
from models import Clinic, Practitioner, Service

# What happens if calendars outside were last read too long ago: book, take as a request, or do not
# book.
WHEN_STALE = ("open", "pending", "close")
ASKS = ("email", "phone", "either")  # the contact details that a client must give


class OnlineSettings(ClinicSettings):
    """The settings of a clinic's online booking: one row at most; without a row nothing was set
    yet.

    `outside_blocks` None: external events block once anybody syncs both ways. `stale_minutes` None:
    two minutes where instant updates are on, else one round of reading. `welcome` and
    `cancellation`: texts for clients. `consent`: what they must agree to (empty: nothing).
    """

    action = "online.changed"
    clinic = ForeignKeyField(Clinic, unique=True, backref="online_settings")
    is_on = BooleanField(default=False)
    needs_approval = BooleanField(default=False)
    lapse_hours = IntegerField(default=24)  # how long the clinic may take to answer a request
    change_hours = IntegerField(default=24)  # before the start, to move or cancel
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
    phone = CharField(40, default="")  # the phone number that clients see
    colour = CharField(20, default="teal")
    embed_origins = JSONText(default=list)  # may frame the page: "https://…"

    @property
    def may_block_outside(self) -> bool:
        """Whether external events may block online booking, unless the clinic switched that off."""
        return self.outside_blocks is not False

    def last_change(self, starts_at: datetime) -> datetime:
        """The last instant at which clients may move or cancel a booking with this start."""
        return starts_at - timedelta(hours=self.change_hours)

    def is_changeable(self, starts_at: datetime) -> bool:
        """Whether clients may move or cancel a booking with this start now."""
        return scheduling.utc_now() < self.last_change(starts_at)

    def blocks_outside(self, somebody_syncs: bool) -> bool:
        """Whether external events block online booking: as set, else once somebody in the clinic
        syncs both ways.
        """
        return somebody_syncs if self.outside_blocks is None else self.outside_blocks


@dataclass(frozen=True)
class OnlineRules:
    """The rules of one service in one calendar: the least and the most time from now to the start,
    the most online bookings that begin there on one day (None: any number), and whether external
    events take time.
    """

    notice: timedelta
    horizon: timedelta
    most_a_day: int | None = None
    outside_blocks: bool = True

    @classmethod
    def of(
        cls, settings: OnlineSettings, service: Service, calendar: Practitioner
    ) -> "OnlineRules":
        """The rules of one service in one calendar: the service's own booking notice and horizon,
        else the clinic's; and the calendar's limit for a day.
        """
        notice, horizon = service.online_notice_hours, service.online_horizon_days
        return cls(
            timedelta(hours=settings.notice_hours if notice is None else notice),
            timedelta(days=settings.horizon_days if horizon is None else horizon),
            calendar.online_most,
            settings.may_block_outside,
        )


def leaves_nothing(notice_hours: int, horizon_days: int) -> bool:
    """Whether the rules leave no time: the booking notice is not shorter than the horizon."""
    return notice_hours >= 24 * horizon_days


def needs_approval(settings: OnlineSettings, service: Service) -> bool:
    """Whether the clinic confirms a booking of the service itself before it counts."""
    if service.online_approval == "clinic":
        return settings.needs_approval
    return service.online_approval == "always"
