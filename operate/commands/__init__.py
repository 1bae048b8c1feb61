"""The command line: `flask --app app …`.

Commands parse, call one method, and answer in sentences.
"""

from flask import Flask

from .clinic import clinic, feed, plan, sync, user
from .data import imports, sample
from .running import clock, migrate, start, web, worker
from .server import backup, doctor, key, reseal, restore, version


def register(app: Flask) -> None:
    """Add every command to `flask --app app`."""
    for command in (
        migrate,
        start,
        web,
        worker,
        clock,
        clinic,
        user,
        plan,
        feed,
        sync,
        reseal,
        key,
        sample,
        imports,
        backup,
        restore,
        doctor,
        version,
    ):
        app.cli.add_command(command)
