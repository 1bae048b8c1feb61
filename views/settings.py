"""To come."""

from flask import Blueprint

from .access import login_required

blueprint = Blueprint("settings", __name__)


@blueprint.get("/")
@login_required
def show():
    return "to come"
