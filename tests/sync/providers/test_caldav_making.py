"""Servers that refuse to make or to delete a calendar of ours, each in its own way."""

import httpx
import pytest
from provider_worlds import NOW

from base.outgoing import exchange
from sandbox.caldav import create
from sandbox.caldav.app import ROBIN, SECRET
from sync.providers.caldav.adapter import CalDav
from sync.providers.caldav.login import Login
from sync.providers.errors import Forbidden, Gone, ProviderError, RateLimited, Unavailable

MULTI = (
    '<D:{0} xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:propstat><D:prop>'
    "<C:calendar-description/></D:prop><D:status>HTTP/1.1 403 Forbidden</D:status></D:propstat>"
    "<D:propstat><D:prop><D:displayname/></D:prop>"
    "<D:status>HTTP/1.1 424 Failed Dependency</D:status></D:propstat></D:{0}>"
)
LIMIT = (
    b'<d:error xmlns:d="DAV:"><s:message xmlns:s="x">Calendar limit reached</s:message></d:error>'
)
LATER = {"Retry-After": "90"}
NO_METHOD = (405, b"", {})
CANNOT = (Forbidden, "cannot_create")
NOT_MADE = [  # answers, the error, its word
    ([(403, b"", {})], *CANNOT),
    ([NO_METHOD, (403, b"", {})], *CANNOT),
    ([NO_METHOD, NO_METHOD], *CANNOT),
    ([(501, b"", {}), (501, b"", {})], *CANNOT),
    ([(403, LIMIT, {})], Forbidden, "too_many_calendars"),
    ([(429, b"", LATER)], RateLimited, ""),
    ([(503, b"", LATER)], RateLimited, ""),
    ([(500, b"", {})], Unavailable, ""),
    ([(400, b"", {})], ProviderError, ""),
    ([(409, b"", {})], ProviderError, ""),
    ([(507, b"", {})], ProviderError, "full"),
    ([(207, MULTI.format("multistatus").encode(), {})] * 2, Unavailable, "not made"),
]


class There(httpx.WSGITransport):
    """An imitation that answers so to the next requests of some methods, and does nothing."""

    def __init__(self):
        self.sandbox, self.answers, self.sent = create("right", lambda: NOW), [], []
        super().__init__(app=self.sandbox)

    def handle_request(self, request):
        if request.method in ("MKCALENDAR", "MKCOL", "DELETE"):
            self.sent.append((request.method, request.read().decode(), request.headers))
            if self.answers:
                status, content, headers = self.answers.pop(0)
                stream = httpx.ByteStream(content)
                return httpx.Response(status, stream=stream, headers=headers)
        return super().handle_request(request)

    def names(self):
        return sorted(one.name for one in self.sandbox.store.calendars.values())


@pytest.fixture
def there():
    return There()


@pytest.fixture
def provider(there):
    http = exchange.http_client(transport=there)
    login = Login("https://dav.test/", ROBIN, SECRET, (there.sandbox.home,), is_hosted=False)
    return CalDav(http, lambda stale: login.written(), clock=lambda: NOW)


def make(provider):
    described = "Ours (kalends:0123456789ab:0123456789ab)"
    return provider.create_calendar("Linden", "Europe/London", described)


@pytest.mark.parametrize(("answers", "error", "word"), NOT_MADE)
def test_a_calendar_that_is_not_made_says_why(there, provider, answers, error, word):
    there.answers = list(answers)
    with pytest.raises(error) as told:
        make(provider)
    assert (told.value.reason, there.answers, there.names()) == (word, [], ["Robin"])
    assert isinstance(told.value, RateLimited) == (LATER in answers[0])
    if LATER in answers[0]:
        assert told.value.retry_after_seconds == 90


@pytest.mark.parametrize("name", ["mkcalendar-response", "multistatus", "mkcol-response"])
def test_what_cannot_be_set_is_left_out_and_the_rest_made(there, provider, name):
    there.answers = [(207, MULTI.format(name).encode(), {})]
    made = make(provider)
    (_, first, _), (_, second, _) = there.sent
    assert "calendar-description" in first and "calendar-description" not in second
    assert "displayname" in second and there.names() == ["Linden", "Robin"]
    assert "kalends:0123456789ab:0123456789ab" in made.description  # by its path


@pytest.mark.parametrize("status", [405, 501])
def test_where_mkcalendar_is_unknown_extended_mkcol_does_it(there, provider, status):
    there.answers = [(status, b"", {})]
    make(provider)
    assert [method for method, _, _ in there.sent] == ["MKCALENDAR", "MKCOL"]
    assert there.names() == ["Linden", "Robin"]


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, Forbidden), (405, Forbidden), (501, Forbidden), (500, Unavailable), (429, RateLimited)],
)
def test_a_calendar_that_is_not_deleted_says_why(there, provider, status, error):
    made = make(provider)
    there.answers = [(status, b"", {})]
    with pytest.raises(error):
        provider.delete_calendar(made.calendar_id)
    assert there.names() == ["Linden", "Robin"]


@pytest.mark.parametrize("status", [200, 204, 404, 410])
def test_a_deleted_calendar_goes_into_no_bin(there, provider, status):
    made = make(provider)
    there.answers = [(status, b"", {})]
    provider.delete_calendar(made.calendar_id)
    (_, _, headers) = there.sent[-1]
    assert headers["X-NC-CalDAV-No-Trashbin"] == "1"
    provider.delete_calendar(made.calendar_id)
    with pytest.raises(Gone):
        provider.calendar(made.calendar_id)
