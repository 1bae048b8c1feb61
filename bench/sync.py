"""Two-way sync with the imitation providers at 80 ms a request: the first filling, runs without
changes, changes both ways, and 200 people.

All of Kalends runs as it is deployed (`start`, with three workers). The figures are read from both
sides, over HTTP and from the database.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles

from base.scheduling import Span
from base.sql import after_commit
from base.tables.outside import ExternalEvent
from models import Booking, Practitioner, User
from operate import chores
from sync.tables import mappings
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.two_way import work
from sync.two_way.run import run as bring_in_step

from .outside import MANY, NAMES, PAGES, PEOPLE, TRIES, Outside, kalends, until
from .tables import show, verdict

LATENCY_MS = 80
ITEM_MS = 150  # what one item of a batch takes at Graph
UNLIMITED = {
    "google": {"quota_per_minute": None},
    "microsoft": {"quota_per_10_minutes": None},
}  # Google lets 600 calls a minute through
FIRST_REQUESTS = {"google": 30, "microsoft": 80}


def run() -> None:
    """Measure everything with each provider."""
    with tempfile.TemporaryDirectory() as folder, kalends(Path(folder)) as base:
        figures = {}
        for kind in PAGES:
            outside = Outside(kind, base)
            outside.switch(latency_ms=LATENCY_MS, **UNLIMITED[kind])
            with nobody_woken():
                first = _first(outside)
            figures[kind] = first | _changes(outside)
        _show(figures)
        _at_graphs_pace(Outside("microsoft", base))
        for kind in PAGES:
            _crowd(Outside(kind, base))


@contextmanager
def nobody_woken() -> Iterator[None]:
    """Leave the runs within the block to this process: a worker that was woken would have the
    account before it, and what is measured would be nothing.
    """
    after_commit.listen()
    try:
        yield
    finally:
        after_commit.listen(*chores.WAKING)


def _first(outside: Outside) -> dict[str, float]:
    """Seconds and requests: of the first filling with a thousand bookings of one person, of a run
    with nothing to do, and of one changed booking.
    """
    user = User.select().order_by(User.id).first()
    for account in Account.select().where(Account.user == user):
        Account.update(phase="paused").where(Account.id == account.id).execute()
    ensure(user, MANY)
    account = outside.connect(user, f"first.{outside.kind}@people.example", sources=False)
    before, begun = outside.requests(), time.perf_counter()
    bring_in_step(account.id)
    if mappings.counts(account)["synced"] < MANY:
        raise RuntimeError("a worker began with the account: nothing was measured")
    found = {
        "first: seconds": time.perf_counter() - begun,
        "first: requests": outside.requests() - before,
    }
    poll(account)
    before = outside.requests()
    poll(account)
    found["idle look: requests"] = outside.requests() - before
    booking = Booking.select().where(Booking.practitioner.in_(user.practitioners)).first()
    before = outside.requests()
    booking.set_status(
        "confirmed" if booking.status == "pending" else "pending", user
    )  # it shows outside
    bring_in_step(account.id)
    return found | {"one change: requests": outside.requests() - before}


def ensure(user: User, count: int) -> None:
    """Make so many bookings of this person, half an hour each, from tomorrow on."""
    calendar = user.practitioners.get()
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    missing = count - Booking.select().where(Booking.practitioner == calendar).count()
    spans = [
        Span(start + timedelta(minutes=30 * n), start + timedelta(minutes=30 * n + 30))
        for n in range(max(0, missing))
    ]
    rows = (
        {
            "practitioner": calendar.id,
            "patient": None,
            "service": None,
            "starts_at": span.starts_at,
            "ends_at": span.ends_at,
        }
        for span in spans
    )
    Booking.add_many(user.clinic, rows, user)


def poll(account: Account) -> None:
    RemoteCalendar.update(due_at=None).where(
        RemoteCalendar.account == account, RemoteCalendar.role != "listed"
    ).execute()
    bring_in_step(account.id)


def _changes(outside: Outside) -> dict[str, list[float]]:
    """With the real workers: the seconds from a saved booking to its event there, and from a change
    there to its row here.
    """
    user = User.select().order_by(User.id).offset(1).first()
    ensure(user, 30)
    email = f"quick.{outside.kind}@people.example"
    account = outside.connect(user, email, sources=True)
    work.wake(account.id)
    booked = Booking.select().where(Booking.practitioner.in_(user.practitioners)).count()
    until(
        lambda: (
            Account.get_by_id(account.id).checked_at
            and mappings.counts(account)["synced"] == booked
        ),
        60,
    )
    calendar, there = (
        user.practitioners.get(),
        Account.get_by_id(account.id).destination.calendar_id,
    )
    later = 60 + 90 * list(PAGES).index(outside.kind)  # each provider's tries in days of their own
    day = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=later)
    out = _outwards(outside, email, user, calendar, there, day)
    back = _inwards(outside, email, user, day + timedelta(days=30))
    Account.update(phase="paused").where(Account.id == account.id).execute()
    return {"out": out, "back": back}


def _outwards(
    outside: Outside, email: str, user: User, calendar: Practitioner, there: str, day: datetime
) -> list[float]:
    """The seconds from each booking made here to its event there."""
    out = []
    standing = outside.do(email, "count", calendar=there)
    for number in range(TRIES):
        at = day + timedelta(hours=number)
        begun = time.perf_counter()
        Booking.book(calendar, [Span(at, at + timedelta(minutes=50))], user)
        work.wake_due({"clinic": {user.clinic_id}})
        until(
            lambda expected=standing + number + 1: (
                outside.do(email, "count", calendar=there) == expected
            ),
            30,
        )
        out.append(time.perf_counter() - begun)
    return out


def _inwards(outside: Outside, email: str, user: User, day: datetime) -> list[float]:
    """The seconds from each event made there to its row here."""
    back = []
    for number in range(TRIES):
        title, at = (
            f"Busy {outside.kind} {number}",
            (day + timedelta(hours=number)).replace(tzinfo=None),
        )
        begun = time.perf_counter()
        outside.do(
            email,
            "add",
            **{"summary" if outside.kind == "google" else "subject": title},
            start=at.isoformat(),
            end=(at + timedelta(minutes=30)).isoformat(),
        )
        until(
            lambda title=title: (
                ExternalEvent.select()
                .where(ExternalEvent.user == user, ExternalEvent.title == title)
                .exists()
            ),
            30,
        )
        back.append(time.perf_counter() - begun)
    return back


def _at_graphs_pace(outside: Outside) -> None:
    """A first filling at Graph's pace: each item takes its time, and four are worked on at once.
    Meanwhile a booking is changed, and a busy time is made outside.
    """
    outside.switch(latency_ms=LATENCY_MS, item_ms=ITEM_MS)
    user = User.select().order_by(User.id).offset(PEOPLE).first()
    ensure(user, MANY)
    email, calendar = "real.pace@people.example", user.practitioners.get()
    account, begun = outside.connect(user, email, sources=True), time.perf_counter()
    work.wake(account.id)
    until(lambda: mappings.counts(account)["synced"] >= MANY // 4, 120)
    there = Account.get_by_id(account.id).destination.calendar_id
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=300)
    changed = time.perf_counter()
    made = Booking.book(calendar, [Span(at, at + timedelta(minutes=50))], user)[0]
    work.wake_due({"clinic": {user.clinic_id}})
    outside.do(
        email,
        "add",
        subject="Meanwhile",
        start=(at + timedelta(days=1)).replace(tzinfo=None).isoformat(),
        end=(at + timedelta(days=1, hours=1)).replace(tzinfo=None).isoformat(),
    )
    waits = _waited(account, user, made, changed)
    until(
        lambda: (
            mappings.counts(account)["synced"] == MANY + 1
            and outside.do(email, "count", calendar=there) == MANY + 1
        ),
        600,
        0.1,
    )
    _show_pace(time.perf_counter() - begun, waits)
    Account.update(phase="paused").where(Account.id == account.id).execute()
    outside.switch(item_ms=0)


def _waited(account: Account, user: User, made: Booking, changed: float) -> dict[str, float]:
    """The seconds, counted from `changed`, until each change made during the filling arrived."""
    waits: dict[str, float] = {}
    ends = {
        "booking changed meanwhile to its event there": lambda: _is_synced(account, made),
        "busy time made there meanwhile to its place here": lambda: (
            ExternalEvent.select().where(ExternalEvent.user == user).exists()
        ),
    }
    while len(waits) < len(ends):
        for name, holds in ends.items():
            if name not in waits and holds():
                waits[name] = time.perf_counter() - changed
        if time.perf_counter() > changed + 300:
            raise TimeoutError("a change made during a filling did not get through")
        time.sleep(0.02)
    return waits


def _show_pace(took: float, waits: dict[str, float]) -> None:
    rows = [[f"first filling of {MANY:,}", f"{took:.1f} s ({verdict(took, 60, False)})"]]
    rows += [[name, f"{wait:.1f} s ({verdict(wait, 10, False)})"] for name, wait in waits.items()]
    show(
        f"Outlook, {ITEM_MS} ms an item and {LATENCY_MS} ms a request, four items at once, with the"
        " workers of `start`",
        ["", "time"],
        rows,
    )


def _is_synced(account: Account, booking: Booking) -> bool:
    return (
        MappingRow.select()
        .where(
            MappingRow.account == account,
            MappingRow.booking == booking,
            MappingRow.phase == "synced",
        )
        .exists()
    )


def _crowd(outside: Outside) -> None:
    """Two hundred people with fifty bookings each, and the workers of `start`: the first filling, a
    run that reads its own changes, and a run with nothing to do.
    """
    outside.switch(latency_ms=0)
    users = list(User.select().order_by(User.id).offset(2).limit(PEOPLE - 2))
    accounts = []
    for number, user in enumerate(users):
        ensure(user, 50)
        accounts.append(
            outside.connect(user, f"person{number}.{outside.kind}@people.example", sources=False).id
        )
        Account.update(phase="paused").where(
            Account.id == accounts[-1]
        ).execute()  # the clock sweeps meanwhile; they begin together
    outside.switch(latency_ms=LATENCY_MS)
    names = ("first filling", "look at its echo", "idle look")
    rows = [[what, *_round(outside, accounts)] for what in names]
    Account.update(phase="paused").where(Account.id.in_(accounts)).execute()
    show(
        f"{NAMES[outside.kind]}: {len(users)} people, {50 * len(users):,} bookings, {LATENCY_MS} ms"
        " a request",
        ["", "all done after s", "half after s", "95 % after s", "requests"],
        rows,
    )


def _round(outside: Outside, accounts: list[int]) -> list[str]:
    """One run of all these accounts: the seconds until half, 95 % and all were done, and the
    requests.
    """
    RemoteCalendar.update(due_at=None).where(
        RemoteCalendar.account.in_(accounts), RemoteCalendar.role != "listed"
    ).execute()
    begun, before = datetime.now(UTC), outside.requests()
    Account.update(phase="active", due_at=begun).where(Account.id.in_(accounts)).execute()
    work.sweep()
    until(
        lambda begun=begun: (
            Account.select().where(Account.id.in_(accounts), Account.checked_at > begun).count()
            == len(accounts)
        ),
        900,
        0.2,
    )
    waits = sorted(
        (row.checked_at - begun).total_seconds()
        for row in Account.select().where(Account.id.in_(accounts))
    )
    return [
        f"{waits[-1]:.1f}",
        f"{median(waits):.1f}",
        f"{waits[int(len(waits) * 0.95)]:.1f}",
        str(outside.requests() - before),
    ]


def _show(figures: dict[str, dict]) -> None:
    rows = []
    for name, asked in (
        ("first: seconds", dict.fromkeys(PAGES, 60)),
        ("first: requests", FIRST_REQUESTS),
        ("idle look: requests", dict.fromkeys(PAGES, 1)),
        ("one change: requests", dict.fromkeys(PAGES, 2)),
    ):
        rows.append(
            [
                name,
                *(
                    f"{figures[kind][name]:.4g}"
                    f" ({verdict(figures[kind][name], asked[kind], False)})"
                    for kind in PAGES
                ),
            ]
        )
    for name, words in (
        ("out", "booking saved to event there"),
        ("back", "change there to its place here"),
    ):
        for share, asked in ((0.5, 1), (0.95, 2)):
            cells = []
            for kind in PAGES:
                value = quantiles(figures[kind][name], n=20)[int(share * 20) - 1]
                cells.append(f"{value:.2f} s ({verdict(value, asked, False)})")
            rows.append([f"{words}, {share:.0%}", *cells])
    show(
        f"Two-way sync, {LATENCY_MS} ms a request, first sync of {MANY:,} bookings",
        ["", *(NAMES[kind] for kind in PAGES)],
        rows,
    )
