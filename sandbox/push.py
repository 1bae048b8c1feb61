"""Push channels: the sandbox calls the address of each channel over real HTTP."""

import hashlib
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from .calendars import reach
from .errors import Refused, invalid
from .outbox import Background

DEFAULT_SECONDS, LONGEST_SECONDS = 604_800, 30 * 86400
API = "https://www.googleapis.com/calendar/v3"


class HttpSender:
    """Posts messages in the background."""

    def __init__(self):
        self._background = Background()

    def __call__(self, address: str, headers: dict[str, str]) -> None:
        self._background.post(address, headers | {"User-Agent": "APIs-Google"}, content=b"")


class Channels:
    """The channels, and the messages that wait for them. After each request `deliver` sends
    these.
    """

    def __init__(self, store, clock: Callable[[], datetime], sender: Callable[[str, dict], None]):
        self.store, self.clock, self.sender = store, clock, sender
        self._outbox = deque()

    def open(self, call, resource: str, uri: str) -> dict:
        body = call.body
        self._check(body)
        now_ms = int(self.clock().timestamp() * 1000)
        seconds = int((body.get("params") or {}).get("ttl", DEFAULT_SECONDS))
        expiration = min(
            int(body.get("expiration", now_ms + seconds * 1000)), now_ms + LONGEST_SECONDS * 1000
        )
        if expiration <= now_ms:
            raise invalid("The channel would be over before it begins.", "expiration")
        channel = self.store.channels[body["id"]] = {
            "id": body["id"],
            "resourceId": hashlib.sha256(
                f"{call.account['email']} {resource}".encode()
            ).hexdigest()[:27],
            "resourceUri": uri,
            "token": body.get("token"),
            "expiration": expiration,
            "address": body["address"],
            "resource": resource,
            "account": call.account["email"],
            "client": call.client_id,
            "number": 0,
            "stopped": False,
        }
        self.store.changed()
        self._tell(channel, "sync")
        shown = {
            name: channel[name]
            for name in ("id", "resourceId", "resourceUri", "token")
            if channel[name] is not None
        }
        return {"kind": "api#channel", **shown, "expiration": str(expiration)}

    def _check(self, body: dict) -> None:
        for name in ("id", "type", "address"):
            if not isinstance(body.get(name), str) or not body[name]:
                raise Refused(400, "required", f"Missing {name}.", ("parameter", name))
        if body["type"] not in ("web_hook", "webhook"):
            raise invalid("Unknown channel type.", "type")
        if len(body["id"]) > 64 or len(body.get("token") or "") > 256:
            raise invalid("The id or the token is too long.", "id")
        if body["id"] in self.store.channels:
            raise Refused(400, "channelIdNotUnique", f"Channel id {body['id']} not unique")
        address = urlsplit(body["address"])
        if address.scheme != "https" and not (
            address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1", "::1")
        ):
            raise Refused(
                400, "push.webhookUrlNotHttps", f"WebHook callback must be HTTPS: {body['address']}"
            )

    def stop(self, call) -> None:
        """Stop a channel. Only the same user through the same application may do so.

        Raises Refused (404).
        """
        channel = self.store.channels.get(call.body.get("id"))
        owned = channel and (channel["resourceId"], channel["account"], channel["client"]) == (
            call.body.get("resourceId"),
            call.account["email"],
            call.client_id,
        )
        if not owned or channel["stopped"]:
            raise Refused(404, "notFound", f"Channel '{call.body.get('id')}' not found")
        channel["stopped"] = True
        self.store.changed()

    def live(self) -> list[dict]:
        now_ms = self.clock().timestamp() * 1000
        return [
            channel
            for channel in self.store.channels.values()
            if not channel["stopped"] and channel["expiration"] > now_ms
        ]

    def announce_events(self, calendar: dict) -> None:
        self._announce(
            lambda channel: (
                channel["resource"] == f"events {calendar['id']}"
                and channel["account"] in calendar["roles"]
            )
        )

    def announce_list(self, *emails: str) -> None:
        self._announce(
            lambda channel: channel["resource"] == "calendarList" and channel["account"] in emails
        )

    def _announce(self, concerned: Callable[[dict], bool]) -> None:
        for channel in filter(concerned, self.live()):
            self._tell(channel, "exists")

    def _tell(self, channel: dict, word: str) -> None:
        channel["number"] += 1 if word == "sync" else 7
        expires_at = datetime.fromtimestamp(channel["expiration"] // 1000, UTC)
        headers = {
            "X-Goog-Channel-ID": channel["id"],
            "X-Goog-Message-Number": str(channel["number"]),
            "X-Goog-Resource-ID": channel["resourceId"],
            "X-Goog-Resource-URI": channel["resourceUri"],
            "X-Goog-Resource-State": word,
            "X-Goog-Channel-Expiration": format_datetime(expires_at, usegmt=True),
        }
        if channel["token"]:
            headers["X-Goog-Channel-Token"] = channel["token"]
        self._outbox.append((channel["address"], headers))

    def deliver(self) -> None:
        """Send the waiting messages. Call it without the lock, so that the receiver may call back
        at once.
        """
        while True:
            try:
                message = self._outbox.popleft()
            except IndexError:
                return
            self.sender(*message)


def watch_events(call) -> dict:
    """events.watch"""
    calendar, _, _ = reach(call)
    return call.app.channels.open(
        call, f"events {calendar['id']}", f"{API}/calendars/{calendar['id']}/events?alt=json"
    )


def watch_list(call) -> dict:
    """calendarList.watch"""
    return call.app.channels.open(call, "calendarList", f"{API}/users/me/calendarList?alt=json")


def stop(call) -> None:
    """channels.stop"""
    call.app.channels.stop(call)


HANDLERS = {"events.watch": watch_events, "calendarList.watch": watch_list, "channels.stop": stop}
