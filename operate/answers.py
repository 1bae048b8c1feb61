"""Whether the database answers, for monitoring."""

from peewee import PeeweeException
from playhouse.pool import MaxConnectionsExceeded

import models
from base.database import connect_afresh
from base.database_faults import trouble


def fault() -> str | None:
    """The fault of the database; None while it answers a new connection."""
    try:
        connect_afresh()
        models.database.execute_sql("SELECT 1")
    except (PeeweeException, MaxConnectionsExceeded) as error:
        return f"database {'is behind' if trouble(error) == 'behind' else 'unusable'}"
    return None
