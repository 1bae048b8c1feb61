"""The pure core of two-way sync: what to do so that the bookings stand in a calendar outside. No
table, provider, clock or log here.

Its laws (cited below by number):

1. Each booking is decided against its Link, what both sides last agreed on; never side against
  side. An event outside has changed when its
   etag and its fingerprint differ from the link's. Neither side changed: nothing. One: copy. Both
   and equal: relink. Both and unlike: ours.
2. Absent from an incremental delta is unchanged; absent from a complete one, well inside its
  window, is deleted, unless the delta is unsure of it.
3. Our own echo is no change, nor is news older than what the link has seen.
4. An event that neither bears our mark nor is held by a link is foreign: never edited, never
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
    Forget,
    Freeze,
    Hold,
    Link,
    MoveLocal,
    Plan,
    PutBack,
    Recreate,
    Relink,
    RemoteEvent,
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
    links: Iterable[Link],
    terms: Terms,
    *,
    approved: bool = False,
) -> Plan:
    """What to do, given what we know. `local`, by uid: the event of every booking that goes out and
    lies in the window, or has a link
    that is neither frozen nor gone, or is named by a mark in the delta; None for one that is linked
    or named and is not to go out
    (any more). About a uid that is not in it nothing is known, so nothing is done. `approved`: a
    person has agreed to what law 5 stops.
    """
    links = {link.uid: link for link in links}
    reading = read(remote, links.values(), terms.installation, terms.account)
    steps = [
        step for uid in local for step in _decide(uid, local[uid], links.get(uid), reading, terms)
    ]
    hold = None if approved else _hold(steps, links, reading, terms)
    return Plan(() if hold else tuple(sorted(steps, key=_order)), reading.foreign, hold)


def agreed(step: UpdateRemote | PutBack | CreateRemote | Recreate, echo: RemoteEvent) -> Link:
    """The link to store once the provider has answered with what stands there now."""
    then = step.then if isinstance(step, UpdateRemote | CreateRemote) else "synced"
    return replace(
        step.link,
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
    uid: str, event: Event | None, link: Link | None, reading: Reading, terms: Terms
) -> list[Step]:
    seen, is_gone = (reading.seen(link), reading.is_gone(link)) if link else (None, False)
    copies = reading.copies.get(uid, [])
    found = _adoptable(link, seen, is_gone, copies) if event else None
    stale = [DeleteRemote(_held(copy, "stale")) for copy in copies if copy is not found]
    if event is None:
        return stale + (_withdraw(link, seen, is_gone) if link else [])
    if found:
        held = (
            replace(_taken(link, seen), phase="synced") if found is seen else _held(found, "synced")
        )
        return stale + _adopt(event, held, terms)
    return stale + (_settle(event, link, seen, is_gone, terms) if link else _create(event, terms))


def _adoptable(
    link: Link | None, seen: RemoteEvent | None, is_gone: bool, copies: list[RemoteEvent]
) -> RemoteEvent | None:
    """The event to hold: the one that was promised, or, where the link holds none, the best of
    those that bear the mark.
    """
    if link and link.phase == "creating" and seen:
        return seen
    holds_none = link is None or is_gone or (seen is None and link.phase in ("creating", "gone"))
    return copies[0] if copies and holds_none else None


def _adopt(event: Event, held: Link, terms: Terms) -> list[Step]:
    then = _then(event, terms)
    if held.fingerprint == wanted(event):
        return [
            AdoptRemote(replace(held, phase=then, wanted=wanted(event), sequence=event.sequence))
        ]
    return [AdoptRemote(held), UpdateRemote(held, event, then)]


def _create(event: Event, terms: Terms) -> list[Step]:
    link = Link(event.uid, "", "", 0, "", "creating", generation=terms.generation)
    return [CreateRemote(link, event)] if _then(event, terms) == "synced" else []


def _withdraw(link: Link, seen: RemoteEvent | None, is_gone: bool) -> list[Step]:
    """The booking is not to stand outside."""
    if is_gone or (link.phase == "gone" and seen is None):
        forgotten = replace(link, phase="gone", wanted="")
        return [] if forgotten == link else [Forget(forgotten)]
    return [DeleteRemote(replace(_taken(link, seen), phase="deleting"))]


def _settle(
    event: Event, link: Link, seen: RemoteEvent | None, is_gone: bool, terms: Terms
) -> list[Step]:
    """The booking goes out, and we have a row about it."""
    then = _then(event, terms)
    if link.phase == "creating" and not is_gone:
        return [CreateRemote(link, event, resume=True, then=then)]
    if link.phase == "gone" and seen is None:
        return (
            []
            if then == "frozen" or link.wanted == wanted(event)
            else [Recreate(_anew(link, terms), event, "")]
        )
    if link.phase in ("frozen", "gone") and then == "frozen":
        if (
            terms.refresh
            and link.phase == "frozen"
            and not is_gone
            and link.wanted != wanted(event)
        ):
            return [UpdateRemote(replace(_taken(link, seen), wanted=""), event, then)]
        return _let_be(link, seen, is_gone)
    if (
        link.phase != "synced"
        # a deletion that nobody wants any more, or a return to the window: nobody watched, so it is
        # written again
    ):
        link = replace(link, phase="synced", wanted="")
    if is_gone:
        return _lost(event, link, then, terms)
    news = _taken(link, seen)
    if news is not link and news.fingerprint == wanted(event):
        return _agree(news, link, event, then)
    if seen and _changed(link, seen):
        return _edited(event, link, seen, then, terms)
    if link.wanted != wanted(event):
        return [UpdateRemote(replace(news, wanted=""), event, then)]
    return _agree(news, link, event, then)


def _let_be(link: Link, seen: RemoteEvent | None, is_gone: bool) -> list[Step]:
    """Law 8. What happens outside is only written down."""
    if is_gone:
        return [Forget(replace(link, phase="gone", wanted=""))]
    frozen = replace(_taken(link, seen), phase="frozen")
    return [] if frozen == link else [Freeze(frozen)]


def _lost(event: Event, link: Link, then: str, terms: Terms) -> list[Step]:
    """Somebody deleted it outside, or our own deletion or creation came to nothing (`wanted`
    "").
    """
    if then == "frozen":
        return [Forget(replace(link, phase="gone", wanted=""))]
    if terms.edits == "ask" and link.wanted == wanted(event):
        return [Ask(replace(link, phase="gone"), event, None, "deleted")]
    return [Recreate(_anew(link, terms), event, "deleted" if link.wanted else "")]


def _edited(event: Event, link: Link, seen: RemoteEvent, then: str, terms: Terms) -> list[Step]:
    """It changed outside (law 1). While a write of ours is under way nobody can tell whose change
    it is: ours is written again.
    """
    news = _taken(link, seen)
    unchanged_here = link.wanted == wanted(event)
    if then == "frozen" and unchanged_here:
        return [Freeze(replace(news, phase="frozen"))]
    if then == "frozen" or not link.wanted:
        return [UpdateRemote(replace(news, wanted=""), event, then)]
    change = (
        "repeated"
        if seen.is_series
        else "edited"
        if span(seen) == link.fingerprint.partition(" ")[0]
        else "moved"
    )
    if terms.edits == "ask" and unchanged_here:
        return [Ask(news, event, seen, change)]
    if terms.edits == "follow" and unchanged_here and change == "moved":
        return _follow(event, link, seen)
    return [PutBack(replace(news, wanted=""), event, seen, change)]


def _follow(event: Event, link: Link, seen: RemoteEvent) -> list[Step]:
    """Law 9: the booking takes the new times, and the text stays ours."""
    there = {name: getattr(seen, name) for name in ("starts_at", "ends_at", "starts_on", "ends_on")}
    moved, news = replace(event, sequence=event.sequence + 1, **there), _taken(link, seen)
    if news.fingerprint.partition(" ")[2] == link.fingerprint.partition(" ")[2]:
        return [
            MoveLocal(replace(news, wanted=wanted(moved), sequence=moved.sequence), moved, seen)
        ]
    dirty = replace(news, wanted="")
    return [MoveLocal(dirty, moved, seen), PutBack(dirty, moved, seen, "edited")]


def _changed(link: Link, seen: RemoteEvent) -> bool:
    """Laws 1 and 3. A repeat that is known to be one stays one, whichever of its occurrences is
    told.
    """
    still_repeats = seen.is_series and link.fingerprint.endswith(" repeats")
    return seen.etag != link.etag and fingerprint(seen) != link.fingerprint and not still_repeats


def _taken(link: Link, seen: RemoteEvent | None) -> Link:
    """The link with what is news outside taken in."""
    if seen is None or seen.etag == link.etag:
        return link
    return replace(
        link,
        etag=seen.etag or link.etag,
        fingerprint=fingerprint(seen),
        updated_at=seen.updated_at or link.updated_at,
        guests=seen.guests,
    )


def _agree(link: Link, before: Link, event: Event, then: str) -> list[Step]:
    """Both sides are as they should be; the row says so."""
    now = replace(link, phase=then, wanted=wanted(event), sequence=event.sequence)
    return [] if now == before else [Freeze(now) if then == "frozen" else Relink(now)]


def _held(found: RemoteEvent, phase: str) -> Link:
    return Link(
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


def _anew(link: Link, terms: Terms) -> Link:
    """The promise of a new event: an id of this booking that was never used."""
    return Link(
        link.uid,
        "",
        "",
        link.sequence,
        "",
        "creating",
        generation=max(link.generation, terms.generation) + 1,
    )


def _then(event: Event, terms: Terms) -> str:
    return "synced" if terms.window.touches(event.starts_at, event.ends_at) else "frozen"


# ---- the plan as a whole ----


def _hold(
    steps: list[Step], links: Mapping[str, Link], reading: Reading, terms: Terms
) -> Hold | None:
    """Law 5. A deletion under way was agreed to before; what is frozen is not there to be
    counted.
    """
    synced = [link for link in links.values() if link.phase == "synced"]
    gone = sum(map(reading.is_gone, synced))
    told = [link for link in synced if link.remote_id in reading.told]
    if gone >= terms.several and not told and (reading.delta.complete or gone == len(synced)):
        return Hold("empty", gone, len(synced))
    deletes = [step for step in steps if isinstance(step, DeleteRemote)]
    stale = sum(step.link.phase == "stale" for step in deletes)
    count = stale + sum(
        step.link.phase == "deleting" and links[step.link.uid].phase != "deleting"
        for step in deletes
    )
    total = stale + sum(link.phase not in ("frozen", "gone") for link in links.values())
    return (
        Hold("deletes", count, total) if count > terms.few and count > total * terms.share else None
    )


def _order(step: Step) -> tuple[Any, ...]:
    """Law 6: deletions, what is only written down, updates, creations; then by start and uid."""
    event = getattr(step, "event", None)
    starts_at = (
        event.starts_at
        if event
        else times(step.link.fingerprint)[0]
        if step.link.fingerprint
        else _EARLIEST
    )
    return _RANK[type(step)], starts_at, step.link.uid, step.link.remote_id
