"""Requests for a row by its id: another clinic's row does not exist at any address, a colleague's
private rows do not exist either, and a change without the right is refused.
"""

import ast
import itertools
import re
from datetime import date, timedelta
from pathlib import Path

import external
import pytest

from base.scheduling import Span
from base.tables.time_off import DatedHours, TimeOff
from free_times.earlier import joining
from free_times.earlier.entries import Wanted
from models import Booking, Feed
from operate.intake.upload import Import
from sync.tables.notices import Notice

VIEWS = Path(__file__).parents[3] / "views"
ELSEWHERE = {"webhooks", "auth"}  # by a secret; one's own sessions
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
# what only its own person knows of: a colleague finds nothing
PRIVATE = {"two_way", "sources", "notices", "feeds"}
# what a colleague who is no manager may read of Pat's, and of the clinic's
OPEN = {"bookings.show", "week.outside", "patients.show", "patients.edit", "patients.update"}
OPEN |= {
    "patients.archive",
    "patients.bring_back",
    "patients.check",
}  # everyone of a clinic looks after its clients
OPEN |= {"merges.choose", "merges.matches", "merges.undo"}
OPEN |= {
    "waiting_entry.of_client",
    "waiting_entry.add_client",
}  # adds somebody, and changes nobody else's


# what a receptionist may besides, of anyone's: bookings and time off
AT_THE_DESK = {
    "bookings.edit",
    "bookings.update",
    "booking_status.set_status",
    "booking_status.ask_cancel",
    "booking_status.cancel",
    "booking_status.undo",
    "moves.move",
    "moves.undo",
    "requests.times",
    "requests.decline",
    "requests.offer",
    "time_off.edit",
    "time_off.update",
    "time_off.delete",
    "time_off.bring_back",
    "waiting_entry.of_booking",
    "waiting_entry.add_booking",
    "waiting_list.remove",
}
RIGHTS = {"kit/access.py", "kit/sync_access.py"}
FOR_MANAGERS = {"health", "settings", "imports", "sign_ins", "handover"}  # rooms, whole


@pytest.fixture
def rows(linden, clock):
    """Of everything that has a number one of Pat's, or of the Linden clinic.

    By argument, and by blueprint where an argument means several things.
    """
    source = external.source(linden.pat, listed_at=clock.now)
    event = external.event(source, "School run", "2026-11-20 13:00", "2026-11-20 14:00")
    at = clock.now + timedelta(days=2)
    booking = Booking.book(
        linden.calendar,
        [Span(at, at + timedelta(hours=1))],
        linden.pat,
        patient=linden.patient,
        service=linden.service,
    )[0]
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    feed = Feed.generate(linden.pat, "Phone", linden.pat, practitioner=linden.calendar)
    notice = Notice.give(source.account, "source_empty", calendar=source, detail={"count": 1})
    off = TimeOff.create(
        clinic=linden.clinic,
        user=linden.pat,
        kind="leave",
        first_on=date(2026, 12, 1),
        last_on=date(2026, 12, 2),
    )
    dated = DatedHours.add(linden.calendar, date(2026, 12, 1), [], linden.pat)
    removed = DatedHours.add(linden.calendar, date(2026, 12, 2), [], linden.pat)
    removal = removed.remove(linden.pat)
    waits = joining.ask_for(booking, Wanted([linden.calendar.id]), linden.pat)
    brought = Import.create(
        clinic=linden.clinic, user=linden.olive, kind="clients", content="x", phase="checked"
    )
    return {
        "account_id": source.account_id,
        "booking_id": booking.id,
        "calendar_id": linden.calendar.id,
        ("sources", "calendar_id"): source.id,
        ("notices", "calendar_id"): source.id,
        "entry_id": removal.id,
        ("waiting_list", "entry_id"): waits.id,
        "event_id": event.id,
        "feed_id": feed.id,
        "import_id": brought.id,
        "notice_id": notice.id,
        "off_id": off.id,
        "patient_id": linden.patient.id,
        "row_id": dated.id,
        "service_id": linden.service.id,
        "user_id": linden.pat.id,
        "venue_id": linden.street.id,
    }


def addresses(app, rows):
    """(endpoint, method, address) of every route that names a row."""
    for rule in app.url_map.iter_rules():
        room = rule.endpoint.partition(".")[0]
        words = {
            name: each.items for name, each in rule._converters.items() if hasattr(each, "items")
        }
        named = rule.arguments - words.keys()
        if room in ELSEWHERE or not any(name.endswith("_id") for name in named):
            continue
        ids = {name: rows.get((room, name), rows.get(name)) for name in named}
        for chosen in itertools.product(*words.values()):
            address = rule.build(ids | dict(zip(words, chosen, strict=True)))[1]
            yield from ((rule.endpoint, how, address) for how in rule.methods & {"GET", "POST"})


def answers(browser, app, rows, reverse=False):
    for endpoint, method, address in sorted(addresses(app, rows), reverse=reverse):
        yield endpoint, f"{method} {address}", browser.open(address, method=method).status_code


@ON_SQLITE
def test_rows_of_another_clinic_are_not_there_at_any_address(app, rows, signed_in, stranger):
    found = list(answers(signed_in(stranger), app, rows))
    assert len(found) > 80
    assert [(place, status) for _, place, status in found if status != 404] == []


@ON_SQLITE
def test_what_is_a_colleague_s_is_not_there_or_refused(app, rows, signed_in, linden):
    found = list(answers(signed_in(linden.quinn), app, rows))
    private = [(place, status) for end, place, status in found if end.partition(".")[0] in PRIVATE]
    assert len(private) > 30 and {status for _, status in private} == {404}, private
    others = [
        (place, status)
        for end, place, status in found
        if end.partition(".")[0] not in PRIVATE and end not in OPEN and status not in (403, 404)
    ]
    assert others == []


@ON_SQLITE
def test_a_receptionist_may_change_what_belongs_to_the_desk_alone(
    app, rows, signed_in, receptionist
):
    found = list(answers(signed_in(receptionist), app, rows, reverse=True))  # deleting comes late
    private = {status for end, _, status in found if end.partition(".")[0] in PRIVATE}
    assert private == {404}
    may = {end for end, _, status in found if status not in (403, 404)}
    assert may == OPEN | AT_THE_DESK


@ON_SQLITE
def test_a_receptionist_sees_no_settings(app, linden, signed_in, receptionist):
    browser = signed_in(receptionist)
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] in FOR_MANAGERS and not rule.arguments:
            for method in rule.methods & {"GET", "POST"}:
                assert browser.open(rule.rule, method=method).status_code == 403, rule
    for address in ("/team/new", "/services/new", "/clients/ids"):
        assert browser.get(address).status_code in (403, 404), address
    menu = browser.get("/clients/").get_data(as_text=True).partition('id="menu"')[2]
    assert "/calendar/team" in menu
    assert not any(f'href="/{room}/"' in menu for room in ("sync", "health", "settings"))


@ON_SQLITE
def test_managers_see_no_private_thing_of_a_colleague_either(app, rows, signed_in, linden):
    found = list(answers(signed_in(linden.olive), app, rows))
    private = {status for end, _, status in found if end.partition(".")[0] in PRIVATE}
    assert private == {404}


def test_views_load_rows_by_number_through_named_loaders_alone():
    """`get_by_id` knows no clinic; the loader of any row at all is called by the rights alone; and
    a query for one id is a loader of its own.
    """
    found = [
        f"{path.relative_to(VIEWS)}: {node.func.attr}"
        for path in VIEWS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and loads(node)
    ]
    own = ["sync/panels.py: load"]  # what the notices of an account at hand name
    own += ["kit/access.py: get_or_none", "kit/loading.py: get_or_none"]  # the loaders
    assert sorted(found) == sorted(own)
    assert {
        str(path.relative_to(VIEWS))
        for path in VIEWS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and re.search(r"\bloading\b", ast.unparse(node))
    } == RIGHTS


def test_a_refusal_of_what_a_person_may_see_stands_with_the_rights():
    """A page asks for the row, or for the thing, that the person may change; whether they may is
    decided there.
    """
    found = {
        str(path.relative_to(VIEWS))
        for path in VIEWS.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node).endswith("abort(403)")
    }
    assert found == RIGHTS | {"kit/loading.py"}


@pytest.mark.parametrize(
    "line",
    [
        "Feed.get_by_id(n)",
        "Feed.get_or_none(Feed.id == n)",
        "Feed.get_or_none(Feed.user == me, Feed.id == n)",
        "Feed.get(Feed.id == n)",
        "Feed.select().where(Feed.id == n).get_or_none()",
        "Feed.select().where((Feed.id == n) & (Feed.user == me)).first()",
        "Feed.select().join(User).where(n == Feed.id).get()",
        "Feed.select().where(Feed.id.in_([n])).first()",
    ],
)
def test_every_way_to_load_a_row_by_number_is_seen(line):
    assert loads(ast.parse(line, mode="eval").body)


@pytest.mark.parametrize(
    "line",
    ["Feed.get_or_none(Feed.user == me.id)", "Feed.select().where(Feed.user == me.id).first()"],
)
def test_a_row_that_is_found_by_its_person_is_none_of_them(line):
    assert not loads(ast.parse(line, mode="eval").body)


def loads(call):
    """Whether a call loads the row with a certain id."""
    if call.func.attr in ("load", "get_by_id"):
        return True
    return call.func.attr in ("get", "get_or_none", "first") and any(
        is_id(side)
        for node in ast.walk(call)
        for side in (
            [node.left, *node.comparators]
            if isinstance(node, ast.Compare)
            else [node.func.value]
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "in_"
            else []
        )
    )


def is_id(node):
    """Whether it is the column `id` of a table: `Feed.id`, `table.id`."""
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "id"
        and isinstance(node.value, ast.Name)
        and (node.value.id[0].isupper() or node.value.id == "table")
    )
