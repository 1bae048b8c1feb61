"""The asynchronous front (RSGI) between the socket and the pages. It reads a request completely
before the request gets a thread.

A program that sends its form slowly, or never completely, costs a connection and a timer here, and
no thread. Private feeds are answered at once, on the loop's own thread, unless that takes work.
Everything else goes to one of a few threads, through the lane for its kind, so that neither
sign-ins (costly on purpose), nor changes that wait for the database's lock, nor calls to other
servers delay pages.
"""

import asyncio
import io
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

from base.catalogue import _
from base.repeated_log_lines import RepeatedLines
from base.text import places
from sync.feeds.wsgi import AT_ONCE, TakesWork

log = logging.getLogger("kalends.front")

GRACE_SECONDS = 15  # seconds that every body may take
SLOWEST = 16 * 1024  # a longer body must arrive at so many octets a second
# Octets of a body that are kept in memory; a longer one goes to a temporary file.
IN_MEMORY = 64 * 1024
MOST_IN_MEMORY = (
    256 * 2**20
    # octets of waiting bodies in one process; beyond it only bodies that fit into memory are
    # accepted
)
MOST_WAITING = 200  # requests of one kind that wait for a thread

FrontAnswer = tuple[int, list[tuple[str, str]], bytes]


class Lane(NamedTuple):
    """Requests of one kind, and the number of them that may have a thread at the same time."""

    takes: Callable[[str, str], bool]  # method and path
    threads: int


class _CutShort(Exception):
    """The program disconnected before the end of its body."""


class _TooSlow(Exception):
    """The body did not arrive in time."""


class _NoRoom(Exception):
    """Too many octets are stored already."""


class _Busy(Exception):
    """Too many requests are waiting already."""


class Front:
    """The application for granian's RSGI.

    `app`: the WSGI application. `feeds`: the prefix of the paths that are answered at once.
    `most(path)`: the octets that a body may have there. `lanes`: the first lane that accepts a
    request is used; the last must accept all.
    """

    def __init__(
        self, app: Callable, feeds: str, most: Callable[[str], int], lanes: Sequence[Lane]
    ):
        self._app, self._feeds, self._most = app, feeds, most
        self._lanes = [(lane.takes, _Queue(lane.threads)) for lane in lanes]
        self._held, self._repeated_lines = 0, RepeatedLines(log)
        self._threads = ThreadPoolExecutor(sum(lane.threads for lane in lanes), "page")

    def close(self) -> None:
        """Wait for the requests that have a thread. Those that wait for a thread are not begun."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def __rsgi__(self, scope, proto) -> None:
        path = scope.path
        if path.startswith(self._feeds):
            environ = _environ(scope, io.BytesIO())
            environ[AT_ONCE] = True
            try:
                answer = self._run(environ)
            except TakesWork:
                del environ[AT_ONCE]
                answer = await self._in_a_thread(scope, environ)
        elif scope.method in ("GET", "HEAD"):
            answer = await self._in_a_thread(scope, _environ(scope, io.BytesIO()))
        else:
            answer = await self._with_body(scope, proto)
        proto.response_bytes(*answer)

    async def _with_body(self, scope, proto) -> FrontAnswer:
        """Read the body, then answer. The sender may be unknown, so all bodies together have a
        limit of octets.
        """
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as body, self._counted() as count:
            environ = _environ(scope, body)
            try:
                if (
                    refusal := await _receive(environ, proto, body, self._most(scope.path), count)
                ) is not None:
                    return refusal
            except _CutShort:
                return _plain(400, _("This did not arrive whole. Go back and send it again."))
            except _TooSlow:
                return _plain(408, _("This did not arrive in time. Go back and send it again."))
            except (OSError, _NoRoom) as error:  # the disk is full, or other bodies take too much
                kind = type(error).__name__
                self._repeated_lines.write(
                    logging.ERROR, kind, "a request could not be kept: %(kind)s", kind=kind
                )
                return _plain(
                    503,
                    _(
                        "The server has no room for this at the moment. Nothing was saved. Try"
                        " again later."
                    ),
                    60,
                )
            body.seek(0)
            return await self._in_a_thread(scope, environ)

    @contextmanager
    def _counted(self) -> Iterator[Callable[[int], int]]:
        """A function that counts the octets of one body until the block ends, and returns the
        number of octets stored for all bodies.
        """
        mine = 0

        def count(octets: int) -> int:
            nonlocal mine
            mine += octets
            self._held += octets
            return self._held

        try:
            yield count
        finally:
            self._held -= mine

    async def _in_a_thread(self, scope, environ: dict) -> FrontAnswer:
        queue = next(queue for takes, queue in self._lanes if takes(scope.method, scope.path))
        try:
            async with queue:
                return await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._run, environ
                )
        except _Busy:
            return _plain(
                503,
                _("Too many requests at once. Nothing was saved. Try again in a few seconds."),
                5,
            )

    def _run(self, environ: dict) -> FrontAnswer:
        """Call the WSGI application (PEP 3333) and collect its answer."""
        begun = []
        try:
            chunks = self._app(
                environ, lambda status, headers, exc_info=None: begun.append((status, headers))
            )
            try:
                body = b"".join(chunks)
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except TakesWork:
            raise
        except (
            Exception
        ) as error:  # the application handles its own errors: this one came while it answered
            log.error("no answer: %s at %s", type(error).__name__, places(error))
            return _plain(500, _("That went wrong on our side. Your last change may not be saved."))
        status, headers = begun[-1]
        return int(status[:3]), headers, body


class _Queue:
    """Lets a number of requests in at the same time; the others wait in order, up to a bound.
    Raises _Busy beyond it.
    """

    def __init__(self, most: int):
        self._free, self._waiting = asyncio.Semaphore(most), 0

    async def __aenter__(self) -> None:
        if self._waiting >= MOST_WAITING:
            raise _Busy
        self._waiting += 1
        try:
            await self._free.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *error) -> None:
        self._free.release()


def _plain(status: int, sentence: str, retry_seconds: int | None = None) -> FrontAnswer:
    body = (sentence + "\n").encode()
    headers = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("cache-control", "no-store"),
    ]
    return status, headers + ([("retry-after", str(retry_seconds))] if retry_seconds else []), body


async def _receive(
    environ: dict, proto, body, most: int, count: Callable[[int], int]
) -> FrontAnswer | None:
    """Read the request's body into `body`, or return the refusal.

    Raises _CutShort, _TooSlow, _NoRoom, OSError.

    A body longer than `most` is not read: the application refuses it by its length (413). A form
    without a length (chunked) that was cut short would look complete, so it is refused (411, RFC
    9110 §15.5.12).
    """
    length = environ.get("CONTENT_LENGTH")
    if length is None and "HTTP_TRANSFER_ENCODING" not in environ:
        return None
    if length is None and environ.get("CONTENT_TYPE", "").lower().startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        return _plain(411, _("A form needs its length (Content-Length)."))
    if length is not None and int(length) > most:
        _mark_too_long(environ)
        return None
    begun, received = time.monotonic(), 0
    pieces = aiter(proto)
    while True:
        seconds = begun + GRACE_SECONDS + received / SLOWEST - time.monotonic()
        try:
            piece = await asyncio.wait_for(anext(pieces), max(seconds, 0.001))
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise _TooSlow from None
        received += len(piece)
        if received > most:
            _mark_too_long(environ)
            return None
        if count(len(piece)) > MOST_IN_MEMORY and received > IN_MEMORY:
            raise _NoRoom
        body.write(piece)
    if length is not None and received != int(length):
        raise _CutShort
    environ["CONTENT_LENGTH"] = str(received)
    return None


def _mark_too_long(environ: dict) -> None:
    """Let the application answer, with its own page, that the request is too long."""
    environ.update({"CONTENT_LENGTH": str(sys.maxsize), "wsgi.input": io.BytesIO()})


_ALWAYS = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "Kalends",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}


def _environ(scope, body) -> dict:
    """The request in the form of PEP 3333. Repeated headers are joined (RFC 9110 §5.3; cookies by a
    semicolon).
    """
    host, __, port = scope.server.rpartition(":")
    environ = {
        **_ALWAYS,
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{'1.1' if scope.http_version != '1' else '1.0'}",
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": body,
    }
    for name, value in scope.headers.items():
        if (
            "_" in name
        ):  # its name would become that of the header with a hyphen, which a proxy sets or removes
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ', '}{value}"
        environ[key] = value
    return environ
