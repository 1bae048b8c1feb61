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

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CLIENT = "Install PostgreSQL's client tools of the server's version (Debian: postgresql-client)."


class ToolRefused(Exception):
    """The message is a sentence for the person at the keyboard."""


@contextmanager
def refusing(error: type[Exception]) -> Iterator[None]:
    """A tool's refusal, as the caller's own error with the same sentence."""
    try:
        yield
    except ToolRefused as refusal:
        raise error(str(refusal)) from None


def check() -> None:
    """Raises ToolRefused where a backup could not be made."""
    if shutil.which("pg_dump") is None:
        raise ToolRefused(f"pg_dump is not installed here. {_CLIENT}")


def dump(url: str, target: Path) -> None:
    """The whole database, as `replace` takes it. Raises ToolRefused."""
    target.touch(mode=0o600)
    _run("pg_dump", url, "--format=custom", f"--file={target}")


def replace(url: str, dumped: Path, ours: Sequence[str]) -> None:
    """Put a dump in the place of what is there: all of it, or nothing.

    Raises ToolRefused.

    Tables that came after the dump refer to older ones, so that these cannot be dropped one by one:
    all that are ours go first, in the same transaction that brings those of the dump.
    """
    listed = _output("pg_restore", "--list", str(dumped))
    dumped_tables = re.findall(r"^\d+; \d+ \d+ TABLE (\S+) (\S+) ", listed, re.MULTILINE)
    schema = dumped_tables[0][0] if dumped_tables else "public"
    names = sorted({*ours, *(name for _, name in dumped_tables), "schema_migration"})
    with tempfile.TemporaryDirectory(prefix=".kalends-", dir=dumped.parent) as folder:
        script = Path(folder) / "restore.sql"
        script.touch(mode=0o600)
        _output("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(dumped))
        whole = Path(folder) / "whole.sql"
        whole.touch(mode=0o600)
        with open(whole, "wb") as into, open(script, "rb") as body:
            into.writelines(
                f'DROP TABLE IF EXISTS "{schema}"."{name}" CASCADE;\n'.encode() for name in names
            )
            shutil.copyfileobj(body, into)
        _run(
            "psql",
            url,
            "--no-psqlrc",
            "--quiet",
            "--output=/dev/null",
            "--set=ON_ERROR_STOP=1",
            "--single-transaction",
            f"--file={whole}",
        )


def _run(tool: str, url: str, *arguments: str) -> None:
    """Run a tool on the database.

    The password goes through a file: a process's arguments can be read by all.
    """
    parts = conninfo_to_dict(url)
    with tempfile.NamedTemporaryFile("w", prefix=".pgpass-") as passwords:  # made with mode 0600
        passwords.write(
            "*:*:*:*:"
            + str(parts.pop("password", "")).replace("\\", "\\\\").replace(":", "\\:")
            + "\n"
        )
        passwords.flush()
        _output(tool, "--dbname", make_conninfo(**parts, passfile=passwords.name), *arguments)


def _output(tool: str, *arguments: str) -> str:
    if shutil.which(tool) is None:
        raise ToolRefused(f"{tool} is not installed here. {_CLIENT}")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 (no shell)
    if done.returncode:
        raise ToolRefused(_sentence(tool, done.stderr))
    return done.stdout


def _sentence(tool: str, said: str) -> str:
    """Why a tool refused; two versions that do not go together are told as what to install."""
    versions = re.search(r"server version: (\d+)[^;]*; pg_dump version: (\d+)", said)
    if versions:
        return (
            f"pg_dump here is version {versions[2]}, the server's is {versions[1]}. Install"
            f" PostgreSQL's client tools of version {versions[1]}."
        )
    if "unsupported version" in said:
        return f"{tool} here is too old for this backup. {_CLIENT}"
    lines = [line for line in said.strip().splitlines() if line]
    return f"{tool} refused: {lines[0] if lines else 'it did not say why'}"
