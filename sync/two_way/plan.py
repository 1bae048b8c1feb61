"""The pure core of two-way sync: what to do so that the bookings stand in a calendar outside. No
table, provider, clock or log here.

Its laws (cited below by number):

1. Each booking is decided against its Mapping, what both sides last agreed on; never side against
  side. An event outside has changed when its
   etag and its fingerprint differ from the mapping's. Neither side changed: nothing. One: copy.
   Both
   and equal: relink. Both and unlike: ours.
2. Absent from an incremental delta is unchanged; absent from a complete one, well inside its
  window, is deleted, unless the delta is unsure of it.
3. Our own echo is no change, nor is news older than what the mapping has seen, for as long as an
  answer may be behind.
4. An event that neither bears our mark nor is held by a mapping is external: never edited, never
  deleted. Our mark is this account's: what a
   colleague's account wrote into the same calendar is not ours.
5. A plan that takes away much, or finds a calendar suddenly empty, stops for a person.
6. The order is fixed. Planning again after carrying out yields nothing.
7. What is promised is resumed: a creation is looked for before it is repeated, a deletion goes on.
8. Leaving the window freezes and never deletes. Only a booking that is known not to go out is taken
  away. What is frozen keeps its text,
   unless the terms say that less may be shown now.
9. A booking changes only where the terms say that it follows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sync.events.event import (
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
    PutBack,
    Recreate,
    Relink,
    RemoteEvent,
    SafetyStop,
    Step,
    Terms,
    UpdateRemote,
)
from sync.events.fingerprint import fingerprint, span, times, wanted

from .reading import Reading, read

_ORDER = (
    (DeleteRemote,),
    (AdoptRemote, Relink, Freeze, Forget, Ask, MoveLocal),
    (UpdateRemote, PutBack),
    (CreateRemote, Recreate),
)
_RANK = {kind: rank for rank, kinds in enumerate(_ORDER) for kind in kinds}
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def plan(
    local: Mapping[str, Event | None],
    remote: Delta,
    mappings: Iterable[EventMapping],
    terms: Terms,
    *,
    approved: bool = False,
) -> Plan:
    """What to do, given what we know. `local`, by uid: the event of every booking that goes out and
    lies in the window, or has a mapping
    that is neither frozen nor gone, or is named by a mark in the delta; None for one that is linked
    or named and is not to go out
    (any more). About a uid that is not in it nothing is known, so nothing is done. `approved`: a
    person has agreed to what law 5 stops.
    """
    mappings = {mapping.uid: mapping for mapping in mappings}
    reading = read(remote, mappings.values(), terms.installation, terms.account, terms.settled)
    steps = [
        step
        for uid in local
        for step in _decide(uid, local[uid], mappings.get(uid), reading, terms)
    ]
    stop = None if approved else _stop(steps, mappings, reading, terms)
    return Plan(() if stop else tuple(sorted(steps, key=_order)), reading.external, stop)


def agreed(
    step: UpdateRemote | PutBack | CreateRemote | Recreate, echo: RemoteEvent
) -> EventMapping:
    """The mapping to store once the provider has answered with what stands there now."""
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


# ---- deciding about one booking ----


def _decide(
    uid: str, event: Event | None, mapping: EventMapping | None, reading: Reading, terms: Terms
) -> list[Step]:
    seen, is_gone = (reading.seen(mapping), reading.is_gone(mapping)) if mapping else (None, False)
    copies = reading.copies.get(uid, [])
    found = _adoptable(mapping, seen, is_gone, copies) if event else None
    stale = [DeleteRemote(_held(copy, "stale")) for copy in copies if copy is not found]
    if event is None:
        return stale + (_withdraw(mapping, seen, is_gone) if mapping else [])
    if found:
        held = (
            replace(_taken(mapping, seen), phase="synced")
            if found is seen
            else _held(found, "synced")
        )
        return stale + _adopt(event, held, terms)
    return stale + (
        _settle(event, mapping, seen, is_gone, terms) if mapping else _create(event, terms)
    )


def _adoptable(
    mapping: EventMapping | None, seen: RemoteEvent | None, is_gone: bool, copies: list[RemoteEvent]
) -> RemoteEvent | None:
    """The event to hold: the one that was promised, or, where the mapping holds none, the best of
    those that bear the mark.
    """
    if mapping and mapping.phase == "creating" and seen:
        return seen
    holds_none = (
        mapping is None or is_gone or (seen is None and mapping.phase in ("creating", "gone"))
    )
    return copies[0] if copies and holds_none else None


def _adopt(event: Event, held: EventMapping, terms: Terms) -> list[Step]:
    then = _then(event, terms)
    if held.fingerprint == wanted(event):
        return [
            AdoptRemote(replace(held, phase=then, wanted=wanted(event), sequence=event.sequence))
        ]
    return [AdoptRemote(held), UpdateRemote(held, event, then)]


def _create(event: Event, terms: Terms) -> list[Step]:
    mapping = EventMapping(event.uid, "", "", 0, "", "creating", generation=terms.generation)
    return [CreateRemote(mapping, event)] if _then(event, terms) == "synced" else []


def _withdraw(mapping: EventMapping, seen: RemoteEvent | None, is_gone: bool) -> list[Step]:
    """The booking is not to stand outside."""
    if is_gone or (mapping.phase == "gone" and seen is None):
        forgotten = replace(mapping, phase="gone", wanted="")
        return [] if forgotten == mapping else [Forget(forgotten)]
    return [DeleteRemote(replace(_taken(mapping, seen), phase="deleting"))]


def _settle(
    event: Event, mapping: EventMapping, seen: RemoteEvent | None, is_gone: bool, terms: Terms
) -> list[Step]:
    """The booking goes out, and we have a row about it."""
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
            terms.refresh
            and mapping.phase == "frozen"
            and not is_gone
            and mapping.wanted != wanted(event)
        ):
            return [UpdateRemote(replace(_taken(mapping, seen), wanted=""), event, then)]
        return _let_be(mapping, seen, is_gone)
    if (
        mapping.phase != "synced"
        # a deletion that nobody wants any more, or a return to the window: nobody watched, so it is
        # written again
    ):
        mapping = replace(mapping, phase="synced", wanted="")
    if is_gone:
        return _lost(event, mapping, then, terms)
    news = _taken(mapping, seen)
    if news is not mapping and news.fingerprint == wanted(event):
        return _agree(news, mapping, event, then)
    if seen and _changed(mapping, seen):
        return _edited(event, mapping, seen, then, terms)
    if mapping.wanted != wanted(event):
        return [UpdateRemote(replace(news, wanted=""), event, then)]
    return _agree(news, mapping, event, then)


def _let_be(mapping: EventMapping, seen: RemoteEvent | None, is_gone: bool) -> list[Step]:
    """Law 8. What happens outside is only written down."""
    if is_gone:
        return [Forget(replace(mapping, phase="gone", wanted=""))]
    frozen = replace(_taken(mapping, seen), phase="frozen")
    return [] if frozen == mapping else [Freeze(frozen)]


def _lost(event: Event, mapping: EventMapping, then: str, terms: Terms) -> list[Step]:
    """Somebody deleted it outside, or our own deletion or creation came to nothing (`wanted`
    "").
    """
    if then == "frozen":
        return [Forget(replace(mapping, phase="gone", wanted=""))]
    if terms.edits == "ask" and mapping.wanted == wanted(event):
        return [Ask(replace(mapping, phase="gone"), event, None, "deleted")]
    return [Recreate(_anew(mapping, terms), event, "deleted" if mapping.wanted else "")]


def _edited(
    event: Event, mapping: EventMapping, seen: RemoteEvent, then: str, terms: Terms
) -> list[Step]:
    """It changed outside (law 1). While a write of ours is under way nobody can tell whose change
    it is: ours is written again.
    """
    news = _taken(mapping, seen)
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
        return _follow(event, mapping, seen)
    return [PutBack(replace(news, wanted=""), event, seen, change)]


def _follow(event: Event, mapping: EventMapping, seen: RemoteEvent) -> list[Step]:
    """Law 9: the booking takes the new times, and the text stays ours."""
    there = {name: getattr(seen, name) for name in ("starts_at", "ends_at", "starts_on", "ends_on")}
    moved, news = replace(event, sequence=event.sequence + 1, **there), _taken(mapping, seen)
    if news.fingerprint.partition(" ")[2] == mapping.fingerprint.partition(" ")[2]:
        return [
            MoveLocal(replace(news, wanted=wanted(moved), sequence=moved.sequence), moved, seen)
        ]
    dirty = replace(news, wanted="")
    return [MoveLocal(dirty, moved, seen), PutBack(dirty, moved, seen, "edited")]


def _changed(mapping: EventMapping, seen: RemoteEvent) -> bool:
    """Laws 1 and 3. A repeat that is known to be one stays one, whichever of its occurrences is
    told.
    """
    still_repeats = seen.is_series and mapping.fingerprint.endswith(" repeats")
    return (
        seen.etag != mapping.etag and fingerprint(seen) != mapping.fingerprint and not still_repeats
    )


def _taken(mapping: EventMapping, seen: RemoteEvent | None) -> EventMapping:
    """The mapping with what is news outside taken in."""
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
    """Both sides are as they should be; the row says so."""
    now = replace(mapping, phase=then, wanted=wanted(event), sequence=event.sequence)
    return [] if now == before else [Freeze(now) if then == "frozen" else Relink(now)]


def _held(found: RemoteEvent, phase: str) -> EventMapping:
    return EventMapping(
        found.mark.reference,
        found.remote_id,
        found.etag,
        0,
        fingerprint(found),
        phase,
        generation=found.mark.generation,
        updated_at=found.updated_at,
        guests=found.guests,
    )


def _anew(mapping: EventMapping, terms: Terms) -> EventMapping:
    """The promise of a new event: an id of this booking that was never used."""
    return EventMapping(
        mapping.uid,
        "",
        "",
        mapping.sequence,
        "",
        "creating",
        generation=max(mapping.generation, terms.generation) + 1,
    )


def _then(event: Event, terms: Terms) -> str:
    return "synced" if terms.window.touches(event.starts_at, event.ends_at) else "frozen"


# ---- the plan as a whole ----


def _stop(
    steps: list[Step], mappings: Mapping[str, EventMapping], reading: Reading, terms: Terms
) -> SafetyStop | None:
    """Law 5. A deletion under way was agreed to before; what is frozen is not there to be
    counted.
    """
    synced = [mapping for mapping in mappings.values() if mapping.phase == "synced"]
    gone = sum(map(reading.is_gone, synced))
    told = [mapping for mapping in synced if mapping.remote_id in reading.told]
    if gone >= terms.several and not told and (reading.delta.complete or gone == len(synced)):
        return SafetyStop("empty", gone, len(synced))
    deletes = [step for step in steps if isinstance(step, DeleteRemote)]
    stale = sum(step.mapping.phase == "stale" for step in deletes)
    count = stale + sum(
        step.mapping.phase == "deleting" and mappings[step.mapping.uid].phase != "deleting"
        for step in deletes
    )
    total = stale + sum(mapping.phase not in ("frozen", "gone") for mapping in mappings.values())
    return (
        SafetyStop("deletes", count, total)
        if count > terms.few and count > total * terms.share
        else None
    )


def _order(step: Step) -> tuple[Any, ...]:
    """Law 6: deletions, what is only written down, updates, creations; then by start and uid."""
    event = getattr(step, "event", None)
    starts_at = (
        event.starts_at
        if event
        else times(step.mapping.fingerprint)[0]
        if step.mapping.fingerprint
        else _EARLIEST
    )
    return _RANK[type(step)], starts_at, step.mapping.uid, step.mapping.remote_id
