"""A caller of the sandbox Google whose every answer is judged by the vendor's schema, and bodies to
send.
"""

import httpx

from sandbox import schema, spec

REDIRECT = "http://localhost:8000/connect/google"


class Caller(httpx.Client):
    """Calls the API as one account. Answers must be what the schema says, refusals too."""

    def __init__(self, app, access_token):
        super().__init__(
            transport=httpx.WSGITransport(app=app),
            base_url="http://sandbox",
            headers={"Authorization": f"Bearer {access_token}"},
        )
        self.event_hooks["response"].append(self.judge)

    def judge(self, response):
        response.read()
        path = response.request.url.path
        if path.startswith(spec.BASE) and response.content:
            judge(response.request.method, path, response.status_code, response.json())

    def calendar(self, method, path, **parts):
        return self.request(method, spec.BASE + path, **parts)

    def events(self, calendar="primary", **query):
        return self.calendar("GET", f"/calendars/{calendar}/events", params=query)

    def insert(self, calendar="primary", **body):
        return self.calendar("POST", f"/calendars/{calendar}/events", json=event(**body))

    def every_event(self, calendar="primary", **query):
        """All pages: the events and the sync token at the end."""
        items, page_token = [], {}
        while True:
            answer = self.events(calendar, **query, **page_token).json()
            items += answer["items"]
            if "nextPageToken" not in answer:
                return items, answer.get("nextSyncToken")
            page_token = {"pageToken": answer["nextPageToken"]}


def judge(method, path, status, body):
    """Raises ValidationError unless the body is what the schema says of this call.

    Whole lists, not trimmed ones, hold the promise on tokens.
    """
    if status >= 400:
        return schema.validate("error", body)
    operation, _ = spec.find(method, path)
    return schema.validate(operation.answer, body)


def event(**fields):
    """A body that may be inserted: a morning hour in November unless said otherwise."""
    times = {
        side: {"dateTime": f"2026-11-23T{hour}:00:00Z", "timeZone": "Europe/London"}
        for side, hour in (("start", "09"), ("end", "10"))
    }
    return {"summary": "Reserved", **times} | fields
