"""Calendar programs that others wrote, each with a calendar of a CalDAV server: vdirsyncer with
khal, and Thunderbird without windows.

`Door` lets them in without a password, so that each needs nothing but an address. What a program
writes lies in a folder of the test. A program shows its events as `Shown`.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from caldav_servers import SECRET, USER
from werkzeug.serving import WSGIRequestHandler, make_server

PATIENCE_SECONDS = 240
MINUTE = "%Y-%m-%d %H:%M"
ONE_HOP = {  # headers that are not passed on: here each answer is unpacked
    *("connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding")
}
ALL_DAY = 8  # Thunderbird's flag of an event


class Shown(NamedTuple):
    """An event as a program shows it: times in UTC as text, or the first and last day."""

    starts: str
    ends: str
    title: str


class Silent(WSGIRequestHandler):
    """Without a line for each request."""

    def log_request(self, *told: object) -> None:
        pass


@contextmanager
def door(server) -> Iterator[str]:
    """An origin on this machine at which `server` answers to anybody."""
    http = httpx.Client(transport=server.transport(), auth=httpx.BasicAuth(USER, SECRET))

    def passing(environ, start_response):
        sent = {
            name.removeprefix("HTTP_").replace("_", "-"): value
            for name, value in environ.items()
            if value and (name.startswith("HTTP_") or name == "CONTENT_TYPE")
        }
        sent["ACCEPT-ENCODING"] = "identity"
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        answer = http.request(
            environ["REQUEST_METHOD"],
            server.origin + environ["REQUEST_URI"],
            content=body,
            headers=sent,
        )
        told = [(name, value) for name, value in answer.headers.items() if name not in ONE_HOP]
        start_response(f"{answer.status_code} Told", told)
        return [answer.content]

    http_server = make_server("127.0.0.1", 0, passing, threaded=True, request_handler=Silent)
    thread = threading.Thread(target=http_server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http_server.port}"
    finally:
        http_server.shutdown()
        thread.join()
        http_server.server_close()
        http.close()


def alone(folder: Path) -> dict[str, str]:
    """The environment of a program that finds nothing of this machine's people."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")
    return {**kept, **dict.fromkeys(names, str(folder)), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Khal:
    """vdirsyncer keeps files in step with the calendar at `address`, and khal lists them."""

    name = "vdirsyncer and khal"

    def __init__(self, folder: Path, address: str):
        self.folder, self.settings = folder, folder / "vdirsyncer"
        (folder / "events" / "ours").mkdir(parents=True)
        home, _, calendar = address.rstrip("/").rpartition("/")
        self.settings.write_text(
            textwrap.dedent(f"""
            [general]
            status_path = "{folder}/status"
            [pair calendars]
            a = "here"
            b = "there"
            collections = [["ours", "ours", "{calendar}"]]
            [storage here]
            type = "filesystem"
            path = "{folder}/events"
            fileext = ".ics"
            [storage there]
            type = "caldav"
            url = "{home}/"
            """)
        )
        (folder / "khal").write_text(
            textwrap.dedent(f"""
            [calendars]
            [[ours]]
            path = {folder}/events/ours
            [sqlite]
            path = {folder}/khal.db
            [locale]
            local_timezone = UTC
            default_timezone = UTC
            timeformat = %H:%M
            dateformat = %Y-%m-%d
            longdateformat = %Y-%m-%d
            datetimeformat = {MINUTE}
            longdatetimeformat = {MINUTE}
            """)
        )
        self._run("vdirsyncer", "-c", self.settings, "discover")

    def _run(self, module: str, *words: object) -> str:
        told = [sys.executable, "-m", module, *map(str, words)]
        ended = subprocess.run(
            told, env=alone(self.folder), capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def sync(self) -> None:
        """Fetch what changed there, and send what changed here."""
        self._run("vdirsyncer", "-c", self.settings, "sync")

    def add(self, starts: str, ends: str, title: str) -> None:
        """Add an event to the files."""
        self._run("khal", "-c", self.folder / "khal", "new", "-a", "ours", starts, ends, title)

    def shown(self, first: str, days: int, wanted: Collection[Shown] = ()) -> list[Shown]:
        """What stands in the calendar from this day on."""
        self.sync()
        fields = ("start-long", "end-long", "title")
        told = [word for field in fields for word in ("--json", field)]
        lines = self._run("khal", "-c", self.folder / "khal", "list", *told, first, f"{days}d")
        rows = [row for line in lines.splitlines() for row in json.loads(line)]
        return sorted(Shown(*(row[field] for field in fields)) for row in rows)


class Thunderbird:
    """Thunderbird without windows, begun anew for each look: it then reads its calendars."""

    name = "Thunderbird"
    program = Path("/usr/bin/thunderbird")

    def __init__(self, folder: Path, address: str):
        self.folder = folder
        own = "calendar.registry.11111111-2222-4333-8444-555555555555"
        settings = {
            f"{own}.type": "caldav",
            f"{own}.uri": address,
            f"{own}.name": "Ours",
            f"{own}.cache.enabled": True,
            f"{own}.calendar-main-in-composite": True,
            "calendar.timezone.local": "UTC",
            "calendar.timezone.useSystemTimezone": False,
            "app.update.enabled": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "mail.provider.suppress_dialog_on_startup": True,
            "mail.shell.checkDefaultClient": False,
            "mailnews.start_page.enabled": False,
            "network.manage-offline-status": False,
            "network.proxy.type": 0,
        }
        lines = [f'user_pref("{name}", {json.dumps(value)});' for name, value in settings.items()]
        (folder / "user.js").write_text("\n".join(lines) + "\n")

    def shown(self, first: str, days: int, wanted: Collection[Shown] = ()) -> list[Shown]:
        """What it keeps of the calendar, as soon as that is `wanted`, or when patience ends."""
        told = [str(self.program), "--headless", "--no-remote", "--profile", str(self.folder)]
        ends_at = time.monotonic() + PATIENCE_SECONDS
        with (self.folder / "log").open("ab") as log:
            running = subprocess.Popen(
                told, env={**alone(self.folder), "MOZ_HEADLESS": "1"}, stdout=log, stderr=log
            )
        try:
            while (rows := self._kept()) != sorted(wanted) and time.monotonic() < ends_at:
                time.sleep(0.2)
        finally:
            running.terminate()
            running.wait(PATIENCE_SECONDS)
        return rows

    def _kept(self) -> list[Shown]:
        """It locks its cache: a copy is read."""
        wanted = "SELECT event_start, event_end, flags, title FROM cal_events"
        copy = self.folder / "copy.sqlite"
        try:
            for end in ("", "-wal"):
                shutil.copy(f"{self.folder}/calendar-data/cache.sqlite{end}", f"{copy}{end}")
            with contextlib.closing(sqlite3.connect(copy)) as cache:
                return sorted(shown_from(*row) for row in cache.execute(wanted))
        except (OSError, sqlite3.Error):  # not made yet, or being written
            return []


def shown_from(starts: int, ends: int, flags: int, title: str) -> Shown:
    """A row of Thunderbird's cache, in microseconds since 1970, the end exclusive."""
    if flags & ALL_DAY:
        days = [datetime.fromtimestamp(at / 1e6, UTC) for at in (starts, ends - 1)]
        return Shown(*(f"{day:%Y-%m-%d}" for day in days), title)
    at = [datetime.fromtimestamp(moment / 1e6, UTC) for moment in (starts, ends)]
    return Shown(*(f"{moment:{MINUTE}}" for moment in at), title)
