"""The programs that read the feeds, in families, counted outside the answering thread. IP addresses
are never read.
"""

import atexit
import logging
import threading
from datetime import datetime
from functools import lru_cache

from peewee import IntegrityError, PeeweeException

from base.database import database
from base.repeated_log_lines import RepeatedLines
from models import FeedRead

log = logging.getLogger("kalends.readers")

_FAMILIES = (  # part of a User-Agent, lower case → name; the first match counts (fact sheet §5)
    ("google-calendar-importer", "Google Calendar"),
    ("calendaragent", "Apple Calendar"),
    ("dataaccessd", "Apple Calendar"),
    ("remindd", "Apple Calendar"),
    ("fantastical", "Fantastical"),
    ("thunderbird", "Thunderbird"),
    ("evolution", "GNOME Calendar"),
    ("nextcloud", "Nextcloud"),
    ("icsx5", "ICSx⁵"),
    ("homeassistant", "Home Assistant"),
    ("akonadi", "KDE Calendar"),
    ("korganizer", "KDE Calendar"),
    ("vdirsyncer", "vdirsyncer"),
    ("yandexcalendar", "Yandex Calendar"),
    ("outlook", "Outlook"),
    ("microsoft", "Outlook"),
    ("exchange", "Outlook"),
    ("ios/", "Apple Calendar"),
    ("macos/", "Apple Calendar"),
    ("mac os x/", "Apple Calendar"),
    ("okhttp", "an Android app"),
    ("mozilla/", "a browser"),
)
_SELF_PACED = ("Google Calendar",)  # however often a feed asks to be read
Reads = tuple[datetime, datetime, int]  # first, last, how many
_SAME_VISIT_SECONDS = 50  # a program that asks HEAD, GET, GET in a row has read once


@lru_cache(1024)
def family(user_agent: str) -> str:
    """The family of a calendar program by its User-Agent."""
    lowered = user_agent[:300].lower()
    return next((name for piece, name in _FAMILIES if piece in lowered), "another app")


def is_self_paced(name: str) -> bool:
    """Whether programs of this family alone decide how often they read a feed."""
    return name in _SELF_PACED


class ReadLog:
    """Collects reads in memory, and writes them together about a second later in a thread of its
    own. So no request waits for a write, and a locked database only delays the counting. A killed
    process loses the reads of the last second, which is accepted.
    """

    def __init__(self, delay_seconds: float = 1.0):
        self._delay = delay_seconds
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._pending: dict[tuple[int, str], Reads] = {}
        self._timer: threading.Timer | None = None
        self._lines = RepeatedLines(log)
        atexit.register(self.flush)

    def note(self, feed_id: int, user_agent: str, at: datetime) -> None:
        """Remember that a program read the feed at this instant."""
        key = feed_id, family(user_agent)
        with self._lock:
            self._pending[key] = _together(self._pending.get(key), (at, at, 1))
            if self._timer is None:
                self._timer = threading.Timer(self._delay, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the pending counts, after the write that is running; after a database error keep
        them for the next time.
        """
        with self._writing:
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            if self._timer:
                self._timer.cancel()
            pending, self._pending, self._timer = self._pending, {}, None
        if not pending:
            return
        try:
            with database.connection_context(), database.atomic():
                for (feed_id, name), reads in pending.items():
                    _add(feed_id, name, reads)
        except PeeweeException as error:
            kind = type(error).__name__
            self._lines.write(logging.WARNING, kind, "reads not counted yet: %(kind)s", kind=kind)
            with self._lock:
                for key, reads in pending.items():
                    later = self._pending.get(key)
                    self._pending[key] = _together(reads, later) if later else reads


def _together(early: Reads | None, late: Reads) -> Reads:
    """Two readings of a program as one. If the last read of the early one and the first read of the
    late one are close together, they count as one visit.
    """
    if early is None:
        return late
    return early[0], max(early[1], late[1]), early[2] + late[2] - _is_same_visit(early[1], late[0])


def _is_same_visit(last: datetime, first: datetime) -> bool:
    return (first - last).total_seconds() <= _SAME_VISIT_SECONDS


def _add(feed_id: int, name: str, reads: Reads) -> None:
    """Count reads of one family. Reads of a deleted feed are dropped."""
    first, last, count = reads
    same = FeedRead.feed == feed_id, FeedRead.family == name
    row = FeedRead.get_or_none(*same)
    if row is None:
        try:
            with database.atomic():
                FeedRead.create(
                    feed=feed_id, family=name, first_at=first, last_at=last, count=count
                )
            return
        except IntegrityError:  # another process was first, or the feed was deleted
            row = FeedRead.get_or_none(*same)
    if row is None:
        return
    interval, again = row.interval_seconds, _is_same_visit(row.last_at, first)
    if not again:  # a running mean: three parts the old value, one part the new gap
        gap = (first - row.last_at).total_seconds()
        interval = int(gap if interval is None else 0.75 * interval + 0.25 * gap)
    FeedRead.update(
        last_at=max(row.last_at, last),
        count=FeedRead.count + (count - again),
        interval_seconds=interval,
    ).where(FeedRead.id == row.id).execute()
