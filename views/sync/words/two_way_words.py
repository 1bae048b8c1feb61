"""Sentences about connected accounts. They only word facts."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from base import day_names, region, scheduling
from base.catalogue import _, lazy, listed, ngettext, paragraph
from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking
from sync.providers import registry
from sync.providers.registry import ProviderRow
from sync.tables import account_names, mappings, sources
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.two_way.plans import local
from sync.two_way.standing import decisions, state
from sync.two_way.standing.state import Standing
from sync.two_way.standing.state_list import State
from views.kit import display

MOST_SKIPPED = 50  # bookings that are not up to date, in an account's panel, at most
# words of a server that makes no calendar for us
UNMADE = ("cannot_create", "too_many_calendars")
EDITS = {
    "put_back": (
        lazy("Put it back and tell me"),
        lazy("Your bookings stay as they are here. A notice offers to take the change over."),
    ),
    "ask": (lazy("Ask me first"), lazy("The change stays there until you decide.")),
    "follow": (
        lazy("Follow new times"),
        (
            lazy(
                "A booking that is moved there moves here, where its new time is free. Texts and"
                " deletions are put back."
            )
        ),
    ),
}
DIRECTIONS = {
    "both": (
        lazy("Both ways"),
        lazy("Bookings go there, and busy times there block booking here."),
    ),
    "out": (
        lazy("Only out: my bookings go there"),
        lazy("Nothing from there shows or blocks here."),
    ),
    "in": (
        lazy("Only in: my busy times come from there"),
        lazy("No booking goes there. Busy times there block booking here."),
    ),
}
PROBLEMS = {
    "undone": lazy("something there undoes it each time; we try again in an hour"),
    "unchanged": lazy("it was written, and looks there as before; we write it again by ourselves"),
    "invalid": lazy("the provider does not take it"),
    "unreadable": lazy("its event there cannot be read; we try again by ourselves"),
}
BECAUSE = {
    "connect": lazy("You connected"),
    "start": lazy("You started sync"),
    "resume": lazy("You ended the pause"),
    "change": lazy("You changed a setting"),
    "check": lazy("You asked for a check"),
    "resync": lazy("A resync was asked for"),
    "leave": lazy("You stopped sync"),
    "live": lazy("Instant update"),
    "poll": lazy("Regular check"),
    "source": lazy("You chose a calendar"),
    "owner": lazy("The clinic asked for a resync"),
}
WHAT = (
    ("created", lazy("added")),
    ("updated", lazy("changed")),
    ("deleted", lazy("removed")),
    ("put_back", lazy("put back")),
    ("adopted", lazy("already there")),
    ("followed", lazy("followed")),
    ("failed", lazy("refused")),
    ("stopped", lazy("stopped")),
    ("held", lazy("stopped")),
)


def time_left(run: SyncRun) -> str:
    """The remaining time of a run, in words; "" while it cannot be estimated."""
    left = run.left(scheduling.utc_now())
    if left is None:
        return ""
    minutes = round(left.total_seconds() / 60)
    if minutes < 1:
        return _("Less than a minute left.")
    return _("About {length} left.", length=region.length(minutes))


def reach(calendars: list[RemoteCalendar], zone: ZoneInfo) -> str:
    """The time in which the only calendar of an account is read, and the end of its last event; ""
    before the first reading.
    """
    read = [row for row in calendars if row.role == "source" and row.window_from and row.window_to]
    if not read:
        return ""
    days = [
        day_names.plain(at.astimezone(zone).date())
        for at in (read[0].window_from, read[0].window_to)
    ]
    covered = _("{first} to {last}.", first=days[0], last=days[1])
    last = sources.last_end(read[0])
    if last is None:
        return covered
    end = day_names.plain(last.astimezone(zone).date())
    return paragraph(
        covered, _("Its last event ends on {day}: nothing is known of later times.", day=end)
    )


def covers(account: Account) -> tuple[str, str]:
    """The first and last day whose bookings are sent."""
    bounds = local.window(account)
    days = bounds.starts_at.date(), bounds.ends_at.date() - timedelta(days=1)
    return tuple(day_names.plain(day) for day in days)


def skipped(accounts: Iterable[Account]) -> dict[int, list[tuple[Booking | None, str]]]:
    """For each account its bookings that are not up to date outside, up to a limit, each with the
    reason.
    """
    found: dict[int, list[tuple[Booking | None, str]]] = {row.id: [] for row in accounts}
    for row in mappings.with_problems(found, MOST_SKIPPED * max(len(found), 1)):
        problem = PROBLEMS.get(
            row.problem,
            _("the provider says “{problem}”; we try again by ourselves", problem=row.problem),
        )
        if len(found[row.account_id]) < MOST_SKIPPED:
            found[row.account_id].append((row.booking, problem))
    return found


def barred(account: Account) -> str | None:
    """Why the account cannot do now what the person asked, as a sentence; None: it can."""
    return _not_possible(account, state.barred(account))


def at_rest_when_asked(account: Account) -> str | None:
    """Why no run comes, also if the person asks for one, as a sentence; None: one comes."""
    return _not_possible(account, state.at_rest_when_asked(account))


def _not_possible(account: Account, at_rest: State | None) -> str | None:
    """The sentence for a state in which an account does nothing; None without one."""
    if at_rest is None:
        return None
    name = account_names.name_of(account, is_own=False)
    why = {
        State.NOT_SET_UP: _("{name} is not set up on this server", name=name),
        State.NO_PLAN: _("the clinic’s plan has no sync with {name}", name=name),
        State.NOT_ALLOWED: _("bookings may not appear outside Kalends"),
        State.PAUSED: _("sync with {name} is paused", name=name),
        State.RECONNECT: _("{name} must be connected again first", name=name),
        State.CALENDAR_GONE: _("our calendar in {name} is gone", name=name),
    }.get(at_rest, _("nothing is synced with {name}", name=name))
    return _("Not possible now: {why}. Nothing was changed.", why=why)


def asked(account: Account, begun: str, zone: ZoneInfo) -> str:
    """The answer to a person who asked for a run: `begun`, if it begins now."""
    if not Standing(account).waits:
        return begun
    return _(
        "{name} asked us to slow down, so this begins at {time}.",
        name=account_names.name_of(account, is_own=False),
        time=display.clock(account.wait_until, zone),
    )


def not_started(account: Account, refused: RemoteCalendar | None) -> tuple[str, str] | None:
    """Two sentences: why our new calendar was `refused`, and what to do; None: none was."""
    if refused is None or not account.is_naming:
        return None
    name = registry.row_of(account.kind).name
    if account.health_word not in UNMADE:
        return (
            _(
                "Not started: there is a calendar “{calendar}” in {name} already.",
                calendar=refused.name,
                name=name,
            ),
            _("Write another name, and start again."),
        )
    return (
        _("Not started: {name} makes no more calendars for programs.", name=name)
        if account.health_word == "too_many_calendars"
        else _("Not started: {name} makes no calendars for programs.", name=name),
        _("Make one for bookings there, reload this page in a moment, and choose it below."),
    )


def no_start(account: Account) -> str | None:
    """Why sync cannot start now, and what to do; None: it can."""
    name = account_names.name_of(account)
    return {
        State.NOT_SET_UP: _("{name} is not set up on this server.", name=name),
        State.NO_PLAN: _("Your clinic’s plan has no two-way sync with {name}.", name=name),
        State.NOT_ALLOWED: (
            _("Tick the box that lets your bookings appear outside Kalends, and you can start.")
        ),
    }.get(state.barred(account))


def left_out(account: Account) -> list[str]:
    """The number of bookings that are not sent, and why, so that nobody looks for them outside."""
    beyond, unfit = local.left_out(account)
    sentences = (
        (beyond, _("{beyond} outside these dates", beyond=f"{beyond:,}")),
        (unfit, _("{unfit} offered, cancelled or no-show", unfit=f"{unfit:,}")),
    )
    return [words for count, words in sentences if count]


# ---- notices ----


def proposed(notice: Notice, zone: ZoneInfo) -> str | None:
    """The time to which our event was moved outside, as the label of a button; None if no booking
    is possible then.
    """
    span = decisions.proposed(notice)
    if span is None:
        return None
    if span.all_day:
        return _("{starts_on}, all day", starts_on=display.short_day(span.starts_on))
    place = notice.booking.practitioner.zone
    starts_on, was_on = (
        scheduling.local_day(at, place) for at in (span.starts_at, notice.booking.starts_at)
    )
    day = "" if starts_on == was_on else f"{display.short_day(starts_on)}, "
    return f"{day}{display.clock(span.starts_at, place)}" + (
        "" if place.key == zone.key else f" {display.zone_name(place)}"
    )


def stands_at(notice: Notice, zone: ZoneInfo) -> str:
    """The time of the event that a notice is about: "Friday 20 November, 14:30–15:20"."""
    start, end = notice.detail["starts_at"], notice.detail["ends_at"]
    try:
        if "T" in start:
            return display.from_to(Span(*map(datetime.fromisoformat, (start, end))), zone)
        last = date.fromisoformat(end) - timedelta(days=1)
        return display.from_to(scheduling.whole_days(date.fromisoformat(start), last, zone), zone)
    except (scheduling.BadTime, OverflowError):
        return _("At a time that no booking can have")


# ---- calendars outside ----


def why(event: ExternalEvent, rules: dict) -> str:
    """Why an event blocks booking or not."""
    kind = display.BUSY_NAMES[event.busy].lower()
    if event.busy == "free":
        return _("marked free there, so it does not block")
    if not rules.get(event.busy):
        return _("{kind}, which does not block in this calendar", kind=kind)
    if event.all_day and not rules["all_day"]:
        return _("all day, which does not block in this calendar")
    return _(
        "{kind}{words}, so it blocks", kind=kind, words=_(", all day") if event.all_day else ""
    )


# ---- history ----


def to_there(run: SyncRun) -> str:
    """The changes that a run made outside: "3 added, 1 removed"."""
    done = [f"{run.counts[key]:,} {word}" for key, word in WHAT if run.counts.get(key)]
    return ", ".join(done) or _("nothing new")


def from_there(run: SyncRun) -> str:
    """The changes that a run read."""
    read = [
        f"{run.counts[key]:,} {word}"
        for key, word in (("imported", _("new")), ("changed", _("changed")), ("removed", _("gone")))
        if run.counts.get(key)
    ]
    return ", ".join(read) or _("nothing new")


def result(run: SyncRun, zone: ZoneInfo) -> tuple[str, str, str]:
    """The badge, icon and words for the end of a run."""
    again = _(", {count} times", count=run.repeated + 1) if run.repeated else ""
    if run.ended_at is None:
        return "waiting", "clock", _("Under way or broken off")
    if run.error == "broken":
        return "waiting", "undo", _("Broken off, then taken up again")
    if run.error == "waiting":
        until = (
            _(" until {time}", time=display.clock(run.wait_until, zone)) if run.wait_until else ""
        )
        return "waiting", "warn", _("Waited{until}{again}", until=until, again=again)
    if run.error:
        return (
            "trouble",
            "stop",
            {"reconnect": _("No access"), "calendar_gone": _("Calendar gone")}.get(
                run.error, _("Refused ({word})", word=run.word)
            )
            + again,
        )
    if run.was_stopped:
        return "waiting", "warn", _("Waits for you")
    return (
        "ok",
        "check",
        _(
            "Up to date, {max} s",
            max=f"{max(0.1, (run.ended_at - run.started_at).total_seconds()):.1f}",
        ),
    )


def so_far(connected: Mapping[str, str], kind: str) -> str:
    """A sentence for a provider with an account: which providers are connected, or that this one
    has not begun. `connected`: the names of those that have begun, by kind.
    """
    if kind not in connected:
        return _("{name} is not syncing yet; see above.", name=registry.row_of(kind).name)
    return ngettext(
        "{names} is connected; see above.",
        "{names} are connected; see above.",
        len(connected),
        names=listed(connected.values()),
    )


def forgetting(provider: ProviderRow) -> str:
    """The sentence about our access to an account, once it is disconnected."""
    way, removal, company = provider.by_password, provider.removal, provider.company
    if provider.reads_only:
        return _("We forget the address.")
    if way and not way.asked.is_for_programs:
        return _("We forget the password.")
    if way:
        return _("We forget the password; delete it there as well, in {place}.", place=removal)
    if removal:
        return _(
            "We forget {company}’s permission; withdraw it there as well, at {place}.",
            company=company,
            place=removal,
        )
    return _("{company}’s permission is given back.", company=company)
