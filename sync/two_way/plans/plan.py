"""The pure core of two-way sync: which steps make a calendar outside agree with the bookings. No
table, provider, clock or log here.

Its laws (cited below by number):

1. Each booking is compared with its mapping, what both sides last agreed on, never with the other
   side. An event outside has changed when its etag and its fingerprint differ from the mapping's.
   If neither side changed, nothing is done. If one side changed, it is copied to the other. If
   both changed to the same, the mapping is updated. If they changed differently, ours is written.
2. An event that an incremental delta lacks is unchanged. One that a complete delta lacks, well
   inside its window, is deleted, unless the delta is unsure of it.
3. Our own writes, when the provider reports them, are no change. A state older than the mapping's
   is no change either, while the provider's answers may be outdated.
4. An event without our mark and without a mapping is external: never edited, never deleted. Our
   mark is this account's: an event that a colleague's account wrote into the same calendar is not
   ours.
5. A plan that deletes much, or finds a calendar suddenly empty, stops for a person.
6. The order of steps is fixed. Planning again after carrying out gives no steps.
7. What was begun is resumed: a creation is looked for before it is repeated, a deletion goes on.
8. Leaving the window freezes an event and never deletes it. Only the event of a booking that is
   known not to go out is deleted. A frozen event keeps its text, unless the terms say that less may
   be shown now, or said so before and the event could not be written then.
9. A booking changes only if the terms say that it follows changes made outside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sync.events.event import (
    UNWRITTEN,
    AdoptRemote,
    Ask,
    CreateRemote,
    DeleteRemote,
    Delta,
    Event,
    EventMapping,
    Forget,
    Freeze,
    MoveLocal,
    Plan,
    PlanTerms,
    PutBack,
    Recreate,
    Relink,
    RemoteEvent,
    SafetyStop,
    Step,
    UpdateRemote,
    Write,
    is_much,
)
from sync.events.fingerprint import fingerprint, span, times, wanted

from .sorting import Reading, sort_delta

_ORDER = (
    (DeleteRemote,),
    (AdoptRemote, Relink, Freeze, Forget, Ask, MoveLocal),
    (UpdateRemote, PutBack),
    (CreateRemote, Recreate),
)
_RANK: dict[type[Step], int] = {kind: rank for rank, kinds in enumerate(_ORDER) for kind in kinds}
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def plan(
    local: Mapping[str, Event | None],
    remote: Delta,
    mappings: Iterable[EventMapping],
    terms: PlanTerms,
    *,
    approved: bool = False,
) -> Plan:
    """The steps to take. `local`, by uid: the event of every booking that is sent and is in the
    window, has a mapping that is neither frozen nor gone, or is named by a mark in the delta;
    None if it has a mapping or is named and should not be outside (any more). For a uid that is
    not in it nothing is done. `approved`: a person has agreed to the steps that law 5 stops.
    """
    known = {mapping.uid: mapping for mapping in mappings}
    reading = sort_delta(remote, known.values(), terms.installation, terms.account, terms.settled)
    steps = [
        step for uid in local for step in _decide(uid, local[uid], known.get(uid), reading, terms)
    ]
    stop = None if approved else _stop(steps, known, reading, terms)
    return Plan(() if stop else tuple(sorted(steps, key=_order)), reading.external, stop)


def agreed(step: Write, echo: RemoteEvent) -> EventMapping:
    """The mapping to store after the provider has answered with the event."""
    then = step.then if isinstance(step, UpdateRemote | CreateRemote) else "synced"
    return replace(
        step.mapping,
        remote_id=echo.remote_id,
        etag=echo.etag,
        sequence=step.event.sequence,
        fingerprint=fingerprint(echo),
        phase=then,
        wanted=wanted(step.event),
        updated_at=echo.updated_at,
        guests=echo.guests,
    )


# ---- one booking ----


def _decide(
    uid: str, event: Event | None, mapping: EventMapping | None, reading: Reading, terms: PlanTerms
) -> list[Step]:
    seen, is_gone = (reading.seen(mapping), reading.is_gone(mapping)) if mapping else (None, False)
    copies = reading.copies.get(uid, [])
    found = _adoptable(mapping, seen, is_gone, copies) if event else None
    stale: list[Step] = [
        DeleteRemote(_mapping_of(copy, "stale")) for copy in copies if copy is not found
    ]
    if event is None:
        return stale + (_withdraw(mapping, seen, is_gone) if mapping else [])
    if found:
        adopted = (
            replace(_as_seen(mapping, seen), phase="synced")
            if mapping and found is seen
            else _mapping_of(found, "synced")
        )
        return stale + _adopt(event, adopted, terms)
    if mapping:
        return stale + _settle(event, mapping, seen, is_gone, terms)
    if _then(event, terms) != "synced":
        return stale
    mapping = EventMapping(event.uid, "", "", 0, "", "creating", generation=terms.generation)
    return [*stale, CreateRemote(mapping, event)]


def _adoptable(
    mapping: EventMapping | None, seen: RemoteEvent | None, is_gone: bool, copies: list[RemoteEvent]
) -> RemoteEvent | None:
    """The event to keep: the one whose id was chosen, or, if the mapping has none, the best of
    those with the mark.
    """
    if mapping and mapping.phase == "creating" and seen:
        return seen
    has_none = (
        mapping is None or is_gone or (seen is None and mapping.phase in ("creating", "gone"))
    )
    return copies[0] if copies and has_none else None


def _adopt(event: Event, adopted: EventMapping, terms: PlanTerms) -> list[Step]:
    then = _then(event, terms)
    if adopted.fingerprint == wanted(event):
        return [
            AdoptRemote(replace(adopted, phase=then, wanted=wanted(event), sequence=event.sequence))
        ]
    return [AdoptRemote(adopted), UpdateRemote(adopted, event, then)]


def _withdraw(mapping: EventMapping, seen: RemoteEvent | None, is_gone: bool) -> list[Step]:
    """The steps for a booking that should not be outside."""
    if is_gone or (mapping.phase == "gone" and seen is None):
        forgotten = replace(mapping, phase="gone", wanted="")
        return [] if forgotten == mapping else [Forget(forgotten)]
    return [DeleteRemote(replace(_as_seen(mapping, seen), phase="deleting"))]


def _settle(
    event: Event, mapping: EventMapping, seen: RemoteEvent | None, is_gone: bool, terms: PlanTerms
) -> list[Step]:
    """The steps for a booking that is sent and has a mapping."""
    then = _then(event, terms)
    if mapping.phase == "creating" and not is_gone:
        return [CreateRemote(mapping, event, resume=True, then=then)]
    if mapping.phase == "gone" and seen is None:
        return (
            []
            if then == "frozen" or mapping.wanted == wanted(event)
            else [Recreate(_anew(mapping, terms), event, "")]
        )
    if mapping.phase in ("frozen", "gone") and then == "frozen":
        if (
            (terms.refresh or mapping.wanted == UNWRITTEN)
            and not is_gone
            and mapping.wanted != wanted(event)
        ):
            return [UpdateRemote(replace(_as_seen(mapping, seen), wanted=UNWRITTEN), event, then)]
        return _let_be(mapping, seen, is_gone)
    if (
        mapping.phase != "synced"
        # a deletion that is no longer wanted, or a return to the window: changes in between were
        # not seen, so the event is written again
    ):
        mapping = replace(mapping, phase="synced", wanted="")
    if is_gone:
        return _lost(event, mapping, then, terms)
    news = _as_seen(mapping, seen)
    if news is not mapping and news.fingerprint == wanted(event):
        return _agree(news, mapping, event, then)
    if seen and _changed(mapping, seen):
        return _edited(event, mapping, seen, then, terms)
    if mapping.wanted != wanted(event):
        return [UpdateRemote(replace(news, wanted=""), event, then)]
    return _agree(news, mapping, event, then)


def _let_be(mapping: EventMapping, seen: RemoteEvent | None, is_gone: bool) -> list[Step]:
    """The steps for a change outside that is stored and nothing more (law 8)."""
    if is_gone:
        return [Forget(replace(mapping, phase="gone", wanted=""))]
    frozen = replace(_as_seen(mapping, seen), phase="frozen")
    return [] if frozen == mapping else [Freeze(frozen)]


def _lost(event: Event, mapping: EventMapping, then: str, terms: PlanTerms) -> list[Step]:
    """The steps for an event that somebody deleted outside, or that our own deletion or creation
    left missing (`wanted` "").
    """
    if then == "frozen":
        return [Forget(replace(mapping, phase="gone", wanted=""))]
    if terms.edits == "ask" and mapping.wanted == wanted(event):
        return [Ask(replace(mapping, phase="gone"), event, None, "deleted")]
    return [Recreate(_anew(mapping, terms), event, "deleted" if mapping.wanted else "")]


def _edited(
    event: Event, mapping: EventMapping, seen: RemoteEvent, then: str, terms: PlanTerms
) -> list[Step]:
    """The steps for an event that changed outside (law 1). If our own write is not confirmed yet,
    the change may be that write: then the event is written again.
    """
    news = _as_seen(mapping, seen)
    unchanged_here = mapping.wanted == wanted(event)
    if then == "frozen" and unchanged_here:
        return [Freeze(replace(news, phase="frozen"))]
    if then == "frozen" or not mapping.wanted:
        return [UpdateRemote(replace(news, wanted=""), event, then)]
    change = (
        "repeated"
        if seen.is_series
        else "edited"
        if span(seen) == mapping.fingerprint.partition(" ")[0]
        else "moved"
    )
    if terms.edits == "ask" and unchanged_here:
        return [Ask(news, event, seen, change)]
    if terms.edits == "follow" and unchanged_here and change == "moved":
        return _steps_to_follow(event, mapping, seen)
    return [PutBack(replace(news, wanted=""), event, seen, change)]


def _steps_to_follow(event: Event, mapping: EventMapping, seen: RemoteEvent) -> list[Step]:
    """The steps for a booking that gets the new times from outside; the text stays ours (law 9)."""
    there = {name: getattr(seen, name) for name in ("starts_at", "ends_at", "starts_on", "ends_on")}
    moved, news = replace(event, sequence=event.sequence + 1, **there), _as_seen(mapping, seen)
    if news.fingerprint.partition(" ")[2] == mapping.fingerprint.partition(" ")[2]:
        return [
            MoveLocal(replace(news, wanted=wanted(moved), sequence=moved.sequence), moved, seen)
        ]
    dirty = replace(news, wanted="")
    return [MoveLocal(dirty, moved, seen), PutBack(dirty, moved, seen, "edited")]


def _changed(mapping: EventMapping, seen: RemoteEvent) -> bool:
    """Whether an event has changed, by laws 1 and 3. An event that is known to repeat stays a
    repeat, whichever of its occurrences the delta contains.
    """
    still_repeats = seen.is_series and mapping.fingerprint.endswith(" repeats")
    return (
        seen.etag != mapping.etag and fingerprint(seen) != mapping.fingerprint and not still_repeats
    )


def _as_seen(mapping: EventMapping, seen: RemoteEvent | None) -> EventMapping:
    """The mapping with the present state of the event outside."""
    if seen is None or seen.etag == mapping.etag:
        return mapping
    return replace(
        mapping,
        etag=seen.etag or mapping.etag,
        fingerprint=fingerprint(seen),
        updated_at=seen.updated_at or mapping.updated_at,
        guests=seen.guests,
    )


def _agree(mapping: EventMapping, before: EventMapping, event: Event, then: str) -> list[Step]:
    """The step that stores that both sides agree."""
    now = replace(mapping, phase=then, wanted=wanted(event), sequence=event.sequence)
    return [] if now == before else [Freeze(now) if then == "frozen" else Relink(now)]


def _mapping_of(found: RemoteEvent, phase: str) -> EventMapping:
    return EventMapping(
        found.own_mark.reference,
        found.remote_id,
        found.etag,
        0,
        fingerprint(found),
        phase,
        generation=found.own_mark.generation,
        updated_at=found.updated_at,
        guests=found.guests,
    )


def _anew(mapping: EventMapping, terms: PlanTerms) -> EventMapping:
    """The mapping of a new event, with an id of this booking that was never used."""
    return EventMapping(
        mapping.uid,
        "",
        "",
        mapping.sequence,
        "",
        "creating",
        generation=max(mapping.generation, terms.generation) + 1,
    )


def _then(event: Event, terms: PlanTerms) -> str:
    return "synced" if terms.window.touches(event.starts_at, event.ends_at) else "frozen"


# ---- the whole plan ----


def _stop(
    steps: list[Step], mappings: Mapping[str, EventMapping], reading: Reading, terms: PlanTerms
) -> SafetyStop | None:
    """The safety stop of law 5. A deletion that was begun was approved before, and frozen mappings
    do not count.
    """
    synced = [mapping for mapping in mappings.values() if mapping.phase == "synced"]
    gone = sum(map(reading.is_gone, synced))
    present = [mapping for mapping in synced if mapping.remote_id in reading.told]
    if gone >= terms.several and not present and (reading.delta.complete or gone == len(synced)):
        return SafetyStop("empty", gone, len(synced))
    deletes = [step for step in steps if isinstance(step, DeleteRemote)]
    stale = sum(step.mapping.phase == "stale" for step in deletes)
    count = stale + sum(
        step.mapping.phase == "deleting" and mappings[step.mapping.uid].phase != "deleting"
        for step in deletes
    )
    total = stale + sum(mapping.phase not in ("frozen", "gone") for mapping in mappings.values())
    asks = is_much(count, total, terms.few, terms.share)
    return SafetyStop("deletes", count, total) if asks else None


def _order(step: Step) -> tuple[Any, ...]:
    """The steps in the order of law 6: deletions, steps without a call, updates, creations; then by
    start and UID.
    """
    event = getattr(step, "event", None)
    starts_at = (
        event.starts_at
        if event
        else times(step.mapping.fingerprint)[0]
        if step.mapping.fingerprint
        else _EARLIEST
    )
    return _RANK[type(step)], starts_at, step.mapping.uid, step.mapping.remote_id
