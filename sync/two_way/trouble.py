"""What trouble means for an account: when it is tried again, and who must act."""

import random
from datetime import datetime, timedelta

from base import scheduling
from base.database import database
from sync.providers.errors import (
    AuthExpired,
    Forbidden,
    NameTaken,
    NoMailbox,
    NotConfigured,
    ProviderError,
    RateLimited,
    ScopeMissing,
)
from sync.tables.accounts import SURE, TOO_MUCH_AT_ONCE, Account
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun

from .context import LONGEST_WAIT_SECONDS, RunContext, word_of

FIRST_WAIT_SECONDS = 5
OPERATOR_WAIT = timedelta(minutes=30)
DAILY = timedelta(
    days=1
)  # so often we try again to take away what a provider does not let us take away
PATIENCE = timedelta(hours=6)
JITTER = 0.25


class CalendarGone(ProviderError):
    """Our calendar was deleted outside, or we may not see it any more."""


@database.atomic()
def write_down(context: RunContext, error: ProviderError) -> None:
    """Write down what went wrong, when it is tried again, and who must act."""
    account, at = context.account, scheduling.utc_now()
    row = Account.get_or_none(Account.id == account.id)
    if row is None or row.lease != context.holder:
        return
    if row.consented_at != account.consented_at or (row.phase, row.generation) != (
        account.phase,
        account.generation,
    ):
        return  # it is about what was before: what the person did meanwhile is due
    got_on = context.has_got_on  # work gets through: this trouble is a new one
    failures = 1 if got_on else row.failures + 1
    health, wait_until = consequence(
        error, failures, _rest(context, error) if got_on else FIRST_WAIT_SECONDS
    )
    if account.phase == "leaving" and wait_until is None:
        wait_until = at + DAILY
    failing_since = at if got_on or row.failing_since is None else row.failing_since
    if health == "waiting" and failing_since < at - PATIENCE:
        health = "operator"  # by itself it has not passed: somebody should look
    columns = {
        "health": health,
        # providers have many words for "too much": pages say the same for all of them
        "health_word": (
            TOO_MUCH_AT_ONCE
            if isinstance(error, RateLimited)
            else word_of(error.reason, type(error).__name__)
        ),
        "failing_since": failing_since,
        "failures": failures,
        "wait_until": wait_until,
    }
    if isinstance(error, NameTaken) and _is_unmade(account):
        columns |= {
            "phase": "naming",
            "wait_until": None,
            "due_at": None,
            "health": "ok",
            "failing_since": None,
            "failures": 0,
        }
    if wait_until:  # not where somebody asked meanwhile
        Account.update(due_at=wait_until).where(
            Account.id == account.id, Account.due_at.is_null()
        ).execute()
    Account.update(**columns).where(Account.id == account.id).execute()
    if health in ("reconnect", "calendar_gone") and account.phase != "leaving":
        Notice.give(
            account,
            health,
            detail={"word": columns["health_word"], "days": (at - account.consented_at).days},
        )
    _note(context, error, health, wait_until)


def _is_unmade(account: Account) -> bool:
    """Whether our calendar there is still to be made: only then is its name a person's to
    change.
    """
    destination = account.destination
    return destination is not None and destination.calendar_id is None


def _rest(context: RunContext, error: ProviderError) -> float:
    """How long to let a provider be that took something and then no more, in seconds: a little
    less than it last took until it went on.
    """
    if not isinstance(error, RateLimited):
        return FIRST_WAIT_SECONDS
    pace = context.pace
    pace.limited_at = scheduling.utc_now()
    pace.save()
    return max(FIRST_WAIT_SECONDS, 0.9 * pace.rest_seconds)


def _note(
    context: RunContext, error: ProviderError, health: str, wait_until: datetime | None
) -> None:
    """The history tells it once, however often the same comes again."""
    word = word_of(error.reason, type(error).__name__)
    last = (
        SyncRun.select()
        .where(SyncRun.account == context.account)
        .order_by(SyncRun.id.desc())
        .first()
    )
    if context.run is None and last and last.ended_at and (last.error, last.word) == (health, word):
        SyncRun.update(
            repeated=SyncRun.repeated + 1, ended_at=scheduling.utc_now(), wait_until=wait_until
        ).where(SyncRun.id == last.id).execute()
        return
    if context.run is None:
        context.begin(0)
    SyncRun.update(
        error=health,
        word=word,
        wait_until=wait_until,
        ended_at=scheduling.utc_now(),
        counts=dict(context.counts),
    ).where(SyncRun.id == context.run.id).execute()


def consequence(
    error: ProviderError, failures: int, first: float = FIRST_WAIT_SECONDS
) -> tuple[str, datetime | None]:
    """Whose turn it is after an error, and when we try again by ourselves: after `first` seconds,
    and after twice as long each time in a row.
    """
    at = scheduling.utc_now()
    if isinstance(error, (AuthExpired, ScopeMissing, NoMailbox)) and (
        _is_final(error) or failures > SURE
    ):
        return "reconnect", None if _is_final(error) else at + OPERATOR_WAIT
    if isinstance(error, CalendarGone):
        return "calendar_gone", None
    if isinstance(error, (NotConfigured, Forbidden)):
        return "operator", at + OPERATOR_WAIT
    seconds = (
        getattr(error, "retry_after_seconds", None) if isinstance(error, RateLimited) else None
    )
    if seconds is None:
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
        seconds = min(first * 2 ** min(failures - 1, 12), LONGEST_WAIT_SECONDS) * spread
    return "waiting", at + timedelta(seconds=min(seconds, 86400))


def _is_final(error: ProviderError) -> bool:
    """Whether access has surely ended: the provider would not give a fresh access token. That it
    refuses a fresh one, or says that something
    was not allowed or is not there, passes at times: it must be said again, and is tried again."""
    return isinstance(error, AuthExpired) and error.status != 401
