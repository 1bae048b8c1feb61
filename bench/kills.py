"""Ten kills (SIGKILL) in a row of each part, while people work and calendar apps poll.

Measured is which requests fail, for how long, and what is lost.
"""

import contextlib
import hashlib
import http.client
import http.cookiejar
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import psutil

from .http import _free_port
from .tables import show, verdict

MOST_SECONDS = 30  # until a part runs again
PASSWORD, TOP = "sample pass 1", Path(__file__).parent.parent
FEEDS, PEOPLE, KILLS = 200, 20, 10
POLL_SECONDS, PRESS_SECONDS = 2.0, 0.5  # each feed polls, each person saves
PARTS = {
    "web process": "app web --",
    "web": "app web --",
    "now": "worker now --",
    "worker": "worker now sync",
    "chores": "worker chores",
    "clock": "app clock",
    "redis": "valkey",
    "sandbox": "-m sandbox",
}


def run(kills: int = KILLS) -> None:
    """Start one installation, and kill each part in turn."""
    with _running() as (above, base, feed, database):
        crowd = Crowd(base, feed)
        rows = [_kill(above, name, crowd, kills) for name in PARTS]
        saved, lost = crowd.leave(database)
    show(
        f"{kills} kills of each part, {FEEDS} feeds polling, {PEOPLE} people saving",
        ["killed", "feeds asked", "broken lines", "refused or 5xx", "longest gap, s", "asked"],
        [[*row, verdict(row[-1], 3.0 if row[0] == "web" else 1.5, False)] for row in rows],
    )
    show(
        "Changes",
        ["", "", "asked"],
        [
            ["saved and acknowledged", f"{saved:,}", verdict(saved, PEOPLE * kills, True)],
            ["of these lost", str(lost), verdict(lost, 0, False)],
        ],
    )


@contextlib.contextmanager
def _running():
    """Run Kalends with the sample clinic within the block. Gives its process, its address, and the
    path of a feed.
    """
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "said", "wb") as said:
        port = _free_port()
        environment = {
            **os.environ,
            "KALENDS_INSTANCE": f"{folder}/instance",
            "KALENDS_PORT": str(port),
            "KALENDS_SANDBOX": "1",
            "KALENDS_SAMPLE_PASSWORD": PASSWORD,
        }
        command = [sys.executable, "-m", "flask", "--app", "app"]
        process = subprocess.Popen(
            [*command, "start"],
            cwd=TOP,
            env=environment,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            while b"Stop it with" not in Path(said.name).read_bytes():
                assert process.poll() is None, Path(said.name).read_text()
                time.sleep(0.1)
            link = [*command, "feed", "create", "lea@sample.test"]
            made = subprocess.run(
                link, cwd=TOP, env=environment, capture_output=True, text=True, check=True
            )
            path = urllib.parse.urlsplit(made.stdout.strip()).path
            yield (
                psutil.Process(process.pid),
                f"http://localhost:{port}",
                path,
                Path(folder) / "instance" / "kalends.db",
            )
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def _kill(above: psutil.Process, name: str, crowd: "Crowd", kills: int) -> list:
    crowd.begin()
    for _ in range(kills):
        _part(above, name).kill()
        time.sleep(3)
    asked, broken, refused, gap = crowd.figures()
    return [name, asked, broken, refused, round(gap, 2)]


def _part(above: psutil.Process, name: str) -> psutil.Process:
    """The process of this part, once it runs."""
    end = time.monotonic() + MOST_SECONDS
    while time.monotonic() < end and above.status() != psutil.STATUS_ZOMBIE:
        with contextlib.suppress(psutil.NoSuchProcess, IndexError, StopIteration):
            found = [
                child for child in above.children() if PARTS[name] in " ".join(child.cmdline())
            ]
            process = found[0]
            if name == "web process":  # and not what a library runs while Python begins
                process = next(c for c in process.children() if c.exe() == process.exe())
            if process.status() != psutil.STATUS_ZOMBIE:
                return process
        time.sleep(0.05)
    raise SystemExit(f"{name} was not started again")


def _token(page: str) -> str:
    return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)[1]


def unlike_others(person: int, number: int) -> str:
    """A name that is not similar to another client's: for a similar name the page would ask before
    it saves.
    """
    return hashlib.sha256(f"{person} {number}".encode()).hexdigest()[:16]


class Crowd:
    """Calendar apps that poll feeds on one connection each, and people who save a client's name
    every half second.
    """

    every, pause = POLL_SECONDS, PRESS_SECONDS

    def __init__(self, base: str, feed: str):
        self._base, self._feed, self._stop, self._lock = (
            base,
            feed,
            threading.Event(),
            threading.Lock(),
        )
        self._saved: list[str] = []
        self.begin()
        work = [(self._poll, self.every * n / FEEDS) for n in range(FEEDS)] + [
            (self._save, n) for n in range(PEOPLE)
        ]
        self._threads = [
            threading.Thread(target=function, args=(argument,), daemon=True)
            for function, argument in work
        ]
        for thread in self._threads:
            thread.start()
        time.sleep(5)

    def begin(self) -> None:
        """Begin to count."""
        with self._lock:
            self._asked = self._broken = self._refused = 0
            self._gap, self._last = 0.0, time.monotonic()

    def figures(self) -> tuple[int, int, int, float]:
        """The numbers of feeds asked, broken connections and refusals, and the longest time without
        an answer.
        """
        with self._lock:
            return (
                self._asked,
                self._broken,
                self._refused,
                max(self._gap, time.monotonic() - self._last),
            )

    def leave(self, database: Path) -> tuple[int, int]:
        """Two values: how many changes were acknowledged, and how many of these are not in the
        database.
        """
        self._stop.set()
        for thread in self._threads:
            thread.join()
        with contextlib.closing(sqlite3.connect(database)) as rows:
            there = {name for (name,) in rows.execute("SELECT last_name FROM patient")}
        return len(self._saved), len(set(self._saved) - there)

    def _poll(self, pause: float) -> None:
        place, etag = urllib.parse.urlsplit(self._base), ""
        time.sleep(pause)
        while not self._stop.wait(self.every):
            line = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
            try:
                line.request("GET", self._feed, headers={"If-None-Match": etag})
                answer = line.getresponse()
                answer.read()
                etag = answer.headers.get("ETag", "")
                self._count(answer.status in (200, 304), False)
            except (OSError, http.client.HTTPException):
                self._count(False, True)
            finally:
                line.close()

    def _count(self, well: bool, broken: bool) -> None:
        with self._lock:
            now = time.monotonic()
            self._asked += 1
            self._broken += broken
            self._refused += not well and not broken
            if well:
                self._gap, self._last = max(self._gap, now - self._last), now

    def _save(self, person: int) -> None:
        """Add a client. It counts once the answer says that it is saved."""
        opener, number = self._signed_in(), 0
        while not self._stop.wait(self.pause):
            number += 1
            name = unlike_others(person, number)
            with contextlib.suppress(OSError, http.client.HTTPException, TypeError):
                page = opener.open(f"{self._base}/clients/new", timeout=10).read().decode()
                form = urllib.parse.urlencode(
                    {
                        "csrf_token": _token(page),
                        "first_name": name[::-1],
                        "last_name": name,
                        "internal_id": name,
                    }
                ).encode()
                answer = opener.open(f"{self._base}/clients/", form, timeout=10)
                if answer.url != f"{self._base}/clients/":  # 303 to what was saved
                    with self._lock:
                        self._saved.append(name)

    def _signed_in(self):
        while True:
            opener = urllib.request.build_opener(
                urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
            )
            with contextlib.suppress(OSError, http.client.HTTPException, TypeError):
                page = opener.open(f"{self._base}/sign-in", timeout=10).read().decode()
                form = urllib.parse.urlencode(
                    {"csrf_token": _token(page), "email": "owner@sample.test", "password": PASSWORD}
                ).encode()
                if "sign-in" not in opener.open(f"{self._base}/sign-in", form, timeout=30).url:
                    return opener
            time.sleep(0.5)
