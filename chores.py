"""What is done again and again: find due work that no nudge is on the way for, and throw away what has had its time.

It stands above everything that has due work, and below the web; `processes.tick` enqueues it.
"""

from datetime import timedelta

import scheduling
from models import Import, OneTimeLink, Throttle, database


@database.atomic()
def clean_up() -> None:
    """Remove dead one-time links and forgotten failures, and the text of files that came in over a week ago. The audit stays."""
    now = scheduling.utc_now()
    OneTimeLink.delete().where(OneTimeLink.expires_at <= now).execute()
    Throttle.delete().where(Throttle.updated_at < now - timedelta(days=1)).execute()
    Import.update(content="").where(Import.created_at < now - timedelta(days=7), Import.content != "").execute()


PERIODIC = ((clean_up, 3600),)  # function, seconds between two runs
