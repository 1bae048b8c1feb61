"""A sandbox Google and a sandbox Graph of one's own, their clock, and callers."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from google_world import REDIRECT, Caller
from graph_world import REDIRECT as GRAPH_REDIRECT
from graph_world import SCOPES, Receiver
from graph_world import Caller as GraphCaller

from sandbox import google
from sandbox import graph as sandbox_graph
from sandbox.graph import seed as graph_seed
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
    app = google.create(
        clock=lambda: moving.now,
        sender=lambda address, headers: messages.append((address, headers)),
    )
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


@pytest.fixture
def receiver():
    """The webhook that the sandbox Graph calls."""
    return Receiver()


@pytest.fixture
def graph(moving, receiver):
    app = sandbox_graph.create(clock=lambda: moving.now, sender=receiver)
    app.oauth.register(graph_seed.CLIENT_ID, graph_seed.CLIENT_SECRET, GRAPH_REDIRECT)
    return app


@pytest.fixture
def outlook(graph):
    """The outside user."""
    return graph.user(graph_seed.ROBIN)


@pytest.fixture
def as_graph_user(graph):
    """A caller of Graph, Robin with full access unless told otherwise."""

    def make(*scopes, email=graph_seed.ROBIN, **parts):
        return GraphCaller(graph, graph.connect(email, scopes or SCOPES)["access_token"], **parts)

    return make


@pytest.fixture
def ms(as_graph_user):
    """A caller with full access to Robin's mailbox."""
    return as_graph_user()


@pytest.fixture
def edge(graph):
    """A browser without any token."""
    return httpx.Client(transport=httpx.WSGITransport(app=graph), base_url="http://sandbox")
