"""Carrying out the steps of a plan, a batch at a time: the mappings first, with what a person is
told;
then the call; then the mappings again.

Whoever dies in between leaves mappings that say what was promised, and the next plan resumes it.
What
a refusal teaches (somebody else was
quicker, an id is taken) comes back as a small delta, to be planned with again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import groupby

from base import scheduling
from base.clashes import SlotTaken
from base.database import database
from base.scheduling import Span
from models import Booking
from sync.events.event import (
    AdoptRemote,
    Ask,
    CreateRemote,
    DeleteRemote,
    Delta,
    EventMapping,
    MoveLocal,
    PutBack,
    Recreate,
    RemoteEvent,
    Step,
    UpdateRemote,
)
from sync.providers.base import (
    AuthExpired,
    Create,
    Delete,
    Exists,
    Forbidden,
    Gone,
    NotConfigured,
    Operation,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    Result,
    ScopeMissing,
    Unanswered,
    Unavailable,
    Unreadable,
    Unsent,
    Update,
)
from sync.providers.writing import OF_ANY_LOOK
from sync.tables.accounts import Account, MappingRow, Notice, RemoteCalendar

from . import doubts, local, marks
from .context import RunContext
from .plan import agreed

REMOTE = DeleteRemote | UpdateRemote | PutBack | CreateRemote | Recreate
STOPPING = (
    AuthExpired,
    NotConfigured,
    RateLimited,
    ScopeMissing,
    Unanswered,
    Unavailable,
)  # no use going on with this account now
NOT_DONE = (
    AuthExpired,
    Forbidden,
    NotConfigured,
    PreconditionFailed,
    RateLimited,
    ScopeMissing,
    Unsent,
)  # surely not carried out
MOST_WRITES = 12  # of one event an hour: more, and something outside undoes each
SEVERAL = 5
LONGEST_RETRY = timedelta(hours=6)
COUNTED = {
    DeleteRemote: "deleted",
    UpdateRemote: "updated",
    PutBack: "put_back",
    CreateRemote: "created",
    Recreate: "put_back",
}

SETTLED = {
    "problem": "",
    "tries": 0,
    "retry_at": None,
    "doubted_at": None,
    "written_at": None,
}  # the columns of a mapping after a good answer

NOTED = {AdoptRemote: "adopted", MoveLocal: "followed", Ask: "asked"}


@dataclass
class Outcome:
    """What came of the steps: what refusals taught, whether all was done that no mapping remembers,
    and the trouble that ended it.
    """

    changed: dict[str, RemoteEvent] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    taken_in: bool = True
    plan_again: bool = False
    trouble: ProviderError | None = None

    def learn(self, remote_id: str, event: RemoteEvent | None) -> None:
        """Keep what the provider said of an event; None: it is gone."""
        if event is None:
            self.gone.add(remote_id)
        else:
            self.changed[remote_id] = event

    def delta(self) -> Delta | None:
        """What to plan with again; None: nothing."""
        if not (self.changed or self.gone or self.plan_again):
            return None
        return Delta(tuple(self.changed.values()), frozenset(self.gone), None, False)


Overtake = Callable[[], tuple[list[Step], set[str]]]


def carry_out(
    context: RunContext,
    destination: RemoteCalendar,
    steps: Sequence[Step],
    overtake: Overtake | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Carry the steps out, in their order, as far as the provider and the time go. `overtake` is
    asked after each batch for steps that come before
    the rest, and for the uids whose steps of this plan are void. Raises OutOfTime, LeaseLost,
    Overtaken.
    """
    outcome, failed, void = outcome or Outcome(), set(), set()
    remote = sum(isinstance(step, REMOTE) for step in steps)
    if remote and not outcome.trouble:
        context.begin(remote)
    for kinds, batch in _batches(context, steps):
        some = [
            step
            for step in batch
            if step.mapping.phase == "stale" or step.mapping.uid not in failed | void
        ]
        if outcome.trouble:
            return outcome
        if kinds == "local":
            if some:
                _write_down(context, some, outcome)
            continue
        context.drop(
            sum(
                step.mapping.uid in void and step.mapping.uid not in failed
                for step in batch
                if step.mapping.phase != "stale"
            )
        )
        if not some:
            continue
        context.check_time()
        failed |= _Batch(context, destination, outcome).send(some)
        if overtake and not outcome.trouble:
            fresh, gone = overtake()
            void |= gone
            carry_out(context, destination, fresh, None, outcome)
    return outcome


def _batches(context: RunContext, steps: Sequence[Step]) -> Iterator[tuple[str, list[Step]]]:
    """Steps that may go out together, as many as the provider takes now."""
    for kinds, group in groupby(steps, key=_group):
        rest = list(group)
        while rest:
            size = context.batch_size
            yield kinds, rest[:size]
            rest = rest[size:]


def _group(step: Step) -> str:
    """Steps of one group may go out together; those for one booking stand on each other only across
    groups.
    """
    if isinstance(step, DeleteRemote):
        return "delete"
    return (
        "update"
        if isinstance(step, UpdateRemote | PutBack)
        else "create"
        if isinstance(step, CreateRemote | Recreate)
        else "local"
    )


# ---- steps without a call ----


def _write_down(context: RunContext, steps: list[Step], outcome: Outcome) -> None:
    with context.writing():
        done = Counter()
        for step in steps:
            mapping, is_done = (
                step.mapping,
                not isinstance(step, MoveLocal) or _move(context.account, step),
            )
            if not is_done:
                mapping, outcome.plan_again = replace(mapping, wanted=""), True
            local.store(context.account, mapping)
            _tell(context, step, "" if is_done else "moved")
            done.update([NOTED[type(step)]] if is_done and type(step) in NOTED else [])
        if done:
            context.note(**done)


def _move(account: Account, step: MoveLocal) -> bool:
    """Let the booking follow, where its new time is free and can be a booking's. False: it
    stays.
    """
    booking = Booking.get_or_none(
        Booking.uuid == step.event.uid, Booking.clinic == account.clinic_id
    )
    if booking is None or booking.sequence != step.event.sequence - 1:
        return False
    event, zone = step.event, booking.practitioner.zone
    try:
        span = (
            scheduling.whole_days(event.starts_on, event.ends_on - timedelta(days=1), zone)
            if event.starts_on
            else Span(event.starts_at, event.ends_at)
        )
        with database.atomic():
            booking.change(None, span)
    except (SlotTaken, scheduling.BadTime):
        return False
    return True


def _tell(context: RunContext, step: Step, refused: str = "") -> None:
    """Let the person know what was done outside, and what we did about it. `refused`: a change that
    the booking could not follow.
    """
    change = refused or getattr(step, "change", "")
    if not change:
        return
    seen = getattr(step, "seen", None)
    detail = {
        "is_put_back": not isinstance(step, Ask),
        **({"could_not_follow": True} if refused else {}),
    }
    if seen is not None:
        detail |= {
            "starts_at": seen.starts_at.isoformat(),
            "ends_at": seen.ends_at.isoformat(),
            "starts_on": seen.starts_on and seen.starts_on.isoformat(),
            "ends_on": seen.ends_on and seen.ends_on.isoformat(),
        }
    booking = Booking.get_or_none(
        Booking.uuid == step.mapping.uid, Booking.clinic == context.account.clinic_id
    )
    Notice.give(context.account, change, f"edit {step.mapping.uid}", booking=booking, detail=detail)


# ---- steps with one ----


class _Batch:
    """Steps of one group on their way out."""

    def __init__(self, context: RunContext, destination: RemoteCalendar, outcome: Outcome):
        self.context, self.destination, self.outcome = context, destination, outcome
        self.account, self.provider = context.account, context.provider

    def send(self, steps: list[Step]) -> set[str]:
        """Promise, call, remember. Gives the uids with which it did not work out."""
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
                for step in (self._promise(step, before.get(step.mapping.uid)) for step in steps)
                if step
            ]
        results = list(
            self.provider.write(
                self.destination.calendar_id, [self._operation(step) for step in steps]
            )
        )
        looks = {
            n: self._look(result)
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
            if refused and isinstance(results[0].error, Forbidden):
                self.outcome.trouble = results[0].error  # not the fault of one event
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

    def _promise(self, step: Step, row: MappingRow | None) -> Step | None:
        """The step with its mapping stored as it will be under way; None where an event was written
        so
        often that something undoes it.
        """
        mapping, at = step.mapping, scheduling.utc_now()
        if isinstance(step, CreateRemote | Recreate) and not mapping.remote_id:
            mapping = replace(
                mapping,
                remote_id=self.provider.new_id(
                    marks.mark(self.account, mapping), self.context.secret
                ),
            )
        if mapping.phase == "stale":
            return step
        counted_at, writes = (
            (row.counted_at, row.writes)
            if row and row.counted_at and row.counted_at > at - timedelta(hours=1)
            else (at, 0)
        )
        if writes >= MOST_WRITES:
            undone = {
                "problem": "undone",
                "retry_at": counted_at + timedelta(hours=1),
                "wanted": "",
            }  # "": then it is written again
            MappingRow.update(**undone).where(MappingRow.id == row.id).execute()
            return None
        local.store(self.account, mapping, writes=writes + 1, counted_at=counted_at)
        _tell(self.context, step)
        return replace(step, mapping=mapping)

    def _operation(self, step: Step) -> Operation:
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
            resume=getattr(step, "resume", False),
        )

    def _look(self, result: Result) -> RemoteEvent | ProviderError | None:
        """The event that somebody changed meanwhile."""
        try:
            return self.provider.get(self.destination.calendar_id, result.operation.remote_id)
        except ProviderError as error:
            return error

    def _remember(
        self,
        step: Step,
        result: Result,
        former: MappingRow | None,
        seen: RemoteEvent | ProviderError | None,
    ) -> bool:
        """Store what came of a step. Whether it is done."""
        error, mapping = result.error, step.mapping
        if error is None:
            self._agree(step, result)
            return True
        if mapping.phase == "stale":
            self.outcome.taken_in = False
        if isinstance(error, NOT_DONE) and isinstance(step, UpdateRemote) and former:
            local.store(
                self.account, EventMapping(**{name: getattr(former, name) for name in local.SHARED})
            )  # whatever changed outside, it was not us
        creates = isinstance(step, CreateRemote | Recreate)
        is_of_look = isinstance(error, PreconditionFailed) and isinstance(seen, ProviderError)
        if is_of_look:
            error = seen
        if isinstance(error, OF_ANY_LOOK if is_of_look else STOPPING) and not isinstance(
            error, (Unreadable, Unsent)
        ):
            self.outcome.trouble = self.outcome.trouble or error
        elif isinstance(error, PreconditionFailed) and seen:
            self.outcome.learn(mapping.remote_id, seen)
        elif isinstance(error, Exists) and creates and (error.event or error.etag):
            self.outcome.learn(mapping.remote_id, error.event)
        elif isinstance(error, (Exists, PreconditionFailed)) or (
            isinstance(error, Gone) and not creates
        ):
            if mapping.phase != "stale":
                doubts.note(self.account, [mapping.uid])
        elif isinstance(error, Gone):
            self.outcome.trouble = self.outcome.trouble or error
        elif not isinstance(error, Unsent):
            self._put_off(mapping, error)
        return False

    def _agree(self, step: Step, result: Result) -> None:
        mapping = step.mapping
        if isinstance(step, DeleteRemote):
            if mapping.phase != "stale":
                local.store(self.account, replace(mapping, phase="gone", wanted=""), **SETTLED)
            return
        local.store(
            self.account,
            agreed(step, result.event),
            **SETTLED | {"written_at": scheduling.utc_now()},
        )

    def _put_off(self, mapping: EventMapping, error: ProviderError) -> None:
        """This one cannot be written as it is; the others can. It is tried again later, and the
        page says so.
        """
        self.context.note(failed=1)
        if mapping.phase == "stale":
            return
        row = MappingRow.get(MappingRow.account == self.account, MappingRow.uid == mapping.uid)
        wait = min(timedelta(minutes=5) * 2 ** min(row.tries, 10), LONGEST_RETRY)
        problem = "unreadable" if isinstance(error, Unreadable) else error.reason or "refused"
        MappingRow.update(
            problem=problem, tries=row.tries + 1, retry_at=scheduling.utc_now() + wait
        ).where(MappingRow.id == row.id).execute()
