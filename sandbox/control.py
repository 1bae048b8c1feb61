"""The sandbox's own addresses for tests that cannot reach it as a Python object: JSON in, JSON out.

POST /sandbox/control/fail {"status": 429, "path": "/events$", "times": 3} POST
/sandbox/control/switches {"latency_ms": 200, "page_cap": 2} POST /sandbox/users/ROBIN/add
{"summary": "Dentist", "start": "2026-11-23T09:00", "end": "2026-11-23T10:00"} GET /sandbox/requests
GET /sandbox/requests/total
"""

from collections.abc import Callable
from operator import attrgetter

from flask import Blueprint, abort, jsonify, request

from .board import refuse_other_sites
from .current import google

ACTIONS = {
    "fail": "faults.fail",
    "time_out": "faults.time_out",
    "reset": "faults.reset",
    "reset_batch": "faults.reset_batch",
    "clear": "faults.clear",
    "expire_access_tokens": "oauth.expire_access_tokens",
    "expire_sync_tokens": "expire_sync_tokens",
}
PLAIN_SWITCHES = (
    "latency_ms",
    "strict",
    "page_cap",
    "empty_pages",
    "bare_tombstones",
    "refuse_restore",
    "expansion_years",
    "sync_token_days",
)
SWITCHES = {name: name for name in PLAIN_SWITCHES} | {
    "quota_per_minute": "quota.per_minute",
    "testing_days": "oauth.testing_days",
}
USER_ACTIONS = (
    "add",
    "change",
    "move",
    "retitle",
    "show_busy",
    "delete",
    "events",
    "count",
    "instances",
    "list_calendars",
    "add_calendar",
    "delete_calendar",
    "share",
    "revoke",
)


def routes_for(
    sandbox,
    prefix: str,
    actions: dict[str, str],
    switches: dict[str, str],
    user_actions: tuple[str, ...],
) -> Blueprint:
    """The addresses of one imitation.

    `actions` and `switches`: names, and where they lie as seen from the imitation.
    """
    routes = Blueprint("control", __name__, url_prefix=prefix)
    routes.before_request(refuse_other_sites)

    def set_all(**values) -> None:
        for name, value in values.items():
            owner, _, attribute = switches[name].rpartition(".")
            setattr(attrgetter(owner)(sandbox) if owner else sandbox, attribute, value)

    @routes.post("/control/switches")
    def set_switches():
        return _answer(set_all)

    @routes.post("/control/<action>")
    def act(action: str):
        return _answer(attrgetter(actions[action])(sandbox)) if action in actions else abort(404)

    @routes.post("/users/<email>/<action>")
    def act_as_user(email: str, action: str):
        return (
            _answer(getattr(sandbox.user(email), action)) if action in user_actions else abort(404)
        )

    @routes.get("/requests")
    def requests():
        return jsonify([record._asdict() for record in sandbox.requests])

    @routes.get("/requests/total")
    def total():
        return jsonify(sandbox.requests.total)

    return routes


def _answer(action: Callable):
    try:
        made = action(**(request.get_json(silent=True) or {}))
    except (TypeError, KeyError, ValueError) as error:
        return jsonify({"error": str(error)}), 400
    return jsonify({"answer": made if isinstance(made, (str, int, list, dict)) else None})


routes = routes_for(google, "/sandbox", ACTIONS, SWITCHES, USER_ACTIONS)
