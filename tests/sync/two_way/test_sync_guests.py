"""Guests that somebody invites to an event of ours outside: reported once, kept through every
change of ours, removed by a press; with both providers.
"""

from datetime import timedelta

import pytest
from sync_world import WORLDS

from base import scheduling
from base.scheduling import Span
from models import Booking
from sync.tables import controls
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.two_way.standing import decisions

# Whichever database it is makes no difference.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ANA, SAM = "ana@guests.example", "sam@guests.example"


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="full_name")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    world.book(days=1)
    world.book(days=2)
    return world.start(sources=[world.source()])


@pytest.fixture
def invited(world, account) -> Booking:
    """A booking to whose event somebody invited Ana."""
    booking = Booking.select().order_by(Booking.starts_at).first()
    invite(world, account, booking, ANA)
    return booking


def invite(world, account, booking, *emails):
    world.invite(world.event_of(account, booking), world.destination(account), *emails)


def guests(world, account, booking) -> list[str]:
    return sorted(
        guest.get("email") or guest["emailAddress"]["address"]
        for guest in world.event_of(account, booking).get("attendees", [])
    )


def open_notice() -> Notice | None:
    return Notice.get_or_none(Notice.kind == "guests", Notice.settled_at.is_null())


def test_guests_are_reported_once_and_nothing_is_written(world, account, invited):
    writes = world.writes()
    for _ in range(3):
        world.poll(account)
    controls.ask_for_run(account, "resync")
    world.run(account)
    assert world.writes() == writes and guests(world, account, invited) == [ANA]
    notice = open_notice()
    assert world.notices(account) == ["guests"] and (notice.booking, notice.detail) == (
        invited,
        {"count": 1},
    )


@pytest.mark.parametrize("change", ["time", "days", "text", "status", "edited", "repeated"])
@pytest.mark.parametrize("is_known", [True, False])
def test_guests_stay_through_every_change_of_ours(world, account, invited, change, is_known):
    if is_known:
        world.poll(account)
    else:
        MappingRow.update(guests=None).execute()
    here = world.destination(account)
    if change == "time":
        invited.change(
            world.user,
            Span(invited.starts_at + timedelta(hours=1), invited.ends_at + timedelta(hours=1)),
            allow_overlap=True,
        )
    elif change == "days":
        day = scheduling.local_day(invited.starts_at, world.linden.street.zone)
        invited.change(
            world.user,
            scheduling.whole_days(day, day, world.linden.street.zone),
            allow_overlap=True,
        )
    elif change == "text":
        world.user.change_sync(identifier="none", hide_sensitive=True)
    elif change == "status":
        invited.set_status("pending", world.user)
    elif change == "edited":
        world.robin.retitle(world.event_of(account, invited)["id"], "Mine", here)
    else:
        world.repeat(world.event_of(account, invited), here)
    world.poll(account)
    world.poll(account)
    assert guests(world, account, invited) == [ANA]
    world.assert_in_step(account)
    assert "Wójcik" not in str(world.event_of(account, invited)) or change != "text"
    assert not world.event_of(account, invited).get("recurrence")


def test_a_press_removes_them(world, account, invited):
    world.poll(account)
    decisions.remove_guests(open_notice())
    world.run(account)
    assert guests(world, account, invited) == [] and world.notices(account) == []
    world.assert_in_step(account)


def test_who_comes_after_the_press_stays_and_is_told(world, account, invited):
    world.poll(account)
    notice = open_notice()
    invite(world, account, invited, ANA, SAM)
    decisions.remove_guests(notice)
    world.run(account)
    assert guests(world, account, invited) == [ANA, SAM] and open_notice().detail == {"count": 2}


def test_kept_ones_are_not_told_again_but_another_is(world, account, invited):
    world.poll(account)
    decisions.close_without_change(open_notice())
    invited.set_status("pending", world.user)
    world.poll(account)
    world.poll(account)
    assert open_notice() is None
    invite(world, account, invited, ANA, SAM)
    world.poll(account)
    assert open_notice().detail == {"count": 2}


@pytest.mark.parametrize("end", ["uninvited", "cancelled", "deleted"])
def test_the_notice_ends_with_them(world, account, invited, end):
    world.poll(account)
    if end == "uninvited":
        invite(world, account, invited)
    elif end == "cancelled":
        invited.cancel(world.user)
    else:
        world.robin.delete(world.event_of(account, invited)["id"], world.destination(account))
    world.poll(account)
    world.poll(account)
    assert open_notice() is None and Account.get().health == "ok"
    world.assert_nothing_more(account)
