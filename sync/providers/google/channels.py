"""Messages about changes of a calendar:
https://developers.google.com/workspace/calendar/api/guides/push
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from sync.providers.base import ChannelCall, OpenChannel
from sync.providers.parsing import reading

from .calendar_api import CalendarApi
from .writing import calendar_path


class GoogleChannels:
    """See `base.Channels`."""

    def __init__(self, api: CalendarApi):
        self._api = api

    def open(
        self, calendar_id: str, channel_id: str, address: str, secret: str, expires_at: datetime
    ) -> OpenChannel:
        """A new channel; Google may shorten its life."""
        body = {
            "id": channel_id,
            "type": "web_hook",
            "address": address,
            "token": secret,
            "expiration": str(int(expires_at.timestamp() * 1000)),
        }
        answer = self._api.json("POST", f"{calendar_path(calendar_id)}/events/watch", json=body)
        with reading():
            ends_at = (
                datetime.fromtimestamp(int(answer["expiration"]) / 1000, UTC)
                if answer.get("expiration")
                else expires_at
            )
            return OpenChannel(answer["id"], answer["resourceId"], ends_at)

    def renew(self, channel: OpenChannel, expires_at: datetime) -> OpenChannel | None:
        """None: Google has no renewal."""
        return None

    def close(self, channel: OpenChannel) -> None:
        """Close the channel; a missing one counts as closed."""
        self._api.done_if_gone(
            "POST",
            "/channels/stop",
            json={"id": channel.channel_id, "resourceId": channel.resource_id},
        )


class GoogleWebhook:
    """See `base.Webhook`."""

    def calls(self, headers: Mapping[str, str], body: bytes) -> list[ChannelCall]:
        """The message is in the headers alone. "sync" only says that the channel was made."""
        channel_id = headers.get("X-Goog-Channel-ID", "")
        state = headers.get("X-Goog-Resource-State", "")
        if not channel_id or state not in ("sync", "exists", "not_exists"):
            return []
        return [
            ChannelCall(
                channel_id,
                headers.get("X-Goog-Channel-Token", ""),
                "opened" if state == "sync" else "changed",
            )
        ]

    def handshake(self, query: Mapping[str, str]) -> str | None:
        """None: Google asks nothing."""
        return None

    def answer(self, is_genuine: bool) -> int:
        """404 tells Google that nobody is here."""
        return 200 if is_genuine else 404
