"""The common parts of the pages of every imitation: the accounts, switches for trouble, and the
last requests. Plain forms, no script.
"""

from datetime import date, timedelta
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for

DAYS_SHOWN, REQUESTS_SHOWN = 14, 15
TROUBLES = {
    "503": "{} is out of order",
    "429": "{} says: too many requests",
    "401": "{} does not know us",
    "late": "{} does the work but never answers",
    "reset": "The connection breaks",
}


def refuse_other_sites() -> None:
    """Refuse requests from other sites: a page elsewhere in the same browser must not press our
    buttons.
    """
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        abort(403)


def routes_for(sandbox, provider: str, prefix: str) -> Blueprint:
    """The blueprint `pages`, to which each imitation adds its agenda."""
    routes = Blueprint("pages", __name__, url_prefix=prefix)
    routes.before_request(refuse_other_sites)

    @routes.before_request
    def only_known_accounts():
        if (
            "email" in request.view_args
            and request.view_args["email"] not in sandbox.store.accounts
        ):
            abort(404)

    @routes.app_context_processor
    def what_every_page_shows():
        troubles = {kind: text.format(provider) for kind, text in TROUBLES.items()}
        return {"provider": provider, "troubles": troubles, "waiting": sandbox.faults.waiting}

    @routes.errorhandler(ValueError)
    @routes.errorhandler(KeyError)
    def explain_nonsense(_: Exception):
        why = "That calendar or time cannot be read. Go back and look at what you typed."
        return render_template("refused.html", error="not found", why=why), 400

    @routes.get("/")
    def home():
        log = list(sandbox.requests)[-REQUESTS_SHOWN:][::-1]
        return render_template(
            "home.html",
            accounts=list(sandbox.store.accounts.values()),
            requests=log,
            channels=sandbox.channels.live(),
        )

    _troubles(sandbox, routes)
    return routes


def _troubles(sandbox, routes: Blueprint) -> None:
    """Add the buttons that make trouble for programs that sync here, and end it."""

    @routes.post("/trouble")
    def trouble():
        start_trouble(
            sandbox, request.form.get("kind", "503"), float(request.form.get("minutes", "5"))
        )
        return redirect(url_for(".home"), 303)

    @routes.post("/trouble/end")
    def end_trouble():
        sandbox.faults.clear()
        return redirect(url_for(".home"), 303)

    @routes.post("/accounts/<email>/revocation")
    def revoke(email: str):
        sandbox.user(email).revoke(request.form["client"])
        return back(email)


def start_trouble(sandbox, kind: str, minutes: float) -> None:
    until = sandbox.clock() + timedelta(minutes=minutes)
    if kind == "late":
        sandbox.faults.time_out(times=None, until=until)
    elif kind == "reset":
        sandbox.faults.reset(times=None, until=until)
    else:
        sandbox.faults.fail(int(kind), minutes=minutes)


def applications(sandbox, email: str) -> list[dict]:
    """The applications that may use an account."""
    return [
        client for key, client in sandbox.store.clients.items() if sandbox.oauth.grant(key, email)
    ]


def first_day(sandbox, zone: str) -> date:
    """The first day of the agenda, by default today."""
    try:
        return date.fromisoformat(request.args.get("from", ""))
    except ValueError:
        return sandbox.clock().astimezone(ZoneInfo(zone)).date()


def back(email: str, day: str | None = None):
    return redirect(url_for(".agenda", email=email, **({"from": day} if day else {})), 303)


def by_day(lines: list[dict], first: date) -> list[tuple[date, list[dict]]]:
    """The lines of an agenda under their days, in order. An event that began earlier is under the
    first day.
    """
    days: dict[date, list[dict]] = {}
    for line in lines:
        days.setdefault(max(line["start"].date(), first), []).append(line)
    return [
        (day, sorted(found, key=lambda line: (line["start"], line["title"])))
        for day, found in sorted(days.items())
    ]
