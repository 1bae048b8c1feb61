"""Reasons why an account is not in order, as sentences of the owner's board."""

from zoneinfo import ZoneInfo

from base.catalogue import _, ngettext, paragraph
from sync.providers import registry
from sync.two_way.standing.state import Standing
from sync.two_way.standing.state_list import State
from views.sync.words import connect_words, outside_words, reading_words, status_words


def why(standing: Standing, zone: ZoneInfo) -> str:
    """The account's trouble and what happens next, or a sentence that all is well."""
    provider = registry.row_of(standing.account.kind).name
    return _while_stopped(standing, provider, zone) or _while_synced(standing, provider)


def _while_stopped(standing: Standing, provider: str, zone: ZoneInfo) -> str | None:
    """A sentence about an account that is not synced: not yet, not now, or no longer. None for any
    other account.
    """
    account, name = standing.account, standing.account.user.name.split()[0]
    match standing.state:
        case State.REMOVAL_STUCK:
            return _(
                "{name} stopped sync. {unfinished}",
                name=name,
                unfinished=outside_words.unfinished(standing, zone, is_own=False),
            )
        case State.REMOVING:
            return _(
                "{name} stopped sync; our events in {provider} are being removed.",
                name=name,
                provider=provider,
            )
        case State.NOT_SET_UP:
            return _(
                "{provider} is not set up on this server now. Nothing goes there, and {old_times}",
                provider=provider,
                old_times=outside_words.old_times(standing, is_own=False),
            )
        case State.LISTING:
            return _("{name} has just connected {provider}.", name=name, provider=provider)
        case State.LIST_FAILED | State.LIST_WAITS:
            return connect_words.refusal(account.health_word, provider)
        case State.OFF:
            return _("{name} ended sync with {provider}.", name=name, provider=provider)
        case State.UNNAMED:
            return _(
                "{name} has connected {provider} and not started sync yet.",
                name=name,
                provider=provider,
            )
        case State.NO_PLAN:
            return _(
                "The clinic’s plan has no sync with {provider}. Nothing goes there, and"
                " {old_times}",
                provider=provider,
                old_times=outside_words.old_times(standing, is_own=False),
            )
        case State.NOT_ALLOWED:
            return _("{name} has switched sync off.", name=name)
        case State.PAUSED:
            return _("{name} paused it. Nothing goes out and nothing comes in.", name=name)
    return None


def _while_synced(standing: Standing, provider: str) -> str:
    account = standing.account
    match standing.state:
        case State.RECONNECT:
            return _(
                "Access to {provider} has ended, {episode}",
                provider=provider,
                episode=_episode(standing),
            )
        case State.CALENDAR_GONE:
            return _(
                "The calendar that we write to was deleted in {provider}, {episode}",
                provider=provider,
                episode=_episode(standing),
            )
        case State.OPERATOR:
            return _(
                "{provider} refuses this Kalends as a whole ({health_word}), {episode}",
                provider=provider,
                health_word=account.health_word,
                episode=_episode(standing),
            )
        case State.ASKS_SOURCE:
            return ngettext(
                "A calendar of theirs is suddenly empty; {count} busy time was kept until they"
                " decide.",
                "A calendar of theirs is suddenly empty; {count} busy times were kept until"
                " they decide.",
                standing.question.detail.get("count", 0),
            )
        case State.ASKS:
            return _asks(standing)
        case State.UNREADABLE | State.IN_PART:
            return reading_words.in_short(standing)[1]
        case State.WAITING:
            return _(
                "{why_waiting} The rest follows by itself.",
                why_waiting=status_words.why_waiting(account, provider),
            )
        case State.RUNNING | State.DUE:
            return status_words.how_far(standing)
        case State.FAILED:
            return ngettext(
                "{count} booking could not be written. We try again by ourselves.",
                "{count} bookings could not be written. We try again by ourselves.",
                standing.failed,
            )
    how = status_words.how_changes_arrive(standing)
    return f"{how[0].upper()}{how[1:]}."


def _asks(standing: Standing) -> str:
    """A sentence about a safety stop: the number of events that sync would have deleted."""
    count, total = (standing.question.detail.get(key) for key in ("count", "total"))
    if not total:
        return ngettext(
            "A sync would remove {count} event, so it stopped. Nothing has been removed.",
            "A sync would remove {count} events, so it stopped. Nothing has been removed.",
            count or 0,
        )
    return _(
        "A sync would remove {count} of {total} events, so it stopped. Nothing has been removed.",
        count=f"{count or 0:,}",
        total=f"{total:,}",
    )


def _episode(standing: Standing) -> str:
    """A sentence about the time since when nothing is sent, and what waits."""
    left = standing.due - standing.in_step
    return paragraph(
        f"{status_words.since(standing.account)}.",
        ngettext("{count} booking is not there yet.", "{count} bookings are not there yet.", left)
        if left > 0
        else "",
        _("Everything here is safe."),
    )
