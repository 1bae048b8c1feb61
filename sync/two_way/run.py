"""The shell around the plan: take the account's lease, read, decide, carry out, remember; look once
more before letting go.

A round ends in one of three ways: everything is in step (`synced_rev` says up to where), a person
must decide (a Notice), or trouble, which
is written on the account's row with the time of the next try. Nothing else is remembered between
rounds, so a round may die anywhere.
"""

import logging
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from base import jobs, scheduling
from base.database import database
from base.text import places
from models import Practitioner
from sync.connect import connecting, connections
from sync.events.event import Ask, DeleteRemote, Delta, Forget, Recreate, SafetyStop, Step
from sync.providers.base import (
    AuthExpired,
    Calendar,
    Endless,
    Forbidden,
    Gone,
    NameTaken,
    NoMailbox,
    NotConfigured,
    ProviderError,
    RateLimited,
    ScopeMissing,
    Unavailable,
)
from sync.tables import earlier
from sync.tables.accounts import (
    SURE,
    TOO_MUCH_AT_ONCE,
    Account,
    LeaseLost,
    Notice,
    Overtaken,
    RemoteCalendar,
    SyncRun,
)
from sync.tables.pace import ToldChange
from sync.tables.unread import CalendarTrouble

from . import channels, guests, incoming, leaving, local, marks, search, strays
from .context import GOES_ON, LONGEST_WAIT_SECONDS, OutOfTime, RunContext, word_of
from .lease import leased
from .meanwhile import NOTHING, Meanwhile, in_order
from .outgoing import REMOTE, carry_out
from .plan import plan
from .pull import Reader

log = logging.getLogger("kalends.sync")

MOST_ROUNDS = 25  # of one call: whatever goes on for longer is taken up by the next sweep
JUST_READ = timedelta(minutes=2)
MOST_PLANS = 6  # of one round: each is made because a refusal taught something
LISTED = timedelta(hours=20)
FIRST_WAIT_SECONDS = 5
OPERATOR_WAIT = timedelta(minutes=30)
DAILY = timedelta(
    days=1
)  # so often we try again to take away what a provider does not let us take away
PATIENCE = timedelta(hours=6)
JITTER = 0.25


def run(account_id: int, seconds: float | None = None) -> bool:
    """Bring an account in step, as far as it is due and nobody else works for it. True: its time
    slice (`seconds`) ended with work left.

    Safe to call at any time, twice, from anywhere. Raises nothing that a provider did; that stands
    on the row.
    """
    ends_at = seconds and time.monotonic() + seconds
    for _ in range(MOST_ROUNDS):
        with leased(account_id) as holder:
            if holder is None:
                return False
            try:
                is_over = _rounds(account_id, holder, ends_at)
            except LeaseLost:
                return False
            except OutOfTime:
                return True
        again = Account.free(scheduling.utc_now()).select(Account.id)
        again = again.where(Account.id == account_id, Account.kind.in_(connections.kinds()))
        if is_over or not again.exists():  # somebody may have asked just before
            return is_over
    return False


def _rounds(account_id: int, holder: str, ends_at: float | None) -> bool:
    """Rounds until nothing is due. True: the slice is over with something due. Raises LeaseLost,
    OutOfTime.
    """
    for number in range(MOST_ROUNDS):
        account = Account.due(scheduling.utc_now()).where(Account.id == account_id).first()
        if account is None or not _is_set_up(account):
            return False
        if number and ends_at and time.monotonic() > ends_at:
            return True
        with suppress(Overtaken):
            _Round(account, holder, ends_at).work()
    return False


def _is_set_up(account: Account) -> bool:
    """Whether the account's provider can be reached at all. Where it was taken out of the settings,
    a departure waits until it is there again,
    or until a person lets stay what we made."""
    if account.kind in connections.kinds():
        return True
    if account.phase == "leaving" and not account.removes:
        leaving.let_go(account, is_gone=False)
    elif account.phase == "leaving":
        at = scheduling.utc_now()
        stuck = {
            "health": "operator",
            "health_word": "not set up",
            "failing_since": account.failing_since or at,
            "wait_until": at + DAILY,
        }
        Account.update(**stuck, failures=account.failures + 1).where(
            Account.id == account.id
        ).execute()
    return False


class _Round:
    """One pass over one account."""

    def __init__(self, account: Account, holder: str, ends_at: float | None):
        setup = connections.setup()
        self.account = account
        self.context = RunContext(
            account, holder, connections.open_account(account), setup.secret, ends_at
        )
        self.reader, self.held = Reader(self.context, setup.poll_seconds), False
        self.goes_on = False  # with what the last time slice left
        self.sent: list[Practitioner] = []  # whose bookings the plan at hand sends

    def work(self) -> None:
        """Do what is due. What went wrong is stored; OutOfTime and LeaseLost go up."""
        try:
            with self.context.writing():
                self._take_requests()
                self._take_up_or_close()
            self.revision = local.revision(self.account)
            self.meanwhile = Meanwhile(self.context, self.reader, self.revision)
            self.account.refresh()  # what was changed, and asked for, before `due_at` was cleared
            if self.account.user.left_at and self.account.phase != "leaving":
                self.account.leave(None, "disconnect")
            if self.account.phase == "leaving":
                leaving.leave(self.context, self.reader.pages)
            else:
                self._sync()
            self._end()
        except (LeaseLost, OutOfTime, Overtaken, jobs.TooLong) as error:
            at = scheduling.utc_now()
            if isinstance(
                error, (OutOfTime, jobs.TooLong)
            ):  # what was to be read and is not is due by itself
                Account.update(due_at=at, because=channels.TOLD).where(
                    Account.id == self.account.id, Account.due_at.is_null()
                ).execute()
                self.context.stop_for_now()
                raise OutOfTime from None
            Account.update(due_at=at).where(Account.id == self.account.id).execute()
            raise
        except ProviderError as error:
            self._trouble(error)
        except Exception as error:
            log.error("account %s: %s at %s", self.account.id, type(error).__name__, places(error))
            self._trouble(ProviderError("fault"))

    def _take_requests(self) -> None:
        """Move a request to read our calendar from the account to the calendar, where it stands
        until it is read. A webhook about this account's own writing is no request.
        """
        row = (
            Account.select(Account.due_at, Account.because)
            .where(Account.id == self.account.id)
            .get()
        )
        is_news = ToldChange.take(self.account)
        if row.due_at is not None and (is_news or row.because != channels.TOLD):
            mine = RemoteCalendar.account == self.account, RemoteCalendar.role == "destination"
            RemoteCalendar.update(due_at=None).where(*mine).execute()
        because = "live" if row.because == channels.TOLD else row.because
        Account.update(due_at=None, because=because).where(Account.id == self.account.id).execute()

    def _take_up_or_close(self) -> None:
        """A run that ended with its time slice goes on. Any other that has no end was broken
        off.
        """
        for row in (
            SyncRun.select()
            .where(SyncRun.account == self.account, SyncRun.ended_at.is_null())
            .order_by(SyncRun.id)
        ):
            if row.word == GOES_ON and self.context.run is None:
                self.context.take_up(row)
                self.goes_on = True
            else:
                SyncRun.update(ended_at=scheduling.utc_now(), error="broken").where(
                    SyncRun.id == row.id
                ).execute()

    def _sync(self) -> None:
        account = self.account
        today, rules = scheduling.utc_now().date(), local.shown_as(account)
        if account.listed_at is None or account.listed_at < scheduling.utc_now() - LISTED:
            connecting.list_calendars(account, self.context.provider)
        destination = account.destination
        if destination is None:
            return
        if destination.calendar_id is None:
            self._make(destination)
        # a first filling may be long: the busy times of the person block booking before it, and
        # stay up to date
        if not account.synced_rev:
            self.reader.read_sources()
            channels.keep_open(self.context, ("source",))
        self._send(destination)
        guests.tell(self.context)
        self.reader.read_sources()
        channels.keep_open(self.context)
        with self.context.writing():
            incoming.end_doubles(account)
            shown_as = {} if self.held else {"shown_as": rules}
            Account.update(synced_on=today, synced_rev=self.revision, **shown_as).where(
                Account.id == account.id
            ).execute()
        strays.clear(self.context, is_searched=search.search(self.context, self.reader.pages))

    # ---- our calendar outside ----

    def _make(self, destination: RemoteCalendar) -> None:
        """Our calendar: one of an earlier connection, the one whose answer was lost, or a new one.
        One list that lacks it may lie, and a second
        calendar would hold everything twice."""
        account, provider = self.account, self.context.provider
        mine = connecting.reference(account.clinic, account.user_id)
        found = self._left_there() or self._listed(mine)
        found = found or provider.create_calendar(
            destination.name, destination.zone_name, connecting.description(mine)
        )
        with self.context.writing():
            earlier.remember(account, None)
            others = (
                RemoteCalendar.account == account,
                RemoteCalendar.calendar_id == found.calendar_id,
                RemoteCalendar.id != destination.id,
            )
            RemoteCalendar.delete().where(*others).execute()
            destination.calendar_id, destination.is_ours, destination.name = (
                found.calendar_id,
                True,
                found.name or destination.name,
            )
            destination.save(
                only=[RemoteCalendar.calendar_id, RemoteCalendar.is_ours, RemoteCalendar.name]
            )

    def _left_there(self) -> Calendar | None:
        """Our calendar that was left at an earlier departure, asked for by its id: lists may hide
        it. That it is gone must be said several times.
        """
        calendar_id = earlier.calendar_of(self.account)
        try:
            return self.context.provider.calendar(calendar_id) if calendar_id else None
        except (Forbidden, Gone, ScopeMissing) as error:
            if not self.context.was_said(error.reason):
                raise Unavailable(error.reason, error.status) from None
            return None

    def _listed(self, mine: str) -> Calendar | None:
        """Our calendar as two lists tell it."""
        lists = (local.calendars(self.context.provider) for _ in range(2))
        return next(
            (
                calendar
                for listed in lists
                for calendar in listed
                if mine in calendar.description and calendar.can_write
            ),
            None,
        )

    def _send(self, destination: RemoteCalendar) -> None:
        """Take in what changed in our calendar, and make it what it should be."""
        if self._must_look(destination) or not self._send_blindly(destination):
            self._look_and_send(destination)

    def _must_look(self, destination: RemoteCalendar) -> bool:
        """Whether our calendar is to be read before it is written. Not where live messages tell of
        every change in it, its regular look is not
        due and nobody asked: an event that changed a moment ago refuses the write by its etag, and
        is then looked at. Nor in a filling that goes on
        where its last time slice ended, just after the calendar was read."""
        account, at = self.account, scheduling.utc_now()
        if destination.sync_token is None or destination.due_at is None or destination.due_at <= at:
            return True
        is_told = (
            account.synced_rev
            and account.synced_on == at.date()
            and not account.failures
            and channels.is_live(destination)
        )
        was_read = self.goes_on and destination.read_at and destination.read_at > at - JUST_READ
        return not (is_told or was_read) or self._is_held() or local.is_shown_otherwise(account)

    def _send_blindly(self, destination: RemoteCalendar) -> bool:
        """Write what changed here. False: it is so much, or so doubtful, that our calendar is to be
        looked at first.
        """
        at, delta = scheduling.utc_now(), NOTHING
        if self.revision <= self.account.synced_rev and not local.is_unfinished(self.account):
            return True
        steps = self._decide(delta, at)
        if self.held or (
            not self.goes_on
            and sum(isinstance(step, REMOTE) for step in steps) > self.context.provider.batch_size
        ):
            return False
        return self._carry_out(destination, steps, at)

    def _look_and_send(self, destination: RemoteCalendar) -> None:
        """Keep the old sync token while a decision is pending or a stale copy could not be deleted,
        so that the provider reports it again.
        """
        if destination.read_at and CalendarTrouble.is_put_off(destination):
            self._send_unseen(destination)
            return
        try:
            delta, window = self.reader.pull_ours(destination)
        except Gone as error:
            raise self._missing(destination, error) from None
        except Endless as error:
            self.reader.note_trouble(destination, error)
            if destination.read_at is None:  # what stands there from earlier would be made twice
                raise
            self._send_unseen(destination)
            return
        delta = replace(
            delta, changed=marks.claimed(self.account, delta.changed, destination.is_ours)
        )
        at, taken_in, sync_token = (
            scheduling.utc_now(),
            self.reader.mirror_external(destination, delta),
            delta.sync_token,
        )
        delta = self._without_kept(delta)
        steps = self._decide(delta, at)

        def remember() -> None:
            if taken_in and not self.held:
                self.reader.read_up_to(destination, sync_token, window)

        taken_in &= self._carry_out(destination, steps, at, remember)
        if not taken_in or self.held:
            self.reader.look_later(destination)

    def _send_unseen(self, destination: RemoteCalendar) -> None:
        """Write what changed here though our calendar, which was read before, cannot be read for
        now: what a write meets there, its answer tells.
        What waits for a person goes on waiting."""
        at, self.held = scheduling.utc_now(), self._is_held()
        if not self.held:
            self._carry_out(destination, self._decide(NOTHING, at), at)

    def _is_held(self) -> bool:
        """Whether a person must decide about a plan, or has just done so."""
        return (
            self.account.approved is not None
            or self.account.open_notices.where(Notice.topic == "hold").exists()
        )

    def _carry_out(
        self,
        destination: RemoteCalendar,
        steps: list[Step],
        at: datetime,
        remember: Callable[[], None] = lambda: None,
    ) -> bool:
        """Carry out a plan, and plan again with what refusals teach. `remember` is called once all
        is done that bookings alone do not tell: if
        the time slice ends in a long filling, the next one goes on from there. Whether all was done
        that no mapping remembers.
        """
        taken_in, is_remembered = True, False
        for _ in range(MOST_PLANS):
            others, filling = in_order(steps, local.recent(self.sent, at), at)
            outcome = carry_out(self.context, destination, others, self.meanwhile.overtake)
            taken_in &= outcome.taken_in
            if taken_in and not outcome.trouble and outcome.delta() is None and not is_remembered:
                is_remembered = True
                remember()
            outcome = carry_out(
                self.context, destination, filling, self.meanwhile.overtake, outcome
            )
            taken_in &= outcome.taken_in
            if outcome.trouble:
                raise (
                    self._missing(destination, outcome.trouble)
                    if isinstance(outcome.trouble, Gone)
                    else outcome.trouble
                )
            delta = outcome.delta()
            if delta is None:
                break
            steps = self._decide(delta, at)
        if taken_in and not is_remembered:
            remember()
        return taken_in

    def _missing(self, destination: RemoteCalendar, error: Gone) -> ProviderError:
        """What "not found" means for our calendar. Providers say it of what they have not spread
        yet, so that it must be said several
        times, and the list of calendars must agree."""
        listed = {calendar.calendar_id for calendar in self.context.provider.calendars()}
        is_gone = destination.calendar_id not in listed and self.context.was_said(error.reason)
        return (
            _CalendarGone(error.reason, error.status)
            if is_gone
            else Unavailable(error.reason, error.status)
        )

    def _without_kept(self, delta: Delta) -> Delta:
        """Without the copies of our events that the person wants to keep there."""
        kept = set(self.account.kept_copies)
        return (
            replace(
                delta, changed=tuple(seen for seen in delta.changed if seen.remote_id not in kept)
            )
            if kept
            else delta
        )

    def _decide(self, delta: Delta, at: datetime) -> list[Step]:
        """The steps to take now. What a person must decide first is left out, and asked about; the
        rest stays in step meanwhile.
        """
        account, mappings = self.account, local.mappings(self.account)
        self.sent = sent = account.practitioners()
        kept, terms = local.waiting(account, sent, at), local.terms(account)
        events = local.events(account, sent, delta, mappings, kept)
        self.meanwhile.planned(events)
        nowhere = [uid for uid, event in events.items() if event is None]
        lost = local.without_leave(account, sent, nowhere)
        withdrawn = plan(dict.fromkeys(lost), delta, mappings, terms, approved=True).steps
        judged = {uid: event for uid, event in events.items() if uid not in lost}
        made = plan(judged, delta, mappings, terms)
        if made.hold is None:
            if not self.held:
                Notice.settle(account, "hold", "over")
            return [*withdrawn, *made.steps]
        everything = plan(judged, delta, mappings, terms, approved=True).steps
        doubtful = [step for step in everything if _is_doubtful(step, made.hold)]
        if account.approved is not None and {_name(step) for step in doubtful} <= set(
            account.approved
        ):
            return [*withdrawn, *everything]
        self._hold(made.hold, doubtful)
        names = {_name(step) for step in doubtful}
        return [*withdrawn, *(step for step in everything if _name(step) not in names)]

    def _hold(self, hold: SafetyStop, doubtful: list[Step]) -> None:
        """Ask the person; the history tells it once."""
        self.held = True
        detail = {
            "count": hold.count,
            "total": hold.total,
            "uids": sorted(
                {step.mapping.uid for step in doubtful if step.mapping.phase != "stale"}
            ),
            "copies": sorted(
                {step.mapping.remote_id for step in doubtful if step.mapping.phase == "stale"}
            ),
        }
        with self.context.writing():
            known = (
                Notice.select()
                .where(
                    Notice.account == self.account,
                    Notice.topic == "hold",
                    Notice.settled_at.is_null(),
                )
                .exists()
            )
            Notice.give(self.account, hold.reason, "hold", detail=detail)
            if not known:
                self.context.note(held=hold.count)

    # ---- ends ----

    def _end(self) -> None:
        """No trouble: the account is well, and the history has what was done."""
        at = scheduling.utc_now()
        if self.context.run:
            SyncRun.update(ended_at=at, counts=dict(self.context.counts)).where(
                SyncRun.id == self.context.run.id
            ).execute()
        well = {
            "health": "ok",
            "health_word": "",
            "failing_since": None,
            "failures": 0,
            "told": 0,
            "wait_until": None,
            "checked_at": at,
        }
        approved = {} if self.held else {"approved": None}
        if self.account.health == "reconnect":  # it has passed by itself
            Notice.settle(self.account, "reconnect", "over")
        Account.update(**well, **approved).where(
            Account.id == self.account.id, Account.lease == self.context.holder
        ).execute()

    @database.atomic()
    def _trouble(self, error: ProviderError) -> None:
        """Write down what went wrong, when it is tried again, and who must act."""
        account, at = self.account, scheduling.utc_now()
        row = Account.get_or_none(Account.id == account.id)
        if row is None or row.lease != self.context.holder:
            return
        if row.consented_at != account.consented_at or (row.phase, row.generation) != (
            account.phase,
            account.generation,
        ):
            return  # it is about what was before: what the person did meanwhile is due
        got_on = self.context.has_got_on  # work gets through: this trouble is a new one
        failures = 1 if got_on else row.failures + 1
        health, wait_until = consequence(
            error, failures, self._rest(error) if got_on else FIRST_WAIT_SECONDS
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
        if isinstance(error, NameTaken) and self._is_unmade():
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
        self._note_trouble(error, health, wait_until)

    def _is_unmade(self) -> bool:
        """Whether our calendar there is still to be made: only then is its name a person's to
        change.
        """
        destination = self.account.destination
        return destination is not None and destination.calendar_id is None

    def _rest(self, error: ProviderError) -> float:
        """How long to let a provider be that took something and then no more, in seconds: a little
        less than it last took until it went on.
        """
        if not isinstance(error, RateLimited):
            return FIRST_WAIT_SECONDS
        pace = self.context.pace
        pace.limited_at = scheduling.utc_now()
        pace.save()
        return max(FIRST_WAIT_SECONDS, 0.9 * pace.rest_seconds)

    def _note_trouble(self, error: ProviderError, health: str, wait_until: datetime | None) -> None:
        """The history tells it once, however often the same comes again."""
        word = word_of(error.reason, type(error).__name__)
        last = (
            SyncRun.select()
            .where(SyncRun.account == self.account)
            .order_by(SyncRun.id.desc())
            .first()
        )
        if (
            self.context.run is None
            and last
            and last.ended_at
            and (last.error, last.word) == (health, word)
        ):
            SyncRun.update(
                repeated=SyncRun.repeated + 1, ended_at=scheduling.utc_now(), wait_until=wait_until
            ).where(SyncRun.id == last.id).execute()
            return
        if self.context.run is None:
            self.context.begin(0)
        SyncRun.update(
            error=health,
            word=word,
            wait_until=wait_until,
            ended_at=scheduling.utc_now(),
            counts=dict(self.context.counts),
        ).where(SyncRun.id == self.context.run.id).execute()


class _CalendarGone(ProviderError):
    """Our calendar was deleted outside, or we may not see it any more."""


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
    if isinstance(error, _CalendarGone):
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


def _is_doubtful(step: Step, hold: SafetyStop) -> bool:
    """Whether a held plan is held because of this step: what it takes away, or what it writes again
    that is gone.
    """
    if hold.reason == "deletes":
        return isinstance(step, DeleteRemote)
    return isinstance(step, Recreate | Ask | Forget)


def _name(step: Step) -> str:
    """What a step is about: a booking, or one copy of it."""
    return step.mapping.remote_id if step.mapping.phase == "stale" else step.mapping.uid
