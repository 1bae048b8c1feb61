"""Random histories in which our clock jumps while the provider's is right: once it is right again,
both sides agree within twenty minutes, without the hourly chore.
"""

import random
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sync_world import WORLDS

from base.scheduling import Span
from models import Booking
from operate import chores
from sandbox import google, graph
from sync.tables.accounts import Account

HOUR = timedelta(hours=1)
JUMPS = (-1440, -120, -60, -20, 20, 60, 180, 1440, 4320)  # minutes


class Walk:
    """A history with one account. `right`: the provider's clock; ours differs by `wrong`."""

    def __init__(self, linden, clock, monkeypatch, kind, seed):
        self.linden, self.clock, self.rng = linden, clock, random.Random(seed)
        self.right, self.wrong = SimpleNamespace(now=clock.now), timedelta()
        for module in (google, graph):
            make = module.create
            monkeypatch.setattr(
                module,
                "create",
                lambda make=make, **named: make(**named | {"clock": lambda: self.right.now}),
            )
        self.world = WORLDS[kind](linden, clock, webhook_url=None)
        self.world.later = self.later
        self.rows = [self.world.book(days=2 + n, hour=8 + n) for n in range(4)]
        self.account = self.world.start(sources=[self.world.source()])
        self.outside: dict[str, str] = {}

    def later(self, **length):
        self.right.now += timedelta(**length)
        self.clock.now = self.right.now + self.wrong

    def work(self):
        chores.sweep()
        for account in list(Account.due(self.clock.now)):
            self.world.run(account)

    # ---- steps ----

    def jump(self):
        self.wrong = timedelta(minutes=self.rng.choice(JUMPS))
        self.later(seconds=5)

    def be_right(self):
        self.wrong = timedelta()
        self.later(seconds=5)

    def wait(self):
        self.later(minutes=self.rng.choice([1, 10, 90]))

    def book(self):
        self.clock.now = self.right.now
        self.rows.append(self.world.book(self.rng.randint(3, 20), self.rng.randint(7, 18)))
        self.later()

    def move(self):
        row = self._any()
        if row.status != "cancelled":
            later = Span(row.starts_at + HOUR, row.ends_at + HOUR)
            row.change(self.linden.pat, later, allow_overlap=True)

    def cancel(self):
        row = self._any()
        if row.status != "cancelled":
            row.cancel(self.linden.pat)

    def add_outside(self):
        at, title = self.right.now + timedelta(days=self.rng.randint(2, 20)), f"{len(self.rows)}"
        title = f"Outside {title} {self.right.now:%H%M%S}"
        self.outside[title] = self.world.robin.add(title, at, at + HOUR, self.world.source())

    def delete_outside(self):
        if self.outside:
            gone = self.outside.pop(self.rng.choice(sorted(self.outside)))
            self.world.robin.delete(gone, self.world.source())

    def _any(self):
        return Booking.get_by_id(self.rng.choice(self.rows).id)


STEPS = (
    *(Walk.jump, Walk.jump, Walk.be_right, Walk.wait, Walk.book, Walk.move, Walk.cancel),
    *(Walk.add_outside, Walk.delete_outside),
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", list(WORLDS))
@pytest.mark.parametrize("seed", [1, 2, 3, 7, 8, 28])
def test_both_sides_agree_once_the_clock_is_right(linden, clock, monkeypatch, kind, seed):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    walk = Walk(linden, clock, monkeypatch, kind, seed)
    for _step in range(14):
        walk.rng.choice(STEPS)(walk)
        for _pass in range(walk.rng.randint(0, 2)):
            walk.later(seconds=walk.rng.choice([10, 40]))
            walk.work()
    walk.be_right()
    for _pass in range(40):
        walk.work()
        walk.later(seconds=30)
    found = {title for title in walk.world.mirrored(walk.account) if title.startswith("Outside")}
    assert found == set(walk.outside)
    walk.world.assert_in_step(walk.account)
