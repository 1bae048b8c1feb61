"""The page for a visitor if a page of ours cannot answer: without sentences for the team, and
without a query, since the database may be the cause.
"""

from flask import Response, make_response, request

from base.catalogue import lazy

from . import pages

PREFIXES = ("/book/", "/appointment/", "/earlier/")
_AGAIN = lazy("Go back, reload the page and try again.")
_WORDS = {  # status → heading, what to do
    400: (lazy("That did not arrive whole"), _AGAIN),
    405: (lazy("That cannot be done here"), _AGAIN),
    413: (lazy("That is too much text"), lazy("Go back and write less. Nothing was booked.")),
    500: (
        lazy("Something went wrong on our side"),
        lazy(
            "Your last step may not be saved. Go back and try again. If it happens again, call the"
            " clinic."
        ),
    ),
    503: (
        lazy("Online booking is not available at the moment"),
        lazy("Your last step may not be saved. Try again in a minute, or call the clinic."),
    ),
}


def is_visitor() -> bool:
    """Whether this request is for a page of visitors, even one that does not exist."""
    return request.path.startswith(PREFIXES)


def show(status: int) -> Response:
    """The page for a refusal or a fault."""
    if status == 404:
        return pages.missing()
    heading, advice = _WORDS.get(status, _WORDS[400])
    return make_response(pages.render("fault.html", heading=heading, advice=advice), status)
