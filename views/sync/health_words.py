"""What the owner's board says: each person's accounts and private links, turned into a state, a
reason and what helps. Nothing is decided.

It is read by people who are not the owners of those calendars: no client, no foreign title and no
name of a calendar outside is in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from peewee import fn

from base import scheduling
from base.outside import ExternalEvent
from models import Clinic, Feed, User
from sync.connect import connections
from sync.providers import registry
from sync.tables.accounts import Account, Link, Notice, SyncRun
from views.kit import display, sync_words

from . import connect_words, reading_words, two_way_words

HELD = ("deletes", "empty", "source_empty")  # a person must say yes or no
WEIGHT = {"trouble": 0, "waiting": 1, "ok": 2, "off": 3}
ICONS = {"trouble": "stop", "waiting": "warn", "ok": "check", "off": "pause"}
NEW = timedelta(days=2)


@dataclass(frozen=True)
class Row:
    """One line of the board. `helps`: "resync", "ask" (the person must act) or "" (nothing to do);
    `asked_at`: when they were last asked.
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
        if user.id in accounts or user.living_links.exists() or user.calendars().exists()
    ]
    found = [row for user in people for row in _of_person(user, accounts.get(user.id, []), zone)]
    return sorted(found, key=lambda row: WEIGHT[row.badge])


def _of_person(user: User, accounts: Iterable[Account], zone: ZoneInfo) -> Iterator[Row]:
    used = [account for account in accounts if account.phase != "off"]
    links = [link for link in Feed.listed(user) if not link.is_stopped]
    yield from (of_account(account, zone) for account in used)
    if links:
        yield _of_links(user, links)
    if not used and not links:
        why = "Sync is allowed. Nothing is connected yet." if user.sync_allowed else "Sync is off."
        yield Row(user, "Nothing connected", "off", "Off", why)


def summary(board: Iterable[Row]) -> str:
    """Two people need help, one is worth a look, one is up to date, four do not sync: each by
    what is weightiest with them.
    """
    worst: dict[int, str] = {}
    for row in board:
        worst.setdefault(row.user.id, row.badge)  # the board begins with the weightiest
    counts = [sum(badge == kind for badge in worst.values()) for kind in WEIGHT]
    words = [
        f"{_people(counts[0])} {'needs' if counts[0] == 1 else 'need'} help" if counts[0] else "",
        (
            f"{_people(counts[1])} {'is' if counts[1] == 1 else 'are'} worth a look"
            if counts[1]
            else ""
        ),
        f"{_people(counts[2])} {'is' if counts[2] == 1 else 'are'} up to date" if counts[2] else "",
        f"{_people(counts[3])} {'does' if counts[3] == 1 else 'do'} not sync" if counts[3] else "",
    ]
    sentence = ", ".join(filter(None, words)) or "nobody has a calendar yet"
    return f"{sentence[0].upper()}{sentence[1:]}."


def _people(count: int) -> str:
    return "one person" if count == 1 else f"{count} people"


# ---- accounts ----


def of_account(account: Account, zone: ZoneInfo) -> Row:
    """How an account stands, in words for whoever looks after the clinic."""
    provider, user = registry.of(account.kind).name, account.user
    badge, state, why, helps = _trouble(account, provider) or _state(account, provider, zone)
    asked = (
        Notice.select(Notice.detail)
        .where(Notice.account == account, Notice.kind == "nudge", Notice.settled_at.is_null())
        .first()
    )
    days = (account.failing_since - account.consented_at).days if account.failing_since else None
    testing = account.health == "reconnect" and registry.of(account.kind).ends_as_on_trial(days)
    return Row(
        user,
        provider,
        badge,
        state,
        why,
        _facts(account, zone),
        account,
        helps,
        datetime.fromisoformat(asked.detail["at"]) if asked else None,
        testing,
    )


def _trouble(account: Account, provider: str) -> tuple[str, str, str, str] | None:
    """What does not mend by itself."""
    if account.phase != "active" or account.barred:
        return None
    since, left = (
        two_way_words.since(account),
        two_way_words.due(account) - two_way_words.in_step(account),
    )
    waiting = (
        f" {left:,} booking{'' if left == 1 else 's'} {'is' if left == 1 else 'are'} not there yet."
        if left > 0
        else ""
    )
    safe = f"{waiting} Everything here is safe."
    if account.health == "reconnect":
        return (
            "trouble",
            "Needs reconnecting",
            f"Access to {provider} has ended, {since}.{safe}",
            "ask",
        )
    if account.health == "calendar_gone":
        return (
            "trouble",
            "Calendar is gone",
            f"The calendar that we write to was deleted in {provider}, {since}.{safe}",
            "ask",
        )
    if account.health == "operator":
        return (
            "trouble",
            "Set-up is wrong",
            f"{provider} refuses this Kalends as a whole ({account.health_word}), {since}.{safe}",
            "resync",
        )
    held = account.open_notices.where(Notice.kind.in_(HELD)).first()
    if held is None:
        return None
    count, total = held.detail.get("count", 0), held.detail.get("total")
    if held.kind == "source_empty":
        return (
            "trouble",
            "Waits for a person",
            (
                f"A calendar of theirs is suddenly empty; {count:,} busy times were kept until they"
                " decide."
            ),
            "ask",
        )
    of = f" of {total:,}" if total else ""
    return (
        "trouble",
        "Waits for a person",
        f"A sync would remove {count:,}{of} events, so it stopped. Nothing has been removed.",
        "ask",
    )


def _state(account: Account, provider: str, zone: ZoneInfo) -> tuple[str, str, str, str]:
    """What is well, goes on by itself or was wanted so."""
    name, at = account.user.name.split()[0], scheduling.utc_now()
    if account.phase == "naming" and account.listed_at is None and account.health != "ok":
        return (
            "waiting",
            "Not usable yet",
            connect_words.refusal(account.health_word, provider),
            "ask",
        )
    if account.phase == "naming":
        return (
            "waiting",
            "Not started",
            f"{name} has connected {provider} and not started sync yet.",
            "ask",
        )
    if account.phase == "leaving":
        if account.is_stuck_leaving:
            return (
                "trouble",
                "Removal is not finished",
                f"{name} stopped sync. {two_way_words.unfinished(account, zone, is_own=False)}",
                "end",
            )
        return (
            "waiting",
            "Removing our events",
            f"{name} stopped sync; our events in {provider} are being removed.",
            "",
        )
    if account.barred == "plan":
        words = (
            f"The clinic’s plan has no sync with {provider}. Nothing goes there, and"
            f" {two_way_words.old_times(account)}"
        )
        return "waiting", "Not in the plan", words, ""
    if account.barred:
        return (
            "off",
            "Off",
            f"{name} has switched sync off.",
            "",
        )
    if account.phase == "paused":
        return "off", "Paused", f"{name} paused it. Nothing goes out and nothing comes in.", ""
    done, due = two_way_words.in_step(account), two_way_words.due(account)
    if account.wait_until and account.wait_until > at:
        until = display.clock(account.wait_until, zone)
        return (
            "waiting",
            f"Waiting until {until}",
            f"{provider} does not take more now. The rest follows by itself.",
            "",
        )
    if in_part := reading_words.in_short(account, provider):
        return "waiting", in_part[0], in_part[1], "ask"
    if two_way_words.running(account) or Account.due(at).where(Account.id == account.id).exists():
        name, rest = (
            ("Under way", "; the rest is on its way") if done < due else ("Looking for changes", "")
        )
        return "waiting", name, f"{min(done, due):,} of {due:,} bookings are up to date{rest}.", ""
    failed = Link.select().where(Link.account == account, Link.problem.not_in(("", "kept"))).count()
    if failed:
        words = (
            f"{failed:,} booking{'' if failed == 1 else 's'} could not be written. We try again by"
            " ourselves."
        )
        return "waiting", "Updating", words, "resync"
    how = two_way_words.how_changes_arrive(account)
    return "ok", "Up to date", f"{how[0].upper()}{how[1:]}.", "resync"


def _facts(account: Account, zone: ZoneInfo) -> list[str]:
    """Last check, last change, coverage, live messages where they are possible, and how old the
    consent is.
    """
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
    due = two_way_words.due(account)
    done = min(two_way_words.in_step(account), due)
    facts = [
        f"Checked {display.ago(account.checked_at)}" if account.checked_at else "Never checked yet",
        f"Last change {display.ago(last)}" if last else "No change yet",
        f"{done:,} of {due:,} bookings there",
        f"{blocking:,} busy time{'' if blocking == 1 else 's'} from there",
    ]
    if connections.setup().webhook_url:
        facts.append(f"Instant updates {two_way_words.live(account, zone)}")
    facts.append(f"Connected {display.ago(account.consented_at)}")
    if account.refresh_expires_at:
        facts.append(
            "Access ends on"
            f" {display.short_day(account.refresh_expires_at.astimezone(zone).date())} unless"
            " renewed"
        )
    return facts


# ---- private links ----


def _of_links(user: User, links: list[Feed]) -> Row:
    """The person's links, by the one that is worst off."""
    what = f"{len(links)} private links" if len(links) > 1 else "Private link"
    refusal = user.why_no_links()
    if refusal:
        why = (
            "The clinic’s plan has no private links."
            if refusal == "plan"
            else "Does not let bookings appear outside, so the links do not answer."
        )
        return Row(user, what, "off", "Not answering", why)
    found = [_of_link(link) for link in links]
    badge, state, why = min(found, key=lambda one: WEIGHT[one[0]])
    return Row(user, what, badge, state, why)


def _of_link(link: Feed) -> tuple[str, str, str]:
    read = max(link.reads, key=lambda one: one.last_at, default=None)
    if read is None:
        badge = "ok" if scheduling.utc_now() - link.created_at < NEW else "waiting"
        return (
            badge,
            "Not read yet",
            (
                f"No app has read “{link.name}” yet. It is"
                f" {display.duration(_age(link.created_at))} old."
            ),
        )
    rhythm, age = sync_words.rhythm(read), display.duration(_age(read.last_at))
    if sync_words.is_regular(link):
        return "ok", "Read regularly", f"Read {display.ago(read.last_at)} by {read.family}{rhythm}."
    was = rhythm.removeprefix(", ") or "now and then"
    return (
        "waiting",
        f"Not read for {age}",
        f"“{link.name}” used to be read {was} by {read.family}. The app may have dropped it.",
    )


def _age(at: datetime) -> float:
    return (scheduling.utc_now() - at).total_seconds()
