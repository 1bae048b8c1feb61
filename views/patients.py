"""To come."""

from flask import Blueprint

from .access import login_required

blueprint = Blueprint("patients", __name__)


@blueprint.get("/")
@login_required
def index():
    return "to come"
