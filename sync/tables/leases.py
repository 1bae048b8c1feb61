"""The lease of an account: only the worker that has it writes the account's rows."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from peewee import Expression

from base import scheduling
from base.database import now

# renewed while its worker lives (`worker.lease`); after a kill the account is free after this time
LEASE_SECONDS = 20


def latest_end(at: datetime) -> datetime:
    """The latest end of a lease acquired up to now, also by a clock that is a little ahead."""
    return at + timedelta(seconds=LEASE_SECONDS) + scheduling.SKEW


class LeaseLost(Exception):
    """Another worker has the lease now, so nothing may be written."""


class Overtaken(Exception):
    """A person changed the account during the run, so the run must begin again with the
    new values.
    """


class Leased:
    """Taking, renewing and ending the lease, by `Account.lease` and `Account.leased_until`."""

    id: Any
    phase: Any
    generation: Any
    lease: Any
    leased_until: Any

    @classmethod
    def is_unleased(cls, at: Any, latest: Any) -> Expression:
        """The condition that nobody has the lease. A lease that ends later than any lasts was taken
        before the clock was set back; its holder, if it lives, finds that it lost it.

        `at`, `latest`: the present and `latest_end` of it, or places for them in a statement.
        """
        is_over = (cls.leased_until <= at) | (cls.leased_until > latest)
        found: Expression = cls.leased_until.is_null() | is_over
        return found

    @classmethod
    def acquire_lease(cls, account_id: int) -> str | None:
        """Acquire the lease; None while another worker has it. The row in the database decides
        that, never Redis.
        """
        table: Any = cls
        holder, at = secrets.token_hex(16), now()
        got = (
            table.update(lease=holder, leased_until=at + timedelta(seconds=LEASE_SECONDS))
            .where(cls.id == account_id, cls.is_unleased(at, latest_end(at)))
            .execute()
        )
        return holder if got else None

    @classmethod
    def renew(cls, account_id: int, holder: str) -> bool:
        """Make the lease last longer. False: another worker has it by now."""
        table: Any = cls
        until = now() + timedelta(seconds=LEASE_SECONDS)
        mine = cls.id == account_id, cls.lease == holder
        return bool(table.update(leased_until=until).where(*mine).execute())

    def keep(self, holder: str) -> None:
        """Renew the lease, as the first statement of every transaction of a run. Raises LeaseLost;
        Overtaken where the account's phase or generation changed since it was loaded.
        """
        table: Any = type(self)
        until = now() + timedelta(seconds=LEASE_SECONDS)
        same = table.phase == self.phase, table.generation == self.generation
        mine = table.id == self.id, table.lease == holder
        if not table.update(leased_until=until).where(*mine, *same).execute():
            raise Overtaken if table.select().where(*mine).exists() else LeaseLost

    @classmethod
    def let_go(cls, account_id: int, holder: str) -> None:
        """End the lease, if this holder still has it."""
        table: Any = cls
        mine = cls.id == account_id, cls.lease == holder
        table.update(lease=None, leased_until=None).where(*mine).execute()
