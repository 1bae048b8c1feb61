"""Batches whose answers are wrong although each call was answered: in another order, with one
missing, or good ones with an error inside. Whatever they say, each booking keeps its own event.
"""

import json
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from caldav_sync_world import CalDavSyncWorld
from sync_world import WORLDS

from base.scheduling import Span
from sync.connect import gateway
from sync.tables.mappings import MappingRow

CALL = re.compile(rb"Content-Type: application/http|\"url\"")
CHANGE = re.compile(rb"\nP(?:UT|ATCH) |\"PATCH\"")
PART = re.compile(
    rb"Content-ID: <response-(\d+)>.*?HTTP/1.1 (\d+).*?\r\n\r\n(.*?)\r?\n--", re.DOTALL
)


class Batches(httpx.BaseTransport):
    """The provider, whose next batch of several calls is answered wrongly."""

    def __init__(self, inner):
        self.inner, self.spoil = inner, None

    def handle_request(self, request):
        calls = len(CALL.findall(request.read())) if "batch" in request.url.path else 0
        if calls < 2 or self.spoil is None:
            return self.inner.handle_request(request)
        spoil, self.spoil = self.spoil, None
        if spoil is with_errors_inside:  # nothing is done
            return answered(spoil([(number, 204, None) for number in range(calls)]), request)
        answer = self.inner.handle_request(request)
        return answered(spoil(read(answer)), request)


def read(answer):
    """The answers in a batch: number of the call (None: not told), status and body."""
    if answer.headers["Content-Type"].startswith("application/json"):
        told = json.loads(answer.read())["responses"]
        return [(int(one["id"]), one["status"], one.get("body")) for one in told]
    return [
        (int(number), int(status), json.loads(body) if body.strip() else None)
        for number, status, body in PART.findall(answer.read())
    ]


def answered(parts, request):
    """A batch answered with these parts, in the shape of the request's provider."""
    if request.headers["Content-Type"].startswith("application/json"):
        told = [
            {"id": str(number), "status": status} | ({"body": body} if body else {})
            for number, status, body in parts
            if number is not None
        ]
        return httpx.Response(200, json={"responses": told})
    text = "".join(
        "--b\r\nContent-Type: application/http\r\n"
        + (f"Content-ID: <response-{number}>\r\n" if number is not None else "")
        + f"\r\nHTTP/1.1 {status} Word\r\n\r\n{json.dumps(body) if body else ''}\r\n"
        for number, status, body in parts
    )
    headers = {"Content-Type": "multipart/mixed; boundary=b"}
    return httpx.Response(200, headers=headers, text=f"{text}--b--\r\n")


def in_another_order(parts):
    """Each answer names the next call."""
    return [(parts[place - 1][0], *part[1:]) for place, part in enumerate(parts)]


def without_the_first(parts):
    return parts[1:]


def without_the_first_and_names(parts):
    """Graph's answers are nothing without their names."""
    return [(None, *part[1:]) for part in parts[1:]]


def with_errors_inside(parts):
    return [(number, 200, {"error": {"code": 500, "message": "No."}}) for number, *_ in parts]


SPOILS = {
    spoil.__name__: spoil
    for spoil in (
        in_another_order,
        without_the_first,
        without_the_first_and_names,
        with_errors_inside,
    )
}


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True)
    return WORLDS[request.param](linden, clock)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
@pytest.mark.parametrize("does", ["create", "change", "cancel"])
def test_each_booking_keeps_its_own_event(world, spoil, does):
    bookings = [world.book(days=day) for day in range(1, 4)] if does != "create" else []
    setup = gateway.setup()
    batches = Batches(setup.transport(world.kind))
    gateway.set_up(replace(setup, transport=lambda kind: batches))
    account = world.poll(world.start())
    if does == "create":
        bookings = [world.book(days=day) for day in range(1, 4)]
    for number, booking in enumerate(bookings):
        if does == "change":
            move(world, booking, timedelta(days=7))
        elif does == "cancel" and number:
            booking.cancel(world.user)
    batches.spoil = spoil
    for minutes in (0, 1, 7, 7):
        world.later(minutes=minutes)
        world.run(account)
    assert batches.spoil is None
    world.assert_in_step(account)
    mapped = {
        row.remote_id: row.uid
        for row in MappingRow.select().where(MappingRow.phase.not_in(("gone", "deleting")))
    }
    standing = world.standing(account)
    assert {event["id"]: uid for uid, (event,) in standing.items()} == mapped
    for booking in bookings if does != "cancel" else bookings[:1]:
        move(world, booking, timedelta(hours=2))
    world.poll(account)
    world.assert_in_step(account)


class Loses(httpx.BaseTransport):
    """The provider, which answers the next changes well, with the events as they were, and does
    nothing.
    """

    def __init__(self, inner):
        self.inner, self.events = inner, []

    def handle_request(self, request):
        calls = CHANGE.findall(request.read()) if "batch" in request.url.path else []
        if not calls or not self.events:
            return self.inner.handle_request(request)
        event = self.events.pop()
        return answered([(number, 200, event) for number in range(len(calls))], request)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("times", [1, 2, 5])
@pytest.mark.parametrize("does", ["move", "hide"])
def test_a_change_that_was_answered_and_not_done_is_repeated(world, does, times):
    world.user.change_sync(identifier="full_name")
    booking = world.book()
    setup = gateway.setup()
    loses = Loses(setup.transport(world.kind))
    gateway.set_up(replace(setup, transport=lambda kind: loses))
    account = world.poll(world.start())
    before = world.title_of(world.event_of(account, booking))
    loses.events = [told(world.event_of(account, booking))] * times
    if does == "move":
        move(world, booking, timedelta(days=7))
    else:
        world.user.change_sync(identifier="none")
    world.run(account)
    assert MappingRow.get().problem == "unchanged"  # nobody refused it
    for minutes in (7, 12, 25, 45, 85):
        world.later(minutes=minutes)
        world.run(account)
    assert not loses.events
    world.assert_in_step(account)
    if does == "hide":
        assert world.title_of(world.event_of(account, booking)) != before


def told(event):
    return {name: value for name, value in event.items() if not name.startswith("_")}


class Undeletes(httpx.BaseTransport):
    """The provider, which answers the next deletions well, and does nothing."""

    def __init__(self, inner):
        self.inner, self.times = inner, 0

    def handle_request(self, request):
        calls = re.findall(rb"\nDELETE |\"DELETE\"", request.read())
        if not (calls or request.method == "DELETE") or not self.times:
            return self.inner.handle_request(request)
        self.times -= 1
        if request.method == "DELETE":
            return httpx.Response(204)
        return answered([(number, 204, None) for number in range(len(calls))], request)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("kind", [*WORLDS, "caldav"])
def test_a_deletion_that_was_answered_and_not_done_is_repeated(linden, clock, kind, times):
    """It is noticed at the next regular look, and not only at night."""
    linden.pat.change_sync(sync_allowed=True)
    world = (WORLDS | {"caldav": CalDavSyncWorld})[kind](linden, clock)
    booking, __ = world.book(), world.book(days=4)
    setup = gateway.setup()
    undeletes = Undeletes(setup.transport(world.kind))
    gateway.set_up(replace(setup, transport=lambda kind: undeletes))
    account = world.poll(world.start())
    undeletes.times = times
    booking.cancel(world.user)
    world.run(account)
    assert undeletes.times == times - 1
    for __ in range(times):
        assert world.standing(account)[str(booking.uuid)]
        world.poll(account)
    world.assert_in_step(account)
    world.poll(account)
    assert not MappingRow.select().where(MappingRow.written_at.is_null(False)).exists()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_deletion_that_was_not_done_for_all_is_repeated(linden, clock):
    world = CalDavSyncWorld(linden, clock)
    booking = world.book()
    account = world.poll(world.start())
    world.sandbox.faults.fail(207, method="DELETE", path=world.items)
    booking.cancel(world.user)
    for minutes in (0, 1, 7, 7):
        world.later(minutes=minutes)
        world.run(account)
    world.assert_in_step(account)


def move(world, booking, by):
    booking = type(booking).get_by_id(booking.id)
    span = Span(booking.starts_at + by, booking.ends_at + by)
    booking.change(world.user, span, allow_overlap=True)
