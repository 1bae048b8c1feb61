"""While the database is away a link gives its last good body.

Whatever was taken back is never given again.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from werkzeug.test import Client, TestResponse

import models
from base import copies, vault
from base.database import is_sqlite, open_database
from base.scheduling import Span
from models import Booking, Clinic, Feed
from sync.feeds import feed as feeds
from sync.feeds.wsgi import FeedsApp

KEY = "a key of the tests"
NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


@pytest.fixture
def store(queue, settings):
    """The store of copies, over our own Redis."""
    copies.open_copies(
        queue.connection_pool.connection_kwargs
        and f"unix://{queue.connection_pool.connection_kwargs['path']}"
    )
    vault.open_vault(settings.secret_keys)
    yield queue
    copies.open_copies(None)


@pytest.fixture
def link(linden, clock):
    Booking.book(
        linden.calendar,
        [Span(NINE, NINE + timedelta(hours=1))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )
    linden.pat.change_sync(identifier="full_name")
    return Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)


@pytest.fixture
def process(app):
    """`process()`: another web process."""
    return lambda: Client(FeedsApp(app, (KEY,), app.wsgi_app.reads), TestResponse)


def settle(client) -> None:
    """Wait until copies are kept that were begun to be."""
    client.application._keeper._thread.submit(lambda: None).result(10)


class Away:
    """The database, out of reach."""

    def __init__(self, settings):
        self._url = settings.database_url

    def __enter__(self):
        models.database.obj.close_all()
        open_database(
            "sqlite:////nowhere/at/all.db"
            if is_sqlite()
            else "postgresql://127.0.0.1:9/none?connect_timeout=1"
        )

    def __exit__(self, *error):
        models.database.obj.close_all()
        open_database(self._url)
        models.database.connect(reuse_if_open=True)


def read(client, link, **headers):
    return client.get(feeds.path(KEY, link), headers=headers)


def test_the_last_good_body_is_given_while_the_database_is_away(store, settings, process, link):
    one, other = process(), process()
    good = read(one, link)
    settle(one)
    with Away(settings):
        late = read(other, link)  # another process, which never read it
        assert (late.status_code, late.data, late.headers["ETag"]) == (
            200,
            good.data,
            good.headers["ETag"],
        )
        assert read(other, link, **{"If-None-Match": good.headers["ETag"]}).status_code == 304
        assert (
            read(other, link, **{"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"
        )
        wrong = feeds.path("another key", link)
        assert other.get(wrong).status_code == 503
    assert read(other, link).status_code == 200


def test_without_a_copy_the_answer_says_when_to_come_again(store, settings, process, link):
    with Away(settings):
        answer = read(process(), link)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


def test_a_copy_is_sealed_and_lasts_a_day(store, settings, process, link):
    client = process()
    read(client, link)
    settle(client)
    (key,) = store.keys("kalends:copy:*")
    assert (
        b"Wojcik" not in store.get(key)
        and "Wójcik".encode() not in store.get(key)
        and str(link.uuid).encode() not in key
    )
    assert 86000 < store.ttl(key) <= 86400
    store.expire(key, 5)
    copies.extend(key.decode())
    assert store.ttl(key) > 86000


LESS = {
    "rotated": lambda c, link: link.rotate(c.pat),
    "revoked": lambda c, link: link.revoke(c.pat),
    "opted out": lambda c, link: c.pat.change_sync(sync_allowed=False),
    "a safer identifier": lambda c, link: c.pat.change_sync(identifier="none"),
    "hidden": lambda c, link: c.pat.change_sync(hide_sensitive=True),
    "a lower ceiling": lambda c, link: c.clinic.change(c.olive, privacy_ceiling="none"),
    "the plan lost": lambda c, link: c.clinic.change_plan("basic", c.olive),
    "left": lambda c, link: c.pat.leave(c.olive),
    "the calendar closed": lambda c, link: c.calendar.set_archived(True, c.olive),
    "other statuses": lambda c, link: link.change(c.pat, statuses={}),
    "the link hides": lambda c, link: link.change(c.pat, hide_sensitive=True),
    "the link's identifier": lambda c, link: link.change(c.pat, identifier="none"),
    "notes kept in": lambda c, link: c.clinic.change(c.olive, notes_may_leave=True),
}


@pytest.mark.parametrize("what", LESS)
def test_what_may_show_less_ends_the_copy_before_it_is_confirmed(
    store, settings, process, link, linden, what
):
    client, old = process(), feeds.path(KEY, link)
    assert client.get(old).status_code == 200
    settle(client)
    LESS[what](linden, Feed.get_by_id(link.id))
    with Away(settings):
        assert process().get(old).status_code == 503


def test_a_link_has_its_copy_again_after_another_was_taken_back(
    store, settings, process, link, linden
):
    """Readers who have the body already ask for none, and none else of the link changed."""
    other = Feed.generate(linden.pat, "my tablet", linden.pat, practitioner=linden.calendar)
    one, two = process(), process()
    good = read(one, link)
    settle(one)
    other.revoke(linden.pat)
    assert store.keys("kalends:copy:*") == []
    known = {"If-None-Match": good.headers["ETag"]}
    for client in (one, two):  # one that gave the body, and one that never had it
        assert read(client, link, **known).status_code == 304
        settle(client)
        with Away(settings):
            assert read(process(), link).data == good.data
        store.flushall()  # as a store that begins again
    assert read(one, link).status_code == 200


def test_what_was_read_before_is_not_kept_after(store, settings, process, link, linden):
    """A process reads the link, then somebody takes it back, and only then the process comes to
    keep what it has.
    """
    begun, go_on = threading.Event(), threading.Event()
    client = process()
    keeper = client.application._keeper
    keeper._thread.submit(lambda: (begun.set(), go_on.wait(10)))
    begun.wait(10)
    read(client, link)
    linden.pat.change_sync(sync_allowed=False)
    go_on.set()
    settle(client)
    assert store.keys("kalends:copy:*") == []


def test_what_could_not_be_voided_is_voided_by_the_sweep(store, settings, process, link, linden):
    client, old = process(), feeds.path(KEY, link)
    client.get(old)
    settle(client)
    copies.open_copies("unix:///nowhere/redis.sock")
    Feed.get_by_id(link.id).revoke(linden.pat)
    assert Clinic.get_by_id(linden.clinic.id).void_rev
    copies.open_copies(f"unix://{store.connection_pool.connection_kwargs['path']}")
    Clinic.void_late()
    assert (
        Clinic.get_by_id(linden.clinic.id).void_rev is None and store.keys("kalends:copy:*") == []
    )


@pytest.mark.parametrize("refusal", ["memory", "replica", "replicas"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_store_that_takes_no_writes_gives_no_copy_that_it_could_not_void(
    store, settings, process, link, linden, monkeypatch, refusal
):
    monkeypatch.setattr(copies, "PAUSE_SECONDS", 0)
    client, old = process(), feeds.path(KEY, link)
    client.get(old)
    settle(client)
    with Away(settings):
        assert client.get(old).status_code == 200
    if refusal == "memory":
        store.config_set("maxmemory", 1)
    elif refusal == "replica":
        store.execute_command("REPLICAOF", "127.0.0.1", "1")
    else:
        store.config_set("min-replicas-to-write", 1)
    Feed.get_by_id(link.id).revoke(linden.pat)
    # what is full can still be emptied
    assert bool(Clinic.get_by_id(linden.clinic.id).void_rev) == (refusal != "memory")
    with Away(settings):
        assert client.get(old).status_code == 503


def test_a_store_that_is_away_costs_one_short_wait(link, process):
    copies.open_copies("unix:///nowhere/redis.sock")
    client = process()
    assert read(client, link).status_code == 200
    settle(client)
    assert copies.find_copy("x") is None and not copies.void(1, 1)
    assert time.monotonic() < copies._again_at
    copies.open_copies(None)


def test_unchanged_polls_ask_the_store_nothing(store, process, link):
    client = process()
    etag = read(client, link).headers["ETag"]
    settle(client)
    monitored = Redis(unix_socket_path=store.connection_pool.connection_kwargs["path"])
    before = monitored.info("stats")["total_commands_processed"]
    for _ in range(20):
        assert read(client, link, **{"If-None-Match": etag}).status_code == 304
    settle(client)
    assert monitored.info("stats")["total_commands_processed"] - before <= 2  # ours
