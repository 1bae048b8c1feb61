"""Push through our own webhooks and the engine, for both providers.

Live, renewed, removed, missed, forged, lost.
"""

import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sync_world import WORLDS

from base.tables.outside import ExternalEvent
from sync.connect import gateway
from sync.tables import sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel


@pytest.fixture(params=WORLDS)
def world(request, linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return WORLDS[request.param](linden, clock)


@pytest.fixture
def account(world):
    world.book()
    account = world.start(sources=[world.source()])
    world.messages.clear()
    return account


@pytest.fixture
def hear(app, world):
    """Carry what the sandbox has sent to our webhook, and let the workers work.

    Gives the status of each answer.
    """

    def carry(account):
        statuses, caller = [], app.test_client()
        for address, headers, body in world.messages:
            kind = {} if not body else {"content_type": "application/json"}
            statuses.append(
                caller.post(urlsplit(address).path, headers=headers, data=body, **kind).status_code
            )
        world.messages.clear()
        world.run(account)
        return statuses

    return carry


def dentist(world, days=2):
    world.robin.add(
        "Dentist",
        world.clock.now + timedelta(days=days),
        world.clock.now + timedelta(days=days, hours=1),
    )


def test_what_changes_outside_is_here_without_a_poll(world, account, hear):
    dentist(world)
    assert set(hear(account)) <= {200, 202}
    assert world.mirrored(account) == ["Dentist"]
    world.assert_in_step(account)


def test_our_own_writes_come_back_and_are_no_news(world, account, hear):
    world.book(days=5)
    world.run(account)
    writes = world.writes()
    hear(account)
    hear(account)
    assert world.writes() == writes
    world.assert_in_step(account)


def test_every_synced_calendar_has_one_channel_and_the_secret_is_kept_as_a_hash_alone(
    world, account
):
    channels = list(Channel.select())
    assert {channel.calendar.role for channel in channels} == {"destination", "source"} and all(
        channel.is_open for channel in channels
    )
    assert all(len(channel.secret_hash) == 64 for channel in channels)


def test_channels_live_on_for_months(world, account, hear):
    for _ in range(40):
        world.later(days=2)
        world.run(account)
        world.messages.clear()
    dentist(world)
    hear(account)
    assert world.mirrored(account) == ["Dentist"] and Channel.select().count() == 2


def test_a_calendar_that_is_let_go_of_has_no_channel_any_more(world, account):
    sources.turn_off(RemoteCalendar.get(RemoteCalendar.role == "source"), world.user)
    world.later(days=7)
    world.run(account)
    assert {channel.calendar.role for channel in Channel.select()} == {"destination"}


def test_polling_finds_what_no_message_told(world, account):
    dentist(world)
    world.messages.clear()
    world.poll(account)
    assert world.mirrored(account) == ["Dentist"]


@pytest.mark.parametrize("word", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
def test_each_of_microsofts_lifecycle_messages_is_heard(world, account, hear, word):
    before = {channel.channel_id: channel.expires_at for channel in Channel.select()}
    dentist(world)
    world.messages.clear()  # lost
    world.later(hours=1)
    world.sandbox.channels.lifecycle(word)
    assert set(hear(account)) == {202}
    after = {channel.channel_id: channel.expires_at for channel in Channel.select()}
    if word == "reauthorizationRequired":
        assert after.keys() == before.keys() and all(after[key] > before[key] for key in after)
    elif word == "subscriptionRemoved":
        assert len(after) == 2 and not after.keys() & before.keys()
    assert world.mirrored(account) == ["Dentist"]
    dentist(world, days=3)
    hear(account)
    assert world.mirrored(account) == ["Dentist", "Dentist"]


@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
def test_a_channel_that_disappeared_is_opened_again(world, account, hear):
    world.sandbox.channels.drop()
    world.later(days=6)
    world.run(account)
    dentist(world)
    hear(account)
    assert world.mirrored(account) == ["Dentist"]


@pytest.mark.parametrize(
    "change", [{"clientState": "guessed"}, {"clientState": None}, {"subscriptionId": "another"}]
)
@pytest.mark.parametrize("world", ["microsoft"], indirect=True)
def test_a_forged_notification_wakes_nobody(world, account, app, change):
    dentist(world)
    (address, _, body), *_ = world.messages
    items = [item | change for item in json.loads(body)["value"]]
    if "subscriptionId" in change:
        items = [item | {"clientState": "x"} for item in items]
    answer = app.test_client().post(urlsplit(address).path, json={"value": items})
    assert (
        answer.status_code == 202
        and Account.get().due_at is None
        and not ExternalEvent.select().exists()
    )


def test_without_an_address_that_providers_reach_nothing_is_opened(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    world = WORLDS["google"](linden, clock, webhook_url=None)
    world.start()
    assert not Channel.select().exists() and gateway.setup().webhook_url is None
