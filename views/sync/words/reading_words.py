"""Sentences about calendars outside that cannot be read, and about single events in them.

They only word facts.
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from base.catalogue import _, lazy, ngettext
from base.outgoing.exchange import SENTENCES
from sync.connect import gateway
from sync.providers import registry
from sync.tables.unread import CalendarTrouble
from sync.two_way.standing.freshness import Freshness
from sync.two_way.standing.state import Standing
from views.kit import display

REASONS = {
    "no_start": lazy("no start time"),
    "no_end": lazy("no end time"),
    "bad_start": lazy("the start time is not a date"),
    "bad_end": lazy("the end time is not a date"),
    "backwards": lazy("it ends before it starts"),
    "zone": lazy("unknown time zone"),
    "no_id": lazy("it has no ID"),
    "refused": lazy("access to it was refused"),
}
_PUBLISHED = {  # words of `providers.published` that have a sentence of their own
    "page": lazy(
        "the address leads to a page to be read by people, often one to sign in. Copy the address"
        " of the calendar itself."
    ),
    "no_calendar": lazy("what lies at the address is no calendar, or only a part of one."),
    "own_link": lazy(
        "this is a private link of Kalends itself: bookings would block themselves. Use the address"
        " of the other calendar."
    ),
    "password": lazy("it asks for a password. Copy its address again, or with name and password."),
    "many_events": lazy("it has more than 20,000 events. Publish a shorter stretch of time."),
    "many_occurrences": lazy(
        "it has more than 5,000 events within the next twelve months. Publish fewer."
    ),
}
KEPT = lazy("The busy times we last read keep blocking.")


@dataclass(frozen=True)
class Trouble:
    """The trouble of one calendar, as sentences."""

    name: str
    sentence: str
    tone: str = "waiting"
    may_free: bool = False
    in_part: bool = False

    @property
    def icon(self) -> str:
        return "stop" if self.may_free else "warn"


def of_account(standing: Standing, zone: ZoneInfo) -> dict[int, list[Trouble]]:
    """The troubles of the account's calendars, by calendar."""
    found: dict[int, list[Trouble]] = {}
    provider = registry.row_of(standing.account.kind).name
    for calendar in standing.gone:
        words = _(
            "{since} it was deleted in {provider}, or is no longer shared with you.",
            since=_since(calendar.gone_since, zone),
            provider=provider,
        )
        found[calendar.id] = [
            Trouble(
                _("Not there"),
                _("{words} Its busy times keep blocking until you free them.", words=words),
                "trouble",
                may_free=True,
            )
        ]
    for row in standing.troubles:
        if row.kind == "events":
            found.setdefault(row.calendar_id, []).append(_events(standing, row, provider))
        elif row.calendar.gone_since is None:
            words = f"{_since(row.since, zone)} {why(row, provider)} {KEPT}"
            found.setdefault(row.calendar_id, []).append(Trouble(_("Cannot be read"), words))
    return found


def _since(at: datetime, zone: ZoneInfo) -> str:
    return _("Since {at} we cannot read it:", at=display.moment(at, zone))


def why(row: CalendarTrouble, provider: str) -> str:
    """Why a calendar cannot be read, and what happens next. It names no calendar."""
    if sentence := _PUBLISHED.get(row.word) or SENTENCES.get(row.word):
        return str(sentence)
    word = f" ({row.word})" if row.word else ""
    return {
        "forbidden": (
            _(
                "{provider} refuses access to it{word}. Check in {provider} that you can still"
                " open it.",
                provider=provider,
                word=word,
            )
        ),
        "not_found": (
            _(
                "{provider} does not find it at the moment. We look several times more before"
                " we say that it is gone.",
                provider=provider,
            )
        ),
        "refused": _(
            "{provider} refuses to show it{word}. We try again at each check.",
            provider=provider,
            word=word,
        ),
        "unreadable": _(
            "the answer of {provider} could not be read. We try again at each check.",
            provider=provider,
        ),
        "endless": _("it has more entries than we can read. We try again once a day."),
    }.get(
        row.reason,
        _(
            "{provider} does not answer as it should{word}. We try again at each check.",
            provider=provider,
            word=word,
        ),
    )


def _events(standing: Standing, row: CalendarTrouble, provider: str) -> Trouble:
    helps = _(
        "What we last knew of them stays. Open them in {provider} and save them again, or delete"
        " them.",
        provider=provider,
    )
    return Trouble(_("Read in part"), f"{unread(standing, row)} {helps}", in_part=True)


def unread(standing: Standing, row: CalendarTrouble) -> str:
    """The line about events that could not be read, such as "2 events could not be read"."""
    reasons = standing.reasons[row.calendar_id]
    total = sum(reasons.values())
    named = sorted(
        (str(REASONS.get(reason, _("not understood"))), count) for reason, count in reasons.items()
    )
    listed = ", ".join(name if len(named) == 1 else f"{name} ({count})" for name, count in named)
    return ngettext(
        "{count} event could not be read: {listed}.",
        "{count} events could not be read: {listed}.",
        total,
        listed=listed,
    )


def freshness(known: Freshness) -> str:
    """A sentence: when a calendar was last read, and how soon we notice a change there."""
    read_at = known.calendar.read_at
    last = _("Last read {ago}", ago=display.ago(read_at)) if read_at else _("Not read yet")
    if not known.can_ask:
        return _("{last}. It cannot be read at the moment, see Calendar sync.", last=last)
    if known.is_live:
        return _("{last}. Instant updates are on.", last=last)
    return _(
        "{last}. It is checked every {duration}.",
        last=last,
        duration=display.duration(gateway.poll_seconds(known.calendar.account.kind)),
    )


def coverage(standing: Standing) -> list[str]:
    """For each calendar the line about its events that could not be read."""
    return [
        f"“{display.called(row.calendar)}”: {unread(standing, row)}"
        for row in standing.troubles
        if row.kind == "events"
    ]


def in_short(standing: Standing) -> tuple[str, str]:
    """A name and a sentence for an account that has calendars which cannot be read, or only in
    part. Names no calendar.
    """
    gone, closed = standing.gone, standing.closed
    provider = registry.row_of(standing.account.kind).name
    if len(closed) + len(gone) > 1:
        return (
            _("Calendars cannot be read"),
            _("{count} calendars cannot be read. {kept}", count=len(closed) + len(gone), kept=KEPT),
        )
    if gone:
        return (
            _("A calendar is not there"),
            (
                _(
                    "One calendar was deleted in {provider}, or is no longer shared. Its busy times"
                    " keep blocking.",
                    provider=provider,
                )
            ),
        )
    if closed:
        return _("A calendar cannot be read"), _(
            "One calendar: {why} {kept}", why=why(closed[0], provider), kept=KEPT
        )
    return _("Read in part"), " ".join(unread(standing, row) for row in standing.troubles)
