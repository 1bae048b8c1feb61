"""A person's decisions about a notice. A decision counts once: the second of two presses raises
Settled. A decision that the notice does not allow raises Unfit and changes nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from base import scheduling
from base.database import database
from base.scheduling import Span
from models import User
from sync.tables import controls, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import CHANGES, Notice
from sync.tables.strays import Stray
from sync.two_way.reading import double_bookings

FOR_GOOD = datetime(2100, 1, 1, tzinfo=UTC)


# Each decision: the kinds of notices that allow it, and how it settles them.
DECISIONS = {
    "leave": ((*CHANGES, "double", "sync_reminder", "stray", "guests"), "left"),
    "move": (("moved",), "moved"),
    "cancel": (("moved", "deleted"), "cancelled"),
    "put-back": (CHANGES, "put_back"),
    "remove-guests": (("guests",), "removed"),
    "approve": (("deletes", "empty"), "approved"),
    "keep": (("deletes",), "kept"),
    "remove-stray": (("stray_unknown",), "removed"),
    "keep-stray": (("stray_unknown",), "kept"),
    "wait": (("source_empty",), "kept"),
    "believe": (("source_empty",), "believed"),
    "again": (("calendar_gone",), "made_again"),
}


class Settled(Exception):
    """Somebody has already decided."""


class Unfit(Exception):
    """A notice of this kind does not allow the decision."""


def allows(notice: Notice, decision: str) -> bool:
    """Whether a notice of this kind allows the decision, one of DECISIONS."""
    return notice.kind in DECISIONS[decision][0]


def may_cancel(notice: Notice) -> bool:
    """Whether the booking can be cancelled by this notice: it still takes time."""
    booking = notice.booking
    return booking is not None and booking.is_busy and allows(notice, "cancel")


def _require(notice: Notice, decision: str) -> None:
    if not allows(notice, decision):
        raise Unfit(notice.kind, decision)


@contextmanager
def _deciding(notice: Notice, decision: str) -> Iterator[Account]:
    """A transaction that settles the notice and carries out the decision. Raises Settled, and
    Unfit.
    """
    _require(notice, decision)
    with database.atomic():
        notice.clinic.lock()
        if not notice.close(DECISIONS[decision][1]):
            raise Settled
        yield notice.account


def close_without_change(notice: Notice) -> None:
    """Close the notice; change nothing. A double booking is accepted: no later reading reports
    it again.
    """
    if notice.kind == "double":
        if not double_bookings.accept([notice]):
            raise Settled
        return
    with _deciding(notice, "leave"):
        pass


def proposed(notice: Notice) -> Span | None:
    """The time to which our event was moved outside, as a span for the booking; None if it was not
    moved, or no booking can have that time.
    """
    if notice.booking is None or not allows(notice, "move"):
        return None
    detail, zone = notice.detail, notice.booking.practitioner.zone
    try:
        if detail.get("starts_on"):
            first = date.fromisoformat(detail["starts_on"])
            end = date.fromisoformat(detail["ends_on"])
            return scheduling.whole_days(first, end - timedelta(days=1), zone)
        return Span(
            datetime.fromisoformat(detail["starts_at"]), datetime.fromisoformat(detail["ends_at"])
        )
    except (KeyError, scheduling.BadTime):
        return None


def move_booking(notice: Notice, actor: User) -> None:
    """Move the booking to the event's new time, as the person intended. Raises SlotTaken, or
    BadTime if no booking can have that time; the notice then stays open.
    """
    _require(notice, "move")
    booking, span = notice.booking, proposed(notice)
    if booking is None or span is None:
        raise scheduling.BadTime("ends_before_start")
    with _deciding(notice, "move") as account:
        booking.change(actor, span)
        _write_again(account, notice)


def cancel_booking(notice: Notice, actor: User) -> None:
    """Cancel the booking, as the person meant by deleting or moving the event."""
    with _deciding(notice, "cancel"):
        if notice.booking:
            notice.booking.cancel(actor)


def put_back(notice: Notice) -> None:
    """Undo the change outside."""
    with _deciding(notice, "put-back") as account:
        _write_again(account, notice)
        controls.ask_for_run(account, "check")


def _write_again(account: Account, notice: Notice) -> None:
    MappingRow.update(wanted="").where(
        MappingRow.account == account, MappingRow.booking == notice.booking
    ).execute()


def remove_guests(notice: Notice) -> None:
    """Remove the guests that somebody invited to our event outside. The provider may tell them
    about it.
    """
    with _deciding(notice, "remove-guests") as account:
        none = {"wanted": "", "guests": 0, "guests_told": 0}
        MappingRow.update(**none).where(
            MappingRow.account == account, MappingRow.uid == notice.topic.partition(" ")[2]
        ).execute()
        controls.ask_for_run(account, "check")


def approve(notice: Notice) -> None:
    """Let the plan delete these events, or write them again. This counts for these events only: a
    later plan asks again.
    """
    with _deciding(notice, "approve") as account:
        Account.update(
            approved=[*notice.detail.get("uids", []), *notice.detail.get("copies", [])]
        ).where(Account.id == account.id).execute()
        if notice.is_of_whole:
            mine = RemoteCalendar.account == account, RemoteCalendar.role == "destination"
            RemoteCalendar.update(sync_token=None).where(*mine).execute()
        controls.ask_for_run(account, "check")


def keep_outside(notice: Notice) -> None:
    """Keep the events outside that the plan would delete. Nobody is asked again while they stay
    unchanged.
    """
    with _deciding(notice, "keep") as account:
        MappingRow.update(problem="kept", retry_at=FOR_GOOD).where(
            MappingRow.account == account, MappingRow.uid.in_(notice.detail.get("uids", []))
        ).execute()
        kept = sorted(
            {*Account.get_by_id(account.id).kept_copies, *notice.detail.get("copies", [])}
        )
        Account.update(kept_copies=kept).where(Account.id == account.id).execute()
        controls.ask_for_run(account, "check")


def decide_stray(notice: Notice, decided: str) -> None:
    """Decide about an event of ours in another calendar whose booking is unknown here: "remove" or
    "keep".
    """
    with _deciding(notice, f"{decided}-stray") as account:
        mine = Stray.account == account, Stray.id == notice.detail["stray"]
        Stray.update(decided=decided, problem="").where(*mine).execute()
        controls.ask_for_run(account, "check")


def accept_empty(notice: Notice) -> None:
    """Accept that the calendar outside really is empty."""
    with _deciding(notice, "believe") as account:
        unread = {"may_empty": True, "due_at": None, "sync_token": None}
        RemoteCalendar.update(**unread).where(RemoteCalendar.id == notice.calendar_id).execute()
        controls.ask_for_run(account, "check")


def keep_source(notice: Notice) -> None:
    """Keep blocking the times that the calendar had. We ask again when something changes there, or
    in a day.
    """
    with _deciding(notice, "wait"):
        later = scheduling.utc_now() + timedelta(days=1)
        RemoteCalendar.update(due_at=later).where(RemoteCalendar.id == notice.calendar_id).execute()


def make_again(notice: Notice, actor: User) -> None:
    """Make a new calendar with all bookings, after ours was deleted outside."""
    with _deciding(notice, "again") as account:
        was = account.destination
        starting.start(
            account, actor, was.name if was else "Kalends", was.zone_name if was else "UTC"
        )
