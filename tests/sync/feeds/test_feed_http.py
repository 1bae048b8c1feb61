"""The feed over HTTP: who may read it, its headers, and when a reader gets it again."""

import gc
import gzip
import logging
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import icalendar
import psycopg
import pytest
from feed_changes import CHANGES, HOUR, KEY, START, UNCHANGED
from werkzeug.test import Client, TestResponse

import models
from base.database import is_sqlite, open_database
from base.scheduling import Span
from models import Booking, Feed, User
from sync.feeds import feed as feeds
from sync.feeds.wsgi import Bodies, FeedsApp


@pytest.fixture
def booking(linden, clock):
    return Booking.book(
        linden.calendar,
        [Span(START, START + timedelta(minutes=50))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
        notes="Bring the scans",
        rate_cents=6500,
    )[0]


@pytest.fixture
def link(linden, clock):
    return Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)


@pytest.fixture
def get(app, link):
    """`get(header="value")`: the link's answer to a program without cookies, over a fresh cache."""

    def ask(method="GET", path=None, **headers):
        browser = app.test_client(use_cookies=False)
        return browser.open(
            path or feeds.path(KEY, link),
            method=method,
            headers={k.replace("_", "-"): v for k, v in headers.items()},
        )

    return ask


@pytest.fixture
def elsewhere(app):
    """`elsewhere("key", …)`: another process with these server keys, over the same database."""
    return lambda *keys: Client(FeedsApp(app, keys or (KEY,), app.wsgi_app.reads), TestResponse)


def only_event(answer) -> str:
    """The title of the one event that a calendar without bookings holds.

    A whole day, free, at the start of a month.
    """
    (event,) = icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    assert (
        event["TRANSP"] == "TRANSPARENT"
        and event["X-MICROSOFT-CDO-BUSYSTATUS"] == "FREE"
        and event["STATUS"] == "CONFIRMED"
    )
    assert (
        event.start.day == 1
        and event.end - event.start == timedelta(days=1)
        and not hasattr(event.start, "hour")
    )
    assert "LOCATION" not in event and "DESCRIPTION" not in event
    return str(event["SUMMARY"])


def essence(answer) -> tuple:
    return answer.status, sorted(answer.headers.items()), answer.data


def test_a_link_gives_the_bookings(get, booking):
    answer = get()
    assert answer.status_code == 200
    assert answer.content_type == "text/calendar; charset=utf-8"
    (event,) = icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    assert event["SUMMARY"] == "Shoulder"
    assert event["UID"] == str(booking.uuid)
    assert event.start == START


# ---- headers ----


def test_the_headers_are_these_and_no_others(get, booking):
    answer = get()
    assert dict(answer.headers) == {
        "Content-Type": "text/calendar; charset=utf-8",
        "Content-Disposition": 'inline; filename="bookings.ics"',
        "Vary": "Accept-Encoding",
        "ETag": answer.headers["ETag"],
        "Last-Modified": answer.headers["Last-Modified"],
        "Content-Length": str(len(answer.data)),
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "X-Robots-Tag": "noindex, nofollow",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    assert len(answer.headers) == 10
    assert answer.headers["ETag"].startswith('"') and parsedate_to_datetime(
        answer.headers["Last-Modified"]
    )


def test_a_session_changes_nothing_and_gets_nothing(signed_in, linden, link, get):
    browser = signed_in(linden.quinn)
    assert essence(browser.get(feeds.path(KEY, link))) == essence(get())


@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_head_has_the_headers_of_get_and_no_body(get, booking, accepted):
    whole, head = get(Accept_Encoding=accepted), get("HEAD", Accept_Encoding=accepted)
    assert (
        head.status == whole.status
        and list(head.headers) == list(whole.headers)
        and head.data == b"" != whole.data
    )


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "PROPFIND", "OPTIONS", "REPORT"]
)
def test_only_reading_is_possible(get, link, method):
    answer = get(method)
    assert (
        answer.status_code == 405 and answer.headers["Allow"] == "GET, HEAD" and answer.data == b""
    )
    assert essence(answer) == essence(get(method, path=f"/api/calendar/{uuid.uuid4()}/x.ics"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/html"},
        {"Accept": "image/png"},
        {"User-Agent": ""},
        {"Accept-Language": "de"},
    ],
)
def test_no_demands_are_made_of_the_reader(get, headers):
    assert essence(get(**headers)) == essence(get())


# ---- refusals ----


def _with_token(change):
    def path(link, linden):
        head, given = feeds.path(KEY, link).removesuffix(".ics").rsplit("/", 1)
        return f"{head}/{change(given)}.ics"

    return path


def _after(change):
    def path(link, linden):
        address = feeds.path(KEY, link)
        change(link, linden)
        return address

    return path


def _of_maya(demote, **settings):
    def path(link, linden):
        address = feeds.path(
            KEY,
            Feed.generate(
                linden.maya, "all", linden.maya, **{k: v(linden) for k, v in settings.items()}
            ),
        )
        if demote:
            linden.maya.change(
                linden.olive, name="Maya", email=linden.maya.email, role="practitioner"
            )
        return address

    return path


def _unknown(link, linden):
    other = uuid.uuid4()
    return f"/api/calendar/{other}/{feeds.token(KEY, other, '')}.ics"


def _downgraded(plan_after):
    def change(link, linden):
        linden.clinic.change_plan("basic", linden.olive)
        if plan_after:
            linden.clinic.change_plan(plan_after, linden.olive)

    return _after(change)


REFUSED = {
    "a wrong token": _with_token(lambda given: "A" * 43),
    "one letter changed": _with_token(
        lambda given: given[:-1] + ("A" if given[-1] != "A" else "E")
    ),
    "a truncated token": _with_token(lambda given: given[:-1]),
    "a longer token": _with_token(lambda given: given + "A"),
    "an upper-cased token": _with_token(str.upper),
    "a token in other letters": _with_token(lambda given: "é" * 43),
    "no token": _with_token(lambda given: ""),
    "another link's token": lambda link, linden: (
        feeds.path(KEY, link).rsplit("/", 1)[0]
        + "/"
        + feeds.path(
            KEY, Feed.generate(linden.pat, "my laptop", linden.pat, practitioner=linden.calendar)
        ).rsplit("/", 1)[1]
    ),
    "a foreign salt": lambda link, linden: (
        f"/api/calendar/{link.uuid}/{feeds.token(KEY, str(link.uuid), 'external')}.ics"
    ),
    "a foreign key": lambda link, linden: feeds.path("another key", link),
    "an unknown link": _unknown,
    "an upper-cased link": (
        lambda link, linden: feeds.path(KEY, link).replace(str(link.uuid), str(link.uuid).upper())
    ),
    "a link without hyphens": (
        lambda link, linden: feeds.path(KEY, link).replace(str(link.uuid), link.uuid.hex)
    ),
    "something after it": lambda link, linden: feeds.path(KEY, link) + "/",
    "a line end after it": lambda link, linden: feeds.path(KEY, link) + "%0A",
    "no ending": lambda link, linden: feeds.path(KEY, link).removesuffix(".ics"),
    "nothing at all": lambda link, linden: "/api/calendar/",
    "a probe": lambda link, linden: "/api/calendar/../../etc/passwd",
    "a number": lambda link, linden: "/api/calendar/1/1.ics",
    "a stopped link": _after(lambda link, linden: link.revoke(linden.pat)),
    "a stopped and cleared link": _after(
        lambda link, linden: (link.revoke(linden.pat), link.clear())
    ),
    "an address from before the rotation": _after(lambda link, linden: link.rotate(linden.pat)),
    "a plan without links": _downgraded(None),
    "a plan that had none for a while": _downgraded("pro"),
    "an owner who opted out": _after(
        lambda link, linden: linden.pat.change_sync(sync_allowed=False)
    ),
    "an owner who left": _after(lambda link, linden: linden.pat.leave(linden.olive)),
    "an owner who is gone, whatever the link says": _after(
        lambda link, linden: (
            User.update(left_at=link.created_at).where(User.id == linden.pat.id).execute()
        )
    ),
    "an owner who left and came back": _after(
        lambda link, linden: (linden.pat.leave(linden.olive), linden.pat.come_back(linden.olive))
    ),
    "a practitioner's link that was widened": _after(
        lambda link, linden: link.change(linden.pat, scope="clinic")
    ),
    "a practitioner's link that was moved": _after(
        lambda link, linden: link.change(linden.pat, practitioner=linden.colleague_calendar)
    ),
    "a manager no more, with everyone's calendars": _of_maya(True, scope=lambda linden: "clinic"),
    "a manager no more, with another's calendar": _of_maya(
        True, practitioner=lambda linden: linden.calendar
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_every_refusal_is_the_same_empty_404(why, get, link, linden):
    assert get().status_code == 200
    address = REFUSED[why](link, linden)
    answer = get(path=address)
    assert (answer.status, answer.data) == ("404 Not Found", b"")
    assert dict(answer.headers) == {
        "Content-Length": "0",
        "Cache-Control": "no-cache, no-store, must-revalidate",
        "X-Robots-Tag": "noindex, nofollow",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    conditional = get(
        path=address,
        If_None_Match="*",
        If_Modified_Since="Fri, 20 Nov 2099 11:40:00 GMT",
        Accept_Encoding="gzip",
    )
    assert essence(conditional) == essence(get("HEAD", path=address)) == essence(answer)


@pytest.mark.parametrize(
    "shown", [{"scope": lambda linden: "clinic"}, {"practitioner": lambda linden: linden.calendar}]
)
def test_a_manager_may_link_calendars_of_others(get, link, linden, shown):
    assert get(path=_of_maya(False, **shown)(link, linden)).status_code == 200


@pytest.mark.parametrize("role", models.ROLES)
@pytest.mark.parametrize("kind", ["bookings", "availability"])
@pytest.mark.parametrize(
    "shown",
    [
        {"scope": lambda linden: "clinic"},
        {"scope": lambda linden: "person"},
        {"practitioner": lambda linden: linden.calendar},
        {"practitioner": lambda linden: linden.colleague_calendar},
    ],
    ids=["clinic", "person", "own", "another"],
)
def test_a_feed_answers_to_the_roles_that_its_row_allows(linden, clock, shown, kind, role):
    """The one query of a read and the row decide alike about the role of its owner."""
    shown = {name: value(linden) for name, value in shown.items()}
    feed = Feed.draft(linden.pat, name="any", kind=kind, rev=linden.clinic.next_rev(), **shown)
    feed.save(force_insert=True)
    User.update(role=role).where(User.id == linden.pat.id).execute()
    given = feeds.token(KEY, str(feed.uuid), feed.salt)
    found = feeds.check_address([KEY], str(feed.uuid), given, clock.now)
    owner = User.get_by_id(linden.pat.id)
    assert (found is None) == feed.lacks_role(owner)
    assert feed.lacks_role(owner) == (
        feed.shows_others and role in ("practitioner", "receptionist")
    )


def test_a_link_lives_again_with_a_new_address_after_the_plan_has_links_again(get, link, linden):
    linden.clinic.change_plan("basic", linden.olive)
    linden.clinic.change_plan("plus", linden.olive)
    link = Feed.get_by_id(link.id)
    link.rotate(linden.pat)
    assert get(path=feeds.path(KEY, link)).status_code == 200


def test_an_address_made_under_an_older_key_still_opens(link, elsewhere):
    address = feeds.path(KEY, link)
    assert elsewhere("the newest key", KEY, "an ancient key").get(address).status_code == 200
    assert (
        elsewhere("the newest key", KEY).get(feeds.path("the newest key", link)).status_code == 200
    )
    assert elsewhere("the newest key").get(address).status_code == 404


def test_a_leaver_s_apps_are_cleared_first_where_the_clinic_wants_it(
    get, link, linden, booking, clock
):
    linden.clinic.change(linden.olive, empty_when_stopped=True)
    assert booking.uuid.hex in get().text.replace("-", "")
    before = get().headers
    Feed.get_by_id(link.id).user.leave(linden.olive)
    after = get()
    assert after.status_code == 200 and only_event(after) == "This link was stopped"
    assert (
        after.headers["ETag"] != before["ETag"]
        and get(If_Modified_Since=before["Last-Modified"]).status_code == 200
    )
    assert get(If_None_Match=before["ETag"]).status_code == 200
    clock.now += timedelta(days=29, hours=23)
    assert get().status_code == 200
    clock.now += timedelta(hours=2)
    assert get().status_code == 404


def test_a_stopped_link_clears_apps_first_where_the_clinic_wants_it(
    get, link, linden, booking, clock
):
    linden.clinic.change(linden.olive, empty_when_stopped=True)
    link.revoke(linden.pat)
    assert get().status_code == 200 and only_event(get()) == "This link was stopped"
    clock.now += timedelta(days=31)
    assert get().status_code == 404


def test_what_else_ends_is_gone_at_once_even_there(get, link, linden):
    linden.clinic.change(linden.olive, empty_when_stopped=True)
    address = feeds.path(KEY, link)
    link.rotate(linden.pat)
    assert get(path=address).status_code == 404
    link.revoke(linden.pat)
    link.clear()
    assert get(path=feeds.path(KEY, link)).status_code == 404
    other = Feed.generate(linden.pat, "other", linden.pat, practitioner=linden.calendar)
    linden.pat.change_sync(sync_allowed=False)
    assert get(path=feeds.path(KEY, other)).status_code == 404


def test_a_downgrade_clears_apps_first_where_the_clinic_wants_it(get, link, linden, booking, clock):
    linden.clinic.change(linden.olive, empty_when_stopped=True)
    linden.clinic.change_plan("basic", linden.olive)
    assert get().status_code == 200 and only_event(get()) == "This link was stopped"
    clock.now += timedelta(days=31)
    assert get().status_code == 404


# ---- asking again ----


@pytest.mark.parametrize(
    "shape", ["{}", "W/{}", '"other", {}', '{}, "other"', 'W/"other" , W/{}', "*"]
)
@pytest.mark.parametrize("accepted", ["", "gzip"])
def test_a_reader_with_the_present_etag_is_told_so(get, booking, shape, accepted):
    etag = get(Accept_Encoding=accepted).headers["ETag"]
    answer = get(If_None_Match=shape.format(etag), Accept_Encoding=accepted)
    assert answer.status_code == 304 and answer.data == b""
    assert answer.headers["ETag"] == etag and answer.headers["Last-Modified"]
    assert (
        answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
        and answer.headers["Vary"] == "Accept-Encoding"
    )
    assert "Content-Type" not in answer.headers and "Set-Cookie" not in answer.headers
    assert (
        get("HEAD", If_None_Match=shape.format(etag), Accept_Encoding=accepted).status_code == 304
    )


@pytest.mark.parametrize("tag", ['"other"', 'W/"other"', "", '""', "garbage"])
def test_a_reader_with_another_etag_gets_the_feed(get, tag):
    assert get(If_None_Match=tag).status_code == 200


@pytest.mark.parametrize(
    ("seconds", "status"), [(-86400 * 365, 200), (-1, 200), (0, 304), (1, 304), (86400, 304)]
)
def test_a_reader_with_a_date_is_told_whether_there_is_news(get, booking, clock, seconds, status):
    clock.now += timedelta(minutes=1)
    date = format_datetime(get().last_modified + timedelta(seconds=seconds), usegmt=True)
    assert get(If_Modified_Since=date).status_code == status
    assert get("HEAD", If_Modified_Since=date).status_code == status


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "0",
        "Fri, 99 Nov 2026 11:40:00 GMT",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 0000 00:00:00 GMT",
        "Fri, 20 Nov 2026 11:40:00 +99999999999999",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "\u00e9",
    ],
)
def test_a_date_that_cannot_be_read_or_is_old_gets_the_feed(get, date):
    assert get(If_Modified_Since=date).status_code == 200


def test_the_etag_goes_before_the_date(get):
    now = get().headers
    assert get(If_None_Match='"other"', If_Modified_Since=now["Last-Modified"]).status_code == 200
    assert (
        get(
            If_None_Match=now["ETag"], If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT"
        ).status_code
        == 304
    )


def test_two_reads_a_second_apart_are_equal_to_the_last_byte(elsewhere, link, booking, clock):
    clock.now += timedelta(minutes=1)
    first = elsewhere().get(feeds.path(KEY, link))
    clock.now += timedelta(seconds=1)
    assert essence(elsewhere().get(feeds.path(KEY, link))) == essence(first)


# ---- compression ----


@pytest.mark.parametrize(
    "accepted",
    [
        "gzip",
        "gzip, deflate, br, zstd",
        "deflate, GZIP;q=0.5",
        "x-gzip",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
    ],
)
def test_gzip_returns_the_same_feed_compressed(get, booking, accepted):
    plain, packed = get(), get(Accept_Encoding=accepted)
    assert (
        packed.headers["Content-Encoding"] == "gzip" and packed.headers["Vary"] == "Accept-Encoding"
    )
    assert gzip.decompress(packed.data) == plain.data and packed.headers["Content-Length"] == str(
        len(packed.data)
    )
    assert (
        packed.headers["ETag"] != plain.headers["ETag"]
        and packed.headers["Last-Modified"] == plain.headers["Last-Modified"]
    )
    assert packed.data == get(Accept_Encoding=accepted).data


@pytest.mark.parametrize(
    "accepted",
    ["", "identity", "*", "br", "gzip;q=0", "gzip; q=0.000, br", "deflate, gzip;q=0.0", "gzipped"],
)
def test_nobody_is_sent_gzip_unasked(get, booking, accepted):
    answer = get(Accept_Encoding=accepted)
    assert "Content-Encoding" not in answer.headers and answer.data.startswith(
        b"BEGIN:VCALENDAR\r\n"
    )
    assert essence(answer) == essence(get())


def test_either_form_s_etag_is_good_for_the_other(get, booking):
    plain, packed = get().headers["ETag"], get(Accept_Encoding="gzip").headers["ETag"]
    assert get(If_None_Match=packed).status_code == 304
    assert get(If_None_Match=plain, Accept_Encoding="gzip").status_code == 304


# ---- fresh at once ----


@pytest.mark.parametrize("what", CHANGES)
def test_the_next_read_after_a_change_is_fresh(what, get, elsewhere, link, linden, booking, clock):
    """The clock stands still.

    Two changes in one second are still told by both validators, and no date lies ahead (RFC 9110
    §8.8.2.1).
    """
    before = get()
    CHANGES[what](linden, link, booking)
    after = get(If_None_Match=before.headers["ETag"])
    assert after.status_code == 200 and after.headers["ETag"] != before.headers["ETag"]
    assert before.last_modified <= after.last_modified <= clock.now
    assert get(If_Modified_Since=before.headers["Last-Modified"]).status_code == 200
    clock.now += timedelta(minutes=1)
    later = get()
    assert (
        before.last_modified < later.last_modified < clock.now
        and later.headers["ETag"] == after.headers["ETag"]
    )
    assert get(If_Modified_Since=later.headers["Last-Modified"]).status_code == 304
    assert elsewhere().get(feeds.path(KEY, link)).headers["ETag"] == after.headers["ETag"]


@pytest.mark.parametrize("who", ["maya", "pat"])
@pytest.mark.parametrize("scope", ["practitioner", "clinic"])
def test_a_link_on_others_is_fresh_after_a_setting_of_either_side(
    get, link, linden, booking, clock, who, scope
):
    linden.pat.change_sync(identifier="full_name")
    theirs = Feed.generate(
        linden.maya, "theirs", linden.maya, scope=scope, practitioner=linden.calendar
    )
    before = get(path=feeds.path(KEY, theirs))
    clock.now += timedelta(minutes=1)
    getattr(linden, who).change_sync(
        **({"identifier": "full_name"} if who == "maya" else {"sync_allowed": False})
    )
    after = get(path=feeds.path(KEY, theirs), If_None_Match=before.headers["ETag"])
    assert (
        after.status_code == 200
        and after.last_modified > before.last_modified
        and after.data != before.data
    )


@pytest.mark.parametrize("what", UNCHANGED)
def test_what_does_not_show_makes_no_news(what, get, link, linden, booking):
    before = get().headers
    UNCHANGED[what](linden, link, booking)
    assert get().headers == before and get(If_None_Match=before["ETag"]).status_code == 304


def test_another_clinic_makes_no_news(get, stranger, booking):
    before = get().headers
    stranger.clinic.change(stranger, name="Somewhere else")
    assert get().headers == before


def test_a_change_that_is_rolled_back_makes_no_news(get, linden, booking):
    before = get().headers
    with pytest.raises(ZeroDivisionError), models.database.atomic():
        booking.cancel(linden.pat)
        raise ZeroDivisionError
    assert get().headers == before


def test_the_window_slides_at_midnight_utc(get, link, linden, booking, clock):
    link.change(linden.pat, future_days=5, past_days=5)
    clock.now += timedelta(minutes=1)
    seen = get().headers
    clock.now = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    assert get().headers == seen and only_event(get()) == "No bookings in this calendar"
    clock.now += timedelta(seconds=1)
    slid = get()
    assert str(booking.uuid).encode() in slid.data and slid.headers["ETag"] != seen["ETag"]
    assert slid.headers["Last-Modified"] == "Sat, 21 Nov 2026 00:00:00 GMT"
    assert get(If_Modified_Since=seen["Last-Modified"]).status_code == 200
    clock.now += timedelta(hours=23)
    assert get().headers == slid.headers


def test_a_link_without_a_window_stays_the_same_over_midnight(get, link, linden, booking, clock):
    link.change(linden.pat, past_days=None, future_days=None)
    clock.now += timedelta(minutes=1)
    seen = get().headers
    clock.now += timedelta(days=40)
    assert get().headers == seen


# ---- cost, faults and silence ----


@pytest.fixture
def queries(caplog):
    """`queries(call)`: how many statements the call sent to the database."""

    def count(call) -> int:
        with caplog.at_level(logging.DEBUG, "peewee"):
            caplog.clear()
            call()
            return sum(record.name == "peewee" for record in caplog.records)

    return count


def test_a_poll_without_news_is_one_query(get, booking, queries):
    etag = get().headers["ETag"]
    assert queries(lambda: get(If_None_Match=etag)) == 1
    assert queries(get) == 1


def test_a_refusal_is_one_query_whether_the_link_exists_or_not(get, link, linden, queries):
    for why in ("a wrong token", "an unknown link"):
        address = REFUSED[why](link, linden)
        assert queries(lambda address=address: get(path=address)) == 1


@pytest.mark.parametrize(
    "why",
    [
        "a truncated token",
        "an upper-cased link",
        "something after it",
        "a number",
        "a probe",
        "a token in other letters",
    ],
)
def test_an_address_of_the_wrong_shape_asks_the_database_nothing(get, link, linden, queries, why):
    address = REFUSED[why](link, linden)
    assert queries(lambda: get(path=address)) == 0
    open_database("sqlite:////nowhere/at/all.db")
    assert get(path=address).status_code == 404


def test_a_whole_feed_is_few_queries_however_many_bookings(get, link, linden, booking, queries):
    assert queries(get) <= 5
    Booking.book(
        linden.calendar,
        [Span(START + n * HOUR, START + (n + 1) * HOUR) for n in range(1, 60)],
        linden.pat,
        patient=linden.patient,
    )
    assert queries(get) <= 5


def test_a_database_that_is_away_is_a_503_without_trace(app, get, link, booking, caplog):
    address = feeds.path(KEY, link)
    open_database("sqlite:////nowhere/at/all.db")
    with caplog.at_level(logging.INFO):
        answer = get(path=address)
    assert (
        answer.status_code == 503 and answer.data == b"" and answer.headers["Retry-After"] == "60"
    )
    assert answer.headers["Cache-Control"] == "no-cache, no-store, must-revalidate"
    assert (
        "OperationalError" in caplog.text
        and "Traceback" not in caplog.text
        and str(link.uuid) not in caplog.text
    )
    open_database(app.config["SETTINGS"].database_url)
    assert get(path=address).status_code == 200


def test_a_fault_in_one_feed_tells_its_place_and_nothing_else(get, link, booking, caplog):
    Feed.update(statuses={"confirmed": "Małgorzata"}, identifier="full_name").where(
        Feed.id == link.id
    ).execute()
    with caplog.at_level(logging.INFO):
        assert get().status_code == 503
    assert "KeyError at ical.py" in caplog.text
    for secret in (str(link.uuid), feeds.path(KEY, link).rsplit("/", 1)[1], "Małgorzata"):
        assert secret not in caplog.text


def test_after_a_fault_the_next_read_on_the_same_thread_is_fresh(get, link, linden, booking):
    """A statement left half read would hold its thread to the database as it was then."""
    broken = Feed.generate(linden.pat, "broken", linden.pat, practitioner=linden.calendar)
    Feed.update(statuses={"confirmed": "nonsense"}).where(Feed.id == broken.id).execute()
    Booking.book(
        linden.calendar,
        [Span(START + n * HOUR, START + (n + 1) * HOUR) for n in range(1, 80)],
        linden.pat,
    )
    gc.disable()
    try:
        with ThreadPoolExecutor(max_workers=1) as thread:
            before = thread.submit(get).result()
            assert thread.submit(get, path=feeds.path(KEY, broken)).result().status_code == 503
            booking.cancel(linden.pat)
            after = thread.submit(get).result()
            thread.submit(models.database.close).result()
    finally:
        gc.enable()
    assert after.headers["ETag"] != before.headers["ETag"] and b"Cancelled" in after.data


def test_connections_that_died_in_the_pool_are_not_noticed(app, get, booking):
    url = app.config["SETTINGS"].database_url
    gate = threading.Barrier(3)

    def connect():
        with models.database.connection_context():
            models.Clinic.select().count()
            gate.wait(10)

    threads = [threading.Thread(target=connect) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    models.database.close()
    if is_sqlite():
        for _, _, connection in models.database._connections:
            connection.close()
    else:
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
                " current_database() AND pid <> pg_backend_pid()"
            )
    assert get().status_code == 200


def test_the_address_reaches_no_log_and_no_page(app, get, link, linden, caplog):
    address = feeds.path(KEY, link)
    secrets = (str(link.uuid), link.uuid.hex, address.rsplit("/", 1)[1].removesuffix(".ics"))
    with caplog.at_level(logging.INFO):
        answers = [
            get(),
            get("POST"),
            get(path=address.replace("/api/", "/apx/")),
            get(path=address[4:]),
            get(path=address + "?x=1"),
            get(path=address.replace(".ics", ".txt")),
        ]
    told = caplog.text + "".join(
        answer.get_data(as_text=True) + str(answer.headers) for answer in answers
    )
    assert [answer.status_code for answer in answers] == [200, 405, 404, 404, 200, 404]
    assert not any(secret in told for secret in secrets)


# ---- bodies kept ----


def test_kept_bodies_stay_below_their_limit_and_the_oldest_go_first():
    bodies, made = Bodies(limit=100), []

    def get(etag, size=40):
        return bodies.get(etag, lambda: made.append(etag) or b"x" * size)

    for etag in ("a", "b", "a", "c", "a", "b"):
        assert len(get(etag)) == 40
    assert made == ["a", "b", "c", "b"]
    assert len(get("huge", 500)) == 500 and len(get("huge", 500)) == 500
    assert made[-2:] == ["huge", "huge"] and bodies._size <= 100


def test_many_readers_at_once_get_the_same_body(app, link, booking):
    answers, address = [], feeds.path(KEY, link)
    threads = [
        threading.Thread(target=lambda: answers.append(essence(app.test_client().get(address))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        len(answers) == 8
        and all(answer == answers[0] for answer in answers)
        and answers[0][0] == "200 OK"
    )


# ---- the address for apps that show its last part ----


def test_an_address_may_end_in_words_after_the_token(get, link, booking):
    address = feeds.path(KEY, link)
    worded = address.replace(".ics", "/Bookings.ics")
    assert essence(get(path=worded)) == essence(get())
    for broken in (
        "/Bookings",
        "/.ics",
        "/../x.ics",
        "/Bookings.ics/x.ics",
        "/Book%0Aings.ics",
        f"/{'x' * 41}.ics",
        "/B%C3%BC.ics",
    ):
        assert essence(get(path=address.replace(".ics", broken))) == essence(
            get(path=f"/api/calendar/{uuid.uuid4()}/x.ics")
        )
    link.rotate(link.user)
    assert get(path=worded).status_code == 404
