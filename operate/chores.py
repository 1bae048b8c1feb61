"""What is done again and again.

Find due work that no wake-up is on the way for, and throw away what has had its time.

It stands above everything that has due work, and below the command line; `workers.tick` enqueues
it.
"""

import letters
from base import scheduling
from base.tables import outbox
from base.tables.time_off import TimeOff
from free_times.online import holds, proofs, requests, unattended
from letters import reminders, team, trouble
from models import Clinic, database
from operate import holidays, intake, overlaps
from people import credentials
from people.addresses import AddressProof
from people.mailed_codes import MailedCode
from people.security import SecurityEvent
from people.sessions import Session
from sync.tables import clocks, pace, runs
from sync.two_way import work

from .intake.upload import Import


def sweep() -> None:
    """Wake the workers about all due work.

    A wake-up may be lost with Redis, or its worker may have died.
    """
    intake.sweep()
    work.sweep()
    letters.sweep()
    Clinic.void_late()
    requests.lapse()


@database.atomic()
def clean_up() -> None:
    """Remove what has had its time.

    Dead one-time tokens, failed tries of yesterday, letters and the history of runs of long ago,
    and the text of files that nobody decided about; and what a clock that was ahead left.

    The audit stays.
    """
    now = scheduling.utc_now()
    credentials.clean_up(now)
    proofs.clean_up(now)
    holds.clean_up()
    requests.forget(now)
    runs.clean_up(now)
    pace.clean_up(now)
    clocks.set_right(now)
    outbox.clean_up(now)
    TimeOff.clean_up(now)
    AddressProof.clean_up()
    MailedCode.clean_up()
    Session.clean_up()
    SecurityEvent.clean_up()
    undecided = ("checked", "mapping", "failed")
    for old in Import.select(Import.id, Import.clinic).where(
        Import.created_at < now - Import.KEPT, Import.phase.in_(undecided)
    ):
        old.advance(undecided, "discarded", None)


# Who is told after a change that made something due (`base.sql.after_commit`).
WAKING = (work.wake_due, letters.wake_due)

# Function, seconds between two runs.
PERIODIC = (
    (sweep, 10),
    (unattended.finish, 10),
    (trouble.tell, 60),
    (trouble.tell_of_calendars, 60),
    (trouble.tell_of_removals, 600),
    (reminders.write_due, 600),
    (team.write_due, 600),
    (clean_up, 3600),
    (holidays.refresh, 6 * 3600),
    (overlaps.check, 24 * 3600),
)
