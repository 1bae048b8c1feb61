"""Answers of providers over TCP: compressed ones are unpacked, and answers in drops or without an
end are given up.
"""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count, repeat

import httpx
import pytest
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from sync.connect import gateway
from sync.connect.oauth import Application, AuthorizationRequest, OAuth, Tokens
from sync.providers import base, errors, open_provider, registry, wire
from sync.providers.caldav.login import Login
from tests.dripping import DRIPS, dripping
from tests.provider_worlds import INSTALLATION, NOW, WINDOW


class Drops(httpx.SyncByteStream):
    """A body that comes piece by piece."""

    def __init__(self, pieces):
        self._pieces = pieces

    def __iter__(self):
        yield from self._pieces


def asked(pieces, **headers):
    """The answer to a call that a provider answers with these pieces."""
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, stream=Drops(pieces))
    )
    with wire.http_client(transport) as http:
        return wire.request(http, "GET", "http://provider.test/")


@pytest.mark.parametrize("pack", [None, "gzip"])
def test_a_body_in_pieces_is_put_together(pack):
    body = b'{"items": [1, 2, 3]}'
    sent = gzip.compress(body) if pack else body
    headers = {"Content-Encoding": pack} if pack else {}
    assert asked((sent[at : at + 1] for at in range(len(sent))), **headers).json() == {
        "items": [1, 2, 3]
    }


def test_a_body_without_end_is_given_up():
    with pytest.raises(errors.Unanswered):
        asked(repeat(b" " * 1_000_000))


def test_a_body_in_drops_is_given_up_after_minutes(monkeypatch):
    seconds = count()
    monkeypatch.setattr(wire.time, "monotonic", lambda: next(seconds))
    with pytest.raises(errors.Unanswered):
        asked(repeat(b" "))


def test_a_body_that_is_packed_wrongly_is_no_answer():
    with pytest.raises(errors.Unanswered):
        asked(iter([b"no gzip"]), **{"Content-Encoding": "gzip"})


def test_a_body_that_is_packed_twice_is_no_answer():
    body = gzip.compress(gzip.compress(b"{}"))
    with pytest.raises(errors.Unanswered):
        asked(iter([body]), **{"Content-Encoding": "gzip, gzip"})


BOUND = 0.2  # seconds of one exchange in these tests; the server drips for a hundred times as long
OVER_HTTP = [how for how in DRIPS if how != "a greeting of TLS"]


@pytest.fixture
def hurried():
    """A client that no time-out of a single step helps."""
    with wire.http_client(timeout=httpx.Timeout(None), longest_seconds=BOUND) as http:
        yield http


@pytest.mark.parametrize("how", OVER_HTTP)
def test_an_exchange_is_bounded_wherever_its_answer_drips(hurried, how):
    with dripping(how) as server:
        with pytest.raises(errors.Unanswered):
            wire.request(hurried, "GET", server.url)
        assert server.abandoned.acquire(timeout=10), "the line was left open"


def test_a_greeting_of_tls_that_drips_is_nobody_there(hurried):
    with dripping("a greeting of TLS") as server, pytest.raises(errors.Unavailable):
        wire.request(hurried, "GET", server.url.replace("http:", "https:"))


def test_a_server_that_takes_nothing_is_given_up(hurried):
    with dripping("silence", reads=False) as server, pytest.raises(errors.Unanswered):
        wire.request(hurried, "POST", server.url, content=b" " * 20_000_000)


def test_a_proxy_that_drips_is_given_up(monkeypatch):
    with dripping("one header") as server:
        monkeypatch.setenv("HTTPS_PROXY", server.url)
        with (
            wire.http_client(timeout=httpx.Timeout(None), longest_seconds=BOUND) as http,
            pytest.raises(errors.Unanswered),
        ):
            wire.request(http, "GET", "https://provider.test/")
        assert server.lines == 1


class _KeepsLines(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


@contextmanager
def good_server() -> Iterator[str]:
    """The address of a server that answers at once and keeps its lines open."""
    server = make_server("127.0.0.1", 0, Response("{}"), threaded=True, request_handler=_KeepsLines)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_the_bound_is_of_each_exchange(hurried):
    """What one used up is not missing to the next, on the same line or another."""
    with good_server() as url:
        for _ in range(3):
            assert wire.request(hurried, "GET", url).status_code == 200
            threading.Event().wait(BOUND * 0.7)
        with dripping("one header") as server, pytest.raises(errors.Unanswered):
            wire.request(hurried, "GET", server.url)
        assert wire.request(hurried, "GET", url).status_code == 200


CHANNEL = base.OpenChannel("channel", "resource", NOW + timedelta(days=2))
CALLS = {  # every call of the interface that asks the provider; those that give no answer raise
    "email": lambda it: it.email(),
    "calendars": lambda it: it.calendars(),
    "create_calendar": lambda it: it.create_calendar("Ours", "Europe/London"),
    "delete_calendar": lambda it: it.delete_calendar("c"),
    "pull": lambda it: it.pull("c", None, WINDOW),
    "get": lambda it: it.get("c", "e"),
    "calendar": lambda it: it.calendar("c"),
    "look_closely": lambda it: it.look("c", ["e", "f"], closely=True),
    "look": lambda it: it.look("c", ["e", "f"]),
    "ids": lambda it: it.outline("c", INSTALLATION, WINDOW),
    "outline": lambda it: it.outline("c", INSTALLATION),
    "find_marked": lambda it: it.find_marked("c", INSTALLATION),
    "write": lambda it: list(it.write("c", [base.Delete("e"), base.Delete("f")])),
    "open_channel": lambda it: it.channels.open(
        "c", "channel", "https://ours.test/", "secret", CHANNEL.expires_at
    ),
    "renew_channel": lambda it: it.channels.renew(CHANNEL, CHANNEL.expires_at),
    "close_channel": lambda it: it.channels.close(CHANNEL),
}
ASKS_NOTHING = {"keep_pages"}


def test_the_table_of_calls_is_whole():
    interface = {name for name in vars(base.Provider) if not name.startswith("_")} - {"channels"}
    interface |= {f"{name}_channel" for name in vars(base.Channels) if not name.startswith("_")}
    assert interface == set(CALLS) - {"ids", "look_closely"} | ASKS_NOTHING


def test_the_interface_of_a_provider_stays_small():
    methods = [name for name in vars(base.Provider) if not name.startswith("_")]
    assert len(methods) <= 13


@pytest.fixture
def loopback():
    """Addresses that somebody typed may be on this machine."""
    before = exchange.set_up_as()
    exchange.set_up(read_allowed("http://127.0.0.1"))
    yield
    exchange.set_up(before)


@pytest.mark.parametrize("name", [name for name in CALLS if not name.endswith("_channel")])
def test_every_call_of_a_server_that_somebody_typed_is_bounded(loopback, name):
    with dripping("one header") as server, exchange.http_client(BOUND) as http:
        login = Login(server.url, "name", "secret", (f"{server.url}/home/",), is_hosted=False)
        provider = open_provider("caldav", http, lambda stale: login.written(), "")
        if name == "email":
            assert CALLS[name](provider) == "" and not server.lines  # discovery told it
        elif name == "write":
            assert all(result.error for result in CALLS[name](provider))
        else:
            with pytest.raises(errors.Unanswered):
                CALLS[name](provider)
        assert server.lines <= 2


SET_UP = [kind for kind, row in registry.PROVIDERS.items() if not row.has_own_address]


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", SET_UP)
def test_every_call_of_a_provider_is_bounded(hurried, kind, name):
    with dripping("one header") as server:
        provider = open_provider(kind, hurried, lambda stale: "token", server.url)
        if (kind, name) == ("google", "renew_channel"):
            assert CALLS[name](provider) is None and not server.lines  # Google knows no renewal
        elif name == "write":
            assert all(result.error for result in CALLS[name](provider))
        else:
            with pytest.raises(errors.ProviderError) as caught:
                CALLS[name](provider)
            assert isinstance(caught.value, errors.Unanswered)
        assert server.lines <= 2


@pytest.mark.parametrize("name", ["arrive", "refresh", "revoke"])
def test_every_call_of_a_sign_in_is_bounded(hurried, name):
    with dripping("header lines") as server:
        asked = OAuth(
            Application("id", "secret", server.url, f"{server.url}/token", f"{server.url}/revoke"),
            hurried,
        )
        tokens = Tokens("access", "refresh", NOW, frozenset())
        calls = {
            "arrive": lambda: asked.arrive(
                AuthorizationRequest(server.url, "state", "verifier", "http://ours.test/"),
                {"state": "state", "code": "code"},
            ),
            "refresh": lambda: asked.refresh(tokens),
            "revoke": lambda: asked.revoke(tokens),
        }
        with pytest.raises(errors.Unanswered):
            calls[name]()
        assert server.lines == 1


def test_who_waits_in_a_request_asks_with_a_short_bound():
    with gateway.in_a_hurry("google") as short, wire.http_client() as usual:
        assert short.longest_seconds < usual.longest_seconds
