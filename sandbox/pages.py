"""The page on which to play the outside user of Google: an agenda of one account."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import render_template, request

from . import board, events, listing
from .board import DAYS_SHOWN, back
from .calendars import ROLES
from .current import google
from .errors import Refused
from .times import begins

routes = board.routes_for(google, "Google", "/sandbox")


@routes.errorhandler(Refused)
def explain(refusal: Refused):
    return render_template(
        "refused.html", error=refusal.reason, why=refusal.message
    ), refusal.status


@routes.get("/accounts/<email>")
def agenda(email: str):
    user = google.user(email)
    first = board.first_day(google, user.calendar()["timeZone"])
    with google.store.lock:
        days = _days(user, first)
    writable = [each for each in user.calendars.values() if _may_write(each, email)]
    return render_template(
        "agenda.html",
        account=google.store.accounts[email],
        calendars=user.calendars,
        writable=writable,
        days=days,
        first=first,
        step=timedelta(days=DAYS_SHOWN),
        clients=board.applications(google, email),
        zone=user.calendar()["timeZone"],
    )


@routes.post("/accounts/<email>/events")
def add(email: str):
    form, fields = request.form, {}
    start, end = form.get("start", ""), form.get("end", "")
    if form.get("all_day"):
        start, end = start[:10], (date.fromisoformat(end[:10]) + timedelta(days=1)).isoformat()
    if form.get("repeat"):
        fields["recurrence"] = [f"RRULE:FREQ={form['repeat']}"]
    if form.get("free"):
        fields["transparency"] = "transparent"
    google.user(email).add(
        form.get("summary") or "(no title)", start, end, form["calendar"], **fields
    )
    return back(email, start[:10])


@routes.post("/accounts/<email>/calendars/<calendar>/events/<event>")
def change(email: str, calendar: str, event: str):
    form, user = request.form, google.user(email)
    if form["do"] == "delete":
        user.delete(event, calendar)
    elif form["do"] in ("busy", "free"):
        user.show_busy(event, form["do"] == "busy", calendar)
    else:
        user.change(event, calendar, summary=form["summary"], start=form["start"], end=form["end"])
    return back(email, form["from"])


@routes.post("/accounts/<email>/calendars")
def add_calendar(email: str):
    google.user(email).add_calendar(request.form.get("summary") or "New calendar")
    return back(email)


@routes.post("/accounts/<email>/calendars/<calendar>/deletion")
def delete_calendar(email: str, calendar: str):
    google.user(email).delete_calendar(calendar)
    return back(email)


def _may_write(calendar: dict, email: str) -> bool:
    return ROLES.index(calendar["roles"][email]) >= ROLES.index("writer")


def _days(user, first: date) -> list[tuple[date, list[dict]]]:
    """The days that have events, each with its lines in order."""
    zone = ZoneInfo(user.calendar()["timeZone"])
    low = datetime.combine(first, datetime.min.time(), zone)
    lines = []
    for calendar in user.calendars.values():
        for event in listing.singles(google, calendar, low + timedelta(days=DAYS_SHOWN)):
            start, end = (
                begins(event[side], calendar["timeZone"]).astimezone(zone)
                for side in ("start", "end")
            )
            if (
                event["status"] != "cancelled"
                and start < low + timedelta(days=DAYS_SHOWN)
                and end > low
            ):
                lines.append(_line(user, calendar, event, start, end))
    return board.by_day(lines, first)


def _line(user, calendar: dict, event: dict, start: datetime, end: datetime) -> dict:
    role = calendar["roles"][user.email]
    client = google.store.clients.get(event["_client"])
    return {
        "id": event["id"],
        "calendar": calendar,
        "start": start,
        "end": end,
        "all_day": "date" in event["start"],
        "title": "Busy" if role == "freeBusyReader" else event.get("summary", "(no title)"),
        "description": event.get("description", ""),
        "busy": events.blocks_time(event),
        "tentative": event["status"] == "tentative",
        "repeats": "recurringEventId" in event,
        "by": client and client["name"],
        "may_write": _may_write(calendar, user.email),
        "raw_start": _field(event["start"]),
        "raw_end": _field(event["end"]),
    }


def _field(time: dict) -> str:
    """The value for an input field: a day, or date and time on the wall clock."""
    return time.get("date") or time["dateTime"][:16]
