"""HTTP connections that know when the whole exchange must be over.

httpx bounds each step alone: a server that sends an octet now and then meets no time-out, and in
the head of an answer nobody else counts. Here each step gets what is left of the exchange.
"""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

PIECE = 16_384  # octets written at a time; TLS sends no larger ones either
_exchange = threading.local()  # ends_at: monotonic seconds, of the exchange of this thread


class Client(httpx.Client):
    """httpx's client, with a bound in seconds for one whole exchange.

    A `transport` from outside keeps its own bounds, if any.
    """

    def __init__(self, longest_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self.longest_seconds = longest_seconds
        # httpx passes no backend on. Its transports, also those to a proxy that the environment
        # names, ask their pool for one at each new connection.
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                pool = transport._pool
                pool._network_backend = _Backend(pool._network_backend)


@contextmanager
def until(ends_at: float) -> Iterator[None]:
    """What this thread sends and receives while the block runs is over by then.

    `then` is in monotonic seconds; what is not over fails with a time-out of httpx.
    """
    _exchange.ends_at = ends_at
    try:
        yield
    finally:
        _exchange.ends_at = None


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    """The seconds that a step may take. Raises `late` where none are left."""
    ends_at: float | None = getattr(_exchange, "ends_at", None)
    if ends_at is None:
        return timeout
    left = ends_at - time.monotonic()
    if left <= 0:
        raise late("the exchange takes too long")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream):
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for at in range(0, len(buffer), PIECE):
            self._stream.write(buffer[at : at + PIECE], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> "_Stream":
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

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
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, left, local_address, socket_options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)
