"""The address of a clinic's page for online booking: a short name that may be changed."""

import re
from datetime import timedelta
from uuid import UUID

from peewee import CharField, ForeignKeyField

from base import scheduling
from base.bookings.changes import ChangedMeanwhile
from base.database import AlreadyUsed, Base, InstantField, alone, now, unique
from base.tables.audit import AuditEntry
from base.tables.bulk import tuples
from base.text import search_key
from free_times.rules import OnlineSettings
from models import Booking, Clinic, User

from .made_online import OnlineBooking

LEADS_ON = timedelta(days=90)  # how long an old name leads to the new one
MOST = 20  # old and new names that belong to one clinic, at most
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,38}[a-z0-9])", re.ASCII)


class TooManyNames(Exception):
    """The clinic has had as many page names as it may have."""


class PageName(Base):
    """A short name in the address of a clinic's page, in lower case. `until` None: the name is in
    force; else it leads to the name in force until then. No other clinic can ever get the name: it
    may be printed on cards, and must lead no client to another clinic.
    """

    clinic = ForeignKeyField(Clinic, backref="page_names")
    name = CharField(40, unique=True)
    since = InstantField(default=now)
    until = InstantField(null=True)


def is_name(name: str) -> bool:
    """Whether the text may be the name of a page: 3 to 40 small letters, digits, and hyphens
    between them.
    """
    return bool(_NAME.fullmatch(name))


def suggested(text: str, fallback: str = "clinic") -> str:
    """A name for the page's address, made of any text, such as the name of a clinic, a venue or a
    person.
    """
    plain = search_key(text).encode("ascii", "ignore").decode()
    joined = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")[:40].strip("-")
    return joined if len(joined) > 1 else fallback


def find_page(name: str) -> tuple[PageName, OnlineSettings] | None:
    """The page of a name that somebody typed, with its clinic and the clinic's settings. None if no
    clinic has the name, or its page is switched off. One query in each case.
    """
    return _find(
        PageName.name == (name.lower() if is_name(name.lower()) else ""),
        PageName.until.is_null() | (PageName.until > scheduling.utc_now()),
        OnlineSettings.is_on,
    )


def of_booking(uuid: UUID) -> tuple[PageName, OnlineSettings] | None:
    """The name in force of the clinic where this booking was made online, even if the page is off:
    clients can still see their booking.
    """
    booked = OnlineBooking.select(OnlineBooking.clinic).join(Booking).where(Booking.uuid == uuid)
    return _find(PageName.clinic.in_(booked), PageName.until.is_null())


def of_clinic(name: str, clinic: int) -> tuple[PageName, OnlineSettings] | None:
    """The name, if this clinic (id) has it, even if the page is off. For visitors whose form shows
    that they were on the page.
    """
    return _find(PageName.name == name.lower(), PageName.clinic == clinic)


def _find(*wanted: object) -> tuple[PageName, OnlineSettings] | None:
    row = (
        PageName.select(PageName, Clinic, OnlineSettings)
        .join(Clinic)
        .join(OnlineSettings, on=(OnlineSettings.clinic == Clinic.id), attr="own_settings")
        .where(*wanted)
        .get_or_none()
    )
    return (row, vars(row.clinic)["own_settings"]) if row else None


def in_force(clinic: Clinic) -> str | None:
    """The clinic's name in force; None if it has none yet."""
    row = PageName.get_or_none(PageName.clinic == clinic, PageName.until.is_null())
    return row.name if row else None


def rename(clinic: Clinic, actor: User | None, name: str, was: str | None = None) -> None:
    """Give the clinic's page another name; the one before leads to it for 90 days.

    Raises AlreadyUsed if another clinic has the name or ever had it, TooMany, and ChangedMeanwhile
    if the clinic has neither this name nor the one that the page showed (`was`, "": none).
    """
    with alone(clinic):
        at, now = scheduling.utc_now(), in_force(clinic)
        if now == name:
            return
        if was not in (None, now or ""):
            raise ChangedMeanwhile
        had = [row.name for row in PageName.select().where(PageName.clinic == clinic)]
        if name not in had and len(had) >= MOST:
            raise TooManyNames
        PageName.update(until=at + LEADS_ON).where(
            PageName.clinic == clinic, PageName.until.is_null()
        ).execute()
        PageName.delete().where(PageName.clinic == clinic, PageName.name == name).execute()
        with unique():
            PageName.create(clinic=clinic, name=name, since=at)
        AuditEntry.note(clinic, actor, "online.named", clinic, name=name)


def ensure(clinic: Clinic, actor: User | None) -> str:
    """The clinic's page name; if it has none yet, a new one made of the clinic's name."""
    name = in_force(clinic)
    if name:
        return name
    base = suggested(clinic.name)
    for number in range(1, 100):
        name = base if number == 1 and is_name(base) else f"{base[:36]}-{number}"
        try:
            rename(clinic, actor, name)
        except AlreadyUsed:
            continue
        return name
    raise AlreadyUsed


def switched_on() -> list[str]:
    """The names of all pages that are on."""
    rows = PageName.select(PageName.name).join(
        OnlineSettings, on=(OnlineSettings.clinic == PageName.clinic)
    )
    wanted = OnlineSettings.is_on, PageName.until.is_null()
    return [name for (name,) in tuples(rows.where(*wanted).order_by(PageName.id))]
