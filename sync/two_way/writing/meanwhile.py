"""Changes while a plan is carried out. They are taken in between two batches, so that they need not
wait for the end of a first filling.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from base import scheduling
from sync.events.event import CreateRemote, Delta, Event, Step
from sync.tables.leases import Overtaken
from sync.two_way.plans import local
from sync.two_way.plans.plan import plan
from sync.two_way.reading import mirror
from sync.two_way.reading.pull import CalendarReading
from sync.two_way.worker.context import RunContext

NOTHING = Delta((), frozenset(), None, False)
FEW = 40  # if more bookings changed recently, they are a filling themselves, such as an import


class Meanwhile:
    """The plan of one round, and the changes since. `revision`: the newest revision here that the
    plan has read.
    """

    def __init__(self, context: RunContext, reader: CalendarReading, revision: int):
        self._context = context
        self._account = context.account
        self._reader = reader
        self._revision = revision
        self._planned: Mapping[str, Event | None] = {}

    def planned(self, events: Mapping[str, Event | None]) -> None:
        """Note the events that the current plan was made from."""
        self._planned = events

    def overtake(self) -> tuple[list[Step], set[str]]:
        """Read the calendars outside that somebody asked to have read. Returns the steps for
        bookings that changed since the plan was made, and the uids whose planned steps are void.
        Raises Overtaken if a person gave the account something else to do.
        """
        mirror.read_asked(self._reader)
        revision = local.revision(self._account)
        if revision <= self._revision:
            return [], set()
        self._refresh()
        mappings = local.mappings(self._account)
        sent = self._account.practitioners()
        kept = local.waiting(self._account, sent, scheduling.utc_now())
        events = local.events(self._account, sent, NOTHING, mappings, kept)
        changed = {
            uid: event
            for uid, event in events.items()
            if uid not in self._planned or self._planned[uid] != event
        }
        made = plan(changed, NOTHING, mappings, local.terms(self._account))
        if made.stop:  # the next round asks the person
            return [], set()
        void = {*changed, *(self._planned.keys() - events.keys())}
        self._planned, self._revision = events, revision
        return list(made.steps), void

    def _refresh(self) -> None:
        """Read the rules of what may be shown again, which may have changed too."""
        before = self._account.phase, self._account.generation
        self._account.refresh()
        if (self._account.phase, self._account.generation) != before:
            raise Overtaken


def in_order(
    steps: Iterable[Step], recent: set[str], at: datetime
) -> tuple[list[Step], list[Step]]:
    """Two lists: the steps in their order, without the creations that depend only on their booking
    and may be planned again; and these creations. Bookings that changed recently (`recent`, uids)
    come first, then the others by time, within the plan's own order.
    """
    steps = list(steps)
    kinds = {
        kind: number for number, kind in enumerate(dict.fromkeys(type(step) for step in steps))
    }
    ordered = sorted(
        steps,
        key=lambda step: (step.mapping.uid not in recent, kinds[type(step)], *_distance(step, at)),
    )
    first = recent & {step.mapping.uid for step in steps}
    first = first if len(first) <= FEW else set()
    filling: list[Step] = [
        step for step in ordered if isinstance(step, CreateRemote) and step.mapping.uid not in first
    ]
    apart = set(map(id, filling))
    return [step for step in ordered if id(step) not in apart], filling


def _distance(step: Step, at: datetime) -> tuple[bool, float]:
    """The distance of an event from now, with past events after future ones."""
    event = getattr(step, "event", None)
    return (
        (event.ends_at < at, abs((event.starts_at - at).total_seconds())) if event else (False, 0.0)
    )
