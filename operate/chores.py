"""What is done again and again: find due work that no nudge is on the way for, and throw away what has had its time.

It stands above everything that has due work, and below the command line; `processes.tick` enqueues it.
"""

from datetime import timedelta

import accounts
import intake
import scheduling
from credentials import OneTimeLink, Throttle
from intake.upload import Import
from models import database
from sync import work


def sweep() -> None:
    """Nudge the workers about all due work: a nudge may be lost with Redis, or its worker may have died."""
    intake.sweep()
    work.sweep()


@database.atomic()
def clean_up() -> None:
    """Remove dead one-time links, failed tries of yesterday, the history of runs of long ago, and the text of files that nobody decided about.

    The audit stays."""
    now = scheduling.utc_now()
    OneTimeLink.delete().where(OneTimeLink.expires_at <= now).execute()
    accounts.clean_up(now)
    Throttle.delete().where(Throttle.updated_at < now - timedelta(days=1)).execute()
    for old in Import.select(Import.id, Import.clinic).where(Import.created_at < now - Import.KEPT, Import.phase.in_(("checked", "failed"))):
        old.advance(("checked", "failed"), "discarded", None)


PERIODIC = ((sweep, 60), (clean_up, 3600))  # function, seconds between two runs
