"""Private iCal feeds: `GET|HEAD /api/calendar/<uuid>/<token>.ics`, a small WSGI application before the web framework.

No session, no cookie, no log of the path. In order: the shape of the address (before any query), one query for the
link and its revision, the token in constant time, whether the link lives; then 304, the finished body kept by ETag, or a
fresh one. Every refusal is the same empty 404, and takes the same path. The ETag is known before any booking is read:
revisions of a clinic grow strictly, so the largest one in scope, with the day of the window, names the body.
"""

import base64
import gzip
import hashlib
import hmac
import logging
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from importlib.metadata import version

from peewee import InterfaceError, OperationalError

import models
import scheduling
from database import InstantField
from models import Booking, Clinic, Feed, Patient, Practitioner, Service, User, Venue
from text import cut, places

from . import ical
from .event import Event
from .face import BUSY, Policy, Subject, face
from .readers import ReadLog

log = logging.getLogger("kalends.feed")

PREFIX = "/api/calendar/"
_SHAPE = re.compile(r"/api/calendar/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/([A-Za-z0-9_-]{43})\.ics")
_FORMAT = f"1|{version('tzdata')}"  # grows with the writer; other zone data also make another body
_EMPTY_DAYS = 30
_HEADERS = [
    ("Cache-Control", "no-cache, no-store, must-revalidate"), ("X-Robots-Tag", "noindex, nofollow"),
    ("Referrer-Policy", "no-referrer"), ("X-Content-Type-Options", "nosniff"),
]
_REFUSED = "404 Not Found", [("Content-Length", "0")], b""
_FILE = [("Content-Type", "text/calendar; charset=utf-8"), ("Content-Disposition", 'inline; filename="bookings.ics"'), ("Vary", "Accept-Encoding")]

_CHECK = """
SELECT f.id, f.salt, f.revoked_at, f.revoked_because, f.suspended_at, f.past_days, f.future_days, f.scope, u.left_at, u.sync_allowed,
  u.role, c.plan, c.empty_when_stopped,
  CASE f.scope WHEN 'practitioner' THEN (SELECT p.user_id FROM practitioner p WHERE p.id = f.practitioner_id) ELSE f.user_id END = f.user_id,
  f.rev, u.rev, c.faces_rev,
  CASE f.scope
    WHEN 'practitioner' THEN (SELECT p.calendar_rev FROM practitioner p WHERE p.id = f.practitioner_id)
    WHEN 'person' THEN (SELECT MAX(p.calendar_rev) FROM practitioner p WHERE p.user_id = f.user_id)
    ELSE (SELECT MAX(p.calendar_rev) FROM practitioner p WHERE p.clinic_id = f.clinic_id) END,
  CASE f.scope
    WHEN 'practitioner' THEN (SELECT o.rev FROM practitioner p JOIN "user" o ON o.id = p.user_id WHERE p.id = f.practitioner_id)
    WHEN 'person' THEN u.rev
    ELSE (SELECT MAX(o.rev) FROM "user" o WHERE o.clinic_id = f.clinic_id) END
FROM feed f JOIN "user" u ON u.id = f.user_id JOIN clinic c ON c.id = f.clinic_id WHERE f.uuid = """


def token(secret: str, feed_uuid: uuid.UUID, salt: str) -> str:
    """The secret part of a feed's address: base64url HMAC-SHA-256 over purpose, feed and salt (D41), 43 characters."""
    digest = hmac.digest(secret.encode(), f"kalends feed|{feed_uuid}|{salt}".encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def path(secret: str, feed: Feed) -> str:
    """The path of a feed's address under the newest secret."""
    return f"{PREFIX}{feed.uuid}/{token(secret, feed.uuid, feed.salt)}.ics"


def preview(user: User, identifier: str | None, now: datetime, count: int) -> dict[str, list[Event]]:
    """The person's next bookings as they look under this identifier to "google", "outlook" and "family". Nothing is stored.

    Google drops cancelled events, Outlook keeps them (fact sheet §6). Family who follow a link see what it says; what two-way
    sync writes is private, so that people the calendar is shared with see only "Busy" (X27).
    """
    draft = Feed.draft(user, identifier=identifier or "none", scope="person")
    own = Practitioner.select(Practitioner, User, Venue).join(User).switch(Practitioner).join(Venue).where(Practitioner.user == user)
    shown = list(events(draft, {p.id: p for p in own}, now, None, count))
    family = shown if user.mode == "one_way" else [replace(event, face=BUSY) for event in shown]
    return {"google": [event for event in shown if event.status != "cancelled"], "outlook": shown, "family": family}


def sample(user: User, now: datetime) -> Subject:
    """Facts to show the choices by: the person's next booking with a client, or an invented one."""
    row = (
        Booking.select(Booking, Practitioner, Venue, Patient, Service).join(Practitioner).join(Venue).switch(Booking).join(Patient)
        .switch(Booking).left_outer_join(Service).where(Practitioner.user == user, Booking.status == "confirmed", Booking.starts_at > now)
        .order_by(Booking.starts_at).first()
    )
    if row is None:
        return Subject(user.clinic.name, "", "First visit", "confirmed", "Anna", "Sample", "K-1001")
    venue, patient = row.practitioner.venue, row.patient
    return Subject(venue.name, venue.address, row.service.name if row.service else "", row.status, patient.first_name, patient.last_name,
                   patient.internal_id or "")


@dataclass(frozen=True, slots=True)
class Check:
    """A link that may be read, and what its body depends on. `revision`: whole seconds since 1970."""

    feed_id: int
    revision: int
    window: tuple[datetime | None, datetime | None]
    etag: str
    is_empty: bool


def check(keys: Sequence[str], feed_uuid: str, given: str, now: datetime) -> Check | None:
    """The link behind an address, or None for every kind of refusal. One query, whatever the answer."""
    row = models.database.execute_sql(*_check_query(feed_uuid)).fetchone()
    known, salt = uuid.UUID(feed_uuid), row[1] if row else ""
    matches = [hmac.compare_digest(token(key, known, salt), given) for key in keys]  # all of them: no early way out
    if row is None or not any(matches):
        return None
    (feed_id, _, revoked_at, because, suspended_at, past, future, scope, left_at, allowed, role, plan, may_empty, is_own, *revisions) = row
    is_dead = revoked_at or suspended_at or left_at or not allowed or "feed" not in models.PLANS[plan]
    is_dead = is_dead or ((scope == "clinic" or not is_own) and role not in ("manager", "owner"))
    if is_dead and not (may_empty and _empties(revoked_at, because, suspended_at, now)):
        return None
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start = None if past is None else today - timedelta(days=past)
    end = None if future is None else today + timedelta(days=future + 1)
    revision = max(r or 0 for r in revisions)
    if past is not None or future is not None:
        revision = max(revision, int(today.timestamp()))  # the window slides at midnight UTC: a visible change
    seed = f"{_FORMAT}|{feed_uuid}|{revision}|{bool(is_dead)}|{today if start or end else ''}"
    return Check(feed_id, revision, (start, end), hashlib.sha256(seed.encode()).hexdigest()[:32], bool(is_dead))


def _check_query(feed_uuid: str) -> tuple[str, tuple[str]]:
    return (_CHECK + "?", (feed_uuid.replace("-", ""),)) if models.is_sqlite() else (_CHECK + "%s", (feed_uuid,))


def _empties(revoked_at: int | None, because: str, suspended_at: int | None, now: datetime) -> bool:
    """Whether a stopped link goes on as an empty calendar for a while, so that apps clear themselves (X26)."""
    ended = revoked_at if because == "left" else None if revoked_at else suspended_at
    return bool(ended) and InstantField().python_value(ended) > now - timedelta(days=_EMPTY_DAYS)


# ---- the body ----


def render(found: Check) -> bytes:
    """The feed as iCalendar text, from the database."""
    feed = Feed.select(Feed, User, Clinic).join(User).switch(Feed).join(Clinic).where(Feed.id == found.feed_id).get()
    calendars = {p.id: p for p in _in_scope(feed)}
    venues = [p.venue for p in calendars.values()]
    zone_name = venues[0].zone_name if venues else "UTC"
    name = venues[0].name if feed.scope == "practitioner" and venues else feed.clinic.name
    if feed.kind == "availability":
        name = f"{feed.user.name}, busy times"
    return ical.calendar(name, zone_name, [] if found.is_empty else events(feed, calendars, *found.window))


def _in_scope(feed: Feed) -> Iterable[Practitioner]:
    """The calendars a link shows; other people's only as far as they let their bookings leave."""
    rows = Practitioner.select(Practitioner, User, Venue).join(User).switch(Practitioner).join(Venue).order_by(Practitioner.id)
    rows = rows.where(Practitioner.clinic == feed.clinic_id, User.sync_allowed)
    if feed.scope == "practitioner":
        return rows.where(Practitioner.id == feed.practitioner_id)
    return rows.where(Practitioner.user == feed.user_id) if feed.scope == "person" else rows


def policy(feed: Feed, user: User, clinic: Clinic) -> Policy:
    """What a link may show: its own choices, cut by the person's and the clinic's."""
    details = feed.details if clinic.notes_may_leave else feed.details.replace("notes", "")
    return Policy(identifier=cut(feed.identifier or user.identifier, clinic.privacy_ceiling), title=feed.title, details=details,
                  hide_sensitive=feed.hide_sensitive or user.hide_sensitive)


def events(feed: Feed, calendars: dict[int, Practitioner], start: datetime | None, end: datetime | None,
           most: int | None = None) -> Iterator[Event]:
    """The events a link shows, oldest first, at most `most`. `start`/`end` bound the window; None: open."""
    rules, services = policy(feed, feed.user, feed.clinic), _services(feed.clinic)
    statuses = {s: "confirmed" for s in models.STATUSES if s not in models.FREE_STATUSES} if feed.kind == "availability" else feed.statuses
    floor = max(feed.rev, feed.user.rev, feed.clinic.faces_rev, *(p.user.rev for p in calendars.values()), 0)
    money = feed.clinic.currency
    for (calendar_id, uid, status, starts_at, ends_at, starts_on, ends_on, rate, notes, sequence, created_at, updated_at, service_id,
         first, last, internal_id, patient_rev) in _rows(list(calendars), list(statuses), start, end, most):
        venue = calendars[calendar_id].venue
        if feed.kind == "availability":
            shown = BUSY
        else:
            shown = face(Subject(venue.name, venue.address, services.get(service_id, ""), status, first or "", last or "", internal_id or "",
                                 "" if rate is None else f"{rate / 100:.2f} {money}", notes), rules)
        changed = ical.instant(max(floor, patient_rev or 0, int(updated_at.timestamp())))
        yield Event(str(uid), sequence, statuses[status], shown, starts_at, ends_at, created_at, changed, venue.zone_name, starts_on, ends_on)


def _services(clinic: Clinic) -> dict[int, str]:
    return dict(Service.select(Service.id, Service.name).where(Service.clinic == clinic).tuples())


def _rows(calendar_ids: list[int], statuses: list[str], start: datetime | None, end: datetime | None, most: int | None) -> Iterable[tuple]:
    query = (
        Booking.select(Booking.practitioner, Booking.uuid, Booking.status, Booking.starts_at, Booking.ends_at, Booking.starts_on,
                       Booking.ends_on, Booking.rate_cents, Booking.notes, Booking.sequence, Booking.created_at, Booking.updated_at,
                       Booking.service, Patient.first_name, Patient.last_name, Patient.internal_id, Patient.rev)
        .left_outer_join(Patient, on=(Booking.patient == Patient.id))
        .where(Booking.practitioner.in_(calendar_ids), Booking.status.in_(statuses)).order_by(Booking.starts_at, Booking.id).limit(most)
    )
    if start:
        query = query.where(Booking.ends_at > start, Booking.starts_at > start - scheduling.LONGEST - timedelta(days=2))
    if end:
        query = query.where(Booking.starts_at < end)
    return query.tuples().iterator()


# ---- HTTP ----


class Bodies:
    """Finished bodies by ETag, the least used going first when they pass `limit` octets together."""

    def __init__(self, limit: int = 64 * 2**20):
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, etag: str, make: Callable[[], bytes]) -> bytes:
        """The body of this ETag, made when it is not there."""
        with self._lock:
            if (body := self._kept.get(etag)) is not None:
                self._kept.move_to_end(etag)
                return body
        body = make()
        with self._lock:
            if etag not in self._kept:
                self._kept[etag] = body
                self._size += len(body)
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
        return body


class FeedsApp:
    """WSGI middleware that answers everything below /api/calendar/ and passes on the rest."""

    def __init__(self, inner: Callable, keys: Sequence[str], reads: ReadLog | None = None):
        self._inner, self._keys = inner, tuple(keys)
        self.reads = reads or ReadLog()
        self._bodies = Bodies()

    def __call__(self, environ: dict, start_response: Callable) -> Iterable[bytes]:
        if not environ["PATH_INFO"].startswith(PREFIX):
            return self._inner(environ, start_response)
        status, headers, body = self._answer(environ)
        start_response(status, [*headers, *_HEADERS])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict) -> tuple[str, list[tuple[str, str]], bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return "405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")], b""
        if not (shape := _SHAPE.fullmatch(environ["PATH_INFO"])):
            return _REFUSED
        now = scheduling.utc_now()
        for _ in range(2):
            try:
                with models.database.connection_context():
                    found = check(self._keys, *shape.groups(), now)
                    return self._found(environ, found, now) if found else _REFUSED
            except (OperationalError, InterfaceError) as error:  # the connection may have died meanwhile: the second one is fresh
                fault = error
            except Exception as error:  # its message could hold a name or the address, so nothing of it goes further up
                fault = error
                break
        log.error("a feed was not answered: %s at %s", type(fault).__name__, places(fault))
        return "503 Service Unavailable", [("Retry-After", "60"), ("Content-Length", "0")], b""

    def _found(self, environ: dict, found: Check, now: datetime) -> tuple[str, list[tuple[str, str]], bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            self.reads.note(found.feed_id, environ.get("HTTP_USER_AGENT", ""), now)
        zipped = _asks_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        validators = [("ETag", f'"{found.etag}{"-gz" if zipped else ""}"'), ("Last-Modified", formatdate(found.revision, usegmt=True))]
        if _is_current(environ, found):
            return "304 Not Modified", [*validators, ("Vary", "Accept-Encoding")], b""
        body = self._bodies.get(found.etag, lambda: render(found))
        if zipped:
            body = self._bodies.get(found.etag + "-gz", lambda: gzip.compress(body, 6, mtime=0))
            validators.append(("Content-Encoding", "gzip"))
        return "200 OK", [*_FILE, *validators, ("Content-Length", str(len(body)))], body


def _asks_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding names gzip, and not with q=0."""
    for item in accepted.lower().split(","):
        name, _, weight = item.strip().partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"q=0(\.0*)?", weight.replace(" ", ""))
    return False


def _is_current(environ: dict, found: Check) -> bool:
    """Whether the reader's copy is the present one. If-None-Match, compared weakly, goes before the date (RFC 9110 §13.2.2)."""
    if (tags := environ.get("HTTP_IF_NONE_MATCH")) is not None:
        given = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gz") for tag in tags.split(",")}
        return "*" in given or found.etag in given
    try:
        since = parsedate_to_datetime(environ["HTTP_IF_MODIFIED_SINCE"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return False
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return since.timestamp() >= found.revision
