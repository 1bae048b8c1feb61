"""An appointment in a client's own calendar. Its text is neutral unless the clinic chose otherwise:
the name of a service could reveal too much in a family's calendar.
"""

from datetime import date, datetime
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, UUID, uuid5

from base.catalogue import _


def title(clinic: str, service: str = "") -> str:
    """The title of the entry. `service`: only if the clinic lets e-mails and entries name it."""
    if service:
        return _("{service}, {clinic}", service=service, clinic=clinic)
    return _("Appointment, {clinic}", clinic=clinic)


def uid(booking: UUID) -> str:
    """The entry's UID. It differs from the booking's own, so that the two entries that one person
    may get never overwrite each other.
    """
    return str(uuid5(NAMESPACE_URL, f"visitor:{booking}"))


def google_url(
    name: str,
    starts_at: datetime,
    ends_at: datetime,
    place: str,
    days: tuple[date, date] | None = None,
) -> str:
    """An address that opens a new entry in Google Calendar. `days`: the first whole day, and the
    one after the last.
    """
    if days:
        start, end = (f"{day:%Y%m%d}" for day in days)
    else:
        start, end = (f"{at:%Y%m%dT%H%M%SZ}" for at in (starts_at, ends_at))
    asked = {"action": "TEMPLATE", "text": name, "dates": f"{start}/{end}", "location": place}
    return f"https://calendar.google.com/calendar/render?{urlencode(asked)}"


def outlook_url(
    name: str,
    starts_at: datetime,
    ends_at: datetime,
    place: str,
    days: tuple[date, date] | None = None,
) -> str:
    """An address that opens a new entry in Outlook on the web. `days` as for Google."""
    if days:
        start, end = (f"{day:%Y-%m-%d}" for day in days)
    else:
        start, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (starts_at, ends_at))
    asked = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": name,
        "startdt": start,
        "enddt": end,
        "location": place,
        **({"allday": "true"} if days else {}),
    }
    return f"https://outlook.live.com/calendar/0/deeplink/compose?{urlencode(asked)}"
