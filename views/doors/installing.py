"""Files with which browsers install Kalends as an app: its name and icons, the service worker, and
the page that the worker shows without a connection. They contain nothing about any clinic.
"""

from flask import Blueprint, Response, current_app, jsonify, render_template, url_for

blueprint = Blueprint("installing", __name__)

THEME = "#0b6b61"  # --accent of static/app.css
PAPER = "#f3f6f5"  # --paper there
SIZES = (192, 512)  # pixels, of the icons in static/icons


@blueprint.get("/manifest.webmanifest")
def manifest():
    icons = [
        {
            "src": url_for("static", filename=f"icons/kalends-{size}.png"),
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for size in SIZES
        for purpose in ("any", "maskable")
    ]
    answer = jsonify(
        id="/",
        name="Kalends",
        short_name="Kalends",
        start_url="/",
        scope="/",
        display="standalone",
        theme_color=THEME,
        background_color=PAPER,
        icons=icons,
    )
    answer.mimetype = "application/manifest+json"
    return answer


@blueprint.get("/worker.js")
def worker() -> Response:
    """The service worker. Its address is at the top level, so that it serves every page; browsers
    fetch it again each time.
    """
    answer = current_app.send_static_file("worker.js")
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@blueprint.get("/offline")
def offline():
    return render_template("offline.html")
