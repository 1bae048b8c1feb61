"""Letters to people: `outbox` keeps them as rows, `kinds` renders one, `sending` gives it to the
mail server. No request sends a letter itself.
"""

from base import jobs, scheduling
from base.sql.after_commit import Due
from base.tables import outbox
from base.tables.outbox import Letter
from people.credentials import ResetRequest

from . import mail_text, sending, texting


def one_time_address(secret: str) -> str:
    """The address that uses up a one-time token. Built on the configured base: a forged Host header
    must not lead a secret astray.
    """
    return mail_text.address("auth.accept", secret=secret)


def wake_due(due: Due) -> None:
    """After a change that queued letters or text messages: wake the jobs that send them."""
    if "letter" in due:
        _wake()
    if "text" in due:
        _wake_texts()


def _wake() -> None:
    jobs.enqueue("chores", sending.send_due)


def _wake_texts() -> None:
    jobs.enqueue("chores", texting.send_due)


def sweep() -> None:
    """Wake the jobs for letters and requests that are due. A wake-up may be lost with Redis, or
    with a worker that died.
    """
    if Letter.queues_of_texts(scheduling.utc_now()):
        _wake_texts()
    if outbox.is_set_up() and (
        Letter.due(scheduling.utc_now()).exists() or ResetRequest.waiting().exists()
    ):
        _wake()
