"""The page on which to play the outside user of Outlook: an agenda of one account."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import render_template, request

from .. import board
from ..board import DAYS_SHOWN, back
from ..current import graph
from . import listing
from .calendars import READER
from .errors import Refused
from .times import instant, shown

SHOWN_AS = {
    "busy": "Busy",
    "free": "Free",
    "tentative": "Tentative",
    "oof": "Away",
    "workingElsewhere": "Working elsewhere",
}

routes = board.routes_for(graph, "Microsoft", "/sandbox/outlook")


@routes.errorhandler(Refused)
def explain(refusal: Refused):
    return render_template("refused.html", error=refusal.code, why=refusal.message), refusal.status


@routes.get("/accounts/<email>")
def agenda(email: str):
    user = graph.user(email)
    zone = user.account["zone"]
    first = board.first_day(graph, zone)
    with graph.store.lock:
        lines = _lines(user, first) if user.account["mailbox"] else []
    return render_template(
        "outlook_agenda.html",
        account=user.account,
        calendars=user.calendars,
        days=board.by_day(lines, first),
        first=first,
        zone=zone,
        writable=[each for each in user.calendars.values() if _may_write(each, email)],
        shown_as=SHOWN_AS,
        step=timedelta(days=DAYS_SHOWN),
        clients=board.applications(graph, email),
    )


@routes.post("/accounts/<email>/events")
def add(email: str):
    form = request.form
    start, end = form.get("start", ""), form.get("end", "")
    if form.get("all_day"):
        start, end = start[:10], (date.fromisoformat(end[:10]) + timedelta(days=1)).isoformat()
    fields = {"recurrence": form["repeat"]} if form.get("repeat") else {}
    graph.user(email).add(
        form.get("subject") or "(no title)",
        start,
        end,
        form["calendar"],
        showAs=form.get("show_as", "busy"),
        **fields,
    )
    return back(email, start[:10])


@routes.post("/accounts/<email>/calendars/<calendar>/events/<event>")
def change(email: str, calendar: str, event: str):
    form, user = request.form, graph.user(email)
    if form["do"] == "delete":
        user.delete(event, calendar)
    else:
        user.change(
            event,
            calendar,
            subject=form["subject"],
            start=form["start"],
            end=form["end"],
            showAs=form["show_as"],
        )
    return back(email, form["from"])


@routes.post("/accounts/<email>/calendars")
def add_calendar(email: str):
    graph.user(email).add_calendar(request.form.get("name") or "New calendar")
    return back(email)


@routes.post("/accounts/<email>/calendars/<calendar>/deletion")
def delete_calendar(email: str, calendar: str):
    graph.user(email).delete_calendar(calendar)
    return back(email)


def _may_write(calendar: dict, email: str) -> bool:
    return calendar["roles"][email] != READER


def _lines(user, first: date) -> list[dict]:
    zone = ZoneInfo(user.account["zone"])
    low = datetime.combine(first, datetime.min.time(), zone)
    high = low + timedelta(days=DAYS_SHOWN)
    return [
        _line(user, calendar, event, zone)
        for calendar in user.calendars.values()
        for event in listing.unrolled(calendar, low, high)
    ]


def _line(user, calendar: dict, event: dict, zone: ZoneInfo) -> dict:
    client = graph.store.clients.get(event["_client"])
    length = 10 if event["isAllDay"] else 16
    return {
        "id": event["id"],
        "calendar": calendar,
        "start": instant(event["start"]).astimezone(zone),
        "end": instant(event["end"]).astimezone(zone),
        "all_day": event["isAllDay"],
        "title": event["subject"] or "(no title)",
        "description": event["body"]["content"],
        "shown_as": event["showAs"],
        "private": event["sensitivity"] == "private",
        "repeats": event["seriesMasterId"],
        "by": client and client["name"],
        "may_write": _may_write(calendar, user.email),
        "raw_start": shown(event["start"], zone.key)["dateTime"][:length],
        "raw_end": shown(event["end"], zone.key)["dateTime"][:length],
    }
