"""The owner's board: every state in words, its readers, the effects of its buttons, and data that
it never shows.
"""

import html
import logging
import re
from datetime import timedelta

import external
import pytest
from plans import lose_provider
from redis import RedisError

from base import jobs
from base.scheduling import Span
from base.tables.audit import AuditEntry
from models import Booking, Feed, FeedRead, User
from operate import overlap_check
from sync.connect import gateway
from sync.tables import ending
from sync.tables.accounts import TOO_MUCH_AT_ONCE, Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice

PARTIAL = {"HX-Request": "true"}


@pytest.fixture
def olive(signed_in, linden, clock):
    return signed_in(linden.olive)


@pytest.fixture(autouse=True)
def set_up():
    """The settings of providers as the test before found them."""
    kept = gateway.setup()
    yield
    gateway.set_up(kept)


@pytest.fixture
def account(linden, clock):
    """Pat's, in step: one booking here, and it stands in Google."""
    source = external.source(
        linden.pat,
        checked_at=clock.now - timedelta(seconds=40),
        consented_at=clock.now - timedelta(days=12),
        synced_on=clock.now.date(),
        synced_rev=10**12,
    )
    RemoteCalendar.update(due_at=clock.now + timedelta(minutes=4)).execute()
    account = source.account
    RemoteCalendar.create(
        clinic=linden.clinic,
        account=account,
        calendar_id="ours",
        role="destination",
        name="Kalends",
        due_at=clock.now + timedelta(days=1),
    )
    at = clock.now + timedelta(days=1)
    booking = Booking.book(
        linden.calendar, [Span(at, at + timedelta(hours=1))], linden.pat, patient=linden.patient
    )[0]
    MappingRow.create(
        account=account,
        uid=str(booking.uuid),
        booking=booking,
        phase="synced",
        wanted="x",
        fingerprint="x",
        remote_id="r",
    )
    return account


def text(answer) -> str:
    return " ".join(
        html.unescape(
            re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True).split("<main")[-1])
        ).split()
    )


def board(browser) -> str:
    answer = browser.get("/health/")
    assert answer.status_code == 200
    return text(answer)


def set_to(account, **columns):
    Account.update(**columns).where(Account.id == account.id).execute()


# ---- states ----


def test_an_account_in_step_says_so_with_its_coverage_and_ages(olive, account):
    said = board(olive)
    assert "Pat Linden Google Up to date Changes arrive within 6 minutes" in said
    for words in (
        "Checked 40 seconds ago",
        "1 of 1 bookings there",
        "Connected 12 days ago",
        "One person is up to date, one person does not sync",
    ):
        assert words in said, said


@pytest.mark.parametrize(
    ("columns", "badge", "words"),
    [
        (
            {"health": "reconnect"},
            "trouble",
            "Needs reconnecting Access to Google has ended, for 3 hours. Everything here is safe.",
        ),
        (
            {"health": "calendar_gone"},
            "trouble",
            "Calendar is gone The calendar that we write to was deleted in Google, for 3 hours.",
        ),
        (
            {"health": "operator", "health_word": "accessNotConfigured"},
            "trouble",
            "Google refuses this Kalends as a whole (accessNotConfigured)",
        ),
        (
            {
                "wait_until": timedelta(minutes=25),
                "health": "waiting",
                "health_word": TOO_MUCH_AT_ONCE,
            },
            "waiting",
            "Waiting until 12:05 Google asked us to slow down.",
        ),
        (
            {
                "wait_until": timedelta(minutes=25),
                "health": "waiting",
                "health_word": "backendError",
            },
            "waiting",
            "Waiting until 12:05 Google does not answer as it should.",
        ),
        (
            {"phase": "naming", "listed_at": timedelta(0)},
            "waiting",
            "Not started Pat has connected Google and not started sync yet.",
        ),
        ({"phase": "paused"}, "off", "Paused Pat paused it."),
        ({"phase": "leaving"}, "waiting", "Removing our events Pat stopped sync"),
    ],
)
def test_each_state_is_a_sentence_with_its_colour(olive, account, clock, columns, badge, words):
    columns = {
        name: clock.now + value if isinstance(value, timedelta) else value
        for name, value in columns.items()
    }
    set_to(account, failing_since=clock.now - timedelta(hours=3), **columns)
    assert words in board(olive)
    row = olive.get("/health/").get_data(as_text=True).split("Pat Linden<br>")[1].split("</tr>")[0]
    assert f'class="badge" data-status="{badge}"' in row


def test_bookings_that_are_not_there_yet_are_counted(olive, account, linden, clock):
    at = clock.now + timedelta(days=2)
    Booking.book(linden.calendar, [Span(at, at + timedelta(hours=1))], linden.pat)
    set_to(account, health="reconnect", failing_since=clock.now)
    assert "1 booking is not there yet." in board(olive)


@pytest.mark.parametrize(
    ("kind", "days", "is_named"),
    [("google", 7, True), ("google", 30, False), ("microsoft", 7, False)],
)
def test_access_that_ends_after_seven_days_names_the_likely_cause(
    olive, account, clock, kind, days, is_named
):
    set_to(
        account,
        kind=kind,
        health="reconnect",
        failing_since=clock.now,
        consented_at=clock.now - timedelta(days=days),
    )
    assert ("probably still in “Testing”" in board(olive)) == is_named


def test_a_held_sync_waits_for_a_person_in_numbers(olive, account):
    Notice.give(
        account, "deletes", Notice.SAFETY_STOP, detail={"count": 96, "total": 412, "uids": []}
    )
    said = board(olive)
    assert (
        "Waits for a person A sync would remove 96 of 412 events, so it stopped. Nothing has been"
        " removed." in said
    )
    assert "Ask Pat to decide" in said


def test_opting_out_and_a_smaller_plan_are_nobody_s_fault(olive, account, linden):
    linden.pat.change_sync(sync_allowed=False)
    assert "Pat has switched sync off." in board(olive)
    linden.pat.change_sync(sync_allowed=True)
    lose_provider(linden.clinic)
    assert "The clinic’s plan has no sync with Outlook." in board(olive)


def test_private_links_that_are_read_and_that_are_not(olive, linden, clock):
    link = Feed.generate(linden.quinn, "My phone", linden.quinn)
    assert "Quinn Linden Private link Not read yet No app has read “My phone” yet." in board(olive)
    read = FeedRead.create(
        feed=link,
        family="Apple Calendar",
        first_at=clock.now,
        last_at=clock.now - timedelta(minutes=34),
        count=9,
        interval_seconds=3600,
    )
    assert "Read regularly Read 34 minutes ago by Apple Calendar, about hourly." in board(olive)
    read.last_at = clock.now - timedelta(days=9)
    read.save()
    assert (
        "Not read for 9 days “My phone” used to be read about hourly by Apple Calendar."
        in board(olive)
    )


def test_the_board_lists_people_without_accounts_and_no_leavers(olive, linden, clock):
    linden.quinn.change_sync(sync_allowed=False)
    said = board(olive)
    assert "Pat Linden Nothing connected Off Sync is allowed. Nothing is connected yet." in said
    assert "Quinn Linden Nothing connected Off Sync is off." in said
    linden.quinn.leave(linden.olive)
    assert "Quinn" not in board(olive)


def test_the_worst_stands_first_and_the_summary_counts_people(olive, account, linden, clock):
    external.source(linden.quinn, health="reconnect", failing_since=clock.now)
    said = board(olive)
    assert "One person needs help, one person is up to date." in said
    assert said.index("Quinn Linden") < said.index("Pat Linden")


# ---- behind the scenes ----


def test_the_board_shows_the_parts_of_the_server(olive, account, clock):
    said = board(olive)
    for words in (
        "Work waiting None",
        "Regular check Every 5 minutes last one 40 seconds ago",
        "Mail Not set up",
    ):
        assert words in said, said


def test_live_messages_are_counted_where_they_are_possible(olive, account, clock):
    gateway.set_up(gateway.GatewaySetup(webhook_url=None))
    assert "Instant updates Not possible here" in board(olive)
    gateway.set_up(gateway.GatewaySetup(webhook_url="https://kalends.test"))
    assert "On for 0 of 1" in board(olive)
    Channel.create(
        clinic=account.clinic,
        account=account,
        calendar=account.destination,
        secret_hash="x",
        is_open=True,
        expires_at=clock.now + timedelta(days=2),
        called_at=clock.now - timedelta(minutes=3),
    )
    assert "On for 1 of 1 the last one 3 minutes ago" in board(olive)


def test_a_queue_that_is_away_is_told_in_place(olive, account, monkeypatch):
    class Away:
        def __getattr__(self, name):
            raise RedisError

    monkeypatch.setattr(jobs, "_redis", Away())
    assert "The queue is away Redis does not answer. Nothing is lost" in board(olive)


# ---- buttons ----


def test_resync_reads_one_account_again(olive, account, linden, clock):
    RemoteCalendar.update(sync_token="t").execute()
    assert olive.post(f"/health/accounts/{account.id}/runs").status_code == 303
    fresh = Account.get_by_id(account.id)
    assert (fresh.because, fresh.due_at) == ("resync", clock.now)
    assert {calendar.sync_token for calendar in fresh.calendars} == {None}
    assert "is being read again and compared" in board(olive)
    assert AuditEntry.about(account).first().user == linden.olive


def test_resync_everyone_asks_in_numbers_and_leaves_out_who_must_act_first(
    olive, account, linden, clock
):
    stuck = external.source(linden.quinn, health="reconnect").account
    said = text(olive.get("/health/resync"))
    assert "1 calendar of 1 person, with 1 event of ours" in said
    assert "1 more is left out" in said
    assert (
        olive.get("/health/resync", headers=PARTIAL)
        .get_data(as_text=True)
        .lstrip()
        .startswith('<dialog id="resync"')
    )
    olive.post("/health/runs")
    assert Account.get_by_id(account.id).because == "resync"
    assert Account.get_by_id(stuck.id).because == ""


def test_asking_gives_the_person_one_notice_and_says_when(olive, account, linden, clock):
    set_to(account, health="reconnect", failing_since=clock.now)
    for _ in range(2):
        answer = olive.post(f"/health/accounts/{account.id}/nudges", headers=PARTIAL)
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/health/")
    assert (
        Notice.select().where(Notice.account == account, Notice.kind == "sync_reminder").count()
        == 1
    )
    clock.now += timedelta(hours=2)
    said = board(olive)
    assert "Mail is not set up here, so tell them yourself as well." in said
    assert "Asked 2 hours ago" in said


def test_one_s_own_trouble_leads_to_one_s_own_page(signed_in, account, linden, clock):
    User.update(role="owner").where(User.id == linden.pat.id).execute()
    set_to(account, health="reconnect", failing_since=clock.now)
    assert '<a class="button" data-kind="primary" href="/sync/">Review</a>' in signed_in(
        linden.pat
    ).get("/health/").get_data(as_text=True)


# ---- who, and what never ----


@pytest.mark.parametrize("path", ["/health/", "/health/board", "/health/resync"])
def test_practitioners_are_refused_and_strangers_asked_to_sign_in(
    app, signed_in, linden, clock, path
):
    assert signed_in(linden.pat).get(path).status_code == 403
    assert app.test_client().get(path).status_code in (302, 303)


@pytest.mark.parametrize(
    "path", ["/health/accounts/{}/runs", "/health/accounts/{}/nudges", "/health/runs"]
)
def test_practitioners_change_nothing_and_other_clinics_rows_are_not_found(
    signed_in, linden, stranger, account, path
):
    assert signed_in(linden.quinn).post(path.format(account.id)).status_code == 403
    if "{}" in path:
        assert signed_in(stranger).post(path.format(account.id)).status_code == 404
    assert Account.get_by_id(account.id).because == ""


def test_the_board_names_no_client_external_title_or_calendar(olive, account, clock):
    event = account.calendars.where(RemoteCalendar.role == "source").get()
    external.event(event, "Divorce lawyer", "2026-11-21 13:00", "2026-11-21 14:00")
    page = olive.get("/health/").get_data(as_text=True)
    assert "1 busy time from there" in page
    assert not {word for word in ("Divorce", "Family", "Wójcik", "pat@home.test") if word in page}


def test_an_open_board_follows_by_itself(olive, account):
    page = olive.get("/health/").get_data(as_text=True)
    assert (
        'hx-get="/health/board" hx-trigger="look from:document throttle:25s" hx-swap="innerHTML"'
        in page
    )
    part = olive.get("/health/board", headers=PARTIAL).get_data(as_text=True)
    assert "<html" not in part and "System status" in part
    assert olive.get("/health/board").status_code in (302, 303)


def test_the_menu_counts_what_is_to_fix_for_managers_in_one_query(
    signed_in, account, linden, clock, caplog
):
    set_to(account, health="reconnect")
    Notice.give(external.source(linden.quinn).account, "empty", Notice.SAFETY_STOP)
    maya = signed_in(linden.maya)
    with caplog.at_level(logging.DEBUG, logger="peewee"):
        assert "2 to fix" in maya.get("/services/").get_data(as_text=True)
    asked = [record for record in caplog.records if "is_unreadable" in str(record.msg)]
    assert len(asked) == 1  # about oneself and the clinic
    assert "to fix" not in signed_in(linden.pat).get("/services/").get_data(as_text=True)


def test_an_account_without_access_shows_no_instant_updates(olive, account, clock):
    gateway.set_up(gateway.GatewaySetup(webhook_url="https://calendar.linden.health"))
    source = RemoteCalendar.get(RemoteCalendar.role == "source")
    Channel.create(
        clinic=account.clinic,
        account=account,
        calendar=source,
        secret_hash="x",
        expires_at=clock.now + timedelta(days=5),
        is_open=True,
    )
    assert "On for 0 of 1" in board(olive)  # no message ever came
    Channel.update(called_at=clock.now).execute()
    assert "On for 1 of 1" in board(olive)
    set_to(account, health="reconnect", failing_since=clock.now)
    said = board(olive)
    assert (
        "Instant updates none while disconnected" in said
        and "None needed now" in said
        and "Open for" not in said
    )


# ---- removals that are not finished ----


@pytest.mark.parametrize("has_left", [False, True])
def test_a_removal_that_is_not_finished_says_why_and_can_be_ended(
    olive, account, linden, clock, has_left
):
    if has_left:
        linden.pat.leave(linden.olive)
    ending.begin_departure(Account.get_by_id(account.id), linden.pat, "disconnect")
    set_to(account, health="waiting", failures=1, wait_until=clock.now + timedelta(minutes=5))
    assert "Removal is not finished" in board(
        olive
    ) and "Up to 1 of our events is still there." in board(olive)
    assert "End now, 1 event may stay" in board(olive)
    assert olive.post(f"/health/accounts/{account.id}/end").status_code == 303
    now = Account.get_by_id(account.id)
    assert (now.phase, now.removes, now.wait_until) == ("leaving", False, None)
    assert AuditEntry.get(AuditEntry.action == "account.ended").detail["count"] == 1


def test_only_managers_end_the_removal_of_somebody_else(signed_in, account, linden, clock):
    ending.begin_departure(Account.get_by_id(account.id), linden.pat, "disconnect")
    set_to(account, failures=1)
    signed_in(linden.quinn).post(f"/health/accounts/{account.id}/end")
    signed_in(linden.quinn).post(f"/sync/accounts/{account.id}/end")
    assert Account.get_by_id(account.id).removes


# ---- bookings at the same time ----


def test_before_the_first_night_the_board_says_so(olive, linden):
    assert "Not checked yet" in olive.get("/health/").text


def test_overlaps_are_counted_named_and_gone_once_somebody_moved_one(olive, linden, clock):
    at, hour = clock.now + timedelta(days=1), timedelta(hours=1)
    Booking.book(linden.calendar, [Span(at, at + hour)], linden.pat, patient=linden.patient)
    Booking.book(
        linden.calendar, [Span(at + hour / 2, at + 2 * hour)], linden.pat, allow_overlap=True
    )
    overlap_check.check_clinics()
    said = text_of(olive.get("/health/"))
    assert "0 overlaps nobody agreed to" in said
    assert "1 upcoming that somebody agreed to" in said and "Małgorzata Wójcik, " in said
    sneaked = Booking.create(
        clinic=linden.clinic,
        practitioner=linden.calendar,
        starts_at=at + hour,
        ends_at=at + 3 * hour,
        status="confirmed",
    )
    overlap_check.check_clinics()
    answer = olive.get("/health/")
    assert "1 overlap nobody agreed to" in text_of(answer)
    assert f'href="/bookings/{sneaked.id}' in answer.text
    sneaked.cancel(linden.olive)
    assert "0 overlaps nobody agreed to" in text_of(olive.get("/health/"))


def text_of(answer) -> str:
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", answer.text)).split())
