"""Taking away what we made outside, and nothing else: found by its mark and its reference, whether
or not our own records still know it.

A departure goes on until a complete look finds no event with our mark, or a person ends it and lets
them stay. No refusal ends it: what
keeps an event there is raised, so that it is tried again, and the pages say so.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter

from peewee import chunked

from base import scheduling
from base.database import database
from base.many import tuples
from sync.connect import connecting, revoking
from sync.events.event import RemoteEvent, Window
from sync.providers.base import Calendar, Delete
from sync.providers.errors import Forbidden, Gone, ProviderError, ScopeMissing, Unavailable, Unsent
from sync.providers.writing import OF_ANY_CALL
from sync.tables import earlier, ending, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.channels import Channel
from sync.tables.mappings import MappingRow

from . import channels, local, marks, search, strays
from .context import RunContext
from .paging import KeptPages

STANDING = (
    "synced",
    "frozen",
    "deleting",
)  # phases of mappings whose events stand there, as far as we know
_CHUNK = 400


def leave(context: RunContext, pages: KeptPages) -> None:
    """Carry out what a person asked for: close channels, take our events away where asked, and let
    the account become its goal.

    Raises ProviderError when something is left, or when that cannot be told: it is to be tried
    again.
    """
    account = context.account
    for channel in list(Channel.select().where(Channel.account == account)):
        channels.close(context.provider, channel)
    gone = _Removal(context, pages).carry_out() if account.removes else False
    if account.goal == "disconnect":
        revoking.revoke(account)
    let_go(account, gone)


def let_go(account: Account, is_gone: bool) -> None:
    """Let the account become its goal, and remember what of ours is left there: our own calendar,
    unless it `is_gone`.
    """
    destination = account.destination
    is_left = destination and destination.is_ours and not is_gone
    with database.atomic():
        earlier.remember(account, destination.calendar_id if is_left else None)
        ending.finish(account, is_gone)


class _Removal:
    """Our calendars and events at one account, on their way out."""

    def __init__(self, context: RunContext, pages: KeptPages):
        self.context, self.account, self.provider = context, context.account, context.provider
        self.pages, self.found = pages, 0
        self.rows: dict[str, RemoteCalendar] = {}

    def carry_out(self) -> bool:
        """Take our calendars away, or only our events where something else lies among them, and
        look whether nothing is left. Whether our
        destination itself is gone."""
        destination, held = self.account.destination, self._held()
        known = destination.calendar_id if destination else None
        mine = connecting.reference(self.account.clinic, self.account.user_id)
        listed = local.calendars(self.provider)
        self.rows = connecting.note_new(self.account, listed)
        made = [calendar for calendar in listed if mine in calendar.description]
        removed = {calendar.calendar_id for calendar in made if self._remove_calendar(calendar)}
        if known and known not in {calendar.calendar_id for calendar in made}:
            is_listed = any(calendar.calendar_id == known for calendar in listed)
            removed |= (
                {known} if self._remove_from_own(known, destination.is_ours, is_listed) else set()
            )
        left = {calendar.calendar_id for calendar in made} | {known}
        self._remove_hidden(left | {calendar.calendar_id for calendar in listed})
        refusals = [
            self._remove_strays(calendar.calendar_id)
            for calendar in strays.elsewhere(self.account, listed)
            if calendar.calendar_id not in left
        ]
        if any(refusals):
            raise next(filter(None, refusals))
        if removed & {
            calendar.calendar_id for calendar in (self.provider.calendars() if made else ())
        }:
            raise Unavailable("calendar is left")
        if held and not (self.found or removed):
            self._believe_later(Unavailable("nothing found"))
        return known is None or known in removed

    def _held(self) -> bool:
        """Whether our records know of events there."""
        return (
            MappingRow.select()
            .where(MappingRow.account == self.account, MappingRow.phase.in_(STANDING))
            .exists()
        )

    def _believe_later(self, error: ProviderError) -> None:
        """Raise this, unless it was said several times."""
        if not self.context.was_said(error.reason or "not found"):
            raise Unavailable(error.reason or "not found", error.status)

    def _remove_calendar(self, calendar: Calendar) -> bool:
        """The whole calendar, unless somebody keeps events of their own in it, or writes to it.
        Whether it was taken away. A list that lies would
        cost what others keep there: two must tell the same, and none of them other than what we
        knew.
        """
        held, unread = self._everything(calendar)
        row = RemoteCalendar.get_or_none(
            RemoteCalendar.account == self.account,
            RemoteCalendar.calendar_id == calendar.calendar_id,
        )
        is_shared = (
            unread
            or (row is not None and row.holds_others)
            or bool(starting.taken(self.account, [calendar.calendar_id]))
        )
        if not held and self._held():
            self._believe_later(Unavailable("nothing found"))
        try:
            is_all_ours = not is_shared and len(
                marks.ours(self.account, held, is_made=True)
            ) == len(held)
            if is_all_ours and self._everything(calendar) == (held, unread):
                self.provider.delete_calendar(calendar.calendar_id)
                self._note_gone([seen.remote_id for seen in held])
                return True
        except Forbidden:
            # whose calendar it is may be seen otherwise after a new consent; the events bear our
            # mark
            pass
        self._remove_events(
            calendar.calendar_id,
            lambda: self._find(calendar.calendar_id, is_made=True),
            self._known(calendar.calendar_id),
        )
        return False

    def _everything(self, calendar: Calendar) -> tuple[tuple[RemoteEvent, ...], bool]:
        """All that stands in a calendar, by its ids, and whether something in it cannot be read."""
        at, far = scheduling.utc_now(), self.provider.longest_window / 2
        pulled = self.provider.pull(
            calendar.calendar_id, None, Window(at - far, at + far), unrolled=False
        )
        return tuple(sorted(pulled.changed, key=attrgetter("remote_id"))), bool(pulled.unread)

    def _known(self, calendar_id: str) -> set[str]:
        """Ids of the events that we wrote to this calendar, as far as our records tell: a list may
        leave some of them out.
        """
        destination = self.account.destination
        if destination is None or destination.calendar_id != calendar_id:
            return set()
        rows = MappingRow.select(MappingRow.remote_id).where(
            MappingRow.account == self.account,
            MappingRow.phase.in_(STANDING),
            MappingRow.remote_id != "",
        )
        return {remote_id for (remote_id,) in tuples(rows)}

    def _remove_from_own(self, calendar_id: str, is_made: bool, is_listed: bool) -> bool:
        """Our events in one of the person's own calendars, or in one that the list lacks. Whether
        the calendar itself is gone: what the list has
        is there, whatever an answer says."""
        try:
            self._remove_events(
                calendar_id, lambda: self._find(calendar_id, is_made), self._known(calendar_id)
            )
        except Gone as error:
            if is_listed:
                raise
            self._believe_later(error)
            return True
        return False

    def _remove_hidden(self, told: set[str | None]) -> None:
        """What stands in calendars that we know and the list does not tell: one list may lie. Those
        that are refused several times as well are not there.
        """
        hidden = {
            row.calendar_id: row.is_ours
            for row in self.rows.values()
            if row.is_ours or row.access in ("owner", "writer")
        }
        if left := earlier.calendar_of(self.account):
            hidden[left] = True
        for calendar_id in sorted(hidden.keys() - told):
            try:
                self._remove_from_own(calendar_id, hidden[calendar_id], is_listed=False)
            except (Forbidden, ScopeMissing) as error:
                self._believe_later(error)

    def _remove_strays(self, calendar_id: str) -> Unavailable | None:
        """What somebody dragged into another calendar. Gives the refusal to look into it, or to
        take away what is there, and leaves the other calendars to be looked into.
        """
        row = self.rows.get(calendar_id)
        if search.is_searched(row):
            return Unavailable(row.search_word) if row.search_word else None
        self.context.check_time()

        def find() -> dict[str, RemoteEvent]:
            return search.seek(self.context, self.pages, calendar_id, row, is_quick=False)

        try:
            if find():
                self._remove_events(calendar_id, find)
        except strays.ENDING:
            raise
        except ProviderError as error:
            return Unavailable(error.reason or "not found", error.status)
        with self.context.writing():
            search.settle(row)
        return None

    def _find(self, calendar_id: str, is_made: bool) -> dict[str, RemoteEvent]:
        """Our events, none of a colleague's, in a calendar that we wrote to."""
        marked = self.provider.find_marked(calendar_id, self.account.clinic.installation)
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
        """What is found there or `known` to stand there, and a look whether it is gone. Raises what
        keeps one there.
        """
        found = {*find(), *known}
        if not found:
            return
        self.context.begin(len(found))
        refusals = []
        deletions = [Delete(remote_id) for remote_id in sorted(found)]
        for results in chunked(
            self.provider.write(calendar_id, deletions), self.provider.batch_size
        ):
            self._note_gone(
                [result.operation.remote_id for result in results if result.error is None]
            )
            refusals += [
                result.error
                for result in results
                if result.error and not isinstance(result.error, (Gone, Unsent))
            ]
        if refusals:  # about the account first: a limit tells how long to wait
            raise next((error for error in refusals if isinstance(error, OF_ANY_CALL)), refusals[0])
        if find():
            raise Unavailable("events are left")

    def _note_gone(self, remote_ids: Iterable[str]) -> None:
        """These are taken away: the history counts them, and the mappings do no longer."""
        ids = list(remote_ids)
        self.found += len(ids)
        with self.context.writing():
            for some in chunked(ids, _CHUNK):
                MappingRow.update(phase="gone", wanted="").where(
                    MappingRow.account == self.account, MappingRow.remote_id.in_(some)
                ).execute()
            self.context.note(done=len(ids), deleted=len(ids))
