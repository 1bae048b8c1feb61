"""Reading calendars outside: pulls, the mirror of what is foreign, and the place in each calendar's history up to which all is taken in."""

import logging
import random
from dataclasses import replace
from datetime import datetime, timedelta

import scheduling
from accounts import Account, Link, RemoteCalendar

from . import doubts, incoming, local, marks, strays
from .errand import Errand
from .event import Delta, RemoteEvent, Window
from .providers.base import AuthExpired, NotConfigured, ProviderError, RateLimited, SyncTokenExpired

log = logging.getLogger("kalends.pull")

JITTER = 0.25


class Reader:
    """Reads the calendars of one account, within one pass over it."""

    def __init__(self, errand: Errand, poll_seconds: float):
        self.errand, self.account, self.poll_seconds = errand, errand.account, poll_seconds

    def pull_ours(self, destination: RemoteCalendar) -> tuple[Delta, Window]:
        """What changed in our calendar, as `pull` tells it; as a whole where something is in doubt: see `doubts`."""
        account, at = self.account, scheduling.utc_now()
        agrees = self._agrees(destination) if destination.sync_token and doubts.is_night(account, destination, at) else None
        delta, window = self.pull(destination, unrolled=False, anew=agrees is False or doubts.is_due(account, at))
        looks = {} if delta.complete else self._look_for_unheard(destination, delta, at)
        if None in looks.values():  # not there, or so it is said: everything tells
            delta, window = self.pull(destination, unrolled=False, anew=True)
        elif looks:
            delta = replace(delta, changed=(*delta.changed, *looks.values()))
        with self.errand.writing():
            doubts.heard(account, delta)
            if delta.complete:
                delta = doubts.ended(account, delta, at)
            if delta.complete or agrees:
                RemoteCalendar.update(compared_at=at).where(RemoteCalendar.id == destination.id).execute()
        return delta, window

    def _agrees(self, destination: RemoteCalendar) -> bool | None:
        """Whether our calendar holds what the links say; None where that cannot be told now."""
        try:
            outline = self.errand.provider.outline(destination.calendar_id, self.account.clinic.installation)
        except (AuthExpired, NotConfigured, RateLimited):
            raise
        except ProviderError as error:
            log.warning("calendar %s not compared: %s", destination.id, error)
            return None
        return not doubts.differs(self.account, outline)

    def _look_for_unheard(self, destination: RemoteCalendar, delta: Delta, at: datetime) -> dict[str, RemoteEvent | None]:
        """What stands at the ids that we wrote to and that no reading has told, this one included. What cannot be told now waits."""
        told = {key for seen in delta.changed for key in (seen.remote_id, seen.series_id)} | delta.tombstones
        asked = [remote_id for remote_id in doubts.unheard(self.account, at) if remote_id not in told]
        try:
            return self.errand.provider.look(destination.calendar_id, asked) if asked else {}
        except (AuthExpired, NotConfigured, RateLimited):
            raise
        except ProviderError as error:
            log.warning("calendar %s not asked about what was written: %s", destination.id, error)
            return {}

    def mirror_foreign(self, destination: RemoteCalendar, delta: Delta) -> bool:
        """Events that people keep in our calendar take their time like any other. Repeats are read unrolled, since this pull has them whole.
        False: a person must decide first."""
        held = {remote_id for (remote_id,) in Link.select(Link.remote_id).where(Link.account == self.account, Link.remote_id != "").tuples()}
        foreign = [seen for seen in delta.changed if not marks.is_ours(seen.mark, self.account) and seen.remote_id not in held]
        repeats = {seen.remote_id for seen in foreign if seen.is_series}
        if repeats:
            unrolled = self.errand.provider.pull(destination.calendar_id, None, local.reach(self.account)).changed
            singles = tuple(seen for seen in unrolled if seen.series_id in repeats)
            delta = replace(delta, changed=(*delta.changed, *singles), tombstones=delta.tombstones | repeats)
        return self._take_in(destination, delta, held) if foreign or delta.complete or delta.tombstones else True

    # ---- calendars that are read ----

    def read_sources(self) -> None:
        """Bring the mirrors of all calendars up to date whose turn it is. Raises OutOfTime."""
        for source in self._due_sources():
            self.errand.check_time()
            self._read(source)

    def read_asked(self) -> None:
        """Between two batches of a long filling: the calendars that somebody asked to have read, or whose turn has come."""
        at = scheduling.utc_now()
        asked = RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at <= at)
        for source in list(self.account.calendars.where(RemoteCalendar.role == "source", RemoteCalendar.sync_token.is_null(False), asked)):
            self._read(source)

    def _due_sources(self) -> list[RemoteCalendar]:
        """Those whose turn it is, or soon will be."""
        soon = scheduling.utc_now() + timedelta(seconds=self.poll_seconds / 2)
        rows = self.account.calendars.where(RemoteCalendar.role == "source", RemoteCalendar.due_at.is_null() | (RemoteCalendar.due_at <= soon))
        return list(rows.order_by(RemoteCalendar.id))

    def _read(self, source: RemoteCalendar) -> None:
        """Bring the mirror of one calendar up to date. One that is gone, or closed to us, keeps the rest going."""
        try:
            delta, window = self.pull(source, unrolled=True)
        except (AuthExpired, NotConfigured, RateLimited):
            raise
        except ProviderError as error:
            log.warning("calendar %s cannot be read: %s", source.id, error)
            since = source.gone_since or scheduling.utc_now()
            RemoteCalendar.update(gone_since=since).where(RemoteCalendar.id == source.id).execute()
            self._plan_next(source)
            return
        if self._take_in(source, delta):
            self.read_up_to(source, delta.sync_token, window)
        else:
            self.look_later(source)

    def _take_in(self, calendar: RemoteCalendar, delta: Delta, held: set[str] = frozenset()) -> bool:
        """Mirror a pull, by the rules that hold now. False: a person must decide first, or let go of the calendar meanwhile."""
        with self.errand.writing():
            now = RemoteCalendar.get_or_none(RemoteCalendar.id == calendar.id, RemoteCalendar.role == calendar.role)
            mirrored = now and incoming.mirror(self.account, now, delta, held)
            if mirrored is None or mirrored.is_held:
                return False
            if +mirrored.counts:
                self.errand.note(**mirrored.counts)
                Account.update(imported_at=scheduling.utc_now()).where(Account.id == self.account.id).execute()
            if now.role == "source":
                strays.note(self.account, now, delta)
            incoming.look_for_doubles(self.account, calendar, mirrored.moved, calendar.read_at is None)
        return True

    # ---- reading ----

    def pull(self, calendar: RemoteCalendar, unrolled: bool, anew: bool = False) -> tuple[Delta, Window]:
        """Changes since last time; everything where there is no last time, the window has moved on, the provider has lost the place, or it is
        wanted `anew`. With the window that the place in the history belongs to."""
        calendar.due_at = scheduling.utc_now()  # for `_plan_next`; a read that breaks off stays due
        RemoteCalendar.update(due_at=calendar.due_at).where(RemoteCalendar.id == calendar.id).execute()
        provider, reach = self.errand.provider, local.reach(self.account)
        window = local.window(self.account)
        kept = calendar.window_to and replace(reach, starts_at=calendar.window_from, ends_at=calendar.window_to)
        if not anew and calendar.sync_token and kept and kept.ends_at > window.ends_at + timedelta(days=2) and kept.starts_at <= window.starts_at:
            try:
                over = frozenset() if unrolled else doubts.over(self.account)
                return provider.pull(calendar.calendar_id, calendar.sync_token, kept, unrolled=unrolled, over=over), kept
            except SyncTokenExpired:
                pass
        delta = provider.pull(calendar.calendar_id, None, reach, unrolled=unrolled)
        if unrolled:
            return delta, reach
        marked = provider.find_marked(calendar.calendar_id, self.account.clinic.installation)  # wherever they lie, so that none is made twice
        told = {seen.remote_id for seen in delta.changed}
        return replace(delta, changed=(*delta.changed, *(seen for seen in marked if seen.remote_id not in told))), reach

    def read_up_to(self, calendar: RemoteCalendar, sync_token: str | None, window: Window) -> None:
        """All that was told is taken in: remember the place."""
        columns = {"sync_token": sync_token, "read_at": scheduling.utc_now(), "gone_since": None, "may_empty": False,
                   "window_from": window.starts_at, "window_to": window.ends_at}
        unchanged = RemoteCalendar.sync_token == calendar.sync_token if calendar.sync_token else RemoteCalendar.sync_token.is_null()
        with self.errand.writing():  # somebody may have asked meanwhile for everything to be read anew
            RemoteCalendar.update(**columns).where(RemoteCalendar.id == calendar.id, unchanged).execute()
            self._plan_next(calendar)

    def look_later(self, calendar: RemoteCalendar) -> None:
        """Not all of it is taken in: from the same place in the history, at the next regular look."""
        self._plan_next(calendar)

    def _plan_next(self, calendar: RemoteCalendar) -> None:
        """Set the next regular look, unless somebody asked for one since this read began: then `due_at` is another than `pull` wrote."""
        not_asked = RemoteCalendar.id == calendar.id, RemoteCalendar.due_at == calendar.due_at
        RemoteCalendar.update(due_at=self._next_poll()).where(*not_asked).execute()

    def _next_poll(self) -> datetime:
        """The next regular look, spread so that accounts do not all come at once."""
        return scheduling.utc_now() + timedelta(seconds=self.poll_seconds * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 (no secret)
