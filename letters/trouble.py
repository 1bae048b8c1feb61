"""Letters about accounts that need a person: in each episode of trouble up to three."""

from datetime import datetime, timedelta

from base import scheduling
from base.database import database
from base.tables import faulty, outbox
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from models import User
from sync.tables import episodes
from sync.tables.accounts import Account
from sync.tables.phases import PERSONAL
from sync.tables.unread import CalendarTrouble
from sync.two_way.standing.state import at_rest
from sync.two_way.standing.state_list import LETTER, STOPPED

LETTERS_AFTER = (
    timedelta(seconds=60),
    timedelta(days=3),
    timedelta(days=7),
)  # after trouble began; short trouble ends within a minute


def write_about_calendars() -> None:
    """Write to people with a calendar that cannot be read, or only in part: once for each episode
    of trouble. Trouble that ends within hours causes no letter.
    """
    if not outbox.is_set_up():
        return
    faulty.each("calendar_trouble", CalendarTrouble.due_for_letter(), _write_about_calendar)


def _write_about_calendar(trouble: CalendarTrouble) -> None:
    account = trouble.calendar.account
    with database.atomic():
        is_read = account.user.is_active and at_rest(account) not in STOPPED
        if is_read and trouble.claim():
            since = trouble.since.isoformat()
            to = account.user.email
            Letter.write(account.clinic, "calendar_trouble", trouble, since, to, since=since)


def write_about_removals() -> None:
    """Write once about a deletion of our events that took more than a day: to the account's person,
    or to the clinic's owners if that person has left.

    The letter's key contains the history entry with which the deletion began, so that no letter is
    written twice. After a week there is nothing new to report.
    """
    if not outbox.is_set_up():
        return
    faulty.each("removal", episodes.removals(), _write_about_removal)


def _write_about_removal(account: Account) -> None:
    at = scheduling.utc_now()
    begun = AuditEntry.latest(account, "account.leaving")
    if begun is None or not timedelta(days=1) <= at - begun.at <= timedelta(days=7):
        return
    for person in [account.user] if account.user.is_active else User.owners(account.clinic_id):
        Letter.write(
            account.clinic_id,
            "removal",
            account,
            f"{begun.id} {person.id}",
            person.email,
            since=begun.at.isoformat(),
            reader=person.id,
        )


def write_about_accounts() -> None:
    """Write about accounts that need a person: at once, after three days and after a week; from the
    second time on also to the owners.

    How many times somebody was written to is stored in the transaction of the letters, and a
    letter's key contains episode, number and recipient. So no letter is written twice, even if
    several clocks run.
    """
    if not outbox.is_set_up():
        return
    now = scheduling.utc_now()
    untold = episodes.untold(now - LETTERS_AFTER[0], len(LETTERS_AFTER))
    faulty.each("sync_trouble", untold, lambda account: _write_about_account(account, now))


def _write_about_account(account: Account, now: datetime) -> None:
    if at_rest(account) not in LETTER:
        return
    since = account.failing_since or now
    number = sum(since <= now - after for after in LETTERS_AFTER)
    with database.atomic():
        if episodes.claim(account, number):
            for person in _recipients(account, number):
                _write(account, since, number, person)


def _write(account: Account, since: datetime, number: int, person: User) -> None:
    Letter.write(
        account.clinic_id,
        "sync_trouble",
        account,
        f"{since.isoformat()} {number} {person.id}",
        person.email,
        since=since.isoformat(),
        reader=person.id,
    )


def _recipients(account: Account, number: int) -> list[User]:
    """The recipients: the account's person if they can act; also the clinic's owners if nobody else
    can, or nobody has for days.
    """
    owners = list(User.owners(account.clinic_id))
    people = [account.user] if account.health in PERSONAL else []
    return (
        people + [owner for owner in owners if owner.id != account.user_id or not people]
        if number > 1 or not people
        else people
    )
