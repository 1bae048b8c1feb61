"""The only file that names an HX- header.

Pages for people, partials for htmx, from the same handler.
"""

from typing import Any

from flask import Flask, Response, flash, make_response, redirect, render_template, request


def init_app(app: Flask) -> None:
    app.after_request(_vary)


def is_partial() -> bool:
    """Whether htmx asks for a part of the page. History restores get the whole page."""
    return (
        request.headers.get("HX-Request") == "true"
        and "HX-History-Restore-Request" not in request.headers
    )


def show(page: str, partial: str, status: int = 200, **context: Any) -> Response:
    """The page, or for htmx only its partial (with any flashed messages), from one context."""
    if not is_partial():
        return make_response(render_template(page, **context), status)
    return make_response(
        render_template(partial, **context) + render_template("_flash.html", swap=True), status
    )


def show_instead(target: str, partial: str, **context: Any) -> Response:
    """A larger part in place of one that asks whether it is still true."""
    return make_response(
        render_template(partial, **context),
        200,
        {"HX-Retarget": target, "HX-Reswap": "outerHTML show:none"},
    )


def done(url: str) -> Response:
    """After a change: on to `url`. 303 for a browser; htmx loads the whole page anew."""
    if not is_partial():
        return make_response(redirect(url, 303))
    return Response(status=204, headers={"HX-Redirect": url})


def say(sentence: str, status: int) -> Response:
    """A warning on top of the page that stays as it is, scrolled into view."""
    flash(sentence, "warning")
    return make_response(
        render_template("_flash.html", swap=True), status, {"HX-Reswap": "none show:#flash:top"}
    )


def _vary(response: Response) -> Response:
    if request.endpoint != "static":
        response.vary.add("HX-Request")
    return response
