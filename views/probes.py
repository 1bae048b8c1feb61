"""For whoever watches the server: is it alive, is it ready, and what robots may do."""

from flask import Blueprint
from peewee import PeeweeException

import models
from operate import migrate
from sync import jobs

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
def alive():
    """200 while web, database and Redis are usable; else 503 and which one is not."""
    try:
        models.database.execute_sql("SELECT 1")
    except PeeweeException:
        return "database unusable\n", 503
    return ("ok\n", 200) if jobs.is_usable() else ("redis unusable\n", 503)


@blueprint.get("/readyz")
def ready():
    """200 when the database has exactly this program's tables."""
    state = migrate.state()
    return ("ok\n", 200) if state == "current" else (f"database is {state}\n", 503)


@blueprint.get("/robots.txt")
def robots():
    """Everything may be fetched, nothing is indexed (X-Robots-Tag): naming a path here would publish it."""
    return "User-agent: *\nDisallow:\n", 200, {"Content-Type": "text/plain; charset=utf-8"}
