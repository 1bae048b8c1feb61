"""The page on which to play the outside user: an agenda of one account, and switches for trouble. Plain forms, no script."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for

from . import events, listing
from .calendars import ROLES
from .control import refuse_other_sites
from .current import google
from .errors import Refused
from .times import begins

DAYS_SHOWN, REQUESTS_SHOWN = 14, 15
TROUBLES = {
    "503": "Google is out of order", "429": "Google says: too many requests", "401": "Google does not know us",
    "late": "Google does the work but never answers", "reset": "The connection breaks",
}


routes = Blueprint("pages", __name__, url_prefix="/sandbox")
routes.before_request(refuse_other_sites)


@routes.before_request
def only_known_accounts():
    if "email" in request.view_args and request.view_args["email"] not in google.store.accounts:
        abort(404)


@routes.context_processor
def what_every_page_shows():
    return {"troubles": TROUBLES, "waiting": google.faults.waiting}


@routes.errorhandler(Refused)
def explain(refusal: Refused):
    return render_template("refused.html", error=refusal.reason, why=refusal.message), refusal.status


@routes.errorhandler(ValueError)
@routes.errorhandler(KeyError)
def explain_nonsense(_: Exception):
    return render_template("refused.html", error="not found", why="That calendar or time cannot be read. Go back and look at what you typed."), 400


@routes.get("/")
def home():
    log = list(google.requests)[-REQUESTS_SHOWN:][::-1]
    return render_template("home.html", accounts=list(google.store.accounts.values()), requests=log, channels=google.channels.live())


@routes.get("/accounts/<email>")
def agenda(email: str):
    user, first = google.user(email), _first_day(email)
    with google.store.lock:
        days = _days(user, first)
    clients = [client for key, client in google.store.clients.items() if google.oauth.grant(key, email)]
    writable = [each for each in user.calendars.values() if _may_write(each, email)]
    return render_template(
        "agenda.html", account=google.store.accounts[email], calendars=user.calendars, writable=writable, days=days, first=first,
        step=timedelta(days=DAYS_SHOWN), clients=clients, zone=user.calendar()["timeZone"],
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
    google.user(email).add(form.get("summary") or "(no title)", start, end, form["calendar"], **fields)
    return _back(email, start[:10])


@routes.post("/accounts/<email>/calendars/<calendar>/events/<event>")
def change(email: str, calendar: str, event: str):
    form, user = request.form, google.user(email)
    if form["do"] == "delete":
        user.delete(event, calendar)
    elif form["do"] in ("busy", "free"):
        user.show_busy(event, form["do"] == "busy", calendar)
    else:
        user.change(event, calendar, summary=form["summary"], start=form["start"], end=form["end"])
    return _back(email, form["from"])


@routes.post("/accounts/<email>/calendars")
def add_calendar(email: str):
    google.user(email).add_calendar(request.form.get("summary") or "New calendar")
    return _back(email)


@routes.post("/accounts/<email>/calendars/<calendar>/deletion")
def delete_calendar(email: str, calendar: str):
    google.user(email).delete_calendar(calendar)
    return _back(email)


@routes.post("/accounts/<email>/revocation")
def revoke(email: str):
    google.user(email).revoke(request.form["client"])
    return _back(email)


@routes.post("/trouble")
def trouble():
    kind, minutes = request.form.get("kind", "503"), float(request.form.get("minutes", "5"))
    until = google.clock() + timedelta(minutes=minutes)
    if kind == "late":
        google.faults.time_out(times=None, until=until)
    elif kind == "reset":
        google.faults.reset(times=None, until=until)
    else:
        google.faults.fail(int(kind), minutes=minutes)
    return redirect(url_for(".home"), 303)


@routes.post("/trouble/end")
def end_trouble():
    google.faults.clear()
    return redirect(url_for(".home"), 303)


def _back(email: str, day: str | None = None):
    return redirect(url_for(".agenda", email=email, **({"from": day} if day else {})), 303)


def _may_write(calendar: dict, email: str) -> bool:
    return ROLES.index(calendar["roles"][email]) >= ROLES.index("writer")


def _first_day(email: str) -> date:
    try:
        return date.fromisoformat(request.args.get("from", ""))
    except ValueError:
        return google.clock().astimezone(ZoneInfo(google.user(email).calendar()["timeZone"])).date()


def _days(user, first: date) -> list[tuple[date, list[dict]]]:
    """The days that have events, each with its lines in order."""
    zone = ZoneInfo(user.calendar()["timeZone"])
    low = datetime.combine(first, datetime.min.time(), zone)
    days: dict[date, list[dict]] = {}
    for calendar in user.calendars.values():
        for event in listing.singles(google, calendar, low + timedelta(days=DAYS_SHOWN)):
            start, end = (begins(event[side], calendar["timeZone"]).astimezone(zone) for side in ("start", "end"))
            if event["status"] != "cancelled" and start < low + timedelta(days=DAYS_SHOWN) and end > low:
                days.setdefault(max(start.date(), first), []).append(_line(user, calendar, event, start, end))
    return [(day, sorted(lines, key=lambda line: (line["start"], line["title"]))) for day, lines in sorted(days.items())]


def _line(user, calendar: dict, event: dict, start: datetime, end: datetime) -> dict:
    role = calendar["roles"][user.email]
    client = google.store.clients.get(event["_client"])
    return {
        "id": event["id"], "calendar": calendar, "start": start, "end": end, "all_day": "date" in event["start"],
        "title": "Busy" if role == "freeBusyReader" else event.get("summary", "(no title)"), "description": event.get("description", ""),
        "busy": events.blocks_time(event), "tentative": event["status"] == "tentative", "repeats": "recurringEventId" in event,
        "by": client and client["name"], "may_write": _may_write(calendar, user.email),
        "raw_start": _field(event["start"]), "raw_end": _field(event["end"]),
    }


def _field(time: dict) -> str:
    """As an input field wants it: a day, or date and time on the wall clock."""
    return time.get("date") or time["dateTime"][:16]
