"""Sentences of the sync pages about identifiers, feeds and their readers. They only word facts."""

from typing import Any
from zoneinfo import ZoneInfo

from base import scheduling
from base.catalogue import _, lazy, listed, ngettext
from base.tables.audit import AuditEntry
from base.text import IDENTIFIERS, cut
from models import Feed, FeedRead, Practitioner, User
from people import own_zone
from sync.events.face import identifier_of
from sync.feeds import readers
from sync.feeds.preview import MOST_EVENTS
from sync.providers import registry
from sync.tables import account_names, mappings, own_changes
from sync.tables.accounts import Account

from .. import display

IDENTIFIER_NAMES = {
    "none": lazy("Not at all"),
    "internal_id": lazy("Internal ID"),
    "initials": lazy("Initials"),
    "first_name": lazy("First name"),
    "first_name_last_initial": lazy("First name, last initial"),
    "full_name": lazy("Full name"),
}
TITLES = {
    "{service} {client}": lazy("Service, then client"),
    "{client} {service}": lazy("Client, then service"),
    "{organisation}": lazy("Organisation"),
}
BLOCKS = {
    "{organisation}": lazy("Organisation"),
    "{service}": lazy("Service"),
    "{client}": lazy("Client"),
    "{practitioner}": lazy("Practitioner, in links of several people"),
}
WINDOW_NAMES = {
    "year": lazy("30 days back, 12 months ahead"),
    "half_year": lazy("30 days back, 6 months ahead"),
    "everything": lazy("Everything"),
}
EVENT_STATUSES = {
    "confirmed": lazy("Confirmed"),
    "tentative": lazy("Tentative"),
    "cancelled": lazy("Cancelled"),
}
_RARELY_SECONDS = 36 * 3600
_SETTINGS = {
    ("sync_allowed", True): lazy("let bookings appear in outside calendars"),
    ("sync_allowed", False): lazy("kept all bookings inside Kalends"),
    ("mode", "two_way"): lazy("turned two-way sync on"),
    ("mode", "one_way"): lazy("went one way"),
    ("hide_sensitive", True): lazy("hid sensitive information outside"),
    ("hide_sensitive", False): lazy("showed details outside again"),
    ("titles_for", "nobody"): lazy("kept titles of events from other calendars to themselves"),
    ("titles_for", "managers"): lazy("let managers see titles of events from other calendars"),
    ("titles_for", "everyone"): lazy("let everyone see titles of events from other calendars"),
}
_ACCOUNT_DEEDS = {
    "account.connected": lazy("connected {provider}"),
    "account.reconnected": lazy("reconnected {provider}"),
    "account.refused": lazy("tried to connect {provider}, and it did not work out"),
    "account.started": lazy("started to sync with {provider}"),
    "account.paused": lazy("paused sync"),
    "account.resumed": lazy("ended the pause"),
    "account.changed": lazy("changed how a connected calendar syncs"),
    "account.resync": lazy("asked for a resync"),
    "account.leaving": lazy("stopped sync"),
    "account.ended": lazy("ended the removal and let our events stay"),
    "account.gone": lazy("finished disconnecting {provider}"),
    "account.reminded": lazy("reminded someone of their calendar"),
    "source.on": lazy("let a calendar outside block booking"),
    "source.off": lazy("let a calendar outside block booking no more"),
    "source.named": lazy("changed the name of a calendar outside"),
    "source.rules": lazy("changed what blocks booking in a calendar outside"),
}
_FEED_DEEDS = {
    "feed.generated": lazy("made the link"),
    "feed.changed": lazy("changed what the link shows:"),
    "feed.rotated": lazy("regenerated the URL of the link"),
    "feed.revoked": lazy("stopped the link"),
}


def in_effect(user: User, feed: Feed | None = None) -> str:
    """The identifier that is used for the person, or for one of their feeds: their choice, limited
    by the ceiling of the clinic and by what it uses.
    """
    return identifier_of((feed.identifier if feed else None) or user.identifier, user.clinic)


def limited(user: User) -> str | None:
    """The name of the identifier in use, if the clinic allows less than the person chose."""
    applies = cut(user.identifier, user.clinic.privacy_ceiling)
    return IDENTIFIER_NAMES[applies] if user.identifier and applies != user.identifier else None


def safer_identifiers(user: User) -> dict[str, str]:
    """The identifiers that a single feed may show instead: those that reveal no more than the
    person's choice.
    """
    return {
        key: IDENTIFIER_NAMES[key]
        for key in IDENTIFIERS[
            : IDENTIFIERS.index(cut(user.identifier, user.clinic.privacy_ceiling)) + 1
        ]
    }


def covers(feed: Feed) -> str:
    """The bookings in a feed, in words: "Yours at Linden Street"."""
    if feed.scope == "clinic":
        return _("All calendars of the clinic")
    if feed.scope == "person":
        return _("Yours at every venue")
    calendar = feed.practitioner
    assert calendar is not None  # every other scope has a venue
    whose = f"{calendar.user.name}’s" if feed.shows_others else _("Yours")
    if feed.kind == "availability":
        return _("{whose} at every venue", whose=whose)
    return _("{whose} at {venue}", whose=whose, venue=calendar.venue.name)


def names_client(feed: Feed) -> bool:
    """Whether the title of the feed's events has a place for the client."""
    return "{client}" in feed.title


def shows(feed: Feed, user: User) -> str:
    """The content of a feed in a few words, for a table: "Bookings with internal ID"."""
    if feed.kind == "availability":
        return _("Free and busy only")
    if feed.hide_sensitive or user.hide_sensitive:
        return _("Bookings as “Busy”")
    identifier = in_effect(user, feed) if names_client(feed) else "none"
    return (
        _("Bookings without clients")
        if identifier == "none"
        else _(
            "Bookings with {identifier}",
            identifier=IDENTIFIER_NAMES[identifier].lower().replace(" id", " ID"),
        )
    )


def title(feed: Feed) -> str:
    """The order of the blocks in the title: "Service, then client"."""
    names = [BLOCKS[block].lower() for block in feed.title.split()]
    return _(", then ").join(names).capitalize()


def window(feed: Feed) -> str:
    """The time span that a feed covers."""
    if feed.past_days is None and feed.future_days is None:
        return WINDOW_NAMES["everything"]
    back = (
        _("everything past")
        if feed.past_days is None
        else _("{count} days back", count=feed.past_days)
    )
    ahead = (
        _("everything ahead")
        if feed.future_days is None
        else {365: _("12 months ahead"), 183: _("6 months ahead")}.get(
            feed.future_days, _("{count} days ahead", count=feed.future_days)
        )
    )
    return f"{back}, {ahead}"


def statuses(feed: Feed) -> list[tuple[str, str]]:
    """(how it is shown, which statuses) for each way in use, and the statuses that are not
    shown.
    """
    groups = [
        (_("As {key}", key=key), [s for s in display.STATUS_NAMES if feed.statuses.get(s) == key])
        for key in EVENT_STATUSES
    ]
    groups.append((_("Left out"), [s for s in display.STATUS_NAMES if s not in feed.statuses]))
    return [
        (name, ", ".join(str(display.STATUS_NAMES[s]) for s in members))
        for name, members in groups
        if members
    ]


def rhythm(read: FeedRead) -> str:
    """The interval in which a program reads the feed, once it has read it often enough: ", about
    hourly".
    """
    seconds = read.interval_seconds or 0
    twice_a_day = 9 * 3600 <= seconds <= 16 * 3600
    return (
        _(", about twice a day")
        if twice_a_day
        else f", {display.rhythm(seconds)}"
        if seconds
        else ""
    )


def is_self_paced(read: FeedRead) -> bool:
    """Whether the program that reads it alone decides how often."""
    return readers.is_self_paced(read.family)


def going_stale(feed: Feed) -> str:
    """The effect of a new address on programs that read the old one: "Outlook gets nothing more and
    goes stale; …".
    """
    reads = sorted(feed.reads, key=lambda read: read.last_at, reverse=True)
    families = list(dict.fromkeys(read.family for read in reads)) or [_("any app that uses it")]
    names = listed(families)
    return ngettext(
        "{names} gets nothing more and goes stale; add the new address there by hand.",
        "{names} get nothing more and go stale; add the new address in each by hand.",
        len(families),
        names=f"{names[0].upper()}{names[1:]}",
    )


def apps(feed: Feed) -> list[FeedRead]:
    """The programs that read the feed, the last reader first. Browsers are left out."""
    reads = sorted(feed.reads, key=lambda read: read.last_at, reverse=True)
    return [read for read in reads if read.family != "a browser"]


def too_large(events: int, octets: int) -> str:
    """The reason why Google does not read all of a feed."""
    if events > MOST_EVENTS:
        return _(
            "This link has {events} events. Google keeps about 1,000 and drops the rest.",
            events=f"{events:,}",
        )
    return _(
        "This link is about {size} MB large. Google reads no more than 1 MB.",
        size=f"{octets / 1_000_000:.1f}",
    )


def is_regular(feed: Feed) -> bool:
    """Whether some program read the feed at about the expected time."""
    read = next(iter(apps(feed)), None)
    if read is None:
        return False
    patience = 3 * max(read.interval_seconds or 0, _RARELY_SECONDS)
    return (scheduling.utc_now() - read.last_at).total_seconds() < patience


def deed(entry: AuditEntry, named: str, user: User) -> str:
    """One line of the history: "You made the link “My phone”"."""
    who = _("You") if entry.user_id == user.id else entry.user.name if entry.user else "Kalends"
    if entry.action == "sync.settings":
        return f"{who} {_(' and ').join(_setting(*item) for item in entry.detail.items())}"
    if entry.action in _ACCOUNT_DEEDS:
        words = _ACCOUNT_DEEDS[entry.action]
        sentence = words.format(provider=named or registry.name(entry.detail.get("kind")))
        return (
            f"{who} {sentence}"
            if "{provider}" in words or not named
            else f"{who} {sentence}: {named}"
        )
    if entry.action in _FEED_DEEDS:
        return f"{who} {_FEED_DEEDS[entry.action]} “{named}”"
    return f"{who}: {display.plain_action(entry.action)}"


def _setting(name: str, value: Any) -> str:
    if name == "identifier":
        return _(
            "chose how clients appear: {identifier}",
            identifier=IDENTIFIER_NAMES.get(value, _("not chosen")).lower().replace(" id", " ID"),
        )
    known = _SETTINGS.get((name, value)) if isinstance(value, str | bool) else None
    return str(known or _("changed how to sync"))


def changes(user: User, most: int) -> list[tuple[AuditEntry, str]]:
    """The person's changes, each with the name of its feed or account; without those in the list of
    runs.
    """
    found = [one for one in own_changes.of_person(user, most) if one[0].action != "account.resync"]
    is_needed = any(own_changes.account_of(entry) for entry, __ in found)
    accounts = {one.id: one for one in Account.of(user)} if is_needed else {}
    account_names.know(accounts.values())

    def of_account(entry: AuditEntry) -> str:
        account = accounts.get(own_changes.account_of(entry) or 0)
        return account_names.name_of(account) if account and account.created_at <= entry.at else ""

    return [(entry, name or of_account(entry)) for entry, name in found]


_COUNTED = {  # none, one, many
    "account": (lazy("No account"), lazy("One account"), lazy("{count} accounts")),
    "calendar": (lazy("No calendar"), lazy("One calendar"), lazy("{count} calendars")),
    "e-mail": (lazy("No e-mail"), lazy("One e-mail"), lazy("{count} e-mails")),
    "link": (lazy("No link"), lazy("One link"), lazy("{count} links")),
}


def count(number: int, noun: str) -> str:
    """ "No link", "One link", "3 links"."""
    return _COUNTED[noun][min(number, 2)].format(count=number)


def taking_part(calendars: list[Practitioner]) -> str:
    """The number of calendars that a feed for the whole clinic shows. People who do not allow it
    are left out.
    """
    return _(
        "{some} of {all} take part",
        some=sum(c.user.sync_allowed for c in calendars),
        all=len(calendars),
    )


def zone(calendars: list[Practitioner], user: User) -> ZoneInfo:
    """The zone of times for this person."""
    return own_zone.among(calendars, user)


def ends_of_sync(person: User) -> list[str]:
    """A sentence for each connected account of a person who leaves: how it ends."""
    return [_end_of_sync(one) for one in Account.of(person) if not one.is_leaving]


def _end_of_sync(account: Account) -> str:
    name, count = registry.name(account.kind), mappings.left_outside(account)
    if not count:
        return _("Sync with {name} ends.", name=name)
    if account.needs_access:
        return ngettext(
            "Sync with {name} ends. {count} event of ours stays there, since access has ended.",
            "Sync with {name} ends. {count} events of ours stay there, since access has ended.",
            count,
            name=name,
        )
    return ngettext(
        "Sync with {name} ends, and {count} event of ours is removed there.",
        "Sync with {name} ends, and {count} events of ours are removed there.",
        count,
        name=name,
    )
