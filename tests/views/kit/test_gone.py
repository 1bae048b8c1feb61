"""A form whose row was removed after the page was opened.

A sentence and a way on, at every address that takes one.
"""

import itertools

import external
import pytest

from models import Booking, Clinic, Feed
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def addresses(app, **ids):
    """Every address that takes a form and names one of these rows, with these numbers."""
    for rule in app.url_map.iter_rules():
        named = rule.arguments & ids.keys()
        if "POST" not in rule.methods or not named or rule.endpoint.startswith("webhooks."):
            continue
        of_words = {
            name: part.items for name, part in rule._converters.items() if hasattr(part, "items")
        }
        others = dict.fromkeys(rule.arguments - ids.keys() - of_words.keys(), 1)
        for chosen in itertools.product(*of_words.values()):
            values = {name: ids[name] for name in named} | others
            values |= dict(zip(of_words, chosen, strict=True))
            yield rule.endpoint, rule.build(values)[1]


def assert_answered(answer, address):
    """A redirect, or a page with a sentence and a way on."""
    assert answer.status_code < 500, address
    if answer.status_code >= 400 and answer.status_code != 429:
        page = answer.get_data(as_text=True)
        assert "<h1>" in page and 'href="/' in page, address


@ON_SQLITE
def test_what_was_never_there_or_is_long_gone_is_said_at_every_address(app, signed_in, linden):
    names = {
        name for rule in app.url_map.iter_rules() for name in rule.arguments if name.endswith("_id")
    }
    tried, browser = 0, signed_in(linden.olive)
    for _, address in addresses(app, **dict.fromkeys(names, 987_654)):
        answer = browser.post(
            address,
            data={"seen": "", "notes": "Left shoulder\n& <knee>", "password": "a secret of hers"},
        )
        assert_answered(answer, address)
        if answer.status_code == 404:
            page = answer.get_data(as_text=True)
            assert "This is not there any more" in page, address
            assert "Left shoulder<br>&amp; &lt;knee&gt;" in page and "a secret" not in page, address
            tried += 1
    assert tried > 40


@ON_SQLITE
@pytest.mark.parametrize("gone", ["account_id", "calendar_id", "notice_id"])
def test_what_is_removed_while_its_form_is_saved_is_said(app, signed_in, linden, monkeypatch, gone):
    """Another process takes the row away at the moment before this one locks the clinic."""
    lock, browsers = Clinic.lock, {True: signed_in(linden.maya), False: signed_in(linden.pat)}
    table = {"account_id": Account, "calendar_id": RemoteCalendar, "notice_id": Notice}[gone]
    row = None

    def take_away(clinic):
        table.delete().where(table.id == row.id).execute()
        return lock(clinic)

    def one_more(kind):
        Account.delete().execute()
        source = external.source(linden.pat)
        notice = Notice.give(source.account, kind, calendar=source, detail={})
        return {"account_id": source.account, "calendar_id": source, "notice_id": notice}[gone]

    count, tried = len(list(addresses(app, **{gone: 1}))), 0
    for n in range(count):
        for kind in (
            ("moved", "deletes", "double", "source_empty") if gone == "notice_id" else ("moved",)
        ):
            row = one_more(kind)
            endpoint, address = list(addresses(app, **{gone: row.id}))[n]
            if endpoint.partition(".")[0] not in ("two_way", "sources", "notices", "health"):
                continue
            with monkeypatch.context() as patch:
                patch.setattr(Clinic, "lock", take_away)
                answer = browsers[endpoint.startswith("health")].post(
                    address, data={"edits": "ask", "window": "30 365", "name": "K"}
                )
            assert_answered(answer, address)
            tried += 1
    assert tried > 2


@ON_SQLITE
def test_what_was_stopped_archived_or_left_is_said(app, signed_in, linden, clock):
    feed = Feed.generate(linden.olive, "phone", linden.olive, scope="clinic")
    feed.revoke(linden.olive)
    linden.pat.leave(linden.olive)
    linden.colleague_calendar.set_archived(True, linden.olive)
    for row in (linden.patient, linden.service, linden.harbour):
        row.set_archived(True, linden.olive)
    browser = signed_in(linden.olive)
    ids = {
        "feed_id": feed.id,
        "user_id": linden.pat.id,
        "calendar_id": linden.colleague_calendar.id,
        "patient_id": linden.patient.id,
        "service_id": linden.service.id,
        "venue_id": linden.harbour.id,
    }
    for _, address in addresses(app, **ids):
        assert_answered(browser.post(address, data={"seen": ""}), address)
    assert Booking.select().count() == 0


@ON_SQLITE
@pytest.mark.parametrize("role", ["pat", "maya"])
def test_what_was_typed_into_a_form_of_a_calendar_that_was_closed_is_shown(
    app, signed_in, linden, role
):
    browser = signed_in(getattr(linden, role))
    linden.calendar.set_archived(True, linden.olive)
    answer = browser.post(
        "/bookings/",
        data={
            "calendar": linden.calendar.id,
            "notes": "Allergic to latex",
            "phone": "07700900052",
            "day": "2026-12-03",
        },
    )
    page = answer.get_data(as_text=True)
    assert answer.status_code == 404 and "What you entered was not saved" in page
    assert all(one in page for one in ("Allergic to latex", "07700900052", "2026-12-03"))
    assert answer.headers["Cache-Control"] == "no-store"


@ON_SQLITE
def test_a_stranger_is_shown_nothing_of_what_was_sent(app, linden):
    page = app.test_client().post("/nowhere", data={"notes": "Allergic to latex"})
    assert "latex" not in page.get_data(as_text=True)


@ON_SQLITE
@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/static/app.css", {"Range": "bytes=5-1"}, 416),
        ("/static/app.css", {"Range": "bytes=9999999-"}, 416),
        ("/static/app.css", {"If-Match": '"another"'}, None),
    ],
)
def test_what_a_request_may_not_ask_for_is_no_fault_of_ours(app, caplog, path, headers, status):
    answer = app.test_client().get(path, headers=headers)
    assert answer.status_code == status if status else answer.status_code < 500
    assert not caplog.records
