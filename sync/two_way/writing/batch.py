"""Steps that are sent in one batch. Mappings are stored before the call and after it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from base import scheduling
from sync.connect import gateway
from sync.events.event import (
    UNWRITTEN,
    CreateRemote,
    DeleteRemote,
    EventMapping,
    PutBack,
    Recreate,
    RemoteEvent,
    SentStep,
    UpdateRemote,
    Write,
)
from sync.events.fingerprint import fingerprint, wanted
from sync.providers import registry
from sync.providers.base import Create, Delete, Operation, Result, Update
from sync.providers.errors import (
    AuthExpired,
    Exists,
    Forbidden,
    Gone,
    NotConfigured,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    ScopeDoubted,
    ScopeMissing,
    Unanswered,
    Unavailable,
    Unreadable,
    Unsent,
)
from sync.providers.writing import OF_ANY_LOOK
from sync.tables.accounts import SURE, Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.two_way.plans import doubts, local, marks
from sync.two_way.plans.plan import agreed
from sync.two_way.worker.context import RunContext

from .outcome import Outcome, give_notice

# errors that end the run
STOPPING = (
    AuthExpired,
    NotConfigured,
    RateLimited,
    ScopeMissing,
    Unanswered,
    Unavailable,
)
# errors that mean that the operation was not done
NOT_DONE = (
    AuthExpired,
    Forbidden,
    NotConfigured,
    PreconditionFailed,
    RateLimited,
    ScopeMissing,
    Unsent,
)
MOST_WRITES = 12  # writes of one event in an hour; more means that something outside undoes them
SEVERAL = 5
LONGEST_RETRY = timedelta(hours=6)
LONGEST_FAULT = timedelta(minutes=30)  # the same after an error of the provider, which may pass
MOST_FRUITLESS = 3
COUNTED: dict[type[SentStep], str] = {
    DeleteRemote: "deleted",
    UpdateRemote: "updated",
    PutBack: "put_back",
    CreateRemote: "created",
    Recreate: "put_back",
}

# the columns of a mapping that change with a good answer
SETTLED: dict[str, object] = {
    "problem": "",
    "tries": 0,
    "retry_at": None,
    "doubted_at": None,
    "written_at": None,
}


class Batch:
    """Sends steps of one group."""

    def __init__(self, context: RunContext, destination: RemoteCalendar, outcome: Outcome):
        self.context, self.destination, self.outcome = context, destination, outcome
        self.account, self.provider = context.account, context.provider

    def send(self, steps: list[SentStep]) -> set[str]:
        """Store the mappings, call the provider, store the results. Returns the uids of the steps
        that failed.
        """
        before = {
            row.uid: row
            for row in MappingRow.select().where(
                MappingRow.account == self.account,
                MappingRow.uid.in_([step.mapping.uid for step in steps]),
            )
        }
        with self.context.writing():
            steps = [
                step
                for step in (self._prepare(step, before.get(step.mapping.uid)) for step in steps)
                if step
            ]
        results = list(
            self.provider.write(self.destination.made_id, [self._operation(step) for step in steps])
        )
        looks = {
            n: self._event_now(result)
            for n, result in enumerate(results)
            if isinstance(result.error, PreconditionFailed)
        }
        with self.context.writing():
            failed = {
                step.mapping.uid
                for n, (step, result) in enumerate(zip(steps, results, strict=True))
                if not self._remember(step, result, before.get(step.mapping.uid), looks.get(n))
            }
            refused = len(results) >= SEVERAL and all(
                isinstance(result.error, (Forbidden, Unsent)) for result in results
            )
            if refused and isinstance(results[0].error, Forbidden):  # not the fault of one event
                self.outcome.trouble = self.outcome.trouble or results[0].error
            self._judge_faults(results)
            done = [
                COUNTED[type(step)]
                for step, result in zip(steps, results, strict=True)
                if result.error is None
            ]
            self.context.note(done=len(done), **Counter(done))
            self.context.learn(
                len(results),
                len(done),
                any(isinstance(result.error, RateLimited) for result in results),
            )
        return failed

    def _judge_faults(self, results: Sequence[Result]) -> None:
        """Decide whose fault it is: if everything failed, the provider has trouble, not
        one event.
        """
        is_fruitless = all(is_fault(result.error) for result in results)
        self.outcome.fruitless = self.outcome.fruitless + 1 if is_fruitless else 0
        if is_fruitless and (len(results) >= SEVERAL or self.outcome.fruitless >= MOST_FRUITLESS):
            self.outcome.trouble = self.outcome.trouble or results[0].error

    def _prepare(self, step: SentStep, row: MappingRow | None) -> SentStep | None:
        """Store the mapping as it is before the call. Returns the step with it; None if an event
        was written so often that something must be undoing it.
        """
        mapping, at = step.mapping, scheduling.utc_now()
        if isinstance(step, CreateRemote | Recreate) and not mapping.remote_id:
            mapping = replace(
                mapping,
                remote_id=registry.row_of(self.account.kind).new_id(
                    marks.mark(self.account, mapping), self.context.secret
                ),
            )
        if mapping.phase == "stale":
            return step
        counted_at, writes = _counted(step, row, at)
        if row and writes >= MOST_WRITES:
            # "": then it is written again
            undone = {
                "problem": "undone",
                "retry_at": counted_at + timedelta(hours=1),
                "wanted": UNWRITTEN if mapping.wanted == UNWRITTEN else "",
            }
            MappingRow.update(**undone).where(MappingRow.id == row.id).execute()
            return None
        local.store(self.account, mapping, writes=writes + 1, counted_at=counted_at)
        give_notice(self.context, step)
        return replace(step, mapping=mapping)

    def _operation(self, step: SentStep) -> Operation:
        mapping = step.mapping
        if isinstance(step, DeleteRemote):
            return Delete(mapping.remote_id, mapping.etag)
        if isinstance(step, UpdateRemote | PutBack):
            return Update(
                mapping.remote_id,
                step.event,
                marks.mark(self.account, mapping),
                mapping.etag,
                keeps_guests=mapping.guests != 0 or not mapping.etag,
            )
        return Create(
            mapping.remote_id,
            step.event,
            marks.mark(self.account, mapping),
            resume=isinstance(step, CreateRemote) and step.resume,
        )

    def _event_now(self, result: Result) -> RemoteEvent | ProviderError | None:
        """The event as it is now outside, or why it cannot be read."""
        try:
            return self.provider.get(self.destination.made_id, result.operation.remote_id)
        except ProviderError as error:
            return error

    def _remember(
        self,
        step: SentStep,
        result: Result,
        former: MappingRow | None,
        seen: RemoteEvent | ProviderError | None,
    ) -> bool:
        """Store the result of a step. Returns whether the step is done."""
        error, mapping = result.error, step.mapping
        if error is None and isinstance(step, DeleteRemote):
            if mapping.phase != "stale":
                gone = SETTLED | {"written_at": scheduling.utc_now()}
                local.store(self.account, replace(mapping, phase="gone", wanted=""), **gone)
            return True
        if error is None and not isinstance(step, DeleteRemote) and result.event:
            return self._note_written(step, result.event, former)
        # written, and reported as deleted: somebody deleted it at the same moment
        error = self._meant(error or PreconditionFailed("deleted"))
        if mapping.phase == "stale":
            self.outcome.is_applied = False
        if isinstance(error, NOT_DONE) and isinstance(step, UpdateRemote) and former:
            # not written: the mapping is as before, and a frozen one must still be written
            before = EventMapping(**{name: getattr(former, name) for name in local.SHARED})
            is_due = mapping.wanted == UNWRITTEN
            local.store(self.account, replace(before, wanted=UNWRITTEN) if is_due else before)
        creates = isinstance(step, CreateRemote | Recreate)
        stopping: tuple[type[ProviderError], ...] = STOPPING
        is_of_look = False
        if isinstance(error, PreconditionFailed) and isinstance(seen, ProviderError):
            error, stopping, is_of_look = seen, OF_ANY_LOOK, True
        if is_fault(error) and not is_of_look:
            self.outcome.faults.append((mapping, error))
        elif isinstance(error, stopping) and not isinstance(error, (Unreadable, Unsent)):
            self.outcome.trouble = self.outcome.trouble or error
        elif isinstance(error, PreconditionFailed) and isinstance(seen, RemoteEvent):
            self._learn(mapping, result.operation, seen, error)
        elif isinstance(error, Exists) and creates and (error.event or error.etag):
            self.outcome.learn(mapping.remote_id, error.event)
        elif isinstance(error, (Exists, PreconditionFailed)) or (
            isinstance(error, Gone) and not creates
        ):
            if mapping.phase != "stale":
                doubts.note_doubts(self.account, [mapping.uid])
        elif isinstance(error, Gone):
            self.outcome.trouble = self.outcome.trouble or error
        elif not isinstance(error, Unsent):
            self._put_off(mapping, error)
        return False

    def _note_written(self, step: Write, answer: RemoteEvent, former: MappingRow | None) -> bool:
        """Store what the provider answered to a write. False: it was not done, and waits."""
        if _is_undone(step, answer, former):
            self._put_off(step.mapping, ProviderError("unchanged"))
            return False
        written = SETTLED | {"written_at": scheduling.utc_now()}
        local.store(self.account, agreed(step, answer), **written)
        return True

    def _meant(self, error: ProviderError) -> ProviderError:
        """The error, or its meaning if a permission is really missing in the person's consent."""
        if isinstance(error, ScopeDoubted) and gateway.allows_too_little(self.account):
            return ScopeMissing(error.reason, error.status)
        return error

    def _learn(
        self,
        mapping: EventMapping,
        operation: Operation,
        seen: RemoteEvent,
        error: ProviderError,
    ) -> None:
        """Note that somebody changed the event, so that the plan decides about it again.

        A provider may say "changed" although the event has the very version that we named. The
        first time we decide again; the second time it counts as a refusal, and the event waits.
        """
        is_changed = isinstance(operation, Create) or seen.etag != operation.etag
        if is_changed or mapping.uid not in self.context.called_changed:
            self.outcome.learn(mapping.remote_id, seen)
        else:
            self._put_off(mapping, error)
        if not is_changed:
            self.context.called_changed.add(mapping.uid)

    def _put_off(self, mapping: EventMapping, error: ProviderError) -> None:
        """Try this event again later. The other events are not affected."""
        self.context.note(failed=1)
        if row := _row(self.account, mapping):
            _put_off(row, error, LONGEST_RETRY)


def _is_undone(step: Write, answer: RemoteEvent, former: MappingRow | None) -> bool:
    """Whether a good answer shows that the write was undone: it has other times than were written,
    or the event as it was before. A text as before counts only until a new version has shown it
    several times, since some servers change what they are given. Other times, and the version from
    before, always count.
    """
    shows, asked = fingerprint(answer), wanted(step.event)
    if shows.partition(" ")[0] != asked.partition(" ")[0]:
        return True
    if former is None or not shows == former.fingerprint != asked:
        return False
    return answer.etag in ("", former.etag) or former.tries < SURE


def is_fault(error: ProviderError | None) -> bool:
    """Whether the provider failed (5xx): some do so for one broken event, others for all while they
    are down.
    """
    return type(error) is Unavailable and error.status >= 500


def judge(context: RunContext, outcome: Outcome) -> None:
    """Decide about failures that did not end the run. If other events succeeded, or an event failed
    in several runs while its calendar could be read, only that event waits; otherwise the
    account has trouble.
    """
    if outcome.trouble or not outcome.faults:
        return
    with context.writing():
        for mapping, error in outcome.faults:
            row = _row(context.account, mapping)
            if context.has_got_on or (row and row.tries >= SURE):
                context.note(failed=1)
                if row:
                    _put_off(row, error, LONGEST_FAULT)
                continue
            outcome.trouble = error
            if row:
                MappingRow.update(tries=row.tries + 1).where(MappingRow.id == row.id).execute()


def _row(account: Account, mapping: EventMapping) -> MappingRow | None:
    """The row of a mapping; None if there is none."""
    if mapping.phase == "stale":
        return None
    return MappingRow.get(MappingRow.account == account, MappingRow.uid == mapping.uid)


def _put_off(row: MappingRow, error: ProviderError, longest: timedelta) -> None:
    """Set when the event is tried again, and the problem for the page."""
    wait = min(timedelta(minutes=5) * 2 ** min(row.tries, 10), longest)
    problem = "unreadable" if isinstance(error, Unreadable) else error.reason or "refused"
    MappingRow.update(
        problem=problem, tries=row.tries + 1, retry_at=scheduling.utc_now() + wait
    ).where(MappingRow.id == row.id).execute()


def _counted(step: SentStep, row: MappingRow | None, at: datetime) -> tuple[datetime, int]:
    """Two values: the start of the hour in which writes of this event are counted, and their
    number. The count starts again with a change that was made here, since nothing outside caused
    that write.
    """
    if row is None or row.counted_at is None or row.counted_at <= at - timedelta(hours=1):
        return at, 0
    if not isinstance(step, DeleteRemote) and step.event.sequence > row.sequence:
        return at, 0
    return row.counted_at, row.writes
