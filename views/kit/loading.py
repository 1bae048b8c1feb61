"""The loader of any row of the clinic by its number. Only `access` and `sync_access` call it, from
functions whose names say the right.
"""

from typing import Any, TypeVar

from flask import abort
from flask_login import current_user

from base.database import Base

Row = TypeVar("Row", bound=Base)


def row(table: type[Row], row_id: int, *columns: Any) -> Row:
    """The row of this clinic with this id, or 404. With `columns` only these are read."""
    of_clinic: Any = table  # each of these tables has a clinic
    found: Row | None = (
        of_clinic.select(*columns)
        .where(table.id == row_id, of_clinic.clinic == current_user.clinic)
        .get_or_none()
        if row_id < 2**31
        else None
    )
    return found or abort(404)


def for_managers(table: type[Row], row_id: int, *columns: Any) -> Row:
    """The row of this clinic with this id, or 404; 403 for anybody but managers."""
    return row(table, row_id, *columns) if current_user.is_manager else abort(403)


def of_person(found: Row, user_id: int) -> Row:
    """The row, if it belongs to the signed-in person; 404 for everyone else."""
    return found if user_id == current_user.id else abort(404)
