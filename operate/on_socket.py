"""granian on a socket that is open already. This is the one place that replaces a private part of
granian.

ADR 83 says why, and what to do when granian changes.
"""

import os
import resource
import socket

from granian.constants import HTTPModes
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketHolder
from granian.server.embed import Server

from .front import Front

HEAD_SECONDS = 20  # for the head of each request of a connection
BACKLOG = 1024  # connections that wait to be accepted
MOST_CONNECTIONS = 8192  # of one process; an idle one costs a few kilobytes
NOWHERE = "open-already"  # granian cannot bind to this address, should it ever try


class OnSocket(Server):
    """A server for a front, inside our loop. It closes only its own copy of the socket."""

    def __init__(self, front: Front, listening: socket.socket):
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        connections = (
            MOST_CONNECTIONS
            if files == resource.RLIM_INFINITY
            else max(64, min(files - 200, MOST_CONNECTIONS))
        )
        super().__init__(
            front,
            address=NOWHERE,
            websockets=False,
            http=HTTPModes.http1,
            backlog=BACKLOG,
            backpressure=connections,
            log_level=LogLevels.error,
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000),
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        # granian closes the copy that it gets.
        self._shd = SocketHolder(os.dup(self._listening.fileno()), False, BACKLOG)
