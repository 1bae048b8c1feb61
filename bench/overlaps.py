"""Random histories with up to 50 actors at once, on both databases: the number of overlaps that
nobody agreed to. BENCH_HISTORIES sets the number of histories on each database.
"""

import logging
import os
import random
import tempfile
import time
from pathlib import Path

from app import Settings, create_app
from operate import migrate

from .actors import ACTS
from .histories import Crew, History, Outcome
from .render import KEY
from .scale import databases
from .tables import show, verdict

HISTORIES = 10_000
MOST = 50  # actors at once
SAY_EVERY = 500
# small ones are many: each finds other orders, for a fraction of the work
SIZES = (*(2, 3, 4, 5, 6) * 3, 8, 8, 8, 12, 25, MOST)


def run() -> None:
    """Run the long series of random histories. A test runs a short one."""
    logging.getLogger("kalends").setLevel(logging.CRITICAL)
    count = int(os.environ.get("BENCH_HISTORIES", HISTORIES))
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for name, url in databases(folder):
            begun = time.perf_counter()
            total, actors = _histories(url("overlaps"), folder, count)
            minutes = (time.perf_counter() - begun) / 60
            rows = [
                ["histories", f"{count:,}"],
                ["actors", f"{actors:,}"],
                ["done / refused", f"{total.done:,} / {total.refused:,}"],
                ["given up, database locked for 10 s", f"{total.given_up:,}"],
                ["overlaps that somebody agreed to", f"{total.agreed:,}"],
                ["overlaps that nobody agreed to", f"{len(total.nobody)}"],
                ["misjudged by the nightly check", f"{len(total.misjudged)}"],
                ["faults", f"{len(total.faults)}"],
                ["minutes", f"{minutes:.1f}"],
            ]
            show(f"{name}: taking time, many at once", ["", ""], rows)
            wrong = len(total.nobody) + len(total.misjudged) + len(total.faults)
            print(f"\n  {wrong}, {verdict(wrong, 0, False)}")
            for fault in total.faults[:5]:
                print(f"  {fault}")


def _histories(url: str, folder: str, count: int) -> tuple[Outcome, int]:
    settings = {"DATABASE_URL": url, "KALENDS_INSTANCE": folder, "KALENDS_SECRET_KEY": KEY}
    create_app(Settings.from_env(settings))
    migrate.migrate()
    total, actors, crew = Outcome(), 0, Crew(MOST)
    for seed in range(count):
        size = random.Random(seed).choice(SIZES)
        one = History(seed, size, 5, ACTS).run(crew)
        actors += size
        total.done += one.done
        total.refused += one.refused
        total.given_up += one.given_up
        total.agreed += one.agreed
        total.nobody += one.nobody
        total.misjudged += one.misjudged
        total.faults += one.faults
        if one.nobody or one.misjudged or one.faults:
            print(f"  history {seed}: {one.nobody} {one.misjudged} {one.faults}", flush=True)
        if (seed + 1) % SAY_EVERY == 0:
            print(f"  {seed + 1:,} histories, {actors:,} actors", flush=True)
    crew.dismiss()
    return total, actors
