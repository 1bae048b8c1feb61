"""The emptiest Flask application, for comparison."""

import os
from pathlib import Path

from flask import Flask, Response


def create_app() -> Flask:
    app = Flask("plain")
    body = Path(os.environ["BENCH_BODY"]).read_bytes()
    app.add_url_rule("/same", "same", lambda: Response(body, content_type="text/calendar"))
    app.add_url_rule("/empty", "empty", lambda: Response(b""))
    return app
