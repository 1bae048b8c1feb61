"""The emptiest Flask application, for comparison."""

import os
from pathlib import Path

from flask import Flask, Response

from operate.front import Front, Lane


def create_app() -> Flask:
    app = Flask("plain")
    body = Path(os.environ["BENCH_BODY"]).read_bytes()
    app.add_url_rule("/same", "same", lambda: Response(body, content_type="text/calendar"))
    app.add_url_rule("/empty", "empty", lambda: Response(b""))
    return app


def create_front() -> Front:
    """The app on our own server, with the front that answers feeds at once."""
    return Front(create_app(), "/", lambda path: 0, [Lane(lambda method, path: True, 8)])
