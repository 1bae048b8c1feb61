"""The command line: `flask --app app …`."""

import sys

import click
from flask import Flask
from flask.cli import with_appcontext

import migrate as migrations


def register(app: Flask) -> None:
    app.cli.add_command(migrate)


@click.command()
@with_appcontext
def migrate() -> None:
    """Bring the database up to date."""
    try:
        applied = migrations.migrate()
    except migrations.CannotMigrate as error:
        sys.exit(str(error))
    click.echo(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")
