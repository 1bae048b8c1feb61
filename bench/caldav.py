"""Two-way sync by CalDAV with an imitation of a server that takes 80 ms for a request and accepts
four connections: the first filling, a run without changes, a changed booking. With the workers of
`start` also: how long each changed booking takes until its event is there.

The imitation runs in this process, so its use of the processor makes our figures worse. After the
first filling the calendar is compared twice more, after half a minute and after an hour; these runs
are counted by themselves.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles

from werkzeug.serving import WSGIRequestHandler, make_server

import models
from app import create_app
from base.config.settings import Settings
from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.scheduling import Span
from models import Booking, User
from operate import migrate
from sandbox.caldav import create
from sandbox.caldav.app import ROBIN, SECRET
from sync.connect import arrival
from sync.tables import starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way import first_list, work
from sync.two_way.run import run as bring_in_step

from . import clinics
from .outside import MANY, TRIES, kalends, until
from .sync import LATENCY_MS, ensure, poll
from .tables import show, verdict

FIRST_SECONDS, FIRST_REQUESTS, LOOK, CHANGE, OWN_SECONDS = 60, 1012, 1, 1, 1
COMPARISON = 2 + MANY // 100  # the changes, the list, and all events a hundred at a time
KIND = "caldav-nextcloud"
ALLOWED = "http://127.0.0.1"


class Silent(WSGIRequestHandler):
    """A request handler that writes no log line."""

    def log_request(self, *told: object) -> None:
        """Writes nothing."""


@contextmanager
def serving(sandbox) -> Iterator[str]:
    """Serve the imitation as a slow server within the block. Gives its address."""

    def slow(environ: dict, start_response: Callable):
        time.sleep(LATENCY_MS / 1000)
        return sandbox(environ, start_response)

    server = make_server("127.0.0.1", 0, slow, threaded=True, request_handler=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        models.database.obj.close_all()


def run() -> None:
    """The figures of the first filling and of the runs after it."""
    sandbox = create("right")
    with tempfile.TemporaryDirectory() as folder, serving(sandbox) as address:
        _show(_figures(Path(folder), address, sandbox))
    sandbox = create("right")
    with tempfile.TemporaryDirectory() as folder, serving(sandbox) as address:
        _show_changes(*_changes(Path(folder), address, sandbox))


def _connect(user: User, address: str) -> Account:
    exchange.set_up(read_allowed(ALLOWED))
    account = arrival.sign_in(user, KIND, address, ROBIN, SECRET)
    first_list.read_list(account.id)
    starting.start(Account.get_by_id(account.id), user, "Kalends bench", "Europe/London")
    return Account.get_by_id(account.id)


def _figures(folder: Path, address: str, sandbox) -> dict[str, float]:
    os.environ["KALENDS_PRIVATE_HOSTS"] = ALLOWED
    create_app(
        Settings.from_env({"KALENDS_INSTANCE": str(folder), "KALENDS_SECRET_KEY": "of the bench"})
    )
    migrate.migrate()
    clinics.fill(2, 1)
    user = User.select().order_by(User.id).first()
    ensure(user, MANY)
    asked = _Counter(sandbox)
    account = _connect(user, address)
    begun, worked = time.perf_counter(), time.process_time()
    bring_in_step(account.id)
    found = {
        "first: seconds": time.perf_counter() - begun,
        "first: seconds of the processor, ours and theirs": time.process_time() - worked,
        "first: requests": asked.since(),
    }
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    ours = RemoteCalendar.account == account, RemoteCalendar.role == "destination"
    RemoteCalendar.update(unproved_since=None).where(*ours).execute()
    poll(account)
    found["look at what was written: requests"] = asked.since()
    RemoteCalendar.update(unproved_since=long_ago, whole_at=long_ago).where(*ours).execute()
    poll(account)
    found["comparison of the whole: requests"] = asked.since()
    RemoteCalendar.update(unproved_since=None).where(*ours).execute()
    poll(account)
    found["idle look: requests"] = asked.since()
    booking = Booking.select().where(Booking.practitioner.in_(user.practitioners)).first()
    is_pending = booking.status == "pending"
    booking.set_status("confirmed" if is_pending else "pending", user)  # it shows outside
    bring_in_step(account.id)
    return found | {"one change: requests": asked.since()}


def _changes(folder: Path, address: str, sandbox) -> tuple[list[float], int]:
    """Two values, with the workers of `start`: the seconds from each new booking to its event
    there, and the number of requests in all.
    """
    with kalends(folder, KALENDS_PRIVATE_HOSTS=ALLOWED):
        user = User.select().order_by(User.id).first()
        ensure(user, TRIES)
        account = _connect(user, address)
        work.wake(account.id)
        there = _ours(sandbox)
        until(lambda: len(there()) >= TRIES and Account.get_by_id(account.id).synced_rev, 60)
        day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=200)
        asked, took = _Counter(sandbox), []
        for number in range(TRIES):
            at, before = day + timedelta(hours=number), len(there())
            begun = time.perf_counter()
            Booking.book(user.practitioners.get(), [Span(at, at + timedelta(minutes=50))], user)
            work.wake_due({"clinic": {user.clinic_id}})
            until(lambda before=before: len(there()) > before, 30)
            took.append(time.perf_counter() - begun)
        return took, asked.since()


def _ours(sandbox) -> Callable[[], dict]:
    """The events in our calendar there."""

    def found() -> dict:
        with sandbox.store.lock:
            return next(
                (
                    dict(one.resources)
                    for path, one in sandbox.store.calendars.items()
                    if "kalends-" in path
                ),
                {},
            )

    return found


class _Counter:
    """Counts the requests that the imitation got."""

    def __init__(self, sandbox):
        self.sandbox, self.before = sandbox, sandbox.requests.total

    def since(self) -> int:
        """The number of requests since the last call."""
        before, self.before = self.before, self.sandbox.requests.total
        return self.before - before


def _show(found: dict[str, float]) -> None:
    asked = {
        "first: seconds": FIRST_SECONDS,
        "first: requests": FIRST_REQUESTS,
        "comparison of the whole: requests": COMPARISON,
        "idle look: requests": LOOK,
        "one change: requests": CHANGE,
    }
    rows = [
        [name, f"{value:.1f}", verdict(value, asked[name], False) if name in asked else ""]
        for name, value in found.items()
    ]
    show(f"{MANY} bookings by CalDAV, {LATENCY_MS} ms a request", ["", "seen", "asked"], rows)


def _show_changes(took: list[float], requests: int) -> None:
    """Print the time for each change. Each change takes one request; all other time is our own."""
    own = [one - LATENCY_MS / 1000 for one in took]
    half, most = (quantiles(own, n=20)[at] for at in (9, 18))
    rows = [
        ["50 %", f"{half:.2f} s", ""],
        ["95 %", f"{most:.2f} s", verdict(most, OWN_SECONDS, False)],
        ["requests for each", f"{requests / len(took):.2f}", ""],
    ]
    show(f"{len(took)} changes to there, our own time", ["", "seen", "asked"], rows)
