"""The results of the steps of a plan: for the next plan, and for the person."""

from dataclasses import dataclass, field

from models import Booking
from sync.events.event import Ask, Delta, EventMapping, RemoteEvent, Step
from sync.providers.errors import ProviderError
from sync.tables.notices import Notice
from sync.two_way.plans import local
from sync.two_way.worker.context import RunContext


@dataclass
class Outcome:
    """The results of steps. `changed`, `gone`: the new states that refusals named. `is_applied`:
    all steps without a mapping were done. It also has the steps that met an error of the provider,
    and the error that ended the run.
    """

    changed: dict[str, RemoteEvent] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    is_applied: bool = True
    plan_again: bool = False
    faults: list[tuple[EventMapping, ProviderError]] = field(default_factory=list)
    fruitless: int = 0  # batches in a row that met only errors of the provider
    trouble: ProviderError | None = None

    def learn(self, remote_id: str, event: RemoteEvent | None) -> None:
        """Note the state of an event; None: it is gone."""
        if event is None:
            self.gone.add(remote_id)
        else:
            self.changed[remote_id] = event

    def delta(self) -> Delta | None:
        """The delta to plan with again; None: there is none."""
        if not (self.changed or self.gone or self.plan_again):
            return None
        return Delta(tuple(self.changed.values()), frozenset(self.gone), None, False)


def give_notice(context: RunContext, step: Step, refused: str = "") -> None:
    """Give a notice of a change outside and of our answer to it. `refused`: a change that the
    booking could not follow.
    """
    change = refused or getattr(step, "change", "")
    if not change:
        return
    seen = getattr(step, "seen", None)
    detail: dict[str, object] = {
        "is_put_back": not isinstance(step, Ask),
        **({"could_not_follow": True} if refused else {}),
    }
    if seen is not None:
        detail |= {
            "starts_at": seen.starts_at.isoformat(),
            "ends_at": seen.ends_at.isoformat(),
            "starts_on": seen.starts_on and seen.starts_on.isoformat(),
            "ends_on": seen.ends_on and seen.ends_on.isoformat(),
            "seen": step.mapping.fingerprint,
        }
    booking = Booking.get_or_none(
        Booking.uuid == step.mapping.uid, Booking.clinic == context.account.clinic_id
    )
    if booking is None and local.is_away(context.account, step.mapping.uid):
        detail["away"] = True
    Notice.give(context.account, change, f"edit {step.mapping.uid}", booking=booking, detail=detail)
