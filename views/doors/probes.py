"""Pages for monitoring (is the server alive, is it ready) and for robots."""

from flask import Blueprint, current_app

from base import jobs
from operate import answers, disk, migrate

blueprint = Blueprint("probes", __name__)


@blueprint.get("/healthz")
def alive():
    """200 while web, database, disk and Redis work; otherwise 503, and which of them do not."""
    faults = [
        fault for fault in (answers.fault(), *disk.faults(current_app.config["SETTINGS"])) if fault
    ]
    if not jobs.is_usable():
        faults.append("redis unusable")
    return _answer(faults)


@blueprint.get("/readyz")
def ready():
    """200 if the database has this program's tables. Tables of a later version are fine: versions
    only add to them, and old processes keep running while they are replaced.
    """
    if fault := answers.fault():
        return _answer([fault])
    state = migrate.state()
    return _answer([f"database is {state}"] if state == "behind" else [])


def _answer(faults: list[str]):
    return ("ok\n", 200) if not faults else (", ".join(faults) + "\n", 503, {"Retry-After": "10"})


@blueprint.get("/robots.txt")
def robots():
    """Tell robots that they may fetch every page and index none (X-Robots-Tag). A path that is
    named here would become known.
    """
    return "User-agent: *\nDisallow:\n", 200, {"Content-Type": "text/plain; charset=utf-8"}
