"""Whether the database answers, for monitoring."""

from peewee import PeeweeException
from playhouse.pool import MaxConnectionsExceeded

import models
from base.database import connect_afresh


def fault() -> str | None:
    """The fault of the database; None while it answers a new connection."""
    try:
        connect_afresh()
        models.database.execute_sql("SELECT 1")
    except (PeeweeException, MaxConnectionsExceeded):
        return "database unusable"
    return None
