"""Messages about changes of a calendar:
https://learn.microsoft.com/graph/change-notifications-delivery-webhooks

Microsoft calls a channel a subscription. It lives for less than seven days, and is renewed.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from sync.providers.base import ChannelCall, OpenChannel
from sync.providers.errors import Gone, NoMailbox, ProviderError
from sync.providers.parsing import reading
from sync.providers.values import written

from .contents import calendar_path
from .graph import Graph

# a little less than the limits on Microsoft's newer and older pages
LIVES = (
    timedelta(minutes=10_070),
    timedelta(minutes=4_220),
)
EVENTS = {"reauthorizationRequired": "renew", "subscriptionRemoved": "removed", "missed": "missed"}
LONGEST_BODY = 1_000_000
MOST_CALLS = 1000
LONGEST_ID = 200
LONGEST_SECRET = 128
LONGEST_VERSION = (1200, 300)


class GraphChannels:
    """See `base.Channels`."""

    def __init__(self, graph: Graph, clock: Callable[[], datetime]):
        self._graph, self._clock = graph, clock

    def open(
        self, calendar_id: str, channel_id: str, address: str, secret: str, expires_at: datetime
    ) -> OpenChannel:
        """A new channel. It replaces one whose answer was lost, since Graph allows one for each
        resource and gives its own id.
        """
        resource = f"{calendar_path(calendar_id)}/events"
        body = {
            "changeType": "created,updated,deleted",
            "notificationUrl": address,
            "lifecycleNotificationUrl": address,
            "resource": resource,
            "clientState": secret,
        }
        try:
            return self._until(expires_at, "POST", "/subscriptions", body)
        except ProviderError as error:
            if error.status != 409:
                raise
        self._close_lost(resource, address)
        return self._until(expires_at, "POST", "/subscriptions", body)

    def renew(self, channel: OpenChannel, expires_at: datetime) -> OpenChannel:
        """The channel with a later end. Raises ProviderError."""
        try:
            return self._until(expires_at, "PATCH", _path(channel.channel_id), {})
        except NoMailbox as error:  # Graph may use the same word for a missing channel
            raise Gone(error.reason, error.status) from None

    def close(self, channel: OpenChannel) -> None:
        """Close the channel; a missing one counts as closed."""
        try:
            self._graph.send("DELETE", _path(channel.channel_id))
        except (Gone, NoMailbox):
            return

    def _until(
        self, expires_at: datetime, method: str, path: str, body: dict[str, Any]
    ) -> OpenChannel:
        """The channel with the requested end, or the latest that Graph allows."""
        ends = sorted({min(expires_at, self._clock() + life) for life in LIVES}, reverse=True)
        for ends_at in ends:
            try:
                answer = self._graph.json(
                    method, path, json=body | {"expirationDateTime": written(ends_at)}
                )
                break
            except ProviderError as error:
                if error.status != 400 or ends_at == ends[-1]:
                    raise
        with reading():
            return OpenChannel(
                answer["id"],
                answer.get("resource") or "",
                datetime.fromisoformat(answer["expirationDateTime"]),
            )

    def _close_lost(self, resource: str, address: str) -> None:
        with reading():
            for item in list(self._graph.items("/subscriptions", is_short=True)):
                if (
                    item["resource"].lstrip("/") == resource.lstrip("/")
                    and urlsplit(item["notificationUrl"]).netloc == urlsplit(address).netloc
                ):
                    self.close(OpenChannel(item["id"], "", self._clock()))


class GraphWebhook:
    """See `base.Webhook`."""

    def calls(self, headers: Mapping[str, str], body: bytes) -> list[ChannelCall]:
        """The messages of a request. It may be about several channels, and anybody may have sent
        it.
        """
        try:
            items = json.loads(body)["value"] if len(body) <= LONGEST_BODY else ()
            return [call for call in map(_call, items[:MOST_CALLS]) if call]
        except (ValueError, KeyError, TypeError, RecursionError):
            return []

    def handshake(self, query: Mapping[str, str]) -> str | None:
        """The token that Graph expects back while a channel is being opened."""
        return query.get("validationToken")

    def answer(self, is_genuine: bool) -> int:
        """202 in any case: after any other answer Graph calls again and again, and then stops."""
        return 202


def _call(item: object) -> ChannelCall | None:
    if not isinstance(item, dict):
        return None
    channel_id = item.get("subscriptionId")
    secret = item.get("clientState") or ""
    event = item.get("lifecycleEvent")
    if not (
        isinstance(channel_id, str)
        and isinstance(secret, str)
        and 0 < len(channel_id) <= LONGEST_ID
        and len(secret) <= LONGEST_SECRET
    ):
        return None
    what = "changed" if event is None else EVENTS.get(event) if isinstance(event, str) else None
    return ChannelCall(channel_id, secret, what, *_version(item)) if what else None


def _version(item: dict[str, Any]) -> tuple[str, str]:
    """Id and etag of the event that was made or changed; no etag for a deleted one, and nothing if
    they are not named.
    """
    data, change = item.get("resourceData"), item.get("changeType")
    if not isinstance(data, dict) or change not in ("created", "updated", "deleted"):
        return "", ""
    remote_id, etag = (
        text if isinstance(text, str) and text.isprintable() and len(text) <= longest else ""
        for text, longest in zip(
            (data.get("id"), data.get("@odata.etag")), LONGEST_VERSION, strict=True
        )
    )
    if change == "deleted":
        return remote_id, ""
    return (remote_id, etag) if remote_id and etag else ("", "")


def _path(channel_id: str) -> str:
    return f"/subscriptions/{quote(channel_id, safe='')}"
