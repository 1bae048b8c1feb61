"""Each imitation, as the request at hand finds it, for the Flask pages."""

from flask import current_app
from werkzeug.local import LocalProxy

google = LocalProxy(lambda: current_app.extensions["google"])
graph = LocalProxy(lambda: current_app.extensions["graph"])
