"""Letters to people of the clinic: clients' online actions, the day's list, the week of an owner.

A client appears by the internal ID; by name if the clinic chose so.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from base import region, scheduling
from base.bookings.client_letters import LetterSettings
from base.catalogue import _, lazy
from base.tables import faulty, outbox
from base.tables.outbox import Letter
from free_times.earlier import entries
from free_times.online import made_online, requests, team_letters
from free_times.online.team_letters import LOST, TeamLetters
from models import Booking, Clinic, User
from people import own_zone
from sync.feeds import owned
from sync.tables import episodes, listed, runs

from . import loading, visits
from .mail_text import Text, address, filled, one_line

MORNING, DIGEST = "morning", "digest"
AT = time(6, 30)  # by the clock of the person's venue, for both
LATEST = time(12)  # a later day's list says nothing new
WEEK, UNREAD = timedelta(days=7), timedelta(days=14)
MOST_LINES = 30  # lines in one letter
SUBJECTS = {
    "booked": lazy("A client booked online"),
    "asked": lazy("A request waits for your answer"),
    "moved": lazy("A client moved an appointment"),
    "cancelled": lazy("A client cancelled an appointment"),
    LOST: lazy("A booking went to a colleague"),
}


def visitor(letter: Letter) -> Text | None:
    """The letter about a visitor's action, while its result is unchanged."""
    booking = loading.booking(letter, letter.about)
    person = loading.recipient(letter)
    deed = letter.detail["deed"]
    if booking is None or person is None or not _is_so(booking, deed, letter):
        return None
    is_own = person.id == booking.practitioner.user_id
    if not TeamLetters.of(person).wants(deed, person, is_own):
        return None
    zone = booking.practitioner.zone
    body = filled(
        "visitor",
        name=one_line(person.name),
        deed=deed,
        line=_line(booking, LetterSettings.of(letter.clinic), with_day=True),
        calendar="" if is_own else one_line(booking.practitioner.user.name),
        address=address("bookings.show", booking_id=str(booking.id)),
        day=visits.day(booking.starts_at, zone),
    )
    return Text(person.email, str(SUBJECTS[deed]), body)


def lost(letter: Letter) -> Text | None:
    """The letter about bookings that were moved from the recipient's calendar to a colleague's.
    Only those that are still there are named.
    """
    person = loading.recipient(letter)
    if person is None or not TeamLetters.of(person).lost:
        return None
    before = {row_id: facts for row_id, *facts in letter.detail["rows"]}
    at = scheduling.utc_now()
    rows = [
        (row, was)
        for row in Booking.of_ids(letter.clinic_id, list(before))
        if row.is_busy
        and row.practitioner.user_id != person.id
        and (was := _as_it_was(row, *before[row.id])).ends_at > at
    ]
    if not rows:
        return None
    settings = LetterSettings.of(letter.clinic)
    body = filled(
        "lost",
        name=one_line(person.name),
        rows=[
            (_line(was, settings, with_day=True), one_line(row.practitioner.user.name), _now(row))
            for row, was in rows[:MOST_LINES]
        ],
        more=max(len(rows) - MOST_LINES, 0),
        address=address("bookings.show", booking_id=str(rows[0][0].id)),
    )
    return Text(person.email, str(SUBJECTS[LOST]), body)


def _as_it_was(booking: Booking, calendar: int, starts: str, ends: str) -> Booking:
    """The booking with its former time and calendar (id); it is not stored."""
    start, end = (datetime.fromisoformat(at) for at in (starts, ends))
    was = Booking(**booking.__data__ | {"starts_at": start, "ends_at": end})
    was.practitioner = loading.calendar(booking.clinic_id, calendar) or booking.practitioner
    return was


def _now(booking: Booking) -> str:
    """The booking's present day and time."""
    zone = booking.practitioner.zone
    if booking.all_day:
        return visits.day(booking.starts_at, zone)
    return visits.moment(booking.starts_at, booking)


def _is_so(booking: Booking, deed: str, letter: Letter) -> bool:
    """Whether the booking is still in the state after the visitor's action."""
    if deed == "cancelled":
        return booking.status == "cancelled"
    if deed == "asked":
        return booking.is_busy_yet and booking.status == "pending"
    return booking.is_busy_yet and letter.sequence.startswith(f"{booking.sequence} ")


def _line(booking: Booking, settings: LetterSettings, with_day: bool = False) -> str:
    """One appointment on one line: when, what, where, and the client as the clinic allows."""
    zone = booking.practitioner.zone
    span = booking.starts_at, booking.ends_at
    when = _("all day") if booking.all_day else region.between_in(*span, zone)
    client = booking.patient
    facts = [
        f"{visits.day(booking.starts_at, zone)}, {when}" if with_day else when,
        one_line(booking.service.name) if booking.service else "",
        (one_line(client.name) if settings.names_clients else client.internal_id or "")
        if client
        else "",
        one_line(booking.practitioner.venue.name),
        _("not confirmed") if booking.status == "pending" else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def write_due() -> None:
    """Chore: queue the day's lists and the weeks of owners whose time has come."""
    if not outbox.is_set_up():
        return
    at = scheduling.utc_now()
    faulty.each(
        "letters_to_the_team", TeamLetters.wanted(), lambda choice: _write_where_due(choice, at)
    )


def _write_where_due(choice: TeamLetters, at: datetime) -> None:
    local = at.astimezone(own_zone.zone_in_letters(choice.user))
    if not AT <= local.time() < LATEST:
        return
    day = local.date().isoformat()
    if choice.morning:
        _write(choice.user, MORNING, day)
    if choice.digest and choice.user.is_owner and local.weekday() == 0:
        _write(choice.user, DIGEST, day)


def _write(person: User, kind: str, day: str) -> None:
    Letter.write(person.clinic, kind, person, day, person.email, day=day, reader=person.id)


def morning(letter: Letter) -> Text | None:
    """The day's appointments of one person; None on a day without any."""
    person = loading.recipient(letter)
    if person is None or not TeamLetters.of(person).morning:
        return None
    zone = own_zone.zone_in_letters(person)
    day = datetime.fromisoformat(letter.detail["day"]).date()
    if scheduling.local_day(scheduling.utc_now(), zone) != day:
        return None
    start, end = (scheduling.midnight(day + timedelta(days=n), zone) for n in (0, 1))
    rows = [row for row in Booking.of_person(person, start, end) if row.is_busy]
    if not rows:
        return None
    settings = LetterSettings.of(letter.clinic)
    body = filled(
        MORNING,
        name=one_line(person.name),
        day=visits.day(start + timedelta(hours=12), zone),
        lines=[_line(row, settings) for row in rows],
        address=address("week.index"),
    )
    return Text(person.email, _("Your appointments today"), body)


def digest(letter: Letter) -> Text | None:
    """The week of an owner: events of the week, open tasks, and features that are not used."""
    person = loading.recipient(letter)
    if person is None or not person.is_owner or not TeamLetters.of(person).digest:
        return None
    at, clinic = scheduling.utc_now(), letter.clinic
    counts = {name: count(clinic, at) for name, count in _COUNTS.items()}
    body = filled(
        DIGEST,
        name=one_line(person.name),
        clinic=one_line(clinic.name),
        address=address("health.show"),
        **counts,
    )
    return Text(person.email, _("The week at {clinic}", clinic=one_line(clinic.name)), body)


_COUNTS: dict[str, Callable[[Clinic, datetime], int]] = {
    "online": lambda clinic, at: made_online.count_since(clinic, at - WEEK),
    "earlier": lambda clinic, at: entries.count_accepted(clinic, at - WEEK),
    # changes in calendars outside that bookings followed, or that were put back
    "changed": lambda clinic, at: runs.count_changes(clinic, at - WEEK),
    "waiting": lambda clinic, _at: int(entries.waiting(clinic).count()),
    "requests": lambda clinic, _at: int(requests.open_ones(clinic).count()),
    "outside": lambda clinic, _at: listed.count_open_notices(clinic),
    "broken": lambda clinic, at: episodes.count_broken(clinic, at - timedelta(days=1)),
    "unread": lambda clinic, at: owned.count_unread(clinic, at - UNREAD),
}
KINDS: dict[str, Callable[[Letter], Text | None]] = {
    team_letters.KIND: visitor,
    LOST: lost,
    MORNING: morning,
    DIGEST: digest,
}
