"""The deployed web with slow, broken and hostile connections: each costs a connection and never a
thread, and incomplete requests are not accepted.
"""

import select
import socket
import sqlite3
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, closing, contextmanager
from types import SimpleNamespace

import pytest
from serving import serving

from app import LANES
from base.scheduling import Span
from models import AuditEntry, Booking, Feed
from operate import front
from sync.feeds import feed as feeds
from tests.conftest import NOW, PASSWORD

# Whichever database it is makes no difference.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
def server(app, linden, clock):
    """granian with the front, in this process.

    `server.asked` holds the environment of each request that reached the application.
    """
    asked = []

    def application(environ, start_response):
        asked.append(environ)
        return app.wsgi_app(environ, start_response)

    most = lambda path: 3 * 2**20 if path.startswith("/settings/imports") else 2**20  # noqa: E731
    with serving(front.Front(application, feeds.PREFIX, most, LANES)) as port:
        yield SimpleNamespace(port=port, asked=asked)


@pytest.fixture
def link(linden, clock):
    """The path of a private link with one booking."""
    Booking.book(
        linden.calendar,
        [Span(NOW, NOW.replace(hour=12, minute=30))],
        linden.pat,
        service=linden.service,
    )
    return feeds.path(
        "a key of the tests",
        Feed.generate(linden.pat, "phone", linden.pat, practitioner=linden.calendar),
    )


def ask(server, path: str, **headers) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers),
            timeout=10,
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def connected(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def said(server, octets: bytes, ends: bool = False) -> bytes:
    """All that the server answers to these octets, until it closes or has nothing more to say.

    `ends`: we send no more.
    """
    with connected(server) as line:
        line.sendall(octets)
        if ends:
            line.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n\r\n" not in answer or len(answer.partition(b"\r\n\r\n")[2]) < _length(answer):
            if not (piece := line.recv(65536)):
                break
            answer += piece
        return answer


def _length(answer: bytes) -> int:
    lines = answer.lower().partition(b"\r\n\r\n")[0].split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


STALLED = {
    "half a head": b"GET /sign-in HTTP/1.1\r\nHos",
    "a form at the door": (
        b"POST /sign-in HTTP/1.1\r\nHost: h\r\n" + FORM + b"Content-Length: 400\r\n\r\ne"
    ),
    "a message from a provider": (
        b"POST /webhooks/google/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\nHost:"
        b" h\r\nContent-Length: 400\r\n\r\n{"
    ),
    "a long file": (
        b"POST /settings/imports/ HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000\r\n\r\nx"
    ),
    "pieces without a length": (
        b"POST /webhooks/google/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding:"
        b" chunked\r\n\r\n1\r\nx\r\n"
    ),
    "a page nobody reads": b"GET /help/ HTTP/1.1\r\nHost: h\r\n\r\n" * 50,
}


@contextmanager
def stalled_lines(server, octets: bytes, count: int = 60):
    """So many connections that sent this and are silent now."""
    with ExitStack() as lines:
        for _ in range(count):
            lines.enter_context(line := connected(server))
            line.sendall(octets)
        yield


@pytest.mark.parametrize("octets", STALLED.values(), ids=STALLED)
def test_stalled_lines_keep_nobody_waiting(server, link, octets):
    with stalled_lines(server, octets):
        for _ in range(3):
            assert (
                ask(server, link)[0] == 200
                and ask(server, "/sign-in")[0] == 200
                and ask(server, "/healthz")[0] in (200, 503)
            )


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "an octet at a time"])
def test_a_body_that_does_not_come_is_let_go(server, monkeypatch, drips):
    monkeypatch.setattr(front, "GRACE_SECONDS", 0.5)
    with connected(server) as line:
        line.sendall(STALLED["a form at the door"])
        line.settimeout(0.1)
        answer, end = b"", time.monotonic() + 10
        while not answer and time.monotonic() < end:
            if drips:
                line.sendall(b"e")
            try:
                answer = line.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 ") and server.asked == []


def test_a_long_body_may_take_longer_as_long_as_it_comes(server, monkeypatch):
    monkeypatch.setattr(front, "GRACE_SECONDS", 0.2)
    monkeypatch.setattr(front, "SLOWEST", 100_000)
    with connected(server) as line:
        line.sendall(
            b"POST /settings/imports/ HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n"
        )
        line.sendall(b"x" * 50_000)
        for _ in range(5):
            assert not select.select([line], [], [], 0.15)[0]  # nobody hung up or refused it
            line.sendall(b"x" * 50_000)
        assert line.recv(100).startswith(b"HTTP/1.1 ") and len(server.asked) == 1


def test_what_was_cut_short_is_not_taken(server, linden):
    before = AuditEntry.select().count()
    body = f"email={linden.pat.email}&password={PASSWORD}&more=".encode()
    head = b"POST /sign-in HTTP/1.1\r\nHost: h\r\n" + FORM
    answer = said(server, head + b"Content-Length: 400\r\n\r\n" + body, ends=True)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert said(
        server,
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body),
        ends=True,
    ).startswith(b"HTTP/1.1 411 ")
    assert server.asked == [] and AuditEntry.select().count() == before


def test_a_message_in_pieces_is_taken_whole(server):
    head = b"POST /webhooks/google/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert said(server, head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").startswith(b"HTTP/1.1 404 ")
    assert server.asked[0]["CONTENT_LENGTH"] == "5"


@pytest.mark.parametrize(
    "head", [b"Content-Length: 1048577\r\n\r\n", b"Content-Length: 99999999999\r\n\r\n"]
)
def test_what_is_too_long_is_refused_before_it_is_read(server, head):
    answer = said(server, b"POST /sign-in HTTP/1.1\r\nHost: h\r\n" + FORM + head)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_pieces_that_grow_too_long_are_refused(server):
    with connected(server) as line:
        line.sendall(b"POST /sign-in HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(40):
                line.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            pass  # it hung up already
    assert all(int(environ["CONTENT_LENGTH"]) > 2**20 for environ in server.asked)


def test_waiting_bodies_are_limited_and_small_forms_still_accepted(server, monkeypatch):
    monkeypatch.setattr(front, "MOST_IN_MEMORY", 500_000)
    head = b"POST /settings/imports/ HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n"
    form = b"POST /sign-in HTTP/1.1\r\nHost: h\r\n" + FORM + b"Content-Length: 3\r\n\r\na=b"
    with connected(server) as one, connected(server) as other:
        one.sendall(head + b"x" * 299_999)
        other.sendall(head + b"x" * 299_999)
        one.setblocking(False)
        other.setblocking(False)
        refused = _refusal(one, other)
        assert refused.startswith(b"HTTP/1.1 503 ") and b"retry-after: 60" in refused.lower()
        assert said(server, form).startswith(b"HTTP/1.1 4") and [
            entry["PATH_INFO"] for entry in server.asked
        ] == ["/sign-in"]
    assert (
        said(server, head + b"x" * 300_000).startswith(b"HTTP/1.1 ")
        and server.asked[-1]["PATH_INFO"] == "/settings/imports/"
    )


def _refusal(*lines: socket.socket) -> bytes:
    """What one of these lines was told, as soon as there is something."""
    told, _, _ = select.select(lines, [], [], 10)
    return told[0].recv(1000)


def test_a_request_arrives_as_it_was_sent(server):
    said(
        server,
        b"GET /caf%C3%A9/%2Fa?x=%20y HTTP/1.1\r\nHost: linden.test\r\nX-Twice: 1\r\nX-Twice:"
        b" 2\r\nX_Twice: 3\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n",
    )
    (environ,) = server.asked
    assert (
        environ["PATH_INFO"] == "/café//a".encode().decode("latin-1")
        and environ["QUERY_STRING"] == "x=%20y"
    )
    assert (environ["HTTP_X_TWICE"], environ["HTTP_COOKIE"], environ["HTTP_HOST"]) == (
        "1, 2",
        "a=1; b=2",
        "linden.test",
    )
    assert (environ["REMOTE_ADDR"], environ["SERVER_PORT"], environ["wsgi.url_scheme"]) == (
        "127.0.0.1",
        str(server.port),
        "http",
    )


def test_a_form_and_a_file_reach_the_application(server, linden):
    body = f"email={linden.pat.email}&password={PASSWORD}".encode().replace(b" ", b"+")
    answer = said(
        server,
        b"POST /sign-in HTTP/1.1\r\nHost: h\r\n"
        + FORM
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body,
    )
    assert answer.startswith(b"HTTP/1.1 303 ") and b"set-cookie:" in answer.lower()


def test_a_feed_is_the_same_at_once_and_made_and_by_head(server, link):
    first = said(server, f"GET {link} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    again = said(server, f"GET {link} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert (
        len(server.asked) == 3
        and first.partition(b"\r\n\r\n")[2] == again.partition(b"\r\n\r\n")[2]
    )
    head = said(server, f"HEAD {link} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert b"content-length: %d\r\n" % _length(first) in head.lower() and head.endswith(b"\r\n\r\n")


@contextmanager
def writing_elsewhere(database_url: str):
    """Another program holds the database's lock, so that whatever writes waits."""
    path = database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_more_than_can_wait_are_told_to_come_again(server, monkeypatch, database_url, linden):
    monkeypatch.setattr(front, "MOST_WAITING", 3)
    body = f"email={linden.pat.email}&password=x".encode()
    with ExitStack() as lines, writing_elsewhere(database_url):
        for _ in range(10):
            lines.enter_context(line := connected(server))
            line.sendall(
                b"POST /sign-in HTTP/1.1\r\nHost: h\r\n"
                + FORM
                + b"Content-Length: %d\r\n\r\n" % len(body)
                + body
            )
        answer = said(
            server,
            b"POST /sign-in HTTP/1.1\r\nHost: h\r\n"
            + FORM
            + b"Content-Length: %d\r\n\r\n" % len(body)
            + body,
        )
        assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in answer.lower()
        assert ask(server, "/help/")[0] == 200 and ask(server, "/sign-in")[0] == 200
