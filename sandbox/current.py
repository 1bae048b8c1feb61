"""The sandbox that the request at hand belongs to, for the Flask pages."""

from flask import current_app
from werkzeug.local import LocalProxy

google = LocalProxy(lambda: current_app.extensions["google"])
