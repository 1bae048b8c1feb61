"""An appointment as a client's own calendar shows it: neutral, since in a family's calendar the
name of a service would tell too much.
"""

from datetime import datetime
from urllib.parse import urlencode
from uuid import NAMESPACE_URL, UUID, uuid5

from base.catalogue import _


def title(clinic: str) -> str:
    """What the entry is called."""
    return _("Appointment, {clinic}", clinic=clinic)


def uid(booking: UUID) -> str:
    """The entry's UID: another than the booking's own, so that two ways to the calendar of one
    person never write the same entry.
    """
    return str(uuid5(NAMESPACE_URL, f"visitor:{booking}"))


def google_url(name: str, starts_at: datetime, ends_at: datetime, place: str) -> str:
    """An address that opens a new entry in Google Calendar."""
    start, end = (f"{at:%Y%m%dT%H%M%SZ}" for at in (starts_at, ends_at))
    asked = {"action": "TEMPLATE", "text": name, "dates": f"{start}/{end}", "location": place}
    return f"https://calendar.google.com/calendar/render?{urlencode(asked)}"


def outlook_url(name: str, starts_at: datetime, ends_at: datetime, place: str) -> str:
    """An address that opens a new entry in Outlook on the web."""
    start, end = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (starts_at, ends_at))
    asked = {
        "path": "/calendar/action/compose",
        "rru": "addevent",
        "subject": name,
        "startdt": start,
        "enddt": end,
        "location": place,
    }
    return f"https://outlook.live.com/calendar/0/deeplink/compose?{urlencode(asked)}"
