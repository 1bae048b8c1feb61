"""What we rely on in granian: that a server takes connections from a socket we opened."""

import asyncio
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from granian.server.embed import Server
from serving import serving_on

from operate import web
from operate.front import Front, Lane
from operate.on_socket import OnSocket


def pages(said: bytes) -> Front:
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(said)))])
        return [said]

    return Front(application, "/feeds/", lambda path: 1024, [Lane(lambda method, path: True, 1)])


def answer(listening: socket.socket) -> bytes:
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    with urllib.request.urlopen(address, timeout=10) as got:
        return got.read()


def test_two_servers_after_each_other_answer_on_one_socket():
    """The first closes its own copy: what comes in between waits for the second."""
    with closing(web.listen("127.0.0.1", 0)) as listening:
        with serving_on(listening, pages(b"first")):
            assert answer(listening) == b"first"
        waiting = socket.create_connection(listening.getsockname(), timeout=10)
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        with closing(waiting), serving_on(listening, pages(b"second")):
            assert waiting.recv(4096).startswith(b"HTTP/1.1 200")
            assert answer(listening) == b"second"


def test_a_granian_that_opens_a_socket_itself_does_not_start(monkeypatch):
    """If a later granian no longer asks the method that we replace, nothing listens elsewhere."""
    monkeypatch.setattr(OnSocket, "_init_shared_socket", Server._init_shared_socket)
    with (
        closing(web.listen("127.0.0.1", 0)) as listening,
        ThreadPoolExecutor(1) as elsewhere,  # Playwright's loop may run in this thread
        pytest.raises(ValueError, match="address"),
    ):
        elsewhere.submit(lambda: asyncio.run(OnSocket(pages(b""), listening).serve())).result()
