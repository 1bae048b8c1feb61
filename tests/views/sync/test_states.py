"""Every state of a connected account on every surface: the page, the banner, the badges of the
menu, the owner's board, the history and the letters agree.
"""

import ast
import html
import re
from datetime import timedelta
from pathlib import Path

import external
import pytest
from plans import lose_provider

from base.scheduling import Span
from base.tables.outbox import Letter
from letters import kinds, trouble
from models import Booking, Clinic, User
from sync.connect import gateway
from sync.providers import registry
from sync.tables.accounts import TOO_MUCH_AT_ONCE, Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.strays import Stray
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way import first_list
from sync.two_way.standing import decisions, differences, many, state_list
from sync.two_way.standing.state import Standing
from sync.two_way.standing.state_list import State

TOP = Path(__file__).parents[3]

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
    gateway.set_up(gateway.GatewaySetup())


def without_plan(account, now) -> None:
    lose_provider(Clinic.get_by_id(account.clinic_id))


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


DAY = "2026-11-21T11:40:00+00:00/2026-11-21T12:40:00+00:00"
LATER = DAY.replace("T1", "T0")


def asked(account, change: str, settled: str | None = "", seen: str = "") -> None:
    """A notice about a change outside, not put back; `settled` None: open."""
    row = MappingRow.get()
    Notice.give(
        account,
        change,
        f"edit {row.uid}",
        booking=row.booking_id,
        detail={"is_put_back": False, "seen": seen},
        settled_as=settled or "",
        settled_at=None if settled is None else account.checked_at,
    )


def differs(change="", settled: str | None = "left", seen: str = "", cancelled=False, **columns):
    """The one event stands differently in Google."""

    def bring_about(account, now) -> None:
        MappingRow.update(**{"wanted": f"{DAY} a", "fingerprint": f"{DAY} a"} | columns).execute()
        if change:
            asked(account, change, settled, seen)
        if cancelled:
            Booking.update(status="cancelled").execute()

    return bring_about


DIFFERENCES = {  # how the event differs: how it comes about, what is said, and the button
    "moved": (differs("moved", fingerprint=f"{LATER} a"), "You chose to leave", "Put it back"),
    "edited": (
        differs("edited", seen=f"{DAY} b", fingerprint=f"{DAY} b"),
        "Its text is different",
        "Put it back",
    ),
    "repeats": (differs("repeated", fingerprint=f"{DAY} repeats"), "It repeats", "Put it back"),
    "deleted": (differs("deleted", phase="gone"), "It was deleted", "Add it again"),
    "undecided": (
        differs("moved", None, fingerprint=f"{LATER} a"),
        "It waits for your decision",
        "",
    ),
    "kept": (
        differs(problem="kept", cancelled=True, retry_at=decisions.FOR_GOOD),
        "You chose to keep it there",
        "Remove it there",
    ),
    "outside the dates": (
        differs(phase="frozen", sequence=9, fingerprint=f"{LATER} a"),
        "still has the old time",
        "",
    ),
}
SAME = {  # what is no difference
    "agreed": differs(),
    "texts as the provider stores them": differs(fingerprint=f"{DAY} b"),
    "an edit that was written over": differs("edited", seen=f"{DAY} b", fingerprint=f"{DAY} c"),
    "waits to be written": differs(wanted="", fingerprint=f"{LATER} a"),
    "kept, and sent again": differs(problem="kept"),
    "a newer status, outside the dates": differs(phase="frozen", sequence=9),
}

STATES = {  # name of the case: how it comes about, state, badge, name on page and board
    "stuck removal": (
        rows(phase="leaving", removes=True, failures=2),
        State.REMOVAL_STUCK,
        "trouble",
        "Removal is not finished",
    ),
    "removal": (rows(phase="leaving"), State.REMOVING, "waiting", "Removing our events"),
    "no provider": (taken_out, State.NOT_SET_UP, "waiting", "Not set up any more"),
    "first list": (rows(phase="naming", listed_at=None), State.LISTING, "busy", "Connected"),
    "first list failed": (
        rows(phase="naming", listed_at=None, health="reconnect", health_word="AuthExpired"),
        State.LIST_FAILED,
        "trouble",
        "Not usable yet",
    ),
    "first list waits": (
        rows(phase="naming", listed_at=None, health="waiting", health_word="Unavailable"),
        State.LIST_WAITS,
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
    State.NO_PLAN: "has no sync with Outlook any more",
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
        fingerprint="x",
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
    assert {told[1] for told in STATES.values()} == set(State) == set(state_list.SEVERITY)


def test_every_surface_says_the_same(case, signed_in, linden, clock):
    account, expected, badge, name = case
    standing = Standing(account)
    assert (standing.state, standing.severity) == (expected, badge)
    pat, olive = signed_in(linden.pat), signed_in(linden.olive)
    provider = registry.name(Account.get_by_id(account.id).kind)

    page = pat.get("/sync/")
    stands = {State.OFF: "Google: not syncing.", State.UNNAMED: "Name the calendar"}
    assert stands.get(expected, name) in text(page)
    if expected not in (State.OFF, State.UNNAMED):
        tone = {"ok": "good", "trouble": "danger", "waiting": "warning"}.get(badge, "info")
        notice = rf'data-tone="{tone}" role="status"[^>]*>(?:(?!</strong>).)*<strong>{name}'
        assert re.search(notice, page.get_data(as_text=True), re.DOTALL)

    board = olive.get("/health/").get_data(as_text=True)
    if expected == State.OFF:  # who ended sync is not on the board
        assert f"Pat Linden<br><small>{provider}" not in board
    else:
        line = board.split(f"Pat Linden<br><small>{provider}")[1].split("</tr>")[0]
        assert f'data-status="{badge}"' in line and name in line

    if expected not in (State.OFF, State.NOT_ALLOWED):
        history = pat.get("/sync/accounts/history").get_data(as_text=True).split("<main")[1]
        assert f'data-status="{badge}"' in history and name in history

    week = text(pat.get("/", follow_redirects=True))
    assert [said for said in BANNER.values() if said in week] == (
        [BANNER[expected]] if expected in BANNER else []
    )
    needs = expected in (*state_list.UNTOLD, State.ASKS, State.ASKS_SOURCE)
    menu = pat.get("/services/", follow_redirects=True).get_data(as_text=True)
    assert ('aria-label="1 for you"' in menu) is needs
    fixes = olive.get("/services/").get_data(as_text=True)
    assert ("1 to fix" in " ".join(fixes.split())) is (badge == "trouble")


def test_where_nothing_is_sent_the_page_says_what_stays_outside(case, signed_in, linden):
    _, expected, *_ = case
    said = "One event stays in" in text(signed_in(linden.pat).get("/sync/"))
    assert said is (expected in state_list.STOPPED and expected != State.CALENDAR_GONE)


FACTS = (
    *("state", "is_due", "due", "in_step", "failed", "left_outside", "reads_times", "unsearched"),
    *("question", "gone", "troubles", "reasons", "run", "channels", "differences"),
)


def test_read_for_all_together_they_are_the_same(case, linden, clock):
    account, *_ = case
    Channel.create(
        clinic=linden.clinic,
        account=account,
        calendar=source(account),
        secret_hash="x",
        is_open=True,
        expires_at=clock.now + timedelta(days=3),
    )
    texts = dict.fromkeys(("calendar_id", "name", "remote_id", "uid", "fingerprint"), "x")
    Stray.create(account=account, **texts)
    (together,) = many.overviews(account.clinic, {account.user_id: account.user})
    alone = Standing(account)
    assert {name: vars(together.standing)[name] for name in FACTS[1:]} == {
        name: getattr(alone, name) for name in FACTS[1:]
    }
    assert together.standing.state == alone.state


@pytest.mark.parametrize("how", DIFFERENCES)
def test_what_stands_differently_is_said_listed_and_put_right(
    how, signed_in, account, linden, clock
):
    bring_about, said, button = DIFFERENCES[how]
    bring_about(account, clock.now)
    pat, olive = signed_in(linden.pat), signed_in(linden.olive)
    page, history = pat.get("/sync/"), pat.get("/sync/accounts/history")
    for surface in (page, history, olive.get("/health/")):
        assert "Up to date, but 1 differs" in text(surface)
        before = surface.text.partition("Up to date, but 1")[0][-400:]
        tone = re.findall(r'data-(?:tone|status)="(\w+)"', before)[-1]
        assert tone in ("warning", "waiting") and "i-warn" in before
    assert "1 booking is different in Google" in text(page) and said in text(page)
    uid, address = MappingRow.get().uid, f"/sync/accounts/{account.id}/differences"
    assert (f'value="{uid}"' in page.text) is bool(button) and button in page.text
    assert signed_in(linden.olive).post(address, data={"uid": uid}).status_code == 404
    pat.post(address, data={"uid": uid})
    row = MappingRow.get()
    is_asked = row.wanted == "" or (how == "kept" and row.problem == "" and row.retry_at is None)
    assert is_asked is bool(button)
    if button:
        assert "That is decided already" in text(
            pat.post(address, data={"uid": uid}, follow_redirects=True)
        )


@pytest.mark.parametrize("how", SAME)
def test_what_agrees_is_not_listed(how, account, clock):
    SAME[how](account, clock.now)
    assert differences.differences_of([account.id]) == {account.id: []}


def test_letters_are_written_of_what_the_page_says(case, app, letters, linden, clock):
    _, expected, *_ = case
    with app.app_context():
        trouble.write_about_accounts()
        assert bool(letters.send()) is (expected in LETTERS)


def test_a_letter_on_its_way_is_dropped_once_it_is_no_more_true(app, account, letters, clock):
    rows(health="reconnect", **TROUBLE)(account, clock.now)
    with app.app_context():
        trouble.write_about_accounts()
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
        trouble.write_about_calendars()
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


PROMISES = "We are looking.", "read again and compared."
EXPLAINS = (
    *("Not possible now: ", "asked us to slow down, so this begins at 12:05."),
    *("No calendar can be read now.", "calendar follows as soon as its provider lets us."),
)


def test_a_run_is_promised_only_where_one_begins(case, signed_in, linden, clock):
    account, expected, *_ = case
    pat, olive = signed_in(linden.pat), signed_in(linden.olive)
    at_first = account.__data__.copy()
    later = clock.now + timedelta(minutes=25)
    waits = {"none": {}, "our own": {"wait_until": later}}
    waits["asked for"] = {"wait_until": later, "health_word": TOO_MUCH_AT_ONCE}
    for wait, columns in waits.items():
        for browser, address in (
            (pat, f"/sync/accounts/{account.id}/check"),
            (pat, f"/sync/accounts/{account.id}/resync"),
            (olive, f"/health/accounts/{account.id}/runs"),
            (olive, "/health/runs"),
        ):
            Account.update(at_first | columns).where(Account.id == account.id).execute()
            assert browser.post(address).status_code == 303
            said = text(browser.get("/help/"))  # any page has the answer, this one at little cost
            begins = Account.due(clock.now).exists() or first_list.due().exists()
            promised = [sentence for sentence in PROMISES if sentence in said]
            explained = [sentence for sentence in EXPLAINS if sentence in said]
            assert bool(promised) is not bool(explained), (wait, address)
            assert begins or not promised, (wait, address)
            if expected in (State.IN_STEP, State.OPERATOR, State.WAITING, State.FAILED):
                assert bool(promised) is (wait != "asked for"), (wait, address)


def test_a_page_is_renewed_once_what_was_asked_for_is_done(signed_in, account, linden, clock):
    """Also where the server's administrator must act: the press may show that they have acted."""
    wait_until = clock.now + timedelta(minutes=30)
    Account.update(health="operator", wait_until=wait_until).execute()
    pat = signed_in(linden.pat)
    assert "every 2s" not in pat.get("/sync/").get_data(as_text=True)
    pat.post(f"/sync/accounts/{account.id}/check")
    assert "every 2s" in pat.get("/sync/").get_data(as_text=True)


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
    gateway.set_up(gateway.GatewaySetup(gateway.setup().endpoints, "https://kalends.test/webhooks"))
    channel(account, clock, called_at=clock.now if has_called else None)
    said = text(signed_in(linden.pat).get("/sync/"))
    assert ("instant updates on" in said) is is_live
    assert ("none has come yet" in said) is not is_live
    board = text(signed_in(linden.olive).get("/health/"))
    assert f"On for {int(is_live)} of 1" in board
    assert ("Instant updates on" in board) is is_live


def comparing(path: Path) -> list[str]:
    """Where a view decides something by the phase or the health of an account."""
    asked = {
        id(node): node
        for outer in ast.walk(ast.parse(path.read_text()))
        for node in ast.walk(outer)
        if isinstance(outer, ast.Compare | ast.Subscript)
        or (isinstance(outer, ast.Call) and isinstance(outer.func, ast.Attribute))
    }
    return [
        f"{path.name}:{node.lineno}"
        for node in asked.values()
        if isinstance(node, ast.Attribute)
        and node.attr in ("phase", "health")
        and re.search(r"(account|known|Account)(\W*)$", ast.unparse(node.value))
    ]


def test_no_view_and_no_template_decides_by_phase_or_health():
    """What these mean is in `sync.tables.phases` and `sync.two_way.standing.state`."""
    views = sorted((TOP / "views").rglob("*.py"))
    assert [place for path in views for place in comparing(path)] == []
    pages = [path for path in (TOP / "templates").rglob("*") if path.is_file()]
    asks = re.compile(r"(?:account|known)\.(?:phase|health)\b")
    assert [page for page in pages if asks.search(page.read_text())] == []


def test_the_search_for_deciding_views_finds_them(tmp_path):
    page = tmp_path / "page.py"
    page.write_text(
        'a = account.phase == "off"\n'
        'b = one["account"].health in ("ok",)\n'
        'c = rows.where(Account.phase.in_(("active",)))\n'
        "d = [account.phase, account.health]\n"
        'e = offer.phase == "open"\n'
    )
    assert comparing(page) == ["page.py:1", "page.py:2", "page.py:3"]
