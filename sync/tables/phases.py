"""The meaning of an account's phase and health, for all modules that ask."""

from peewee import Expression

PHASES = ("naming", "active", "paused", "leaving", "off")
BEGUN = ("active", "paused")
NOT_BEGUN = ("naming", "off")
HEALTHS = ("ok", "waiting", "reconnect", "operator", "calendar_gone")
PERSONAL = ("reconnect", "calendar_gone")  # healths that the account's own person can end


class Phased:
    """The questions about `Account.phase` and `Account.health`. No query."""

    phase: str
    goal: str
    health: str
    removes: bool
    failures: int

    @classmethod
    def begun(cls) -> Expression:
        """A condition for accounts that are synced, or will be again after a pause."""
        return cls.phase.in_(BEGUN)  # type: ignore[attr-defined, no-any-return]

    @property
    def is_naming(self) -> bool:
        """Whether the account is connected, and its calendar has no name yet."""
        return self.phase == "naming"

    @property
    def is_active(self) -> bool:
        """Whether the account is synced."""
        return self.phase == "active"

    @property
    def is_leaving(self) -> bool:
        """Whether sync is ending: our events are being deleted outside, or left there."""
        return self.phase == "leaving"

    @property
    def is_off(self) -> bool:
        """Whether the account is connected and no longer synced."""
        return self.phase == "off"

    @property
    def has_begun(self) -> bool:
        """Whether the account is synced, or will be again after a pause."""
        return self.phase in BEGUN

    @property
    def is_in_use(self) -> bool:
        """Whether the account is synced, paused, or waits for the name of its calendar."""
        return self.is_naming or self.has_begun

    @property
    def may_begin(self) -> bool:
        """Whether sync may begin: the account is not synced yet, or not any more."""
        return self.phase in NOT_BEGUN

    @property
    def may_leave(self) -> bool:
        """Whether there is a sync to end, even a clean new start that has begun."""
        return self.is_in_use or self.goal == "restart"

    @classmethod
    def removing(cls) -> Expression:
        """A condition for accounts from which our events are being deleted."""
        return (cls.phase == "leaving") & cls.removes  # type: ignore[return-value]

    @property
    def is_removing(self) -> bool:
        """Whether our events are being deleted there, and not merely left."""
        return self.is_leaving and self.removes

    @property
    def is_disconnecting(self) -> bool:
        """Whether the account will be removed once our events are deleted outside."""
        return self.is_leaving and self.goal == "disconnect"

    @property
    def is_stuck_leaving(self) -> bool:
        """Whether our events could not be deleted so far, so that a person may end it."""
        return self.is_removing and self.failures > 0

    @property
    def is_well(self) -> bool:
        """Whether the last run ended without trouble."""
        return self.health == "ok"

    @property
    def needs_access(self) -> bool:
        """Whether the provider refuses access until the person connects again."""
        return self.health == "reconnect"

    @property
    def is_unfinished(self) -> bool:
        """Whether our events stay outside until the person connects again to delete them."""
        return self.is_leaving and self.needs_access

    @property
    def is_usable(self) -> bool:
        """Whether the account can be synced without any act of its person."""
        return self.health not in PERSONAL
