"""Events outside that differ from their bookings, on purpose or because a person must decide, read
only from the mappings. Differences that the next run corrects, and writes that a provider refused,
are not listed.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from peewee import JOIN, Expression, Function, fn

from base.database import database
from base.remembered import remembered
from models import Booking
from sync.events.fingerprint import span
from sync.tables import controls
from sync.tables.accounts import TWO_WAY, Account
from sync.tables.mappings import MappingRow
from sync.tables.notices import CHANGES, Notice

MOST = 1000  # mappings that are read, at most, for all accounts together
_SPAN = 51  # characters: as long as two instants of a fingerprint


class Why(StrEnum):
    """Why an event outside differs from its booking."""

    ASKED = "asked"  # a person has not decided about the change yet
    LEFT = "left"  # a person left the change as it is
    KEPT = "kept"  # a person kept the event, though its booking is not sent
    FROZEN = "frozen"  # the booking is outside the dates that are sent


@dataclass(frozen=True)
class Difference:
    """One event. `change`: "moved", "edited", "repeated", "deleted", or "kept". `since`: when it
    was noticed, or decided; None: that is no longer known.
    """

    account_id: int
    uid: str
    booking_id: int | None
    why: Why
    change: str
    since: datetime | None = None

    @property
    def can_be_put_right(self) -> bool:
        """Whether the list offers a button that puts it right."""
        return self.why in (Why.LEFT, Why.KEPT)


class Differing:
    """An account with its differences outside, which are queried once, when first needed."""

    account: Account

    @remembered
    def differences(self) -> list[Difference]:
        """The differences outside that stay until a person has them put right."""
        return differences_of([self.account.id])[self.account.id]


def differences_of(accounts: Collection[int]) -> dict[int, list[Difference]]:
    """The differences of these accounts (ids), the latest booking first. Two queries at most,
    whatever their number.
    """
    rows = candidates(accounts)
    mine = Notice.account.in_(list(accounts)), told_of(rows)
    notices = Notice.select().where(*mine).order_by(Notice.id) if rows else ()
    return among(accounts, rows, notices)


def among(
    accounts: Iterable[int], rows: Iterable[MappingRow], notices: Iterable[Notice]
) -> dict[int, list[Difference]]:
    """The differences among these candidates; `notices`: those about them, the oldest first."""
    newest = {(notice.account_id, notice.topic): notice for notice in notices}
    found: dict[int, list[Difference]] = {number: [] for number in accounts}
    for row in rows:
        notice = newest.get((row.account_id, f"edit {row.uid}"))
        if one := _difference(row, notice):
            found[row.account_id].append(one)
    return found


def bookings(account: Account, some: Iterable[Difference]) -> dict[int, Booking]:
    """The bookings of these differences in full, by id. One query."""
    ids = [one.booking_id for one in some if one.booking_id]
    rows = Booking.in_full().where(Booking.clinic == account.clinic_id, Booking.id.in_(ids))
    return {row.id: row for row in rows}


def put_right(account: Account, uid: str) -> bool:
    """Have the event of this booking written, made or deleted, so that it agrees with the booking.
    False if it no longer differs, or a person must decide something else.
    """
    with database.atomic():
        account.clinic.lock()
        one = next(
            (row for row in differences_of([account.id])[account.id] if row.uid == uid), None
        )
        if one is None or not one.can_be_put_right:
            return False
        columns = {"problem": "", "retry_at": None} if one.why == Why.KEPT else {"wanted": ""}
        MappingRow.update(**columns).where(
            MappingRow.account == account, MappingRow.uid == uid
        ).execute()
        controls.ask_for_run(account, "check")
        return True


def candidates(accounts: Collection[int]) -> list[MappingRow]:
    """The mappings that may differ, each with its booking."""
    return list(
        MappingRow.select(MappingRow, Booking)
        .join(Booking, JOIN.LEFT_OUTER)
        .where(MappingRow.account.in_(list(accounts)), may_differ())
        .order_by(Booking.starts_at.desc(), MappingRow.id)
        .limit(MOST)
    )


def any_in(account: object) -> Function:
    """For a query of accounts: whether any mapping of this one may differ."""
    rows = MappingRow.select(MappingRow.id).join(Booking, JOIN.LEFT_OUTER)
    return fn.EXISTS(rows.where(MappingRow.account == account, may_differ()))


def may_differ() -> Expression:
    """The condition, for mappings joined with their bookings, that they may differ."""
    there, ours = MappingRow.fingerprint, MappingRow.wanted
    is_moved = fn.SUBSTR(there, 1, _SPAN) != fn.SUBSTR(ours, 1, _SPAN)
    noticed = Notice.select(Notice.booking).where(
        Notice.account == MappingRow.account,
        Notice.kind == "edited",
        Notice.settled_at.is_null() | (Notice.settled_as == "left"),
    )
    synced = (
        (MappingRow.phase == "synced")
        & (ours != "")
        & (is_moved | there.endswith(" repeats") | MappingRow.booking.in_(noticed))
    )
    deleted = (MappingRow.phase == "gone") & (ours != "")
    frozen = (MappingRow.phase == "frozen") & ((MappingRow.sequence != Booking.sequence) | is_moved)
    kept = (MappingRow.problem == "kept") & MappingRow.phase.in_(("synced", "frozen"))
    goes = (MappingRow.problem == "") & Booking.status.in_(list(TWO_WAY))
    found: Expression = ~MappingRow.is_away & (kept | (goes & (synced | deleted | frozen)))
    return found


def told_of(rows: Iterable[MappingRow]) -> Expression:
    """A condition for the notices about changes of these events."""
    bookings = [row.booking_id for row in rows if row.booking_id]
    found: Expression = Notice.booking.in_(bookings) & Notice.kind.in_(CHANGES)
    return found


def _difference(row: MappingRow, notice: Notice | None) -> Difference | None:
    booking: Booking | None = row.booking if row.booking_id else None
    if row.problem == "kept":
        if booking is not None and booking.status in TWO_WAY:
            return None  # it is sent again: the next run writes it
        return _told(row, Why.KEPT, "kept", booking.updated_at if booking else None)
    if row.phase == "frozen":
        if booking is None or row.fingerprint.partition(" ")[0] == span(booking):  # type: ignore[arg-type]
            return None
        return _told(row, Why.FROZEN, "moved", booking.updated_at)
    change = _change(row, notice)
    if not change:
        return None
    if notice is None or notice.detail.get("is_put_back"):
        return _told(row, Why.LEFT, change, None)
    if notice.settled_at is None:
        return _told(row, Why.ASKED, change, notice.created_at)
    return _told(row, Why.LEFT, change, notice.settled_at)


def _change(row: MappingRow, notice: Notice | None) -> str:
    """The difference between the event and the text that was last written; "": there is none.
    Providers change texts a little, so a text only counts as different if it is still the one about
    which a notice was given.
    """
    if row.phase == "gone":
        return "deleted"
    if row.fingerprint.endswith(" repeats"):
        return "repeated"
    if row.fingerprint.partition(" ")[0] != row.wanted.partition(" ")[0]:
        return "moved"
    is_as_told = notice is not None and notice.detail.get("seen") == row.fingerprint
    return "edited" if is_as_told else ""


def _told(row: MappingRow, why: Why, change: str, since: datetime | None) -> Difference:
    return Difference(row.account_id, row.uid, row.booking_id, why, change, since)
