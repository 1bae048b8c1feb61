"""What notices tell of, read with a few queries for all of them: no template asks the database."""

from collections.abc import Collection, Iterable
from uuid import UUID

from peewee import ModelSelect

from base.catalogue import _
from base.tables.outside import ExternalEvent
from models import Booking, Patient, Practitioner, Service, User, Venue
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

MOST_NAMED = 100


def load(account: Account, calendars: Iterable[RemoteCalendar], notices: Collection[Notice]):
    """Give notices of one account their account, booking, calendar and event."""
    by_id = {row.id: row for row in calendars}
    bookings = _by_id(_bookings(account.clinic_id), Booking.id, [one.booking_id for one in notices])
    events = _by_id(ExternalEvent.select(), ExternalEvent.id, [one.event_id for one in notices])
    for notice in notices:
        notice.account = account
        notice.booking = bookings.get(notice.booking_id)
        notice.calendar = by_id.get(notice.calendar_id)
        notice.event = events.get(notice.event_id)


def _by_id(rows: ModelSelect, key, ids: list[int | None]) -> dict:
    wanted = [one for one in ids if one is not None]
    return {row.id: row for row in rows.where(key.in_(wanted))} if wanted else {}


def stopped(notice: Notice) -> list[Booking]:
    """The bookings whose events a stopped plan would delete, soonest first, as many as can be
    read.
    """
    uids = [UUID(uid) for uid in notice.detail.get("uids", [])[:MOST_NAMED]]
    rows = _bookings(notice.clinic_id).where(Booking.uuid.in_(uids))
    return list(rows.order_by(Booking.starts_at))


def _bookings(clinic_id: int) -> ModelSelect:
    """With what their title and times need."""
    return (
        Booking.select(Booking, Practitioner, Venue, Patient, Service)
        .join(Practitioner)
        .join(Venue)
        .switch(Booking)
        .left_outer_join(Patient, on=(Booking.patient == Patient.id))
        .switch(Booking)
        .left_outer_join(Service, on=(Booking.service == Service.id))
        .where(Booking.clinic == clinic_id)
    )


def asker(notice: Notice) -> str:
    """Who asks the person to look after their calendar sync."""
    user = User.get_or_none(User.id == notice.detail.get("by", 0), User.clinic == notice.clinic_id)
    return user.name if user else _("Your clinic")
