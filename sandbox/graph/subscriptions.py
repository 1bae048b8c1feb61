"""Subscriptions: the handshake while POST /subscriptions is open, notifications afterwards, and
lifecycle notifications on demand.
"""

import re
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

import httpx

from ..outbox import Background
from . import ids, paging
from .calendars import change_key, default
from .errors import Refused, invalid
from .times import written

SHORTEST_MINUTES = 45
HANDSHAKE_SECONDS = 10
RESOURCE = re.compile(
    r"/?(?:me|users/(?P<user>[^/]+))(?:/calendars/(?P<calendar>[^/]+)|/calendar)?/events/?",
    re.IGNORECASE,
)
CHANGES = {"created", "updated", "deleted"}
SHOWN = (
    "id",
    "resource",
    "applicationId",
    "changeType",
    "clientState",
    "notificationUrl",
    "lifecycleNotificationUrl",
    "expirationDateTime",
    "creatorId",
)
Answer = tuple[int, str, str]
Sender = Callable[[str, dict | None, dict | None], Answer]


class HttpSender:
    """Sends over real HTTP: a handshake (no body) at once, notifications in the background and
    again after 5xx.
    """

    def __init__(self):
        self._background = Background()

    def __call__(self, address: str, headers: dict | None, body: dict | None) -> Answer:
        if body is not None:
            self._background.post(address, headers or {}, json=body)
            return 202, "", ""
        try:
            answer = httpx.post(address, headers=headers, content=b"", timeout=HANDSHAKE_SECONDS)
        except httpx.HTTPError as error:
            return 0, "", type(error).__name__
        return answer.status_code, answer.headers.get("Content-Type", ""), answer.text


class Subscriptions:
    """The subscriptions, and the notifications that wait for them. After each request `deliver`
    sends these.
    """

    def __init__(self, app, sender: Sender):
        self.app, self.store, self.sender = app, app.store, sender
        self._outbox = deque()

    def live(self) -> list[dict]:
        now = self.app.clock().timestamp()
        return [
            one
            for one in self.store.channels.values()
            if datetime.fromisoformat(one["expirationDateTime"]).timestamp() > now
        ]

    def drop(self, subscription_id: str | None = None) -> None:
        """Delete one subscription, or all, without telling anybody."""
        for key in [subscription_id] if subscription_id else list(self.store.channels):
            del self.store.channels[key]
        self.store.changed()

    def lapse(self, subscription_id: str | None = None) -> None:
        """Make the token behind one subscription, or all, too old.

        Notifications wait until somebody renews or reauthorizes.
        """
        for one in self.live():
            one["lapsed"] |= subscription_id in (None, one["id"])

    def lifecycle(self, word: str, subscription_id: str | None = None) -> None:
        """Send a lifecycle notification to one subscription, or all: `reauthorizationRequired`,
        `subscriptionRemoved` (which also removes it) or `missed`.
        """
        for one in self.live():
            if subscription_id in (None, one["id"]) and one["lifecycleNotificationUrl"]:
                self._outbox.append(
                    (one["lifecycleNotificationUrl"], self._head(one) | {"lifecycleEvent": word})
                )
                if word == "subscriptionRemoved":
                    self.drop(one["id"])
        self.deliver()

    def announce(self, calendar: dict, event: dict, change: str) -> None:
        for one in self.live():
            wanted = one["calendar"] or (
                None if self.app.me_events_everywhere else default(self.store, one["email"])["id"]
            )
            if (
                change in one["changeType"].split(",")
                and one["email"] in calendar["roles"]
                and wanted in (None, calendar["id"])
            ):
                self._tell(one, calendar, event, change)

    def _tell(self, one: dict, calendar: dict, event: dict, change: str) -> None:
        shown = event["id"] if one["immutable"] else ids.plain(calendar["id"], event["id"])
        resource = f"Users/{self.store.accounts[one['email']]['id']}/Events/{shown}"
        version = (
            secrets.token_urlsafe(12) if change == "deleted" else change_key(event["_revision"])
        )
        item = self._head(one) | {
            "changeType": change,
            "resource": resource,
            "resourceData": {
                "@odata.type": "#Microsoft.Graph.Event",
                "@odata.id": resource,
                "@odata.etag": f'W/"{version}"',
                "id": shown,
            },
        }
        if one["lapsed"]:
            one["held"].append(item)
        else:
            self._outbox.append((one["notificationUrl"], item))

    def _head(self, one: dict) -> dict:
        return {
            "subscriptionId": one["id"],
            "subscriptionExpirationDateTime": one["expirationDateTime"],
            "clientState": one["clientState"],
            "tenantId": self.store.accounts[one["email"]]["tenant"],
        }

    def reauthorize(self, one: dict) -> None:
        one["lapsed"] = False
        self._outbox.extend((one["notificationUrl"], item) for item in one["held"])
        one["held"] = []

    def deliver(self) -> None:
        """Send the waiting notifications, one message for each address.

        Call it without the lock, so that the receiver may call back at once.
        """
        waiting: dict[str, list] = {}
        while self._outbox:
            address, item = self._outbox.popleft()
            waiting.setdefault(address, []).append(item)
        for address, items in waiting.items():
            self.sender(address, None, {"value": items})

    def shake_hands(self, address: str) -> None:
        """Raise Refused (400) unless the address answers the token in plain text.

        It has 10 seconds.
        """
        word = (
            "Validation: Testing client application reachability for subscription Request-Id:"
            f" {uuid.uuid4()} & <{secrets.token_hex(4)}>"
        )
        began = time.monotonic()
        mark = "&" if urlsplit(address).query else "?"
        url = f"{address}{mark}validationToken={quote(word, safe='')}"
        status, kind, text = self.sender(url, {"Content-Type": "text/plain; charset=utf-8"}, None)
        in_time = time.monotonic() - began <= HANDSHAKE_SECONDS
        if not in_time or (status, kind.partition(";")[0].strip().lower(), text) != (
            200,
            "text/plain",
            word,
        ):
            raise Refused(
                400,
                "ValidationError",
                f"Subscription validation request failed: the endpoint answered {status}.",
                inner="InvalidRequest",
            )


def create(call) -> dict:
    """subscriptions.create.

    Runs without the store's lock, because the receiver may call us back while we call it.
    """
    body = call.body
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise invalid(f"{name} is required.", "InvalidRequest")
    with call.store.lock:
        calendar_id = _resource(call)
        _check(call)
        expires_at = _expiration(call)
    for address in dict.fromkeys(
        [body["notificationUrl"], body.get("lifecycleNotificationUrl") or body["notificationUrl"]]
    ):
        call.app.channels.shake_hands(address)
    with call.store.lock:
        made = {
            **{name: body.get(name) for name in SHOWN},
            "id": str(uuid.uuid4()),
            "expirationDateTime": expires_at,
            "applicationId": call.client_id,
            "creatorId": call.account["id"],
            "email": call.account["email"],
            "calendar": calendar_id,
            "lapsed": False,
            "held": [],
            "immutable": call.immutable,
        }
        call.store.channels[made["id"]] = made
        call.store.changed()
        return _answer(made)


def _check(call) -> None:
    body = call.body
    if not set(body["changeType"].split(",")) <= CHANGES:
        raise invalid("changeType is created, updated or deleted.", "InvalidRequest")
    if len(body.get("clientState") or "") > 128:
        raise invalid("clientState is longer than 128 characters.", "InvalidRequest")
    for address in filter(None, (body["notificationUrl"], body.get("lifecycleNotificationUrl"))):
        url = urlsplit(address)
        if url.scheme != "https" and not (
            url.scheme == "http" and url.hostname in ("localhost", "127.0.0.1", "::1")
        ):
            raise invalid("The notification address must be HTTPS.", "InvalidRequest")
    same = [
        one
        for one in _own(call)
        if (one["changeType"], one["resource"]) == (body["changeType"], body["resource"])
    ]
    if same and same[0] in call.app.channels.live():
        raise Refused(
            409,
            "Conflict",
            "Subscription already exists for the specified combination of properties.",
        )


def _resource(call) -> str | None:
    """The id of the calendar that a resource names, None for `/me/events`."""
    matched = RESOURCE.fullmatch(call.body["resource"])
    if not matched or matched["user"] not in (None, call.account["id"], call.account["email"]):
        raise invalid("The resource is not supported.", "InvalidRequest")
    if matched["calendar"] is None:
        return None
    calendar = call.store.calendars.get(matched["calendar"])
    if calendar is None or call.account["email"] not in calendar["roles"]:
        raise Refused(404, "ResourceNotFound", "The calendar was not found.")
    return calendar["id"]


def _expiration(call) -> str:
    """The end of a subscription. A life below 45 minutes is raised; one above
    `subscription_minutes`, or in the past, is refused.
    """
    now = call.app.clock()
    try:
        wanted = datetime.fromisoformat(call.body["expirationDateTime"].replace("Z", "+00:00"))
        wanted = wanted if wanted.tzinfo else wanted.replace(tzinfo=now.tzinfo)
    except (KeyError, AttributeError, ValueError):
        raise invalid("expirationDateTime is no time.", "InvalidRequest") from None
    if not now < wanted <= now + timedelta(minutes=call.app.subscription_minutes):
        raise invalid(
            f"Subscription expiration can only be {call.app.subscription_minutes} minutes in the"
            " future.",
            "InvalidRequest",
        )
    return written(max(wanted, now + timedelta(minutes=SHORTEST_MINUTES)))


def _own(call) -> list[dict]:
    who = call.account["email"], call.client_id
    return [
        one for one in call.store.channels.values() if (one["email"], one["applicationId"]) == who
    ]


def _find(call) -> dict:
    for one in call.app.channels.live():
        if one["id"] == call.path["subscription_id"] and one in _own(call):
            return one
    raise Refused(404, "ResourceNotFound", "The object was not found.")


def _answer(one: dict) -> dict:
    return {name: one[name] for name in SHOWN} | {
        "latestSupportedTlsVersion": "v1_2",
        "includeResourceData": None,
    }


def list_all(call) -> dict:
    """subscriptions.list"""
    return paging.collection(
        call, [one for one in _own(call) if one in call.app.channels.live()], _answer
    )


def get(call) -> dict:
    """subscriptions.get"""
    return paging.selected(call, _answer(_find(call)))


def renew(call) -> dict:
    """subscriptions.renew, which reauthorizes too"""
    one = _find(call)
    one["expirationDateTime"] = _expiration(call)
    call.app.channels.reauthorize(one)
    call.store.changed()
    return _answer(one)


def reauthorize(call) -> None:
    """subscriptions.reauthorize"""
    call.app.channels.reauthorize(_find(call))


def delete(call) -> None:
    """subscriptions.delete"""
    call.app.channels.drop(_find(call)["id"])


HANDLERS = {
    "subscriptions.create": create,
    "subscriptions.list": list_all,
    "subscriptions.get": get,
    "subscriptions.renew": renew,
    "subscriptions.reauthorize": reauthorize,
    "subscriptions.delete": delete,
}
