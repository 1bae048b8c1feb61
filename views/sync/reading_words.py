"""What the pages say about calendars outside that cannot be read, and about single events in them.

Facts turned into sentences.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sync.connect.connections import setup
from sync.providers import registry
from sync.tables.accounts import RemoteCalendar
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way.freshness import Freshness
from sync.two_way.state import Standing
from views.kit import display

REASONS = {
    "no_start": "no start time",
    "no_end": "no end time",
    "bad_start": "the start time is not a date",
    "bad_end": "the end time is not a date",
    "backwards": "it ends before it starts",
    "zone": "unknown time zone",
    "no_id": "it has no ID",
    "refused": "access to it was refused",
}
KEPT = "The busy times we last read keep blocking."


@dataclass(frozen=True)
class Trouble:
    """What is the matter with one calendar.

    `may_free`: it is surely gone, so that its times may be freed. `in_part`: the rest of it is
    read.
    """

    name: str
    sentence: str
    tone: str = "waiting"
    may_free: bool = False
    in_part: bool = False

    @property
    def icon(self) -> str:
        return "stop" if self.may_free else "warn"


def of_account(standing: Standing, zone: ZoneInfo) -> dict[int, list[Trouble]]:
    """What is the matter with the account's calendars, by calendar.

    Those without trouble are not in it.
    """
    found: dict[int, list[Trouble]] = {}
    provider = registry.of(standing.account.kind).name
    for calendar in standing.gone:
        words = (
            f"{_since(calendar.gone_since, zone)} it was deleted in {provider}, or is no longer"
            " shared with you."
        )
        found[calendar.id] = [
            Trouble(
                "Not there",
                f"{words} Its busy times keep blocking until you free them.",
                "trouble",
                may_free=True,
            )
        ]
    for row in standing.troubles:
        if row.kind == "events":
            found.setdefault(row.calendar_id, []).append(_events(row, provider))
        elif row.calendar.gone_since is None:
            words = f"{_since(row.since, zone)} {why(row, provider)} {KEPT}"
            found.setdefault(row.calendar_id, []).append(Trouble("Cannot be read", words))
    return found


def _since(at: datetime, zone: ZoneInfo) -> str:
    return f"Since {display.moment(at, zone)} we cannot read it:"


def why(row: CalendarTrouble, provider: str) -> str:
    """Why a calendar cannot be read, and what happens next. No name of a calendar is in it."""
    word = f" ({row.word})" if row.word else ""
    return {
        "forbidden": (
            f"{provider} refuses access to it{word}. Check in {provider} that you can still"
            " open it."
        ),
        "not_found": (
            f"{provider} does not find it at the moment. We look several times more before we say"
            " that it is gone."
        ),
        "refused": f"{provider} refuses to show it{word}. We try again at each check.",
        "unreadable": f"the answer of {provider} could not be read. We try again at each check.",
        "endless": "it has more entries than we can read. We try again once a day.",
    }.get(row.reason, f"{provider} does not answer as it should{word}. We try again at each check.")


def _events(row: CalendarTrouble, provider: str) -> Trouble:
    helps = (
        f"What we last knew of them stays. Open them in {provider} and save them again, or delete"
        " them."
    )
    return Trouble("Read in part", f"{unread(row.calendar)} {helps}", in_part=True)


def unread(calendar: RemoteCalendar) -> str:
    """The line about events that could not be read, such as "2 events could not be read"."""
    reasons = UnreadEvent.reasons(calendar)
    total = sum(reasons.values())
    named = sorted(
        (REASONS.get(reason, "not understood"), count) for reason, count in reasons.items()
    )
    listed = ", ".join(name if len(named) == 1 else f"{name} ({count})" for name, count in named)
    return f"{total:,} {'event' if total == 1 else 'events'} could not be read: {listed}."


def freshness(known: Freshness) -> str:
    """When a calendar was last read, and how soon a change there is known here."""
    read_at = known.calendar.read_at
    last = f"Last read {display.ago(read_at)}" if read_at else "Not read yet"
    if not known.can_ask:
        return f"{last}. It cannot be read at the moment, see Calendar sync."
    if known.is_live:
        return f"{last}. Instant updates are on."
    return f"{last}. It is checked every {display.duration(setup().poll_seconds)}."


def coverage(standing: Standing) -> list[str]:
    """For each calendar the line about its events that could not be read."""
    return [
        f"“{display.called(row.calendar)}”: {unread(row.calendar)}"
        for row in standing.troubles
        if row.kind == "events"
    ]


def in_short(standing: Standing) -> tuple[str, str]:
    """A name and a sentence for an account whose calendars cannot be read, or in part.

    Without the name of any calendar.
    """
    gone, closed = standing.gone, standing.closed
    provider = registry.of(standing.account.kind).name
    if len(closed) + len(gone) > 1:
        return (
            "Calendars cannot be read",
            f"{len(closed) + len(gone)} calendars cannot be read. {KEPT}",
        )
    if gone:
        return (
            "A calendar is not there",
            (
                f"One calendar was deleted in {provider}, or is no longer shared. Its busy times"
                " keep blocking."
            ),
        )
    if closed:
        return "A calendar cannot be read", f"One calendar: {why(closed[0], provider)} {KEPT}"
    return "Read in part", " ".join(unread(row.calendar) for row in standing.troubles)
