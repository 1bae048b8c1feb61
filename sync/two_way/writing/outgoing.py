"""Carrying out the steps of a plan, one batch at a time: first the mappings and the notices are
stored; then the provider is called; then the mappings are stored again.

After a kill in between, the mappings show what was begun, and the next plan resumes it. A refusal
with something new (the event changed, the id is taken) becomes a small delta for the next plan.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

from base import scheduling
from base.bookings.clashes import SlotTaken
from base.database import database
from base.scheduling import Span
from models import Booking
from sync.events.event import (
    AdoptRemote,
    Ask,
    CreateRemote,
    DeleteRemote,
    MoveLocal,
    PutBack,
    Recreate,
    SentStep,
    Step,
    UpdateRemote,
)
from sync.tables.accounts import Account, RemoteCalendar
from sync.two_way.plans import local
from sync.two_way.worker.context import RunContext

from .batch import Batch
from .outcome import Outcome, give_notice

NOTED = {AdoptRemote: "adopted", MoveLocal: "followed", Ask: "asked"}


Overtake = Callable[[], tuple[list[Step], set[str]]]


def carry_out(
    context: RunContext,
    destination: RemoteCalendar,
    steps: Sequence[Step],
    overtake: Overtake | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Carry out the steps in order, as far as provider and time allow. After each batch `overtake`
    returns steps that go before the rest, and the uids whose planned steps are void. Raises
    OutOfTime, LeaseLost, Overtaken.
    """
    outcome = outcome or Outcome()
    failed: set[str] = set()
    void: set[str] = set()
    remote = sum(isinstance(step, SentStep) for step in steps)
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
        failed |= Batch(context, destination, outcome).send(
            [step for step in some if isinstance(step, SentStep)]
        )
        if overtake and not outcome.trouble:
            fresh, gone = overtake()
            void |= gone
            carry_out(context, destination, fresh, None, outcome)
    return outcome


def _batches(context: RunContext, steps: Sequence[Step]) -> Iterator[tuple[str, list[Step]]]:
    """Steps that may be sent together, as many as the provider accepts now."""
    for kinds, group in groupby(steps, key=_group):
        rest = list(group)
        while rest:
            size = context.batch_size
            yield kinds, rest[:size]
            rest = rest[size:]


def _group(step: Step) -> str:
    """The group of a step. Steps of one group may be sent together; steps for one booking depend on
    each other only across groups.
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
        done: Counter[str] = Counter()
        for step in steps:
            mapping = step.mapping
            is_done = not isinstance(step, MoveLocal) or _move(context.account, step)
            if not is_done:
                mapping, outcome.plan_again = replace(mapping, wanted=""), True
            local.store(context.account, mapping)
            give_notice(context, step, "" if is_done else "moved")
            done.update([NOTED[type(step)]] if is_done and type(step) in NOTED else [])
        if done:
            context.note(**done)


def _move(account: Account, step: MoveLocal) -> bool:
    """Move the booking, if its new time is free and valid. False: it stays."""
    booking = Booking.get_or_none(
        Booking.uuid == step.event.uid, Booking.clinic == account.clinic_id
    )
    if booking is None or booking.sequence != step.event.sequence - 1:
        return False
    event, zone = step.event, booking.practitioner.zone
    try:
        span = (
            scheduling.whole_days(event.starts_on, event.ends_on - timedelta(days=1), zone)
            if event.starts_on and event.ends_on
            else Span(event.starts_at, event.ends_at)
        )
        with database.atomic():
            booking.change(None, span)
    except (SlotTaken, scheduling.BadTime):
        return False
    return True
