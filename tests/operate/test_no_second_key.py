"""Only the first start makes a secret key. A command with other settings than the service's creates
nothing, and says what to do.
"""

import socket
from contextlib import closing

import click
import program
import pytest

from app import create_app
from base.config.settings import Settings
from operate import keys

ARGUMENTS = {  # of every command, so that it would run
    "migrate": [],
    "web": [],
    "worker": ["--burst"],
    "clock": [],
    "clinic create": [
        "Linden",
        "--zone=Europe/London",
        "--owner-email=o@x.test",
        "--owner-name=O",
    ],
    "user create": ["p@x.test", "--name=P"],
    "user password": ["p@x.test", "--link"],
    "plan": ["Linden", "pro"],
    "feed create": ["p@x.test"],
    "feed revoke": ["1"],
    "sync run": [],
    "reseal": [],
    "key accept": ["--yes"],
    "sample": [],
    "import": ["clients", __file__],
    "backup": ["{folder}/backup.tar.gz"],
    "doctor": [],
}
MAY_MAKE_ONE = {"start", "restore"}  # restore: the backup's own
NEEDS_NONE = {"version"}  # it touches nothing that is installed


@pytest.fixture
def nothing(tmp_path):
    """A folder in which nothing is installed."""
    return tmp_path / "nothing"


def commands(group: click.Group, above: str = "") -> list[str]:
    """The names of all commands of ours, those of groups with the group's name before."""
    found = []
    for name, command in group.commands.items():
        inner = isinstance(command, click.Group)
        found += commands(command, f"{above}{name} ") if inner else [f"{above}{name}"]
    return found


def test_the_table_of_commands_is_whole(app):
    flasks_own = {"run", "shell", "routes"}
    assert set(commands(app.cli)) - flasks_own == set(ARGUMENTS) | MAY_MAKE_ONE | NEEDS_NONE


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_command_beside_nothing_makes_nothing_and_says_what_to_do(nothing, tmp_path, name):
    app = create_app(Settings.from_env({"KALENDS_INSTANCE": str(nothing)}))
    arguments = [one.format(folder=tmp_path) for one in ARGUMENTS[name]]
    done = app.test_cli_runner().invoke(args=[*name.split(), *arguments])
    assert done.exit_code == 1 and keys.MISSING in done.output, done.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_key_stays_without_one(tmp_path):
    """The instance folder is the service's own, its key is in an environment that is not ours."""
    done = program.run("migrate", KALENDS_INSTANCE=tmp_path)
    assert (done.returncode, done.stderr) == (1, f"Error: {keys.MISSING}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_begun_in_another_way_says_so_too(nothing):
    app = create_app(Settings.from_env({"KALENDS_INSTANCE": str(nothing)}))
    for path in ("/", "/api/calendar/x/y.ics", "/healthz"):
        answer = app.test_client().get(path)
        assert answer.status_code == 503 and answer.get_data(as_text=True) == keys.MISSING
    assert not nothing.exists()


def test_a_start_beside_one_that_runs_makes_no_key(nothing):
    """The port is taken: something runs here already, with other settings."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = program.run("start", KALENDS_INSTANCE=nothing, KALENDS_PORT=port)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert not (nothing / "secret_key").exists() and not (nothing / "kalends.db").exists()
