"""Free times that are new to a client on the waiting list: free now, and not free when the client
asked.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from base import scheduling
from base.remembered import remembered
from base.scheduling import number, of_number
from base.slots import MINUTE, TakenTime
from free_times.finding import FreeTime, Wish
from free_times.online import visitor_times
from free_times.online.page import OnlinePage
from free_times.own_terms import ServiceTerms, open_terms
from free_times.rules import OnlineSettings
from models import Booking, Clinic, Practitioner

from .entries import WaitingEntry

Starts = dict[int, list[int]]  # by calendar (id), in minutes since 1970, in order
Run = Sequence[int]  # the first and the last of starts that follow each other
KnownRuns = dict[str, list[list[int]]]  # runs by calendar (id as text: JSON has no other keys)


@dataclass(frozen=True)
class Chance:
    """A time that would suit somebody: a calendar and a start."""

    calendar: Practitioner
    starts_at: datetime
    minutes: int

    @property
    def ends_at(self) -> datetime:
        """The end of the visit."""
        return self.starts_at + timedelta(minutes=self.minutes)

    def overlaps(self, person: int, starts_at: datetime, ends_at: datetime) -> bool:
        """Whether the visit would take time of this person (id) in [starts_at, ends_at)."""
        is_same = self.calendar.user_id == person
        return is_same and self.starts_at < ends_at and starts_at < self.ends_at


def page_of(
    entry: WaitingEntry, terms: Sequence[ServiceTerms], settings: OnlineSettings
) -> OnlinePage:
    """The rules of online booking for this service only."""
    clinic = entry.clinic
    settings.clinic = clinic
    for one in terms:
        one.calendar.clinic = clinic
    return OnlinePage(clinic, "", settings, [entry.service], {entry.service_id: list(terms)})


def is_served(entry: WaitingEntry, settings: OnlineSettings) -> bool:
    """Whether free times are looked for. For clients who put themselves on the list, online booking
    must be on.
    """
    return entry.by_team or settings.is_on


class Sight:
    """The free times of this moment for everybody who waits in one clinic. It asks once for each
    service and length, however many clients wait.
    """

    def __init__(self, clinic: Clinic, settings: OnlineSettings, waiting: Sequence[WaitingEntry]):
        self.clinic, self.settings = clinic, settings
        self.waiting: list[WaitingEntry] = []
        self._offered: dict[int, list[ServiceTerms]] = {}
        self._starts: dict[tuple[int, int | None], Starts] = {}
        self._groups: dict[tuple[int, int | None], list[WaitingEntry]] = defaultdict(list)
        for entry in waiting:
            self.add(entry)

    def add(self, entry: WaitingEntry) -> None:
        """Take one more entry into account. An error that only this entry causes is raised here,
        before anything is read for all.
        """
        entry.clinic = self.clinic
        if self.terms(entry):
            minute(entry.ends_at)
        self._groups[_key(entry)].append(entry)
        self.waiting.append(entry)

    def terms(self, entry: WaitingEntry) -> list[ServiceTerms]:
        """The calendars that may be offered for an entry."""
        offered = self._offered.get(entry.service_id)
        if offered is None:
            offered = self._offered[entry.service_id] = open_terms(entry.service)
        return entry.terms(offered)

    @remembered
    def people(self) -> set[int]:
        """The ids of all people for whose free time somebody waits here."""
        every = (entry for group in self._groups.values() for entry in group)
        return {one.calendar.user_id for entry in every for one in self.terms(entry)}

    def starts(self, entry: WaitingEntry) -> Starts:
        """Every start that is free now and lies before the entry ends. A time that a visitor holds
        counts as free.
        """
        terms = self.terms(entry)
        if not terms or not is_served(entry, self.settings):
            return {}
        last, every = minute(entry.ends_at), self._every(entry)
        return {
            its: every[its][: bisect_right(every[its], last)]
            for its in (one.calendar.id for one in terms)
        }

    def _every(self, entry: WaitingEntry) -> Starts:
        """The free starts in every calendar that some entry for the same service and length
        names.
        """
        key = _key(entry)
        if key not in self._starts:
            group = [one for one in self._groups[key] if is_served(one, self.settings)]
            terms = {one.calendar.id: one for each in group for one in self.terms(each)}
            page, at = page_of(entry, list(terms.values()), self.settings), scheduling.utc_now()
            end = max(one.ends_at for one in group)
            found = visitor_times.free_times(
                page,
                entry.service,
                list(terms.values()),
                at,
                end,
                with_holds=False,
                proposes=False,
            )
            starts: Starts = {its: [] for its in terms}
            for free in found:
                for wish in (free.wish, *free.others):
                    starts[wish.calendar.id].append(minute(free.starts_at))
            self._starts[key] = starts
        return self._starts[key]

    def chances(self, entry: WaitingEntry, starts: Starts) -> list[Chance]:
        """The starts that would suit the client, as chances."""
        return [
            Chance(one.calendar, at, one.minutes)
            for one in self.terms(entry)
            for at in (of_number(each * MINUTE) for each in starts.get(one.calendar.id, ()))
            if entry.wants(at, one.minutes, one.calendar)
        ]

    def new(self, entry: WaitingEntry, starts: Starts, known: KnownRuns) -> list[Chance]:
        """The chances that suit the client and are new to them, in the order of `in_order`."""
        fresh = {its: without(every, known.get(str(its), ())) for its, every in starts.items()}
        if not any(fresh.values()):
            return []
        return in_order(self.chances(entry, fresh), fresh, known, entry.clinic.step_minutes)

    def fits(self, entry: WaitingEntry, booking: Booking) -> bool:
        """Whether the time of a cancelled booking lies ahead and would suit somebody who waits."""
        terms = [one for one in self.terms(entry) if one.calendar.id == booking.practitioner_id]
        return not booking.has_begun and any(
            timedelta(minutes=one.minutes) <= booking.span.duration
            and entry.wants(booking.starts_at, one.minutes, one.calendar)
            for one in terms
        )


def _key(entry: WaitingEntry) -> tuple[int, int | None]:
    return entry.service_id, entry.minutes


def horizon(entry: WaitingEntry, settings: OnlineSettings) -> timedelta:
    """The most time between now and an offered start."""
    own = entry.service.online_horizon_days
    return timedelta(days=settings.horizon_days if own is None else own)


def booking_notice(entry: WaitingEntry, settings: OnlineSettings) -> timedelta:
    """The booking notice of its service: the least time between now and an offered start."""
    own = entry.service.online_notice_hours
    return timedelta(hours=settings.notice_hours if own is None else own)


def free_at(
    entry: WaitingEntry,
    settings: OnlineSettings,
    chance: Chance,
    form_use: str | None,
    by_hand: bool = False,
) -> FreeTime | None:
    """The chance at this time, if this client can take it now. `form_use`: the form use whose own
    hold does not count. `by_hand`: the team offers it, without the booking notice.
    """
    terms = [one for one in entry.terms() if one.calendar.id == chance.calendar.id]
    if not terms or not is_served(entry, settings):
        return None
    found = visitor_times.free_times(
        page_of(entry, terms, settings),
        entry.service,
        terms,
        chance.starts_at,
        chance.starts_at,
        form_use=form_use,
        but=[entry.booking_id] if entry.booking_id else [],
        judged_at=scheduling.utc_now() - booking_notice(entry, settings) if by_hand else None,
    )
    free = next(found, None)
    return free if free is not None and free.wish.minutes == chance.minutes else None


def minute(at: datetime) -> int:
    """An instant in minutes since 1970."""
    return number(at) // MINUTE


def runs(starts: Starts, grid_step: int) -> KnownRuns:
    """Starts as an entry stores them: as runs, pairs of the first and the last start, a grid step
    apart.
    """
    return {str(calendar): _runs(every, grid_step) for calendar, every in starts.items()}


def _runs(every: Sequence[int], grid_step: int) -> list[list[int]]:
    kept: list[list[int]] = []
    for at in every:
        if kept and at - kept[-1][1] <= grid_step:
            kept[-1][1] = at
        else:
            kept.append([at, at])
    return kept


def still_known(
    known: KnownRuns, starts: Starts, grid_step: int, beyond: datetime | None = None
) -> KnownRuns:
    """The known starts that are still free. A start that was taken is forgotten, so that it counts
    as new when it is free again. A calendar that is closed for now keeps its known starts. Starts
    after `beyond` are added, since they are free only because the horizon moved on.
    """
    edge = minute(beyond) if beyond else None
    left = {calendar: every for calendar, every in known.items() if int(calendar) not in starts}
    for calendar, every in starts.items():
        cut = len(every) if edge is None else bisect_right(every, edge)
        kept = within(every[:cut], known.get(str(calendar), ())) + every[cut:]
        if kept:
            left[str(calendar)] = _runs(kept, grid_step)
    return left


def is_kept(known: KnownRuns, left: KnownRuns, since: datetime, grid_step: int) -> bool:
    """Whether `known` may stay stored although `left` differs: only starts before `since` are
    different.
    """
    return left == {
        its: kept for its, every in known.items() if (kept := _from(every, since, grid_step))
    }


def _from(every: Sequence[Run], since: datetime, grid_step: int) -> list[list[int]]:
    """The runs cut to the starts at or after `since`; runs that end before it are left out.
    `grid_step` and the runs are in minutes.
    """
    edge = minute(since + timedelta(minutes=1) - timedelta(microseconds=1))
    cut = [
        (first + max(0, -(-(edge - first) // grid_step) * grid_step), last) for first, last in every
    ]
    return [[first, last] for first, last in cut if first <= last]


def in_order(
    chances: Sequence[Chance], fresh: Starts, known: KnownRuns, grid_step: int
) -> list[Chance]:
    """Sort chances that are new to a client: the soonest free gap first. `fresh`: all new starts.
    If the time just before a gap was free already, the start that uses only the gap's own time
    comes first, so that the time before it stays whole.
    """
    gaps = {its: _runs(every, grid_step) for its, every in fresh.items()}

    def place(one: Chance) -> tuple[int, bool, int, int]:
        at = minute(one.starts_at)
        first = next(low for low, high in gaps[one.calendar.id] if low <= at <= high)
        follows = bool(within([first - grid_step], known.get(str(one.calendar.id), ())))
        best = first + (grid_step * ((one.minutes - 1) // grid_step) if follows else 0)
        return first, at != best, at, one.calendar.id

    return sorted(chances, key=place)


def within(every: list[int], stretches: Iterable[Run]) -> list[int]:
    """The starts that lie in one of the runs. Both are in order."""
    found: list[int] = []
    for first, last in stretches:
        found += every[bisect_left(every, first) : bisect_right(every, last)]
    return found


def without(every: list[int], stretches: Iterable[Run]) -> list[int]:
    """The starts that lie in none of the runs. Both are in order."""
    found, at = list[int](), 0
    for first, last in stretches:
        found += every[at : max(at, bisect_left(every, first))]
        at = max(at, bisect_right(every, last))
    return found + every[at:]


def unheld(
    chances: Sequence[Chance], entry: WaitingEntry, held: dict[int, list[TakenTime]]
) -> list[Chance]:
    """The chances that no visitor holds at this moment (`held`, by person)."""
    before, after = entry.service.gap_before_minutes, entry.service.buffer_minutes
    return [
        one
        for one in chances
        if not visitor_times.meets(
            one.starts_at,
            Wish(one.calendar, one.minutes, before, after).need,
            held.get(one.calendar.user_id, ()),
        )
    ]
