"""What is done again and again: find due work that no nudge is on the way for, and throw away what has had its time.

It stands above everything that has due work, and below the command line; `processes.tick` enqueues it.
"""

import logging
import smtplib
from datetime import timedelta

import accounts
import intake
import mail
import scheduling
from accounts import Account
from credentials import OneTimeLink, Throttle
from intake.upload import Import
from models import User, database
from sync import work

log = logging.getLogger("kalends.chores")

LETTERS = (timedelta(seconds=60), timedelta(days=3), timedelta(days=7))  # after trouble began; a hiccup is over within a minute
PERSONAL = ("reconnect", "calendar_gone")  # what the account's own person puts right


def sweep() -> None:
    """Nudge the workers about all due work: a nudge may be lost with Redis, or its worker may have died."""
    intake.sweep()
    work.sweep()


def tell() -> None:
    """Write about accounts that need a person: at once, after three days and after a week, and from the second time to the owners, too.

    Whoever is first claims the letter in one statement, so that none is sent twice, by however many clocks; one that fails is not repeated.
    """
    if not mail.is_set_up():
        return
    now = scheduling.utc_now()
    stuck = Account.select(Account, User).join(User).where(
        Account.phase == "active", Account.health.in_(PERSONAL + ("operator",)), Account.failing_since <= now - LETTERS[0],
        Account.told < len(LETTERS), User.sync_allowed, User.left_at.is_null())
    for account in stuck:
        due = sum(account.failing_since <= now - after for after in LETTERS)
        claimed = Account.update(told=due).where(Account.id == account.id, Account.told == account.told, Account.told < due,
                                                 Account.health == account.health, Account.failing_since == account.failing_since).execute()
        for person in _readers(account, due) if claimed else ():
            _write(account, person)


def _readers(account: Account, letters: int) -> list[User]:
    """The account's person where they can do something; the clinic's owners where nobody else can, or nobody has for days."""
    owners = User.select().where(User.clinic == account.clinic_id, User.role == "owner", User.left_at.is_null(), User.password_hash.is_null(False))
    people = [account.user] if account.health in PERSONAL else []
    return people + [owner for owner in owners if owner.id != account.user_id or not people] if letters > 1 or not people else people


def _write(account: Account, person: User) -> None:
    try:
        mail.send_sync_trouble(account, person)
    except (OSError, smtplib.SMTPException) as error:
        log.warning("letter about account %s not sent: %s", account.id, type(error).__name__)


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


PERIODIC = ((sweep, 10), (tell, 60), (clean_up, 3600))  # function, seconds between two runs
