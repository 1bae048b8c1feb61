"""Feeds over real HTTP: ours compared with the emptiest Flask route on the same server, and with
Radicale.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import models
from base.database import open_database
from operate import migrate
from sync.feeds import feed as feeds
from sync.feeds import shown

from . import clinics
from .load import requests_per_second
from .tables import show, verdict

BOOKINGS = 1000
KEY = "a secret of the bench, kept here"


def run() -> None:
    """Measure 200 and 304 of an unchanged feed of 1,000 bookings, with one worker each."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as servers:
        environment = {
            "KALENDS_INSTANCE": folder,
            "KALENDS_SECRET_KEY": KEY.replace(",", ""),
            "DATABASE_URL": f"sqlite:///{folder}/bench.db",
        }
        link, body = _feed(environment)
        (Path(folder) / "same.ics").write_bytes(body)
        environment["BENCH_BODY"] = str(Path(folder) / "same.ics")
        ours = _ours(servers, "app:create_front", environment)
        plain = _ours(servers, "bench.plain:create_front", environment)
        bare = _granian(servers, "bench.plain:create_app", environment)
        radicale, collection = _radicale(servers, folder, body)
        etag = _etag(ours, link)
        rates = {
            "ours, 200": requests_per_second(ours, link),
            "ours, 304": requests_per_second(ours, link, {"If-None-Match": etag}),
            "emptiest Flask route, same bytes": requests_per_second(plain, "/same"),
            "emptiest Flask route, no body": requests_per_second(plain, "/empty"),
            "the same on granian alone, same bytes": requests_per_second(bare, "/same"),
            "the same on granian alone, no body": requests_per_second(bare, "/empty"),
            "Radicale, same calendar": requests_per_second(radicale, collection, seconds=8),
        }
    assert [status for _, status in rates.values()] == [200, 304, 200, 200, 200, 200, 200], rates
    rate = {name: value for name, (value, _) in rates.items()}
    show(
        f"Feeds over HTTP, {BOOKINGS:,} bookings ({len(body):,} octets), one worker",
        ["", "requests/s"],
        [[name, f"{value:,.1f}"] for name, value in rate.items()],
    )
    ratios = [
        ("200 over Radicale", rate["ours, 200"] / rate["Radicale, same calendar"], 300),
        (
            "200 over the same bytes from Flask",
            rate["ours, 200"] / rate["emptiest Flask route, same bytes"],
            0.9,
        ),
        (
            "304 over the emptiest Flask route",
            rate["ours, 304"] / rate["emptiest Flask route, no body"],
            1.0,
        ),
    ]
    show(
        "Ratios of that run",
        ["", "ratio", "asked"],
        [[name, f"{value:.2f}", verdict(value, asked, True)] for name, value, asked in ratios],
    )


def _feed(environment: dict[str, str]) -> tuple[str, bytes]:
    open_database(environment["DATABASE_URL"])
    migrate.migrate()
    link, _ = clinics.fill(1, BOOKINGS)
    key = environment["KALENDS_SECRET_KEY"]
    found = feeds.check_address(
        [key],
        str(link.uuid),
        feeds.token(key, str(link.uuid), link.salt),
        clinics.scheduling.utc_now(),
    )
    body = shown.render(found.feed_id, *found.window(), found.is_empty, found.revision)
    models.database.close()
    return feeds.path(key, link), body


def _ours(
    servers: contextlib.ExitStack, target: str, environment: dict[str, str], processes: int = 1
) -> int:
    """Serve an application on our own server, with so many processes."""
    port = _free_port()
    code = (
        f"from operate import web; web.APPLICATION = {target!r}; web.serve(web.listen('127.0.0.1',"
        f" {port}), {processes})"
    )
    _start(servers, [sys.executable, "-c", code], {**os.environ, **environment}, port)
    return port


def _granian(servers: contextlib.ExitStack, target: str, environment: dict[str, str]) -> int:
    """Serve on granian alone, with one thread."""
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--factory",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--blocking-threads",
        "1",
        "--no-ws",
        "--log-level",
        "error",
        target,
    ]
    _start(servers, command, {**os.environ, **environment}, port)
    return port


def _radicale(servers: contextlib.ExitStack, folder: str, body: bytes) -> tuple[int, str]:
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "radicale",
        "--server-hosts",
        f"127.0.0.1:{port}",
        "--storage-filesystem-folder",
        f"{folder}/radicale",
        "--auth-type",
        "none",
        "--rights-type",
        "authenticated",
        "--logging-level",
        "error",
    ]
    _start(servers, command, dict(os.environ), port)
    path = "/bench/calendar/"
    headers = {"Content-Type": "text/calendar", "Authorization": "Basic YmVuY2g6eA=="}
    put = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers, method="PUT")
    urllib.request.urlopen(put).close()
    return port, path


def _start(
    servers: contextlib.ExitStack, command: list[str], environment: dict[str, str], port: int
) -> None:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    servers.callback(process.wait)
    servers.callback(process.terminate)
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{command} did not start")


def _etag(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.headers["ETag"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
