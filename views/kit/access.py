"""The rights to see and change rows, which are loaded here, only from the person's own clinic.
Rows of private links and of calendars outside: `sync_access`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import abort, g, url_for
from flask_login import current_user, login_required
from werkzeug.exceptions import NotFound

from base import scheduling
from base.catalogue import lazy
from base.tables.audit import AuditEntry
from base.tables.outside import ExternalEvent
from base.tables.time_off import UNDO_FOR, DatedHours, TimeOff
from free_times.earlier.entries import WaitingEntry
from models import Booking, Clinic, Patient, Practitioner, Service, User, Venue
from operate.intake.upload import Import
from people import founding
from people.sessions import Session

from . import loading

View = Callable[..., Any]
Result = TypeVar("Result")


def clinic() -> Clinic:
    """The clinic of the signed-in person."""
    own: Clinic = current_user.clinic
    return own


def _role_required(allowed: Callable[[User], bool]) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        @wraps(view)
        @login_required  # type: ignore[untyped-decorator]
        def checked(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs) if allowed(current_user) else abort(403)

        return checked

    return decorate


manager_required = _role_required(lambda user: user.is_manager)
owner_required = _role_required(lambda user: user.is_owner)


def first_page() -> str:
    """The address of the page that opens first: the team's day for people who book for everyone,
    once there are other calendars and a booking; else the week.
    """
    has_team = (
        current_user.books_for_all
        and founding.has_bookings(clinic())
        and any(one.user_id != current_user.id for one in calendars())
    )
    return url_for("team_day.index" if has_team else "week.index")


def calendars() -> list[Practitioner]:
    """The clinic's open calendars. One query for each request."""
    if "calendars" not in g:
        g.calendars = list(Practitioner.listed(clinic()))
    found: list[Practitioner] = g.calendars
    return found


def may_book(practitioner: Practitioner) -> bool:
    """Whether the signed-in person may book in this calendar: their own, or any as a receptionist
    or manager, while it is open.
    """
    return not practitioner.archived and not practitioner.venue.archived and is_own(practitioner)


def is_own(practitioner: Practitioner) -> bool:
    """Whether the signed-in person may change the contents of this calendar: their own, or any as a
    receptionist or manager.
    """
    return bool(current_user.books_for_all or practitioner.user_id == current_user.id)


def may_see_off(row: TimeOff) -> bool:
    """Whether the signed-in person may see the kind of time off, and change it."""
    return bool(current_user.books_for_all or row.user_id == current_user.id)


def may_see_off_note(user_id: int) -> bool:
    """Whether the signed-in person may read the note of this person's time off: their own, or
    anyone's as a manager.
    """
    return bool(current_user.is_manager or user_id == current_user.id)


# ---- rows that a request names ----
#
# Each loader says in its name what for. It gives the row, or 404 where it is another clinic’s,
# gone, or private to somebody else, or 403 where the person may see it and not do this.


def booking_to_read(booking_id: int) -> Booking:
    """A booking, for everyone of the clinic."""
    return loading.row(Booking, booking_id)


def booking_to_change(booking_id: int) -> Booking:
    """A booking in one's own calendar, or in any as a receptionist or manager.
    `base.bookings.series` (`reach`) decides which other bookings of its series a change reaches.
    """
    booking = loading.row(Booking, booking_id)
    return booking if is_own(booking.practitioner) else abort(403)


def calendar_to_read(calendar_id: int) -> Practitioner:
    """A calendar, for everyone of the clinic."""
    return loading.row(Practitioner, calendar_id)


def calendar_to_book(practitioner: Practitioner) -> Practitioner:
    """This calendar, if one may book in it: 403 if it is another person's, 404 with a sentence if
    it or its venue is closed.
    """
    if not is_own(practitioner):
        abort(403)
    if not may_book(practitioner):
        raise CalendarClosed
    return practitioner


class CalendarClosed(NotFound):
    """A calendar that is closed, or whose venue is closed, for new bookings."""

    heading = lazy("This calendar is closed")
    advice = lazy(
        "It takes no new bookings any more, and nothing was saved. Go to the calendar, choose"
        " another one, and book there."
    )


def calendar_to_change(practitioner: Practitioner) -> Practitioner:
    """This calendar, open or closed, for blocking time: one's own, or any as a receptionist or
    manager; else 403.
    """
    return practitioner if is_own(practitioner) else abort(403)


def calendar_to_set_hours(calendar_id: int) -> Practitioner:
    """A calendar for changing its hours on single dates: one's own, or any as a manager;
    else 403.
    """
    calendar = calendar_to_read(calendar_id)
    return calendar if sets_hours(calendar) else abort(403)


def sets_hours(calendar: Practitioner) -> bool:
    """Whether the signed-in person may change the calendar's hours on dates: their own, or any as a
    manager.
    """
    return bool(current_user.is_manager or calendar.user_id == current_user.id)


def calendar_to_hand_over(calendar_id: int) -> Practitioner:
    """A calendar for handing over its bookings, for managers."""
    return loading.for_managers(Practitioner, calendar_id)


def calendar_of_managed(user_id: int, calendar_id: int) -> Practitioner:
    """A calendar of a person whom the signed-in person manages."""
    person, calendar = person_to_manage(user_id), loading.row(Practitioner, calendar_id)
    return calendar if calendar.user_id == person.id else abort(404)


def time_off_to_change(off_id: int, removed: bool = False) -> TimeOff:
    """Time off: one's own, or anyone's as a receptionist or manager. `removed`: deleted
    rows too.
    """
    row = loading.row(TimeOff, off_id)
    if not may_see_off(row):
        abort(403)
    return row if removed or row.removed_at is None else abort(404)


def dated_hours_to_change(row_id: int) -> DatedHours:
    """Hours on a date: of one's own calendar, or as a manager of any calendar or venue. Holidays
    are not changed here but ticked or unticked.
    """
    row = loading.row(DatedHours, row_id)
    if row.is_holiday:
        abort(404)
    may = current_user.is_manager or (row.practitioner and sets_hours(row.practitioner))
    return row if may else abort(403)


def removal_to_undo(entry_id: int) -> AuditEntry:
    """The history entry of dated hours that were removed within a day. The caller must check the
    right to their owner, too.
    """
    entry = loading.row(AuditEntry, entry_id)
    is_one = entry.action == "dated_hours.removed" and "were" in entry.detail
    return entry if is_one and entry.at > scheduling.utc_now() - UNDO_FOR else abort(404)


def removal_of_dated_hours(row_id: int) -> AuditEntry:
    """The history entry of the removal of these hours, if it was within a day. Check their owner's
    right, too.
    """
    entry = AuditEntry.latest(DatedHours(id=row_id, clinic=clinic()), "dated_hours.removed")
    return removal_to_undo(entry.id) if entry else abort(404)


def client_to_read(client_id: int) -> Patient:
    """A client, for everyone of the clinic. A merged record's address leads to the one that was
    kept.
    """
    client = loading.row(Patient, client_id)
    return loading.row(Patient, client.merged_into_id) if client.merged_into_id else client


def client_to_change(client_id: int) -> Patient:
    """A client for changing it: everyone who may see a client may do that."""
    return client_to_read(client_id)


def on_client_in_use(client_id: int, act: Callable[[Patient], Result]) -> Result:
    """The result of `act(client)` with a client for changing it. If the record is merged into
    another before it is locked, and `act` raises DoesNotExist: of `act` with the kept one.
    """
    try:
        return act(client_to_change(client_id))
    except Patient.DoesNotExist:  # type: ignore[attr-defined]
        return act(client_to_change(client_id))


def service_to_read(service_id: int) -> Service:
    """A service, for everyone of the clinic."""
    return loading.row(Service, service_id)


def service_to_change(service_id: int) -> Service:
    """A service for changing it, for managers."""
    return loading.for_managers(Service, service_id)


def venue_to_change(venue_id: int) -> Venue:
    """A venue for changing it, for managers."""
    return loading.for_managers(Venue, venue_id)


def venue_to_read(venue_id: int) -> Venue:
    """A venue, for everyone of the clinic."""
    return loading.row(Venue, venue_id)


def person_to_read(user_id: int) -> User:
    """A person of the clinic, for managers."""
    return loading.for_managers(User, user_id)


def person_to_manage(user_id: int) -> User:
    """A person whom the signed-in person manages: 404 or 403 otherwise."""
    person = loading.row(User, user_id)
    return person if current_user.may_manage(person) else abort(403)


def import_to_decide(import_id: int, *columns: Any) -> Import:
    """An import, for managers. With `columns` only these are read."""
    return loading.for_managers(Import, import_id, *columns)


def external_event_to_read(event_id: int) -> ExternalEvent:
    """An external event: everyone may see its time (title: `columns.shows_titles`)."""
    return loading.row(ExternalEvent, event_id)


def entry_to_change(entry_id: int) -> WaitingEntry:
    """An entry of this clinic's waiting list, open or ended: for receptionists and managers, and
    for people who work in the calendars that it is about; else 404 or 403.
    """
    entry = loading.row(WaitingEntry, entry_id)
    return entry if may_change_entry(entry) else abort(403)


def may_change_entry(entry: WaitingEntry) -> bool:
    """Whether the person may change the entry: receptionists, managers, and people who work in the
    calendars that it is about.
    """
    if current_user.books_for_all:
        return True
    if entry.booking is not None:
        return is_own(entry.booking.practitioner)
    own = {one.id for one in calendars() if one.user_id == current_user.id}
    return bool(entry.calendars) and set(entry.calendars) <= own


def session_of_mine(session_id: int) -> Session:
    """One of the browsers in which the signed-in person is signed in."""
    row = Session.get_or_none(Session.id == session_id) if session_id < 2**31 else None
    return loading.of_person(row, row.user_id) if row else abort(404)
