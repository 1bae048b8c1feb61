"""The card of an external event: its time, its calendar, whether it blocks booking here and why."""

from dataclasses import dataclass
from datetime import date

from flask_login import current_user

from base.catalogue import _
from base.tables.outside import ExternalEvent
from models import Practitioner
from sync.tables import account_names
from sync.tables.accounts import RemoteCalendar
from views.kit import display

from . import columns, places


@dataclass(frozen=True)
class OutsideCard:
    """`calendar` and `account` are empty for everyone but the owner of the calendar."""

    title: str
    when: str
    day: date
    owner: str
    is_own: bool
    busy: str
    why: str
    provider: str
    shows_title: bool = False  # for people other than its owner
    calendar: str = ""
    account: str = ""


def card(event: ExternalEvent, calendar: Practitioner) -> OutsideCard:
    """The card of an event of the calendar's person, in the calendar's zone."""
    is_own, source = calendar.user_id == current_user.id, event.calendar
    account = source.account
    provider = account_names.name_of(account, is_own)
    zone = (
        f", {display.zone_name(calendar.zone)}"
        if places.zone_differs(calendar) and not event.all_day
        else ""
    )
    private = {"calendar": display.called(source), "account": account.email} if is_own else {}
    return OutsideCard(
        columns.external_title(event, columns.shows_titles(calendar)),
        display.from_to(event, calendar.zone) + zone,
        display.first_day(event, calendar.zone),
        calendar.user.name,
        is_own,
        display.BUSY_NAMES[event.busy],
        _why(event, source, provider),
        provider,
        columns.shows_titles(calendar),
        **private,
    )


def _why(event: ExternalEvent, source: RemoteCalendar, provider: str) -> str:
    """Whether the event blocks booking, and by which rule (C44, X23)."""
    busy = display.BUSY_NAMES[event.busy].lower()
    if event.blocks:
        return _(
            "It is marked {busy} in {provider}, so it blocks booking here.",
            busy=busy,
            provider=provider,
        )
    if event.busy == "free":
        return _(
            "It is marked free in {provider}, so it does not block booking here.", provider=provider
        )
    if event.all_day and not source.rules["all_day"]:
        return _("It lasts whole days, and whole days of this calendar do not block booking here.")
    return _(
        "It is marked {busy}, and such times of this calendar do not block booking here.", busy=busy
    )
