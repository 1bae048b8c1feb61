"""JSON batches: up to 20 requests, each with its own status, answered in any order."""

import json
import random
import time
from math import ceil
from urllib.parse import parse_qsl, urlsplit

from werkzeug.wrappers import Request, Response

from ..errors import ConnectionLost
from . import spec
from .errors import Refused, invalid

MOST_ITEMS, AT_ONCE = 20, 4
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
NOT_INHERITED = ("Content-Type", "Content-Length", "Prefer", "If-Match", "Host")


def answer(app, request: Request) -> Response:
    """Carries out the items. Raises Refused when the batch as a whole cannot be read."""
    email = app.bearer(request.headers)["email"]
    items = _items(app, request)
    last, answers = app.faults.batch_parts(), {}
    at_once = 1 if any(item.get("dependsOn") for item in items) else min(AT_ONCE, len(items))
    with app.requests.in_flight(email, at_once):
        time.sleep((app.latency_ms + app.item_ms * ceil(len(items) / at_once)) / 1000)
        for number, item in enumerate(items):
            if number == last:
                raise ConnectionLost
            answers[item["id"].lower()] = _one(app, request, item, answers)
    if last is not None:
        raise ConnectionLost
    responses = list(answers.values())
    random.shuffle(responses)
    return Response(json.dumps({"responses": responses}), content_type="application/json")


def _items(app, request: Request) -> list[dict]:
    try:
        items = json.loads(request.get_data())["requests"]
        names = [item["id"].lower() for item in items]
        well_formed = all(
            item["method"] in METHODS and isinstance(item["url"], str) for item in items
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise invalid("Invalid batch payload format.", "BadRequest") from None
    if app.strict:
        app.judge("request.batch", {"requests": items})
    if not 0 < len(items) <= MOST_ITEMS:
        raise invalid(
            f"Number of batch request steps exceeds the maximum value of {MOST_ITEMS}.",
            "MaximumValueExceeded",
        )
    if len(set(names)) < len(names) or not well_formed:
        raise invalid(
            "Request ids must be unique, methods known and addresses relative.", "BadRequest"
        )
    for number, item in enumerate(items):
        if not {name.lower() for name in item.get("dependsOn", [])} <= set(names[:number]):
            raise invalid("dependsOn names a request that does not come before.", "BadRequest")
        if "body" in item and "Content-Type" not in _headers(item):
            raise invalid(
                f"Write request id : {item['id']} does not contain Content-Type header or body.",
                "BadRequest",
            )
    return items


def _headers(item: dict) -> dict[str, str]:
    return {name.title(): value for name, value in (item.get("headers") or {}).items()}


def _one(app, request: Request, item: dict, answers: dict[str, dict]) -> dict:
    if any(answers[name.lower()]["status"] >= 400 for name in item.get("dependsOn", [])):
        response = Refused(
            424, "FailedDependency", "A request that this one depends on failed."
        ).response()
    elif urlsplit(item["url"]).scheme:
        response = invalid("Only a relative address is allowed here.", "BadRequest").response()
    else:
        response = _carry_out(app, request, item)
    answered = {
        "id": item["id"],
        "status": response.status_code,
        "headers": {"Content-Type": "application/json"} | _told(response),
    }
    return answered | ({"body": json.loads(response.get_data())} if response.get_data() else {})


def _told(response: Response) -> dict[str, str]:
    return {
        name: value
        for name, value in response.headers.items()
        if name in ("Retry-After", "Location", "ETag")
    }


def _carry_out(app, request: Request, item: dict) -> Response:
    inherited = {
        name: value for name, value in request.headers.items() if name.title() not in NOT_INHERITED
    }
    url, body = urlsplit("/" + item["url"].lstrip("/")), item.get("body")
    content = b"" if body is None else json.dumps(body).encode()
    return app.call(
        item["method"],
        spec.BASE + url.path,
        parse_qsl(url.query, keep_blank_values=True),
        inherited | _headers(item),
        content,
        app.base_url(request),
        in_batch=True,
    )
