"""PostgreSQL's own programs, `pg_dump`, `pg_restore` and `psql`.

https://www.postgresql.org/docs/current/app-pgdump.html, app-pgrestore.html, app-psql.html
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from base.catalogue import _, lazy

from ..keeper import end_with_parent

_CLIENT = lazy(
    "Install PostgreSQL's client tools of the server's version or newer (Debian:"
    " postgresql-client)."
)
# "IF NOT EXISTS" alone needs a right that we may lack, even if the schema exists
_MAKE_SCHEMA = """DO $make$ BEGIN
IF to_regnamespace('{0}') IS NULL THEN CREATE SCHEMA {1}; END IF; END $make$;
"""


class ToolRefused(Exception):
    """A tool refused; the message is a sentence for the person at the keyboard."""


@contextmanager
def refusing(error: type[Exception]) -> Iterator[None]:
    """A tool's refusal, as the caller's own error with the same sentence."""
    try:
        yield
    except ToolRefused as refusal:
        raise error(str(refusal)) from None


def dump(url: str, target: Path) -> None:
    """Write the schema with our tables into a file, in the form for `replace`. The same database
    may contain other programs' schemas. Raises ToolRefused.
    """
    target.touch(mode=0o600)
    schema = _quoted(_schema(url) or "public")
    _run("pg_dump", url, "--format=custom", f"--schema={schema}", f"--file={target}")


def _schema(url: str) -> str | None:
    """The schema in which unqualified names are found. None if search_path names no existing one.
    Raises ToolRefused.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as server:
            row = server.execute("SELECT current_schema()").fetchone()
    except psycopg.Error as error:
        raise ToolRefused(
            _("The database cannot be used: {error}.", error=str(error).splitlines()[0])
        ) from None
    return row[0] if row else None


def others(url: str, own: str) -> list[str]:
    """Other programs that are connected to the database as our user, each with its address. `own`:
    the name of this process's connections. Raises ToolRefused.
    """
    query = (
        "SELECT DISTINCT coalesce(nullif(application_name, ''), '?'),"
        " coalesce(host(client_addr), '') FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user"
        " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        " AND application_name <> %s ORDER BY 1, 2"
    )
    try:
        with psycopg.connect(url, connect_timeout=5) as server:
            rows = server.execute(query, (own,)).fetchall()
    except psycopg.Error as error:
        raise ToolRefused(
            _("The database cannot be used: {error}.", error=str(error).splitlines()[0])
        ) from None
    return [f"{name} ({address})" if address else name for name, address in rows]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def replace(url: str, dumped: Path, ours: Sequence[str], mark: str) -> None:
    """Replace our tables by a dump: completely, or not at all.

    `mark` becomes the comment of the table of migrations, where `mark_of` finds it. Raises
    ToolRefused.

    Tables that were added after the dump refer to older ones, so they cannot be dropped one by one:
    all of ours are dropped first, in the transaction that creates those of the dump.
    """
    listed = _output("pg_restore", "--list", str(dumped))
    homes = set(
        re.findall(r"^\d+; \d+ \d+ TABLE (?!DATA )(.+) schema_migration \S+$", listed, re.MULTILINE)
    )
    if len(homes) != 1:
        raise ToolRefused(_("There are no tables of Kalends in this backup."))
    [schema] = homes
    if (present := _schema(url)) not in (None, schema):
        raise ToolRefused(
            _(
                "The tables of this backup lie in the schema {schema}, and DATABASE_URL leads"
                " to the schema {present}. Add ?options=-csearch_path%3D{schema} to it.",
                schema=schema,
                present=present,
            )
        )
    table = re.compile(rf"^\d+; \d+ \d+ TABLE {re.escape(schema)} (\S+) ", re.MULTILINE)
    names = sorted({*ours, *table.findall(listed)})
    with tempfile.TemporaryDirectory(prefix=".kalends-", dir=dumped.parent) as folder:
        script, whole = Path(folder) / "restore.sql", Path(folder) / "whole.sql"
        for file in (script, whole):
            file.touch(mode=0o600)
        only = (f"--schema={schema}", "--no-owner", "--no-privileges")
        _output("pg_restore", *only, f"--file={script}", str(dumped))
        home = _quoted(schema)
        with open(whole, "wb") as into, open(script, "rb") as body:
            into.write(b"SET client_min_messages = warning;\n")
            into.write(_MAKE_SCHEMA.format(home.replace("'", "''"), home).encode())
            into.writelines(
                f"DROP TABLE IF EXISTS {home}.{_quoted(name)} CASCADE;\n".encode() for name in names
            )
            _copy_for_any_server(body, into)
            into.write(f"COMMENT ON TABLE {home}.schema_migration IS '{mark}';\n".encode())
        quiet = ("--no-psqlrc", "--quiet", "--output=/dev/null")
        _run(
            "psql", url, *quiet, "--set=ON_ERROR_STOP=1", "--single-transaction", f"--file={whole}"
        )


def _copy_for_any_server(script: BinaryIO, into: BinaryIO) -> None:
    """Copy the script without those settings at its beginning that only new servers know. Our
    tables need none of them.
    """
    for line in script:
        if line.startswith(b"SET transaction_timeout = "):
            continue
        into.write(line)
        if line.startswith((b"CREATE ", b"COPY ")):
            break
    shutil.copyfileobj(script, into)


def mark_of(url: str) -> str | None:
    """The mark that `replace` wrote last, "" if it never did; None if the database does not
    answer.
    """
    try:
        with psycopg.connect(url, connect_timeout=5) as server:
            row = server.execute(
                "SELECT obj_description(to_regclass('schema_migration'), 'pg_class')"
            ).fetchone()
    except psycopg.Error:
        return None
    return str(row[0] or "") if row else ""


def _run(tool: str, url: str, *arguments: str) -> None:
    """Run a tool on the database.

    The password is passed in a file, since everybody can read a process's arguments. Without a
    password in the URL the tool finds it where we did (PGPASSWORD, ~/.pgpass).
    """
    parts = conninfo_to_dict(url)
    password = parts.pop("password", None)
    if not password:
        _output(tool, "--dbname", make_conninfo(**parts), *arguments)
        return
    with tempfile.NamedTemporaryFile("w", prefix=".pgpass-") as passwords:  # made with mode 0600
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        passwords.write(f"*:*:*:*:{escaped}\n")
        passwords.flush()
        parts["passfile"] = passwords.name
        _output(tool, "--dbname", make_conninfo(**parts), *arguments)


def _output(tool: str, *arguments: str) -> str:
    if shutil.which(tool) is None:
        raise ToolRefused(_("{tool} is not installed here. {client}", tool=tool, client=_CLIENT))
    # its refusals are parsed below
    command = ["/usr/bin/env", "LC_ALL=C.UTF-8", tool, *arguments]
    done = subprocess.run(  # noqa: S603 (no shell)
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=end_with_parent,  # otherwise a killed command would still replace the database
    )
    if done.returncode:
        raise ToolRefused(_sentence(tool, done.stderr))
    return done.stdout


def _sentence(tool: str, output: str) -> str:
    """The reason why a tool refused, as a sentence. If two versions do not fit together, it says
    which one to install.
    """
    versions = re.search(r"server version: (\d+)[^;]*; pg_dump version: (\d+)", output)
    if versions:
        return _(
            "pg_dump here is version {here}, the server's is {there}. Install"
            " PostgreSQL's client tools of version {there}.",
            here=versions[2],
            there=versions[1],
        )
    if "unsupported version" in output:
        return _("{tool} here is too old for this backup. {client}", tool=tool, client=_CLIENT)
    lines = [line for line in output.strip().splitlines() if line]
    faults = [line for line in lines if re.search(r"\b(error|fatal|ERROR|FATAL):", line)]
    why = next(iter(faults or lines), _("it did not say why"))
    return _("{tool} refused: {why}", tool=tool, why=re.sub(r"^psql:[^:]*:[0-9]+: ", "", why))
