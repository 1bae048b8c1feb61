"""Reading calendars outside: pulls, the mirror of what is external, and the place in each
calendar's
history up to which all is taken in.
"""

import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from base import scheduling
from sync.events.event import Delta, RemoteEvent, Window
from sync.providers.base import (
    AuthExpired,
    Endless,
    Forbidden,
    Gone,
    NotConfigured,
    ProviderError,
    RateLimited,
    ScopeMissing,
    SyncTokenExpired,
    Unanswered,
    Unavailable,
)
from sync.tables.accounts import MappingRow, Notice, RemoteCalendar
from sync.tables.unread import CalendarTrouble

from . import doubts, incoming, local, marks, missing, strays
from .context import RunContext
from .paging import KeptPages

log = logging.getLogger("kalends.pull")

JITTER = 0.25
OF_THE_ACCOUNT = (
    AuthExpired,
    NotConfigured,
    RateLimited,
)  # refusals that say nothing of one calendar
SURE, DOUBTED = 2, timedelta(minutes=5)  # looks without it, and how long, before "not found" counts
WHOLE, WHOLE_SPREAD_MINUTES = timedelta(hours=16), 240
ENDLESS_WAIT = timedelta(days=1)


class Reader:
    """Reads the calendars of one account, within one pass over it."""

    def __init__(self, context: RunContext, poll_seconds: float):
        self.context, self.account, self.poll_seconds = context, context.account, poll_seconds
        self._whole: set[int] = set()  # calendars that this pass reads as a whole
        self.pages = KeptPages(context.ends_at)
        context.provider.keep_pages(self.pages)

    def pull_ours(self, destination: RemoteCalendar) -> tuple[Delta, Window]:
        """What changed in our calendar, as `pull` tells it; as a whole where something is in doubt:
        see `doubts`.
        """
        account, at = self.account, scheduling.utc_now()
        agrees = (
            self._agrees(destination)
            if destination.sync_token and doubts.is_night(account, destination, at)
            else None
        )
        doubted_at = doubts.due_since(account, at)
        delta, window = self.pull(
            destination,
            unrolled=False,
            anew=agrees is False or doubted_at is not None,
            after=doubted_at,
        )
        looks = {} if delta.complete else self._look_for_unheard(destination, delta, at)
        if None in looks.values():  # not there, or so it is said: everything tells
            delta, window = self.pull(destination, unrolled=False, anew=True)
        elif looks:
            delta = replace(delta, changed=(*delta.changed, *looks.values()))
        if delta.complete:
            delta = missing.made_sure(self.context, destination, delta)
        with self.context.writing():
            doubts.heard(account, delta)
            if delta.complete:
                doubts.ended(account, delta, at)
            if delta.complete or agrees:
                RemoteCalendar.update(compared_at=at).where(
                    RemoteCalendar.id == destination.id
                ).execute()
        return delta, window

    def _agrees(self, destination: RemoteCalendar) -> bool | None:
        """Whether our calendar holds what the mappings say; None where that cannot be told now."""
        try:
            outline = self.context.provider.outline(
                destination.calendar_id, self.account.clinic.installation
            )
        except (AuthExpired, NotConfigured, RateLimited):
            raise
        except ProviderError as error:
            log.warning("calendar %s not compared: %s", destination.id, error)
            return None
        return not doubts.differs(self.account, outline)

    def _look_for_unheard(
        self, destination: RemoteCalendar, delta: Delta, at: datetime
    ) -> dict[str, RemoteEvent | None]:
        """What stands at the ids that we wrote to and that no reading has told, this one included.
        What cannot be told now waits.
        """
        told = {
            key for seen in delta.changed for key in (seen.remote_id, seen.series_id)
        } | delta.tombstones
        asked = [
            remote_id for remote_id in doubts.unheard(self.account, at) if remote_id not in told
        ]
        try:
            return self.context.provider.look(destination.calendar_id, asked) if asked else {}
        except (AuthExpired, NotConfigured, RateLimited):
            raise
        except ProviderError as error:
            log.warning("calendar %s not asked about what was written: %s", destination.id, error)
            return {}

    def mirror_external(self, destination: RemoteCalendar, delta: Delta) -> bool:
        """Events that people keep in our calendar take their time like any other. Repeats are read
        unrolled, since this pull has them whole.
        False: a person must decide first."""
        held = {
            remote_id
            for (remote_id,) in MappingRow.select(MappingRow.remote_id)
            .where(MappingRow.account == self.account, MappingRow.remote_id != "")
            .tuples()
        }
        external = [
            seen
            for seen in delta.changed
            if not marks.is_ours(seen.mark, self.account) and seen.remote_id not in held
        ]
        repeats = {seen.remote_id for seen in external if seen.is_series}
        if repeats:
            try:
                unrolled = self.context.provider.pull(
                    destination.calendar_id, None, local.reach(self.account)
                )
            except OF_THE_ACCOUNT:
                raise
            except (
                ProviderError
            ) as error:  # bookings go out all the same, and the place in the history waits
                self.note_trouble(destination, error)
                return False
            singles, known = (
                (seen for seen in unrolled.changed if seen.series_id in repeats),
                {one.remote_id for one in delta.unread},
            )
            delta = replace(
                delta,
                changed=(*delta.changed, *singles),
                tombstones=delta.tombstones | repeats,
                unread=(
                    *delta.unread,
                    *(one for one in unrolled.unread if one.remote_id not in known),
                ),
            )
        return (
            self._take_in(destination, delta, held)
            if external or delta.complete or delta.tombstones or delta.unread
            else True
        )

    # ---- calendars that are read ----

    def read_sources(self) -> None:
        """Bring the mirrors of all calendars up to date whose turn it is. Raises OutOfTime."""
        CalendarTrouble.wait(self.account)
        for source in self._due_sources():
            self.context.check_time()
            self._read(source)

    def read_asked(self) -> None:
        """Between two batches of a long filling: the calendars that somebody asked to have read, or
        whose turn has come.
        """
        at = scheduling.utc_now()
        asked = RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at <= at)
        for source in list(
            self.account.calendars.where(
                RemoteCalendar.role == "source", RemoteCalendar.sync_token.is_null(False), asked
            )
        ):
            self._read(source)

    def _due_sources(self) -> list[RemoteCalendar]:
        """Those whose turn it is, or soon will be."""
        soon = scheduling.utc_now() + timedelta(seconds=self.poll_seconds / 2)
        rows = self.account.calendars.where(
            RemoteCalendar.role == "source",
            RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at <= soon),
        )
        return list(rows.order_by(RemoteCalendar.id))

    def _read(self, source: RemoteCalendar) -> None:
        """Bring the mirror of one calendar up to date. One that cannot be read keeps what it
        blocks, and the rest going.
        """
        try:
            delta, window = self.pull(source, unrolled=True)
        except OF_THE_ACCOUNT:
            raise
        except ProviderError as error:
            self._cannot_read(source, error)
            return
        if self._take_in(source, delta):
            self.read_up_to(source, delta.sync_token, window)
        else:
            self.look_later(source)

    def _cannot_read(self, source: RemoteCalendar, error: ProviderError) -> None:
        """Write down why, and look again. That it is gone is believed once several looks and the
        list of calendars say so.
        """
        trouble = self.note_trouble(source, error)
        gone_since = (
            source.gone_since if trouble.reason == "not_found" and trouble.looks > 1 else None
        )
        if (
            trouble.reason == "not_found"
            and gone_since is None
            and trouble.looks > SURE
            and trouble.since <= scheduling.utc_now() - DOUBTED
        ):
            gone_since = None if self._is_listed(source) else trouble.since
        with self.context.writing():
            RemoteCalendar.update(gone_since=gone_since).where(
                RemoteCalendar.id == source.id
            ).execute()
            self._plan_next(source)

    def note_trouble(self, calendar: RemoteCalendar, error: ProviderError) -> CalendarTrouble:
        """Write down why a calendar cannot be read; an endless one is let be for a day."""
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

    def _is_listed(self, source: RemoteCalendar) -> bool:
        """Whether the account's list of calendars still has it; also where the list cannot be
        had.
        """
        try:
            return any(
                calendar.calendar_id == source.calendar_id
                for calendar in self.context.provider.calendars()
            )
        except OF_THE_ACCOUNT:
            raise
        except ProviderError:
            return True

    def _take_in(
        self, calendar: RemoteCalendar, delta: Delta, held: set[str] = frozenset()
    ) -> bool:
        """Mirror a pull, by the rules that hold now, in short transactions. False: a person must
        decide first, or let go of the calendar
        meanwhile."""
        change = incoming.compare(self.account, calendar, delta, held)
        if change.is_sudden:
            with self.context.writing():
                detail = {"count": len(change.gone)}
                Notice.give(
                    self.account,
                    "source_empty",
                    f"empty {calendar.id}",
                    calendar=calendar,
                    detail=detail,
                )
            return False
        for portion in change.portions():
            with self.context.writing():
                now = self._as_it_is(calendar)
                if now is None:
                    return False
                if now.rules == calendar.rules:
                    self.context.note(**portion.store())
                    self.account.show_anew()
            if (
                now.rules != calendar.rules
            ):  # somebody changed them meanwhile: what is left is judged by the new ones
                calendar.rules = now.rules
                return self._take_in(calendar, delta, held)
        if not (
            change.moved or delta.complete or delta.changed or delta.tombstones or delta.unread
        ):
            return True
        near = incoming.doubles(self.account, change.moved)
        with self.context.writing():
            if self._as_it_is(calendar) is None:
                return False
            if calendar.role == "source":
                strays.note(self.account, calendar, delta)
            incoming.tell_doubles(self.account, calendar, near, calendar.read_at is None)
            incoming.remember_unread(calendar, delta)
        return True

    def _as_it_is(self, calendar: RemoteCalendar) -> RemoteCalendar | None:
        """The calendar's row; None where it was stopped, or stopped and begun anew, since this read
        began.
        """
        return RemoteCalendar.get_or_none(*_same(calendar), RemoteCalendar.role == calendar.role)

    # ---- reading ----

    def pull(
        self,
        calendar: RemoteCalendar,
        unrolled: bool,
        anew: bool = False,
        after: datetime | None = None,
    ) -> tuple[Delta, Window]:
        """Changes since last time; everything where there is no last time, the window has moved on,
        the provider has lost the place, or it is
        wanted `anew`: pages that were read up to `after` are then of no use. With the window that
        the place in the history belongs to. Raises OutOfTime at a page; the next slice goes on
        there.
        """
        calendar.account = self.account  # at hand: whoever asks need not read it again
        calendar.due_at = scheduling.utc_now()  # for `_plan_next`; a read that breaks off stays due
        RemoteCalendar.update(due_at=calendar.due_at).where(*_same(calendar)).execute()
        with self.pages.of(calendar, after=after):
            delta, window = self._pull(calendar, unrolled, anew)
        return (self._with_marks(calendar, delta) if unrolled else delta), window

    def _with_marks(self, calendar: RemoteCalendar, delta: Delta) -> Delta:
        """Occurrences of an event of ours that somebody made repeat elsewhere, with its mark: they
        are no external time.
        """
        provider = self.context.provider
        if provider.marks_occurrences or not any(
            seen.series_id and seen.mark is None for seen in delta.changed
        ):
            return delta
        try:
            marked = provider.find_marked(
                calendar.calendar_id, self.account.clinic.installation, is_quick=True
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
                replace(seen, mark=seen.mark or series.get(seen.series_id))
                for seen in delta.changed
            ),
        )

    def _pull(self, calendar: RemoteCalendar, unrolled: bool, anew: bool) -> tuple[Delta, Window]:
        provider, reach = self.context.provider, local.reach(self.account)
        window = local.window(self.account)
        kept = calendar.window_to and replace(
            reach, starts_at=calendar.window_from, ends_at=calendar.window_to
        )
        is_inside = (
            kept
            and kept.ends_at > window.ends_at + timedelta(days=2)
            and kept.starts_at <= window.starts_at
        )
        if (
            not anew
            and calendar.sync_token
            and is_inside
            and not (unrolled and self._is_due_whole(calendar))
        ):
            try:
                over = frozenset() if unrolled else doubts.over(self.account)
                return provider.pull(
                    calendar.calendar_id, calendar.sync_token, kept, unrolled=unrolled, over=over
                ), kept
            except SyncTokenExpired:
                pass
        self._whole.add(calendar.id)
        delta = provider.pull(calendar.calendar_id, None, reach, unrolled=unrolled)
        if unrolled:
            return delta, reach
        marked = provider.find_marked(
            calendar.calendar_id, self.account.clinic.installation
        )  # wherever they lie, so that none is made twice
        told = {seen.remote_id for seen in delta.changed}
        return replace(
            delta,
            changed=(*delta.changed, *(seen for seen in marked if seen.remote_id not in told)),
        ), reach

    def _is_due_whole(self, calendar: RemoteCalendar) -> bool:
        """Whether all of it is to be read again. Increments may lose a change, or say nothing of
        what left the window: so once a day, each
        calendar at a time of its own."""
        interval = WHOLE + timedelta(minutes=calendar.id * 37 % WHOLE_SPREAD_MINUTES)
        return calendar.whole_at is None or calendar.whole_at <= scheduling.utc_now() - interval

    def read_up_to(self, calendar: RemoteCalendar, sync_token: str | None, window: Window) -> None:
        """All that was told is taken in: remember the place."""
        at = scheduling.utc_now()
        columns = {
            "sync_token": sync_token,
            "read_at": at,
            "gone_since": None,
            "may_empty": False,
            "holds_others": False,
            "window_from": window.starts_at,
            "window_to": window.ends_at,
            **({"whole_at": at} if calendar.id in self._whole else {}),
        }
        unchanged = (
            RemoteCalendar.sync_token == calendar.sync_token
            if calendar.sync_token
            else RemoteCalendar.sync_token.is_null()
        )
        with (
            self.context.writing()
        ):  # somebody may have asked meanwhile for everything to be read anew
            RemoteCalendar.update(**columns).where(*_same(calendar), unchanged).execute()
            CalendarTrouble.end(calendar, "calendar")
            self._plan_next(calendar)

    def look_later(self, calendar: RemoteCalendar) -> None:
        """Not all of it is taken in: from the same place in the history, at the next regular
        look.
        """
        self._plan_next(calendar)

    def _plan_next(self, calendar: RemoteCalendar) -> None:
        """Set the next regular look, unless somebody asked for one since this read began: then
        `due_at` is another than `pull` wrote.
        """
        not_asked = *_same(calendar), RemoteCalendar.due_at == calendar.due_at
        RemoteCalendar.update(due_at=self._next_poll()).where(*not_asked).execute()

    def _next_poll(self) -> datetime:
        """The next regular look, spread so that accounts do not all come at once."""
        spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
        return scheduling.utc_now() + timedelta(seconds=self.poll_seconds * spread)


def _same(calendar: RemoteCalendar) -> tuple[Any, ...]:
    """Its row, unless a person turned it on or wanted it read anew since it was loaded."""
    return RemoteCalendar.id == calendar.id, RemoteCalendar.turn == calendar.turn


def reason_of(error: ProviderError) -> str:
    """Why a calendar cannot be read, as `CalendarTrouble` has it."""
    if isinstance(error, Unavailable | Unanswered) and error.reason == "unreadable answer":
        return "unreadable"
    reasons = (
        (Endless, "endless"),
        (Gone, "not_found"),
        ((Forbidden, ScopeMissing), "forbidden"),
        ((Unavailable, Unanswered), "unavailable"),
    )
    return next((reason for kinds, reason in reasons if isinstance(error, kinds)), "refused")
