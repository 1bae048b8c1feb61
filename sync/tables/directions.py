"""The direction of an account, and whether it hides sensitive information."""

from peewee import BooleanField, CharField, Check

from base.database import Base

DIRECTIONS = ("both", "out", "in")


def sends(direction: str) -> bool:
    """Whether bookings and time off are sent with this direction."""
    return direction != "in"


def reads(direction: str) -> bool:
    """Whether busy times are read with this direction."""
    return direction != "out"


class Directed(Base):
    """`direction`: "both", "out" (only bookings are sent) or "in" (only busy times are read).
    `hide_sensitive`: only "Busy" is sent.
    """

    direction = CharField(10, default="both", constraints=[Check(f"direction IN {DIRECTIONS}")])
    hide_sensitive = BooleanField(default=False)

    @property
    def sends(self) -> bool:
        """Whether bookings and time off are sent."""
        return sends(self.direction)

    @property
    def reads(self) -> bool:
        """Whether busy times are read."""
        return reads(self.direction)
