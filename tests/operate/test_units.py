"""The units for systemd: they start commands that there are, and the backup is confined as the
service is.
"""

import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SERVICES = ("kalends.service", "kalends-backup.service")
CONFINING = re.compile(
    r"NoNewPrivileges|Protect\w+|Private\w+|Restrict\w+|LockPersonality|Capability\w+|SystemCall\w+"
    r"|UMask"
)


def lines(name: str) -> list[tuple[str, str]]:
    """The settings of a unit, in their order."""
    return re.findall(r"^(\w+)=(.*)$", (TOP / "deploy" / name).read_text(), re.MULTILINE)


def values(name: str, setting: str) -> list[str]:
    return [value for known, value in lines(name) if known == setting]


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_starts_a_command_that_there_is(app, name):
    (command,) = values(name, "ExecStart")
    assert re.search(r"--app app (\w+)", command)[1] in app.cli.commands
    assert values(name, "User") == ["kalends"]


def test_the_backup_sees_what_the_service_sees():
    for setting in ("WorkingDirectory", "EnvironmentFile", "Environment"):
        assert values("kalends-backup.service", setting) == values("kalends.service", setting) != []


def test_the_backup_is_confined_as_the_service_is():
    service, backup = (
        {line for line in lines(name) if CONFINING.fullmatch(line[0])} for name in SERVICES
    )
    assert len(service) > 15 and backup == service


def test_the_backup_may_write_where_it_reads_and_where_it_keeps_them():
    (instance,) = values("kalends-backup.service", "ReadWritePaths")
    assert f"KALENDS_INSTANCE={instance}" in values("kalends.service", "Environment")[0]
    assert instance == f"/var/lib/{values('kalends.service', 'StateDirectory')[0]}"
    assert values("kalends-backup.service", "StateDirectory") == ["kalends-backups"]
    assert "$STATE_DIRECTORY/" in values("kalends-backup.service", "ExecStart")[0]


def test_what_is_started_with_the_machine_is_wanted_by_something():
    assert values("kalends.service", "WantedBy") == ["multi-user.target"]
    assert values("kalends-backup.timer", "WantedBy") == ["timers.target"]


def test_the_backup_does_not_fail_before_the_first_clinic(app):
    (command,) = values("kalends-backup.service", "ExecStart")
    (option,) = re.findall(r"--app app backup (--\S+)", command)
    assert option in {name for part in app.cli.commands["backup"].params for name in part.opts}
