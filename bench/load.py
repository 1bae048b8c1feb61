"""A small load generator.

Kept-alive connections on threads, requests written beforehand, answers counted by their length.
"""

import socket
import threading
import time

CONNECTIONS = 8


def requests_per_second(
    port: int, path: str, headers: dict[str, str] | None = None, seconds: float = 4.0
) -> tuple[float, int]:
    """Load the loopback server at `port` with GET `path`. Returns two values: answers a second, and
    the status of the last answer.

    A short warm-up comes first.
    """
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    counts, statuses = [0] * CONNECTIONS, [0] * CONNECTIONS
    begin = time.perf_counter() + seconds * 0.2
    end = begin + seconds

    def ask(n: int) -> None:
        connection = _connect(port)
        while (now := time.perf_counter()) < end:
            connection.sendall(request)
            statuses[n], closes = _read_answer(connection)
            counts[n] += now >= begin
            if closes:
                connection.close()
                connection = _connect(port)
        connection.close()

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds, max(statuses)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _read_answer(connection: socket.socket) -> tuple[int, bool]:
    """Read one whole answer: its status, and whether the server closes the connection after it.

    Answers here carry Content-Length, or are 304.
    """
    received = b""
    while b"\r\n\r\n" not in received:
        if not (piece := connection.recv(262144)):
            raise ConnectionError("the server hung up")
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    status = int(head[9:12])
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    missing = 0 if status == 304 else length - len(rest)
    while missing > 0:
        missing -= len(connection.recv(min(missing, 1 << 20))) or missing
    return status, head.startswith(b"HTTP/1.0") or b"connection: close" in lines
