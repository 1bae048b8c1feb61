"""Who reads the feeds: families of programs, how often they look, and that no count is lost."""

import logging
import sqlite3
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from werkzeug.test import Client

import models
from base.database import is_sqlite
from models import Feed, FeedRead
from sync.feeds import feed as feeds
from sync.feeds.readers import ReadLog, family
from sync.feeds.wsgi import FeedsApp

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
GOOGLE, APPLE = "Google-Calendar-Importer", "iOS/26.0 (23A341) dataaccessd/1.0"


@pytest.fixture
def log():
    """A log that writes when told."""
    return ReadLog(delay_seconds=3600)


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)


def read(log, link, *instants, agent=GOOGLE):
    for at in instants:
        log.note(link.id, agent, at)
    log.flush()
    return FeedRead.get(FeedRead.feed == link, FeedRead.family == family(agent))


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (compatible; Google-Calendar-Importer; +http://www.google.com/calendar)",
            "Google Calendar",
        ),
        (GOOGLE, "Google Calendar"),
        (APPLE, "Apple Calendar"),
        ("macOS/26.1 (25B78) dataaccessd/1.0", "Apple Calendar"),
        ("iOS/17.5 (21F79) remindd/1.0", "Apple Calendar"),
        ("Mac OS X/10.15.7 (19H2) CalendarAgent/930.5.1", "Apple Calendar"),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)", "Outlook"),
        ("Outlook-iOS/2.0", "Outlook"),
        ("Microsoft.Exchange/15.20 (Calendar Sync)", "Outlook"),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Thunderbird/153.0",
            "Thunderbird",
        ),
        ("Evolution/3.46.4", "GNOME Calendar"),
        ("Nextcloud Webcal Service", "Nextcloud"),
        ("ICSx5/2.2.4 (okhttp/4.12.0) Android/15", "ICSx⁵"),
        ("okhttp/4.12.0", "an Android app"),
        ("HomeAssistant/2026.11.1 httpx/0.28 Python/3.13", "Home Assistant"),
        ("vdirsyncer/0.19.0", "vdirsyncer"),
        ("YandexCalendar/1.0", "Yandex Calendar"),
        ("Fantastical/4.0 Mac OS X/15", "Fantastical"),
        (
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
                " Version/18.0 Mobile/15E148 Safari/604.1"
            ),
            "a browser",
        ),
        ("curl/8.5", "another app"),
        ("", "another app"),
        ("x" * 100_000 + "thunderbird", "another app"),
        ("\x00\u2028", "another app"),
    ],
)
def test_a_family_is_known_by_its_user_agent(agent, name):
    assert family(agent) == name


def test_a_first_look_is_kept_with_its_time(log, link):
    row = read(log, link, NOON)
    assert (row.count, row.first_at, row.last_at, row.interval_seconds) == (1, NOON, NOON, None)


def test_families_are_counted_apart_and_links_too(log, link, linden):
    other = Feed.generate(linden.pat, "other", linden.pat, practitioner=linden.calendar)
    for feed, agent in ((link, GOOGLE), (link, APPLE), (other, GOOGLE)):
        log.note(feed.id, agent, NOON)
    log.flush()
    assert sorted(FeedRead.select(FeedRead.feed, FeedRead.family, FeedRead.count).tuples()) == [
        (link.id, "Apple Calendar", 1),
        (link.id, "Google Calendar", 1),
        (other.id, "Google Calendar", 1),
    ]


@pytest.mark.parametrize("written_between", [True, False])
def test_several_reads_within_a_visit_are_one_look(log, link, written_between):
    for seconds in (0, 1, 2, 30):
        log.note(link.id, GOOGLE, NOON + timedelta(seconds=seconds))
        if written_between:
            log.flush()
    row = read(log, link, NOON + HOUR)
    assert (row.count, row.first_at, row.last_at) == (2, NOON, NOON + HOUR)
    assert row.interval_seconds == (3570 if written_between else None)


def test_the_habit_is_learnt_and_slowly_unlearnt(log, link):
    row = None
    for n in range(5):
        row = read(log, link, NOON + n * HOUR)
    assert row.interval_seconds == 3600 and row.count == 5
    row = read(log, link, NOON + 4 * HOUR + timedelta(days=1))
    assert row.interval_seconds == 0.75 * 3600 + 0.25 * 86400
    for n in range(1, 13):
        row = read(log, link, NOON + timedelta(days=1, hours=4) + n * HOUR)
    assert 3600 < row.interval_seconds < 1.2 * 3600


def test_a_clock_that_was_put_back_harms_nothing(log, link):
    read(log, link, NOON)
    row = read(log, link, NOON - HOUR)
    assert (row.last_at, row.interval_seconds, row.count) == (NOON, None, 1)


def test_nothing_to_write_asks_the_database_nothing(log, db, caplog):
    with caplog.at_level(logging.DEBUG, "peewee"):
        log.flush()
    assert not [record for record in caplog.records if record.name == "peewee"]


def test_a_locked_database_delays_counts_and_loses_none(log, link, app, caplog):
    url = app.config["SETTINGS"].database_url
    read(log, link, NOON)
    if is_sqlite():
        # Milliseconds, for the connection that goes back into the pool.
        models.database.execute_sql("PRAGMA busy_timeout = 50")
        blocker = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
    else:
        models.database.execute_sql("SET lock_timeout = 50")
        blocker = psycopg.connect(url)
        blocker.execute("LOCK TABLE feed_read")
    log.note(link.id, GOOGLE, NOON + HOUR)
    log.flush()
    log.note(link.id, GOOGLE, NOON + 2 * HOUR)
    log.note(link.id, APPLE, NOON + 2 * HOUR)
    log.flush()
    blocker.rollback()
    blocker.close()
    models.database.close_all()
    assert caplog.text.count("reads not counted yet") == 1
    assert FeedRead.select().count() == 1
    row = read(log, link, NOON + 3 * HOUR)
    assert (row.count, row.last_at) == (4, NOON + 3 * HOUR)
    assert FeedRead.get(FeedRead.family == "Apple Calendar").count == 1


def test_a_look_at_a_link_that_is_gone_does_not_hold_up_the_others(log, link):
    log.note(link.id + 999, GOOGLE, NOON)
    row = read(log, link, NOON)
    assert row.count == 1 and FeedRead.select().count() == 1
    assert log._pending == {}


def test_two_processes_count_the_same_family_together(link):
    logs = [ReadLog(delay_seconds=3600) for _ in range(4)]
    for n, log in enumerate(logs):
        for step in range(5):
            log.note(link.id, GOOGLE, NOON + (5 * n + step) * HOUR)
    for log in logs:
        log.flush()
    assert FeedRead.get(FeedRead.feed == link).count == 20


def test_many_threads_lose_no_count(log, link):
    """Each notes the visits of one family, while another writes."""
    stop = threading.Event()

    def write():
        while not stop.is_set():
            log.flush()

    writer = threading.Thread(target=write)
    writer.start()
    agents = [GOOGLE, APPLE, "Thunderbird", "Evolution"]

    def visit(agent):
        for n in range(50):
            log.note(link.id, agent, NOON + n * HOUR)

    threads = [threading.Thread(target=visit, args=(agent,)) for agent in agents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    writer.join()
    log.flush()
    assert [row.count for row in FeedRead.select()] == [50] * 4


def test_reads_are_written_by_themselves_a_little_later(link):
    log = ReadLog(delay_seconds=0.05)
    log.note(link.id, GOOGLE, NOON)
    timer = log._timer
    assert FeedRead.select().count() == 0 and timer.daemon
    timer.join(10)
    assert FeedRead.get().count == 1 and log._timer is None


def test_a_read_over_http_is_counted_without_an_address(app, log, link, clock):
    browser, address = Client(FeedsApp(app, ("a key",), log)), feeds.path("a key", link)
    for headers in ({}, {"If-None-Match": "*"}):
        browser.get(
            address,
            headers={"User-Agent": APPLE, "X-Forwarded-For": "203.0.113.9", **headers},
            environ_base={"REMOTE_ADDR": "198.51.100.7"},
        )
    browser.head(address, headers={"User-Agent": GOOGLE})
    browser.get(address.replace(".ics", "x.ics"), headers={"User-Agent": GOOGLE})
    log.flush()
    (row,) = FeedRead.select().dicts()
    assert row == {
        "id": row["id"],
        "feed": link.id,
        "family": "Apple Calendar",
        "first_at": clock.now,
        "last_at": clock.now,
        "count": 1,
        "interval_seconds": None,
    }


def test_a_new_address_forgets_who_read_the_old_one(log, link, linden):
    read(log, link, NOON)
    link.rotate(linden.pat)
    assert FeedRead.select().count() == 0
