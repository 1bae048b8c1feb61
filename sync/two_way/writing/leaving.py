"""Deleting everything that we made outside, and nothing else. Our events are found by mark and
reference, even those that are not in our records.

The deletion goes on until a complete list has no event with our mark, or until a person ends it and
leaves the events. A refusal never ends it: the refusal is raised, tried again, and shown on the
pages.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from operator import attrgetter
from zoneinfo import ZoneInfo

from peewee import chunked

from base import scheduling
from base.database import database
from base.tables.bulk import portions, tuples
from sync.connect import calendar_list, revoking
from sync.events.event import Delta, RemoteEvent, Window
from sync.providers import registry
from sync.providers.base import Delete, ListedCalendar
from sync.providers.errors import (
    OF_THE_ACCOUNT,
    Forbidden,
    Gone,
    ProviderError,
    RateLimited,
    ScopeMissing,
    SyncTokenExpired,
    Unavailable,
    Unsent,
)
from sync.providers.writing import OF_ANY_CALL
from sync.tables import earlier_accounts, ending, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow
from sync.tables.strays import Stray
from sync.two_way.plans import local, marks
from sync.two_way.reading import channel_upkeep, search, stray_events
from sync.two_way.worker.context import RunContext
from sync.two_way.worker.paging import KeptPages

# between the two lists that must agree before a calendar is deleted
FIRST, SECOND = "leave", "leave, again"
# phases of mappings whose events exist, as far as we know
STANDING = (
    "synced",
    "frozen",
    "deleting",
)
BEGUN = ("creating",)  # the answer may have been lost


def carry_out_departure(context: RunContext, pages: KeptPages) -> None:
    """Carry out a person's request: close channels, delete our events if asked, and let the account
    reach its goal.

    Raises ProviderError if an event is left, or if that is unknown: the run is tried again.
    """
    account = context.account
    for channel in list(Channel.select().where(Channel.account == account)):
        channel_upkeep.close(context.provider, channel)
    # nothing of ours is there if nothing is sent
    removes = account.removes and not registry.row_of(account.kind).reads_only
    gone = _Removal(context, pages).carry_out() if removes else False
    account.refresh()  # somebody may have chosen a goal that ends more by now
    if account.goal == "disconnect":
        revoking.revoke(account)
    let_go(account, gone)


def let_go(account: Account, is_gone: bool) -> None:
    """Let the account reach its goal. Unless our calendar is gone there (`is_gone`), note that it
    is left.
    """
    destination = account.destination
    is_left = destination is not None and destination.is_ours and not is_gone
    with database.atomic():
        earlier_accounts.remember(
            account, destination.calendar_id if destination and is_left else None
        )
        ending.finish(account, is_gone)


def _in_order(delta: Delta) -> tuple[RemoteEvent, ...]:
    return tuple(sorted(delta.changed, key=attrgetter("remote_id")))


class _Removal:
    """Deletes our calendars and events at one account."""

    def __init__(self, context: RunContext, pages: KeptPages):
        self.context, self.account, self.provider = context, context.account, context.provider
        self.pages, self.found = pages, 0
        self.rows: dict[str, RemoteCalendar] = {}

    def carry_out(self) -> bool:
        """Delete our calendars, or only our events in a calendar in which others keep events, and
        check that none is left. Returns whether our destination calendar itself is gone.
        """
        destination, is_mapped = self.account.destination, self._is_mapped()
        known = destination.calendar_id if destination else None
        mine = calendar_list.reference(self.account.clinic, self.account.user_id)
        listed = local.calendars(self.provider)
        self.rows = calendar_list.note_new(self.account, listed)
        for row in self.rows.values():
            row.account = self.account  # loaded for each page
        made = [
            calendar
            for calendar in listed
            if mine in calendar.description or self._is_ours(calendar.calendar_id)
        ]
        removed = {calendar.calendar_id for calendar in made if self._remove_calendar(calendar)}
        if destination and known and known not in {calendar.calendar_id for calendar in made}:
            is_listed = any(calendar.calendar_id == known for calendar in listed)
            removed |= (
                {known} if self._remove_from_own(known, destination.is_ours, is_listed) else set()
            )
        left = {calendar.calendar_id for calendar in made} | {known}
        self._remove_hidden(left | {calendar.calendar_id for calendar in listed})
        refusals = [
            self._remove_strays(calendar.calendar_id)
            for calendar in stray_events.elsewhere(self.account, listed)
            if calendar.calendar_id not in left
        ]
        if any(refusals):
            raise next(filter(None, refusals))
        if removed & {
            calendar.calendar_id for calendar in (self.provider.calendars() if made else ())
        }:
            raise Unavailable("calendar is left")
        if is_mapped and not (self.found or removed):
            self._raise_until_repeated(Unavailable("nothing found"))
        return known is None or known in removed

    def _is_ours(self, calendar_id: str) -> bool:
        """Whether we made the calendar by our records, whatever its description says now."""
        row = self.rows.get(calendar_id)
        return row is not None and row.is_ours

    def _is_mapped(self) -> bool:
        """Whether our records have events there."""
        return (
            MappingRow.select()
            .where(MappingRow.account == self.account, MappingRow.phase.in_(STANDING))
            .exists()
        )

    def _raise_until_repeated(self, error: ProviderError) -> None:
        """Raise this error until several runs in a row have met it."""
        if not self.context.was_reported(error.reason or "not found"):
            raise Unavailable(error.reason or "not found", error.status)

    def _remove_calendar(self, calendar: ListedCalendar) -> bool:
        """Delete the whole calendar, unless others keep events of their own in it or write to it.
        Returns whether it was deleted. With a wrong list others would lose their events, so two
        lists must agree with each other and with our records.
        """
        row = self.rows.get(calendar.calendar_id)
        delta = self._everything(calendar, FIRST)
        there = _in_order(delta)
        is_shared = (
            bool(delta.unread)
            or (row is not None and row.has_others)
            or bool(starting.in_use(self.account, [calendar.calendar_id]))
        )
        if not there and self._is_mapped():
            self._raise_until_repeated(Unavailable("nothing found"))
        try:
            is_all_ours = not is_shared and len(
                marks.ours(self.account, there, is_made=True)
            ) == len(there)
            if is_all_ours and self._is_told_again(calendar, row, there):
                self.provider.delete_calendar(calendar.calendar_id)
                self._note_gone([seen.remote_id for seen in there])
                return True
        except Forbidden:
            # a new consent may change how the calendar's owner is shown; the events have our mark
            pass
        self._remove_events(
            calendar.calendar_id,
            lambda: self._find(calendar.calendar_id, is_made=True),
            self._known(calendar.calendar_id),
        )
        if row:
            self.pages.forget(row, (FIRST, SECOND))
        return False

    def _is_told_again(
        self, calendar: ListedCalendar, row: RemoteCalendar | None, there: tuple[RemoteEvent, ...]
    ) -> bool:
        """Whether a second list has the same events. If a list took several slices, its beginning
        is old, so the history since then must be empty. Raises Unavailable if it is not.
        """
        is_long = row is not None and self.pages.was_kept(row, SECOND)
        delta = self._everything(calendar, SECOND)
        is_same = not delta.unread and _in_order(delta) == there
        if row and is_same and is_long and self._has_changed(calendar, delta.sync_token):
            self.pages.forget(row, (FIRST, SECOND))
            raise Unavailable("changed meanwhile")
        return is_same

    def _has_changed(self, calendar: ListedCalendar, sync_token: str | None) -> bool:
        try:
            since = self.provider.pull(
                calendar.calendar_id, sync_token, self._all_times(), unrolled=False
            )
        except SyncTokenExpired:
            return True
        return since.complete or bool(since.changed or since.tombstones or since.unread)

    def _everything(self, calendar: ListedCalendar, purpose: str) -> Delta:
        """All events of a calendar, in slices if it takes long."""
        with self._in_slices(self.rows.get(calendar.calendar_id), purpose, stays=True):
            return self.provider.pull(calendar.calendar_id, None, self._all_times(), unrolled=False)

    def _all_times(self) -> Window:
        """The longest window. It stays the same for a whole day."""
        today, far = scheduling.utc_now().date(), self.provider.longest_window / 2
        midnight = scheduling.midnight(today, ZoneInfo("UTC"))
        return Window(midnight - far, midnight + far)

    def _in_slices(
        self, row: RemoteCalendar | None, purpose: str, stays: bool = False
    ) -> AbstractContextManager[None]:
        return self.pages.of(row, purpose, stays=stays) if row else nullcontext()

    def _known(self, calendar_id: str) -> set[str]:
        """Ids outside of the events that our records say stand in this calendar. A list of the
        provider's may omit some of them.
        """
        destination = self.account.destination
        if destination is None or destination.calendar_id != calendar_id:
            return set()
        rows = MappingRow.select(MappingRow.remote_id).where(
            MappingRow.account == self.account,
            MappingRow.phase.in_(STANDING + BEGUN),
            MappingRow.remote_id != "",
        )
        return {remote_id for (remote_id,) in tuples(rows)}

    def _remove_from_own(self, calendar_id: str, is_made: bool, is_listed: bool) -> bool:
        """Delete our events in one of the person's own calendars, or in one that the list lacks.
        Returns whether the calendar itself is gone; a listed one is not, whatever an answer
        says.
        """
        try:
            self._remove_events(
                calendar_id, lambda: self._find(calendar_id, is_made), self._known(calendar_id)
            )
        except Gone as error:
            if is_listed:
                raise
            self._raise_until_repeated(error)
            return True
        return False

    def _remove_hidden(self, listed: set[str | None]) -> None:
        """Delete our events in known calendars that the list lacks, since a list may omit one.
        Calendars that are refused several times do not exist.
        """
        hidden = {
            row.made_id: row.is_ours
            for row in self.rows.values()
            if row.calendar_id and (row.is_ours or row.access in ("owner", "writer"))
        }
        if left := earlier_accounts.calendar_of(self.account):
            hidden[left] = True
        for calendar_id in sorted(hidden.keys() - listed):
            try:
                self._remove_from_own(calendar_id, hidden[calendar_id], is_listed=False)
            except (Forbidden, ScopeMissing) as error:
                self._raise_until_repeated(error)

    def _remove_strays(self, calendar_id: str) -> Unavailable | None:
        """Delete our events in another calendar. Returns the refusal, if any, so that the other
        calendars are still searched.
        """
        row = self.rows.get(calendar_id)
        if row and search.is_searched(row):
            return Unavailable(row.search_word) if row.search_word else None
        self.context.check_time()

        def find() -> dict[str, RemoteEvent]:
            listed = search.seek(self.context, self.pages, calendar_id, row, is_quick=False)
            return listed | self._by_id(self._filtered(calendar_id), bool(row and row.is_ours))

        strayed = Stray.select(Stray.remote_id).where(
            Stray.account == self.account, Stray.calendar_id == calendar_id
        )
        try:
            self._remove_events(calendar_id, find, [one for (one,) in tuples(strayed)])
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:
            return Unavailable(error.reason or "not found", error.status)
        with self.context.writing():
            search.settle(row)
        return None

    def _find(self, calendar_id: str, is_made: bool) -> dict[str, RemoteEvent]:
        """Our events, without any colleague's, in a calendar to which we wrote."""
        listed = self._listed(calendar_id, "find ours")
        return self._by_id((*listed, *self._filtered(calendar_id)), is_made)

    def _filtered(self, calendar_id: str) -> list[RemoteEvent]:
        """The events with our mark by the provider's own filter: a list may omit some. Without a
        filter, by another list.
        """
        try:
            return self.provider.find_marked(
                calendar_id, self.account.clinic.installation, is_quick=True
            )
        except OF_THE_ACCOUNT:
            raise
        except ProviderError:
            return self._listed(calendar_id, "find again")

    def _listed(self, calendar_id: str, purpose: str) -> list[RemoteEvent]:
        with self._in_slices(self.rows.get(calendar_id), purpose):
            return self.provider.find_marked(calendar_id, self.account.clinic.installation)

    def _by_id(self, marked: Sequence[RemoteEvent], is_made: bool) -> dict[str, RemoteEvent]:
        return {
            seen.series_id or seen.remote_id: seen
            for seen in marks.ours(self.account, marked, is_made)
        }

    def _remove_events(
        self,
        calendar_id: str,
        find: Callable[[], dict[str, RemoteEvent]],
        known: Iterable[str] = (),
    ) -> None:
        """Delete the `known` events, and those that are found after that, and check that they are
        gone. Raises the refusal of a remaining one; OutOfTime between two batches.
        """
        tried = set(known)
        refused = self._delete(calendar_id, tried)
        found = find()
        if more := found.keys() - (tried if refused else set()):
            refused |= self._delete(calendar_id, more)
        if errors := self._still_there(calendar_id, refused, found):
            # errors of the account first: a limit says how long to wait
            raise next((error for error in errors if isinstance(error, OF_ANY_CALL)), errors[0])
        if found and find():
            raise Unavailable("events are left")

    def _still_there(
        self, calendar_id: str, refused: dict[str, ProviderError], found: Collection[str]
    ) -> list[ProviderError]:
        """The refusals but of events that are gone: the complete look lacks them, and asked for
        alone each is not there. The person may have deleted by hand what we may not.
        """
        for remote_id in refused.keys() - found:
            with suppress(ProviderError):
                if isinstance(refused[remote_id], (Forbidden, ScopeMissing)) and (
                    self.provider.get(calendar_id, remote_id) is None
                ):
                    self._note_gone([remote_id])
                    del refused[remote_id]
        return list(refused.values())

    def _delete(self, calendar_id: str, remote_ids: Iterable[str]) -> dict[str, ProviderError]:
        """Delete these events. Returns the refusals by id."""
        deletions = [Delete(remote_id) for remote_id in sorted(remote_ids)]
        refused: dict[str, ProviderError] = {}
        left = len(deletions)
        self.context.begin(left)
        for results in chunked(
            self.provider.write(calendar_id, deletions), self.provider.batch_size
        ):
            gone = [result.operation.remote_id for result in results if result.error is None]
            is_limited = any(isinstance(result.error, RateLimited) for result in results)
            self._note_gone(gone)
            with self.context.writing():
                self.context.learn(len(results), len(gone), is_limited)
            refused |= {
                result.operation.remote_id: result.error
                for result in results
                if result.error and not isinstance(result.error, (Gone, Unsent))
            }
            left -= len(results)
            if left and not refused:
                self.context.check_time()
        return refused

    def _note_gone(self, remote_ids: Iterable[str]) -> None:
        """Count deleted events, and remove their mappings."""
        ids = list(remote_ids)
        self.found += len(ids)
        with self.context.writing():
            for some in portions(ids):
                MappingRow.update(phase="gone", wanted="").where(
                    MappingRow.account == self.account, MappingRow.remote_id.in_(some)
                ).execute()
            self.context.note(done=len(ids), deleted=len(ids))
