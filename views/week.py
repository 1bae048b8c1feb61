"""The calendar: a week (one day of it on a phone), a day, or an agenda of seven days."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_login import current_user

import scheduling
from models import STATUSES, Booking, Practitioner
from scheduling import Span

from . import access, booking_form, display
from .access import login_required
from .forms import arg_int

blueprint = Blueprint("week", __name__)

VIEWS = ("day", "week", "agenda")
SHORTEST = 15  # minutes of height that a block needs to be read


@dataclass(frozen=True)
class Block:
    """A booking on one day; `start` and `end` are its place in the grid ("09:25"), `times` what is said."""

    booking: Booking
    times: str
    start: str = ""
    end: str = ""
    lane: str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Free:
    """A piece of free time to press; of each stretch one `leads`: it shows its label on a phone, and the keyboard stops there."""

    start: str
    end: str
    leads: bool


@dataclass
class Day:
    """One column: closed hours stay dark, blocks and free stretches lie on top in order of time."""

    date: date
    is_today: bool
    hours: list[tuple[str, str]] = field(default_factory=list)
    whole: list[Block] = field(default_factory=list)
    items: list[Block | Free] = field(default_factory=list)

    @property
    def blocks(self) -> list[Block]:
        return self.whole + [item for item in self.items if isinstance(item, Block)]


@blueprint.get("/")
@login_required
def home():
    return redirect(url_for("week.index"))


@blueprint.get("/calendar")
@login_required
def index():
    view = request.args.get("view", "week")
    if view not in VIEWS:
        abort(404)
    if not access.menu_calendars()[0]:
        return render_template("week/none.html")
    calendar = chosen_calendar()
    return render_template("week/index.html", **page(calendar, chosen_day(calendar.zone), view))


def chosen_calendar() -> Practitioner:
    """The calendar of the query string; else one's own; else the first."""
    asked = arg_int(request.values.get("calendar"))
    if asked is None:
        return next(iter(access.menu_calendars()[0]), None) or abort(404)  # one's own come first
    listed = (one for one in access.menu_calendars()[0] if one.id == asked)
    return next(listed, None) or access.load(Practitioner, asked)


def chosen_day(zone: ZoneInfo) -> date:
    """The day of the query string, else today in the zone."""
    asked = request.args.get("day")
    try:
        day = date.fromisoformat(asked) if asked else scheduling.local_day(scheduling.utc_now(), zone)
    except ValueError:
        abort(404)
    return day if scheduling.FIRST_DAY <= day <= scheduling.LAST_DAY else abort(404)


def came_from() -> dict[str, str]:
    """The view from which a booking was opened and its first day, as the addresses of the card carry them; empty: the week."""
    view, shown = request.args.get("view"), request.args.get("shown", "")
    return {"view": view, "shown": shown} if view in ("day", "agenda") and _is_day(shown) else {}


def _is_day(value: str) -> bool:
    try:
        return scheduling.FIRST_DAY <= date.fromisoformat(value) <= scheduling.LAST_DAY
    except ValueError:
        return False


def page(calendar: Practitioner, day: date, view: str) -> dict:
    """What the templates of a week, a day or an agenda need."""
    wanted = [day + timedelta(days=n) for n in range(7)] if view == "agenda" else scheduling.week_of(day)
    dates = [one for one in wanted if scheduling.FIRST_DAY <= one <= scheduling.LAST_DAY]
    filled = [day] if view == "day" else dates
    zone, now = calendar.zone, scheduling.utc_now()
    bookings = list(calendar.user.bookings_between(scheduling.midnight(filled[0], zone) - timedelta(days=1),
                                                   scheduling.midnight(filled[-1], zone) + timedelta(days=2)))
    today = scheduling.local_day(now, zone)
    days = [Day(one, one == today) for one in dates]
    for column in days:
        if column.date in filled:
            _fill(column, calendar, bookings, now)
    first, last = _bounds(days)
    shown = {item.booking.status for column in days for item in column.blocks}
    wall = now.astimezone(zone)
    return {
        "calendar": calendar, "day": day, "view": view, "came": {"view": view, "shown": day.isoformat()} if view != "week" else {},
        "heading": display.day(day, year=True) if view == "day" else _months(dates[0], dates[-1]),
        "days": days, "first": first, "last": last, "today": today,
        "now_line": (wall.strftime("%H:%M"), _wall(_five(wall)), _wall(_five(wall) + 5)) if first <= wall.hour < last and today in filled else None,
        "step": timedelta(days=1 if view == "day" else 7), "calendars": switcher(), "statuses": [s for s in STATUSES if s in shown],
        "more_calendars": access.menu_calendars()[1], "says_zone": booking_form.zone_differs(calendar), "may_book": access.may_book(calendar),
        "first_steps": None if shown or access.clinic().bookings.exists() else access.clinic().first_steps(),
    }


def _months(first: date, last: date) -> str:
    """November 2026; November – December 2026; December 2026 – January 2027."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first:%B %Y}"
    return f"{first:%B} – {last:%B %Y}" if first.year == last.year else f"{first:%B %Y} – {last:%B %Y}"


def switcher() -> list[tuple[str, list[Practitioner]]]:
    """The calendars of the menu in groups: one's own, then each venue's."""
    groups: dict[str, list[Practitioner]] = {}
    for one in access.menu_calendars()[0]:
        groups.setdefault("Your calendars" if one.user_id == current_user.id else one.venue.name, []).append(one)
    return list(groups.items())


def _fill(column: Day, calendar: Practitioner, bookings: Sequence[Booking], now: datetime) -> None:
    """Lay the bookings that touch the day into the column, and what is free from now on between them."""
    zone = calendar.zone
    window = Span(scheduling.midnight(column.date, zone), scheduling.midnight(column.date + timedelta(days=1), zone))
    touching = [booking for booking in bookings if _on(booking, column.date, window)]
    column.whole = [Block(booking, "All day", detail=_detail(booking, calendar)) for booking in touching if booking.all_day]
    places = {booking: _place(booking, window, zone) for booking in touching if not booking.all_day}
    lanes = scheduling.lanes(list(places.values()))
    column.items = [
        Block(booking, _times(booking, window, zone), _wall(start), _wall(end), f"{lane}/{of}" if of > 1 else None, _detail(booking, calendar))
        for (booking, (start, end)), (lane, of) in zip(places.items(), lanes, strict=True)]
    stretches = calendar.hours.get(scheduling.WEEKDAYS[column.date.weekday()], [])
    column.hours = [(_wall(_minutes(opens) // 5 * 5), _wall(-(-_minutes(closes) // 5) * 5)) for opens, closes in stretches]
    if access.may_book(calendar) and window.ends_at > now:
        open_spans = scheduling.open_spans(calendar.hours, column.date, zone)
        ahead = [Span(max(now, span.starts_at), span.ends_at) for span in open_spans if span.ends_at > now]
        taken = [booking.span for booking in bookings if booking.is_busy]
        column.items = sorted([*column.items, *_slots(scheduling.gaps(ahead, taken), column.items, zone)], key=attrgetter("start"))


def _on(booking: Booking, day: date, window: Span) -> bool:
    """Whole days are shown by their date, whatever zone they are meant in."""
    return booking.starts_on <= day < booking.ends_on if booking.all_day else booking.span.overlaps(window)


def _place(booking: Booking, window: Span, zone: ZoneInfo) -> tuple[int, int]:
    """From and to in minutes of the local day, rounded outwards to five, and high enough to be read."""
    start = 0 if booking.starts_at <= window.starts_at else _five(booking.starts_at.astimezone(zone))
    ends = booking.ends_at.astimezone(zone)
    end = 1440 if booking.ends_at >= window.ends_at else -(-(ends.hour * 60 + ends.minute + (ends.second > 0)) // 5) * 5
    start = min(start, 1440 - SHORTEST)
    return start, max(end, start + SHORTEST)


def _times(booking: Booking, window: Span, zone: ZoneInfo) -> str:
    start, end = display.clock(booking.starts_at, zone), display.clock(booking.ends_at, zone)
    if booking.starts_at >= window.starts_at:
        return f"{start}–{end}"
    return f"until {end}" if booking.ends_at <= window.ends_at else "all day"


def _detail(booking: Booking, calendar: Practitioner) -> str:
    """What is done, or where, when that is another venue than the one looked at."""
    if booking.practitioner_id != calendar.id:
        return f"at {booking.practitioner.venue.name}"
    if booking.all_day and booking.rate_cents:
        return f"{display.money(booking.rate_cents, access.clinic().currency)} a day"
    return booking.service.name if booking.service and booking.patient else ""


def _slots(gaps: Iterable[Span], blocks: Sequence[Block], zone: ZoneInfo) -> Iterator[Free]:
    """Free stretches in pieces. The first piece leads that lies under no block, such as an offered or a cancelled booking."""
    for gap in gaps:
        pieces = list(_pieces(gap, zone))
        open_ones = (piece for piece in pieces if not any(block.start < piece[1] and piece[0] < block.end for block in blocks))
        leading = next(open_ones, pieces[0] if pieces else None)
        yield from (Free(*piece, leads=piece == leading) for piece in pieces)


def _pieces(gap: Span, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """A free stretch cut at whole hours, so that one can press where one wants to begin."""
    starts, ends = gap.starts_at.astimezone(zone), gap.ends_at.astimezone(zone)
    start = -(-(starts.hour * 60 + starts.minute + (starts.second + starts.microsecond > 0)) // 5) * 5
    end = _five(ends) if ends.date() == starts.date() else 1440
    while end - start >= SHORTEST:
        hour = -(-(start + SHORTEST) // 60) * 60
        cut = hour if end - hour >= SHORTEST else end
        yield _wall(start), _wall(cut)
        start = cut


def _bounds(days: Sequence[Day]) -> tuple[int, int]:
    """First hour shown and the hour after the last: 08 to 18, or wider where hours or bookings are."""
    starts = [start for day in days for start, _ in day.hours] + [item.start for day in days for item in day.items]
    ends = [end for day in days for _, end in day.hours] + [item.end for day in days for item in day.items]
    return min([8, *(int(start[:2]) for start in starts)]), max([18, *(-(-_minutes(end) // 60) for end in ends)])


def _minutes(wall: str) -> int:
    return int(wall[:2]) * 60 + int(wall[3:5])


def _wall(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _five(at: datetime) -> int:
    return (at.hour * 60 + at.minute) // 5 * 5
