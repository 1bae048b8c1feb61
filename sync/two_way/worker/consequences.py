"""The meaning of an error for an account: when it is tried again, and who must act."""

import random
from datetime import datetime, timedelta

from base import scheduling
from base.database import in_one_transaction
from sync.providers.errors import (
    AuthExpired,
    CannotMake,
    Endless,
    Forbidden,
    Misaddressed,
    NameInUse,
    NoMailbox,
    NotConfigured,
    NotListed,
    ProviderError,
    RateLimited,
    ScopeMissing,
)
from sync.tables.accounts import SURE, TOO_MUCH_AT_ONCE, Account
from sync.tables.notices import Notice
from sync.tables.pace import LONGEST_REST_SECONDS
from sync.tables.runs import SyncRun

from .context import RunContext, word_of

FIRST_WAIT_SECONDS = 5
LISTED_SECONDS = 60  # until a calendar is listed that was made: 20 s were seen
LEAST_SECONDS = 2.0  # doubled for each refusal in a row because of too many requests
OPERATOR_WAIT = timedelta(minutes=30)
# tries to delete events that a provider does not let us delete
DAILY = timedelta(days=1)
PATIENCE = timedelta(hours=6)
ENDLESS_WAIT = timedelta(hours=6)  # each try costs up to as many requests as there are pages
TOO_BUSY = 503
JITTER = 0.25
# columns of an account whose calendar needs another name, or another server
RENAMED: dict[str, object] = {
    "phase": "naming",
    "wait_until": None,
    "due_at": None,
    "health": "ok",
    "failing_since": None,
    "failures": 0,
}


class CalendarGone(ProviderError):
    """Our calendar was deleted outside, or we may not see it any more."""


@in_one_transaction
def write_down(context: RunContext, error: ProviderError) -> None:
    """Store the error, when it is tried again, and who must act."""
    account, at = context.account, scheduling.utc_now()
    row = Account.get_or_none(Account.id == account.id)
    if row is None or row.lease != context.holder:
        return
    if row.consented_at != account.consented_at or (row.phase, row.generation) != (
        account.phase,
        account.generation,
    ):
        return  # the person changed the account meanwhile: that is due, and the error is outdated
    # some work succeeded, or a long read got further: this trouble is a new one
    got_on = context.has_got_on or context.has_read_on
    failures = 1 if got_on else row.failures + 1
    health, wait_until = consequence(
        error, failures, _rest(context, error) if got_on else FIRST_WAIT_SECONDS
    )
    if account.phase == "leaving" and wait_until is None:
        wait_until = at + DAILY
    failing_since = at if got_on or row.failing_since is None else row.failing_since
    if health == "waiting" and failing_since < at - PATIENCE:
        health = "operator"  # it has not passed: somebody should look
    if is_too_much(error):
        context.pace.halve(at)
        context.pace.save()
    columns = {
        "health": health,
        "health_word": TOO_MUCH_AT_ONCE
        if isinstance(error, RateLimited)  # for which each provider has words of its own
        else word_of(error.reason, type(error).__name__),
        "failing_since": failing_since,
        "failures": failures,
        "wait_until": wait_until,
    }
    if isinstance(error, (CannotMake, NameInUse)) and _is_unmade(account):
        columns |= RENAMED
    if wait_until:  # unless somebody asked meanwhile
        Account.be_due(account.id, wait_until)
    Account.update(**columns).where(Account.id == account.id).execute()
    if health in ("reconnect", "calendar_gone") and account.phase != "leaving":
        Notice.give(
            account,
            health,
            detail={"word": columns["health_word"], "days": (at - account.consented_at).days},
        )
    _note(context, error, health, wait_until)


def _is_unmade(account: Account) -> bool:
    """Whether our calendar must still be made. A person may change its name only until then."""
    destination = account.destination
    return destination is not None and destination.calendar_id is None


def _rest(context: RunContext, error: ProviderError) -> float:
    """Seconds to pause after a provider that accepted something and then refused: a little less
    than its last refusal lasted.
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
    """Store the trouble in the history; a repetition is only counted."""
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
    run = context.begin(0)
    SyncRun.update(
        error=health,
        word=word,
        wait_until=wait_until,
        ended_at=scheduling.utc_now(),
        counts=dict(context.counts),
    ).where(SyncRun.id == run.id).execute()


def consequence(
    error: ProviderError, failures: int, first: float = FIRST_WAIT_SECONDS
) -> tuple[str, datetime | None]:
    """Two values: the party that must act after an error, and the time of the next try. The next
    try is after the time that the provider named, unless that is over at once; else after `first`
    seconds, doubled for each failure in a row, at most LONGEST_REST_SECONDS.
    """
    at = scheduling.utc_now()
    if isinstance(error, Misaddressed):
        return "reconnect", None
    if isinstance(error, (AuthExpired, ScopeMissing, NoMailbox)) and (
        _is_final(error) or failures > SURE
    ):
        return "reconnect", None if _is_final(error) else at + OPERATOR_WAIT
    if isinstance(error, CalendarGone):
        return "calendar_gone", None
    # a single one may pass
    is_refused = isinstance(error, (Forbidden, NotConfigured)) and failures > SURE
    if is_refused or isinstance(error, CannotMake):
        return "operator", at + OPERATOR_WAIT
    if isinstance(error, Endless):
        return "waiting", at + ENDLESS_WAIT
    return "waiting", at + timedelta(seconds=_seconds_to_wait(error, failures, first))


def _seconds_to_wait(error: ProviderError, failures: int, first: float) -> float:
    """Seconds until the next try: those that the provider named, or our own growing wait. After
    "too many requests" at least twice as long as last time: some servers refuse again after exactly
    the time that they named.
    """
    if isinstance(error, NotListed):
        first = LISTED_SECONDS
    asked = (error.retry_after_seconds or 0) if isinstance(error, RateLimited) else 0
    seconds = float(asked)
    if asked < FIRST_WAIT_SECONDS:
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
        seconds = min(first * 2 ** min(failures - 1, 12) * spread, LONGEST_REST_SECONDS)
    if is_too_much(error):
        seconds = max(seconds, min(LEAST_SECONDS * 2 ** min(failures, 12), LONGEST_REST_SECONDS))
    return min(seconds, DAILY.total_seconds())


def is_too_much(error: ProviderError) -> bool:
    """Whether a provider says that it was asked too much, or cannot answer for now."""
    return isinstance(error, RateLimited) or error.status == TOO_BUSY


def _is_final(error: ProviderError) -> bool:
    """Whether access has certainly ended: the provider gives no access token any more. Every other
    refusal may pass, and counts only when it comes again: 401 for a token that is minutes old, "not
    allowed", "not there".
    """
    return isinstance(error, AuthExpired) and error.status != 401
