"""The web's own server in this very process, over whatever front a test gives it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from operate import web
from operate.front import Front
from operate.on_socket import OnSocket


@contextmanager
def serving(pages: Front) -> Iterator[int]:
    """The port on which it answers while the block runs."""
    with closing(web.listen("127.0.0.1", 0)) as listening, serving_on(listening, pages):
        yield listening.getsockname()[1]


@contextmanager
def serving_on(listening: socket.socket, pages: Front) -> Iterator[None]:
    """The same on a socket that is open already, and stays open."""
    loop, begun = asyncio.new_event_loop(), threading.Event()
    server = OnSocket(pages, listening)
    server.on_startup(begun.set)
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),), daemon=True)
    thread.start()
    assert begun.wait(10)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join(20)
        pages.close()
    assert not thread.is_alive()
    loop.close()
