"""A sandbox Google of one's own, its clock, and callers."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from google_world import REDIRECT, Caller

from sandbox import google
from sandbox.seed import CLIENT_ID, CLIENT_SECRET, ROBIN


@pytest.fixture
def moving():
    """The sandbox's clock: `moving.now` may be set, `moving.on(hours=1)` moves it."""
    clock = SimpleNamespace(now=datetime(2026, 11, 20, 11, 40, tzinfo=UTC))

    def on(**length):
        clock.now += timedelta(**length)
    clock.on = on
    return clock


@pytest.fixture
def messages():
    """Push messages that went out: (address, headers)."""
    return []


@pytest.fixture
def sandbox(moving, messages):
    app = google.create(clock=lambda: moving.now, sender=lambda address, headers: messages.append((address, headers)))
    app.oauth.register(CLIENT_ID, CLIENT_SECRET, REDIRECT)
    return app


@pytest.fixture
def robin(sandbox):
    """The outside user."""
    return sandbox.user(ROBIN)


@pytest.fixture
def caller_with(sandbox):
    """A caller with these scopes, on Robin's behalf unless told otherwise."""
    def make(*scopes, email=ROBIN):
        return Caller(sandbox, sandbox.connect(email, list(scopes))["access_token"])
    return make


@pytest.fixture
def api(caller_with):
    """A caller with full access to Robin's calendars."""
    return caller_with("calendar")


@pytest.fixture
def web(sandbox):
    """A browser without any token."""
    return httpx.Client(transport=httpx.WSGITransport(app=sandbox), base_url="http://sandbox")
