"""Reading our calendar outside, and writing to it until it agrees with the bookings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from base import scheduling
from models import Practitioner
from sync.events.event import AdoptRemote, Delta, Event, RemoteEvent, SafetyStop, SentStep, Step
from sync.providers.errors import Endless, Gone
from sync.tables.accounts import RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.unread import CalendarTrouble
from sync.two_way.plans import local, marks, showing, text_limit
from sync.two_way.plans.planning import Planned, planned, without_kept
from sync.two_way.reading import channel_upkeep, ours
from sync.two_way.reading.pull import CalendarReading
from sync.two_way.worker.context import RunContext

from .batch import judge
from .destination import missing
from .meanwhile import NOTHING, Meanwhile, in_order
from .outgoing import carry_out

JUST_READ = timedelta(minutes=2)
MOST_PLANS = 6  # plans of one round: each is made because of a refusal


class Sender:
    """Sends in one round. `goes_on`: the round continues the last time slice. `is_stopped`: a
    person must decide about the plan first.
    """

    def __init__(self, context: RunContext, reader: CalendarReading, revision: int, goes_on: bool):
        self.context, self.account, self.reader = context, context.account, reader
        self.revision, self.goes_on, self.is_stopped = revision, goes_on, False
        self.meanwhile = Meanwhile(context, reader, revision)
        self.sent: list[Practitioner] = []  # the calendars whose bookings this plan sends
        self.events: Mapping[str, Event | None] = {}  # what this plan was made from

    def send(self, destination: RemoteCalendar) -> None:
        """Read the changes in our calendar, and write ours."""
        if self._must_read(destination) or not self._send_blindly(destination):
            self._read_and_send(destination)

    def _must_read(self, destination: RemoteCalendar) -> bool:
        """Whether our calendar must be read before it is written.

        It need not be read if its regular reading is not due, nobody asked for one, and either
        channels report every change in it or the provider has no channels: the write of an event
        that changed a moment ago is refused by its etag, and the event is then read. It also need
        not be read if a first filling continues just after the calendar was read.
        """
        account, at = self.account, scheduling.utc_now()
        if destination.sync_token is None or destination.due_at is None or destination.due_at <= at:
            return True
        is_told = (
            account.synced_rev
            and account.synced_on == at.date()
            and not account.failures
            and (self.context.provider.channels is None or channel_upkeep.is_live(destination))
        )
        was_read = self.goes_on and destination.read_at and destination.read_at > at - JUST_READ
        return not (is_told or was_read) or self._is_stopped() or showing.is_otherwise(account)

    def _send_blindly(self, destination: RemoteCalendar) -> bool:
        """Write the changes here without reading first. False: our calendar must be read first,
        because of the number of changes or because one of them is doubtful.
        """
        at, delta = scheduling.utc_now(), NOTHING
        if self.revision <= self.account.synced_rev and not local.is_unfinished(self.account):
            return True
        steps = self._decide(delta, at)
        if self.is_stopped or (
            not self.goes_on
            and sum(isinstance(step, SentStep) for step in steps) > self.context.provider.batch_size
        ):
            return False
        return self._carry_out(destination, steps, at)

    def _read_and_send(self, destination: RemoteCalendar) -> None:
        """Read our calendar and carry out the plan. Keep the old sync token while a decision is
        pending or a stale copy could not be deleted, so that the provider reports it again.
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
            if destination.read_at is None:  # earlier events would be made twice
                raise
            self._send_unseen(destination)
            return
        delta = replace(
            delta, changed=marks.claimed(self.account, delta.changed, destination.is_ours)
        )
        at = scheduling.utc_now()
        is_applied = ours.mirror_external(self.reader, destination, delta)
        sync_token, everything = delta.sync_token, delta.changed
        delta = without_kept(self.account, delta)
        if any(marks.is_ours(event.mark, self.account) for event in delta.changed):
            with self.context.writing():
                text_limit.refresh_frozen(self.account, delta.changed)
        steps = self._decide(delta, at)
        self._note_excess(destination, everything, steps)

        def remember() -> None:
            if is_applied and not self.is_stopped:
                self.reader.read_up_to(destination, sync_token, window)

        is_applied &= self._carry_out(destination, steps, at, remember)
        if not is_applied or self.is_stopped:
            self.reader.plan_next(destination)

    def _note_excess(
        self, destination: RemoteCalendar, seen: Sequence[RemoteEvent], steps: Sequence[Step]
    ) -> None:
        """Note the events of ours among these that the plan neither writes nor deletes, and that
        show more than they may.
        """
        ours = [event for event in seen if marks.is_ours(event.mark, self.account)]
        goes_out = [uid for uid, event in self.events.items() if event]
        done = {step.mapping.remote_id for step in steps}
        done |= local.mapped_ids(self.account, goes_out) if ours else set()
        left = [event for event in ours if text_limit.id_of(event) not in done]
        if left:
            with self.context.writing():
                text_limit.note_excess(self.account, destination.made_id, left)

    def _send_unseen(self, destination: RemoteCalendar) -> None:
        """Write the changes here although our calendar cannot be read now: the answer to each write
        shows the changes there. Steps that wait for a person keep waiting.
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
        """Carry out a plan, and plan again after refusals. `remember` is called once all steps are
        done that the bookings alone would not repeat: if the slice ends in a long first filling,
        the next one continues from there. Returns whether all steps without a mapping are done.
        """
        is_applied, is_remembered = True, False
        for _ in range(MOST_PLANS):
            others, filling = in_order(steps, local.recent(self.sent, at), at)
            outcome = carry_out(self.context, destination, others, self.meanwhile.overtake)
            is_applied &= outcome.is_applied
            if is_applied and not outcome.trouble and outcome.delta() is None and not is_remembered:
                is_remembered = True
                remember()
            outcome = carry_out(
                self.context, destination, filling, self.meanwhile.overtake, outcome
            )
            is_applied &= outcome.is_applied
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
        if is_applied and not is_remembered:
            remember()
        return is_applied

    def _decide(self, delta: Delta, at: datetime) -> list[Step]:
        """The steps to take now. Steps that a person must decide first are left out, and the person
        is asked.
        """
        self.sent = self.account.practitioners()
        found = planned(self.account, self.sent, delta, at)
        self.events = found.events
        self.meanwhile.planned(found.events)
        # questions that only a complete reading raises; an incremental one neither repeats nor ends
        # them
        is_kept = (
            not delta.complete and (asked := Notice.question(self.account)) and asked.is_of_whole
        )
        if found.stop:
            self.is_stopped = True
            if not is_kept:
                self._ask(found.stop, found, delta.complete)
        elif not self.is_stopped and not found.is_approved and not is_kept:
            Notice.settle(self.account, Notice.SAFETY_STOP, "over")
        return found.steps

    def _ask(self, stop: SafetyStop, found: Planned, is_of_whole: bool) -> None:
        """Ask the person. The history gets one entry for it."""
        waiting = found.waiting
        uids = sorted({step.mapping.uid for step in waiting if step.mapping.phase != "stale"})
        detail: dict[str, object] = {
            "count": stop.count,
            # events that this round takes over are outside, too
            "total": stop.total + sum(isinstance(step, AdoptRemote) for step in found.steps),
            "uids": uids,
            "copies": sorted(
                {step.mapping.remote_id for step in waiting if step.mapping.phase == "stale"}
            ),
            "ended": found.ended(),
            "strange": len(found.unknown),
            "whole": is_of_whole,
        }
        with self.context.writing():
            detail["off"] = local.count_away(self.account, uids)
            is_news = Notice.question(self.account) is None
            Notice.give(self.account, stop.reason, Notice.SAFETY_STOP, detail=detail)
            if is_news:
                self.context.note(stopped=stop.count)
