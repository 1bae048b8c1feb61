"""A description of this server and of its use of data, readable by anyone: the home page and the
privacy page that Google and Microsoft require before they verify an application.
"""

from flask import Blueprint, current_app, render_template
from flask_login import current_user

from sync.connect import gateway
from sync.providers import registry

blueprint = Blueprint("about", __name__)


@blueprint.get("/about")
def show():
    return render_template("about/show.html", **_facts())


@blueprint.get("/privacy")
def privacy():
    return render_template("about/privacy.html", **_facts())


def _facts() -> dict:
    """The server's address, and the providers that can be connected here."""
    here = set(gateway.kinds())
    signed_in_there = [kind for kind in registry.KINDS if not registry.row_of(kind).by_password]
    shown = [kind for kind in signed_in_there if kind in here] or signed_in_there
    return {
        "base_url": current_app.config["SETTINGS"].base_url,
        "companies": [registry.row_of(kind).company for kind in shown],
        "is_signed_in": current_user.is_authenticated,
    }
