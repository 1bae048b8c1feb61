"""HTTP connections with a time limit for the whole exchange.

httpx limits each step alone: a server that sends one octet now and then never meets a time-out.
Here each step gets the time that is left of the exchange.
"""

import ssl
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

PIECE = 16_384  # octets written at a time; TLS sends no larger ones either
_exchange = threading.local()  # ends_at: monotonic seconds, for the exchange of this thread


class HttpClient(httpx.Client):
    """httpx's client with a limit in seconds for one whole exchange.

    Its connections are closed when nothing refers to it any more, since providers are never closed.
    A `transport` given here has its own limits, if any. `backend`: opens connections instead of
    httpx's own.
    """

    def __init__(
        self,
        longest_seconds: float,
        backend: httpcore.NetworkBackend | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.longest_seconds = longest_seconds
        # httpx does not pass a backend on. Each of its transports, also to a proxy, asks its pool
        # for one at each new connection.
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool
                pool._network_backend = _Backend(backend or pool._network_backend)
                weakref.finalize(self, transport.close)


@contextmanager
def until(ends_at: float) -> Iterator[None]:
    """Fail everything that this thread sends and receives within the block, once the time `ends_at`
    has come.

    `ends_at`: in monotonic seconds. The failure is a time-out of httpx.
    """
    _exchange.ends_at = ends_at
    try:
        yield
    finally:
        _exchange.ends_at = None


def left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """The seconds that a step may still take. Raises `late` if none are left."""
    ends_at: float | None = getattr(_exchange, "ends_at", None)
    if ends_at is None:
        return timeout
    rest = ends_at - time.monotonic()
    if rest <= 0:
        raise late("the exchange takes too long")
    return rest if timeout is None else min(timeout, rest)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream):
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), PIECE):
            self._stream.write(buffer[at : at + PIECE], left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Stream":
        rest = left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, rest))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend):
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> "_Stream":
        rest = left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, rest, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)
