"""Figures about the server in Prometheus's text format: only counts, without names of people,
clients or clinics, addresses or ids.
"""

import hmac
from collections.abc import Iterator

from flask import Blueprint, abort, current_app, request

from base.database import connect_afresh
from operate import figures

blueprint = Blueprint("metrics", __name__)

TYPE = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"}


@blueprint.get("/metrics")
def show():
    """The figures, for requests that send the token of the settings as "Authorization: Bearer …".
    404 if no token is set.
    """
    token = current_app.config["SETTINGS"].metrics_token
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if not token or not hmac.compare_digest(given.encode(), token.encode()):
        abort(404)
    connect_afresh()
    return "".join(_lines()), 200, TYPE


def _lines() -> Iterator[str]:
    for name, meaning, values in figures.figures():
        yield _line("#", "HELP", f"kalends_{name}", meaning)
        yield _line("#", "TYPE", f"kalends_{name}", "gauge")
        for labels, value in values.items():
            named = ",".join(f'{key}="{word}"' for key, word in labels)
            yield _line(f"kalends_{name}{{{named}}}" if named else f"kalends_{name}", str(value))


def _line(*words: str) -> str:
    return " ".join(words) + "\n"
