"""Words of the owner's board: for each person's accounts and feeds a state, a reason and
what to do. They only word facts.

People who do not own those calendars read the board: it names no client, no title of an external
event and no calendar outside.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask_login import current_user

from base import scheduling
from base.catalogue import _, ngettext, paragraph
from models import Feed, Practitioner, User
from sync.connect import gateway
from sync.feeds import owned
from sync.providers import registry
from sync.tables import account_names
from sync.tables.accounts import Account
from sync.two_way.standing.many import Overview
from sync.two_way.standing.state import Standing
from sync.two_way.standing.state_list import State
from views.kit import display
from views.kit.words import sync_words
from views.sync.health.health_parts import ICONS
from views.sync.health.health_reasons import why
from views.sync.words import status_words

WEIGHT = {"trouble": 0, "waiting": 1, "busy": 2, "ok": 3, "off": 4}
NEW = timedelta(days=2)


@dataclass(frozen=True)
class PersonRow:
    """One line of the board. `helps`: "resync", "ask" (the person must act), "review" (the reader
    must act), "end" (a departure), "guide" (of Help) or "nothing"; each has a file in
    `templates/health/deeds`. `asked_at`: when the person was last asked. `left_outside`: how many
    of our events the account may leave outside if its departure is ended now.
    """

    user: User
    what: str
    badge: str
    state: str
    why: str
    facts: list[str] = field(default_factory=list)
    account: Account | None = None
    helps: str = "nothing"
    asked_at: datetime | None = None
    is_testing: bool = False
    left_outside: int = 0

    @property
    def icon(self) -> str:
        return ICONS[self.badge]

    @property
    def provider(self) -> registry.ProviderRow | None:
        return registry.row_of(self.account.kind) if self.account else None

    @property
    def ask_words(self) -> str:
        """The label of the button that asks the person to act."""
        name = self.user.name.split()[0]
        if self.account and self.account.needs_access:
            return _("Ask {name} to reconnect", name=name)
        return _("Ask {name} to decide", name=name)


def person_rows(
    people: Sequence[tuple[User, list[Practitioner]]],
    overviews: Sequence[Overview],
    zone: ZoneInfo,
) -> list[PersonRow]:
    """The board, most serious line first: everyone who works here with a calendar, an account or a
    feed; `people` come with their calendars.
    """
    found: list[PersonRow] = []
    accounts: dict[int, list[Overview]] = {}
    for one in overviews:
        accounts.setdefault(one.standing.account.user_id, []).append(one)
    feeds_of = owned.of_people([user for user, _calendars in people])
    for user, calendars in people:
        own, feeds = accounts.get(user.id, []), feeds_of[user.id]
        is_here = user.is_active or any(one.standing.account.is_stuck_leaving for one in own)
        if is_here and (own or feeds or calendars):
            found += _of_person(user, own, feeds, zone)
    return sorted(found, key=lambda row: WEIGHT[row.badge])


def _of_person(
    user: User, accounts: Iterable[Overview], feeds: list[Feed], zone: ZoneInfo
) -> Iterator[PersonRow]:
    used = [one for one in accounts if not one.standing.account.is_off]
    yield from (of_account(one, zone) for one in used)
    if feeds:
        yield _of_feeds(user, feeds)
    if not used and not feeds:
        why = (
            _("Sync is allowed. Nothing is connected yet.")
            if user.sync_allowed
            else _("Sync is off.")
        )
        yield PersonRow(user, _("Nothing connected"), "off", _("Off"), why)


def summary(board: Iterable[PersonRow]) -> str:
    """A sentence such as "Two people need help, one is worth a look, one is up to date, four do not
    sync". Each person counts by their most serious line.
    """
    worst: dict[int, str] = {}
    for row in board:
        worst.setdefault(row.user.id, row.badge)  # the board begins with the most serious line
    kinds = "trouble", "waiting", "busy", "ok", "off"
    counts = [sum(badge == kind for badge in worst.values()) for kind in kinds]
    words = [
        ngettext("{people} needs help", "{people} need help", counts[0], people=_people(counts[0]))
        if counts[0]
        else "",
        (
            ngettext(
                "{people} is worth a look",
                "{people} are worth a look",
                counts[1],
                people=_people(counts[1]),
            )
            if counts[1]
            else ""
        ),
        (
            ngettext(
                "{people} is being brought up to date",
                "{people} are being brought up to date",
                counts[2],
                people=_people(counts[2]),
            )
            if counts[2]
            else ""
        ),
        ngettext(
            "{people} is up to date",
            "{people} are up to date",
            counts[3],
            people=_people(counts[3]),
        )
        if counts[3]
        else "",
        ngettext(
            "{people} does not sync", "{people} do not sync", counts[4], people=_people(counts[4])
        )
        if counts[4]
        else "",
    ]
    sentence = ", ".join(filter(None, words)) or _("nobody has a calendar yet")
    return f"{sentence[0].upper()}{sentence[1:]}."


def _people(count: int) -> str:
    return ngettext("one person", "{count} people", count)


def resynced(standings: Sequence[Standing]) -> str:
    """The answer to somebody who had these accounts read again and compared."""
    if not standings:
        return _("No calendar can be read now.")
    later = sum(standing.waits for standing in standings)
    now = len(standings) - later
    return paragraph(
        ngettext(
            "{calendars} is being read again and compared.",
            "{calendars} are being read again and compared.",
            now,
            calendars=sync_words.count(now, "calendar"),
        )
        if now
        else "",
        ngettext(
            "{calendars} follows as soon as its provider lets us.",
            "{calendars} follow as soon as their provider lets us.",
            later,
            calendars=sync_words.count(later, "calendar"),
        )
        if later
        else "",
    )


# ---- accounts ----


HELPS = {  # what the reader of the board can do, if anything
    State.REMOVAL_STUCK: "end",
    State.LIST_FAILED: "ask",
    State.LIST_WAITS: "ask",
    State.UNNAMED: "ask",
    State.RECONNECT: "ask",
    State.CALENDAR_GONE: "ask",
    State.OPERATOR: "resync",
    State.ASKS: "ask",
    State.ASKS_SOURCE: "ask",
    State.UNREADABLE: "ask",
    State.IN_PART: "ask",
    State.FAILED: "resync",
    State.IN_STEP: "resync",
}


def of_account(one: Overview, zone: ZoneInfo) -> PersonRow:
    """The account's state, in words for people who look after the clinic."""
    standing, account = one.standing, one.standing.account
    helps = HELPS.get(standing.state, "nothing")
    if helps == "ask" and account.user_id == current_user.id:
        helps = "review"
    asks = standing.state in (State.ASKS, State.ASKS_SOURCE)
    return PersonRow(
        account.user,
        account_names.name_of(account, is_own=False),
        standing.severity,
        _("Waits for a person") if asks else status_words.name_of(standing, zone),
        why(standing, zone),
        _facts(one, zone),
        account,
        helps,
        one.asked_at,
        standing.ended_as_on_trial,
        standing.left_outside if helps == "end" else 0,
    )


def _facts(one: Overview, zone: ZoneInfo) -> list[str]:
    """Facts of an account: last check, last change, dates that are sent, instant updates if they
    are possible, and the age of the consent.
    """
    standing, account, due = one.standing, one.standing.account, one.standing.due
    done = min(standing.in_step, due)
    facts = [
        _("Checked {ago}", ago=display.ago(account.checked_at))
        if account.checked_at
        else _("Never checked yet"),
        _("Last change {ago}", ago=display.ago(one.last_change))
        if one.last_change
        else _("No change yet"),
        _("{done} of {due} bookings there", done=f"{done:,}", due=f"{due:,}"),
        ngettext("{count} busy time from there", "{count} busy times from there", one.blocking),
    ]
    if gateway.setup().webhook_url:
        facts.append(_("Instant updates {live}", live=status_words.live(standing, zone)))
    facts.append(_("Connected {ago}", ago=display.ago(account.consented_at)))
    if account.refresh_expires_at:
        facts.append(
            _(
                "Access ends on {date} unless renewed",
                date=display.short_day(account.refresh_expires_at.astimezone(zone).date()),
            )
        )
    return facts


# ---- feeds ----


def _of_feeds(user: User, feeds: list[Feed]) -> PersonRow:
    """The state of the person's feeds: that of the feed with the most serious trouble."""
    what = _("{count} private links", count=len(feeds)) if len(feeds) > 1 else _("Private link")
    refusal = user.why_no_feeds()
    if refusal:
        why = (
            _("The clinic’s plan has no private links.")
            if refusal == "plan"
            else _("Does not let bookings appear outside, so the links do not answer.")
        )
        return PersonRow(user, what, "off", _("Not answering"), why)
    found = [_of_feed(feed) for feed in feeds]
    badge, state, why = min(found, key=lambda one: WEIGHT[one[0]])
    return PersonRow(
        user, what, badge, state, why, helps="guide" if badge == "waiting" else "nothing"
    )


def _of_feed(feed: Feed) -> tuple[str, str, str]:
    read = next(iter(sync_words.apps(feed)), None)
    if read is None:
        badge = "ok" if scheduling.utc_now() - feed.created_at < NEW else "waiting"
        return (
            badge,
            _("Not read yet"),
            (
                _(
                    "No app has read “{feed}” yet. It is {duration} old.",
                    feed=feed.name,
                    duration=display.duration(_age(feed.created_at)),
                )
            ),
        )
    rhythm, age = sync_words.rhythm(read), display.duration(_age(read.last_at))
    if sync_words.is_regular(feed):
        return (
            "ok",
            _("Read regularly"),
            _(
                "Read {ago} by {family}{rhythm}.",
                ago=display.ago(read.last_at),
                family=read.family,
                rhythm=rhythm,
            ),
        )
    was = rhythm.removeprefix(", ") or _("now and then")
    return (
        "waiting",
        _("Not read for {age}", age=age),
        _(
            "“{feed}” used to be read {was} by {family}. The app may have dropped it.",
            feed=feed.name,
            was=was,
            family=read.family,
        ),
    )


def _age(at: datetime) -> float:
    return (scheduling.utc_now() - at).total_seconds()
