"""Periodic jobs: they find due work whose wake-up was lost, and delete old rows.

The module is above every room with due work, and below the command line; `workers.tick` enqueues
the jobs.
"""

from datetime import datetime, timedelta

import letters
from base import jobs, scheduling
from base.tables import faulty, outbox
from base.tables.faulty import FaultyRow
from base.tables.time_off import TimeOff
from free_times.earlier import accepting, entries, news
from free_times.online import answering, holds, proofs, requests, unattended
from letters import reminders, to_team, trouble
from models import Clinic, database
from operate import clock_ahead, holidays, intake, overlap_check
from people import credentials, guide_notes
from people.email_addresses import AddressProof
from people.mailed_codes import MailedCode
from people.security import SecurityEvent
from people.sessions import Session
from sync.tables import clocks, pace, runs
from sync.two_way import work

from .chore_turns import in_turn
from .intake.upload import ASKED, Import


def sweep() -> None:
    """Wake the workers about all due work.

    A wake-up may be lost with Redis, or its worker may have died.
    """
    jobs.each(SWEPT, lambda part: part())


def clean_up() -> None:
    """Delete old rows, each kind by itself.

    Expired one-time tokens, failed tries of yesterday, old letters and runs, and files that nobody
    decided about; also wrong times from a clock that was ahead.

    The history stays.
    """
    now = scheduling.utc_now()
    parts = [*map(database.atomic(), OLD), *OLD_ROW_BY_ROW]
    jobs.each(parts, lambda part: part(now))


def _discard_undecided(now: datetime) -> None:
    undecided = ("checked", ASKED, "failed")
    old = Import.select(Import.id, Import.clinic).where(
        Import.created_at < now - Import.KEPT, Import.phase.in_(undecided)
    )
    faulty.each("files", old, lambda one: one.advance(undecided, "discarded", None) or None)


def clean_up_hourly() -> None:
    """Delete expired rows, once an hour."""
    in_turn(clean_up, timedelta(hours=1))


def refresh_holidays() -> None:
    """Store the public holidays of the year ahead, four times a day."""
    in_turn(holidays.refresh, timedelta(hours=6))


def check_overlaps() -> None:
    """Look for bookings that overlap, once a day."""
    in_turn(overlap_check.check_clinics, timedelta(days=1))


SWEPT = (
    clock_ahead.watch,
    intake.sweep,
    work.sweep,
    letters.sweep,
    Clinic.void_late,
    requests.lapse,
)
OLD = (  # a statement or two each, in one transaction
    credentials.clean_up,
    proofs.clean_up,
    entries.clean_up,
    runs.clean_up,
    pace.clean_up,
    clocks.set_right,
    clock_ahead.set_right,
    outbox.clean_up,
    guide_notes.clean_up,
    holds.clean_up,
    TimeOff.clean_up,
    FaultyRow.clean_up,
    AddressProof.clean_up,
    MailedCode.clean_up,
    Session.clean_up,
    SecurityEvent.clean_up,
)
OLD_ROW_BY_ROW = (requests.forget, _discard_undecided)  # with a transaction for each row

# The listeners that are called after a change that made something due
# (`base.sql.after_commit`).
WAKING = (work.wake_due, letters.wake_due)

SOON = 300  # seconds until a failed chore is tried again

# Function, seconds between two runs. None is longer than 600: what is due less often asks in its
# turn whether it is due, so that nothing waits a day because it failed once.
PERIODIC = (
    (sweep, 10),
    (unattended.finish, 10),
    (accepting.finish_unattended, 10),
    (answering.finish_unattended, 10),
    (news.offer_freed_times, 20),
    (trouble.write_about_accounts, 60),
    (trouble.write_about_calendars, 60),
    (trouble.write_about_removals, 600),
    (reminders.write_due, 600),
    (to_team.write_due, 600),
    (clean_up_hourly, SOON),
    (refresh_holidays, SOON),
    (check_overlaps, SOON),
)
