"""A chore that finds times that became free, and offers them to clients who wait.

Free times are searched once for each service and length, and rows are read with the same few
queries, however many clients wait.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from peewee import ModelSelect

from base import scheduling
from base.bookings.clashes import SlotTaken
from base.database import alone
from base.tables import faulty
from base.tables.bulk import tuples
from free_times import finding
from free_times.online import holds
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Practitioner

from . import entries, matching, offering
from .entries import EarlierSettings, WaitingEntry
from .matching import Chance, KnownRuns, Sight
from .offering import AtNight, CannotOffer, EarlierOffer

TOLD = ("open", "taken", "declined", "lapsed")  # phases after which the time is not offered again
LEAST = timedelta(minutes=10)  # minutes to answer; a time that leaves less is not offered
AGAIN = timedelta(minutes=5)  # until a clinic is searched again without a change
BATCH = 500  # entries in one statement
# the columns that decide whether an entry ends; `known` takes longer to read than all others
_LIGHT = [column for column in WaitingEntry._meta.sorted_fields if column.name != "known"]
OfferedTime = tuple[int, datetime, datetime]  # an offered time: the person (id), from, to


def offer_freed_times() -> None:
    """Chore: end entries and offers that are over, and offer times that became free."""
    waits = WaitingEntry.select(WaitingEntry.clinic).where(WaitingEntry.phase == "waiting")
    offered = EarlierOffer.select(EarlierOffer.clinic).where(EarlierOffer.phase == "open")
    clinics = Clinic.select().where(Clinic.id.in_(waits) | Clinic.id.in_(offered))
    faulty.each("waiting_lists", clinics, _offer_in)


def _offer_in(clinic: Clinic) -> None:
    ended = end_what_is_over(clinic)
    settings, at = EarlierSettings.of(clinic), scheduling.utc_now()
    is_same = settings.looked_rev == clinic.latest_rev
    is_recent = settings.looked_at is not None and settings.looked_at > at - AGAIN
    if is_same and is_recent and not ended:
        return
    with alone(clinic):
        EarlierSettings.stored(clinic)
        seen = {"looked_rev": clinic.latest_rev, "looked_at": at}
        EarlierSettings.update(seen).where(EarlierSettings.clinic == clinic).execute()
    _offer_new(clinic, settings)


def end_what_is_over(clinic: Clinic) -> int:
    """End entries and offers whose time is over or whose reason is gone, and count them."""
    ended: list[WaitingEntry] = []

    def end_if_over(entry: WaitingEntry) -> None:
        if why := entry.why_over():
            with alone(entry):
                entry.end(why)
            ended.append(entry)

    faulty.each("entries", entries.waiting(clinic).select(*_LIGHT, Booking), end_if_over)
    return len(ended) + _end_offers(clinic)


def _end_offers(clinic: Clinic) -> int:
    open_ones = list(_open(clinic))
    if not open_ones:
        return 0
    letters = offering.letters_of([one.id for one in open_ones])
    is_barred = cache(finding.is_barred)  # a time may be offered to many
    over: list[EarlierOffer] = []

    def end_if_over(offer: EarlierOffer) -> None:
        offer.clinic = clinic
        if phase := offering.why_ended(offer, letters.get(offer.id, ""), is_barred):
            with alone(clinic):
                offering.close([one for one in _open(clinic) if one.id == offer.id], phase)
            over.append(offer)

    faulty.each("earlier_offers", open_ones, end_if_over)
    return len(over)


def _open(clinic: Clinic) -> "ModelSelect[EarlierOffer]":
    where = EarlierOffer.clinic == clinic, EarlierOffer.phase == "open"
    return offering.full_offers().where(*where)


def _offer_new(clinic: Clinic, settings: EarlierSettings) -> None:
    """Find what became free for those who wait in this clinic; offer it unless that is done by
    hand.
    """
    online = OnlineSettings.of(clinic)
    sight = Sight(clinic, online, ())
    faulty.each("wishes", entries.waiting(clinic), sight.add)
    new = _new(clinic, sight, settings)
    if settings.mode == "hand" or not new:
        return
    busy = {one.entry_id for one in _open(clinic)}
    offered_before, held = _told_before(clinic), holds.held_of_others(sight.people, None)
    fresh: dict[tuple[int, datetime, datetime], EarlierOffer] = {}

    def offer_to(entry: WaitingEntry) -> None:
        nonlocal held
        if not entry.may_give_up(online):
            return
        shared = fresh if settings.mode == "all" else {}
        free = matching.unheld(new[entry.id], entry, held)
        chances = _in_order(entry, online, new[entry.id], free, shared, offered_before[entry.id])
        if not chances or not offering.is_mailed(entry):
            return
        for chance in chances:
            key = chance.calendar.id, chance.starts_at, chance.ends_at
            try:
                fresh[key] = offering.make(entry, chance, settings.minutes, joins=shared.get(key))
            except (AtNight, CannotOffer, SlotTaken):
                continue
            held = holds.held_of_others(sight.people, None)
            break

    others = [one for one in sight.waiting if one.id in new and one.id not in busy]
    faulty.each("offers_of_earlier_times", others, offer_to)


def _new(clinic: Clinic, sight: Sight, settings: EarlierSettings) -> dict[int, list[Chance]]:
    """The times that became free since each entry's client asked, by entry. The starts that are
    known now are stored. After an appointment was moved, every time that is free then counts as
    known.
    """
    found: dict[int, list[Chance]] = {}
    changed: list[tuple[WaitingEntry, KnownRuns, int | None]] = []
    grid_step = clinic.step_minutes
    at = scheduling.utc_now()

    def compare(entry: WaitingEntry) -> None:
        starts = sight.starts(entry)
        sequence = entry.booking.sequence if entry.booking else None
        beyond = None
        if entry.booking is not None and settings.looked_at is not None:
            beyond = settings.looked_at + matching.horizon(entry, sight.settings)
        left = matching.still_known(entry.known, starts, grid_step, beyond)
        if sequence != entry.sequence:
            left = matching.runs(starts, grid_step)
        since = at + matching.booking_notice(entry, sight.settings)
        if sequence != entry.sequence or not matching.is_kept(entry.known, left, since, grid_step):
            changed.append((entry, left, sequence))
        if new := sight.new(entry, starts, left):
            found[entry.id] = new

    faulty.each("new_times", sight.waiting, compare)
    _write_down(clinic, changed)
    return found


def _write_down(
    clinic: Clinic, changed: Sequence[tuple[WaitingEntry, KnownRuns, int | None]]
) -> None:
    """Store the starts that clients know now, except for clients who changed their wishes
    meanwhile.
    """
    if not changed:
        return
    with alone(clinic):
        ids = [entry.id for entry, *_rest in changed]
        rows = WaitingEntry.select(WaitingEntry.id, WaitingEntry.known)
        rows = rows.where(WaitingEntry.id.in_(ids), WaitingEntry.phase == "waiting")
        before = {row.id: row.known for row in rows}
        same = [one for one in changed if before.get(one[0].id) == one[0].known]
        for entry, left, sequence in same:
            entry.known, entry.sequence = left, sequence
        _save([entry for entry, *_rest in same], WaitingEntry.known)
        booked = [entry for entry, _left, sequence in same if sequence is not None]
        _save(booked, WaitingEntry.sequence)


def _save(rows: Sequence[WaitingEntry], column: Any) -> None:
    """Save one column of many rows, some hundred in each statement."""
    update: Callable[..., int] = WaitingEntry.bulk_update
    update(rows, [column], batch_size=BATCH)


def _in_order(
    entry: WaitingEntry,
    online: OnlineSettings,
    new: Sequence[Chance],
    free: Sequence[Chance],
    shared: Collection[tuple[int, datetime, datetime]],
    offered_before: Sequence[OfferedTime],
) -> list[Chance]:
    """The times that may be offered to an entry now, in the same order as `new`. They are held by
    nobody (`free`) or offered to others already (`shared`), and were never offered to this entry.
    """
    booking_notice = matching.booking_notice(entry, online)
    at = scheduling.utc_now()
    return [
        one
        for one in new
        if (one in free or (one.calendar.id, one.starts_at, one.ends_at) in shared)
        and one.starts_at - booking_notice - at >= LEAST
        and not any(one.overlaps(*of) for of in offered_before)
    ]


def _told_before(clinic: Clinic) -> dict[int, list[OfferedTime]]:
    """The times that were offered to each entry before, by entry."""
    query = (
        EarlierOffer.select(
            EarlierOffer.entry, Practitioner.user, EarlierOffer.starts_at, EarlierOffer.ends_at
        )
        .join(Practitioner)
        .switch(EarlierOffer)
        .join(WaitingEntry)
        .where(
            EarlierOffer.clinic == clinic,
            EarlierOffer.phase.in_(TOLD),
            WaitingEntry.phase == "waiting",
        )
    )
    found: dict[int, list[OfferedTime]] = defaultdict(list)
    for entry, *time_of_it in tuples(query):
        found[entry].append(tuple(time_of_it))
    return found
