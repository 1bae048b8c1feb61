"""Who reads the feeds: families of programs, counted off the answering thread. No address is ever looked at."""

import atexit
import logging
import threading
from datetime import datetime

from peewee import PeeweeException

from models import FeedRead, database

log = logging.getLogger("kalends.readers")

_FAMILIES = (  # piece of a User-Agent, lower case → name; the first that fits (fact sheet §5)
    ("google-calendar-importer", "Google Calendar"), ("calendaragent", "Apple Calendar"), ("dataaccessd", "Apple Calendar"),
    ("remindd", "Apple Calendar"), ("fantastical", "Fantastical"), ("thunderbird", "Thunderbird"), ("evolution", "GNOME Calendar"),
    ("nextcloud", "Nextcloud"), ("icsx5", "ICSx⁵"), ("homeassistant", "Home Assistant"), ("akonadi", "KDE Calendar"),
    ("korganizer", "KDE Calendar"), ("vdirsyncer", "vdirsyncer"), ("yandexcalendar", "Yandex Calendar"), ("outlook", "Outlook"),
    ("microsoft", "Outlook"), ("exchange", "Outlook"), ("ios/", "Apple Calendar"), ("macos/", "Apple Calendar"),
    ("mac os x/", "Apple Calendar"), ("okhttp", "an Android app"), ("mozilla/", "a browser"),
)
_SAME_VISIT_SECONDS = 50  # a program that asks HEAD, GET, GET in a row has looked once


def family(user_agent: str) -> str:
    """The family of a calendar program by its User-Agent."""
    lowered = user_agent[:300].lower()
    return next((name for piece, name in _FAMILIES if piece in lowered), "another app")


class ReadLog:
    """Collects reads in memory and writes them together, about a second later, on a thread of its own.

    A poll is so never held up by a write, and a locked database only delays the counting. What a killed process had
    not written yet (a second's worth) is lost; it is a courtesy, not the truth.
    """

    def __init__(self, delay_seconds: float = 1.0):
        self._delay = delay_seconds
        self._lock = threading.Lock()
        self._pending: dict[tuple[int, str], tuple[datetime, datetime, int]] = {}
        self._timer: threading.Timer | None = None
        atexit.register(self.flush)

    def note(self, feed_id: int, user_agent: str, at: datetime) -> None:
        """Remember that a program read the feed at this instant."""
        key = feed_id, family(user_agent)
        with self._lock:
            first, _, count = self._pending.get(key, (at, at, 0))
            self._pending[key] = first, at, count + 1
            if self._timer is None:
                self._timer = threading.Timer(self._delay, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what is pending; on a database fault keep it for the next time."""
        with self._lock:
            pending, self._pending, self._timer = self._pending, {}, None
        if not pending:
            return
        try:
            with database.connection_context(), database.atomic():
                for (feed_id, name), (first, last, count) in pending.items():
                    _add(feed_id, name, first, last, count)
        except PeeweeException as error:
            log.warning("reads not counted yet: %s", type(error).__name__)
            with self._lock:
                for key, (first, last, count) in pending.items():
                    early, late, more = self._pending.get(key, (first, last, 0))
                    self._pending[key] = min(first, early), max(last, late), count + more


def _add(feed_id: int, name: str, first: datetime, last: datetime, count: int) -> None:
    row = FeedRead.get_or_none(FeedRead.feed == feed_id, FeedRead.family == name)
    if row is None:
        FeedRead.insert(feed=feed_id, family=name, first_at=first, last_at=last, count=count).on_conflict_ignore().execute()
        return
    gap = (first - row.last_at).total_seconds()
    if gap > _SAME_VISIT_SECONDS:  # a running mean that forgets: three parts habit, one part news
        row.interval_seconds = int(gap if row.interval_seconds is None else 0.75 * row.interval_seconds + 0.25 * gap)
    row.last_at, row.count = max(row.last_at, last), row.count + count
    row.save()
