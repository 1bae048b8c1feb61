"""The sandbox's own addresses for tests that cannot reach it as a Python object: JSON in, JSON out.

    POST /sandbox/control/fail            {"status": 429, "path": "/events$", "times": 3}
    POST /sandbox/control/switches        {"latency_ms": 200, "page_cap": 2}
    POST /sandbox/users/ROBIN/add         {"summary": "Dentist", "start": "2026-11-23T09:00", "end": "2026-11-23T10:00"}
    GET  /sandbox/requests
"""

from urllib.parse import urlsplit

from flask import Blueprint, abort, jsonify, request

SWITCHES = ("latency_ms", "strict", "page_cap", "empty_pages", "bare_tombstones", "refuse_restore", "expansion_years", "sync_token_days")
USER_ACTIONS = (
    "add", "change", "move", "retitle", "show_busy", "delete", "events", "count", "instances", "add_calendar", "delete_calendar", "share", "revoke",
)


def refuse_other_sites() -> None:
    """A page from elsewhere in the same browser must not press our buttons."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        abort(403)


def blueprint(google) -> Blueprint:
    """The control surface over one sandbox."""
    routes = Blueprint("control", __name__, url_prefix="/sandbox")
    routes.before_request(refuse_other_sites)

    def set_switches(quota_per_minute=None, testing_days=None, **switches):
        if set(switches) - set(SWITCHES):
            raise TypeError(f"no such switch: {set(switches) - set(SWITCHES)}")
        google.quota.per_minute, google.oauth.testing_days = quota_per_minute, testing_days
        for name, value in switches.items():
            setattr(google, name, value)

    def stop_troubles():
        google.faults.clear()

    actions = {
        "fail": google.faults.fail, "time_out": google.faults.time_out, "reset": google.faults.reset, "reset_batch": google.faults.reset_batch,
        "clear": stop_troubles, "switches": set_switches, "register": google.oauth.register,
        "expire_access_tokens": google.oauth.expire_access_tokens, "expire_sync_tokens": google.expire_sync_tokens,
    }

    def answer(action):
        try:
            made = action(**(request.get_json(silent=True) or {}))
        except (TypeError, KeyError, ValueError) as error:
            return jsonify({"error": str(error)}), 400
        return jsonify({"answer": made if isinstance(made, (str, int, list, dict)) else None})

    @routes.post("/control/<action>")
    def act(action: str):
        return answer(actions[action]) if action in actions else abort(404)

    @routes.post("/users/<email>/<action>")
    def act_as_user(email: str, action: str):
        return answer(getattr(google.user(email), action)) if action in USER_ACTIONS else abort(404)

    @routes.get("/requests")
    def requests():
        return jsonify([record._asdict() for record in google.requests])

    return routes
