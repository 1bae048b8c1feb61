"""Feeds: the address of one, and the check whether it may be read, in one query.

The revision of what a feed shows is known before any booking is read: revisions of a clinic grow
strictly, so the largest one in scope, with the day of the window, names the body. `shown.py` makes
the body, `wsgi.py` sends it.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import models
from base import scheduling
from base.database import database, is_sqlite
from models import Feed

PREFIX = "/api/calendar/"
_FORMAT = f"5|{version('tzdata')}"  # grows with the writer; other zone data also make another body
EMPTY_DAYS = 30
BUSY_DAYS = 731  # how far back and ahead a feed of free and busy times goes if it has no span
_CHECK = """
SELECT f.id, f.salt, f.revoked_at, f.revoked_because, f.suspended_at, f.past_days, f.future_days,
  f.scope, f.kind, u.left_at, u.sync_allowed, u.role, c.plan, c.empty_when_stopped,
  CASE f.scope
    WHEN 'practitioner' THEN (
      SELECT p.user_id FROM practitioner p WHERE p.id = f.practitioner_id)
    ELSE f.user_id END = f.user_id,
  c.id, c.latest_rev, f.rev, u.rev, c.faces_rev,
  CASE f.scope
    WHEN 'practitioner' THEN CASE
      WHEN f.kind = 'availability' THEN (
        SELECT MAX(p.calendar_rev) FROM practitioner p JOIN practitioner q ON q.user_id = p.user_id
        WHERE q.id = f.practitioner_id)
      ELSE (SELECT p.calendar_rev FROM practitioner p WHERE p.id = f.practitioner_id) END
    WHEN 'person' THEN (SELECT MAX(p.calendar_rev) FROM practitioner p WHERE p.user_id = f.user_id)
    ELSE (SELECT MAX(p.calendar_rev) FROM practitioner p WHERE p.clinic_id = f.clinic_id) END,
  CASE f.scope
    WHEN 'practitioner' THEN (
      SELECT o.rev FROM practitioner p JOIN "user" o ON o.id = p.user_id
      WHERE p.id = f.practitioner_id)
    WHEN 'person' THEN u.rev
    ELSE (SELECT MAX(o.rev) FROM "user" o WHERE o.clinic_id = f.clinic_id) END,
  CASE WHEN f.kind = 'availability' THEN (
    SELECT MAX(CASE WHEN o.away_rev > o.outside_rev THEN o.away_rev ELSE o.outside_rev END)
    FROM "user" o WHERE o.clinic_id = f.clinic_id AND (
      f.scope = 'clinic'
      OR o.id = CASE f.scope WHEN 'person' THEN f.user_id ELSE (
        SELECT q.user_id FROM practitioner q WHERE q.id = f.practitioner_id) END)) END
FROM feed f JOIN "user" u ON u.id = f.user_id JOIN clinic c ON c.id = f.clinic_id WHERE f.uuid = """


def token(secret: str, feed_uuid: str, salt: str) -> str:
    """The secret part of a feed's address: base64url HMAC-SHA-256 over purpose, feed and salt
    (D41), 43 characters.
    """
    digest = hmac.digest(
        secret.encode(), f"kalends feed|{feed_uuid}|{salt}".encode(), hashlib.sha256
    )
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def path(secret: str, feed: Feed) -> str:
    """The path of a feed's address under the newest secret."""
    return f"{PREFIX}{feed.uuid}/{token(secret, str(feed.uuid), feed.salt)}.ics"


@dataclass(frozen=True, slots=True)
class Check:
    """A feed that may be read, and the values that determine its body. `revision`: whole seconds
    since 1970; `today`: a UTC midnight; `clinic_rev`: the clinic's newest revision at that time.
    """

    feed_id: int
    revision: int
    etag: str
    is_empty: bool
    today: int
    past_days: int | None
    future_days: int | None
    clinic_id: int
    clinic_rev: int

    def window(self) -> tuple[datetime | None, datetime | None]:
        """The instants between which bookings are shown; None: no limit."""
        midnight = datetime.fromtimestamp(self.today, UTC)
        start = None if self.past_days is None else midnight - timedelta(days=self.past_days)
        return start, (
            None if self.future_days is None else midnight + timedelta(days=self.future_days + 1)
        )


def check_address(keys: Sequence[str], feed_uuid: str, given: str, now: datetime) -> Check | None:
    """The feed of an address, or None for every kind of refusal. One query, whatever the answer."""
    row = database.execute_sql(*_check_query(feed_uuid)).fetchone()
    salt = row[1] if row else ""
    # all are compared, so that the time taken tells nothing
    matches = [hmac.compare_digest(token(key, feed_uuid, salt), given) for key in keys]
    if row is None or not any(matches):
        return None
    (
        feed_id,
        _,
        revoked_at,
        because,
        suspended_at,
        past,
        future,
        scope,
        kind,
        left_at,
        allowed,
        role,
        plan,
        may_empty,
        is_own,
        clinic_id,
        clinic_rev,
        *revisions,
    ) = row
    is_dead = bool(
        revoked_at or suspended_at or left_at or not allowed or "feed" not in models.PLANS[plan]
    )
    is_dead = is_dead or ((scope == "clinic" or not is_own) and role not in models.MANAGERS)
    if is_dead and not (may_empty and _empties(revoked_at, because, suspended_at, now)):
        return None
    if kind == "availability":  # events that repeat without end need one
        past = BUSY_DAYS if past is None else past
        future = BUSY_DAYS if future is None else future
    seconds = int(now.timestamp())
    today = seconds - seconds % 86400
    revision = max(filter(None, revisions), default=0)
    if slides := past is not None or future is not None:
        revision = max(revision, today)  # the window moves at midnight UTC: a visible change
    seed = f"{_FORMAT}|{feed_uuid}|{revision}|{is_dead}|{today if slides else ''}"
    etag = hashlib.sha256(seed.encode()).hexdigest()[:32]
    return Check(feed_id, revision, etag, is_dead, today, past, future, clinic_id, clinic_rev)


def _check_query(feed_uuid: str) -> tuple[str, tuple[str]]:
    return (
        (_CHECK + "?", (feed_uuid.replace("-", ""),))
        if is_sqlite()
        else (_CHECK + "%s", (feed_uuid,))
    )


def _empties(revoked_at: int | None, because: str, suspended_at: int | None, now: datetime) -> bool:
    """Whether a stopped feed answers with an empty calendar for a while, so that apps remove its
    events. A feed that was removed from the list ends at once; so does the old address of a
    regenerated feed.
    """
    ended = suspended_at if not revoked_at else revoked_at if because != "cleared" else None
    return bool(ended and scheduling.of_number(ended) > now - timedelta(days=EMPTY_DAYS))
