"""The rules for online booking that services and practitioners have of their own.

None in a column means the clinic's rule (`free_times.rules` joins all of them).
"""

from typing import Any

from peewee import BooleanField, CharField, IntegerField

from base.database import Base, transition

from .audit import AuditEntry

# The client's choice: a person or anyone, always a person, or none (anyone who is free).
CHOICES = ("either", "person", "anyone")
# Whether the clinic confirms each booking: as its settings say, always, or never.
APPROVALS = ("clinic", "always", "never")


class OnlineService(Base):
    """A service's rules for online bookings."""

    online_choice = CharField(10, default="either")  # one of CHOICES
    online_approval = CharField(10, default="clinic")  # one of APPROVALS
    online_notice_hours = IntegerField(null=True)  # from now to the start, at least
    online_horizon_days = IntegerField(null=True)  # from now to the start, at most


class OnlineCalendar(Base):
    """A practitioner's rules for online bookings at a venue."""

    clinic: Any
    takes_online = BooleanField(default=True)
    takes_new_online = BooleanField(default=True)  # clients who have no booking here yet
    online_most = IntegerField(null=True)  # online bookings that begin on one day of the venue

    @transition
    def set_online(
        self,
        actor: Base | None,
        *,
        takes_online: bool,
        takes_new_online: bool,
        online_most: int | None,
    ) -> None:
        """Change which online bookings the practitioner accepts here."""
        columns = {
            "takes_online": takes_online,
            "takes_new_online": takes_new_online,
            "online_most": online_most,
        }
        changed = [name for name, value in columns.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, columns[name])
        if changed:
            self.save(only=changed)
            AuditEntry.note(self.clinic, actor, "practitioner.online", self, fields=changed)
