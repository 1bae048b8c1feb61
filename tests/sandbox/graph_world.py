"""A caller of the sandbox Graph whose every answer is judged by Microsoft's schema, bodies to send,
and a receiver of notifications.
"""

from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import httpx

from sandbox.graph import schema, spec

REDIRECT = "http://localhost:8000/connect/microsoft"
SCOPES = ("Calendars.ReadWrite", "User.Read")
IMMUTABLE = 'IdType="ImmutableId"'
WINDOW = {"startDateTime": "2026-11-20T00:00:00Z", "endDateTime": "2026-12-20T00:00:00Z"}
MARK = "String {5d0bd1a1-3f0b-4c42-9d1c-0a2b54a0a111} Name kalends"


class Caller(httpx.Client):
    """Calls the API as one account. Answers must be what the schema says, refusals too."""

    def __init__(self, app, access_token, prefer=IMMUTABLE):
        headers = {"Authorization": f"Bearer {access_token}"} | (
            {"Prefer": prefer} if prefer else {}
        )
        super().__init__(
            transport=httpx.WSGITransport(app=app),
            base_url=f"http://sandbox{spec.BASE}",
            headers=headers,
        )
        self.event_hooks["response"].append(self.judge)

    def judge(self, response):
        response.read()
        if response.content:
            judge(
                response.request.method,
                response.request.url.raw_path.decode().partition("?")[0],
                response.status_code,
                response.json(),
            )

    def default(self):
        return self.get("/me/calendar").json()["id"]

    def create(self, calendar=None, **fields):
        return self.post(
            f"/me/calendars/{calendar}/events" if calendar else "/me/events", json=event(**fields)
        )

    def one(self, event_id, **parts):
        return self.get(f"/me/events/{event_id}", **parts)

    def round(self, link, **parts):
        """A whole round of a delta: its items, and the delta link."""
        items = []
        while True:
            answer = self.get(link, **parts)
            assert answer.status_code == 200, answer.text
            body, parts = (
                answer.json(),
                {name: value for name, value in parts.items() if name != "params"},
            )
            items += body["value"]
            if "@odata.deltaLink" in body:
                return items, body["@odata.deltaLink"]
            link = body["@odata.nextLink"]

    def start(self, calendar=None, **parts):
        place = f"/me/calendars/{calendar}" if calendar else "/me"
        return self.round(f"{place}/calendarView/delta", params=WINDOW, **parts)


def judge(method, path, status, body):
    """Raises ValidationError unless the body is what the schema says of this call."""
    if status >= 400:
        return schema.validate("odata.error", body)
    operation, _ = spec.find(method, path)
    return schema.validate(operation.answer, body)


def at(text, zone="W. Europe Standard Time"):
    return {"dateTime": text, "timeZone": zone}


def event(**fields):
    """A body that may be sent: a morning hour in November unless said otherwise."""
    return {
        "subject": "Reserved",
        "start": at("2026-11-23T09:00:00"),
        "end": at("2026-11-23T10:00:00"),
    } | fields


def code(answer):
    return answer.json()["error"]["code"]


def marked(value, name=MARK):
    return [{"id": name, "value": value}]


def ids(items):
    return [item["id"] for item in items]


def gone(items):
    return {item["id"] for item in items if "@removed" in item}


class Receiver:
    """A webhook: it keeps what it gets, and answers handshakes unless `answers` says otherwise."""

    def __init__(self):
        self.notes, self.handshakes, self.answers, self.during = [], [], None, None

    def __call__(self, address, headers, body):
        if body is not None:
            schema.validate("webhook.changeNotifications", body)
            self.notes.append(SimpleNamespace(address=address, items=body["value"]))
            return 202, "", ""
        self.handshakes.append(address)
        if self.during:
            self.during()
        return self.answers or (
            200,
            "text/plain",
            parse_qs(urlsplit(address).query)["validationToken"][0],
        )

    def items(self):
        return [item for note in self.notes for item in note.items]
