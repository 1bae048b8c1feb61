"""The states of many accounts of one clinic with a few queries, for pages that show all of them."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import JOIN, Case, ModelSelect, fn

from base import scheduling
from base.tables.bulk import tuples
from base.tables.outside import ExternalEvent
from models import Booking, Clinic, Practitioner, User
from sync.events.event import Window
from sync.tables import account_names, mappings
from sync.tables.accounts import TWO_WAY, Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.tables.strays import Stray
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way.plans import local

from . import differences
from .state import Standing, columns
from .state_list import QUESTIONS


@dataclass
class Overview:
    """One account: its state, its last success, the number of its coming busy times, and when its
    person was last reminded.
    """

    standing: Standing
    last_change: datetime | None = None
    blocking: int = 0
    asked_at: datetime | None = None


@dataclass
class _Calendar:
    """A practitioner's calendar whose person allows bookings outside."""

    id: int
    user_id: int
    counts: tuple[int, ...]  # the number of its bookings in each window


def overviews(clinic: Clinic, people: Mapping[int, User]) -> list[Overview]:
    """The accounts of these people of the clinic (by their ids), each with all facts
    for its state.
    """
    found = _accounts(clinic, people)
    if found:
        for read in (_notices, _calendars, _channels, _due):
            read(found)
    return list(found.values())


def _accounts(clinic: Clinic, people: Mapping[int, User]) -> dict[int, Overview]:
    """The accounts with their counts and their last run."""
    at, newest = scheduling.utc_now(), SyncRun.alias()
    last = newest.select(fn.MAX(newest.id)).where(newest.account == Account.id)
    mine = Account.clinic == clinic, Account.user.in_(list(people))
    due = Account.due(at).where(*mine).select(Account.id)
    rows = (
        Account.select(Account, Account.id.in_(due).alias("is_due"), *_counts(at), SyncRun)
        .join(SyncRun, JOIN.LEFT_OUTER, on=(SyncRun.id == last), attr="last_run")
        .where(*mine)
        .order_by(Account.kind, Account.id)
    )
    found = {}
    for row in rows:
        row.user, row.clinic = people[row.user_id], clinic
        found[row.id] = _overview(Standing(row))
    account_names.know(one.standing.account for one in found.values())
    return found


def _overview(standing: Standing) -> Overview:
    counted = vars(standing.account)  # columns of the query only
    standing.is_due = standing.is_leased or bool(counted["is_due"])
    standing.in_step, standing.failed = counted["in_step"], counted["failed"]
    standing.left_outside = standing.account.stayed or counted["outside"] + counted["strays"]
    standing.reads_times = bool(counted["reads_times"])
    run = counted.get("last_run")
    is_shown = standing.is_leased and run and run.total and run.ended_at is None
    standing.run = run if is_shown else None
    changed = counted["changed"]  # a number: it has no field of its own
    last = None if changed is None else scheduling.of_number(changed)
    return Overview(standing, last, counted["blocking"])


def _counts(at: datetime) -> tuple[Any, ...]:
    mapped = MappingRow.account == Account.id
    own = RemoteCalendar.select(RemoteCalendar.id).where(RemoteCalendar.account == Account.id)
    blocks = ExternalEvent.blocks, ExternalEvent.ends_at > at
    run, strays = SyncRun.alias(), Stray.account == Account.id
    ran_well = run.account == Account.id, run.error == ""

    def count(table: Any, *where: Any) -> Any:
        return table.select(fn.COUNT(table.id)).where(*where)

    return (
        count(MappingRow, mapped, *Standing.IN_STEP).alias("in_step"),
        count(MappingRow, mapped, Standing.FAILED).alias("failed"),
        count(MappingRow, mapped, mappings.OUTSIDE).alias("outside"),
        count(Stray, strays).alias("strays"),
        count(ExternalEvent, ExternalEvent.calendar.in_(own), *blocks).alias("blocking"),
        run.select(fn.MAX(run.ended_at)).where(*ran_well).alias("changed"),
        fn.EXISTS(own.where(*Standing.READS)).alias("reads_times"),
        differences.any_in(Account.id).alias("may_differ"),
    )


def _notices(found: dict[int, Overview]) -> None:
    """Add open questions, the last reminder, and the differences outside."""
    may_differ = [
        number for number, one in found.items() if vars(one.standing.account)["may_differ"]
    ]
    rows = differences.candidates(may_differ) if may_differ else []
    kinds = Notice.kind.in_((*QUESTIONS, "sync_reminder"))
    wanted = kinds & Notice.settled_at.is_null() | differences.told_of(rows)
    of_account = defaultdict(list)
    for notice in Notice.select().where(Notice.account.in_(list(found)), wanted):
        of_account[notice.account_id].append(notice)
    for number, one in found.items():
        notices = sorted(of_account[number], key=lambda notice: notice.id)
        one.standing.question = Standing.most_important(
            notice for notice in reversed(notices) if notice.kind in QUESTIONS
        )
        asked = [notice for notice in notices if notice.kind == "sync_reminder"]
        at = asked[-1].detail.get("at") if asked else None
        one.asked_at = datetime.fromisoformat(at) if at else None
        own = [row for row in rows if row.account_id == number]
        one.standing.differences = differences.among([number], own, notices)[number]


def _calendars(found: dict[int, Overview]) -> None:
    """Add calendars that are gone, cannot be read or could not be searched, and the reasons why
    events of those that are read in part cannot be read.
    """
    for one in found.values():
        one.standing.gone, one.standing.troubles, one.standing.unsearched = [], [], []
        one.standing.reasons = {}
    seen: set[Any] = set()
    for row in _troubled(list(found)):
        standing, trouble = found[row.account_id].standing, getattr(row, "trouble", None)
        if trouble is not None and trouble.id not in seen:
            seen.add(trouble.id)
            trouble.calendar = row
            standing.troubles.append(trouble)
        if trouble is not None and trouble.kind == "events":
            counted = vars(row)  # columns of the query only
            reasons = standing.reasons.setdefault(row.id, Counter())
            if counted["count"]:
                reasons[counted["reason"]] = counted["count"]
        if row in seen:
            continue
        seen.add(row)
        if row.role == "source" and row.gone_since:
            standing.gone.append(row)
        if row.search_word:
            standing.unsearched.append(row.name)
    for one in found.values():
        one.standing.unsearched.sort()


def _troubled(accounts: list[int]) -> "ModelSelect[RemoteCalendar]":
    """The calendars with any trouble: once for each, and for each reason of unread events."""
    is_open = (
        (CalendarTrouble.calendar == RemoteCalendar.id)
        & CalendarTrouble.ended_at.is_null()
        & (RemoteCalendar.role != "listed")
    )
    mine = RemoteCalendar.alias()
    own = mine.select(mine.id).where(mine.account.in_(accounts))
    unread = UnreadEvent.counted(UnreadEvent.calendar.in_(own)).alias("counted")
    is_read_in_part = (unread.c.calendar_id == RemoteCalendar.id) & (
        CalendarTrouble.kind == "events"
    )
    return (
        RemoteCalendar.select(
            RemoteCalendar,
            CalendarTrouble,
            fn.COALESCE(unread.c.reason, "").alias("reason"),
            fn.COALESCE(unread.c.number, 0).alias("count"),
        )
        .join(CalendarTrouble, JOIN.LEFT_OUTER, on=is_open, attr="trouble")
        .switch(RemoteCalendar)
        .join(unread, JOIN.LEFT_OUTER, on=is_read_in_part)
        .where(
            RemoteCalendar.account.in_(accounts),
            RemoteCalendar.gone_since.is_null(False)
            | CalendarTrouble.id.is_null(False)
            | (RemoteCalendar.search_word != ""),
        )
        .order_by(RemoteCalendar.id, CalendarTrouble.kind)
    )


def _channels(found: dict[int, Overview]) -> None:
    at = next(iter(found.values())).standing.at
    for one in found.values():
        one.standing.channels = []
    mine = Channel.account.in_(list(found)), Channel.is_open, Channel.expires_at > at
    for row in Channel.select().where(*mine).order_by(Channel.expires_at):
        found[row.account_id].standing.channels.append(row)


def _due(found: dict[int, Overview]) -> None:
    """Count the bookings that should be outside now. Those of each calendar in each window are
    counted once, however many accounts send them.
    """
    standings = [one.standing for one in found.values()]
    windows = list(dict.fromkeys(local.window(one.account) for one in standings))
    rows = _calendars_of(standings[0].account.clinic_id, windows)
    for one in standings:
        column = windows.index(local.window(one.account))
        one.due = sum(row.counts[column] for row in one.account.going_out(rows))


def _calendars_of(clinic_id: int, windows: list[Window]) -> list[_Calendar]:
    widest = Booking.touching(
        min(one.starts_at for one in windows), max(one.ends_at for one in windows)
    )
    goes = (Booking.practitioner == Practitioner.id) & Booking.status.in_(list(TWO_WAY))
    for condition in widest:
        goes &= condition
    counted = [
        fn.SUM(
            Case(
                None,
                (((Booking.starts_at < one.ends_at) & (Booking.ends_at > one.starts_at), 1),),
                0,
            )
        )
        for one in windows
    ]
    rows = (
        Practitioner.select(Practitioner.id, Practitioner.user, *counted)
        .join(User)
        .switch(Practitioner)
        .join(Booking, JOIN.LEFT_OUTER, on=goes)
        .where(Practitioner.clinic == clinic_id, User.sync_allowed)
        .group_by(Practitioner.id, Practitioner.user)
    )
    return [_Calendar(number, user, tuple(counts)) for number, user, *counts in tuples(rows)]


def with_notices(
    clinic: Clinic, reader_id: int, of_one: int | None = None
) -> tuple[list[Account], list[Notice]]:
    """The clinic's accounts, and the reader's own open notices, the newest last. One query.
    `of_one`: only the accounts of this person. Each account comes with its person and with the
    columns that `state.in_short` needs.
    """
    notice = Notice.id, Notice.kind, Notice.detail, Notice.calendar, Notice.booking
    is_own = Account.user == reader_id
    is_open = (Notice.account == Account.id) & Notice.settled_at.is_null() & is_own
    rows = (
        Account.select(Account, User, *notice, *columns())
        .join(User)
        .switch(Account)
        .join(Notice, JOIN.LEFT_OUTER, on=is_open, attr="open_notice")
        .where(Account.clinic == clinic if of_one is None else Account.user == of_one)
        .order_by(Account.id, Notice.id)
    )
    accounts: dict[int, Account] = {}
    notices = []
    for row in rows:
        row.clinic = row.user.clinic = clinic
        accounts.setdefault(row.id, row)
        if open_notice := getattr(row, "open_notice", None):  # missing where there is none
            open_notice.account = row
            notices.append(open_notice)
    return list(accounts.values()), notices
