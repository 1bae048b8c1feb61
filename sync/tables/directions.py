"""The direction of an account, and whether it hides sensitive information."""

from peewee import BooleanField, CharField, Check

from base.database import Base

DIRECTIONS = ("both", "out", "in")


class Directed(Base):
    """`direction`: "both", "out" (only bookings are sent) or "in" (only busy times are read).
    `hide_sensitive`: only "Busy" is sent.
    """

    direction = CharField(10, default="both", constraints=[Check(f"direction IN {DIRECTIONS}")])
    hide_sensitive = BooleanField(default=False)

    @property
    def sends(self) -> bool:
        """Whether bookings and time off are sent."""
        return self.direction != "in"

    @property
    def reads(self) -> bool:
        """Whether busy times are read."""
        return self.direction != "out"
