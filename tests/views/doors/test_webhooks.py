"""Calls of providers: which are accepted, what they cause, and that no answer reveals anything."""

import json
from datetime import timedelta

import pytest
from sync_world import SyncWorld

from sync.connect import gateway
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from views.doors import webhooks


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


@pytest.fixture
def account(world):
    account = world.start(sources=[world.source()])
    world.later(seconds=30)  # what was read for the first time is looked at once more
    account = world.run(account)
    world.later(seconds=30)
    assert not Account.free(world.clock.now).exists()
    return account


@pytest.fixture
def caller(app):
    return app.test_client()


def opened(account, role):
    """The channel of a calendar, with its address and the headers of Google's calls on it."""
    channel = Channel.get(
        Channel.calendar
        == RemoteCalendar.get(RemoteCalendar.account == account, RemoteCalendar.role == role)
    )
    return channel, f"/webhooks/google/{channel.uuid}"


@pytest.fixture
def told(world, account):
    """The headers with which the imitation called, as it does for a change in a calendar.

    By channel.
    """

    def headers(channel, state="exists"):
        world.messages.clear()
        world.robin.add(
            "Dentist",
            world.clock.now + timedelta(days=2),
            world.clock.now + timedelta(days=2, hours=1),
            channel.calendar.calendar_id,
        )
        sent = {kept["X-Goog-Channel-ID"]: kept for _, kept, *_ in world.messages}
        return dict(sent[channel.channel_id or channel.uuid]) | {"X-Goog-Resource-State": state}

    return headers


@pytest.fixture
def microsoft(world):
    gateway.set_up(
        gateway.GatewaySetup(
            {"google": world.endpoints(), "microsoft": world.endpoints()},
            None,
            300,
            b"secret",
            world.transport,
        )
    )


def is_due(account, clock):
    return Account.free(clock.now).where(Account.id == account.id).exists()


def test_a_call_with_the_channel_s_secret_makes_the_account_due(caller, account, told, clock):
    channel, address = opened(account, "destination")
    answer = caller.post(address, headers=told(channel))
    assert (answer.status_code, answer.data) == (200, b"")
    assert is_due(account, clock)
    assert Channel.get_by_id(channel.id).called_at == clock.now


def test_a_call_about_a_calendar_that_is_read_has_it_read(caller, account, told, world):
    channel, address = opened(account, "source")
    headers = told(channel)
    assert world.mirrored(account) == []
    assert caller.post(address, headers=headers).status_code == 200
    world.run(account)
    assert world.mirrored(account) == ["Dentist"]


def test_a_forged_an_unknown_and_an_empty_call_are_all_alike_and_change_nothing(
    caller, account, told, clock
):
    channel, address = opened(account, "destination")
    good, other = told(channel), "/webhooks/google/00000000-0000-4000-8000-000000000000"
    calls = [
        (address, good | {"X-Goog-Channel-Token": "forged"}),
        (address, good | {"X-Goog-Channel-Token": ""}),
        (other, good | {"X-Goog-Channel-ID": "unknown"}),
        (address, {}),
    ]
    answers = [caller.post(where, headers=headers) for where, headers in calls]
    assert {(answer.status_code, answer.data) for answer in answers} == {(404, b"")}
    assert not is_due(account, clock)
    assert Channel.get_by_id(channel.id).called_at is None


def test_the_first_call_proves_a_channel_and_causes_no_reading(caller, account, told, clock):
    channel, address = opened(account, "destination")
    assert caller.post(address, headers=told(channel, "sync")).status_code == 200
    assert not is_due(account, clock)


def test_a_secret_of_google_opens_nothing_at_the_other_provider_s_address(
    caller, account, told, clock, microsoft
):
    channel, address = opened(account, "destination")
    headers = told(channel)
    body = {
        "value": [
            {
                "subscriptionId": channel.channel_id or channel.uuid,
                "clientState": headers["X-Goog-Channel-Token"],
                "changeType": "updated",
                "resource": "x",
            }
        ]
    }
    answer = caller.post(
        address.replace("google", "microsoft"),
        data=json.dumps(body),
        content_type="application/json",
    )
    assert answer.status_code == 202
    assert not is_due(account, clock)


def test_a_call_neither_gives_nor_needs_a_session(caller, account, told):
    channel, address = opened(account, "destination")
    answer = caller.post(address, headers=told(channel) | {"Cookie": "kalends=nonsense"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_the_handshake_gives_the_decoded_token_back_as_plain_text(caller, account, microsoft):
    address = "/webhooks/microsoft/00000000-0000-4000-8000-000000000000"
    answer = caller.post(f"{address}?validationToken=Validation%3a+Test%2b%3cb%3e")
    assert (answer.status_code, answer.get_data(as_text=True)) == (200, "Validation: Test+<b>")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_handshake_that_is_too_long_gives_nothing_back(caller, account, microsoft):
    answer = caller.post(
        "/webhooks/microsoft/00000000-0000-4000-8000-000000000000",
        query_string={"validationToken": "a" * 5000},
    )
    assert (answer.status_code, answer.data) == (404, b"")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"value": 7}',
        b'{"value": [7, {}, {"subscriptionId": 5}]}',
        b"\xff\xfe",
    ],
)
def test_outlook_is_answered_202_whatever_it_says(caller, account, microsoft, clock, body):
    answer = caller.post(
        "/webhooks/microsoft/00000000-0000-4000-8000-000000000000",
        data=body,
        content_type="application/json",
    )
    assert answer.status_code == 202
    assert not is_due(account, clock)


def test_a_provider_that_is_not_set_up_has_no_address_here(caller, account):
    address = "/webhooks/microsoft/00000000-0000-4000-8000-000000000000?validationToken=hello"
    for kind in ("microsoft", "caldav"):
        answer = caller.post(address.replace("microsoft", kind))
        assert answer.status_code == 404
        assert b"hello" not in answer.data


def test_a_body_without_end_is_not_read_to_its_end(caller, account, microsoft):
    address = "/webhooks/microsoft/00000000-0000-4000-8000-000000000000"
    assert caller.post(address, data=b" " * (webhooks.MOST_OCTETS + 1)).status_code == 413


def test_only_posts_are_taken(caller, account):
    assert caller.get(opened(account, "destination")[1]).status_code == 405
