"""The imitation of the present request, for the Flask pages."""

from copy import copy

from flask import Flask, current_app
from werkzeug.local import LocalProxy

google = LocalProxy(lambda: current_app.extensions["google"])
graph = LocalProxy(lambda: current_app.extensions["graph"])


def own(site: Flask, name: str, imitation: object) -> Flask:
    """The pages for one imitation. Routes and templates, which take long to make, are shared."""
    site.jinja_env  # noqa: B018  # made at its first use
    mine = copy(site)
    mine.extensions = {**site.extensions, name: imitation}
    return mine
