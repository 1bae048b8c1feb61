"""Two-way sync by CalDAV against an imitation of a server with 80 ms a request that bears four
connections: the first filling, an idle look, a changed booking.

The imitation runs in this process: what it takes of the processor counts against us.
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server

import models
from app import create_app
from base.config.settings import Settings
from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from models import Booking, User
from operate import migrate
from sandbox.caldav import create
from sandbox.caldav.app import ROBIN, SECRET
from sync.connect import arrival
from sync.tables import starting
from sync.tables.accounts import Account
from sync.two_way import first_list
from sync.two_way.run import run as bring_in_step

from . import clinics
from .outside import MANY
from .sync import LATENCY_MS, ensure, poll
from .tables import show, verdict

FIRST_SECONDS, LOOK, CHANGE = 60, 1, 2  # a change is a look and a write
KIND = "caldav-nextcloud"


class Silent(WSGIRequestHandler):
    """Without a line for each request."""

    def log_request(self, *told: object) -> None:
        """Nothing."""


def run() -> None:
    """The figures of the first filling and of what follows."""
    sandbox = create("plain")

    def slow(environ: dict, start_response: Callable):
        time.sleep(LATENCY_MS / 1000)
        return sandbox(environ, start_response)

    server = make_server("127.0.0.1", 0, slow, threaded=True, request_handler=Silent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        try:
            _show(_figures(Path(folder), f"http://127.0.0.1:{server.port}", sandbox))
        finally:
            server.shutdown()
            models.database.obj.close_all()


def _figures(folder: Path, address: str, sandbox) -> dict[str, float]:
    os.environ["KALENDS_PRIVATE_HOSTS"] = "http://127.0.0.1"
    create_app(
        Settings.from_env({"KALENDS_INSTANCE": str(folder), "KALENDS_SECRET_KEY": "of the bench"})
    )
    exchange.set_up(read_allowed("http://127.0.0.1"))
    migrate.migrate()
    clinics.fill(2, 1)
    user = User.select().order_by(User.id).first()
    ensure(user, MANY)
    account = arrival.sign_in(user, KIND, address, ROBIN, SECRET)
    first_list.read(account.id)
    starting.start(Account.get_by_id(account.id), user, "Kalends bench", "Europe/London")
    asked = _Counter(sandbox)
    begun, worked = time.perf_counter(), time.process_time()
    bring_in_step(account.id)
    found = {
        "first: seconds": time.perf_counter() - begun,
        "first: seconds of the processor, ours and theirs": time.process_time() - worked,
        "first: requests": asked.since(),
    }
    poll(account)
    asked.since()
    poll(account)
    found["idle look: requests"] = asked.since()
    booking = Booking.select().where(Booking.practitioner.in_(user.practitioners)).first()
    is_pending = booking.status == "pending"
    booking.set_status("confirmed" if is_pending else "pending", user)  # it shows outside
    begun = time.perf_counter()
    bring_in_step(account.id)
    return found | {
        "one change: requests": asked.since(),
        "one change: seconds": time.perf_counter() - begun,
    }


class _Counter:
    """How many requests the imitation had since the last question."""

    def __init__(self, sandbox):
        self.sandbox, self.before = sandbox, sandbox.requests.total

    def since(self) -> int:
        """So many."""
        before, self.before = self.before, self.sandbox.requests.total
        return self.before - before


def _show(found: dict[str, float]) -> None:
    asked = {
        "first: seconds": FIRST_SECONDS,
        "idle look: requests": LOOK,
        "one change: requests": CHANGE,
    }
    rows = [
        [name, f"{value:.1f}", verdict(value, asked[name], False) if name in asked else ""]
        for name, value in found.items()
    ]
    show(f"{MANY} bookings by CalDAV, {LATENCY_MS} ms a request", ["", "seen", "asked"], rows)
