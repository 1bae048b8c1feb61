"""A computer's clock was ahead for a while: counts, brakes and waits in the tables would last until
the time that it showed. `sync.tables.clocks` does the same for sync.

Each column of an instant is named here, so that a new one is decided about (a test compares).
The sweep notes the present, so a clock that was set back is noticed within seconds.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from base import day_names, scheduling
from base.catalogue import _
from base.database import Base, database
from base.scheduling import SKEW
from base.tables.faulty import FaultyRow
from base.tables.outbox import Letter
from free_times.earlier.entries import EarlierSettings
from free_times.earlier.offering import EarlierOffer
from free_times.online.holds import LASTS, OF_OFFERS, Hold
from free_times.online.made_online import OnlineBooking
from people.credentials import ResetRequest, Throttle
from people.email_addresses import AddressProof
from people.mailed_codes import MailedCode
from people.security import SecurityEvent
from people.sessions import Session
from sync.tables import clocks
from sync.tables.excess import Excess
from sync.tables.pace import Pace, Revocation

from .chore_turns import ChoreTurn

log = logging.getLogger("kalends.clock_ahead")

# Of what has happened. In the future such an instant counts as recent until it comes: nobody is
# mailed a code, no letter goes out, nothing is finished for a visitor.
PAST: dict[type[Base], tuple[str, ...]] = {
    AddressProof: ("created_at",),
    EarlierOffer: ("pressed_at",),
    EarlierSettings: ("looked_at",),
    Hold: ("asked_at",),
    Letter: ("tried_at", "failing_since"),
    MailedCode: ("created_at",),
    OnlineBooking: ("pressed_at",),
    Pace: ("halved_at",),
    ResetRequest: ("created_at",),
    SecurityEvent: ("first_at", "at"),
    Session: ("started_at", "seen_at"),
    Throttle: ("updated_at",),
}
DAY = timedelta(days=1)
# Of the ends of waits, and longer than any of them lasts.
WAITS: dict[type[Base], dict[str, timedelta]] = {
    FaultyRow: {"retry_at": DAY},
    Hold: {"expires_at": 2 * DAY},
    Letter: {"due_at": 2 * DAY, "leased_until": DAY},
    Revocation: {"retry_at": DAY},
    Throttle: {"blocked_until": DAY / 12},
    Excess: {"retry_at": DAY},
}


# Waits that end sooner by as much as the clock was set back, if they are longer than this and the
# condition is met. A reminder waits for a wall time, and an offer lasts until the time that the
# client was told: both stay.
NO_TIME = timedelta()
_WAS_DUE = Letter.due_at <= Letter.created_at + scheduling.number(scheduling.EPOCH + SKEW)
SHORTENED = (
    (FaultyRow.retry_at, NO_TIME, None),
    (Hold.expires_at, LASTS + SKEW, (Hold.origin != OF_OFFERS) & (Hold.sealed == "")),
    (Letter.due_at, NO_TIME, (Letter.tries > 0) | Letter.waits_for_server | _WAS_DUE),
    (Letter.leased_until, NO_TIME, None),
    (Revocation.retry_at, NO_TIME, None),
    (Throttle.blocked_until, NO_TIME, None),
    (Excess.retry_at, NO_TIME, None),
    *((column, NO_TIME, which) for column, which in clocks.SHORTENED),
)
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)  # years before the first version
# in the table of `chore_turns`: the noted instant; when the clock was last set back, and from when
_NOTED, _SET_RIGHT, _FROM = (
    f"operate.clock_ahead.{name}" for name in ("watch", "set_right", "from")
)
_EVERY = timedelta(minutes=1)  # precision of the noted instant
_PAUSE = timedelta(minutes=10)


_COLUMNS = tuple(
    (table, table._meta.fields[name], longest)
    for table, waits in (
        *((table, dict.fromkeys(names, SKEW)) for table, names in PAST.items()),
        *WAITS.items(),
    )
    for name, longest in waits.items()
)


def set_right(at: datetime) -> None:
    """Replace instants that only a clock that was ahead can have written by the instant `at`.
    Brakes that it set end.
    """
    Throttle.update(blocked_until=None).where(Throttle.updated_at > at + SKEW).execute()
    for table, column, longest in _COLUMNS:
        table.update({column: at}).where(column > at + longest).execute()


def wait_until_set(report: Callable[[str], object], pause_seconds: float = 1) -> None:
    """Return once the clock shows a possible year. A computer without a battery begins in 1970, and
    what runs before its time is set would end sessions and offer times of that year. `report` is
    called once with a sentence if it must wait.
    """
    is_told = False
    while (at := scheduling.utc_now()) < EARLIEST:
        if not is_told:
            report(
                _(
                    "The clock says {now}. Waiting until it is set (Debian: systemd-timesyncd).",
                    now=day_names.plain(at),
                )
            )
        is_told = True
        time.sleep(pause_seconds)


def watch() -> None:
    """Note the present once a minute. If it lies before the last noted instant, the clock was set
    back: waits end sooner by as much, and instants in the future are replaced.
    """
    at = scheduling.utc_now()
    noted = _instant(_NOTED)
    ahead = noted - at if noted else None
    if ahead is not None and -_EVERY < ahead <= SKEW:
        return
    with database.atomic():
        if noted and ahead and ahead > SKEW and not _is_of_two_machines(at, ahead):
            log.warning("the clock was set back by %s minutes", ahead // _EVERY)
            _shorten_waits(at, ahead)
            clocks.set_right(at)
            set_right(at)
            ChoreTurn.keep(_SET_RIGHT, at)
            ChoreTurn.keep(_FROM, noted)
        ChoreTurn.keep(_NOTED, at)


def _instant(name: str) -> datetime | None:
    row = ChoreTurn.get_or_none(ChoreTurn.name == name)
    return row.done_at if row else None


def _is_of_two_machines(at: datetime, ahead: timedelta) -> bool:
    """Whether the same was noticed a moment ago: the clocks of two machines differ for good, and
    all waits would be shortened again and again.
    """
    last, since = _instant(_SET_RIGHT), _instant(_FROM)
    if last is None or since is None or not timedelta() <= at - last < _PAUSE:
        return False
    return abs(ahead - (since - last)) <= 2 * _EVERY


def _shorten_waits(at: datetime, ahead: timedelta) -> None:
    by = ahead // timedelta(microseconds=1)
    for column, longest, which in SHORTENED:
        waits = column > at + longest
        shorter = column.model.update({column: column - by})
        shorter.where(waits if which is None else waits & which).execute()
