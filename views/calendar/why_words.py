"""Sentences: the reasons why a person is not free at a time. They only word facts."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from flask_login import current_user

from base import region, scheduling
from base.catalogue import _, ngettext
from base.tables.outside import ExternalEvent
from free_times.finding import Wish
from free_times.online.holds import Hold
from free_times.why import Reason
from views.kit import display

from . import columns


def sentence(reason: Reason, wish: Wish, day: date) -> str:
    """The sentence for a reason. `day`: the day that was asked for, whose date is then left out."""
    if reason.kind == "past":
        return _("This time is in the past.")
    if reason.kind == "step":
        return _(
            "Free times are listed every {minutes} minutes from the start of the working"
            " hours, so this one is not in the list.",
            minutes=reason.minutes,
        )
    if reason.kind == "hours":
        return _hours(reason, wish, day)
    if reason.kind == "gap":
        return gap(reason, wish, day)
    what, zone = _what(reason, wish, day), wish.calendar.zone
    item = reason.booking or reason.event or reason.off
    times = display.brief(item, zone, day)
    if reason.booking:
        return f"{what}, {times}, {display.STATUS_NAMES[reason.booking.status].lower()}."
    age = f" {_age(reason.event, wish)}" if reason.event else ""
    return f"{what}, {times}.{age}"


def online(
    theirs: Sequence[Reason] | None,
    ours: Sequence[Reason],
    wish: Wish,
    day: date,
    others_do: bool,
    holds: Sequence[Hold] = (),
) -> list[str]:
    """Sentences on whether clients can book the time themselves, and on the reasons that only they
    have: rules, and times that other visitors hold. `ours`: the reasons for the team. `theirs`
    None: the service cannot be booked online in this calendar, which is mentioned only if it can in
    others (`others_do`).
    """
    if theirs is None:
        return [_("Clients cannot book here online.")] if others_do else []
    if not theirs and not holds:
        return [_("Clients can book it online.")]
    rules = [_of_clients(one, wish, day) for one in theirs if one not in ours]
    rules += [held(one, wish.calendar.zone) for one in holds]
    return [_("Clients cannot book it online:"), *rules] if rules else []


def held(hold: Hold, zone: ZoneInfo) -> str:
    """The sentence for a hold: a client is booking the time online at this moment."""
    return _(
        "A client is booking {times} online. The time is held for them until {until}; your"
        " team can still book it.",
        times=region.between_in(hold.starts_at, hold.ends_at, zone),
        until=display.clock(hold.expires_at, zone),
    )


def _of_clients(reason: Reason, wish: Wish, day: date) -> str:
    """The sentence for a rule of online booking."""
    if reason.kind == "notice":
        return _("Too soon. They must book at least {long} before.", long=_long(reason.minutes))
    if reason.kind == "horizon":
        return _("Too far ahead. They can book at most {long} ahead.", long=_long(reason.minutes))
    if reason.kind == "full":
        return _(
            "No more online bookings that day: it has as many as this calendar takes ({most}).",
            most=reason.most,
        )
    if reason.kind == "hours":
        return _(
            "{hours} The opening hours of the venue count for them.",
            hours=_hours(reason, wish, day),
        )
    return sentence(reason, wish, day)


def _long(minutes: int) -> str:
    if minutes % 1440 == 0:
        days = minutes // 1440
        return ngettext("{count} day", "{count} days", days, count=days)
    hours = minutes // 60
    return ngettext("{count} hour", "{count} hours", hours, count=hours)


def gap(reason: Reason, wish: Wish, day: date) -> str:
    """The sentence for a gap that is not kept, and the entry beside it."""
    item, zone = reason.booking or reason.event or reason.off, wish.calendar.zone
    at = item.ends_at if reason.side == "before" else item.starts_at
    clock = display.clock(at, zone)
    if scheduling.local_day(at, zone) != day:
        clock = _(
            "{clock} on {day}",
            clock=clock,
            day=display.short_day(scheduling.local_day(at, zone)),
        )
    what = _what(reason, wish, day)
    if reason.side == "before":
        return _(
            "{length} must stay free before it, and {what} ends at {clock}.",
            length=region.length(reason.minutes),
            what=what,
            clock=clock,
        )
    return _(
        "{length} must stay free after it, and {what} begins at {clock}.",
        length=region.length(reason.minutes),
        what=what,
        clock=clock,
    )


def _hours(reason: Reason, wish: Wish, day: date) -> str:
    named = f" ({reason.name})" if reason.name else ""
    if not reason.hours:
        return _("No working hours on {day}{named}.", day=display.day(day), named=named)
    hours = _(" and ").join(
        _("{opens} to {closes}", opens=opens, closes=closes) for opens, closes in reason.hours
    )
    return _(
        "Outside the working hours on {day}{named}: {hours}.",
        day=display.day(day),
        named=named,
        hours=hours,
    )


def _what(reason: Reason, wish: Wish, day: date) -> str:
    """The conflict in words, limited to what the signed-in person may know."""
    if reason.booking:
        there = reason.booking.practitioner
        is_elsewhere = there.venue_id != wish.calendar.venue_id
        where = _(" at {venue}", venue=there.venue.name) if is_elsewhere else ""
        return reason.booking.title + where
    if reason.event:
        return columns.external_title(reason.event, columns.shows_titles(wish.calendar))
    return columns.off_title(reason.off)


def _age(event: ExternalEvent, wish: Wish) -> str:
    """The calendar outside of a conflict, and when it was last read."""
    if event.user_id == current_user.id:
        is_main, name = event.calendar.is_primary, event.calendar.name
        whose = _("Your main calendar") if is_main else _("Your calendar {name}", name=name)
    else:
        whose = _("A calendar of {user} outside Kalends", user=wish.calendar.user.name)
    read_at = event.calendar.read_at
    return (
        _("{whose} was last read {ago}.", whose=whose, ago=display.ago(read_at))
        if read_at
        else _("{whose} says so.", whose=whose)
    )
