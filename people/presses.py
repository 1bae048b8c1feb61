"""Making one row although a button was pressed twice because the first answer was lost."""

from collections.abc import Callable
from typing import Any, TypeVar

from base import scheduling
from base.database import Base, alone
from base.tables.audit import SAME_PRESS, AuditEntry
from base.tables.time_off import DatedHours
from models import Clinic, Feed, Patient, Service, User, Venue

_MADE = ("added", "generated", "invited")  # the last part of the action in the history
_GONE = ("archived", "merged_into_id", "revoked_at", "left_at")
_MADE_BY_US = "internal_id"  # set by the program if nothing was typed

Added = TypeVar("Added", Patient, Service, Venue, User, Feed, DatedHours)


def once(
    kind: type[Added],
    clinic: Clinic,
    actor: User,
    values: dict[str, Any],
    make: Callable[[], Added],
) -> tuple[Added, bool]:
    """Two values: the row that `make()` makes of the values, and True. If this person made a row
    with the same values within the last minute: that row, and False. Raises what `make` raises.
    """
    table = kind._meta.table_name
    with alone(clinic):
        at = scheduling.utc_now()
        made = AuditEntry.select(AuditEntry.subject).where(
            AuditEntry.clinic == clinic,
            AuditEntry.at.between(at - SAME_PRESS, at + scheduling.SKEW),
            AuditEntry.user == actor,
            AuditEntry.kind == table,
            AuditEntry.action.in_([f"{table}.{word}" for word in _MADE]),
        )
        for row in kind.select().where(kind.id.in_(made)).order_by(kind.id):
            if _is_alike(row, values):
                return row, False
        return make(), True


def _is_alike(row: Base, values: dict[str, Any]) -> bool:
    """Whether the row still exists with these values. An empty value equals a missing one."""
    if any(getattr(row, name, None) for name in _GONE):
        return False
    return all(
        getattr(row, name) == value if value else name == _MADE_BY_US or not getattr(row, name)
        for name, value in values.items()
    )
