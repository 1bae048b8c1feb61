"""Kalends as it is deployed, with the imitations of providers, used and measured over HTTP."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx

import models
from app import create_app
from base.config.endpoints import sandbox_port
from base.config.settings import Settings
from models import User
from operate import migrate
from sync.connect import arrival, gateway
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.sources import turn_on
from sync.two_way import first_list

from . import clinics

MANY, PEOPLE, TRIES = 1000, 200, 40
SECRET = "a secret of the bench"


PAGES = {"google": "/sandbox", "microsoft": "/sandbox/outlook"}


NAMES = {"google": "Google", "microsoft": "Outlook"}


class Outside:
    """One provider's imitation, used and measured over HTTP."""

    def __init__(self, kind: str, base: str):
        self.kind, self.pages, self.http = (
            kind,
            PAGES[kind],
            httpx.Client(base_url=base, timeout=120),
        )

    def switch(self, **values: object) -> None:
        self.http.post(f"{self.pages}/control/switches", json=values).raise_for_status()

    def do(self, email: str, what: str, **choice: object):
        answer = self.http.post(f"{self.pages}/users/{email}/{what}", json=choice)
        answer.raise_for_status()
        return answer.json()["answer"]

    def requests(self) -> int:
        """The number of HTTP requests that the imitation has had; the calls within a batch do not
        count.
        """
        return self.http.get(f"{self.pages}/requests/total").json()

    def connect(self, user: User, email: str, sources: bool) -> Account:
        """The person's account, connected through the pages of consent."""
        out = arrival.authorize(self.kind, user.clinic, f"{self._base()}/connect/{self.kind}")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(out.url).query).items()}
        form = asked | {"decision": "allow", "other": email, "granted": asked["scope"].split()}
        back = self.http.post(
            urlsplit(out.url)._replace(scheme="", netloc="", query="").geturl(),
            data=form,
            follow_redirects=False,
        )
        query = {
            name: values[0]
            for name, values in parse_qs(urlsplit(back.headers["Location"]).query).items()
        }
        account = arrival.arrive(user, self.kind, out, query)
        first_list.read_list(account.id)
        starting.start(account, user, "Kalends bench", "Europe/London")
        if sources:
            for row in account.calendars.where(RemoteCalendar.is_primary):
                turn_on(row, user)
        return Account.get_by_id(account.id)

    @staticmethod
    def _base() -> str:
        return gateway.setup().webhook_url


@contextlib.contextmanager
def kalends(folder: Path, **more: str) -> Iterator[str]:
    """Run Kalends with its workers and the imitations within the block. Gives the imitations'
    address. `more`: settings.
    """
    port = free_port()
    environ = {
        "KALENDS_INSTANCE": str(folder / "instance"),
        "KALENDS_PORT": str(port),
        "KALENDS_SANDBOX": "1",
        "KALENDS_SECRET_KEY": SECRET,
        "KALENDS_BASE_URL": f"http://localhost:{port}",
        "KALENDS_SAMPLE_PASSWORD": "sample pass 1",
        **more,
    }
    (folder / "instance").mkdir()
    create_app(Settings.from_env(environ))
    migrate.migrate()
    clinics.fill(PEOPLE + 1, 1)
    models.database.close()
    running = subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "start"],
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(
            lambda: (
                answers(f"http://localhost:{port}/readyz")
                and answers(f"http://localhost:{sandbox_port(port)}/")
            ),
            60,
        )
        models.database.connect(reuse_if_open=True)
        yield f"http://localhost:{sandbox_port(port)}"
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(20)
        models.database.obj.close_all()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def until(holds: Callable[[], object], seconds: float, pause: float = 0.01) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(pause)
