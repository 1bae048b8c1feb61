"""Long reads in slices: the pages of a read that ends with its time slice are kept, and the next
slice continues after them.
"""

import hashlib
import json
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from base import jobs, scheduling, vault
from sync.providers.errors import RateLimited, Unanswered, Unavailable
from sync.tables.accounts import RemoteCalendar
from sync.tables.pace import KEPT_PAGES, LONGEST_READ, ReadPage

from .context import OutOfTime, RunContext

CUT_SHORT = (OutOfTime, RateLimited, Unanswered, jobs.JobTooLong)


class KeptPages:
    """See `providers.base.Pages`. The context says when this slice ends."""

    def __init__(self, context: RunContext):
        self._context, self._ends_at = context, context.ends_at
        self._calendar: RemoteCalendar | None = None
        self._known: dict[str, str] = {}
        self._fresh: dict[str, dict[str, Any]] = {}
        self._read_at: dict[str, datetime] = {}
        self._purpose = ""

    @contextmanager
    def of(
        self,
        calendar: RemoteCalendar,
        purpose: str = "",
        after: datetime | None = None,
        stays: bool = False,
    ) -> Iterator[None]:
        """Keep pages during one read of a calendar. Pages are kept, sealed, if the read is cut
        short, and deleted when it is complete or refused for good. Pages that were not read
        `after` an instant are not used. `stays`: one that was cut short is kept when it is
        complete, too, until `forget`.
        """
        self._purpose = purpose
        rows = list(ReadPage.select().where(*self._mine(calendar)))
        is_stale = self._are_old(rows) or any(after and row.read_at <= after for row in rows)
        self._calendar = calendar
        self._known = {} if is_stale else {row.place: row.sealed for row in rows}
        self._fresh = {}
        self._read_at = {}
        try:
            yield
        except Exception as error:
            is_cut_short = isinstance(error, CUT_SHORT) or (
                isinstance(error, Unavailable) and error.status >= 500
            )
            if is_stale or not is_cut_short:
                self._forget(calendar)
            if is_cut_short:
                self._store()
            raise
        else:
            if rows and stays and not is_stale:
                self._store()
            elif rows:
                self._forget(calendar)
        finally:
            self._calendar = None

    def _are_old(self, rows: list[ReadPage]) -> bool:
        """Whether the read began too long ago, or nobody continued it. Waiting as long as the
        provider asked for counts as continuing.
        """
        if not rows:
            return False
        at, read_at = scheduling.utc_now(), [row.read_at for row in rows]
        went_on_at = max(read_at)
        if waited := self._context.account.wait_until:
            went_on_at = max(went_on_at, waited)
        return bool(min(read_at) < at - LONGEST_READ or went_on_at < at - KEPT_PAGES)

    def _store(self) -> None:
        if self._read_at:
            self._context.read_on(min(self._read_at.values()))
        for place, page in self._fresh.items():
            row = {
                "calendar": self._calendar,
                "place": place,
                "purpose": self._purpose,
                "sealed": _sealed(page),
                "read_at": self._read_at[place],
            }
            ReadPage.insert(**row).on_conflict_ignore().execute()

    def was_kept(self, calendar: RemoteCalendar, purpose: str) -> bool:
        """Whether pages of an unfinished read are kept."""
        mine = ReadPage.calendar == calendar, ReadPage.purpose == purpose
        return ReadPage.select().where(*mine).exists()

    def forget(self, calendar: RemoteCalendar, purposes: Iterable[str]) -> None:
        """Delete the kept pages of reads."""
        mine = ReadPage.calendar == calendar, ReadPage.purpose.in_(list(purposes))
        ReadPage.delete().where(*mine).execute()

    def _forget(self, calendar: RemoteCalendar) -> None:
        ReadPage.delete().where(*self._mine(calendar)).execute()

    def _mine(self, calendar: RemoteCalendar) -> tuple[Any, ...]:
        return ReadPage.calendar == calendar, ReadPage.purpose == self._purpose

    def kept(self, address: str) -> dict[str, Any] | None:
        """The page kept under this address; None: read it."""
        if self._calendar is None:
            return None
        place = self._place(self._calendar, address)
        sealed = self._known.get(place)
        try:
            return self._fresh.get(place) or (_opened(sealed) if sealed else None)
        except vault.CannotOpen:
            return None

    def keep(self, address: str, page: dict[str, Any], goes_on: bool) -> None:
        """Keep a page. Raises OutOfTime after it, once the slice is over."""
        place = self._place(self._calendar, address) if self._calendar else ""
        if not place or place in self._known:
            return
        self._fresh[place], self._read_at[place] = page, scheduling.utc_now()
        if goes_on and self._ends_at and time.monotonic() > self._ends_at:
            raise OutOfTime

    def _place(self, calendar: RemoteCalendar, address: str) -> str:
        """The key of a page. It changes with a fresh start of the account, and when a person asks
        to read the calendar again.
        """
        since = f"{calendar.account.generation} {calendar.turn} {self._purpose}"
        return hashlib.sha256(f"{since} {calendar.calendar_id} {address}".encode()).hexdigest()


def _sealed(page: dict[str, Any]) -> str:
    return vault.seal(b64encode(zlib.compress(json.dumps(page).encode())).decode())


def _opened(sealed: str) -> dict[str, Any]:
    return dict(json.loads(zlib.decompress(b64decode(vault.unseal(sealed)))))
