"""A computer's clock was ahead for a while: counts, brakes and waits in the tables would last until
the time that it showed. `sync.tables.clocks` does the same for sync.

Each column of an instant is named here, so that a new one is decided about (a test compares).
"""

from datetime import datetime, timedelta

from base.database import Base
from base.scheduling import SKEW
from base.tables.faulty import FaultyRow
from base.tables.outbox import Letter
from free_times.earlier.entries import EarlierSettings
from free_times.earlier.offering import EarlierOffer
from free_times.online.holds import Hold
from free_times.online.made_online import OnlineBooking
from people.credentials import ResetRequest, Throttle
from people.email_addresses import AddressProof
from people.mailed_codes import MailedCode
from people.security import SecurityEvent
from people.sessions import Session
from sync.tables.excess import Excess
from sync.tables.pace import Pace, Revocation

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


_COLUMNS = tuple(
    (table, table._meta.fields[name], longest)
    for table, waits in (
        *((table, dict.fromkeys(names, SKEW)) for table, names in PAST.items()),
        *WAITS.items(),
    )
    for name, longest in waits.items()
)


def set_right(at: datetime) -> None:
    """Replace instants that only a clock that was ahead can have written by the instant `at`."""
    for table, column, longest in _COLUMNS:
        table.update({column: at}).where(column > at + longest).execute()
