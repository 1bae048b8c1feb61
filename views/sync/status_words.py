"""How an account stands, as a badge, a few words and a sentence; nothing decided."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from base import scheduling
from sync.connect import connections
from sync.providers import registry
from sync.tables import mappings
from sync.tables.accounts import TOO_MUCH_AT_ONCE, Account, RemoteCalendar
from sync.two_way import state
from sync.two_way.state import Standing, State
from views.kit import display

from . import connect_words, reading_words


@dataclass(frozen=True)
class Status:
    """How an account stands: a badge ("ok", "busy", "waiting", "trouble", "off"), its words, and a
    sentence.
    """

    badge: str
    name: str
    sentence: str
    is_busy: bool = False  # something moves: look again in a moment

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
        return {
            "ok": "check",
            "busy": "sync",
            "waiting": "clock",
            "trouble": "stop",
            "off": "pause",
        }[self.badge]


NAMES = {  # on the page and on the owner's board alike
    State.REMOVAL_STUCK: "Removal is not finished",
    State.REMOVING: "Removing our events",
    State.NOT_SET_UP: "Not set up any more",
    State.LOOKING: "Connected",
    State.LOOK_FAILED: "Not usable yet",
    State.LOOK_WAITS: "Not usable yet",
    State.OFF: "Off",
    State.UNNAMED: "Not started",
    State.NO_PLAN: "Not in the plan",
    State.NOT_ALLOWED: "Off",
    State.PAUSED: "Paused",
    State.RECONNECT: "Needs reconnecting",
    State.CALENDAR_GONE: "Calendar is gone",
    State.OPERATOR: "Needs the server administrator",
    State.ASKS: "Waits for you",
    State.ASKS_SOURCE: "Waits for you",
    State.FAILED: "Updating",
    State.IN_STEP: "Up to date",
}
MOVING = (  # something changes by itself: look again in a moment
    State.REMOVAL_STUCK,
    State.REMOVING,
    State.LOOKING,
    State.LOOK_WAITS,
    State.WAITING,
    State.RUNNING,
    State.DUE,
)


def name_of(standing: Standing, zone: ZoneInfo) -> str:
    """The state in a few words."""
    state = standing.state
    if state == State.WAITING:
        return f"Waiting until {display.clock(standing.account.wait_until, zone)}"
    if state in (State.RUNNING, State.DUE):
        is_behind = state == State.RUNNING or standing.in_step < standing.due
        return "Under way" if is_behind else "Looking for changes"
    if state in (State.UNREADABLE, State.IN_PART):
        return reading_words.in_short(standing)[0]
    return NAMES[state]


def status(standing: Standing, zone: ZoneInfo) -> Status:
    """How the account stands, for its own person."""
    return Status(
        standing.severity,
        name_of(standing, zone),
        _sentence(standing, zone),
        standing.state in MOVING,
    )


def first_look(standing: Standing, zone: ZoneInfo) -> Status | None:
    """How the first look at a connected account goes; None once its calendars are known."""
    looks = State.LOOKING, State.LOOK_FAILED, State.LOOK_WAITS
    is_unseen = standing.state == State.NOT_SET_UP and standing.account.phase == "naming"
    return status(standing, zone) if standing.state in looks or is_unseen else None


def _sentence(standing: Standing, zone: ZoneInfo) -> str:
    name = registry.of(standing.account.kind).name
    return _while_stopped(standing, name, zone) or _while_synced(standing, name)


def _while_stopped(standing: Standing, name: str, zone: ZoneInfo) -> str | None:
    """About an account that is not synced: not yet, not now, or no more; None for any other."""
    account = standing.account
    match standing.state:
        case State.REMOVAL_STUCK:
            return f"{unfinished(account, zone)} What came from there is gone here already."
        case State.REMOVING:
            return (
                f"We are removing our events in {name}. What came from there is gone here already."
            )
        case State.NOT_SET_UP:
            return (
                f"{name} is not set up on this server now. The person who runs it can change that."
                f"{_still_blocking(account)}"
            )
        case State.LOOKING:
            return f"We are asking {name} which calendars you have. You can leave this page."
        case State.LOOK_FAILED:
            return connect_words.refusal(account.health_word, name)
        case State.LOOK_WAITS:
            why = connect_words.refusal(account.health_word, name)
            if standing.waits:
                return f"{why} We try again at {display.clock(account.wait_until, zone)}."
            return f"{why} We are trying again."
        case State.OFF if account.kind not in connections.kinds():
            return f"Nothing is synced. {name} is not set up on this server now."
        case State.OFF:
            return (
                f"Nothing is synced. {name} is still connected, so you can start again at any time."
            )
        case State.UNNAMED:
            return "Give the new calendar a name, and you can start."
        case State.NO_PLAN:
            return (
                f"Your clinic’s plan has no sync with {name}. Nothing goes there any more, and"
                f" {old_times(account)}"
            )
        case State.NOT_ALLOWED:
            return (
                "Bookings may not appear outside Kalends now. Tick the box that lets them, to go"
                " on."
            )
        case State.PAUSED:
            return (
                "Nothing goes out and nothing comes in until you go on. Busy times we last saw"
                " still block."
            )
    return None


def _while_synced(standing: Standing, name: str) -> str:
    account = standing.account
    match standing.state:
        case State.RECONNECT:
            return f"Access to {name} has ended, {since(account)}. Your bookings here are safe."
        case State.CALENDAR_GONE:
            return f"Our calendar in {name} was deleted there. Your bookings here are safe."
        case State.OPERATOR:
            return (
                f"{name} refuses this Kalends, or does not answer ({account.health_word}),"
                f" {since(account)}. We go on trying."
            )
        case State.ASKS:
            return (
                f"We stopped before {standing.question.detail.get('count', 0)} events would go."
                " Nothing has been removed."
            )
        case State.ASKS_SOURCE:
            return "A calendar is suddenly empty. Its times keep blocking until you decide below."
        case State.UNREADABLE | State.IN_PART:
            return f"{reading_words.in_short(standing)[1]} See below."
        case State.WAITING:
            return f"{why_waiting(account, name)} The rest follows by itself."
        case State.RUNNING:
            return (
                f"{standing.run.done:,} of {standing.run.total:,} changes are in {name}. You can"
                " leave this page: it carries on."
            )
        case State.DUE:
            return how_far(standing)
    done, due = min(standing.in_step, standing.due), standing.due
    counted = f"{done:,} of {due:,} bookings, checked {display.ago(account.checked_at)}"
    if standing.state == State.FAILED:
        return f"{counted}. See below which are not."
    return f"{counted}, {how_changes_arrive(standing)}."


def how_far(standing: Standing) -> str:
    """How many bookings are in step while an account is being looked at."""
    done, due = standing.in_step, standing.due
    rest = "; the rest is on its way" if done < due else ""
    return f"{min(done, due):,} of {due:,} bookings are up to date{rest}."


def _still_blocking(account: Account) -> str:
    return "" if account.phase == "naming" else f" Nothing goes there, and {old_times(account)}"


def old_times(account: Account, is_own: bool = True) -> str:
    """What becomes of busy times that are read no more; the buttons are on the person's page."""
    reads = account.calendars.where(
        RemoteCalendar.role == "source", RemoteCalendar.read_at.is_null(False)
    ).exists()
    if not reads:
        return "no busy times come from there."
    how = ": stop a calendar below to free them" if is_own else ""
    return f"busy times that we read last still block booking{how}."


def unfinished(account: Account, zone: ZoneInfo, is_own: bool = True) -> str:
    """Why our events could not be removed yet, how many are left, and what happens next. Names of
    calendars are for the person whose they are.
    """
    name, count = registry.of(account.kind).name, mappings.left_outside(account)
    left = (
        f"Up to {count:,} of our events {'is' if count == 1 else 'are'} still there."
        if count
        else "We could not make sure that none is left."
    )
    left += _unsearched(account, is_own)
    if account.health == "reconnect":
        return (
            f"{name} does not let us in any more. {left} Connect again and we remove them, or end"
            " now and remove them by hand."
        )
    why = {"not set up": f"This Kalends is not set up for {name} now."}.get(
        account.health_word, f"{name} refused it or did not answer."
    )
    again = (
        f" We try again at {display.moment(account.wait_until, zone)}."
        if Standing(account).waits
        else ""
    )
    return f"{why} {left}{again}"


def _unsearched(account: Account, is_own: bool) -> str:
    """Which calendars we could not look into: somebody may have moved events of ours there."""
    places = account.unsearched()
    if not places:
        return ""
    if not is_own:
        return f" {len(places):,} of the calendars there could not be looked into."
    named = ", ".join(f"“{place}”" for place in places[:3])
    more = f" and {len(places) - 3:,} more" if len(places) > 3 else ""
    return (
        f" We could not look into {named}{more}. If you moved or copied a booking there, remove it"
        " by hand."
    )


def why_waiting(account: Account, name: str) -> str:
    """Why the account's provider is not asked for a while."""
    if account.health_word == TOO_MUCH_AT_ONCE:
        return f"{name} asked us to slow down."
    return f"{name} does not answer as it should."


def since(account: Account) -> str:
    """Since when there is trouble."""
    return (
        f"for {display.duration((scheduling.utc_now() - account.failing_since).total_seconds())}"
        if account.failing_since
        else "since just now"
    )


def how_changes_arrive(standing: Standing) -> str:
    """ "Instant" is said only where messages are known to arrive."""
    return (
        "instant updates on"
        if standing.is_live
        else f"changes arrive within {display.duration(connections.setup().poll_seconds * 1.25)}"
    )


def live(standing: Standing, zone: ZoneInfo) -> str:
    """About the channels, for the list of facts."""
    if standing.state in state.STOPPED:
        return f"none while {'paused' if standing.state == State.PAUSED else 'disconnected'}"
    every = display.duration(connections.setup().poll_seconds)
    if not connections.setup().webhook_url or not standing.has_channels:
        return f"not possible here; we check every {every}"
    rows = standing.channels
    if not rows:
        return f"off now; we check every {every}"
    if not standing.is_live:
        return f"none has come yet; we check every {every}"
    last = max((row.called_at for row in rows if row.called_at), default=None)
    return (
        f"on until {display.short_day(rows[0].expires_at.astimezone(zone).date())}, renewed"
        " automatically" + (f"; the last one {display.ago(last)}" if last else "")
    )
