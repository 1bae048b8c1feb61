"""The e-mails that clients of a clinic get: letters and their parts, read by other parsers than
ours.
"""

from datetime import timedelta
from types import SimpleNamespace

import icalendar
import vobject

from base.scheduling import Span
from free_times.online.team_letters import TeamLetters
from models import Booking


def team_is_told_nothing(linden):
    """The people of the clinic have switched off what they are told."""
    for person in (linden.pat, linden.olive):
        TeamLetters.choose(person, own=False, asked=False)


def parts(letter) -> SimpleNamespace:
    """The parts of a letter, whose shape is as calendars expect it."""
    assert letter.get_content_type() == "multipart/mixed"
    body, file = letter.iter_parts()
    assert body.get_content_type() == "multipart/alternative"
    plain, html, calendar = body.iter_parts()
    assert [one.get_content_type() for one in (plain, html, calendar, file)] == [
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    assert calendar["Content-Transfer-Encoding"] == file["Content-Transfer-Encoding"] == "base64"
    assert calendar.get_param("charset") == "utf-8"
    raw = calendar.get_payload(decode=True)
    assert raw == file.get_payload(decode=True)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    return SimpleNamespace(
        text=plain.get_content(),
        html=html.get_content(),
        ics=raw,
        method=calendar.get_param("method"),
        entry=icalendar.Calendar.from_ical(raw),
        by_other=vobject.readOne(raw.decode()),
    )


def ends(letter) -> SimpleNamespace:
    """A letter about several appointments that are over: a cancellation of each, as a file."""
    assert letter.get_content_type() == "multipart/mixed"
    body, *files = letter.iter_parts()
    plain, html = body.iter_parts()
    assert {
        (
            one.get_content_type(),
            one["Content-Disposition"].content_disposition,
            one.get_param("method"),
            one["Content-Transfer-Encoding"],
        )
        for one in files
    } == {("text/calendar", "attachment", "CANCEL", "base64")}
    assert len({one.get_filename() for one in files}) == len(files)
    raw = [one.get_payload(decode=True) for one in files]
    return SimpleNamespace(
        text=plain.get_content(),
        html=html.get_content(),
        entries=[icalendar.Calendar.from_ical(one) for one in raw],
        by_others=[vobject.readOne(one.decode()) for one in raw],
    )


def event(letter):
    """The one entry of a letter, as two parsers agree that it is."""
    found = parts(letter)
    (entry,) = found.entry.walk("VEVENT")
    assert found.method == found.entry["METHOD"] == found.by_other.method.value
    assert str(entry["UID"]) == found.by_other.vevent.uid.value
    assert entry["DTSTART"].dt == found.by_other.vevent.dtstart.value
    return found, entry


def booked(linden, clock, days=7, count=1, **fields):
    """Made by the team."""
    starts = [clock.now + timedelta(days=days + 7 * n) for n in range(count)]
    spans = [Span(at, at + timedelta(minutes=50)) for at in starts]
    fields = {"patient": linden.patient, "service": linden.service, **fields}
    return Booking.book(linden.calendar, spans, linden.olive, **fields)[0]
