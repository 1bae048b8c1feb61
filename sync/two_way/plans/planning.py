"""The steps of a round from an account's rows, for the run and for the dry run: those to take now,
and those that a person must decide first.
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
    """The steps of a round. `events`: the events from which the plan was made. `steps`: the steps
    to take now. `waiting`: steps that wait for a person's answer to `stop`; `unknown`: the keys of
    those among them for events of unknown bookings. `is_approved`: the plan stopped, and a person
    has agreed to it.
    """

    events: dict[str, Event | None]
    steps: list[Step]
    waiting: list[Step]
    stop: SafetyStop | None = None
    unknown: frozenset[str] = frozenset()
    is_approved: bool = False

    def ended(self) -> list[str]:
        """The UIDs, once for each event, of known bookings that are not sent any more and whose
        event no mapping knows: it is from an earlier connection, and no copy of another.
        """
        stale = [step.mapping for step in self.waiting if step.mapping.phase == "stale"]
        return sorted(
            one.uid
            for one in stale
            if one.remote_id not in self.unknown and self.events.get(one.uid) is None
        )


def planned(account: Account, sent: Sequence[Practitioner], delta: Delta, at: datetime) -> Planned:
    """The plan for a delta of our calendar. `sent`: the calendars whose bookings are sent. Events
    whose sending was ended (by the person, or by a colleague) are deleted without asking.
    """
    mappings, terms = local.mappings(account), local.terms(account)
    kept = local.waiting(account, sent, at)
    events = local.events(account, sent, delta, mappings, kept)
    nowhere = [uid for uid, event in events.items() if event is None]
    lost = local.without_leave(account, sent, nowhere)
    withdrawn = plan(dict.fromkeys(lost), delta, mappings, terms, approved=True).steps
    judged = {uid: event for uid, event in events.items() if uid not in lost}
    made = plan(judged, delta, mappings, terms)
    everything, stop, doubtful = made.steps, made.stop, set()
    if stop is not None:
        everything = plan(judged, delta, mappings, terms, approved=True).steps
        doubtful = {_about(step) for step in everything if _is_doubtful(step, stop)}
    unknown = _unknown(account, everything)
    if stop is None and unknown:
        total = sum(mapping.phase not in ("frozen", "gone") for mapping in mappings)
        stop = SafetyStop("deletes", len(unknown), len(unknown) + total)
    doubtful |= unknown
    if stop is None:
        return Planned(events, [*withdrawn, *everything], [])
    if account.approved is not None and doubtful <= set(account.approved):
        return Planned(events, [*withdrawn, *everything], [], is_approved=True)
    now = [step for step in everything if _about(step) not in doubtful]
    waiting = [step for step in everything if _about(step) in doubtful]
    return Planned(events, [*withdrawn, *now], waiting, stop, frozenset(unknown))


def _unknown(account: Account, steps: Sequence[Step]) -> set[str]:
    """The stale events among these whose bookings are unknown here, by their keys. After a restore
    of an earlier database they may be all that is left of a booking, so even a few are never
    deleted without asking.
    """
    stale = [step for step in steps if step.mapping.phase == "stale"]
    unknown = local.unknown(account, {step.mapping.uid for step in stale}) if stale else set()
    return {_about(step) for step in stale if step.mapping.uid in unknown}


def without_kept(account: Account, delta: Delta) -> Delta:
    """The delta without the copies of our events that the person wants to keep."""
    kept = set(account.kept_copies)
    changed = tuple(seen for seen in delta.changed if seen.remote_id not in kept)
    return replace(delta, changed=changed) if kept else delta


def _about(step: Step) -> str:
    """The key of a step: its booking, or one copy of its event."""
    return step.mapping.remote_id if step.mapping.phase == "stale" else step.mapping.uid


def _is_doubtful(step: Step, stop: SafetyStop) -> bool:
    """Whether the plan stopped because of this step: a deletion, or an event that is gone and would
    be written again.
    """
    if stop.reason == "deletes":
        return isinstance(step, DeleteRemote)
    return isinstance(step, Recreate | Ask | Forget)
