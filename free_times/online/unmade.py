"""A client's press that could not be carried out after they closed the page: the client and the
clinic are told. The client's page shows it too, if it is opened again.
"""

from datetime import datetime

from base.bookings.client_letters import LetterSettings
from base.database import Base
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from models import Booking, Clinic, Practitioner

KIND = "unmade"


def report_unmade(
    clinic: Clinic,
    calendar: Practitioner,
    starts_at: datetime,
    about: Base,
    to: str,
    *,
    pressed_at: datetime | None,
    form_use: str = "",
    stays: Booking | None = None,
) -> None:
    """Note in the clinic's history that a client could not finish a booking online, and write to
    the client. Call it in the transaction that gives the press up.

    `about`: the row of the press. `to`: the client's address ("": none is known). `form_use`: the
    form use of a booking. `stays`: the booking that stays as it was.
    """
    AuditEntry.note(clinic, None, "online.unmade", calendar)
    if not to or LetterSettings.of(clinic).to_clients == "none":
        return
    Letter.write(
        clinic,
        KIND,
        about,
        f"{about._meta.table_name} {pressed_at and pressed_at.timestamp():.0f}",
        to,
        calendar=calendar.id,
        starts=starts_at.isoformat(),
        visitor=form_use,  # the stored name
        stays=stays and stays.id,
    )
