"""The pages and addresses of sign-in: consent and token."""

from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template, request

from ..current import graph
from .calendars import open_account
from .oauth import GRAPH, IDENTITY, OAuthError, granted_form

MEANINGS = {
    "Calendars.ReadWrite": "Have full access to your calendars",
    "Calendars.Read": "Read your calendars",
    "Calendars.ReadWrite.Shared": "Read and write to your and shared calendars",
    "User.Read": "View your basic profile",
}
HANDED_ON = (
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "prompt",
    "login_hint",
    "code_challenge",
    "code_challenge_method",
)

routes = Blueprint("signin", __name__)


@routes.get("/<tenant>/oauth2/v2.0/authorize")
def ask(tenant: str):
    wrong = _fault(request.args)
    if wrong:
        return render_template("refused.html", **wrong), 400
    if request.args.get("response_mode", "query") != "query":
        return _leave(
            error="invalid_request",
            error_description="AADSTS9002313: The sandbox knows response_mode=query only.",
        )
    email = request.args.get("login_hint", "")
    if request.args.get("prompt") == "none" or (
        _is_covered(email) and "prompt" not in request.args
    ):
        return _without_asking(email)
    return _page(email)


@routes.post("/<tenant>/oauth2/v2.0/authorize")
def decide(tenant: str):
    wrong = _fault(request.form)
    if wrong:
        return render_template("refused.html", **wrong), 400
    if request.form.get("decision") != "allow":
        return _leave(
            error="access_denied",
            error_description="AADSTS65004: User declined to consent to access the app.",
        )
    email = (request.form.get("other") or request.form.get("account") or "").strip().lower()
    if "@" not in email:
        return _page(email, problem="Choose an account or type an e-mail address."), 422
    if graph.oauth.admin_consent:
        return _leave(
            error="access_denied",
            error_description=(
                "AADSTS90094: An administrator must consent to this application first."
            ),
        )
    asked = request.form["scope"].split()
    scopes = [
        scope for scope in asked if scope in IDENTITY or scope in request.form.getlist("granted")
    ]
    with graph.store.lock:
        open_account(graph.store, email)
        return _leave(
            code=graph.oauth.allow(request.form["client_id"], email, scopes, request.form)
        )


@routes.post("/<tenant>/oauth2/v2.0/token")
def token(tenant: str):
    basic = request.authorization
    pair = (basic.username or "", basic.password or "") if basic and basic.type == "basic" else None
    with graph.store.lock:
        response = jsonify(graph.oauth.token(request.form, pair))
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.errorhandler(OAuthError)
def refuse(error: OAuthError):
    return jsonify(error.body), error.status


def _fault(values) -> dict | None:
    """The reason why the request cannot go on.

    Microsoft shows it to the user and never sends it to the application.
    """
    client = graph.store.clients.get(values.get("client_id"))
    if client is None:
        return {
            "error": "unauthorized_client",
            "why": "AADSTS700016: No application with this client_id is known here.",
        }
    if not any(
        _same_address(values.get("redirect_uri", ""), known) for known in client["redirect_uris"]
    ):
        return {
            "error": "invalid_request",
            "why": (
                f"AADSTS50011: {values.get('redirect_uri')!r} is not one of"
                f" {client['redirect_uris']}."
            ),
        }
    missing = next((name for name in ("scope", "response_type") if not values.get(name)), None)
    if missing or values["response_type"] != "code":
        return {
            "error": "invalid_request",
            "why": f"AADSTS900144: Required parameter: {missing or 'response_type=code'}.",
        }
    unknown = [
        scope
        for scope in values["scope"].split()
        if scope not in IDENTITY and granted_form(scope) not in MEANINGS
    ]
    if unknown or values.get("code_challenge_method", "S256") not in ("S256", "plain"):
        return {
            "error": "invalid_scope" if unknown else "invalid_request",
            "why": "AADSTS70011: " + (" ".join(unknown) or "code_challenge_method"),
        }
    return None


def _same_address(asked: str, known: str) -> bool:
    """Whether two redirect addresses are the same. On localhost the port does not count."""
    a, b = urlsplit(asked), urlsplit(known)
    return asked == known or (
        a.hostname == b.hostname == "localhost"
        and (a.scheme, a.path, a.query) == (b.scheme, b.path, b.query)
    )


def _is_covered(email: str) -> bool:
    earlier = graph.oauth.grant(request.args["client_id"], email)
    return bool(earlier) and {granted_form(scope) for scope in request.args["scope"].split()} <= {
        *earlier["scopes"],
        *IDENTITY,
    }


def _without_asking(email: str) -> Response:
    if not _is_covered(email):
        return _leave(
            error="interaction_required",
            error_description="AADSTS65001: The user has not consented to use the application.",
        )
    with graph.store.lock:
        return _leave(
            code=graph.oauth.allow(
                request.args["client_id"], email, request.args["scope"].split(), request.args
            )
        )


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
        (scope, MEANINGS[granted_form(scope)])
        for scope in asked
        if scope.removeprefix(GRAPH) in MEANINGS
    ]
    ticked = request.form.getlist("granted") if request.method == "POST" else asked
    return render_template(
        "consent.html",
        client=graph.store.clients[request.values["client_id"]]["name"],
        accounts=list(graph.store.accounts.values()),
        email=email,
        boxes=boxes,
        ticked=ticked,
        problem=problem,
        action=request.path,
        handed_on={name: request.values[name] for name in HANDED_ON if name in request.values},
    )
