"""Reading our calendar outside, and writing to it until it agrees with the bookings."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from base import scheduling
from models import Practitioner
from sync.events.event import Delta, SafetyStop, Sent, Step
from sync.providers.errors import Endless, Gone
from sync.tables.accounts import RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.unread import CalendarTrouble
from sync.two_way.plans import local, marks
from sync.two_way.plans.planning import planned, without_kept
from sync.two_way.reading import channels, ours
from sync.two_way.reading.pull import Reader
from sync.two_way.worker.context import RunContext

from .batch import judge
from .destination import missing
from .meanwhile import NOTHING, Meanwhile, in_order
from .outgoing import carry_out

JUST_READ = timedelta(minutes=2)
MOST_PLANS = 6  # of one round: each is made because a refusal taught something


class Sender:
    """What one round sends. `goes_on`: with what the last time slice left. `is_stopped`: a person
    must decide about the plan first.
    """

    def __init__(self, context: RunContext, reader: Reader, revision: int, goes_on: bool):
        self.context, self.account, self.reader = context, context.account, reader
        self.revision, self.goes_on, self.is_stopped = revision, goes_on, False
        self.meanwhile = Meanwhile(context, reader, revision)
        self.sent: list[Practitioner] = []  # whose bookings the plan at hand sends

    def send(self, destination: RemoteCalendar) -> None:
        """Take in the changes in our calendar, and write ours."""
        if self._must_look(destination) or not self._send_blindly(destination):
            self._look_and_send(destination)

    def _must_look(self, destination: RemoteCalendar) -> bool:
        """Whether our calendar is to be read before it is written. Not where channels report every
        change in it, its regular read is not due and nobody asked: an event that changed a moment
        ago refuses the write by its etag, and is then read. Nor where a first filling continues
        just after the calendar was read.
        """
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
        return not (is_told or was_read) or self._is_stopped() or local.is_shown_otherwise(account)

    def _send_blindly(self, destination: RemoteCalendar) -> bool:
        """Write what changed here without reading first. False: it is so much, or so doubtful, that
        our calendar is to be read first.
        """
        at, delta = scheduling.utc_now(), NOTHING
        if self.revision <= self.account.synced_rev and not local.is_unfinished(self.account):
            return True
        steps = self._decide(delta, at)
        if self.is_stopped or (
            not self.goes_on
            and sum(isinstance(step, Sent) for step in steps) > self.context.provider.batch_size
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
            delta, window = ours.pull(self.reader, destination)
        except Gone as error:
            raise missing(self.context, destination, error) from None
        except Endless as error:
            self.reader.note_trouble(destination, error)
            if destination.read_at is None:  # events from earlier would be made twice
                raise
            self._send_unseen(destination)
            return
        delta = replace(
            delta, changed=marks.claimed(self.account, delta.changed, destination.is_ours)
        )
        at = scheduling.utc_now()
        taken_in = ours.mirror_external(self.reader, destination, delta)
        sync_token = delta.sync_token
        delta = without_kept(self.account, delta)
        steps = self._decide(delta, at)

        def remember() -> None:
            if taken_in and not self.is_stopped:
                self.reader.read_up_to(destination, sync_token, window)

        taken_in &= self._carry_out(destination, steps, at, remember)
        if not taken_in or self.is_stopped:
            self.reader.plan_next(destination)

    def _send_unseen(self, destination: RemoteCalendar) -> None:
        """Write what changed here although our calendar cannot be read now: the answer to each
        write tells what changed there. What waits for a person goes on waiting.
        """
        at, self.is_stopped = scheduling.utc_now(), self._is_stopped()
        if not self.is_stopped:
            self._carry_out(destination, self._decide(NOTHING, at), at)

    def _is_stopped(self) -> bool:
        """Whether a person must decide about a plan, or has just done so."""
        return self.account.approved is not None or Notice.question(self.account) is not None

    def _carry_out(
        self,
        destination: RemoteCalendar,
        steps: list[Step],
        at: datetime,
        remember: Callable[[], None] = lambda: None,
    ) -> bool:
        """Carry out a plan, and plan again with what refusals told. `remember` is called once all
        is done that bookings alone do not tell: if the slice ends in a long first filling, the next
        one continues from there. Whether all was done that no mapping remembers.
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
            judge(self.context, outcome)
            if outcome.trouble:
                raise (
                    missing(self.context, destination, outcome.trouble)
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

    def _decide(self, delta: Delta, at: datetime) -> list[Step]:
        """The steps to take now. Steps that a person must decide first are left out, and the person
        is asked.
        """
        self.sent = self.account.practitioners()
        found = planned(self.account, self.sent, delta, at)
        self.meanwhile.planned(found.events)
        # what only a complete reading tells, an incremental one neither repeats nor ends
        is_kept = (
            not delta.complete and (asked := Notice.question(self.account)) and asked.is_of_whole
        )
        if found.stop:
            self.is_stopped = True
            if not is_kept:
                self._ask(found.stop, found.waiting, delta.complete)
        elif not self.is_stopped and not found.is_approved and not is_kept:
            Notice.settle(self.account, Notice.SAFETY_STOP, "over")
        return found.steps

    def _ask(self, stop: SafetyStop, waiting: list[Step], is_of_whole: bool) -> None:
        """Ask the person; the history tells it once."""
        uids = sorted({step.mapping.uid for step in waiting if step.mapping.phase != "stale"})
        detail: dict[str, object] = {
            "count": stop.count,
            "total": stop.total,
            "uids": uids,
            "copies": sorted(
                {step.mapping.remote_id for step in waiting if step.mapping.phase == "stale"}
            ),
            "whole": is_of_whole,
        }
        with self.context.writing():
            detail["off"] = local.count_away(self.account, uids)
            is_news = Notice.question(self.account) is None
            Notice.give(self.account, stop.reason, Notice.SAFETY_STOP, detail=detail)
            if is_news:
                self.context.note(held=stop.count)
