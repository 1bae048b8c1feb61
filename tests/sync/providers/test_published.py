"""Published calendars: requests, accepted documents, and refused ones, over real sockets."""

import gzip
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from typed_addresses import answer, calendar, event, serving

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from sync.events.event import Window
from sync.feeds.ical import PRODUCT
from sync.providers.errors import Forbidden, Gone, ProviderError, RateLimited, Unavailable
from sync.providers.published import contents
from sync.providers.published.adapter import ONLY, Published
from sync.providers.published.fetching import https
from sync.providers.published.signing_in import PublishedSignIn

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=40), NOW + timedelta(days=370))


@pytest.fixture
def published():
    """`pull(token)` asks for the calendar, once more with what the last one told."""
    before = exchange.set_up_as()
    exchange.set_up(read_allowed("http://127.0.0.1"))
    with serving(None) as server, exchange.http_client(20) as http:
        clock = SimpleNamespace(now=NOW)
        address = f"http://pat:hunter2@127.0.0.1:{server.port}/x.ics?key=hunter2"
        login = PublishedSignIn().written(address, "", "", "Europe/Berlin")
        provider = Published(http, lambda _stale: login, clock=lambda: clock.now)

        def pull(token=None, *answers):
            server.seen.clear()
            server.answers = list(answers) or server.answers
            return provider.pull(ONLY, token, WINDOW)

        yield SimpleNamespace(server=server, pull=pull, provider=provider, clock=clock)
    exchange.set_up(before)


def test_a_complete_list_with_times_days_and_repeats(published):
    body = calendar(
        event("a"),
        event("b", "20261128T100000", "20261128T110000"),  # on the practitioner's clock
        "BEGIN:VEVENT\nUID:c\nDTSTART;VALUE=DATE:20261201\nSUMMARY:Away\nEND:VEVENT\n",
        event("d", "20260901T080000Z", "20260901T090000Z", "RRULE:FREQ=WEEKLY;COUNT=20\n"),
        event("e", more="STATUS:CANCELLED\n"),
        event("old", "20200101T100000Z", "20200101T110000Z"),
        event("old repeat", "20200103T100000Z", "20200103T110000Z", "RRULE:FREQ=YEARLY\n"),
    )
    delta = published.pull(None, answer(body))
    assert delta.complete and delta.window == WINDOW and not delta.unread
    starts = sorted(f"{one.starts_at:%m-%d %H:%M}" for one in delta.changed if not one.series_id)
    assert starts == ["11-27 10:00", "11-28 09:00", "12-01 00:00"]
    days = [one for one in delta.changed if one.starts_on]
    assert [(str(one.starts_on), str(one.ends_on)) for one in days] == [
        ("2026-12-01", "2026-12-02")
    ]
    series = {one.series_id for one in delta.changed if one.series_id}
    assert len(series) == 2 and all(len(one.remote_id) < 1200 for one in delta.changed)
    (asked,) = published.server.seen
    assert asked.header("Authorization").startswith("Basic ")
    assert asked.header("Accept") == "text/calendar" and asked.header("If-None-Match") == ""
    (only,) = published.provider.calendars()
    assert (only.name, only.access) == ("", "owner")
    assert published.provider.email() == "127.0.0.1"


def test_asked_again_with_conditions_and_once_a_day_without(published):
    body = answer(calendar(event()), "200 OK", 'ETag: "v1"', "Last-Modified: Fri, 20 Nov 2026")
    first = published.pull(None, body)
    published.clock.now += timedelta(minutes=15)
    again = published.pull(first.sync_token, answer(b"", "304 Not Modified"))
    assert not again.complete and not again.changed and again.sync_token == first.sync_token
    (asked,) = published.server.seen
    assert asked.header("If-None-Match") == '"v1"'
    assert asked.header("If-Modified-Since") == "Fri, 20 Nov 2026"
    published.clock.now += timedelta(days=1)
    whole = published.pull(again.sync_token, answer(calendar(event("other"))))
    assert published.server.seen[0].header("If-None-Match") == ""
    assert whole.complete and len(whole.changed) == 1


def test_lines_that_change_at_each_reading_are_no_change(published):
    first = published.pull(None, answer(calendar(event(more="DTSTAMP:20261120T120000Z\n"))))
    stamped = calendar(event(more="DTSTAMP:20261120T121500Z\n"), head="PRODID:other\n")
    again = published.pull(first.sync_token, answer(stamped))
    assert not again.complete and not again.changed
    moved = published.pull(again.sync_token, answer(calendar(event(start="20261127T103000Z"))))
    assert moved.complete and len(moved.changed) == 1


def test_uids_that_are_others_each_time_are_left_aside(published):
    times = [f"202611{day}T100000Z" for day in range(21, 30)]

    def made(mark, title="Visit"):
        return answer(calendar(*(event(f"{mark}{n}", at, at) for n, at in enumerate(times))))

    first = published.pull(None, made("a"))
    second = published.pull(first.sync_token, made("b"))
    third = published.pull(second.sync_token, made("c"))
    fourth = published.pull(third.sync_token, made("d"))
    ids = [{one.remote_id for one in pulled.changed} for pulled in (first, second, third, fourth)]
    assert ids[0] != ids[1] and ids[1] == ids[2] == ids[3] and len(ids[1]) == 9


def test_stable_uids_identify_moved_events(published):
    first = published.pull(None, answer(calendar(event("a"), event("b", "20261128T100000Z"))))
    moved = calendar(event("a", "20261127T103000Z"), event("b", "20261128T103000Z"))
    second = published.pull(first.sync_token, answer(moved))
    assert {one.remote_id for one in first.changed} == {one.remote_id for one in second.changed}


def test_the_newer_of_two_events_with_one_uid_counts_and_events_without_uid_are_kept(published):
    body = calendar(
        event("a", title="Old", more="SEQUENCE:1\n"),
        event("a", "20261128T100000Z", "20261128T110000Z", "SEQUENCE:2\n", title="New"),
        event("a", title="Older"),
        event("", "20261129T100000Z", "20261129T110000Z"),
        event("", "20261130T100000Z", "20261130T110000Z"),
        event("x" * 3000, "20261201T100000Z", "20261201T110000Z"),
    )
    delta = published.pull(None, answer(body))
    assert sorted(one.title for one in delta.changed) == ["New", "Visit", "Visit", "Visit"]
    assert all(len(one.remote_id) == 32 for one in delta.changed)


REFUSED = {  # answer → error, its word
    "a page to sign in": (answer(b"<!DOCTYPE html><html>hunter2</html>"), Unavailable, "page"),
    "nothing": (answer(b""), Unavailable, "no_calendar"),
    "half": (answer(calendar(event())[:-30]), Unavailable, "no_calendar"),
    "gone": (answer(b"", "410 Gone"), Gone, "not_found"),
    "not found": (answer(b"", "404 Not Found"), Gone, "not_found"),
    "a password": (answer(b"", "401 Unauthorized"), Forbidden, "password"),
    "refused": (answer(b"", "403 Forbidden"), Forbidden, "refused"),
    "too often": (answer(b"", "429 X", "Retry-After: 60"), RateLimited, ""),
    "down": (answer(b"", "500 X"), Unavailable, ""),
    "304 to one who did not ask": (answer(b"", "304 X"), ProviderError, "unexpected"),
    "moved for ever": (answer(b"", "301 X", "Location: /x.ics"), ProviderError, "moved"),
    "moved inside": (answer(b"", "302 X", "Location: https://10.0.0.1/"), ProviderError, "private"),
    "moved to http": (answer(b"", "302 X", "Location: http://a.test/"), ProviderError, "plain"),
    "no HTTP": (b"220 mail\r\n\r\n", ProviderError, "broken"),
    "our own link": (
        answer(calendar(event(), head=f"PRODID:{PRODUCT}\n")),
        ProviderError,
        "own_link",
    ),
    "large": (answer(b"BEGIN:VCALENDAR" + b" " * 11_000_000), ProviderError, "large"),
    "50 MB, packed": (
        answer(gzip.compress(b"x" * 50_000_000), "200 OK", "Content-Encoding: gzip"),
        ProviderError,
        "large",
    ),
    "100,000 events": (
        answer(calendar("BEGIN:VEVENT\nEND:VEVENT\n" * 100_000)),
        ProviderError,
        "many_events",
    ),
    "more occurrences than anybody has": (
        answer(calendar(*(event(n, more="RRULE:FREQ=DAILY\n") for n in range(20)))),
        ProviderError,
        "many_occurrences",
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_what_is_no_calendar_is_told_by_a_word_and_never_a_deletion(published, how):
    given, error, word = REFUSED[how]
    with pytest.raises(error) as caught:
        published.pull(None, given)
    assert caught.value.reason == word and "hunter2" not in f"{caught.value!r}"
    assert caught.value.__cause__ is None


def test_a_password_asked_for_meanwhile_keeps_what_is_known(published):
    first = published.pull(None, answer(calendar(event())))
    with pytest.raises(Forbidden):
        published.pull(first.sync_token, answer(b"", "401 Unauthorized"))
    again = published.pull(first.sync_token, answer(calendar(event())))
    assert not again.complete and not again.changed


@pytest.mark.parametrize(
    "rule", ["FREQ=SECONDLY", "FREQ=MINUTELY;COUNT=1000000000", "FREQ=DAILY;INTERVAL=0"]
)
def test_rules_without_an_end_take_the_time_and_end(published, rule):
    body = calendar(event("a", more=f"RRULE:{rule}\n"), event("b", "20261128T100000Z"))
    delta = published.pull(None, answer(body))
    assert delta.changed and len(delta.changed) < 10


def test_a_byte_order_mark_and_what_no_parser_takes(published):
    body = b"\xef\xbb\xbf" + calendar(
        event(title="a\x01b\xff"), "BEGIN:VEVENT\nUID:z\nEND:VEVENT\n"
    )
    delta = published.pull(None, answer(body))
    assert len(delta.changed) == 1 and [one.reason for one in delta.unread] == ["no_start"]


def test_a_token_that_cannot_be_read_is_none(published):
    for token in ("", "{", "[]", '{"other": 1}', "null"):
        assert published.pull(token, answer(calendar(event()))).complete


def test_nothing_is_ever_written(published):
    with pytest.raises(Forbidden):
        published.provider.create_calendar("Ours", "UTC")
    (result,) = published.provider.write(ONLY, [object()])
    assert isinstance(result.error, Forbidden) and published.server.seen == []


@pytest.mark.parametrize("scheme", ["webcal", "WEBCAL", "feed", "https"])
def test_schemes_that_mean_https(scheme):
    assert https(f" {scheme}://feeds.example.test/x ") == "https://feeds.example.test/x"


def test_old_single_events_are_not_even_parsed():
    text = contents.cleaned(calendar(event("old", "20200101T100000Z", "20200101T110000Z"), event()))
    assert "20200101" not in contents._recent(text, WINDOW)
    assert "20261127" in contents._recent(text, WINDOW)


def test_single_events_are_unknown_before_the_first_list(published):
    with pytest.raises(Unavailable):
        published.provider.get(ONLY, "x")
    delta = published.pull(None, answer(calendar(event())))
    (one,) = delta.changed
    assert published.provider.look(ONLY, [one.remote_id, "x"]) == {one.remote_id: one, "x": None}
    assert published.provider.outline(ONLY, "here", WINDOW) == {one.remote_id: ("", None)}
