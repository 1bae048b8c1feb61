"""How soon an unchanged feed and a page are answered while other connections stall: forms that
never end, headers that never end, answers that nobody reads.
"""

import contextlib
import http.client
import os
import socket
import tempfile
import time

from .http import KEY, _feed, _ours
from .tables import show, verdict

LINES, TIMES = 50, 1500
STALLED = {
    "none": b"",
    "forms at the door": (
        b"POST /sign-in HTTP/1.1\r\nHost: h\r\nContent-Type:"
        b" application/x-www-form-urlencoded\r\nContent-Length: 400\r\n\r\ne"
    ),
    "messages of providers": (
        b"POST /webhooks/google/x HTTP/1.1\r\nHost: h\r\nContent-Length: 400\r\n\r\n{"
    ),
    "half heads": b"GET / HTTP/1.1\r\nHo",
    "unread pages": b"GET /help/ HTTP/1.1\r\nHost: h\r\n\r\n" * 20,
}


def run() -> None:
    """With one process: p99 of a feed beside 50 stalled connections of each kind, and
    without them.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        environment = {
            **os.environ,
            "KALENDS_INSTANCE": folder,
            "KALENDS_SECRET_KEY": KEY.replace(",", ""),
            "DATABASE_URL": f"sqlite:///{folder}/bench.db",
        }
        link, _ = _feed(environment)
        port = _ours(servers, "app:create_front", environment)
        _seconds(port, link)
        rows, alone = [], None
        for name, octets in STALLED.items():
            with contextlib.ExitStack() as lines:
                for _ in range(LINES if octets else 0):
                    line = lines.enter_context(socket.create_connection(("127.0.0.1", port)))
                    line.sendall(octets)
                time.sleep(5 if octets else 0)  # until what can be answered is
                taken, page = _seconds(port, link), _seconds(port, "/sign-in", 100)
            middle, late = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
            alone = alone or late
            rows.append(
                [
                    name,
                    f"{middle * 1000:.2f}",
                    f"{late * 1000:.2f}",
                    verdict(round(late / alone, 2), 3, False),
                    f"{page[50] * 1000:.1f}",
                ]
            )
    show(
        f"{LINES} stalled lines beside a feed of 1,000 bookings, milliseconds",
        ["stalled", "feed, median", "feed, p99", "over none", "page, median"],
        rows,
    )


def _seconds(port: int, path: str, times: int = TIMES) -> list[float]:
    """The seconds of so many answers, sorted. All must be 200."""
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        line.request("GET", path)
        answer = line.getresponse()
        answer.read()
        line.close()
        assert answer.status == 200, answer.status
        taken.append(time.perf_counter() - begin)
    return sorted(taken)
