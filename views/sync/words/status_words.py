"""The state of an account as a badge, a few words and a sentence. It only words facts."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from base import scheduling
from base.catalogue import _, lazy, ngettext, paragraph
from sync.connect import gateway
from sync.providers import registry
from sync.tables.accounts import TOO_MUCH_AT_ONCE, Account
from sync.two_way.standing import state_list
from sync.two_way.standing.state import Standing
from sync.two_way.standing.state_list import State
from views.kit import display
from views.sync.words import (
    connect_words,
    direction_words,
    outside_words,
    reading_words,
    two_way_words,
)


@dataclass(frozen=True)
class Status:
    """An account's state: a badge ("ok", "busy", "waiting", "trouble", "off"), and a sentence."""

    badge: str
    name: str
    sentence: str
    is_busy: bool = False  # it is changing now: the page polls in a moment
    differs: bool = False  # up to date, but some events are different outside

    @property
    def tone(self) -> str:
        return {
            "ok": "good",
            "busy": "info",
            "waiting": "warning",
            "trouble": "danger",
            "off": "info",
        }[self.badge]

    @property
    def icon(self) -> str:
        if self.differs:
            return "warn"  # the page does not poll
        return {
            "ok": "check",
            "busy": "sync",
            "waiting": "clock",
            "trouble": "stop",
            "off": "pause",
        }[self.badge]


NAMES = {  # on the page and on the owner's board alike
    State.REMOVAL_STUCK: lazy("Removal is not finished"),
    State.REMOVING: lazy("Removing our events"),
    State.NOT_SET_UP: lazy("Not set up any more"),
    State.LISTING: lazy("Connected"),
    State.LIST_FAILED: lazy("Not usable yet"),
    State.LIST_WAITS: lazy("Not usable yet"),
    State.OFF: lazy("Off"),
    State.UNNAMED: lazy("Not started"),
    State.NO_PLAN: lazy("Not in the plan"),
    State.NOT_ALLOWED: lazy("Off"),
    State.PAUSED: lazy("Paused"),
    State.RECONNECT: lazy("Needs reconnecting"),
    State.CALENDAR_GONE: lazy("Calendar is gone"),
    State.OPERATOR: lazy("Needs the server administrator"),
    State.ASKS: lazy("Waits for you"),
    State.ASKS_SOURCE: lazy("Waits for you"),
    State.FAILED: lazy("Updating"),
    State.IN_STEP: lazy("Up to date"),
}
MOVING = (  # it changes without the person: the page polls in a moment
    State.REMOVAL_STUCK,
    State.REMOVING,
    State.LISTING,
    State.LIST_WAITS,
    State.WAITING,
    State.RUNNING,
    State.DUE,
)


def name_of(standing: Standing, zone: ZoneInfo) -> str:
    """The state in a few words."""
    state = standing.state
    if state == State.WAITING:
        return _(
            "Waiting until {wait_until}",
            wait_until=display.clock(standing.account.wait_until, zone),
        )
    if state in (State.RUNNING, State.DUE):
        is_behind = state == State.RUNNING or standing.in_step < standing.due
        return _("Under way") if is_behind else _("Looking for changes")
    if state in (State.UNREADABLE, State.IN_PART):
        return reading_words.in_short(standing)[0]
    if state == State.IN_STEP and (count := len(standing.differences)):
        return ngettext("Up to date, but {count} differs", "Up to date, but {count} differ", count)
    return NAMES[state]


def status(standing: Standing, zone: ZoneInfo) -> Status:
    """The account's state, for its own person."""
    name = registry.row_of(standing.account.kind).name
    sentence = _while_stopped(standing, name, zone) or _while_synced(standing, name)
    return Status(
        standing.severity,
        name_of(standing, zone),
        paragraph(sentence, outside_words.left(standing)),
        standing.state in MOVING or (standing.state == State.OPERATOR and standing.is_due),
        standing.state == State.IN_STEP and bool(standing.differences),
    )


def first_list(standing: Standing, zone: ZoneInfo) -> Status | None:
    """The progress of an account's first list of calendars; None once its calendars are known."""
    lists = State.LISTING, State.LIST_FAILED, State.LIST_WAITS
    is_unseen = standing.state == State.NOT_SET_UP and standing.account.is_naming
    return status(standing, zone) if standing.state in lists or is_unseen else None


def _while_stopped(standing: Standing, name: str, zone: ZoneInfo) -> str | None:
    """The state of an account that is not synced (yet, now, any more); None for others."""
    account = standing.account
    match standing.state:
        case State.REMOVAL_STUCK:
            return _(
                "{unfinished} What came from there is gone here already.",
                unfinished=outside_words.unfinished(standing, zone),
            )
        case State.REMOVING:
            return _(
                "We are removing our events in {name}. What came from there is gone here already.",
                name=name,
            )
        case State.NOT_SET_UP:
            return paragraph(
                _(
                    "{name} is not set up on this server now. The person who runs it can change"
                    " that.",
                    name=name,
                ),
                _still_blocking(standing),
            )
        case State.LISTING | State.LIST_FAILED | State.LIST_WAITS:
            return _while_listing(standing, name, zone)
        case State.OFF:
            return _while_off(account, name)
        case State.UNNAMED:
            return _("Give the new calendar a name, and you can start.")
        case State.NO_PLAN:
            return _(
                "Your clinic’s plan has no sync with {name}. Nothing goes there any more, and"
                " {old_times}",
                name=name,
                old_times=outside_words.old_times(standing),
            )
        case State.NOT_ALLOWED:
            return _(
                "Bookings may not appear outside Kalends now. Tick the box that lets them, to go"
                " on."
            )
        case State.PAUSED:
            return _(
                "Nothing goes out and nothing comes in until you go on. Busy times we last saw"
                " still block."
            )
    return None


def _while_off(account: Account, name: str) -> str:
    if account.kind not in gateway.kinds():
        return _("Nothing is synced. {name} is not set up on this server now.", name=name)
    return _(
        "Nothing is synced. {name} is still connected, so you can start again at any time.",
        name=name,
    )


def _while_listing(standing: Standing, name: str, zone: ZoneInfo) -> str:
    """The state while the provider is asked for the account's calendars."""
    if standing.state == State.LISTING:
        return _(
            "We are asking {name} which calendars you have. You can leave this page.", name=name
        )
    why = connect_words.refusal(standing.account.health_word, name)
    if standing.state == State.LIST_FAILED:
        return why
    if standing.waits:
        return _(
            "{why} We try again at {wait_until}.",
            why=why,
            wait_until=display.clock(standing.account.wait_until, zone),
        )
    return _("{why} We are trying again.", why=why)


def _while_synced(standing: Standing, name: str) -> str:
    account = standing.account
    match standing.state:
        case State.RECONNECT:
            return _(
                "Access to {name} has ended, {since}. Your bookings here are safe.",
                name=name,
                since=since(account),
            )
        case State.CALENDAR_GONE:
            return _(
                "Our calendar in {name} was deleted there. Your bookings here are safe.", name=name
            )
        case State.OPERATOR:
            return _(
                "{name} refuses this Kalends, or does not answer ({health_word}),"
                " {since}. We go on trying.",
                name=name,
                health_word=account.health_word,
                since=since(account),
            )
        case State.ASKS:
            return _(
                "We stopped before {count} events would go. Nothing has been removed.",
                count=standing.question.detail.get("count", 0),
            )
        case State.ASKS_SOURCE:
            return _(
                "A calendar is suddenly empty. Its times keep blocking until you decide below."
            )
        case State.UNREADABLE | State.IN_PART:
            return _("{in_short} See below.", in_short=reading_words.in_short(standing)[1])
        case State.WAITING:
            return _(
                "{why_waiting} The rest follows by itself.", why_waiting=why_waiting(account, name)
            )
        case State.RUNNING:
            how_far_on = _(
                "{done} of {total} changes are in {name}.",
                done=f"{standing.run.done:,}",
                total=f"{standing.run.total:,}",
                name=name,
            )
            leave = _("You can leave this page: it carries on.")
            return paragraph(how_far_on, two_way_words.time_left(standing.run), leave)
        case State.DUE:
            return how_far(standing)
    return _counted(standing)


def _counted(standing: Standing) -> str:
    account = standing.account
    if not account.sends:
        return direction_words.counted(standing, how_changes_arrive(standing))
    done, due = min(standing.in_step, standing.due), standing.due
    counted = _(
        "{done} of {due} bookings, checked {ago}",
        done=f"{done:,}",
        due=f"{due:,}",
        ago=display.ago(account.checked_at),
    )
    if standing.state == State.FAILED:
        return _("{counted}. See below which are not.", counted=counted)
    return f"{counted}, {how_changes_arrive(standing)}."


def how_far(standing: Standing) -> str:
    """The number of bookings that are up to date while an account is compared."""
    done, due = standing.in_step, standing.due
    if not standing.account.sends:
        return direction_words.leaving(done)
    rest = _("; the rest is on its way") if done < due else ""
    return _(
        "{done} of {due} bookings are up to date{rest}.",
        done=f"{min(done, due):,}",
        due=f"{due:,}",
        rest=rest,
    )


def _still_blocking(standing: Standing) -> str:
    if standing.account.is_naming:
        return ""
    return _("Nothing goes there, and {old_times}", old_times=outside_words.old_times(standing))


def why_waiting(account: Account, name: str) -> str:
    """Why we do not ask the account's provider for a while."""
    if account.health_word == TOO_MUCH_AT_ONCE:
        return _("{name} asked us to slow down.", name=name)
    return _("{name} does not answer as it should.", name=name)


def since(account: Account) -> str:
    """The time since when there is trouble."""
    return (
        _(
            "for {duration}",
            duration=display.duration(
                (scheduling.utc_now() - account.failing_since).total_seconds()
            ),
        )
        if account.failing_since
        else _("since just now")
    )


def how_changes_arrive(standing: Standing) -> str:
    """How changes arrive. "Instant" only if messages are known to arrive."""
    most = gateway.poll_seconds(standing.account.kind) * 1.25
    return (
        _("instant updates on")
        if standing.is_live
        else _(
            "changes arrive within {duration}",
            duration=display.duration(most),
        )
    )


def live(standing: Standing, zone: ZoneInfo) -> str:
    """A line about the channels, for the list of facts."""
    if standing.state in state_list.STOPPED:
        return _(
            "none while {words}",
            words="paused" if standing.state == State.PAUSED else "disconnected",
        )
    every = display.duration(gateway.poll_seconds(standing.account.kind))
    if not gateway.setup().webhook_url or not standing.has_channels:
        return _("not possible here; we check every {every}", every=every)
    rows = standing.channels
    if not rows:
        return _("off now; we check every {every}", every=every)
    if not standing.is_live:
        return _("none has come yet; we check every {every}", every=every)
    last = max((row.called_at for row in rows if row.called_at), default=None)
    return _(
        "on until {date}, renewed automatically",
        date=display.short_day(rows[0].expires_at.astimezone(zone).date()),
    ) + (_("; the last one {ago}", ago=display.ago(last)) if last else "")
