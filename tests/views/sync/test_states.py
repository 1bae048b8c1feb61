"""Every state of a connected account on every surface.

The page, the banner, the badges of the menu, the owner's board, the history and the letters say the
same.
"""

import html
import re
from datetime import timedelta

import external
import pytest

from base.scheduling import Span
from base.tables.outbox import Letter
from letters import kinds, trouble
from models import Booking, Clinic, User
from sync.connect import connections
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way.standing import state
from sync.two_way.standing.state import Standing, State

TROUBLE = {"failing_since": timedelta(minutes=-5)}


def rows(**columns):
    """A change of the account's row; lengths of time are counted from now."""

    def change(account: Account, now) -> None:
        times = {
            name: now + value if isinstance(value, timedelta) else value
            for name, value in columns.items()
        }
        Account.update(**times).where(Account.id == account.id).execute()

    return change


def taken_out(account, now) -> None:
    connections.set_up(connections.Setup())


def without_plan(account, now) -> None:
    Clinic.update(plan="basic").execute()


def not_allowed(account, now) -> None:
    User.update(sync_allowed=False).where(User.id == account.user_id).execute()


def asks(account, now) -> None:
    Notice.give(account, "deletes", Notice.SAFETY_STOP, detail={"count": 8, "total": 20})


def asks_source(account, now) -> None:
    Notice.give(account, "source_empty", calendar=source(account), detail={"count": 3})


def source(account) -> RemoteCalendar:
    return account.calendars.where(RemoteCalendar.role == "source").get()


def gone(account, now) -> None:
    RemoteCalendar.update(gone_since=now).where(RemoteCalendar.role == "source").execute()


def closed(account, now) -> None:
    row = source(account)
    CalendarTrouble.create(
        clinic=account.clinic_id, calendar=row, kind="calendar", reason="forbidden"
    )


def in_part(account, now) -> None:
    row = source(account)
    CalendarTrouble.create(clinic=account.clinic_id, calendar=row, kind="events", reason="")
    UnreadEvent.create(clinic=account.clinic_id, calendar=row, remote_id="e", reason="no_start")


def running(account, now) -> None:
    rows(leased_until=timedelta(seconds=9))(account, now)
    SyncRun.create(
        clinic=account.clinic_id, account=account, because="poll", total=9, done=2, started_at=now
    )


def failed(account, now) -> None:
    MappingRow.update(problem="invalid").execute()


STATES = {  # name of the case: how it comes about, state, badge, name on page and board
    "stuck removal": (
        rows(phase="leaving", removes=True, failures=2),
        State.REMOVAL_STUCK,
        "trouble",
        "Removal is not finished",
    ),
    "removal": (rows(phase="leaving"), State.REMOVING, "waiting", "Removing our events"),
    "no provider": (taken_out, State.NOT_SET_UP, "waiting", "Not set up any more"),
    "first look": (rows(phase="naming", listed_at=None), State.LOOKING, "busy", "Connected"),
    "first look failed": (
        rows(phase="naming", listed_at=None, health="reconnect", health_word="AuthExpired"),
        State.LOOK_FAILED,
        "trouble",
        "Not usable yet",
    ),
    "first look waits": (
        rows(phase="naming", listed_at=None, health="waiting", health_word="Unavailable"),
        State.LOOK_WAITS,
        "waiting",
        "Not usable yet",
    ),
    "off": (rows(phase="off"), State.OFF, "off", "Off"),
    "unnamed": (rows(phase="naming"), State.UNNAMED, "waiting", "Not started"),
    "no plan": (without_plan, State.NO_PLAN, "waiting", "Not in the plan"),
    "not allowed": (not_allowed, State.NOT_ALLOWED, "off", "Off"),
    "paused": (rows(phase="paused"), State.PAUSED, "off", "Paused"),
    "reconnect": (
        rows(health="reconnect", **TROUBLE),
        State.RECONNECT,
        "trouble",
        "Needs reconnecting",
    ),
    "calendar gone": (
        rows(health="calendar_gone", **TROUBLE),
        State.CALENDAR_GONE,
        "trouble",
        "Calendar is gone",
    ),
    "operator": (
        rows(health="operator", health_word="accessNotConfigured", **TROUBLE),
        State.OPERATOR,
        "trouble",
        "Needs the server administrator",
    ),
    "asks": (asks, State.ASKS, "trouble", "Waits for"),
    "asks of a source": (asks_source, State.ASKS_SOURCE, "trouble", "Waits for"),
    "source gone": (gone, State.UNREADABLE, "waiting", "A calendar is not there"),
    "source closed": (closed, State.UNREADABLE, "waiting", "A calendar cannot be read"),
    "waits": (
        rows(health="waiting", wait_until=timedelta(minutes=25)),
        State.WAITING,
        "waiting",
        "Waiting until 12:05",
    ),
    "running": (running, State.RUNNING, "busy", "Under way"),
    "in part": (in_part, State.IN_PART, "waiting", "Read in part"),
    "due": (rows(due_at=timedelta(0)), State.DUE, "busy", "Looking for changes"),
    "failed": (failed, State.FAILED, "waiting", "Updating"),
    "in step": (rows(failures=0), State.IN_STEP, "ok", "Up to date"),
}
BANNER = {  # above the calendar
    State.NOT_SET_UP: "Google is not set up on this server any more",
    State.NO_PLAN: "has no sync with Google any more",
    State.RECONNECT: "Access to Google has ended",
    State.CALENDAR_GONE: "Our calendar in Google was deleted",
    State.UNREADABLE: "A calendar in Google cannot be read",
}
LETTERS = State.RECONNECT, State.CALENDAR_GONE, State.OPERATOR


@pytest.fixture
def account(linden, clock):
    """Pat's, in step: one booking here, and it stands in Google."""
    User.update(identifier="internal_id").where(User.id == linden.pat.id).execute()
    read = external.source(
        linden.pat,
        checked_at=clock.now,
        listed_at=clock.now,
        synced_on=clock.now.date(),
        synced_rev=10**12,
    )
    account = read.account
    RemoteCalendar.create(
        clinic=linden.clinic, account=account, calendar_id="ours", role="destination", name="K"
    )
    RemoteCalendar.update(due_at=clock.now + timedelta(days=1), read_at=clock.now).execute()
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
        remote_id="r",
    )
    return account


@pytest.fixture(params=STATES)
def case(request, account, clock):
    """One state, brought about."""
    bring_about, *told = STATES[request.param]
    bring_about(account, clock.now)
    account = Account.get_by_id(account.id)
    return account, *told


def text(answer) -> str:
    assert answer.status_code == 200
    words = re.sub(r"<[^>]*>", " ", answer.get_data(as_text=True))
    return " ".join(html.unescape(words).split())


def test_no_state_is_left_out():
    assert {told[1] for told in STATES.values()} == set(State) == set(state.SEVERITY)


def test_every_surface_says_the_same(case, signed_in, linden, clock):
    account, expected, badge, name = case
    standing = Standing(account)
    assert (standing.state, standing.severity) == (expected, badge)
    pat, olive = signed_in(linden.pat), signed_in(linden.olive)

    page = pat.get("/sync/")
    stands = {State.OFF: "Google: not syncing.", State.UNNAMED: "Name the calendar"}
    assert stands.get(expected, name) in text(page)
    if expected not in (State.OFF, State.UNNAMED):
        tone = {"ok": "good", "trouble": "danger", "waiting": "warning"}.get(badge, "info")
        notice = rf'data-tone="{tone}" role="status"[^>]*>(?:(?!</strong>).)*<strong>{name}'
        assert re.search(notice, page.get_data(as_text=True), re.DOTALL)

    board = olive.get("/health/").get_data(as_text=True)
    if expected == State.OFF:  # who ended sync is not on the board
        assert "Pat Linden<br><small>Google" not in board
    else:
        line = board.split("Pat Linden<br><small>Google")[1].split("</tr>")[0]
        assert f'data-status="{badge}"' in line and name in line

    if expected not in (State.OFF, State.NOT_ALLOWED):
        history = pat.get("/sync/accounts/history").get_data(as_text=True).split("<main")[1]
        assert f'data-status="{badge}"' in history and name in history

    week = text(pat.get("/", follow_redirects=True))
    assert [said for said in BANNER.values() if said in week] == (
        [BANNER[expected]] if expected in BANNER else []
    )
    needs = expected in (*state.UNTOLD, State.ASKS, State.ASKS_SOURCE)
    menu = pat.get("/services/", follow_redirects=True).get_data(as_text=True)
    assert ('aria-label="1 for you"' in menu) is needs
    fixes = olive.get("/services/").get_data(as_text=True)
    assert ("1 to fix" in " ".join(fixes.split())) is (badge == "trouble")


def test_letters_are_written_of_what_the_page_says(case, app, letters, linden, clock):
    _, expected, *_ = case
    with app.app_context():
        trouble.tell()
        assert bool(letters.send()) is (expected in LETTERS)


def test_a_letter_on_its_way_is_dropped_once_it_is_no_more_true(app, account, letters, clock):
    rows(health="reconnect", **TROUBLE)(account, clock.now)
    with app.app_context():
        trouble.tell()
        letter = Letter.get()
        assert kinds.render(letter) is not None
        taken_out(account, clock.now)
        assert kinds.render(letter) is None


@pytest.mark.parametrize("paused", [False, True])
def test_nobody_is_written_to_about_a_calendar_of_an_account_at_rest(
    app, account, letters, clock, paused
):
    closed(account, clock.now - timedelta(hours=7))
    CalendarTrouble.update(since=clock.now - timedelta(hours=7)).execute()
    if paused:
        taken_out(account, clock.now)
    with app.app_context():
        trouble.tell_of_calendars()
        assert bool(letters.send()) is not paused


@pytest.mark.parametrize("bring_about", [taken_out, without_plan, not_allowed])
def test_nothing_is_offered_or_done_where_nothing_can_be_synced(
    signed_in, account, linden, clock, bring_about
):
    bring_about(account, clock.now)
    pat, olive, number = signed_in(linden.pat), signed_in(linden.olive), account.id
    page = pat.get("/sync/").get_data(as_text=True)
    for offered in ("Check now", "Resync this calendar", "Start over", ">Go on<"):
        assert offered not in page, offered
    assert "Resync everyone" not in olive.get("/health/").get_data(as_text=True)
    before = Account.get_by_id(number)
    for browser, address in (
        (pat, f"/sync/accounts/{number}/check"),
        (pat, f"/sync/accounts/{number}/resync"),
        (pat, f"/sync/accounts/{number}/new-start"),
        (olive, f"/health/accounts/{number}/runs"),
        (olive, "/health/runs"),
    ):
        answer = browser.post(address, data={"removes": "yes"})
        assert answer.status_code < 400, address
        after = Account.get_by_id(number)
        assert (after.phase, after.due_at) == (before.phase, before.due_at), address


def channel(account, clock, **columns) -> None:
    Channel.create(
        clinic=account.clinic_id,
        account=account,
        calendar=account.destination,
        secret_hash="x",
        is_open=True,
        expires_at=clock.now + timedelta(days=5),
        **columns,
    )


@pytest.mark.parametrize(
    ("kind", "has_called", "is_live"),
    [("google", False, False), ("google", True, True), ("microsoft", False, True)],
)
def test_messages_are_live_once_one_is_known_to_reach_us(
    signed_in, account, linden, clock, kind, has_called, is_live
):
    external.known(kind)
    Account.update(kind=kind).execute()
    connections.set_up(
        connections.Setup(connections.setup().endpoints, "https://kalends.test/webhooks")
    )
    channel(account, clock, called_at=clock.now if has_called else None)
    said = text(signed_in(linden.pat).get("/sync/"))
    assert ("instant updates on" in said) is is_live
    assert ("none has come yet" in said) is not is_live
    board = text(signed_in(linden.olive).get("/health/"))
    assert f"On for {int(is_live)} of 1" in board
    assert ("Instant updates on" in board) is is_live
