"""The pages and addresses of OAuth: consent, token, revoke, user info."""

from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, redirect, render_template, request

from .calendars import open_account
from .current import google
from .oauth import OAuthError, granted_form
from .spec import PREFIX

IDENTITY = ("openid", "email", "profile")
MEANINGS = {
    "calendar": "See, edit, share and permanently delete all your calendars",
    "calendar.app.created": (
        "Make secondary calendars, and see, create, change and delete events on them"
    ),
    "calendar.calendarlist.readonly": "See the list of your calendars",
    "calendar.calendars": (
        "See and change the properties of your calendars, and make secondary calendars"
    ),
    "calendar.events": "View and edit events on all your calendars",
    "calendar.events.owned": "See, create, change and delete events on calendars you own",
    "calendar.events.owned.readonly": "See the events on calendars you own",
    "calendar.events.readonly": "View events on all your calendars",
    "calendar.events.freebusy": "See when you are free or busy on your calendars",
    "calendar.freebusy": "View your availability",
    "calendar.readonly": "See and download any calendar you can reach",
}
HANDED_ON = (
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "access_type",
    "state",
    "prompt",
    "include_granted_scopes",
    "login_hint",
    "code_challenge",
    "code_challenge_method",
)


routes = Blueprint("consent", __name__)


@routes.get("/o/oauth2/v2/auth")
def ask():
    wrong = _fault(request.args)
    if wrong:
        return render_template("refused.html", **wrong), 400
    email = request.args.get("login_hint", "")
    earlier = google.oauth.grant(request.args["client_id"], email)
    covered = earlier and {granted_form(scope) for scope in request.args["scope"].split()} <= set(
        earlier["scopes"]
    )
    if covered and request.args.get("prompt", "none") == "none":
        with google.store.lock:
            return _leave(
                code=google.oauth.allow(
                    request.args["client_id"], email, request.args["scope"].split(), request.args
                )
            )
    if request.args.get("prompt") == "none":
        return _leave(error="interaction_required")
    return _page(email)


@routes.post("/o/oauth2/v2/auth")
def decide():
    wrong = _fault(request.form)
    if wrong:
        return render_template("refused.html", **wrong), 400
    if request.form.get("decision") != "allow":
        return _leave(error="access_denied")
    email = (request.form.get("other") or request.form.get("account") or "").strip().lower()
    if "@" not in email:
        return _page(email, problem="Choose an account or type an e-mail address."), 422
    asked = request.form["scope"].split()
    scopes = [
        scope for scope in asked if scope in IDENTITY or scope in request.form.getlist("granted")
    ]
    with google.store.lock:
        open_account(google.store, email)
        return _leave(
            code=google.oauth.allow(request.form["client_id"], email, scopes, request.form)
        )


@routes.post("/token")
def token():
    basic = request.authorization
    pair = (basic.username or "", basic.password or "") if basic and basic.type == "basic" else None
    with google.store.lock:
        response = jsonify(google.oauth.token(request.form, pair))
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.post("/revoke")
def revoke():
    with google.store.lock:
        google.oauth.revoke(request.values.get("token", ""))
    return jsonify({})


@routes.get("/v1/userinfo")
def user_info():
    return jsonify(google.oauth.user_info(request.headers.get("Authorization", "")))


@routes.errorhandler(OAuthError)
def refuse(error: OAuthError):
    return jsonify(error.body), error.status


def _fault(values) -> dict | None:
    """The reason why the request cannot go on.

    Google shows it to the user and never sends it to the application.
    """
    client = google.store.clients.get(values.get("client_id"))
    if client is None:
        return {
            "error": "invalid_client",
            "why": "No application with this client_id is known here.",
        }
    if values.get("redirect_uri") not in client["redirect_uris"]:
        return {
            "error": "redirect_uri_mismatch",
            "why": (
                f"{values.get('redirect_uri')!r} is not exactly one of {client['redirect_uris']}."
            ),
        }
    missing = next((name for name in ("scope", "response_type") if not values.get(name)), None)
    if missing or values["response_type"] != "code":
        return {
            "error": "invalid_request",
            "why": f"Required parameter: {missing or 'response_type=code'}.",
        }
    unknown = [
        scope
        for scope in values["scope"].split()
        if scope not in IDENTITY and not scope.startswith(PREFIX)
    ]
    if unknown or values.get("code_challenge_method", "S256") not in ("S256", "plain"):
        return {
            "error": "invalid_scope" if unknown else "invalid_request",
            "why": " ".join(unknown) or "Unknown code_challenge_method.",
        }
    return None


def _leave(**answer: str) -> Response:
    """Send the user back to the application. `state` returns unchanged."""
    address = request.values["redirect_uri"]
    if "state" in request.values:
        answer["state"] = request.values["state"]
    return redirect(
        address + ("&" if "?" in address else "?") + urlencode(answer),
        303 if request.method == "POST" else 302,
    )


def _page(email: str, problem: str | None = None) -> str:
    asked = request.values["scope"].split()
    boxes = [
        (scope, MEANINGS.get(scope.removeprefix(PREFIX), scope.removeprefix(PREFIX)))
        for scope in asked
        if scope not in IDENTITY
    ]
    ticked = request.form.getlist("granted")  # empty at first, as on the real page
    return render_template(
        "consent.html",
        client=google.store.clients[request.values["client_id"]]["name"],
        accounts=list(google.store.accounts.values()),
        email=email,
        boxes=boxes,
        ticked=ticked,
        problem=problem,
        action=request.path,
        handed_on={name: request.values[name] for name in HANDED_ON if name in request.values},
    )
