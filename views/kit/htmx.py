"""The only module that knows HX- headers. One handler answers browsers with pages and htmx with
parts of them.
"""

from typing import Any

from flask import Flask, Response, flash, make_response, redirect, render_template, request

from . import colleagues_values


def init_app(app: Flask) -> None:
    app.after_request(_vary)


def is_partial() -> bool:
    """Whether htmx requests a part of the page. Restoring from its history needs the whole page."""
    return (
        request.headers.get("HX-Request") == "true"
        and "HX-History-Restore-Request" not in request.headers
    )


def show(page: str, partial: str, status: int = 200, **context: Any) -> Response:
    """The page; for htmx only the part (with any messages), from the same context."""
    if status == 200:
        colleagues_values.name_kept_values()
    if not is_partial():
        return make_response(render_template(page, **context), status)
    return make_response(
        render_template(partial, **context) + render_template("_flash.html", swap=True), status
    )


def show_instead(target: str, partial: str, **context: Any) -> Response:
    """A larger part, in place of the one that htmx wanted to refresh."""
    return make_response(
        render_template(partial, **context),
        200,
        {"HX-Retarget": target, "HX-Reswap": "outerHTML show:none"},
    )


def done(url: str) -> Response:
    """After a change: continue at `url`. 303 for a browser; htmx loads the whole page."""
    colleagues_values.name_kept_values()
    if not is_partial():
        return make_response(redirect(url, 303))
    return Response(status=204, headers={"HX-Redirect": url})


def warn_on_page(sentence: str, status: int) -> Response:
    """A warning at the top of the page, which stays as it is; it is scrolled into view."""
    flash(sentence, "warning")
    return make_response(
        render_template("_flash.html", swap=True), status, {"HX-Reswap": "none show:#flash:top"}
    )


def _vary(response: Response) -> Response:
    if request.endpoint != "static":
        response.vary.add("HX-Request")
    return response
