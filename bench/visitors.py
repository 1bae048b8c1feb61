"""Online booking: the page with the first free times, and a booking from the press to the commit,
with 1,000,000 bookings in the table; and 200 visitors of one clinic within ten seconds.
"""

import contextlib
import html
import http.client
import logging
import os
import re
import tempfile
import threading
import time
import urllib.parse
from collections import Counter

from peewee import fn

import models
from app import Settings, create_app
from free_times import overlaps
from free_times.online import names
from free_times.rules import OnlineSettings
from models import Booking, Feed
from operate import migrate
from sync.feeds import feed as feeds

from . import clinics
from .http import _ours
from .render import KEY
from .scale import databases
from .slots import busy_clinic
from .tables import show, verdict

MORE = 995  # further practitioners with 1,000 bookings each
PAGES, BOOKINGS = 60, 60
VISITORS, WITHIN_SECONDS = 200, 10
PROCESSES = 2  # of the web, as on a machine with two cores
FEED_SECONDS = 0.05  # between two polls
PAGE = "/book/busy"


def run() -> None:
    """Measure both databases, then the crowd on a running server with SQLite and PostgreSQL."""
    logging.getLogger("kalends").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        for name, url in databases(folder):
            pages, bookings = _measure(url("visitors"), folder)
            rows = [
                ["page with the first free times", *_spread(pages, 0.1)],
                ["booking, POST to commit", *_spread(bookings, 0.15)],
            ]
            show(
                f"{name}, 1,000,000 bookings: online booking, milliseconds of the server",
                ["", "median", "p95", "asked"],
                rows,
            )
            _crowd(name, url("crowd"), folder)


def _spread(taken: list[float], most: float) -> list[str]:
    taken = sorted(taken)
    late = taken[int(len(taken) * 0.95)]
    return [
        f"{taken[len(taken) // 2] * 1000:.0f}",
        f"{late * 1000:.0f}",
        verdict(round(late * 1000), most * 1000, False),
    ]


def _settings(url: str, folder: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "KALENDS_INSTANCE": f"{folder}/instance",
        "KALENDS_SECRET_KEY": KEY,
        "KALENDS_TRUSTED_PROXIES": "1",  # each visitor from an address of their own
    }


def _fill(url: str, folder: str, more: int) -> None:
    create_app(Settings.from_env(_settings(url, folder)))
    migrate.migrate()
    if more:
        clinics.fill(more, 1000)
    service, *_ = busy_clinic()
    service.change(None, bookable_online=True)
    names.rename(service.clinic, None, "busy")
    OnlineSettings.stored(service.clinic).change(None, is_on=True)
    models.database.close()


def _measure(url: str, folder: str) -> tuple[list[float], list[float]]:
    """The seconds that each page, and each booking, took."""
    _fill(url, folder, MORE)
    app = create_app(Settings.from_env(_settings(url, folder)))
    browser = app.test_client(use_cookies=False)

    def ask(method: str, path: str, said: dict[str, str] | None, number: int):
        headers = {"X-Forwarded-For": f"10.0.{number // 250}.{number % 250 + 1}"}
        answer = browser.open(path, method=method, data=said, headers=headers)
        return answer.status_code, answer.headers.get("Location", ""), answer.text

    times = _times_page(lambda *how: ask(*how, 0))
    pages = [_timed(lambda: ask("GET", times, None, 0))[0] for _ in range(PAGES)]
    bookings = []
    for number in range(BOOKINGS):
        visitor = Visitor(lambda *how, number=number: ask(*how, number), times, number)
        assert visitor.book(), f"visitor {number} could not book"
        bookings.append(visitor.seconds["book"])
    return pages, bookings


class Visitor:
    """A visitor who books one of the first free times, without script and cookie.

    `ask(method, path, form)` returns status, the next address, and text.
    """

    def __init__(self, ask, times: str, number: int):
        self._ask, self._times, self._number = ask, times, number
        self.seconds: dict[str, float] = {}
        self.failed = ""

    def book(self, tries: int = 8) -> bool:
        """Go from the list of times to the booking. If somebody was faster, try once more."""
        _status, _on, page = self._step("times", "GET", self._times, None)
        for _ in range(tries):
            free = re.findall(r'<button name="time" value="(\d+)"', page)
            if not free:
                break
            form = _hidden(page) | {"time": free[self._number % len(free)]}
            status, on, page = self._step("hold", "POST", f"{PAGE}/hold", form)
            if status == 303:
                status, on, page = self._step("details", "GET", on, None)
            if status == 200 and "Is this right?" not in page:
                said = {"name": f"Visitor {self._number}"}
                said["email"] = f"v{self._number}@visitor.test"
                status, on, page = self._step(
                    "check", "POST", f"{PAGE}/details", _hidden(page) | said
                )
            if status == 200:
                status, on, page = self._step("book", "POST", f"{PAGE}/book", _hidden(page))
            if status == 303:
                return True
            if status not in (200, 409):
                break
        self.failed = self.failed or f"status {status}"
        return False

    def _step(self, name: str, method: str, path: str, said: dict[str, str] | None):
        taken, answer = _timed(lambda: self._ask(method, path, said))
        self.seconds[name] = max(taken, self.seconds.get(name, 0))
        return answer


def _times_page(ask) -> str:
    """The address of the list of times, as the first pages lead to it."""
    path = f"{PAGE}/"
    for _ in range(5):
        status, on, page = ask("GET", path, None)
        leads = [html.unescape(one) for one in re.findall(rf'href="({PAGE}/[^"]+)"', page)]
        path = on if status in (302, 303, 307) else next(one for one in leads if "service" in one)
        if "/times" in path:
            return path
    raise LookupError("no list of times")


def _hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


def _timed(do):
    begin = time.perf_counter()
    answer = do()
    return time.perf_counter() - begin, answer


def _crowd(name: str, url: str, folder: str) -> None:
    """Measure two hundred visitors, while a feed is polled."""
    _fill(url, folder, 0)
    create_app(Settings.from_env(_settings(url, folder)))
    calendar = models.Practitioner.select().get()
    models.User.update(sync_allowed=True, identifier="first_name_last_initial").execute()
    link = Feed.generate(calendar.user, "bench", None, practitioner=calendar)
    path, before = feeds.path(KEY.split(",")[0], link), Booking.select(fn.MAX(Booking.id)).scalar()
    clinic = calendar.clinic
    models.database.close()
    with contextlib.ExitStack() as servers:
        environment = {**os.environ, **_settings(url, folder)}
        port = _ours(servers, "app:create_front", environment, PROCESSES)
        times = _times_page(lambda *how: _over_http(port, 0, *how))
        crowd = [
            Visitor(lambda *how, number=number: _over_http(port, number, *how), times, number)
            for number in range(VISITORS)
        ]
        polled: list[float] = []
        took = _all_book(crowd, port, path, polled)
    create_app(Settings.from_env(_settings(url, folder)))
    booked = Booking.select().where(Booking.online).count()
    double = sum(not pair.is_agreed for pair in overlaps.pairs(clinic, since=before))
    models.database.close()
    show(
        f"{name}: {VISITORS} visitors within {WITHIN_SECONDS} s",
        ["", "", "asked"],
        _crowd_rows(crowd, polled, f"{booked} of {VISITORS} in {took:.1f} s", double),
    )


def _all_book(crowd: list[Visitor], port: int, path: str, polled: list[float]) -> float:
    """Let all visitors book, each at a moment of their own, while the feed is polled. Returns the
    seconds.
    """
    over = threading.Event()
    poller = threading.Thread(target=_poll, args=(port, path, polled, over))
    poller.start()
    threads = [
        threading.Timer(WITHIN_SECONDS * number / VISITORS, visitor.book)
        for number, visitor in enumerate(crowd)
    ]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    over.set()
    poller.join()
    return took


def _crowd_rows(
    crowd: list[Visitor], polled: list[float], booked: str, double: int
) -> list[list[object]]:
    slowest: Counter[str] = Counter()
    for visitor in crowd:
        for step, seconds in visitor.seconds.items():
            slowest[step] = max(slowest[step], seconds)
    failed = Counter(visitor.failed for visitor in crowd if visitor.failed)
    rows = [
        [f"slowest answer: {step}", f"{s:.2f} s", verdict(s, 2, False)]
        for step, s in slowest.items()
    ]
    return [
        *rows,
        ["booked", booked, dict(failed) or ""],
        ["overlaps nobody agreed to", str(double), verdict(double, 0, False)],
        [
            "feed meanwhile, slowest",
            f"{max(polled):.3f} s of {len(polled)}",
            verdict(round(max(polled), 3), 2, False),
        ],
    ]


def _over_http(port: int, number: int, method: str, path: str, said: dict[str, str] | None):
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"X-Forwarded-For": f"10.1.{number // 250}.{number % 250 + 1}"}
    if said is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    line.request(method, path, said and urllib.parse.urlencode(said), headers)
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, answer.headers.get("Location", ""), text


def _poll(port: int, path: str, taken: list[float], over: threading.Event) -> None:
    """Ask for the feed again and again, as a calendar app does. Every answer must be complete."""
    while not over.wait(FEED_SECONDS):
        begin = time.perf_counter()
        status, _on, text = _over_http(port, 0, "GET", path, None)
        assert status == 200 and text.rstrip().endswith("END:VCALENDAR"), status
        taken.append(time.perf_counter() - begin)
