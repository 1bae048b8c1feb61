"""Push channels: opened if the provider can reach us, renewed before they end, closed when no
longer needed. Polling goes on in any case.
"""

import hmac
import logging
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from base import scheduling, vault
from base.database import database
from sync.connect import gateway
from sync.providers import registry
from sync.providers.base import ChannelCall, Channels, OpenChannel, Provider
from sync.providers.errors import AuthExpired, Gone, ProviderError, RateLimited
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.pace import ToldChange, is_known
from sync.two_way.worker.context import RunContext

log = logging.getLogger("kalends.channels")

LEFT = 5  # renewed when a fifth of its life is left
LONGEST = 200  # characters of an id or a secret of ours
RETRY = timedelta(hours=1)  # after a provider refused to open one
LONGEST_WAIT_SECONDS = 86_400
# why an account is due: a message came during a run, and may be about that run's own write
TOLD = "told"


def keep_open(context: RunContext, roles: Sequence[str] = ("source", "destination")) -> None:
    """Open a channel for every synced calendar without one. A provider that refuses is not asked
    again for a while: polling goes on.
    """
    base, pace = gateway.setup().webhook_url, context.pace
    opened: dict[int, list[Channel]] = defaultdict(list)  # by calendar, newest first
    rows = Channel.select(Channel, RemoteCalendar).join(RemoteCalendar)
    for channel in rows.where(Channel.account == context.account).order_by(Channel.id.desc()):
        if channel.calendar.role == "listed":
            close(context.provider, channel)
        else:
            opened[channel.calendar_id].append(channel)
    if (
        not base
        or context.provider.channels is None
        or (pace.channels_wait_until and pace.channels_wait_until > scheduling.utc_now())
    ):
        return
    for calendar in context.account.calendars.where(
        RemoteCalendar.role.in_(roles), RemoteCalendar.calendar_id.is_null(False)
    ):
        channels = opened[calendar.id]
        if not any(_is_well(channel) for channel in channels):
            try:
                _renew(context, context.provider.channels, calendar, channels, base)
            except RateLimited as error:
                log.warning("no channel for calendar %s: %s", calendar.id, error)
                seconds = (
                    RETRY.total_seconds()
                    if error.retry_after_seconds is None
                    else min(error.retry_after_seconds, LONGEST_WAIT_SECONDS)
                )
                pace.channels_wait_until = scheduling.utc_now() + timedelta(seconds=seconds)
                pace.save()
                # a row was prepared for it; the stored time counts
                Channel.delete().where(Channel.calendar == calendar, ~Channel.is_open).execute()
                return


def is_live(calendar: RemoteCalendar) -> bool:
    """Whether the provider reports every change in this calendar."""
    at = scheduling.utc_now()
    living = Channel.select().where(
        Channel.calendar == calendar,
        Channel.is_open,
        Channel.expires_at > at,
        Channel.wants == "",
    )
    return bool(gateway.setup().webhook_url and living.exists())


def _is_well(channel: Channel) -> bool:
    """Whether nothing needs to be done about the channel: it is open, or was refused a
    moment ago.
    """
    at = scheduling.utc_now()
    if not channel.is_open:
        return channel.opened_at > at - RETRY and not channel.wants
    life = channel.expires_at - channel.opened_at
    return not channel.wants and channel.expires_at - at > life / LEFT


def _renew(
    context: RunContext,
    outside: Channels,
    calendar: RemoteCalendar,
    channels: list[Channel],
    base: str,
) -> None:
    """Extend the channel, or open a new one and then close the old ones."""
    living = next(
        (channel for channel in channels if channel.is_open and channel.wants != "removed"), None
    )
    try:
        fresh = living and _prolong(context, outside, living)
        fresh = fresh or _open(context, outside, calendar, base)
    except (AuthExpired, RateLimited):
        raise
    except ProviderError as error:
        log.warning("no channel for calendar %s: %s", calendar.id, error)
        return
    for old in channels:
        if old.id != fresh.id:
            close(context.provider, old)


def _prolong(context: RunContext, outside: Channels, channel: Channel) -> Channel | None:
    """The channel with a later end; None if the provider cannot extend it, or no longer
    knows it.
    """
    life = registry.row_of(context.account.kind).channel_life
    try:
        kept = outside.renew(_as_kept(channel), scheduling.utc_now() + life)
    except Gone:
        return None
    if kept is None:
        return None
    with context.writing():
        columns = {"expires_at": kept.expires_at, "opened_at": scheduling.utc_now(), "wants": ""}
        Channel.update(**columns).where(Channel.id == channel.id).execute()
    return channel


def _open(context: RunContext, outside: Channels, calendar: RemoteCalendar, base: str) -> Channel:
    """A new channel. Its row is stored first, since the first call may come before the answer."""
    account = context.account
    life = registry.row_of(account.kind).channel_life
    with context.writing():
        # rows prepared for channels that were never opened
        Channel.delete().where(Channel.calendar == calendar, ~Channel.is_open).execute()
        channel, secret = Channel.prepare(calendar, scheduling.utc_now() + life)
    address = f"{base}/webhooks/{account.kind}/{channel.uuid}"
    kept = outside.open(calendar.made_id, channel.uuid, address, secret, channel.expires_at)
    with context.writing():
        columns = {
            "channel_id": kept.channel_id,
            "resource_id": kept.resource_id,
            "expires_at": kept.expires_at,
            "is_open": True,
        }
        Channel.update(**columns).where(Channel.id == channel.id).execute()
    return channel


def close(provider: Provider, channel: Channel) -> None:
    """Close a channel and delete its row. A channel that the provider does not close ends by
    itself; its calls then find no row.
    """
    if channel.is_open and provider.channels is not None:
        try:
            provider.channels.close(_as_kept(channel))
        except ProviderError as error:
            log.warning("channel %s not closed: %s", channel.id, error)
    Channel.delete().where(Channel.id == channel.id).execute()


def _as_kept(channel: Channel) -> OpenChannel:
    return OpenChannel(channel.channel_id, channel.resource_id, channel.expires_at)


def called(kind: str, uuid: str, call: ChannelCall) -> bool:
    """Handle a call to a channel's webhook, whose address ends in `uuid`, and set its calendar due.
    Returns whether the secret was right.

    The row is found by the provider's id, or by the address until the answer with that id is
    stored. Only the secret authenticates the call: without it nothing is written and nothing
    locked.
    """
    if not all(
        text.isascii() and text.isprintable() and len(text) <= LONGEST
        for text in (call.channel_id, call.secret)
    ):
        return False
    rows = (
        Channel.select(Channel, Account, RemoteCalendar)
        .join(Account)
        .switch(Channel)
        .join(RemoteCalendar)
        .where(Account.kind == kind)
    )
    by_id = call.channel_id and rows.where(Channel.channel_id == call.channel_id).first()
    row = by_id or rows.where(Channel.uuid == uuid).first()
    if row is None or not hmac.compare_digest(vault.hash_of(call.secret), row.secret_hash):
        return False
    with database.atomic():  # the account first, as in every run
        if call.what != "opened":
            _pass_on(row, call)
        wants = {"wants": call.what} if call.what in ("renew", "removed") else {}
        Channel.update(called_at=scheduling.utc_now(), **wants).where(
            Channel.id == row.id
        ).execute()
    return True


def _pass_on(row: Channel, call: ChannelCall) -> None:
    """Mark the calendar for reading, unless the message is only about a version that we wrote
    ourselves. During a run the written versions are not all stored yet: the run compares later.
    """
    if row.calendar.role == "source":
        Account.update(because="live").where(Account.id == row.account_id).execute()
        RemoteCalendar.update(due_at=None).where(RemoteCalendar.id == row.calendar_id).execute()
        database.will_wake("account", row.account_id)
        return
    if call.remote_id and call.what == "changed":
        if is_known(row.account_id, call.remote_id, call.etag):
            return
        if row.account.leased_until and row.account.leased_until > scheduling.utc_now():
            ToldChange.create(account=row.account_id, remote_id=call.remote_id, etag=call.etag)
            Account.be_due(row.account_id, scheduling.utc_now(), TOLD)
            return
    Account.wake(row.account_id, "live")
