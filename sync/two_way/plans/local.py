"""Our side of two-way sync: the wanted events of bookings and time off, and the rows of
mappings.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from peewee import fn

from base import scheduling
from base.tables.bulk import portions, tuples
from models import Booking, Clinic, Practitioner, User
from sync.events.event import UNWRITTEN, Delta, Event, EventMapping, PlanTerms, Window
from sync.feeds import shown
from sync.providers.base import ListedCalendar, Provider
from sync.providers.errors import Unavailable
from sync.tables import earlier_accounts
from sync.tables.accounts import TWO_WAY, Account
from sync.tables.mappings import MappingRow

from . import away, marks, showing

LOCK = "\N{LOCK} "
# calendars outside are read for a little longer than bookings are sent
WIDER = (
    timedelta(days=7),
    timedelta(days=35),
)
RECENT = timedelta(minutes=10)
BEHIND = timedelta(hours=1)  # an answer is at most this much older than the one before it
SHARED = (
    "uid",
    "remote_id",
    "etag",
    "sequence",
    "fingerprint",
    "phase",
    "wanted",
    "generation",
    "updated_at",
    "guests",
)


def window(account: Account) -> Window:
    """The window in which bookings are sent: whole UTC days around today."""
    midnight = datetime.combine(scheduling.utc_now().date(), time.min, UTC)
    return Window(
        midnight - timedelta(days=account.past_days),
        midnight + timedelta(days=account.future_days + 1),
    )


def reach(account: Account) -> Window:
    """The window of time in which calendars outside are read."""
    inner = window(account)
    return Window(inner.starts_at - WIDER[0], inner.ends_at + WIDER[1])


def left_out(account: Account) -> tuple[int, int]:
    """The number of bookings of the account's calendars that are not sent: outside its dates, and
    within them because of their status.
    """
    bounds, calendars = window(account), [row.id for row in account.practitioners()]
    own = Booking.select().where(Booking.practitioner.in_(calendars))
    going = Booking.status.in_(list(TWO_WAY))
    inside = Booking.touching(bounds.starts_at, bounds.ends_at)
    beyond = own.where(going).count() - own.where(going, *inside).count()
    return beyond, own.where(~going, *inside).count()


def terms(account: Account) -> PlanTerms:
    """The terms of a plan for the account."""
    return PlanTerms(
        account.clinic.installation,
        account.generation,
        window(account),
        account.edits,
        refresh=showing.is_otherwise(account),
        account=earlier_accounts.part(account),
        settled=scheduling.utc_now() - BEHIND,
    )


def calendars(provider: Provider) -> list[ListedCalendar]:
    """The calendars of an account. If it always has at least one, an empty list is an error: our
    calendar would be made twice, or left behind.
    """
    listed = provider.calendars()
    if not listed and not provider.may_have_none:
        raise Unavailable("no calendars")
    return listed


# ---- bookings ----


def revision(account: Account) -> int:
    """The newest revision here that a run sees from now on. Read it before the bookings: later
    changes get a greater one.
    """
    is_wide = account.covers is not None
    calendars = Practitioner.select(fn.MAX(Practitioner.calendar_rev)).where(
        Practitioner.clinic == account.clinic_id
        if is_wide
        else Practitioner.user == account.user_id
    )
    people = User.select(fn.MAX(User.rev)).where(
        User.clinic == account.clinic_id if is_wide else User.id == account.user_id
    )
    own = User.select(User.away_rev).where(User.id == account.user_id)
    newest = Clinic.select(
        Clinic.faces_rev, calendars, people, *([own] if account.time_off and account.sends else [])
    ).where(Clinic.id == account.clinic_id)
    (revisions,) = tuples(newest)
    return max(revision or 0 for revision in revisions)


def events(
    account: Account,
    sent: Sequence[Practitioner],
    delta: Delta,
    mappings: Sequence[EventMapping],
    kept: Iterable[str],
) -> dict[str, Event | None]:
    """The events for `plan`: by uid the event of every booking that is sent and is in the window,
    has a mapping that is not frozen or gone, or is named by the delta; None for one that has a
    mapping or is named and should not be outside. `sent`: the calendars whose bookings go out.
    `kept`: uids that are not to be decided now.
    """
    bounds, kept, off = window(account), set(kept), _away(account)
    found = {event.uid: event for event in _shown(account, sent, bounds.starts_at, bounds.ends_at)}
    found |= _signed(account, off.within(bounds))
    reported = delta.reported
    asked = {seen.own_mark.reference for seen in delta.changed if marks.is_ours(seen.mark, account)}
    asked |= {
        mapping.uid
        for mapping in mappings
        if mapping.phase not in ("frozen", "gone")
        or mapping.remote_id in reported
        or mapping.wanted == UNWRITTEN
    }
    asked |= _withdrawn(account, sent) - (off.places.keys() if off.goes_out else set())
    if showing.is_otherwise(account):
        asked |= {mapping.uid for mapping in mappings if mapping.phase == "frozen"}
    found |= _signed(account, off.events(asked - found.keys()))
    found |= _bookings(account, sent, asked - found.keys())
    return {uid: found.get(uid) for uid in (*found, *(asked - found.keys())) if uid not in kept}


def going_out(
    account: Account, sent: Sequence[Practitioner], uids: Iterable[str]
) -> dict[str, Event]:
    """The wanted events of these bookings and times off, by uid, at any time."""
    uids = set(uids)
    found = _signed(account, _away(account).events(uids))
    return found | _bookings(account, sent, uids - found.keys())


def next_ones(account: Account, user: User, at: datetime, most: int) -> list[Event]:
    """The next bookings as events outside, as if `user` were the account's person."""
    bounds = window(account)
    return list(_shown(account, account.practitioners(), at, bounds.ends_at, user=user, most=most))


def is_away(account: Account, uid: str) -> bool:
    """Whether the UID is one of time off of the account's person."""
    return uid in _away(account).places


def unknown(account: Account, uids: Iterable[str]) -> set[str]:
    """The UIDs among these that are in no row here as a booking or time off, cancelled and removed
    ones included. Rows of bookings are never deleted, so an unknown UID means that an earlier
    state of the database was restored.
    """
    left = {uid for uid in uids if marks.is_uuid(uid)}
    for some in portions([UUID(uid) for uid in left]):
        rows = Booking.select(Booking.uuid).where(
            Booking.clinic == account.clinic_id, Booking.uuid.in_(some)
        )
        left -= {str(found) for (found,) in tuples(rows)}
    return left - away.ever(account, window(account)) if left else left


def count_away(account: Account, uids: Sequence[str]) -> int:
    """The number of these mappings that are of time off, even if it was deleted here."""
    mine = MappingRow.account == account, MappingRow.is_away
    return sum(
        MappingRow.select().where(*mine, MappingRow.uid.in_(some)).count()
        for some in portions(uids)
    )


def _away(account: Account) -> away.Away:
    return away.sent_time_off(account, window(account))


def _bookings(
    account: Account, sent: Sequence[Practitioner], uids: Iterable[str]
) -> dict[str, Event]:
    known = [UUID(uid) for uid in uids if marks.is_uuid(uid)]
    return {
        event.uid: event for some in portions(known) for event in _shown(account, sent, only=some)
    }


def _shown(
    account: Account,
    sent: Sequence[Practitioner],
    start: datetime | None = None,
    end: datetime | None = None,
    only: Sequence[UUID] | None = None,
    user: User | None = None,
    most: int | None = None,
) -> Iterator[Event]:
    """Bookings as events outside: as in a feed of the person, apart from the statuses."""
    for event in shown.events(
        user or account.user,
        account.clinic,
        showing.choices(account),
        {row.id: row for row in sent},
        start,
        end,
        most,
        only,
    ):
        yield _sign(event) if account.lock_sign else event


def _signed(account: Account, events: dict[str, Event]) -> dict[str, Event]:
    """The events with a padlock before each title if the person wants one."""
    return {uid: _sign(event) for uid, event in events.items()} if account.lock_sign else events


def _sign(event: Event) -> Event:
    return replace(event, face=replace(event.face, title=LOCK + event.face.title))


def recent(sent: Sequence[Practitioner], at: datetime) -> set[str]:
    """UIDs of the bookings that were made or changed in the last minutes."""
    rows = Booking.select(Booking.uuid).where(
        Booking.practitioner.in_([row.id for row in sent]),
        Booking.updated_at > at - RECENT,
    )
    return {str(row.uuid) for row in rows}


def without_leave(account: Account, sent: Sequence[Practitioner], uids: Iterable[str]) -> set[str]:
    """The UIDs among these that are deleted outside without asking: bookings of people who do not
    allow them outside (any more) or of calendars that are not sent, and time off that is not
    sent. All of them, if nothing is sent.
    """
    uids = set(uids)
    if not account.sends:
        return uids
    allowed, found = [row.id for row in sent], set()
    others = [] if account.covers is not None else [Practitioner.user != account.user_id]
    for some in portions([uid for uid in uids if marks.is_uuid(uid)]):
        rows = (
            Booking.select(Booking.uuid)
            .join(Practitioner)
            .where(
                Booking.uuid.in_([UUID(uid) for uid in some]),
                Booking.practitioner.not_in(allowed),
                *others,
            )
        )
        found |= {str(row.uuid) for row in rows}
    if uids and not account.time_off:
        found |= _away(account).places.keys() & set(uids)
    return found


def _withdrawn(account: Account, sent: Sequence[Practitioner]) -> set[str]:
    """Uids of frozen mappings whose booking should no longer be outside: no other check
    finds them.
    """
    calendars = [row.id for row in sent]
    left = (
        Booking.id.is_null()
        | Booking.status.not_in(list(TWO_WAY))
        | Booking.practitioner.not_in(calendars)
    )
    frozen = (
        MappingRow.select(MappingRow.uid)
        .left_outer_join(Booking)
        .where(MappingRow.account == account, MappingRow.phase == "frozen", left)
    )
    return {uid for (uid,) in tuples(frozen)}


# ---- mappings ----


def mappings(account: Account) -> list[EventMapping]:
    """Every mapping of the account, for `plan`."""
    rows = MappingRow.select(*(getattr(MappingRow, name) for name in SHARED)).where(
        MappingRow.account == account
    )
    return [EventMapping(**{name: getattr(row, name) for name in SHARED}) for row in rows]


def mapped_ids(account: Account, uids: Iterable[str]) -> set[str]:
    """Ids outside of the events of these mappings."""
    rows = MappingRow.select(MappingRow.remote_id).where(MappingRow.account == account)
    found = (tuples(rows.where(MappingRow.uid.in_(some))) for some in portions(uids))
    return {remote_id for some in found for (remote_id,) in some if remote_id}


def is_unfinished(account: Account) -> bool:
    """Whether something begun, or failed, must still be done."""
    rows = MappingRow.select().where(
        MappingRow.account == account,
        MappingRow.phase.in_(("creating", "deleting"))
        | (MappingRow.problem != "")
        | (MappingRow.wanted == ""),
    )
    return rows.where(MappingRow.phase.not_in(("gone", "frozen"))).exists()


def waiting(account: Account, sent: Sequence[Practitioner], at: datetime) -> set[str]:
    """UIDs that must not be touched now: failed writes that wait for another try, and events that a
    person kept outside while their booking is not sent.
    """
    calendars = [row.id for row in sent]
    goes_out = Booking.status.in_(list(TWO_WAY)) & Booking.practitioner.in_(calendars)
    rows = (
        MappingRow.select(MappingRow.uid, MappingRow.problem, goes_out)
        .left_outer_join(Booking)
        .where(MappingRow.account == account, MappingRow.retry_at > at)
    )
    found_rows = list(tuples(rows))
    found = {uid for uid, problem, out in found_rows if problem != "kept" or not out}
    kept = {uid for uid, problem, _ in found_rows if problem == "kept"} & found
    return found - _away(account).events(kept).keys() if kept else found


def store(account: Account, mapping: EventMapping, **more: object) -> None:
    """Write a mapping; `more` are columns that only the row has."""
    columns = {name: getattr(mapping, name) for name in SHARED} | more
    if (
        MappingRow.update(**columns)
        .where(MappingRow.account == account, MappingRow.uid == mapping.uid)
        .execute()
    ):
        return
    same = (
        Booking.select(Booking.id).where(
            Booking.uuid == UUID(mapping.uid), Booking.clinic == account.clinic_id
        )
        if marks.is_uuid(mapping.uid)
        else None
    )
    booking = None if same is None else same.first()
    off = booking is None and is_away(account, mapping.uid)
    MappingRow.create(account=account, booking=booking, is_away=off, **columns)
