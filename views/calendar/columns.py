"""The content of the calendar's columns: bookings, external events, time off, and the free time
between them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from flask_login import current_user

from base import opening_hours, region, scheduling, working_time
from base.catalogue import _
from base.scheduling import Span
from base.tables import outside
from base.tables.outside import ExternalEvent
from base.working_time import Rota, Stretch
from models import Booking, Practitioner
from views.kit import access, display

from . import grid
from .grid import SHORTEST, minutes, wall

CALLED_OFF = ("cancelled", "no_show")
ASIDE = "side"  # the lane of cancelled bookings
Item = Booking | ExternalEvent | Stretch


@dataclass(frozen=True)
class Block:
    """A booking, an external event or time off on one day.

    `start` and `end` are its place in the grid ("09:25"), `times` is the text shown. `booking_id`
    or `event_id` leads to its card, `off_id` to the page that changes it. `status` is a booking's,
    or "external", or "away".
    """

    title: str
    status: str
    times: str
    detail: str = ""
    booking_id: int | None = None
    event_id: int | None = None
    off_id: int | None = None
    is_free: bool = False
    start: str = ""
    end: str = ""
    lane: str | None = None
    sequence: int = 0  # of a booking: a move sends it, as the version that the person saw
    may_move: bool = False  # a booking of this calendar, which the signed-in person may change


@dataclass(frozen=True)
class FreePiece:
    """A piece of free time that can be pressed. `leads`: the one piece of each free stretch that
    has the label on a phone and that the keyboard reaches.
    """

    start: str
    end: str
    leads: bool


@dataclass
class DayColumn:
    """One column: closed hours stay dark; blocks and free stretches lie above them in order of
    time.
    """

    date: date
    is_today: bool
    hours: list[tuple[str, str]] = field(default_factory=list)
    whole: list[Block] = field(default_factory=list)
    items: list[Block | FreePiece] = field(default_factory=list)
    off: list[Stretch] = field(default_factory=list)  # whole days of time off
    note: str = ""  # why its hours differ from the usual ones
    may_book: bool = False  # whether the signed-in person may change its content

    @property
    def is_closed_without_reason(self) -> bool:
        """Whether the day has no hours, and neither time off nor a note says why."""
        return not (self.hours or self.off or self.note)

    @property
    def blocks(self) -> list[Block]:
        return self.whole + [item for item in self.items if isinstance(item, Block)]


def shows_titles(calendar: Practitioner) -> bool:
    """Whether the signed-in person may read the titles of external events: their own, or those of a
    person who allows it. Others see only that the time is taken.
    """
    return calendar.user.shows_titles_to(current_user)


def off_title(stretch: Stretch) -> str:
    """The title of time off. The person and managers see its kind; all others see that the person
    is away.
    """
    row = stretch.off
    return display.OFF_NAMES[row.kind] if access.may_see_off(row) else display.AWAY


def external(calendar: Practitioner, start: datetime, end: datetime) -> list[ExternalEvent]:
    """The external events that the signed-in person may see. Only their owner sees events that take
    no time.
    """
    events = ExternalEvent.between(calendar.user_id, start, end)
    return [event for event in events if event.is_shown_to(current_user.id)]


def fill(
    column: DayColumn, calendar: Practitioner, items: Sequence[Item], rota: Rota, now: datetime
) -> None:
    """Add all items of the day to the column, and the free time from now on between them."""
    zone = calendar.zone
    window = Span(
        scheduling.midnight(column.date, zone),
        scheduling.midnight(column.date + timedelta(days=1), zone),
    )
    touching = [item for item in items if touches(item, column.date, window)]
    column.whole = [_block(item, calendar, _("All day")) for item in touching if item.all_day]
    column.items, aside = _timed([item for item in touching if not item.all_day], calendar, window)
    column.note = rota.names.get(column.date, "")
    column.off = [item for item in touching if isinstance(item, Stretch) and item.all_day]
    if not column.off:
        column.hours = [
            (wall(opens // 5 * 5), wall(-(-closes // 5) * 5))
            for opens, closes in map(opening_hours.minutes_of, rota.hours_on(column.date))
        ]
    column.may_book = access.may_book(calendar)
    if column.may_book and window.ends_at > now:
        ahead = [
            Span(max(now, span.starts_at), span.ends_at)
            for span in rota.open_on(column.date)
            if span.ends_at > now
        ]
        free = _free(ahead, items, aside, zone)
        column.items = _in_order([*column.items, *_slots(free, column.items, zone)])


def _in_order(items: Iterable[Block | FreePiece]) -> list[Block | FreePiece]:
    return sorted(items, key=attrgetter("start"))


def _timed(
    touching: Iterable[Item], calendar: Practitioner, window: Span
) -> tuple[list[Block | FreePiece], list[Item]]:
    """The blocks of the day except whole days, and the items that are drawn beside the others."""
    zone = calendar.zone
    places = [(item, grid.place(item.starts_at, item.ends_at, window, zone)) for item in touching]
    aside = _aside(places)
    abreast = [one for one in places if one[0] not in aside]
    lanes = scheduling.lanes([place for __, place in abreast])
    named = [f"{lane}/{grid.fitting(of)}" if of > 1 else None for lane, of in lanes]
    laid = [
        *zip(abreast, named, strict=True),
        *((one, ASIDE) for one in places if one[0] in aside),
    ]
    blocks = (
        _block(
            item,
            calendar,
            _times(item, window, zone),
            start=wall(start),
            end=wall(end),
            lane=lane,
        )
        for (item, (start, end)), lane in laid
    )
    return _in_order(blocks), aside


def _free(
    ahead: list[Span], items: Sequence[Item], aside: Sequence[Item], zone: ZoneInfo
) -> list[list[tuple[Span, bool]]]:
    """The free working time ahead, gap by gap, each cut by the items that are drawn beside the
    others.
    """
    taken = [item.span for item in items if isinstance(item, Booking) and item.is_busy]
    taken += outside.cut(
        [item for item in items if isinstance(item, ExternalEvent) and item.blocks], ahead, zone
    )
    taken += working_time.cut([item for item in items if isinstance(item, Stretch)], ahead)
    freed = [item.span for item in aside]
    return [list(_divided(gap, freed)) for gap in scheduling.gaps(ahead, taken)]


def _aside(places: Sequence[tuple[Item, tuple[int, int]]]) -> list[Item]:
    """Cancelled bookings whose time nothing else takes. They leave room beside them, so that the
    free time can be pressed.
    """
    return [
        item
        for item, (start, end) in places
        if isinstance(item, Booking)
        and item.status in CALLED_OFF
        and not any(
            other is not item and begins < end and start < stops
            for other, (begins, stops) in places
        )
    ]


def _divided(gap: Span, freed: Sequence[Span]) -> Iterator[tuple[Span, bool]]:
    """The parts of a gap, cut at the start and end of each cancelled booking, so that its time can
    be booked alone. Each part comes with whether it is a cancelled time. No part gets too short to
    be pressed.
    """
    least, start = timedelta(minutes=SHORTEST), gap.starts_at
    for edge in sorted({edge for span in freed for edge in (span.starts_at, span.ends_at)}):
        if start + least <= edge <= gap.ends_at - least:
            yield Span(start, edge), any(span.starts_at == start for span in freed)
            start = edge
    yield Span(start, gap.ends_at), any(span.starts_at == start for span in freed)


def bounds(days: Sequence[DayColumn]) -> tuple[int, int]:
    """The first hour shown, and the hour after the last: 08 to 18, or wider if needed."""
    edges = [edge for day in days for edge in day.hours] + [
        _edge(item) for day in days for item in day.items
    ]
    return min([8, *(int(start[:2]) for start, __ in edges)]), max(
        [18, *(-(-minutes(end) // 60) for __, end in edges)]
    )


def _edge(item: Block | FreePiece) -> tuple[str, str]:
    """The part of a block that must be visible. The night may be cut off a block that is no booking
    and continues from the day before or into the next.
    """
    if isinstance(item, FreePiece) or item.booking_id:
        return item.start, item.end
    start, end = minutes(item.start), minutes(item.end)
    if not start:
        return ("12:00", "12:00") if end == 1440 else (wall(max(end - 60, 0)), item.end)
    return item.start, wall(min(start + 60, 1440)) if end == 1440 else item.end


def cut_to(days: Iterable[DayColumn], first: int, last: int) -> None:
    """Shorten blocks that are no bookings to the grid."""
    for day in days:
        day.items = [
            item
            if isinstance(item, FreePiece) or item.booking_id
            else replace(
                item,
                start=max(item.start, wall(first * 60)),
                end=min(item.end, wall(last * 60)),
            )
            for item in day.items
        ]


def touches(item: Item, day: date, window: Span) -> bool:
    """Whether an item is on the day. Whole days are compared by date, whatever their zone. An event
    without length is shown at its start.
    """
    if item.all_day:
        return item.starts_on <= day < item.ends_on
    return item.starts_at < window.ends_at and (
        item.ends_at > window.starts_at or item.starts_at >= window.starts_at
    )


def _block(item: Item, calendar: Practitioner, times: str, **place) -> Block:
    if isinstance(item, Stretch):
        off_id = item.off.id if access.may_see_off(item.off) else None
        return Block(off_title(item), "away", times, off_id=off_id, **place)
    if isinstance(item, Booking):
        return Block(
            item.title,
            item.status,
            times,
            _detail(item, calendar),
            booking_id=item.id,
            sequence=item.sequence,
            may_move=item.practitioner_id == calendar.id and access.may_book(calendar),
            **place,
        )
    is_own, is_free = calendar.user_id == current_user.id, item.busy == "free"
    detail = f"{'Free, ' if is_free else ''}{display.called(item.calendar)}" if is_own else ""
    return Block(
        external_title(item, shows_titles(calendar)),
        "external",
        times,
        detail,
        event_id=item.id,
        is_free=is_free,
        **place,
    )


def external_title(event: ExternalEvent, shows: bool) -> str:
    """The title of an external event here; if it may not be shown, the word for taken time."""
    return (
        (event.title or _("(no title)"))
        if shows
        else _("{busy} (other calendar)", busy=display.BUSY_NAMES[event.busy])
    )


def _detail(booking: Booking, calendar: Practitioner) -> str:
    """The service; or the venue, if it is not the venue of the page."""
    if booking.practitioner_id != calendar.id:
        return _("at {venue}", venue=booking.practitioner.venue.name)
    if booking.all_day and booking.rate_cents:
        return _(
            "{rate} a day",
            rate=display.money(booking.rate_cents, access.clinic().currency),
        )
    return booking.service.name if booking.service and booking.patient else ""


def _times(item: Item, window: Span, zone: ZoneInfo) -> str:
    start, end = display.clock(item.starts_at, zone), display.clock(item.ends_at, zone)
    if item.starts_at >= window.starts_at:
        return (
            region.between_in(item.starts_at, item.ends_at, zone)
            if item.ends_at - item.starts_at <= timedelta(days=1)
            else _("from {start}", start=start)
        )
    return _("until {end}", end=end) if item.ends_at <= window.ends_at else _("all day")


def _slots(
    gaps: Iterable[list[tuple[Span, bool]]], blocks: Sequence[Block], zone: ZoneInfo
) -> Iterator[FreePiece]:
    """The free stretches of a column, cut into pieces. In each stretch, the first piece that no
    block covers (such as an offered booking) leads. A piece of cancelled time always leads.
    """
    for parts in gaps:
        cut = [(list(grid.pieces(part, zone)), is_freed) for part, is_freed in parts]
        freed = {pieces[0] for pieces, is_freed in cut if pieces and is_freed}
        pieces = [piece for pieces, __ in cut for piece in pieces if piece not in freed]
        open_ones = (
            piece
            for piece in pieces
            if not any(
                block.start < piece[1] and piece[0] < block.end
                for block in blocks
                if block.lane != ASIDE
            )
        )
        leading = next(open_ones, pieces[0] if pieces and not freed else None)
        yield from (
            FreePiece(*piece, leads=piece == leading or piece in freed)
            for piece in sorted([*pieces, *freed])
        )
