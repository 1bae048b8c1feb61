"""The first answer after a change, compared with the time that icalendar alone needs for the same
events.

The answer takes the check, the database read, faces and text.
"""

import time
from datetime import UTC, datetime
from statistics import median

import icalendar

import models
from base import scheduling
from base.database import open_database
from operate import migrate
from sync.feeds import feed as feeds
from sync.feeds import shown

from . import clinics
from .tables import show, verdict

KEY = "a secret of the bench"


def first_answer_seconds(link: models.Feed, times: int = 9) -> tuple[float, bytes]:
    """Two values: the median time from the check to the finished body, with nothing cached; and the
    body.
    """
    given, taken = feeds.token(KEY, str(link.uuid), link.salt), []
    for _ in range(times):
        begin = time.perf_counter()
        found = feeds.check_address([KEY], str(link.uuid), given, scheduling.utc_now())
        body = shown.render(found.feed_id, *found.window(), found.is_empty, found.revision)
        taken.append(time.perf_counter() - begin)
    return median(taken), body


def icalendar_seconds(body: bytes, times: int = 5) -> float:
    """The median time in which icalendar builds and writes the same events from plain values."""
    events = [
        (str(e["UID"]), e.start.astimezone(UTC), e.end.astimezone(UTC), str(e["SUMMARY"]))
        for e in icalendar.Calendar.from_ical(body).walk("VEVENT")
    ]
    stamp, taken = datetime(2026, 1, 1, tzinfo=UTC), []
    for _ in range(times):
        begin = time.perf_counter()
        calendar = icalendar.Calendar()
        for uid, start, end, title in events:
            calendar.add_component(
                icalendar.Event.new(
                    uid=uid,
                    start=start,
                    end=end,
                    summary=title,
                    stamp=stamp,
                    sequence=0,
                    status="CONFIRMED",
                    created=stamp,
                    last_modified=stamp,
                )
            )
        calendar.to_ical()
        taken.append(time.perf_counter() - begin)
    return median(taken)


def run() -> None:
    """Measure both, for 1,000 bookings on SQLite."""
    open_database("sqlite:///:memory:")
    migrate.migrate()
    link, _ = clinics.fill(1, 1000)
    ours, body = first_answer_seconds(link)
    theirs = icalendar_seconds(body)
    ratio = ours / theirs
    show(
        "First answer of 1,000 bookings after a change",
        ["", "ms", "ratio", "asked"],
        [
            [
                "ours: check, read, render",
                f"{ours * 1000:.1f}",
                f"{ratio:.3f}",
                verdict(ratio, 0.2, False),
            ],
            ["icalendar: render alone", f"{theirs * 1000:.1f}", "1", ""],
        ],
    )
