"""The cost of 10,000 letters that are due at once for others: how long a feed's answer takes, and a
booking's way to its event outside, with and without the letters.

All of Kalends runs as it is deployed, with the rate and the backoff of the settings. Short windows
with and without letters take turns, so that other work of the machine affects both alike.
BENCH_WINDOWS sets the number of windows of each kind.
"""

import http.client
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from urllib.parse import urlsplit

from base import scheduling, vault
from base.bookings import client_letters
from base.bookings.client_letters import LetterSettings
from base.scheduling import Span
from base.tables import outbox
from base.tables.bulk import insert_many_rows
from base.tables.outbox import Letter
from letters import wake_due
from models import Booking, Feed, Patient, User
from sync.connect import gateway
from sync.feeds import feed as feeds
from sync.tables.accounts import Account
from sync.tables.mappings import MappingRow
from sync.two_way import work
from tests.mail_server import MailServer

from .outside import SECRET, Outside, kalends, until
from .tables import show, verdict

LETTERS = 10_000
WINDOWS, SECONDS = 16, 6  # with, and as many without; how long each is
ASKED = 50  # answers of a feed for each booking
LATENCY_MS = 80  # of a request to the provider
MOST = 1.1  # times as long
FAR = timedelta(days=300)
SERVERS: dict[str, Callable[[str, str], str | None]] = {
    "takes each letter": lambda stage, to: None,
    "is in trouble": lambda stage, to: "421 busy" if stage == "MAIL" else None,
}


def run() -> None:
    """A table: how much longer both take while the letters wait and are sent."""
    server = MailServer()
    server.start()
    more = {"SMTP_URL": server.url, "MAIL_FROM": "kalends@linden.test"}
    with tempfile.TemporaryDirectory() as folder, kalends(Path(folder), **more) as base:
        outbox.set_up(outbox.MailSetup(server.url, more["MAIL_FROM"]))
        outside, rows = Outside("google", base), []
        outside.switch(latency_ms=LATENCY_MS, quota_per_minute=None)
        user, other = User.select().order_by(User.id).limit(2)
        account = outside.connect(user, "letters@people.example", sources=False)
        _queue(other)
        for name, plan in SERVERS.items():
            server.plan = plan
            rows += _beside(name, user, account, server)
    server.stop()
    show(
        f"{LETTERS:,} letters due at once, {outbox.setup().per_minute} a minute: milliseconds",
        ["the mail server", "", "without", "with", "ratio"],
        rows,
    )


def _queue(user: User) -> None:
    """Make bookings, each with a client of its own, and their letters, all due."""
    clinic, calendar = user.clinic, user.practitioners.get()
    LetterSettings.stored(clinic).change(None, to_clients="all", reminders=[])
    Patient.update(email="client@client.test").where(Patient.clinic == clinic).execute()
    client = Patient.get(Patient.clinic == clinic)
    begins = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + FAR
    facts = {"practitioner": calendar.id, "patient": client.id, "service": None}
    spans = [begins + timedelta(minutes=15 * n) for n in range(LETTERS)]
    rows = [{**facts, "starts_at": at, "ends_at": at + timedelta(minutes=15)} for at in spans]
    Booking.add_many(clinic, rows, user)
    made = Booking.select(Booking.id).where(Booking.starts_at >= begins)
    sealed = vault.seal("client@client.test")
    insert_many_rows(
        Letter,
        [
            Letter(
                clinic=clinic,
                kind=client_letters.KIND,
                about=row.id,
                sequence=f"0 {client.id}",
                sealed_to=sealed,
                detail={"client": client.id, "rows": [[row.id, None]]},
            )
            for row in made
        ],
    )


def _beside(name: str, user: User, account: Account, server: MailServer) -> list[list[str]]:
    """Both figures, without and with the letters. The ratio is the median of all pairs of
    neighbouring windows.
    """
    taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    known, tried = len(server.taken), server.connections
    for n in range(int(os.environ.get("BENCH_WINDOWS", WINDOWS)) * 2):
        is_due, ends_at, found = n % 4 in (1, 2), time.monotonic() + SECONDS, []
        _set_due(is_due)  # without, with, with, without
        while time.monotonic() < ends_at:
            found.append((_feed(), _sync(user, account)))
        taken[is_due].append((mean(one for one, _ in found), mean(one for _, one in found)))
    rows = []
    for which, what in enumerate(("a feed's answer", "a booking to its event there")):
        without, beside = ([one[which] for one in taken[due]] for due in (False, True))
        ratio = median(high / low for low, high in zip(without, beside, strict=True))
        cells = [f"{median(some) * 1000:.2f}" for some in (without, beside)]
        met = verdict(round(ratio, 2), MOST, False)
        rows.append([name, what, *cells, f"{ratio:.2f} ({met})"])
    left = Letter.select().where(Letter.phase == "waiting").count()
    print(
        f"  {len(server.taken) - known} letters taken in {server.connections - tried} connections,"
        f" {left:,} wait",
        flush=True,
    )
    return rows


def _set_due(is_due: bool) -> None:
    at = scheduling.utc_now() + (timedelta(0) if is_due else FAR)
    Letter.update(due_at=at, waits_for_server=False).where(Letter.phase == "waiting").execute()
    if is_due:
        wake_due({"letter": set()})


def _feed() -> float:
    """The seconds that one answer of a feed takes."""
    link, begun = Feed.select().order_by(Feed.id).get(), time.perf_counter()
    port = int(urlsplit(gateway.setup().webhook_url).port or 80)
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for _ in range(ASKED):
        line.request("GET", feeds.path(SECRET, link))
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    line.close()
    return (time.perf_counter() - begun) / ASKED


def _sync(user: User, account: Account) -> float:
    """The seconds from a saved booking to its event outside."""
    begun, at = time.perf_counter(), scheduling.utc_now() + timedelta(days=1)
    span = Span(at, at + timedelta(minutes=30))
    (made,) = Booking.book(user.practitioners.get(), [span], user, allow_overlap=True)
    work.wake_due({"clinic": {user.clinic_id}})
    there = MappingRow.account == account, MappingRow.booking == made
    until(MappingRow.select().where(*there, MappingRow.phase == "synced").exists, 60, 0.005)
    return time.perf_counter() - begun
