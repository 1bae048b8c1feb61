"""Connections to host names that people entered. A name is looked up once, its addresses are
checked, and the connection goes to a checked address.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from .addresses import Allowed, IPAddress, parsed
from .line import left

RESOLVED_WITHIN_SECONDS = 10
MOST_ADDRESSES = 8  # addresses of one name that are tried in turn

Resolver = Callable[[str, int], Iterable[str]]
"""Gives the addresses of a host, as the system would connect to them. Raises OSError."""


class Private(Exception):
    """The name leads to an address that may not be asked."""


def system(host: str, port: int) -> list[str]:
    """The addresses of a host by the system's resolver, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


class PublicOnly(httpcore.NetworkBackend):
    """Connect only to addresses that `allowed` lets pass or that are public.

    A name is looked up once for each connection, and the connection goes to a checked address: a
    resolver cannot give another answer later. If one of several addresses is forbidden, none is
    used. TLS still proves the name, since httpcore checks that. Raises Private, and httpcore's
    errors for other trouble.
    """

    def __init__(self, allowed: Allowed, resolver: Resolver = system):
        self._allowed, self._resolver = allowed, resolver
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first checked address that answers."""
        found = self._resolved(host, port)
        if not all(self._allowed.reaches(host, address) for address in found):
            raise Private
        trouble: Exception = httpcore.ConnectError("no address")
        for address in found[:MOST_ADDRESSES]:
            try:
                return self._inner.connect_tcp(
                    str(address),
                    port,
                    left(timeout, httpcore.ConnectTimeout),
                    local_address,
                    socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble

    def _resolved(self, host: str, port: int) -> list[IPAddress]:
        """The addresses of a host. The system's look-up has no time limit, so a thread of its own
        does it; a look-up that takes too long is given up.
        """
        found: list[list[IPAddress]] = []
        trouble: list[Exception] = []

        def ask() -> None:
            try:
                found.append(parsed(self._resolver(host, port)))
            except (OSError, ValueError) as error:  # ValueError: not a name, or without an address
                trouble.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(left(RESOLVED_WITHIN_SECONDS, httpcore.ConnectTimeout))
        if found and found[0]:
            return found[0]
        raise UnknownName if trouble or found else httpcore.ConnectTimeout


class UnknownName(Exception):
    """No server has this name."""
