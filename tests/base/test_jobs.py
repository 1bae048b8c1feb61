"""The queue over a real Redis: wakes, workers, the clock, and what happens when one of them is
away.
"""

import logging
import os
import pkgutil
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import peewee
import program
import psutil
import pytest
from program import free_port, until
from queued import Queued
from rq import Queue, get_current_job

import models
from app import Settings
from base import jobs, scheduling
from base.database import open_database
from base.scheduling import Span
from base.tables.time_off import DatedHours
from models import Booking, Venue
from operate import chores, intake, migrate, redis_server, workers
from operate.chore_turns import ChoreTurn
from operate.intake.upload import Import
from people.credentials import OneTimeToken, Throttle
from sync.connect import gateway
from sync.tables import starting

on_sqlite_alone = pytest.mark.parametrize(
    "database_url", ["sqlite"], indirect=True
)  # whichever database it is makes no difference
LINES = "First name,Last name\nAnna,Kowalska\n"


@pytest.fixture
def away(settings):
    """A Redis that is not there."""
    jobs.open_queue("unix:///nowhere/redis.sock")
    yield
    jobs.open_queue(settings.redis_url)


def waiting(queue, name: str) -> list[str]:
    return [job.id for job in Queue(name, connection=queue).jobs]


def upload(linden, by=None) -> Import:
    """A file to check, without the wake-up that usually comes with it. `by`: the person (Olive)."""
    sheet = intake.open_sheet("clients", LINES)
    return Import.begin(
        linden.clinic,
        by or linden.olive,
        "clients",
        sheet.text,
        sheet.total,
        problems={"guessed": sheet.guessed},
        choices={},
    )


def phase(row: Import) -> str:
    return Import.get_by_id(row.id).phase


# ---- wakes ----


def test_a_job_carries_an_id_and_nothing_else(queue, linden):
    row = upload(linden)
    assert jobs.enqueue("sync", intake.check_file, row.id)
    (job,) = Queue("sync", connection=queue).jobs
    assert (job.func_name, job.args, job.kwargs) == (
        "base.jobs.carry_out",
        ("operate.intake.check_file", row.id),
        {},
    )
    assert b"Kowalska" not in b"".join(queue.hgetall(job.key).values())


def test_a_second_wake_up_for_the_same_row_is_left_out_while_the_first_waits(queue):
    assert (
        jobs.enqueue("now", intake.check_file, 7)
        and jobs.enqueue("now", intake.check_file, 7)
        and jobs.enqueue("now", intake.check_file, 8)
    )
    assert waiting(queue, "now") == ["operate-intake-check_file-7", "operate-intake-check_file-8"]


@pytest.mark.parametrize("minutes", [0, 5])
def test_a_job_that_died_with_its_worker_before_it_began_is_queued_again(queue, clock, minutes):
    clock.now = datetime.now(UTC)
    jobs.enqueue("sync", intake.check_file, 7)
    queue.lpop("rq:queue:sync")  # taken, and nothing noted
    clock.now += timedelta(minutes=minutes)
    for _ in range(3):
        jobs.enqueue("sync", intake.check_file, 7)
    assert "operate-intake-check_file-7-again" in waiting(queue, "sync")
    clock.now += timedelta(minutes=5)
    queue.delete("rq:queue:sync")
    for _ in range(2):
        jobs.enqueue("sync", intake.check_file, 7)
    assert "operate-intake-check_file-7" in waiting(queue, "sync")


@pytest.mark.parametrize("name", ["now", "sync"])  # without and with forking
def test_a_worker_does_the_work_and_the_same_row_may_be_woken_again(queue, linden, name):
    row = upload(linden)
    jobs.enqueue(name, intake.check_file, row.id)
    program.work(queue, name)
    assert phase(row) == "checked" and Import.get_by_id(row.id).good == 1
    assert queue.keys("rq:job:*") == []
    jobs.enqueue(name, intake.check_file, row.id)
    assert waiting(queue, name) == [f"operate-intake-check_file-{row.id}"]


def test_a_job_that_an_earlier_version_left_is_found_under_its_name_of_today(queue, linden):
    row = upload(linden)
    Queue("now", connection=queue).enqueue("sync.jobs.carry_out", "intake.check", row.id)
    program.work(queue, "now")
    assert phase(row) == "checked"


@pytest.mark.parametrize("earlier", ["sync.work.nudged", "sync.two_way.work.nudged"])
def test_a_job_whose_function_was_renamed_is_carried_out(db, earlier, caplog):
    jobs.carry_out(earlier, 4711)
    assert not caplog.records


@pytest.mark.parametrize("earlier", jobs.MOVED)
def test_every_earlier_name_of_a_module_of_jobs_leads_somewhere(earlier):
    assert pkgutil.resolve_name(jobs.MOVED[earlier])


def test_a_row_that_is_gone_is_no_fault(queue):
    jobs.enqueue("now", intake.check_file, 4711)
    program.work(queue, "now")
    assert queue.keys("rq:job:*") == []


def test_a_fault_in_a_job_is_told_by_its_place_without_its_message(db, caplog, monkeypatch):
    def fault(import_id):
        raise ValueError("Małgorzata Wójcik")

    monkeypatch.setattr(chores, "fault", fault, raising=False)
    with caplog.at_level(logging.ERROR):
        jobs.carry_out("operate.chores.fault", 5)
    (record,) = caplog.records
    assert "job operate.chores.fault(5): ValueError at test_jobs.py" in record.getMessage()
    assert "Małgorzata" not in caplog.text and record.exc_info is None


@pytest.mark.parametrize("name", ["rq.worker", "rq.cron"])
def test_a_fault_inside_rq_is_told_by_its_type_and_place(caplog, name):
    workers.log_without_tracebacks()
    workers.log_without_tracebacks()
    try:
        raise ConnectionError("redis://user:secret@host")
    except ConnectionError:
        logging.getLogger(name).error("Worker %s: quitting...", "w1", exc_info=True)
    (record,) = caplog.records
    assert record.getMessage().startswith("Worker w1: quitting... ConnectionError at test_jobs.py")
    assert "secret" not in caplog.text and "Traceback" not in caplog.text


def test_a_redis_that_stays_away_is_written_once_a_minute():
    at = [0.0]
    once_a_minute = workers._RedisAwayOnceAMinute(lambda: at[0])

    def passes(words):
        record = logging.LogRecord("rq.worker", logging.ERROR, "", 0, words, ("one",), None)
        return once_a_minute.filter(record)

    away = "Worker %s: could not connect to Redis instance: %s retrying in %d seconds..."
    assert [passes(away) for _ in range(3)] == [True, False, False]
    assert passes("Worker %s: something else")
    at[0] += 60
    assert [passes(away), passes(away)] == [True, False]


def test_a_database_that_is_away_is_told_once_by_all_jobs_and_so_is_its_return(
    queue, linden, caplog, pool
):
    open_database(f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    for name in ("operate.chores.sweep", "letters.reminders.write_due") * 3:
        jobs.carry_out(name)
    models.database.initialize(pool)
    for _ in range(3):
        jobs.carry_out("operate.chores.sweep")
    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["the database is away, jobs wait", "the database answers again"]


def test_a_job_closes_the_database_it_opened(db):
    models.database.close()
    jobs.carry_out("operate.chores.sweep")
    assert models.database.is_closed()


def test_without_redis_nothing_fails_and_nothing_waits_long(away, linden, caplog):
    assert [jobs.enqueue("now", intake.check_file, number) for number in range(20)] == [False] * 20
    # the first attempt failed; for a while nobody asks again
    assert caplog.text.count("operate.intake.check_file not queued") == 1
    assert not jobs.is_usable()


# ---- the periodic jobs ----


def test_the_sweep_finds_work_whose_wake_up_was_lost(queue, linden):
    row = upload(linden)
    assert queue.keys("rq:queue:*") == []
    jobs.carry_out("operate.chores.sweep")
    program.work(queue)
    assert phase(row) == "checked"


def test_clean_up_takes_away_what_is_over_and_leaves_the_rest(linden, clock):
    OneTimeToken.issue(linden.pat, "reset", None, days=1)
    Throttle.fail("old", 5)
    undecided, decided = upload(linden), upload(linden, by=linden.maya)
    decided.advance(("checking",), "importing", linden.olive)
    intake.check_file(undecided.id)
    Import.update(created_at=clock.now).execute()
    clock.now += Import.KEPT + timedelta(seconds=1)
    OneTimeToken.issue(linden.quinn, "reset", None, days=1)
    Throttle.fail("new", 5)
    audit = models.AuditEntry.select().count()
    chores.clean_up()
    assert [link.user for link in OneTimeToken.select()] == [linden.quinn]
    assert [row.key for row in Throttle.select()] == ["new"]
    assert (phase(undecided), phase(decided)) == ("discarded", "importing")
    assert (
        Import.get_by_id(undecided.id).content == ""
        and Import.get_by_id(decided.id).content == LINES
    )
    assert models.AuditEntry.select().count() == audit + 1


def test_what_is_wrong_with_one_does_not_keep_the_others_waiting(linden, caplog):
    done = []

    def do(one):
        done.append(one)
        if one < 3:
            raise ValueError(f"Anna Kowalska {one}")

    with pytest.raises(ValueError, match="2"):
        jobs.each([1, 2, 3], do)
    assert done == [1, 2, 3] and "ValueError at" in caplog.text
    assert "Kowalska" not in caplog.text
    for concerns_all in (jobs.JobTooLong(), peewee.OperationalError("database is locked")):
        done.clear()
        with pytest.raises(type(concerns_all)):
            jobs.each([concerns_all, 4], lambda one: done.append(one) if one == 4 else fail(one))
        assert done == []


def fail(error):
    raise error


def test_a_venue_that_cannot_be_reckoned_with_holds_up_no_other(linden):
    """The rows of one clinic are not the others' trouble; the chore counts as failed."""
    Venue.update(country="GB").execute()
    first, second = Venue.select().order_by(Venue.id).limit(2)
    Venue.update(zone_name="No/Where").where(Venue.id == first.id).execute()
    jobs.carry_out("operate.chores.refresh_holidays")
    assert {row.venue_id for row in DatedHours.select()} >= {second.id}
    assert not ChoreTurn.select().exists()


@on_sqlite_alone
def test_clean_up_goes_on_after_a_part_that_fails(linden, clock):
    row = upload(linden)
    Import.update(phase="checked", created_at=clock.now - 2 * Import.KEPT).execute()
    models.database.execute_sql("ALTER TABLE throttle RENAME TO away")
    models.database.execute_sql("CREATE VIEW throttle AS SELECT * FROM away")
    jobs.carry_out("operate.chores.clean_up")
    models.database.execute_sql("DROP VIEW throttle")
    models.database.execute_sql("ALTER TABLE away RENAME TO throttle")
    assert phase(row) == "discarded"


def test_a_chore_that_failed_is_tried_again_soon_and_done_once_in_its_period(db, clock, caplog):
    """A database that is away, a worker that is killed: the day's work is not a day late. Every
    chore is asked for often, and those that are seldom due say so themselves.
    """
    assert max(seconds for _, seconds in chores.PERIODIC) <= 600
    for name, period in (
        ("clean_up_hourly", timedelta(hours=1)),
        ("refresh_holidays", timedelta(hours=6)),
        ("check_overlaps", timedelta(days=1)),
    ):
        job, done = f"operate.chores.{name}", lambda: ChoreTurn.select().count()
        before = done()
        models.database.execute_sql("ALTER TABLE clinic RENAME TO away")
        models.database.execute_sql("ALTER TABLE venue RENAME TO gone")
        models.database.execute_sql("ALTER TABLE throttle RENAME TO lost")
        jobs.carry_out(job)
        assert done() == before and f"job {job}" in caplog.text
        models.database.execute_sql("ALTER TABLE away RENAME TO clinic")
        models.database.execute_sql("ALTER TABLE gone RENAME TO venue")
        models.database.execute_sql("ALTER TABLE lost RENAME TO throttle")
        clock.now += timedelta(seconds=chores.SOON)
        jobs.carry_out(job)
        assert done() == before + 1
        turn = ChoreTurn.select().order_by(ChoreTurn.id.desc()).get()
        for later, again in ((period / 2, False), (period / 2, True), (-period, True)):
            clock.now += later
            jobs.carry_out(job)
            assert (ChoreTurn.get_by_id(turn.id).done_at == clock.now) is again


@on_sqlite_alone
def test_the_clock_enqueues_each_periodic_job_and_stops_without_a_word(queue):
    clock = program.begin("clock", output=queue.output, **queue.environ)
    try:
        until(lambda: len(waiting(queue, "chores")) == len(chores.PERIODIC))
    finally:
        clock.terminate()
    assert clock.wait(60) == 0
    names = {job.args[0] for job in Queue("chores", connection=queue).jobs}
    assert names == {
        f"{function.__module__}.{function.__name__}" for function, _ in chores.PERIODIC
    }
    assert {
        "operate.chores.sweep",
        "letters.trouble.write_about_accounts",
        "operate.chores.clean_up_hourly",
    } <= names
    assert "Traceback" not in queue.output.read_text()
    longest = max(seconds for _, seconds in chores.PERIODIC)
    assert all(0 < queue.ttl(f"rq:job:{job_id}") <= longest for job_id in waiting(queue, "chores"))


@on_sqlite_alone
def test_a_worker_sends_the_letter_that_a_request_only_asked_for(queue, app, linden, letters):
    app.test_client().post("/forgotten", data={"email": "pat@linden.test"})
    assert (
        waiting(queue, "chores") == ["letters-sending-send_due"] and letters.server.connections == 0
    )
    (job,) = Queue("chores", connection=queue).jobs
    assert job.args == ("letters.sending.send_due",)
    queue.environ |= {"SMTP_URL": letters.server.url, "MAIL_FROM": "kalends@linden.test"}
    program.work(queue, "chores")
    assert [letter["To"] for letter in letters.server.taken] == ["pat@linden.test"]


@on_sqlite_alone
def test_the_sweep_finds_a_letter_whose_wake_up_was_lost(queue, linden, letters):
    OneTimeToken.issue(linden.pat, "invite", None, days=7, by_mail=True)
    queue.flushall()
    jobs.carry_out("operate.chores.sweep")
    assert waiting(queue, "chores") == ["letters-sending-send_due"]


# ---- when something is away ----


@on_sqlite_alone
@pytest.mark.parametrize("part", [["clock"], ["worker", "now"], ["worker", "sync"]], ids=" ".join)
def test_a_part_outlives_redis_and_goes_on_when_it_is_back(part, queue, tmp_path, linden):
    running = program.begin(*part, output=queue.output, **queue.environ)
    own = Settings.from_env({name: str(value) for name, value in queue.environ.items()})
    try:
        until(lambda: queue.smembers("rq:workers") or queue.keys("rq:cron_scheduler*"))
        queue.server.terminate()
        queue.server.wait(60)
        until(lambda: "edis" in queue.output.read_text())  # it has missed it
        assert running.poll() is None
        with redis_server.embedded_redis(own):
            queue.flushall()
            row = upload(linden)
            if part[0] == "worker":
                until(lambda: jobs.enqueue(part[1], intake.check_file, row.id))
                until(lambda: phase(row) == "checked")
            else:
                until(lambda: queue.keys("rq:queue:chores"))
            assert running.poll() is None
            running.terminate()
            assert running.wait(60) == 0
    finally:
        running.kill()
    assert "Traceback" not in queue.output.read_text()


@on_sqlite_alone
def test_a_worker_goes_on_where_redis_refuses_in_the_middle_of_waiting(queue, linden):
    """As it does when it becomes a replica for a while: RQ's own worker then ends."""
    running = program.begin("worker", "now", output=queue.output, **queue.environ)
    try:
        until(lambda: [one for one in queue.client_list() if one["cmd"] == "blmove"])
        for client in queue.client_list():
            queue.execute_command("CLIENT", "UNBLOCK", client["id"], "ERROR")
        until(lambda: "quitting" in queue.output.read_text())
        row = upload(linden)
        jobs.enqueue("now", intake.check_file, row.id)
        until(lambda: phase(row) == "checked")
        assert running.poll() is None
        running.terminate()
        assert running.wait(60) == 0
    finally:
        running.kill()


@on_sqlite_alone
@pytest.mark.parametrize("part", [["clock"], ["worker", "now"], ["worker", "sync"]], ids=" ".join)
def test_a_part_leaves_the_queue_alone_until_the_database_is_migrated(part, queue, linden):
    """Meanwhile the version before goes on with it."""
    name, row = max(migrate.known()), upload(linden)
    asked = part[-1] if part[0] == "worker" else "now"
    models.database.execute_sql(f"DELETE FROM schema_migration WHERE name = '{name}'")
    jobs.enqueue(asked, intake.check_file, row.id)
    running = program.begin(*part, output=queue.output, **queue.environ)
    try:
        until(lambda: "flask --app app migrate" in queue.output.read_text())
        program.run("doctor", **queue.environ)  # time enough to take a job
        assert not queue.smembers("rq:workers") and not queue.keys("rq:cron_scheduler*")
        assert waiting(queue, asked) and not waiting(queue, "chores")
        models.database.execute_sql(
            f"INSERT INTO schema_migration (name, applied) VALUES ('{name}', '2026-01-01 00:00:00')"
        )
        if part[0] == "worker":
            until(lambda: phase(row) == "checked")
        else:
            until(lambda: waiting(queue, "chores"))
    finally:
        running.terminate()
        running.wait(60)
    assert "BehindProgram" not in queue.output.read_text()


@on_sqlite_alone
@pytest.mark.parametrize("part", [["clock"], ["worker", "now"], ["worker", "sync"]], ids=" ".join)
def test_a_part_leaves_the_queue_alone_until_the_database_is_there(part, queue, linden, tmp_path):
    """Also where it is behind once it is there: no job is taken that cannot be done."""
    row, asked = upload(linden), part[-1] if part[0] == "worker" else "now"
    jobs.enqueue(asked, intake.check_file, row.id)
    there, latest = tmp_path / "away" / "kalends.db", max(migrate.known())
    later = {**queue.environ, "DATABASE_URL": f"sqlite:///{there}"}
    running = program.begin(*part, output=queue.output, **later)
    try:
        until(lambda: "cannot be used" in queue.output.read_text())
        there.parent.mkdir()
        models.database.execute_sql("VACUUM INTO ?", (str(there.with_name("new")),))
        with closing(sqlite3.connect(there.with_name("new"), isolation_level=None)) as copy:
            copy.execute("DELETE FROM schema_migration WHERE name = ?", (latest,))
        there.with_name("new").rename(there)
        program.run("doctor", **later)  # time enough to take a job
        assert not queue.smembers("rq:workers") and not queue.keys("rq:cron_scheduler*")
        assert waiting(queue, asked) and not waiting(queue, "chores")
        with closing(sqlite3.connect(there, isolation_level=None)) as copy:
            copy.execute("INSERT INTO schema_migration (name, applied) VALUES (?, '')", (latest,))
        until(lambda: waiting(queue, "chores") if part == ["clock"] else not waiting(queue, asked))
        assert running.poll() is None
    finally:
        running.terminate()
        running.wait(60)
    assert "job " not in queue.output.read_text()


@on_sqlite_alone
def test_a_worker_that_ends_by_itself_refuses_a_database_it_would_wait_for(queue, linden):
    name = max(migrate.known())
    away = {**queue.environ, "DATABASE_URL": "sqlite:////nowhere/kalends.db"}
    done = program.run("worker", "now", "--burst", **away)
    assert done.returncode == 1 and "cannot be used" in done.stderr
    models.database.execute_sql(f"DELETE FROM schema_migration WHERE name = '{name}'")
    try:
        done = program.run("worker", "now", "--burst", **queue.environ)
    finally:
        models.database.execute_sql(
            f"INSERT INTO schema_migration (name, applied) VALUES ('{name}', '2026-01-01 00:00:00')"
        )
    assert done.returncode == 1 and "flask --app app migrate" in done.stderr


@on_sqlite_alone
def test_a_part_stops_when_asked_though_redis_is_away(queue):
    away = {**queue.environ, "REDIS_URL": "unix:///nowhere/redis.sock"}
    parts = ("clock", "worker now", "worker sync")
    outputs = [queue.output.with_name(part) for part in parts]
    running = [
        program.begin(*part.split(), output=output, **away)
        for part, output in zip(parts, outputs, strict=True)
    ]
    for process, output in zip(running, outputs, strict=True):
        until(lambda output=output: "Waiting for it" in output.read_text())
        process.terminate()
        process.wait(60)
        assert "Traceback" not in output.read_text()


@on_sqlite_alone
def test_a_worker_that_is_told_to_stop_ends_a_long_job_and_leaves_no_process(
    queue, linden, tmp_path
):
    (tmp_path / "endless.py").write_text(
        "import time\n\ndef sleep(seconds):\n    time.sleep(seconds)\n"
    )
    Queue("sync", connection=queue).enqueue(jobs.carry_out, "endless.sleep", 600, **jobs.FORGET)
    running = program.begin(
        "worker", "sync", output=queue.output, **queue.environ, PYTHONPATH=str(tmp_path)
    )
    until(lambda: program.forks(psutil.Process(running.pid)))
    (horse,) = program.forks(psutil.Process(running.pid))
    os.kill(running.pid, signal.SIGTERM)
    running.wait(60)
    assert not horse.is_running() or horse.status() == psutil.STATUS_ZOMBIE


@on_sqlite_alone
@pytest.mark.parametrize("how", ["stopped", "in a loop"])
def test_the_process_of_a_job_that_is_frozen_is_ended_and_the_next_job_is_done(queue, how):
    chores = Queue("chores", connection=queue)
    if how == "stopped":
        job = chores.enqueue("time.sleep", 120)
    else:  # in C, where no other thread of the process comes to its turn
        job = chores.enqueue("re.match", "(a+)+$", "a" * 60 + "b")
    running = program.begin(
        "worker", "chores", output=queue.output, KALENDS_FROZEN_SECONDS=3, **queue.environ
    )
    try:
        until(lambda: job.get_status() == "started")
        until(lambda: program.forks(psutil.Process(running.pid)))
        (horse,) = program.forks(psutil.Process(running.pid))
        if how == "stopped":
            horse.suspend()
        until(lambda: not horse.is_running())
        until(lambda: job.get_status() == "failed")
        after = chores.enqueue("time.sleep", 0)
        until(lambda: after.get_status() == "finished")
        running.terminate()
        assert running.wait(60) == 0
    finally:
        running.kill()
    assert queue.output.read_text().count("The process of a job gives no sign of life.") == 1


@on_sqlite_alone
def test_a_job_that_takes_longer_than_the_silence_allowed_is_done(queue):
    job = Queue("chores", connection=queue).enqueue("time.sleep", 5)
    program.run("worker", "chores", "--burst", KALENDS_FROZEN_SECONDS=3, **queue.environ)
    assert job.get_status() == "finished"


seconds_left: list[int] = []  # until the running job would expire; -1: never


def note_seconds_left() -> None:
    job = get_current_job()
    seconds_left.append(job.connection.ttl(job.key))


@on_sqlite_alone
def test_a_job_expires_while_it_waits_and_not_while_it_runs(queue):
    seconds_left.clear()
    job = Queue("chores", connection=queue).enqueue(note_seconds_left, ttl=60, **jobs.FORGET)
    assert 0 < queue.ttl(job.key) <= 60
    Queued(queue).work()
    assert seconds_left == [-1] and not queue.exists(job.key)


def test_a_traceback_that_rq_puts_into_its_message_is_left_out(caplog):
    workers.log_without_tracebacks()
    lines = "Traceback (most recent call last):\n  File x\nValueError: Anna Kowalska\n"
    logging.getLogger("rq.worker").error("Worker %s: raised\n%s", "w1", lines)
    assert caplog.messages == ["Worker w1: raised ValueError"]


@pytest.fixture
def google():
    """A provider that is set up, and that nobody speaks with."""
    gateway.set_up(gateway.GatewaySetup({"google": None}))


@on_sqlite_alone
def test_a_change_of_a_booking_reaches_calendars_outside_at_once_and_a_look_at_it_does_not(
    queue, linden, google, signed_in
):
    pat = signed_in(linden.pat)
    start = scheduling.utc_now() + timedelta(days=2)
    booking = Booking.book(
        linden.calendar,
        [Span(start, start + timedelta(minutes=50))],
        linden.pat,
        service=linden.service,
    )[0]
    account = starting.connect(linden.pat, "google", "pat@mail.example", "sealed", [], None)
    starting.start(account, linden.pat, "Kalends", "Europe/London")
    queue.flushall()
    assert pat.get(f"/bookings/{booking.id}").status_code == 200
    assert (
        pat.post(f"/bookings/{booking.id}/status", data={"status": "nonsense"}).status_code >= 400
    )
    assert waiting(queue, "now") == []
    assert pat.post(f"/bookings/{booking.id}/status", data={"status": "arrived"}).status_code == 303
    assert waiting(queue, "now") == [f"sync-two_way-work-woken-{account.id}"]
