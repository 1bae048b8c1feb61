"""Letters to people of the clinic: what clients did online, the day's list, the week of an owner.

A client appears by the internal ID; by name where the clinic chose so.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from flask import current_app

from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.bookings.statuses import FREE_STATUSES
from base.catalogue import _, lazy
from base.tables import outbox
from base.tables.outbox import Letter
from free_times.online import requests, team_letters
from free_times.online.team_letters import TeamLetters
from models import Booking, Clinic, Feed, FeedRead, User
from people import zones
from sync.tables.accounts import Account
from sync.tables.notices import Notice

from . import clients
from .text import Text, address, one_line

MORNING, DIGEST = "morning", "digest"
AT = time(6, 30)  # of the person's venue, for both
LATEST = time(12)  # later than that the day's list says nothing new
UNREAD = timedelta(days=14)
SUBJECTS = {
    "booked": lazy("A client booked online"),
    "asked": lazy("A request waits for your answer"),
    "moved": lazy("A client moved an appointment"),
    "cancelled": lazy("A client cancelled an appointment"),
}


def visitor(letter: Letter) -> Text | None:
    """What a visitor did, while it is still so."""
    booking = Booking.get_or_none(Booking.id == letter.about, Booking.clinic == letter.clinic_id)
    person = _reader(letter)
    deed = letter.detail["deed"]
    if booking is None or person is None or not _is_so(booking, deed, letter):
        return None
    is_own = person.id == booking.practitioner.user_id
    if not TeamLetters.of(person).wants(deed, person, is_own):
        return None
    zone = booking.practitioner.zone
    body = _body(
        "visitor",
        name=one_line(person.name),
        deed=deed,
        line=_line(booking, LetterSettings.of(letter.clinic), with_day=True),
        calendar="" if is_own else one_line(booking.practitioner.user.name),
        address=address("bookings.show", booking_id=str(booking.id)),
        day=clients.day(booking.starts_at, zone),
    )
    return Text(person.email, str(SUBJECTS[deed]), body)


def _is_so(booking: Booking, deed: str, letter: Letter) -> bool:
    """Whether it still is as the visitor left it."""
    if deed == "cancelled":
        return booking.status == "cancelled"
    is_ahead = booking.ends_at > scheduling.utc_now() and booking.status not in FREE_STATUSES
    if deed == "asked":
        return is_ahead and booking.status == "pending"
    return is_ahead and letter.sequence.startswith(f"{booking.sequence} ")


def _reader(letter: Letter) -> User | None:
    person: User | None = User.get_or_none(
        User.id == letter.detail["reader"], User.clinic == letter.clinic_id, User.left_at.is_null()
    )
    return person


def _line(booking: Booking, settings: LetterSettings, with_day: bool = False) -> str:
    """One appointment on one line: when, what, where, and the client as the clinic allows."""
    zone = booking.practitioner.zone
    start, end = (at.astimezone(zone) for at in (booking.starts_at, booking.ends_at))
    when = _("all day") if booking.all_day else f"{start:%H:%M}–{end:%H:%M}"
    client = booking.patient
    facts = [
        f"{clients.day(booking.starts_at, zone)}, {when}" if with_day else when,
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
    rows = TeamLetters.select(TeamLetters, User).join(User)
    wanted = (TeamLetters.morning | TeamLetters.digest), User.left_at.is_null()
    for choice in rows.where(*wanted):
        local = at.astimezone(zones.of(choice.user))
        if not AT <= local.time() < LATEST:
            continue
        day = local.date().isoformat()
        if choice.morning:
            _write(choice.user, MORNING, day)
        if choice.digest and choice.user.is_owner and local.weekday() == 0:
            _write(choice.user, DIGEST, day)


def _write(person: User, kind: str, day: str) -> None:
    Letter.write(person.clinic, kind, person, day, person.email, day=day, reader=person.id)


def morning(letter: Letter) -> Text | None:
    """The day's appointments of one person; nothing on a day without."""
    person = _reader(letter)
    if person is None or not TeamLetters.of(person).morning:
        return None
    zone = zones.of(person)
    day = datetime.fromisoformat(letter.detail["day"]).date()
    if scheduling.local_day(scheduling.utc_now(), zone) != day:
        return None
    start, end = (scheduling.midnight(day + timedelta(days=n), zone) for n in (0, 1))
    rows = [row for row in Booking.of_person(person, start, end) if row.is_busy]
    if not rows:
        return None
    settings = LetterSettings.of(letter.clinic)
    body = _body(
        MORNING,
        name=one_line(person.name),
        day=clients.day(start + timedelta(hours=12), zone),
        lines=[_line(row, settings) for row in rows],
        address=address("week.index"),
    )
    return Text(person.email, _("Your appointments today"), body)


def digest(letter: Letter) -> Text | None:
    """The week of an owner: what waits for somebody, and what nobody uses."""
    person = _reader(letter)
    if person is None or not person.is_owner or not TeamLetters.of(person).digest:
        return None
    at, clinic = scheduling.utc_now(), letter.clinic
    counts = {name: count(clinic, at) for name, count in _COUNTS.items()}
    body = _body(
        DIGEST,
        name=one_line(person.name),
        clinic=one_line(clinic.name),
        address=address("health.show"),
        **counts,
    )
    return Text(person.email, _("The week at {clinic}", clinic=one_line(clinic.name)), body)


def _online(clinic: Clinic, at: datetime) -> int:
    week = Booking.created_at > at - timedelta(days=7), Booking.online
    return int(Booking.select().where(Booking.clinic == clinic, *week).count())


def _outside(clinic: Clinic, at: datetime) -> int:
    """Changes outside that wait for a decision."""
    waits = Account.clinic == clinic, Notice.settled_at.is_null()
    return int(Notice.select().join(Account).where(*waits).count())


def _broken(clinic: Clinic, at: datetime) -> int:
    trouble = Account.phase == "active", Account.failing_since < at - timedelta(days=1)
    return int(Account.select().where(Account.clinic == clinic, *trouble).count())


def _unread(clinic: Clinic, at: datetime) -> int:
    """Private links that nobody has read for two weeks."""
    read = FeedRead.select(FeedRead.feed).where(FeedRead.last_at > at - UNREAD)
    old = Feed.clinic == clinic, Feed.created_at < at - UNREAD, Feed.id.not_in(read)
    return int(Feed.select().where(*old, *Feed.living()).count())


def _requests(clinic: Clinic, at: datetime) -> int:
    return int(requests.open_ones(clinic).count())


_COUNTS: dict[str, Callable[[Clinic, datetime], int]] = {
    "online": _online,
    "requests": _requests,
    "outside": _outside,
    "broken": _broken,
    "unread": _unread,
}
KINDS: dict[str, Callable[[Letter], Text | None]] = {
    team_letters.KIND: visitor,
    MORNING: morning,
    DIGEST: digest,
}


def _body(template: str, **context: object) -> str:
    return current_app.jinja_env.get_template(f"mail/{template}.txt").render(**context)
