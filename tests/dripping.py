"""A server over TCP that answers in drops: the first part at once, then an octet or a line at a
time, and far too late a regular end. A client without a time limit waits all that time.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

DROPS, PAUSE_SECONDS = 1_000, 0.02
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
END = b"Content-Length: 2\r\n\r\n{}"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
DRIPS = {  # name → what comes at once, what comes again and again, how it ends well
    "status line": (b"HTTP/1.1 200 ", b"O", b"\r\n" + END),
    "one header": (HEAD + b"X-Long: ", b"a", b"\r\n" + END),
    "header lines": (HEAD, b"X-Many: a\r\n", END),
    "early answers": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", HEAD + END),
    "body": (HEAD + f"Content-Length: {DROPS + 2}\r\n\r\n".encode(), b" ", b"{}"),
    "chunks": (CHUNKED, b"1\r\n \r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "size of a chunk": (CHUNKED + b"2;", b"a", b"\r\n{}\r\n0\r\n\r\n"),
    "trailer": (CHUNKED + b"2\r\n{}\r\n0\r\nX-Last: ", b"a", b"\r\n\r\n"),
    "body without a length": (HEAD + b"\r\n", b" ", b"{}"),
    "silence after the head": (HEAD + b"Content-Length: 2\r\n\r\n", b"", b"{}"),
    "silence": (b"", b"", HEAD + END),
    "a greeting of TLS": (b"\x16\x03\x03\x30\x00", b"\x02", b""),
}


class Dripping:
    """Answers every line in the same way, and counts the lines that others ended before the end."""

    def __init__(self, how: str, reads: bool = True):
        self.first, self.drop, self.end = DRIPS[how]
        self.reads, self.lines, self.abandoned = reads, 0, threading.Semaphore(0)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.over = threading.Event()

    def work(self) -> None:
        """Answer until the listening socket is closed."""
        with suppress(OSError):
            while True:
                line, _ = self.listening.accept()
                self.lines += 1
                threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with closing(line):
            try:
                if self.reads:
                    line.recv(1_000_000)
                    line.sendall(self.first)
                for _ in range(DROPS):
                    if self.over.wait(PAUSE_SECONDS):
                        return
                    if self.reads:
                        line.sendall(self.drop)
                        self._check(line)
                line.sendall(self.end)
            except OSError:
                self.abandoned.release()

    @staticmethod
    def _check(line: socket.socket) -> None:
        """Raises OSError where the other side has ended the line."""
        with suppress(BlockingIOError):
            if line.recv(1_000_000, socket.MSG_DONTWAIT) == b"":
                raise ConnectionResetError


@contextmanager
def dripping(how: str, reads: bool = True) -> Iterator[Dripping]:
    """The server while the block runs. Without `reads` it takes nothing of what it is sent."""
    server = Dripping(how, reads)
    thread = threading.Thread(target=server.work, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.listening.shutdown(socket.SHUT_RDWR)
        server.listening.close()
        thread.join(10)
