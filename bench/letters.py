"""10,000 bookings changed at random while the mail server is in trouble (`correspondence`), on
SQLite; and the cost of as many letters that are due at once for others (`backlog`). BENCH_LETTERS
sets the number of bookings.
"""

import logging
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from app import Settings, create_app
from base import scheduling
from base.bookings.client_letters import LetterSettings
from base.tables import outbox
from letters import sending
from models import Booking, Clinic, Patient, User
from operate import migrate, sample
from tests.mail_server import MailServer

from . import backlog
from .correspondence import Correspondence
from .render import KEY
from .tables import show, verdict

BOOKINGS = 10_000
A_HISTORY = 200  # bookings: what is kept of each history is read again and again


def run() -> None:
    """The long run. A test makes the short one."""
    logging.getLogger("kalends").setLevel(logging.CRITICAL)
    count, begun = int(os.environ.get("BENCH_LETTERS", BOOKINGS)), time.perf_counter()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        faults, taken, lost = _histories(folder, count)
    rows = [
        ["bookings", f"{count:,}"],
        ["letters taken", f"{taken:,}"],
        ["answers lost", f"{lost:,}"],
        ["minutes", f"{(time.perf_counter() - begun) / 60:.1f}"],
    ]
    show("Letters to clients, a mail server in trouble", ["", ""], rows)
    print(f"\n  {len(faults)}, {verdict(len(faults), 0, False)}")
    for fault in faults[:5]:
        print(f"  {fault}")
    backlog.run()


def _histories(folder: str, count: int) -> tuple[list[str], int, int]:
    url = f"sqlite:///{folder}/letters.db"
    settings = {"DATABASE_URL": url, "KALENDS_INSTANCE": folder, "KALENDS_SECRET_KEY": KEY}
    app = create_app(Settings.from_env(settings))
    migrate.migrate()
    sample.load("a password of the bench")
    clinic = Clinic.get()
    LetterSettings.stored(clinic).change(None, to_clients="all", reminders=[])
    owner = User.get(User.clinic == clinic, User.role == "owner")
    clients = [
        Patient.named(clinic, owner, f"Client {n}", email=f"client{n}@client.test")
        for n in range(40)
    ]
    calendars = list(owner.clinic.practitioners)
    at = [scheduling.utc_now().replace(minute=0, second=0, microsecond=0)]
    scheduling.utc_now = lambda: at[0]
    server, faults, taken, lost = MailServer(), [], 0, 0
    server.start()
    outbox.set_up(
        outbox.MailSetup(server.url, "kalends@linden.test", per_minute=10**6, answer_seconds=4)
    )

    def tick(length: timedelta) -> None:
        at[0] += length

    for seed in range(-(-count // A_HISTORY)):
        Booking.delete().execute()
        outbox.Letter.delete().execute()
        server.begin_anew()
        with app.app_context():
            history = Correspondence(
                calendars, clients, owner, server, sending.send_due, tick, seed, app
            )
            history.run(A_HISTORY)
        said = f"{(seed + 1) * A_HISTORY:,} bookings, {len(faults) + len(history.faults)} faults"
        print(f"  {said}", flush=True)
        faults += history.faults
        taken, lost = taken + sum(history.copies.values()), lost + sum(history.lost.values())
    server.stop()
    return faults, taken, lost
