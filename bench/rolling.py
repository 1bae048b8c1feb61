"""An update without a pause, as docs/upgrade.md says: two web and two worker processes on
PostgreSQL behind a proxy are replaced one after another by the next version, while calendar apps
poll and people save. Measured is which requests fail.

The earlier version is the commit before the last migration was added. Needs git and haproxy.
"""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from operate.redis_server import _redis_program

from .http import _free_port
from .kills import FEEDS, PASSWORD, PEOPLE, TOP, Crowd, _token, unlike_others
from .scale import databases
from .tables import show, verdict

READY_SECONDS, SETTLE_SECONDS = 120, 5
PROXY = """
global
  stats socket {folder}/proxy level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout queue 60s
  timeout check 10s
  retries 5
  option redispatch
  option httpclose
frontend kalends
  bind 127.0.0.1:{port}
  default_backend web
backend web
  option httpchk GET /readyz
  retry-on conn-failure
  default-server check inter 1s fall 2 rise 1
  server one 127.0.0.1:{one}
  server two 127.0.0.1:{two}
"""


def run() -> None:
    """Start one installation, and replace each of its parts."""
    if not (shutil.which("haproxy") and shutil.which("git")):
        print("\nRolling: not measured, haproxy or git is not installed")
        return
    with contextlib.ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), stack)
        crowd = Savers(house.base, house.feed)
        crowd.begin()
        begun = time.monotonic()
        house.replace()
        asked, broken, refused, gap = crowd.figures()
        saved, failed, lost = crowd.count(house.url)
        took = time.monotonic() - begun
        if broken or refused or failed:
            print(house.proxy_said())
    show(
        f"Every process replaced in {took:.0f} s across a migration, {FEEDS} feeds polling,"
        f" {PEOPLE} people saving",
        ["", "", "asked"],
        [
            ["feeds asked", f"{asked:,}", ""],
            ["lines that broke", broken, verdict(broken, 0, False)],
            ["refused or 5xx", refused, verdict(refused, 0, False)],
            ["longest time without an answer, s", f"{gap:.2f}", ""],
            ["changes saved", f"{saved:,}", ""],
            ["changes refused", failed, verdict(failed, 0, False)],
            ["saved changes lost", lost, verdict(lost, 0, False)],
        ],
    )


class House:
    """Kalends in single parts: two web processes, two workers, the clock."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack):
        self._folder, self._stack = folder, stack
        self._old = self._version_before()
        port, one, two, redis = (_free_port() for _ in range(4))
        self.base, self._ports = f"http://localhost:{port}", {"one": one, "two": two}
        self.url = self._database()
        self._environment = {
            **os.environ,
            "DATABASE_URL": self.url,
            "REDIS_URL": f"redis://127.0.0.1:{redis}",
            "KALENDS_INSTANCE": str(folder / "instance"),
            "KALENDS_SECRET_KEY": "a key of this bench alone, of no use elsewhere",
            "KALENDS_BASE_URL": self.base,
            "KALENDS_SANDBOX": "0",
            "KALENDS_TRUSTED_PROXIES": "1",
            "KALENDS_SAMPLE_PASSWORD": PASSWORD,
        }
        self._begin([str(_redis_program()), "--port", str(redis), "--save", ""], folder, {})
        for command in (["migrate"], ["sample"]):
            self._say(self._old, *command)
        link = self._say(self._old, "feed", "create", "lea@sample.test")
        self.feed = urllib.parse.urlsplit(link.strip()).path
        self._webs = {name: self._web(self._old, name) for name in self._ports}
        self._others = [self._part(self._old, part) for part in ("worker", "worker", "clock")]
        (folder / "haproxy.cfg").write_text(
            PROXY.format(folder=folder, port=port, one=one, two=two)
        )
        self._begin(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], folder, {})
        self._wait(port, "/readyz")

    def replace(self) -> None:
        """Update the database, then replace one process after another."""
        self._say(TOP, "migrate")
        time.sleep(SETTLE_SECONDS)
        for name in self._ports:
            self._tell_proxy(f"set server web/{name} state drain")
            time.sleep(SETTLE_SECONDS)  # what was begun is answered
            self._end(self._webs[name])
            self._webs[name] = self._web(TOP, name)
            self._tell_proxy(f"set server web/{name} state ready")
            time.sleep(SETTLE_SECONDS)
        for number, part in enumerate(("worker", "worker", "clock")):
            self._end(self._others[number])
            self._others[number] = self._part(TOP, part)
        time.sleep(SETTLE_SECONDS)

    def _version_before(self) -> Path:
        """The files of the earlier version, from git, with the libraries of this one."""
        git = ["git", "-C", str(TOP)]
        find = ["log", "-1", "--diff-filter=A", "--format=%H", "--", "migrations"]
        commit = subprocess.check_output([*git, *find], text=True).strip()
        files = subprocess.check_output([*git, "archive", f"{commit}^"])
        place = self._folder / "before"
        place.mkdir()
        subprocess.run(["tar", "-x", "-C", str(place)], input=files, check=True)
        return place

    def _database(self) -> str:
        base = dict(databases(str(self._folder)))["PostgreSQL"]
        return base("rolling")

    def _begin(self, command: list[str], place: Path, environment: dict) -> subprocess.Popen:
        with (self._folder / "said").open("ab") as said:
            own = {**os.environ, **environment}
            process = subprocess.Popen(command, cwd=place, env=own, stdout=said, stderr=said)
        self._stack.callback(self._end, process)
        return process

    def _part(self, place: Path, *words: str, **more: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "flask", "--app", "app", *words]
        return self._begin(command, place, {**self._environment, **more})

    def _web(self, place: Path, name: str) -> subprocess.Popen:
        port = self._ports[name]
        process = self._part(place, "web", KALENDS_PORT=str(port))
        self._wait(port, "/readyz")
        return process

    def _say(self, place: Path, *words: str) -> str:
        command = [sys.executable, "-m", "flask", "--app", "app", *words]
        return subprocess.run(
            command, cwd=place, env=self._environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def _wait(self, port: int, path: str) -> None:
        end = time.monotonic() + READY_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if urllib.request.urlopen(f"http://127.0.0.1:{port}{path}").status == 200:
                    return
            time.sleep(0.1)
        raise SystemExit(f"nothing well on {port}: {(self._folder / 'said').read_text()[-2000:]}")

    def proxy_said(self) -> str:
        """The proxy's view of the processes."""
        lines = (self._folder / "said").read_text().splitlines()
        return "\n".join(line for line in lines if line.startswith(("[WARNING]", "[ALERT]")))

    def _tell_proxy(self, words: str) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._folder / "proxy"))
            line.sendall(f"{words}\n".encode())
            line.recv(1000)

    @staticmethod
    def _end(process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


class Savers(Crowd):
    """The crowd at the pace of a large clinic. Answers to people count as well."""

    every, pause = 10.0, 2.0  # seconds

    def begin(self) -> None:
        """Begin to count."""
        super().begin()
        with self._lock:
            self._failed = 0

    def count(self, url: str) -> tuple[int, int, int]:
        """Three numbers: acknowledged changes, failed answers to people, and acknowledged changes
        that were lost.
        """
        import psycopg

        self._stop.set()
        for thread in self._threads:
            thread.join()
        with psycopg.connect(url) as rows:
            there = {name for (name,) in rows.execute("SELECT last_name FROM patient")}
        return len(self._saved), self._failed, len(set(self._saved) - there)

    def _save(self, person: int) -> None:
        opener, number = self._signed_in(), 0
        while not self._stop.wait(self.pause):
            number += 1
            name = unlike_others(person, number)
            try:
                page = opener.open(f"{self._base}/clients/new", timeout=30).read().decode()
                form = {"first_name": name[::-1], "last_name": name, "internal_id": name}
                sent = urllib.parse.urlencode({"csrf_token": _token(page), **form}).encode()
                answer = opener.open(f"{self._base}/clients/", sent, timeout=30)
                is_saved = answer.url != f"{self._base}/clients/"  # 303 to what was saved
            except (OSError, http.client.HTTPException, TypeError):
                is_saved = False
            with self._lock:
                self._saved += [name] if is_saved else []
                self._failed += not is_saved
