"""The environment is read once, and all faults are reported together as sentences."""

import os
import sqlite3
import stat
from contextlib import closing

import program
import pytest

from app import Settings, SettingsError
from base.config.settings import hand_down

WRONG = {
    "KALENDS_ENV": "staging",
    "KALENDS_PORT": "eighty",
    "KALENDS_BASE_URL": "calendar.example.org",
    "DATABASE_URL": "mysql://host/name",
    "REDIS_URL": "host:6379",
    "SMTP_URL": "mail.example.org",
    "KALENDS_SIGNUP": "maybe",
    "KALENDS_SANDBOX": "yes",
    "KALENDS_TRUSTED_PROXIES": "-1",
}


@pytest.fixture
def read(tmp_path):
    return lambda **environ: Settings.from_env(
        {"KALENDS_INSTANCE": str(tmp_path / "instance"), **environ}
    )


def faults(read, **environ) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(**environ)
    return refused.value.faults


def test_an_empty_environment_is_enough(read, tmp_path):
    settings = read()
    assert settings.base_url == "http://localhost:8000" and (settings.host, settings.port) == (
        "127.0.0.1",
        8000,
    )
    assert settings.database_url == f"sqlite:///{tmp_path}/instance/kalends.db"
    assert (
        settings.embedded_redis and settings.redis_url == f"unix://{tmp_path}/instance/redis.sock"
    )
    assert not settings.production and not settings.signup_open and settings.smtp_url is None


def test_all_faults_are_told_at_once_each_by_its_name(read):
    told = faults(read, **WRONG)
    assert sorted(name for name in WRONG for fault in told if fault.startswith(name)) == sorted(
        WRONG
    )
    assert all(fault.endswith(".") for fault in told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KALENDS_BASE_URL", "http://[broken"),
        ("KALENDS_BASE_URL", "https://"),
        ("REDIS_URL", "redis://host:port"),
        ("REDIS_URL", "unix://"),
        ("SMTP_URL", "smtp://:25"),
        ("KALENDS_PORT", "0"),
        ("KALENDS_PORT", "65536"),
        ("KALENDS_PORT", "٨٠٠٠"),
    ],
)
def test_a_malformed_value_is_a_sentence_not_a_crash(read, name, value):
    assert [
        fault.split()[0] for fault in faults(read, MAIL_FROM="clinic@example.org", **{name: value})
    ] == [name]


@pytest.mark.parametrize("name", ["GOOGLE_API_URL", "GOOGLE_TOKEN_URL", "MICROSOFT_GRAPH_URL"])
def test_nothing_of_an_account_travels_unencrypted_in_production(read, name):
    """Only to this machine itself, where imitations answer."""
    company = name.partition("_")[0]
    known = {
        "KALENDS_ENV": "production",
        "KALENDS_BASE_URL": "https://calendar.example.org",
        f"{company}_CLIENT_ID": "x",
        f"{company}_CLIENT_SECRET": "y",
    }
    url = "http://provider.example.org/common"
    assert faults(read, **known, **{name: url}) == [
        f"{company}: {url} must be an https:// address."
    ]
    read(**known, **{name: "http://127.0.0.1:8010/common"})
    read(**known, **{name: "https://provider.example.org/common"})


def test_mail_needs_a_sender(read):
    assert faults(read, SMTP_URL="smtp://mail.example.org") == [
        "MAIL_FROM is required with SMTP_URL: the address that notices come from."
    ]


def test_production_needs_a_long_key(read, tmp_path):
    elsewhere = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    assert any(
        "KALENDS_SECRET_KEY is required" in fault
        for fault in faults(read, KALENDS_ENV="production", DATABASE_URL=elsewhere)
    )
    assert any(
        "16 characters" in fault
        for fault in faults(read, KALENDS_ENV="production", KALENDS_SECRET_KEY=f"{'x' * 40},short")
    )
    assert read(
        KALENDS_ENV="production", KALENDS_SECRET_KEY=f"{'x' * 40}, {'y' * 40}"
    ).secret_keys == ("x" * 40, "y" * 40)


def test_the_sandbox_never_runs_in_production(read):
    assert read(KALENDS_SANDBOX="1").sandbox
    assert not read(
        KALENDS_SANDBOX="1", KALENDS_ENV="production", KALENDS_SECRET_KEY="x" * 40
    ).sandbox


def test_the_first_start_makes_a_key_that_stays_and_only_its_owner_reads(read, tmp_path):
    assert read().secret_keys == () and not (tmp_path / "instance").exists()
    first, again = read().with_first_key(), read()
    assert first.secret_keys == again.secret_keys and len(first.secret_keys[0]) >= 48
    assert again.with_first_key() == again
    assert stat.S_IMODE((tmp_path / "instance" / "secret_key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "instance").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "instance").iterdir()] == ["secret_key"]


def test_a_secret_may_come_from_a_file(read, tmp_path):
    (tmp_path / "key").write_text("from a file\n")
    assert read(KALENDS_SECRET_KEY_FILE=str(tmp_path / "key")).secret_keys == ("from a file",)
    assert faults(read, KALENDS_SECRET_KEY_FILE=str(tmp_path / "none")) == [
        "KALENDS_SECRET_KEY_FILE names a file that cannot be read."
    ]


def test_a_folder_that_cannot_be_used_is_a_sentence(read, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError) as refused:
        read(KALENDS_INSTANCE=str(tmp_path / "file" / "instance")).with_first_key()
    (made,) = refused.value.faults
    (tmp_path / "odd" / "secret_key").mkdir(parents=True)  # cannot be read, not even by root
    (told,) = faults(read, KALENDS_INSTANCE=str(tmp_path / "odd"))
    for said in (made, told):
        assert said.startswith("The folder ") and "sudo -u" in said and "KALENDS_INSTANCE" in said


def test_the_socket_of_a_deep_folder_moves_to_a_short_path(read, tmp_path):
    deep, other = tmp_path / ("d" * 60) / ("e" * 60), tmp_path / ("d" * 60) / ("f" * 60)
    socket = read(KALENDS_INSTANCE=str(deep)).redis_url.removeprefix("unix://")
    assert len(socket) <= 100 and socket != read(
        KALENDS_INSTANCE=str(other)
    ).redis_url.removeprefix("unix://")


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["doctor"],
        ["start"],
        ["web"],
        ["feed", "create", "lea@sample.test"],
        ["--help"],
    ],
)
def test_every_command_tells_a_wrong_environment_without_a_trace(tmp_path, arguments):
    done = program.run(
        *arguments, KALENDS_INSTANCE=tmp_path, KALENDS_PORT="eighty", KALENDS_SIGNUP="maybe"
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "KALENDS_PORT must be a whole number from 1 to 65535.",
        "KALENDS_SIGNUP must be closed or open.",
    ]


# ---- the key, beside a database ----


@pytest.fixture
def data(tmp_path):
    """A database with a clinic in the instance folder, and no key."""
    (tmp_path / "instance").mkdir()
    with closing(sqlite3.connect(tmp_path / "instance" / "kalends.db")) as file:
        file.executescript("CREATE TABLE clinic (id INTEGER); INSERT INTO clinic VALUES (1)")
    return tmp_path / "instance"


@pytest.mark.parametrize("environment", ["development", "production"])
def test_no_key_is_made_beside_a_database_with_data(read, data, environment):
    settings = read(KALENDS_ENV=environment)
    told = settings.key_fault
    assert settings.secret_keys == ()
    with pytest.raises(SettingsError, match="not its secret key"):
        settings.with_first_key()
    assert (
        told.startswith("There is a database, but not its secret key.")
        and "KALENDS_SETTINGS_FILE" in told
    )
    assert [path.name for path in data.iterdir()] == ["kalends.db"]


def test_no_key_is_made_if_the_database_does_not_answer(read, tmp_path):
    (tmp_path / "kalends.db").write_text("no database" * 1000)
    for url in (f"sqlite:///{tmp_path / 'kalends.db'}", "postgresql://127.0.0.1:9/none"):
        assert (
            "There is no secret key yet, and the database cannot be used: "
            in faults(read, DATABASE_URL=url)[0]
        )
    assert not (tmp_path / "instance").exists()


def test_no_key_is_made_if_a_database_appeared_meanwhile(read, tmp_path):
    settings = read(DATABASE_URL=f"sqlite:///{tmp_path / 'kalends.db'}")
    with closing(sqlite3.connect(tmp_path / "kalends.db")) as file:
        file.executescript("CREATE TABLE clinic (id INTEGER); INSERT INTO clinic VALUES (1)")
    with pytest.raises(SettingsError, match="not its secret key"):
        settings.with_first_key()
    assert not (tmp_path / "instance").exists()


def test_a_kept_key_wins_over_a_second_first_start(read):
    """Two first starts at once: both read that there is no key, and one of them makes it."""
    early, late = read(), read()
    assert early.with_first_key().secret_keys == late.with_first_key().secret_keys


def test_an_emptied_key_file_is_never_taken_for_a_key(read, data):
    (data / "secret_key").write_text("\n")
    assert "is empty" in faults(read)[0]


def test_the_first_start_in_production_makes_a_key_once(read, tmp_path):
    first = read(KALENDS_ENV="production").with_first_key()
    again = read(KALENDS_ENV="production")
    assert (
        first.secret_keys == again.secret_keys
        and stat.S_IMODE((tmp_path / "instance" / "secret_key").stat().st_mode) == 0o600
    )


# ---- the service's own file ----


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_what_somebody_else_may_not_read_is_a_sentence(tmp_path):
    """A command of another user than the service's: the folder, and the file of its settings."""
    (tmp_path / "closed").mkdir(mode=0o700)
    (tmp_path / "closed" / "kalends.env").write_text("KALENDS_PORT=8123")
    code = f"""
import os, sys
from base.config import environment, settings
environment.SERVICE_FILE = settings.Path({str(tmp_path / "closed" / "kalends.env")!r})
os.setuid(65534)
for environ in (None, {{"KALENDS_INSTANCE": {str(tmp_path / "closed")!r}}}):
    try:
        settings.Settings.from_env(environ)
    except settings.SettingsError as error:
        print(error)
"""
    done = program.python(code)
    assert done.returncode == 0, done.stderr
    file, folder = done.stdout.splitlines()
    assert file.startswith(f"{tmp_path / 'closed' / 'kalends.env'} cannot be read.")
    assert folder.startswith(f"The folder {tmp_path / 'closed'} cannot be used")
    assert "sudo -u" in file and "sudo -u" in folder


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A shell of somebody who looks after the server; gives the service's file."""
    for name in [
        name for name in os.environ if name.startswith(("KALENDS_", "DATABASE_URL", "SMTP_URL"))
    ]:
        monkeypatch.delenv(name)
    file = tmp_path / "kalends.env"
    monkeypatch.setattr("base.config.environment.SERVICE_FILE", file)
    monkeypatch.setenv("KALENDS_INSTANCE", str(tmp_path / "instance"))
    return file


def test_a_shell_sees_what_the_service_sees(shell, monkeypatch):
    assert Settings.from_env().port == 8000
    shell.write_text(
        "# the clinic's\nKALENDS_PORT=8123\nKALENDS_SECRET_KEY='quoted = key'\n\nPATH=/nowhere\n ; more\nKALENDS_BASE_URL=\"https://a.test\"\n"
    )
    seen = Settings.from_env()
    assert (seen.port, seen.secret_keys, seen.base_url) == (
        8123,
        ("quoted = key",),
        "https://a.test",
    )
    monkeypatch.setenv("KALENDS_PORT", "8200")  # what was typed wins
    assert Settings.from_env().port == 8200
    monkeypatch.setenv("KALENDS_SETTINGS_FILE", "")
    assert Settings.from_env().base_url == "http://localhost:8200"


def test_what_is_typed_wins_over_a_file_that_the_service_names(shell, monkeypatch, tmp_path):
    (tmp_path / "old").write_text("the old key of the service")
    shell.write_text(f"KALENDS_SECRET_KEY_FILE={tmp_path / 'old'}\nKALENDS_PORT=8123\n")
    assert Settings.from_env().secret_keys == ("the old key of the service",)
    monkeypatch.setenv("KALENDS_SECRET_KEY", "the new key of the service")
    assert Settings.from_env().secret_keys == ("the new key of the service",)
    monkeypatch.delenv("KALENDS_SECRET_KEY")
    (tmp_path / "port").write_text("8124")
    monkeypatch.setenv("KALENDS_PORT_FILE", str(tmp_path / "port"))
    assert Settings.from_env().port == 8124


def test_another_file_may_be_named_and_one_that_is_not_there_is_refused(
    shell, monkeypatch, tmp_path
):
    (tmp_path / "other").write_text("KALENDS_PORT=8999")
    monkeypatch.setenv("KALENDS_SETTINGS_FILE", str(tmp_path / "other"))
    assert Settings.from_env().port == 8999
    monkeypatch.setenv("KALENDS_SETTINGS_FILE", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"cannot be read.*service's user"):
        Settings.from_env()


def test_parts_that_run_in_another_folder_find_the_same_files(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kalends.env").write_text(
        "KALENDS_INSTANCE=rel\nDATABASE_URL=sqlite:///here.db\nKALENDS_SECRET_KEY_FILE=key\n"
    )
    (tmp_path / "key").write_text("a key of the tests, long")
    monkeypatch.setenv("KALENDS_SETTINGS_FILE", "kalends.env")
    for name in ("KALENDS_INSTANCE", "DATABASE_URL", "KALENDS_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    settings = Settings.from_env()
    for name in ("KALENDS_INSTANCE", "DATABASE_URL", "KALENDS_SECRET_KEY_FILE"):
        monkeypatch.setenv(name, "")  # so that it is as before in the end
        monkeypatch.delenv(name)
    hand_down(settings)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert Settings.from_env() == settings


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTPS://Calendar.Example.ORG", "https://calendar.example.org"),
        ("https://calendar.example.org/", "https://calendar.example.org"),
        ("https://calendar.example.org:443/", "https://calendar.example.org"),
        ("http://192.168.1.4:80", "http://192.168.1.4"),
        ("https://calendar.example.org:8443", "https://calendar.example.org:8443"),
    ],
)
def test_the_base_url_is_kept_as_providers_compare_it(tmp_path, given, kept):
    read = Settings.from_env({"KALENDS_BASE_URL": given, "KALENDS_INSTANCE": str(tmp_path)})
    assert read.base_url == kept


@pytest.mark.parametrize("more", ["/kalends", "/a/", "?x=1", "#top"])
def test_a_base_url_with_a_path_is_refused(tmp_path, more):
    given = {
        "KALENDS_BASE_URL": f"https://calendar.example.org{more}",
        "KALENDS_INSTANCE": str(tmp_path),
    }
    with pytest.raises(SettingsError, match="cannot run below a path"):
        Settings.from_env(given)
