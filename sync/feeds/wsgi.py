"""Private feeds over HTTP: `GET|HEAD /api/calendar/<uuid>/<token>.ics`, or `…/<token>/Bookings.ics`
for apps that name a calendar by the last part of its address and would show the token. A small WSGI
application before the web framework.

No session, no cookie, no log of the path. In order: the shape of the address (before any query),
the check (one query), then 304, the finished body kept by ETag, or a fresh one. Every refusal is
the same empty 404.
"""

import gzip
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Any

from base import copies, scheduling
from base.database import database, is_doubtful
from base.repeated_log_lines import RepeatedLines
from base.sql.bounded_postgresql import answer_within
from base.text import places

from . import shown
from .feed import PREFIX, Check, check_address
from .readers import ReadLog

log = logging.getLogger("kalends.feed")

_SHAPE = re.compile(
    r"/api/calendar/([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})/([A-Za-z0-9_-]{43})(?:/[A-Za-z][A-Za-z-]{0,39})?\.ics"
)
_HEADERS = [
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]
_REFUSED = "404 Not Found", [("Content-Length", "0")], b""
# a key of the WSGI environment: raise TakesWork instead of rendering or compressing
AT_ONCE = "kalends.at_once"
_FILE = [
    ("Content-Type", "text/calendar; charset=utf-8"),
    ("Content-Disposition", 'inline; filename="bookings.ics"'),
    ("Vary", "Accept-Encoding"),
]


AT_ONCE_SECONDS, IN_A_THREAD_SECONDS = 1, 5  # seconds for an answer of the database


class TakesWork(Exception):
    """The answer would take long: the body must be rendered, or the database is slow. Ask again
    without AT_ONCE, in a thread for which nobody else waits.
    """


class Bodies:
    """Finished bodies by ETag. The least used are dropped when they exceed `limit` octets
    together.
    """

    def __init__(self, limit: int = 64 * 2**20):
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, etag: str) -> bool:
        return etag in self._kept

    def find(self, etag: str) -> bytes:
        """The body with this ETag; b"" if it is not cached."""
        return self._kept.get(etag, b"")

    def get(self, etag: str, make: Callable[[], bytes]) -> bytes:
        """The body with this ETag; made if it is not cached."""
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
    """WSGI middleware that answers every request below /api/calendar/ and passes on all others."""

    def __init__(
        self, inner: Callable[..., Any], keys: Sequence[str], reads: ReadLog | None = None
    ):
        self._inner, self._keys = inner, tuple(keys)
        self.reads = reads or ReadLog()
        self._bodies, self._repeated_lines = Bodies(), RepeatedLines(log)
        self._keeper = CopyKeeper(self._bodies)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer requests for feeds; all others go on to the pages."""
        if not environ["PATH_INFO"].startswith(PREFIX):
            passed: Iterable[bytes] = self._inner(environ, start_response)
            return passed
        status, headers, body = self._answer(environ)
        start_response(status, [*headers, *_HEADERS])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return "405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")], b""
        if not (shape := _SHAPE.fullmatch(environ["PATH_INFO"])):
            return _REFUSED
        if AT_ONCE in environ and is_doubtful():
            raise TakesWork
        address, now = (shape[1], shape[2]), scheduling.utc_now()
        for _ in range(2):  # the connection may have died meanwhile: the second one is new
            try:
                with answer_within(AT_ONCE_SECONDS if AT_ONCE in environ else IN_A_THREAD_SECONDS):
                    # kept open by this thread: a new one for each poll would cost as much as the
                    # query
                    if database.is_closed():
                        database.connect(reuse_if_open=True)
                    found = check_address(self._keys, *address, now)
                    return self._found(environ, found, now, address) if found else _REFUSED
            except TakesWork:
                raise
            # its message could contain a name or the address, so it is not raised further
            except Exception as error:
                fault = error
                # a half-read statement would show this thread an old state of the database
                database.manual_close()
        kind, at = type(fault).__name__, places(fault)
        self._repeated_lines.write(
            logging.ERROR,
            f"{kind} {at}",
            "a feed was not answered from the database: %(kind)s at %(at)s",
            kind=kind,
            at=at,
        )
        if copy := copies.find_copy(copies.place(*address)):
            return self._sent(environ, copy, now)
        return "503 Service Unavailable", [("Retry-After", "60"), ("Content-Length", "0")], b""

    def _found(
        self, environ: dict[str, Any], found: Check, now: datetime, address: tuple[str, str]
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        zipped = _asks_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        is_current = _is_current(environ, found)
        if (
            AT_ONCE in environ
            and not is_current
            and found.etag + "-gz" * zipped not in self._bodies
        ):
            raise TakesWork
        if environ["REQUEST_METHOD"] == "GET":
            self.reads.note(found.feed_id, environ.get("HTTP_USER_AGENT", ""), now)
        body = b""
        if not is_current:
            body = self._bodies.get(found.etag, lambda: _rendered(found))
        self._keeper.note(address, found, body)
        return self._sent(environ, copies.Copy(found.etag, found.revision, body), now)

    def _sent(
        self, environ: dict[str, Any], copy: copies.Copy, now: datetime
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        """304 if the reader has the body, else the body, compressed if the request asks for it."""
        zipped, body = _asks_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")), copy.body
        validators = [
            ("ETag", f'"{copy.etag}{"-gz" if zipped else ""}"'),
            ("Last-Modified", _http_date(min(copy.revision, int(now.timestamp())))),
        ]
        if _is_current(environ, copy):
            return "304 Not Modified", [*validators, ("Vary", "Accept-Encoding")], b""
        if zipped:
            body = self._bodies.get(copy.etag + "-gz", lambda: gzip.compress(copy.body, 6, mtime=0))
            validators.append(("Content-Encoding", "gzip"))
        return "200 OK", [*_FILE, *validators, ("Content-Length", str(len(body)))], body


class CopyKeeper:
    """Stores copies of served bodies, in a thread of its own so that no request waits. A feed is
    stored at most once an hour, and again after a change of it or of its clinic, which may have
    voided its copy.
    """

    def __init__(self, bodies: Bodies, most: int = 10_000):
        self._bodies, self._most, self._repeated_lines = bodies, most, RepeatedLines(log)
        # address → ETag, the clinic's revision, time, whether with its body
        self._seen: OrderedDict[tuple[str, str], tuple[str, int, float, bool]] = OrderedDict()
        self._too_large: OrderedDict[str, None] = OrderedDict()  # ETags
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="copies")
        self._waiting = threading.Semaphore(200)

    def note(self, address: tuple[str, str], found: Check, body: bytes) -> None:
        """Note that a feed was served: its body, or b"" if the reader had it."""
        etag, clinic_rev, at, had_body = self._seen.get(address, ("", 0, 0.0, False))
        is_fresh = (
            etag == found.etag
            and clinic_rev == found.clinic_rev
            and time.monotonic() - at < copies.FRESH_SECONDS
            and (had_body or not body)
        )
        if is_fresh or found.etag in self._too_large or not self._waiting.acquire(blocking=False):
            return
        self._seen[address] = found.etag, found.clinic_rev, time.monotonic(), bool(body)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        self._thread.submit(self._keep, copies.place(*address), found, body)

    def _keep(self, key: str, found: Check, body: bytes) -> None:
        try:
            if not body and not copies.extend(key):
                # readers with the body do not ask for it: it is made only for the copy
                body = self._bodies.find(found.etag) or _rendered_here(found)
            if body:
                copy = copies.Copy(found.etag, found.revision, body)
                copies.keep_copy(key, found.clinic_id, found.clinic_rev, copy)
        except copies.TooLarge:
            self._too_large[found.etag] = None
            if len(self._too_large) > self._most:
                self._too_large.popitem(last=False)
        except Exception as error:  # the reader has its answer; only the copy failed
            kind, at = type(error).__name__, places(error)
            self._repeated_lines.write(
                logging.ERROR,
                f"{kind} {at}",
                "a copy was not kept: %(kind)s at %(at)s",
                kind=kind,
                at=at,
            )
        finally:
            self._waiting.release()


def _rendered(found: Check) -> bytes:
    return shown.render(found.feed_id, *found.window(), found.is_empty, found.revision)


def _rendered_here(found: Check) -> bytes:
    """The feed's body, made in a thread that opens and closes its own connection to the
    database.
    """
    with answer_within(IN_A_THREAD_SECONDS), database.connection_context():
        return _rendered(found)


def _asks_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding names gzip, and not with q=0."""
    for item in accepted.lower().split(","):
        name, _, weight = item.strip().partition(";")
        if name.strip() in ("gzip", "x-gzip"):
            return not re.fullmatch(r"q=0(\.0*)?", weight.replace(" ", ""))
    return False


def _is_current(environ: dict[str, Any], found: Check | copies.Copy) -> bool:
    """Whether the reader's copy is current. If-None-Match, compared weakly, goes before the date
    (RFC 9110 §13.2.2).
    """
    if (tags := environ.get("HTTP_IF_NONE_MATCH")) is not None:
        given = {
            tag.strip().removeprefix("W/").strip('"').removesuffix("-gz") for tag in tags.split(",")
        }
        return "*" in given or found.etag in given
    try:
        since = parsedate_to_datetime(environ["HTTP_IF_MODIFIED_SINCE"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return False
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return since.timestamp() >= found.revision


@lru_cache(4096)
def _http_date(revision: int) -> str:
    return formatdate(revision, usegmt=True)
