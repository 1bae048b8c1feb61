"""The letter about a client's press that could not be carried out after they had closed the
page.
"""

from datetime import datetime

from flask import current_app

from base import region, scheduling
from base.bookings.client_letters import LetterSettings
from base.tables.outbox import Letter
from free_times.online import made_online
from free_times.online.made_online import made_of
from free_times.rules import OnlineSettings
from sync.events import visit

from . import loading, to_clients, visits
from .mail_text import Text, one_line


def unmade(letter: Letter) -> Text | None:
    """The letter about the press. None if the client has booked with the same form use since, or
    the time is over.
    """
    detail, clinic = letter.detail, letter.clinic
    starts_at = datetime.fromisoformat(detail["starts"])
    calendar = loading.calendar(clinic.id, detail["calendar"])
    has_booked = detail["visitor"] and made_online.made_by_form_use(detail["visitor"])
    if calendar is None or has_booked or starts_at <= scheduling.utc_now():
        return None
    stays = loading.booking(letter, detail["stays"]) if detail["stays"] else None
    waits = stays is not None and stays.status == "pending" and stays.starts_at == starts_at
    if stays is not None and not waits and (stays.starts_at == starts_at or not stays.is_busy):
        return None
    settings, online = LetterSettings.of(clinic), OnlineSettings.of(clinic)
    zone = calendar.zone
    facts = {
        "clinic": one_line(clinic.name),
        "when": f"{visits.day(starts_at, zone)}, {region.clock_in(starts_at, zone)}",
        "waits": waits,
        "now": visits.moment(stays.starts_at, stays) if stays else "",
        "url": to_clients.manage_url(stays, made_of(stays))
        if stays
        else to_clients.again_url(clinic, online),
        "phone": one_line(online.phone),
    }
    return Text(
        letter.to,
        visit.title(one_line(clinic.name)),
        current_app.jinja_env.get_template("mail/unmade.txt").render(**facts),
        sender=one_line(clinic.name),
        reply_to=settings.reply_to,
    )
