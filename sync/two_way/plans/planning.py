"""From an account's rows to the steps of a round, for the run and for the dry run alike: what is
done now, and what a person must decide first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from models import Practitioner
from sync.events.event import (
    Ask,
    DeleteRemote,
    Delta,
    Event,
    Forget,
    Recreate,
    SafetyStop,
    Step,
)
from sync.tables.accounts import Account

from . import local
from .plan import plan


@dataclass(frozen=True)
class Planned:
    """`events`: those that the plan was made from. `steps`: what to do now. `waiting`: what waits
    for a person's answer to `stop`. `is_approved`: the plan stopped, and a person has said yes to
    it.
    """

    events: dict[str, Event | None]
    steps: list[Step]
    waiting: list[Step]
    stop: SafetyStop | None = None
    is_approved: bool = False


def planned(account: Account, sent: Sequence[Practitioner], delta: Delta, at: datetime) -> Planned:
    """What to do about a delta of our calendar. `sent`: the calendars whose bookings go out. What
    was withdrawn (by the person, or by a colleague) is deleted without asking.
    """
    mappings, terms = local.mappings(account), local.terms(account)
    kept = local.waiting(account, sent, at)
    events = local.events(account, sent, delta, mappings, kept)
    nowhere = [uid for uid, event in events.items() if event is None]
    lost = local.without_leave(account, sent, nowhere)
    withdrawn = plan(dict.fromkeys(lost), delta, mappings, terms, approved=True).steps
    judged = {uid: event for uid, event in events.items() if uid not in lost}
    made = plan(judged, delta, mappings, terms)
    if made.stop is None:
        return Planned(events, [*withdrawn, *made.steps], [])
    everything = plan(judged, delta, mappings, terms, approved=True).steps
    doubtful = {_about(step) for step in everything if _is_doubtful(step, made.stop)}
    if account.approved is not None and doubtful <= set(account.approved):
        return Planned(events, [*withdrawn, *everything], [], is_approved=True)
    now = [step for step in everything if _about(step) not in doubtful]
    waiting = [step for step in everything if _about(step) in doubtful]
    return Planned(events, [*withdrawn, *now], waiting, made.stop)


def without_kept(account: Account, delta: Delta) -> Delta:
    """The delta without the copies of our events that the person wants to keep."""
    kept = set(account.kept_copies)
    changed = tuple(seen for seen in delta.changed if seen.remote_id not in kept)
    return replace(delta, changed=changed) if kept else delta


def _about(step: Step) -> str:
    """What a step is about: a booking, or one copy of it."""
    return step.mapping.remote_id if step.mapping.phase == "stale" else step.mapping.uid


def _is_doubtful(step: Step, stop: SafetyStop) -> bool:
    """Whether the plan stopped because of this step: a deletion, or an event that is gone and would
    be written again.
    """
    if stop.reason == "deletes":
        return isinstance(step, DeleteRemote)
    return isinstance(step, Recreate | Ask | Forget)
