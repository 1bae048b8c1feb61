"""The imitations in one process on one port: python -m sandbox --port 8010 --store FOLDER

`/v1.0`, `/common` (and the other tenants) and `/sandbox/outlook` are Microsoft's. `/cal`,
`/principals` and the search for a calendar server are CalDAV's. `/` leads to the pages. Everything
else is Google's.
"""

import argparse
import logging
import os
from collections.abc import Callable
from pathlib import Path

from werkzeug.serving import run_simple
from werkzeug.wrappers import Response

from . import caldav, google, graph, seed
from .caldav.app import ROBIN, SECRET
from .graph import seed as graph_seed
from .store import Store

MICROSOFT = ("/v1.0", "/common", "/organizations", "/consumers", "/sandbox/outlook")
CALDAV = ("/cal", "/principals", "/.well-known/caldav")
FRONT = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/sandbox/static/sandbox.css">
<body>
<header><a href="/">Sandbox: imitations to try things out</a></header>
<main><section><h1>Play the outside user</h1>
<ul>
<li><a href="/sandbox/">Google Calendar</a></li>
<li><a href="/sandbox/outlook/">Outlook</a></li>
</ul>
<h2>A calendar server (CalDAV)</h2>
<p>Connect it in Kalends as “CalDAV”: address <kbd>http://127.0.0.1</kbd> with the port of this
page, user name <kbd>{ROBIN}</kbd>, password <kbd>{SECRET}</kbd>. Play the outside user with any
calendar program, with the same.</p>
</section></main></body></html>"""


class Both:
    """A WSGI app that sends each request to its imitation."""

    def __init__(
        self, google_app: google.Google, graph_app: graph.Graph, caldav_app: caldav.CalDav
    ):
        self.google, self.graph, self.caldav = google_app, graph_app, caldav_app

    def __call__(self, environ: dict, start_response: Callable):
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] == "PROPFIND" or _below(path, CALDAV):
            return self.caldav(environ, start_response)
        if path in ("", "/"):
            return Response(FRONT, content_type="text/html; charset=utf-8")(environ, start_response)
        is_microsofts = _below(path, MICROSOFT)
        return (self.graph if is_microsofts else self.google)(environ, start_response)


def _below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == start or path.startswith(start + "/") for start in places)


def open_both(folder: Path | None, environment: str) -> Both:
    """The imitations, with everything stored in a folder, or only in memory.

    New ones begin with a few weeks of events.
    """
    if folder:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stores = [
        Store(folder / f"{name}.json" if folder else None) for name in ("google", "microsoft")
    ]
    both = Both(
        google.create(stores[0], environment=environment),
        graph.create(stores[1], environment=environment),
        caldav.create(path=folder and folder / "caldav.json", environment=environment),
    )
    for app, sample_weeks in (
        (both.google, seed.sample_weeks),
        (both.graph, graph_seed.sample_weeks),
    ):
        if not any(calendar["events"] for calendar in app.store.calendars.values()):
            sample_weeks(app)
    return both


def main(argv: list[str] | None = None) -> None:
    options = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Imitations of Google Calendar and Outlook for trying Kalends out.",
    )
    options.add_argument("--host", default="127.0.0.1")
    options.add_argument("--port", type=int, default=8010)
    options.add_argument("--store", type=Path, help="a folder that keeps everything over restarts")
    options.add_argument(
        "--google-redirect-uri",
        action="append",
        default=[],
        help="where Google's sign-in may return to; repeat for more",
    )
    options.add_argument(
        "--microsoft-redirect-uri",
        action="append",
        default=[],
        help="where Microsoft's sign-in may return to; repeat for more",
    )
    chosen = options.parse_args(argv)
    both = open_both(chosen.store, os.environ.get("KALENDS_ENV", "development"))
    both.google.oauth.register(seed.CLIENT_ID, seed.CLIENT_SECRET, *chosen.google_redirect_uri)
    both.graph.oauth.register(
        graph_seed.CLIENT_ID, graph_seed.CLIENT_SECRET, *chosen.microsoft_redirect_uri
    )
    # Its lines would bury those of Kalends, and hold whole addresses.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        run_simple(chosen.host, chosen.port, both, threaded=True)
    finally:
        both.google.store.save()
        both.graph.store.save()
        both.caldav.store.save()


if __name__ == "__main__":
    main()
