"""Reading calendars outside, and the sync token up to which all changes are stored."""

import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from base import scheduling
from sync.events.event import Delta, Window
from sync.providers.errors import (
    OF_THE_ACCOUNT,
    Endless,
    Forbidden,
    Gone,
    ProviderError,
    ScopeMissing,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
)
from sync.tables.accounts import RemoteCalendar
from sync.tables.sources import update_name
from sync.tables.unread import CalendarTrouble
from sync.two_way.plans import doubts, local
from sync.two_way.worker.context import RunContext
from sync.two_way.worker.paging import KeptPages

from . import lacking, second_reading

log = logging.getLogger("kalends.pull")

JITTER = 0.25
WHOLE, WHOLE_SPREAD_MINUTES = timedelta(hours=16), 240
ENDLESS_WAIT = timedelta(days=1)


class CalendarReading:
    """Reads the calendars of one account within one run. `is_urgent`: somebody waits, so only
    changes are read, and never everything.
    """

    def __init__(self, context: RunContext, poll_seconds: float, is_urgent: bool = False):
        self.context, self.account, self.poll_seconds = context, context.account, poll_seconds
        self.is_urgent = is_urgent
        self._whole: set[int] = set()  # calendars that this run reads completely
        self._proved: set[int] = set()  # calendars whose first reading the second confirms
        self.pages = KeptPages(context)
        context.provider.keep_pages(self.pages)

    def pull(
        self,
        calendar: RemoteCalendar,
        unrolled: bool,
        is_whole: bool = False,
        after: datetime | None = None,
    ) -> tuple[Delta, Window]:
        """Two values: the changes since the last reading, and the window of the new sync token. The
        reading is complete if there was none before, the window moved on, the provider dropped the
        sync token, or `is_whole`; pages that were read up to `after` are not used in it. Raises
        OutOfTime at a page; the next slice continues there.
        """
        calendar.account = self.account  # loaded, so that the caller need not read it again
        calendar.due_at = scheduling.utc_now()  # for `plan_next`; unfinished, it stays due
        RemoteCalendar.update(due_at=calendar.due_at).where(*same(calendar)).execute()
        doubted = _doubts(calendar)
        after = max((at for at in (after, doubted.newest) if at), default=None)
        with self.pages.of(calendar, after=after):
            is_whole |= doubted.is_due and not self.is_urgent
            delta, window = self._pull(calendar, unrolled, is_whole)
        if delta.called:
            update_name(calendar, delta.called)
        return (self._with_marks(calendar, delta) if unrolled else delta), window

    def _with_marks(self, calendar: RemoteCalendar, delta: Delta) -> Delta:
        """Give occurrences of an event of ours the event's mark, if somebody made it repeat in
        another calendar: they are not external.
        """
        provider = self.context.provider
        if provider.marks_occurrences or not any(
            seen.series_id and seen.mark is None for seen in delta.changed
        ):
            return delta
        try:
            marked = provider.find_marked(
                calendar.made_id, self.account.clinic.installation, is_quick=True
            )
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:
            log.warning("calendar %s not asked about marks: %s", calendar.id, error)
            return delta
        series = {event.remote_id: event.mark for event in marked}
        return replace(
            delta,
            changed=tuple(
                replace(seen, mark=seen.mark or series.get(seen.series_id or ""))
                for seen in delta.changed
            ),
        )

    def _pull(
        self, calendar: RemoteCalendar, unrolled: bool, is_whole: bool
    ) -> tuple[Delta, Window]:
        provider, reach = self.context.provider, local.reach(self.account)
        window, ids = local.window(self.account), None
        kept = calendar.window
        if (
            not is_whole
            and calendar.sync_token
            and kept is not None
            and kept.ends_at > window.ends_at + timedelta(days=2)
            and kept.starts_at <= window.starts_at
            and not (unrolled and not self.is_urgent and self._is_due_whole(calendar))
        ):
            try:
                over = frozenset() if unrolled else doubts.known_gone(self.account)
                delta = provider.pull(
                    calendar.made_id, calendar.sync_token, kept, unrolled=unrolled, over=over
                )
            except SyncTokenExpired:
                pass
            else:
                is_second = unrolled and not self.is_urgent and second_reading.is_due(calendar)
                ids = (
                    second_reading.ids_at_second(self.context, calendar, kept)
                    if is_second
                    else None
                )
                if ids is None or ids <= second_reading.known(calendar, delta):
                    self._proved |= set() if ids is None else {calendar.id}
                    return delta, kept
        self._whole.add(calendar.id)
        delta = provider.pull(calendar.made_id, None, reach, unrolled=unrolled)
        if unrolled:
            if ids is not None and ids <= second_reading.ids_of(delta):
                self._proved.add(calendar.id)
            return delta, reach
        # at any time, so that none is made twice
        marked = provider.find_marked(calendar.made_id, self.account.clinic.installation)
        changed_ids = {seen.remote_id for seen in delta.changed}
        return replace(
            delta,
            changed=(
                *delta.changed,
                *(seen for seen in marked if seen.remote_id not in changed_ids),
            ),
        ), reach

    def _is_due_whole(self, calendar: RemoteCalendar) -> bool:
        """Whether the calendar must be read completely. Incremental readings may lose a change, and
        do not report events that left the window: so once a day, each calendar at another time.
        """
        interval = WHOLE + timedelta(minutes=calendar.id * 37 % WHOLE_SPREAD_MINUTES)
        return calendar.whole_at is None or calendar.whole_at <= scheduling.utc_now() - interval

    def prove(self, calendar: RemoteCalendar) -> None:
        """Note that the second reading of a new calendar is done."""
        self._proved.add(calendar.id)

    def read_up_to(self, calendar: RemoteCalendar, sync_token: str | None, window: Window) -> None:
        """Store the sync token, after all changes were stored."""
        at = scheduling.utc_now()
        calendar.whole_at = at if calendar.id in self._whole else calendar.whole_at
        if calendar.read_at is None:
            calendar.unproved_since = at
        agreed = calendar.id in self._proved and calendar.read_at is not None
        if agreed:
            second_reading.agree(calendar, at)
        columns = {
            "sync_token": sync_token,
            "read_at": at,
            "gone_since": None,
            "may_empty": False,
            "has_others": False,
            "window_from": window.starts_at,
            "window_to": window.ends_at,
            "whole_at": calendar.whole_at,
            "unproved_since": calendar.unproved_since,
        } | ({"compared_at": at} if agreed else {})
        unchanged = (
            RemoteCalendar.sync_token == calendar.sync_token
            if calendar.sync_token
            else RemoteCalendar.sync_token.is_null()
        )
        # somebody may have asked meanwhile to read everything again
        with self.context.writing():
            RemoteCalendar.update(**columns).where(*same(calendar), unchanged).execute()
            CalendarTrouble.end(calendar, "calendar")
            self.plan_next(calendar)
            if calendar.id in self._whole:
                self.context.read_on(at)

    def plan_next(self, calendar: RemoteCalendar) -> None:
        """Set the next regular reading, unless somebody asked for one since this reading began:
        then `due_at` differs from the value that `pull` wrote.
        """
        not_asked = *same(calendar), RemoteCalendar.due_at == calendar.due_at
        RemoteCalendar.update(due_at=self._next_poll(calendar)).where(*not_asked).execute()

    def note_trouble(self, calendar: RemoteCalendar, error: ProviderError) -> CalendarTrouble:
        """Store why a calendar cannot be read. A calendar whose list has no end is not read for a
        day.
        """
        log.warning("calendar %s cannot be read: %s", calendar.id, error)
        with self.context.writing():
            until = scheduling.utc_now() + ENDLESS_WAIT if isinstance(error, Endless) else None
            return CalendarTrouble.met(
                calendar,
                "calendar",
                reason_of(error),
                error.reason or str(error.status or ""),
                until,
            )

    def _next_poll(self, calendar: RemoteCalendar) -> datetime:
        """The next regular reading, spread so that accounts do not all come at once; sooner if busy
        time or a first reading is in doubt.
        """
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
        regular = scheduling.utc_now() + timedelta(seconds=self.poll_seconds * spread)
        return _doubts(calendar).before(second_reading.before(calendar, regular))


def _doubts(calendar: RemoteCalendar) -> lacking.Doubts:
    """The doubts about a calendar; a first reading can lack nothing."""
    return lacking.Doubts.of(calendar) if calendar.read_at else lacking.NO_DOUBTS


def same(calendar: RemoteCalendar) -> tuple[Any, ...]:
    """The condition for the calendar's row, unless a person turned it on or asked to read it again
    since it was loaded.
    """
    return RemoteCalendar.id == calendar.id, RemoteCalendar.turn == calendar.turn


def reason_of(error: ProviderError) -> str:
    """The reason of `CalendarTrouble` why a calendar cannot be read."""
    if isinstance(error, Unavailable | Unanswered) and error.reason == "unreadable answer":
        return "unreadable"
    reasons = (
        (Endless, "endless"),
        (Gone, "not_found"),
        ((Forbidden, ScopeMissing), "forbidden"),
        ((Unavailable, Unanswered), "unavailable"),
    )
    return next((reason for kinds, reason in reasons if isinstance(error, kinds)), "refused")
