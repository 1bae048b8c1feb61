"""Letters on their way out: `outbox` keeps them as rows, `kinds` renders one, `sending` hands it to
the mail server. No request does.
"""

from base import jobs, scheduling
from base.sql.after_commit import Due
from base.tables import outbox
from base.tables.outbox import Letter
from people.credentials import ResetRequest

from . import sending, text


def one_time_address(secret: str) -> str:
    """The address of a one-time link. Built on the configured base: a forged Host header must not
    lead a secret astray.
    """
    return text.address("auth.accept", secret=secret)


def wake_due(due: Due) -> None:
    """After a change that wrote letters, or asked for one: have them sent now."""
    if "letter" in due:
        _wake()


def _wake() -> None:
    jobs.enqueue("chores", sending.send_due)


def sweep() -> None:
    """Wake the job about letters and requests that nobody was woken for: a wake-up may be lost with
    Redis, or its worker may have died.
    """
    if outbox.is_set_up() and (
        Letter.due(scheduling.utc_now()).exists() or ResetRequest.waiting().exists()
    ):
        _wake()
