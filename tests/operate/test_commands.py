"""The command line: what each command makes, prints and refuses."""

import fcntl
import io
import json
import sqlite3
import stat
import tarfile
from contextlib import closing
from datetime import UTC, datetime, timedelta

import program
import pytest
from icalendar import Calendar
from program import on_sqlite_alone

import models
from app import Settings
from base.scheduling import Span
from models import AuditEntry, Booking, Clinic, Feed, User
from operate import redis_server
from people.credentials import OneTimeToken


@pytest.fixture
def run(app):
    """`run("feed", "create", …)`.

    The answer of a command that went well; with `fault=True`, of one that refused.
    """

    def invoke(*arguments, given=None, fault=False):
        answer = app.test_cli_runner().invoke(
            args=[str(argument) for argument in arguments], input=given
        )
        assert answer.exit_code == (1 if fault else 0), answer.output + answer.stderr
        assert ("Traceback" not in answer.output and answer.exception is None) or isinstance(
            answer.exception, SystemExit
        )
        models.database.connect(reuse_if_open=True)
        return answer.stderr.strip() if fault else answer

    return invoke


def path_of(url: str) -> str:
    assert url.startswith("http://localhost/"), url
    return url.strip().removeprefix("http://localhost")


# ---- clinics and people ----


def test_a_new_clinic_has_an_owner_who_chooses_a_password_through_the_printed_link(run, app):
    who = ("--owner-email", "Rita@Harbour.test", "--owner-name", "Rita Sousa")
    url = run("clinic", "create", "Harbour Clinic", "--zone", "Europe/Lisbon", *who).stdout
    owner = User.get(User.email == "rita@harbour.test")
    assert (
        owner.is_owner
        and owner.clinic.name == "Harbour Clinic"
        and owner.clinic.venues.get().zone_name == "Europe/Lisbon"
    )
    answer = app.test_client().post(path_of(url), data={"password": "a sentence of mine"})
    assert answer.status_code == 303
    assert User.get_by_id(owner.id).check_password("a sentence of mine")


@pytest.mark.parametrize("zone", ["New York", "EST", "america/new_york"])
def test_a_clinic_is_made_in_the_zone_of_a_city_or_a_short_name(run, db, zone):
    who = ("--owner-email", "rita@harbour.test", "--owner-name", "Rita Sousa")
    run("clinic", "create", "Harbour Clinic", "--zone", zone, *who)
    assert Clinic.get().venues.get().zone_name == "America/New_York"


@pytest.mark.parametrize("zone", ["Atlantis", "Etc/GMT+3", "../../etc/passwd", ""])
def test_a_clinic_needs_a_real_time_zone(app, db, zone):
    answer = app.test_cli_runner().invoke(
        args=[
            "clinic",
            "create",
            "X",
            "--zone",
            zone,
            "--owner-email",
            "a@b.test",
            "--owner-name",
            "A",
        ]
    )
    assert answer.exit_code == 2 and "IANA time zone" in answer.stderr
    assert not Clinic.select().exists()


def test_an_address_signs_in_to_one_clinic_only(run, linden):
    said = run(
        "clinic",
        "create",
        "Second",
        "--zone",
        "UTC",
        "--owner-email",
        linden.pat.email,
        "--owner-name",
        "Pat",
        fault=True,
    )
    assert said == f"Error: {linden.pat.email} signs in already."
    assert Clinic.select().count() == 1


def test_a_practitioner_gets_a_calendar_at_the_venue_named(run, linden):
    run(
        "user",
        "create",
        "ruth@linden.test",
        "--name",
        "Ruth",
        "--venue",
        "Harbour House",
        "--password-stdin",
        given="correct horse battery\n",
    )
    ruth = User.get(User.email == "ruth@linden.test")
    assert ruth.role == "practitioner" and ruth.check_password("correct horse battery")
    assert [calendar.venue.name for calendar in ruth.practitioners] == ["Harbour House"]
    assert not OneTimeToken.select().exists()


def test_where_there_are_several_venues_or_clinics_one_must_be_named(run, linden, stranger):
    assert "several clinics" in run("user", "create", "r@linden.test", "--name", "Ruth", fault=True)
    said = run(
        "user",
        "create",
        "r@linden.test",
        "--name",
        "Ruth",
        "--clinic",
        linden.clinic.name,
        fault=True,
    )
    assert "--venue: Harbour House, Linden Street" in said
    assert "No clinics are called Oak" in run(
        "user", "create", "r@linden.test", "--name", "Ruth", "--clinic", "Oak", fault=True
    )
    assert not User.select().where(User.email == "r@linden.test").exists()


def test_a_manager_needs_no_calendar_and_an_invitation_is_the_default(run, linden):
    answer = run("user", "create", "mo@linden.test", "--name", "Mo", "--role", "manager")
    mo = User.get(User.email == "mo@linden.test")
    assert not mo.practitioners.exists() and mo.password_hash is None
    assert OneTimeToken.find(answer.stdout.strip().rsplit("/", 1)[1]).user == mo


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "at least 12"),
        ("x" * 201, "at most 200"),
        ("", "at least 12"),
        ("password1234", "easy to guess"),
        ("pat@linden.test", "more than your name"),
    ],
)
def test_a_password_has_bounds(run, linden, password, said):
    before = User.get_by_id(linden.pat.id).password_hash
    assert said in run(
        "user", "password", linden.pat.email, "--password-stdin", given=f"{password}\n", fault=True
    )
    assert User.get_by_id(linden.pat.id).password_hash == before


def test_a_new_password_ends_every_session(run, linden, signed_in):
    browser = signed_in(linden.pat)
    run("user", "password", linden.pat.email, "--password-stdin", given="another long one\n")
    assert User.get_by_id(linden.pat.id).check_password("another long one")
    assert "/sign-in" in browser.get("/profile").location


def test_a_reset_link_may_be_printed_instead(run, linden):
    secret = run("user", "password", linden.pat.email, "--link").stdout.strip().rsplit("/", 1)[1]
    assert OneTimeToken.find(secret).purpose == "reset"
    assert "Nobody signs in as nobody@linden.test." in run(
        "user", "password", "nobody@linden.test", fault=True
    )


def test_a_plan_without_feeds_stops_the_links(run, app, linden):
    url = run("feed", "create", linden.pat.email).stdout
    assert app.test_client().get(path_of(url)).status_code == 200
    assert "basic" in run("plan", linden.clinic.name, "basic").stdout
    assert app.test_client().get(path_of(url)).status_code == 404
    assert "has no feeds" in run("feed", "create", linden.pat.email, fault=True)


# ---- private links ----


@pytest.fixture
def bookings(linden, clock):
    """One in each of Quinn's two calendars, and one in Pat's."""
    clock.now = datetime.now(UTC)
    start = clock.now.replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
    for hours, calendar in enumerate((linden.calendar, linden.colleague_calendar, linden.abroad)):
        Booking.book(
            calendar,
            [Span(start + timedelta(hours=hours), start + timedelta(hours=hours, minutes=50))],
            None,
            service=linden.service,
        )


@pytest.mark.parametrize(
    ("person", "options", "count"),
    [
        ("pat", [], 1),
        ("quinn", [], 2),
        ("quinn", ["--venue", "Harbour House"], 1),
        ("maya", ["--all"], 3),
    ],
)
def test_the_printed_url_can_be_read_at_once(run, app, linden, bookings, person, options, count):
    url = run("feed", "create", getattr(linden, person).email, *options).stdout
    answer = app.test_client().get(path_of(url))
    assert (
        answer.status_code == 200 and len(Calendar.from_ical(answer.data).walk("VEVENT")) == count
    )


def test_making_a_link_lets_bookings_leave_and_says_so(run, app, linden):
    User.update(sync_allowed=False).execute()
    answer = run("feed", "create", linden.pat.email, "--name", "the desk")
    assert "bookings of Pat Linden may leave" in answer.stderr and answer.stdout.count("\n") == 1
    assert User.get_by_id(linden.pat.id).sync_allowed and Feed.get().name == "the desk"
    assert AuditEntry.select().where(AuditEntry.action == "sync.settings").exists()
    assert app.test_client().get(path_of(answer.stdout)).status_code == 200


@pytest.mark.parametrize(
    ("person", "options", "sentence"),
    [
        ("maya", [], "has no calendar; owners and managers may use --all"),
        ("pat", ["--venue", "Moon"], "has no calendar at Moon"),
        ("pat", ["--all"], "Only owners and managers"),
    ],
)
def test_a_link_that_cannot_be_is_refused(run, linden, person, options, sentence):
    assert sentence in run("feed", "create", getattr(linden, person).email, *options, fault=True)
    assert not Feed.select().exists()


@pytest.mark.parametrize("by", ["id", "uuid"])
def test_a_link_is_stopped_by_number_or_uuid(run, app, linden, by):
    url = run("feed", "create", linden.pat.email).stdout
    run("feed", "revoke", getattr(Feed.get(), by))
    assert app.test_client().get(path_of(url)).status_code == 404
    assert AuditEntry.select().where(AuditEntry.action == "feed.revoked").count() == 1
    run("feed", "revoke", getattr(Feed.get(), by))
    assert AuditEntry.select().where(AuditEntry.action == "feed.revoked").count() == 1


@pytest.mark.parametrize(
    "name", ["4711", "not-a-uuid", "00000000-0000-0000-0000-000000000000", "9" * 40]
)
def test_a_link_that_is_not_there_is_a_sentence(run, db, name):
    assert run("feed", "revoke", name, fault=True) == f"Error: There is no private link {name}."


# ---- backups ----


def status_of(own, url: str) -> int:
    """What the installation's own web would answer."""
    path = url.strip().removeprefix("http://localhost:8000")
    code = (
        f"from app import create_app; print(create_app().test_client().get({path!r}).status_code)"
    )
    return int(program.python(code, **own.environ).stdout)


def members(file) -> dict[str, bytes]:
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def pack(file, parts: dict[str, bytes]) -> None:
    with tarfile.open(file, "w:gz") as archive:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_a_backup_brings_back_data_and_links_and_keeps_aside_what_was_there(own, tmp_path):
    kind = "kalends.dump" if "DATABASE_URL" in own.environ else "kalends.db"
    url = next(
        line
        for line in own("feed", "create", "lea@sample.test").splitlines()
        if line.startswith("http")
    )
    file, key = tmp_path / "kalends.tar.gz", tmp_path / "instance" / "secret_key"
    assert "The secret key is in it." in own("backup", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(members(file)) == {"about.json", kind, "secret_key"}

    own("feed", "revoke", 1)
    own("user", "create", "late@sample.test", "--name", "Too Late", "--role", "manager")
    key.write_text("another key, under which no link would work")
    assert status_of(own, url) == 404
    assert "Aborted" in own("restore", file, status=1)
    assert status_of(own, url) == 404
    assert "is kept in" in own("restore", file, "--yes")

    assert status_of(own, url) == 200
    assert "Nobody signs in as late@sample.test" in own(
        "user", "password", "late@sample.test", "--link", status=1
    )
    (aside,) = (tmp_path / "instance").glob("before-restore-*")
    assert {path.name for path in aside.iterdir()} == {kind, "secret_key"}
    assert [
        path.name
        for path in (tmp_path, tmp_path / "instance")
        for path in path.iterdir()
        if path.name.startswith((".backup", ".restore"))
    ] == []


@on_sqlite_alone
def test_a_backup_is_refused_that_is_newer_or_damaged_or_of_the_other_kind(own, tmp_path):
    good = tmp_path / "good.tar.gz"
    own("backup", good)
    parts = members(good)
    about = json.loads(parts["about.json"])
    refusals = {
        "newer version of Kalends": {
            **parts,
            "about.json": json.dumps(
                {**about, "migrations": [*about["migrations"], "9999_later"]}
            ).encode(),
        },
        "not a backup of Kalends": {"kalends.db": parts["kalends.db"]},
        "is damaged": {**parts, "kalends.db": parts["kalends.db"][:8192] + b"?" * 40_000},
        "other kind of database": {"about.json": parts["about.json"], "kalends.dump": b"?"},
    }
    before = (tmp_path / "instance" / "kalends.db").read_bytes()
    for sentence, content in refusals.items():
        pack(tmp_path / "bad.tar.gz", content)
        assert sentence in own("restore", tmp_path / "bad.tar.gz", "--yes", status=1)
    (tmp_path / "text").write_text("not an archive")
    assert "not a backup of Kalends" in own("restore", tmp_path / "text", "--yes", status=1)
    assert (tmp_path / "instance" / "kalends.db").read_bytes() == before
    assert not list((tmp_path / "instance").glob("before-restore-*"))
    assert "exists already" in own("backup", good, status=1)


@on_sqlite_alone
def test_parts_of_an_archive_that_are_none_of_ours_are_left_out(own, tmp_path):
    own("backup", tmp_path / "good.tar.gz")
    pack(
        tmp_path / "odd.tar.gz",
        {**members(tmp_path / "good.tar.gz"), "../escaped": b"x", "instance/kalends.db": b"x"},
    )
    own("restore", tmp_path / "odd.tar.gz", "--yes")
    assert not list(tmp_path.rglob("escaped")) and not list(
        (tmp_path / "instance").rglob("instance")
    )


@on_sqlite_alone
def test_nothing_is_restored_under_a_running_kalends(own, tmp_path):
    own("backup", tmp_path / "kalends.tar.gz")
    with open(tmp_path / "instance" / "running", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "Kalends is running. Stop it first." in own(
            "restore", tmp_path / "kalends.tar.gz", "--yes", status=1
        )
    own("restore", tmp_path / "kalends.tar.gz", "--yes")


@on_sqlite_alone
def test_a_key_from_the_environment_stays_out_of_the_backup(own, tmp_path):
    own("key", "accept", "--yes", KALENDS_SECRET_KEY="x" * 40)
    assert "keep KALENDS_SECRET_KEY as safe" in own(
        "backup", tmp_path / "kalends.tar.gz", KALENDS_SECRET_KEY="x" * 40
    )
    assert "secret_key" not in members(tmp_path / "kalends.tar.gz")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_without_its_tools_says_what_to_install(own, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "pg_dump is not installed here." in own("backup", tmp_path / "kalends.tar.gz", status=1)
    assert not (tmp_path / "kalends.tar.gz").exists()


# ---- doctor ----


@on_sqlite_alone
def test_the_doctor_says_what_to_fix_and_the_status_tells_scripts(own, tmp_path):
    said = own("doctor", status=1)
    assert (
        "FIX  Redis does not answer." in said
        and "ok   The database (SQLite) can be read and written" in said
    )
    with redis_server.embedded_redis(
        Settings.from_env({"KALENDS_INSTANCE": str(tmp_path / "instance")})
    ):
        assert "FIX  No worker runs." in own("doctor", status=1)
        worker = program.begin("worker", output=tmp_path / "said", **own.environ)
        try:
            program.until(lambda: program.run("doctor", **own.environ).returncode == 0)
            assert "FIX" not in own("doctor")
        finally:
            worker.terminate()
            worker.wait(60)


@on_sqlite_alone
@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        (
            {"KALENDS_ENV": "production", "KALENDS_SECRET_KEY": "x" * 40},
            "FIX  KALENDS_BASE_URL is http://localhost:8000.",
        ),
        (
            {"KALENDS_BASE_URL": "https://calendar.example.org"},
            "FIX  KALENDS_BASE_URL is https, but KALENDS_TRUSTED_PROXIES is 0.",
        ),
        (
            {"SMTP_URL": "smtp://127.0.0.1:9", "MAIL_FROM": "a@b.test"},
            "FIX  The mail server does not take us: nobody answers at the address",
        ),
        ({"REDIS_URL": "redis://127.0.0.1:9"}, "FIX  Redis does not answer. Check REDIS_URL"),
        (
            {"DATABASE_URL": "postgresql://someone:hunter2@127.0.0.1:9/none"},
            "FIX  The database cannot be used: connection",
        ),
        (
            {"DATABASE_URL": "sqlite:////nowhere/kalends.db"},
            "FIX  The database cannot be used: unable to open database file.",
        ),
    ],
)
def test_the_doctor_finds_each_fault(own, environ, sentence):
    said = own("doctor", status=1, **environ)
    assert sentence in said and "hunter2" not in said


def test_commands_ask_for_migrations_first(tmp_path):
    program.first_key(tmp_path)
    done = program.run("feed", "create", "lea@sample.test", KALENDS_INSTANCE=tmp_path)
    assert (done.returncode, done.stderr) == (
        1,
        "Error: The database is empty. If a clinic should be in it, set KALENDS_INSTANCE and"
        " DATABASE_URL as the service has them, or restore a backup. For a new clinic run: flask"
        " --app app migrate\n",
    )


@on_sqlite_alone
@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "DELETE FROM schema_migration WHERE name = (SELECT MAX(name) FROM schema_migration)",
            "The database is behind this program. Run: flask --app app migrate\n",
        ),
        (
            "INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2027-01-01')",
            "This database was made by a newer version of Kalends. Update the program, or restore a"
            " backup made before.\n",
        ),
        ("DROP TABLE schema_migration", "The database is empty. If a clinic should be in it,"),
    ],
)
def test_a_database_of_another_version_or_a_lost_one_is_told_as_what_it_is(
    own, tmp_path, statement, sentence
):
    """By commands, by the doctor, and by a part that runs alone."""
    with closing(sqlite3.connect(tmp_path / "instance" / "kalends.db")) as database:
        database.execute(statement)
        database.commit()
    assert f"Error: {sentence}" in own("feed", "create", "lea@sample.test", status=1)
    assert f"FIX  {sentence}" in own("doctor", status=1)
    said = tmp_path / "said"
    part = program.begin("clock", output=said, **own.environ)
    try:
        program.until(lambda: sentence in said.read_text())
    finally:
        part.terminate()
        part.wait(60)
