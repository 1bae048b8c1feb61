"""The command line: `flask --app app …`, or `python app.py …`.

Commands parse, call one method, and answer in sentences.
"""

from collections.abc import Sequence

import click
from flask import Flask
from flask.cli import FlaskGroup

from base.config.version import VERSION

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


def run(arguments: Sequence[str]) -> None:
    """Run the command with these words, as `python app.py` does, and end the process. `--version`
    prints Kalends' version; `flask --version` prints only Flask's.
    """
    program = FlaskGroup(add_version_option=False)
    click.version_option(VERSION, message="Kalends %(version)s")(program)
    program.main(["--app", "app", *arguments], prog_name="app.py")
