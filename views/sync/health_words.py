"""What the owner's board says: each person's accounts and private links, turned into a state, a
reason and what helps. Nothing is decided.

It is read by people who are not the owners of those calendars: no client, no external title and no
name of a calendar outside is in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from peewee import fn

from base import scheduling
from base.catalogue import _, ngettext
from base.tables.outside import ExternalEvent
from models import Clinic, Feed, User
from sync.connect import connections
from sync.feeds import owned
from sync.providers import registry
from sync.tables import mappings
from sync.tables.accounts import Account
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.two_way.standing.state import Standing, State
from views.kit import display, sync_words

from . import status_words
from .health_reasons import why

WEIGHT = {"trouble": 0, "waiting": 1, "busy": 2, "ok": 3, "off": 4}
ICONS = {"trouble": "stop", "waiting": "warn", "busy": "sync", "ok": "check", "off": "pause"}
NEW = timedelta(days=2)


@dataclass(frozen=True)
class Row:
    """One line of the board. `helps`: "resync", "ask" (the person must act) or "" (nothing to do);
    `asked_at`: when they were last asked. `left_outside`: how many of our events the account may
    leave outside if its departure is ended now.
    """

    user: User
    what: str
    badge: str
    state: str
    why: str
    facts: list[str] = field(default_factory=list)
    account: Account | None = None
    helps: str = ""
    asked_at: datetime | None = None
    is_testing: bool = False
    left_outside: int = 0

    @property
    def icon(self) -> str:
        return ICONS[self.badge]

    @property
    def first_name(self) -> str:
        return self.user.name.split()[0]


def rows(clinic: Clinic, zone: ZoneInfo) -> list[Row]:
    """The board, the weightiest first. Everyone who works here with a calendar, an account or a
    link.
    """
    accounts: dict[int, list[Account]] = {}
    for account in (
        Account.select(Account, User)
        .join(User)
        .where(Account.clinic == clinic)
        .order_by(Account.kind)
    ):
        account.clinic = clinic
        accounts.setdefault(account.user_id, []).append(account)
    people = [
        user
        for user in User.listed(clinic)
        if user.is_active or any(account.is_stuck_leaving for account in accounts.get(user.id, []))
    ]
    people = [
        user
        for user in people
        if user.id in accounts or owned.living(user).exists() or user.calendars().exists()
    ]
    found = [row for user in people for row in _of_person(user, accounts.get(user.id, []), zone)]
    return sorted(found, key=lambda row: WEIGHT[row.badge])


def _of_person(user: User, accounts: Iterable[Account], zone: ZoneInfo) -> Iterator[Row]:
    used = [account for account in accounts if account.phase != "off"]
    feeds = [feed for feed in owned.listed(user) if not feed.is_stopped]
    yield from (of_account(account, zone) for account in used)
    if feeds:
        yield _of_feeds(user, feeds)
    if not used and not feeds:
        why = (
            _("Sync is allowed. Nothing is connected yet.")
            if user.sync_allowed
            else _("Sync is off.")
        )
        yield Row(user, _("Nothing connected"), "off", _("Off"), why)


def summary(board: Iterable[Row]) -> str:
    """Two people need help, one is worth a look, one is up to date, four do not sync: each by what
    is weightiest with them.
    """
    worst: dict[int, str] = {}
    for row in board:
        worst.setdefault(row.user.id, row.badge)  # the board begins with the weightiest
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
    return _("one person") if count == 1 else _("{count} people", count=count)


# ---- accounts ----


HELPS = {  # what helps, where anything does
    State.REMOVAL_STUCK: "end",
    State.LOOK_FAILED: "ask",
    State.LOOK_WAITS: "ask",
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


def of_account(account: Account, zone: ZoneInfo) -> Row:
    """How an account stands, in words for whoever looks after the clinic."""
    standing, user = Standing(account), account.user
    asked = (
        Notice.select(Notice.detail)
        .where(
            Notice.account == account, Notice.kind == "sync_reminder", Notice.settled_at.is_null()
        )
        .first()
    )
    helps = HELPS.get(standing.state, "")
    asks = standing.state in (State.ASKS, State.ASKS_SOURCE)
    return Row(
        user,
        registry.of(account.kind).name,
        standing.severity,
        _("Waits for a person") if asks else status_words.name_of(standing, zone),
        why(standing, zone),
        _facts(standing, zone),
        account,
        helps,
        datetime.fromisoformat(asked.detail["at"]) if asked else None,
        standing.ended_as_on_trial,
        mappings.left_outside(account) if helps == "end" else 0,
    )


def _facts(standing: Standing, zone: ZoneInfo) -> list[str]:
    """Last check, last change, coverage, live messages where they are possible, and how old the
    consent is.
    """
    account, due = standing.account, standing.due
    last = (
        SyncRun.select(fn.MAX(SyncRun.ended_at))
        .where(SyncRun.account == account, SyncRun.error == "")
        .scalar()
    )
    blocking = (
        ExternalEvent.select()
        .where(
            ExternalEvent.calendar.in_(account.calendars),
            ExternalEvent.blocks,
            ExternalEvent.ends_at > scheduling.utc_now(),
        )
        .count()
    )
    done = min(standing.in_step, due)
    facts = [
        _("Checked {ago}", ago=display.ago(account.checked_at))
        if account.checked_at
        else _("Never checked yet"),
        _("Last change {ago}", ago=display.ago(last)) if last else _("No change yet"),
        _("{done} of {due} bookings there", done=f"{done:,}", due=f"{due:,}"),
        ngettext("{count} busy time from there", "{count} busy times from there", blocking),
    ]
    if connections.setup().webhook_url:
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


# ---- private links ----


def _of_feeds(user: User, feeds: list[Feed]) -> Row:
    """The person's links, by the one that is worst off."""
    what = _("{count} private links", count=len(feeds)) if len(feeds) > 1 else _("Private link")
    refusal = user.why_no_feeds()
    if refusal:
        why = (
            _("The clinic’s plan has no private links.")
            if refusal == "plan"
            else _("Does not let bookings appear outside, so the links do not answer.")
        )
        return Row(user, what, "off", _("Not answering"), why)
    found = [_of_feed(feed) for feed in feeds]
    badge, state, why = min(found, key=lambda one: WEIGHT[one[0]])
    return Row(user, what, badge, state, why)


def _of_feed(feed: Feed) -> tuple[str, str, str]:
    read = max(feed.reads, key=lambda one: one.last_at, default=None)
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
