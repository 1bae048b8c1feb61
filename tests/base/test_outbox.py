"""Letters on their way out, against a real mail server that refuses, is slow, and dies.

Each goes out once, or ends with a word.
"""

import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from email.utils import parseaddr

import program
import pytest
from mail_server import STAGES

import models
from base import vault
from base.tables import outbox
from base.tables.outbox import Letter
from letters import sending
from models import User
from operate import chores
from operate.backup import backups, restores
from people.credentials import OneTimeToken

# Whichever database it is makes no difference.
on_sqlite_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def people(clinic, count: int) -> list[User]:
    """So many more people of a clinic."""
    return [
        User.create(clinic=clinic, email=f"person{n}@linden.test", name=f"Person {n}")
        for n in range(count)
    ]


def invite(*users: User) -> None:
    for user in users:
        OneTimeToken.issue(user, "invite", None, days=7, by_mail=True)


def phases() -> dict[str, int]:
    return dict(Counter(row.phase for row in Letter.select()))


@pytest.fixture
def quick(letters):
    """The same, with little patience for a server that hangs."""
    outbox.set_up(
        outbox.MailSetup(
            letters.server.url, "kalends@linden.test", answer_seconds=0.5, letter_seconds=1
        )
    )
    return letters


def be_patient(letters):
    outbox.set_up(outbox.MailSetup(letters.server.url, "kalends@linden.test"))


# ---- writing ----


def test_a_letter_is_there_with_its_cause_or_not_at_all(letters, linden):
    with models.database.atomic() as undone:
        invite(linden.pat)
        undone.rollback()
    assert letters.send() == [] and not Letter.select().exists()


def test_the_same_is_written_once(letters, linden):
    assert [
        Letter.write(linden.clinic, "sync_reminder", linden.pat, 1, "a@b.test") for _ in range(3)
    ] == [
        True,
        False,
        False,
    ]
    assert (
        Letter.write(linden.clinic, "sync_reminder", linden.pat, 2, "a@b.test")
        and Letter.select().count() == 2
    )


def test_without_a_mail_server_nothing_is_queued(app, linden):
    invite(linden.pat)
    assert not Letter.select().exists() and not outbox.is_set_up()
    with app.app_context():
        sending.send_due()


def test_headers_say_who_wrote_and_that_nobody_need_answer(letters, linden):
    invite(linden.pat)
    (letter,) = letters.send()
    assert (letter["From"], letter["To"], letter["Auto-Submitted"]) == (
        "Kalends <kalends@linden.test>",
        "pat@linden.test",
        "auto-generated",
    )
    assert letter["Message-ID"].endswith("@linden.test>") and letter["Date"]
    assert letters.server.envelopes == [("kalends@linden.test", ["pat@linden.test"])]


# ---- refusals ----


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["550 5.1.1 no such person nia@linden.test", "554 no"])
def test_a_final_refusal_ends_one_letter_and_no_other(letters, linden, caplog, stage, answer):
    letters.server.plan = lambda at, to: answer if at == stage and to == "pat@linden.test" else None
    invite(linden.pat, linden.quinn)
    with caplog.at_level(logging.INFO):
        assert [letter["To"] for letter in letters.send()] == ["quinn@linden.test"]
    row = Letter.get(Letter.about == linden.pat.id)
    assert (row.phase, row.word) == ("failed", "550 5.1.1" if "5.1.1" in answer else "554")
    said = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("kalends")
        and record.name != "kalends.jobs"  # there is no queue, which it says now and then
    ]
    assert said == [f"letter {row.id} (invite) not sent: {row.word}"]
    assert letters.send() == []


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
def test_a_passing_refusal_of_one_is_tried_again_and_holds_up_no_other(
    letters, linden, clock, stage
):
    letters.server.plan = lambda at, to: (
        "451 4.7.1 later" if at == stage and to == "pat@linden.test" else None
    )
    invite(linden.pat, linden.quinn)
    assert [letter["To"] for letter in letters.send()] == ["quinn@linden.test"]
    tried = []
    while len(tried) < 40:
        clock.now = Letter.get(Letter.about == linden.pat.id).due_at
        before = Letter.get(Letter.about == linden.pat.id).tries
        letters.send()
        if Letter.get(Letter.about == linden.pat.id).tries > before:
            tried.append(clock.now)
        if phases().get("failed"):
            break
    row = Letter.get(Letter.about == linden.pat.id)
    waits = [
        round((b - a).total_seconds() / 60)
        for a, b in zip([row.failing_since, *tried], tried, strict=False)
    ]
    assert waits[:5] == [1, 5, 30, 60, 60] and set(waits[3:]) == {60}
    assert (row.phase, row.word, len(waits)) == ("failed", "451 4.7.1", 27)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    "answer",
    [
        "550 5.7.1 relaying denied",
        "554 5.7.1 <pat@linden.test>: Relay access denied",
        "530 5.7.0 sign in first",
        "535 sign in",
        "550 5.7.26 no proof of the sender",
        "550 5.3.2 not accepting mail",
        "553 5.1.8 sender's domain",
    ],
)
def test_a_refusal_of_the_sender_loses_no_letter_and_holds_up_none(
    letters, linden, clock, stage, answer
):
    """Somebody can mend it within the day; and one recipient's server may have its own rules."""
    letters.server.plan = lambda at, to: answer if at == stage and to == "pat@linden.test" else None
    invite(linden.pat, linden.quinn)
    assert [letter["To"] for letter in letters.send()] == ["quinn@linden.test"]
    clock.now += timedelta(hours=20)
    assert letters.send() == []
    letters.server.plan = lambda at, to: None
    clock.now += timedelta(hours=1)
    assert [letter["To"] for letter in letters.send()] == ["pat@linden.test"]


TROUBLE = {
    "greeting": "554 no service",
    "MAIL": "550 5.7.1 sender not yours",
    "RCPT": "421 too many",
    "DATA": "421 closing",
}


@pytest.mark.parametrize("stage", TROUBLE)
def test_trouble_of_the_server_itself_makes_all_wait_and_all_arrive_afterwards(
    letters, linden, clock, stage
):
    crowd = people(linden.clinic, 5)
    invite(*crowd)
    letters.server.plan = lambda at, to: TROUBLE[stage] if at == stage else None
    assert letters.send() == [] and letters.server.connections == 1, "one try tells enough"
    assert letters.send() == [] and letters.server.connections == 1, "and the next one has its time"
    assert phases() == {"waiting": 5} and all(
        row.failing_since and row.word for row in Letter.select()
    )
    letters.server.plan = lambda at, to: None
    clock.now += timedelta(minutes=1)
    assert sorted(letter["To"] for letter in letters.send()) == sorted(
        person.email for person in crowd
    )
    assert phases() == {"sent": 5}


def test_however_many_letters_come_up_a_server_in_trouble_is_asked_once_a_minute(
    letters, linden, clock
):
    letters.server.plan = lambda stage, to: "421 closing" if stage == "MAIL" else None
    for person in people(linden.clinic, 6):
        invite(person)
        letters.send()
    assert letters.server.connections == 1
    clock.now += timedelta(minutes=1)
    letters.send()
    assert letters.server.connections == 2


def test_once_the_server_is_well_again_nothing_waits_for_its_own_turn(letters, linden, clock):
    letters.server.plan = lambda stage, to: "421 closing" if stage == "MAIL" else None
    invite(*people(linden.clinic, 5))
    for _ in range(50):
        letters.send()
        clock.now += timedelta(minutes=1)
    assert Letter.select().where(Letter.due_at > clock.now + timedelta(minutes=10)).exists()
    letters.server.plan = lambda stage, to: None
    invite(linden.pat)
    assert len(letters.send()) == 6 and phases() == {"sent": 6}


def test_a_server_that_is_not_there_is_waited_for(letters, linden, clock):
    outbox.set_up(outbox.MailSetup("smtp://127.0.0.1:9", "kalends@linden.test"))
    invite(linden.pat)
    assert letters.send() == [] and Letter.get().word == "ConnectionRefusedError"
    outbox.set_up(outbox.MailSetup(letters.server.url, "kalends@linden.test"))
    clock.now += timedelta(minutes=1)
    assert len(letters.send()) == 1


@pytest.mark.parametrize("how", ["die", "hang"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_server_that_dies_or_hangs_at_any_stage_loses_and_doubles_nothing(
    quick, linden, clock, stage, how
):
    if how == "die":
        be_patient(quick)  # however slow this machine is
    faults = [how]
    quick.server.plan = lambda at, to: faults.pop() if at == stage and faults else None
    invite(linden.pat)
    first = quick.send()
    assert phases() == {"waiting": 1}
    clock.now += timedelta(minutes=1)
    be_patient(quick)
    second = quick.send()
    assert phases() == {"sent": 1} and len(second) == 1
    assert len(first) == (stage == "taken")
    assert len({letter["Message-ID"] for letter in first + second}) == 1, (
        "only where the answer was lost, and known as the same letter"
    )


def test_a_server_that_answers_in_drops_is_left_after_a_while(letters, linden):
    """No single wait is long enough for a time-out."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip():
            there, _ = listening.accept()
            with there:
                while not over.wait(0.05):
                    try:
                        there.sendall(b"2")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        outbox.set_up(
            outbox.MailSetup(
                f"smtp://127.0.0.1:{listening.getsockname()[1]}",
                "kalends@linden.test",
                answer_seconds=5,
                letter_seconds=0.4,
            )
        )
        invite(linden.pat)
        letters.send()
        over.set()
    assert Letter.get().phase == "waiting" and Letter.get().failing_since


def test_a_closed_connection_between_letters_is_opened_again(letters, linden):
    count = Counter()

    def plan(stage, to):
        count[stage] += 1
        return "421 enough" if stage == "MAIL" and count["MAIL"] % 3 == 0 else None

    letters.server.plan = plan
    invite(*people(linden.clinic, 4))
    letters.send()
    assert phases().get("sent", 0) >= 2 and "failed" not in phases()


# ---- addresses and names ----


@pytest.mark.parametrize(
    "email",
    [
        "a,b@x.test",
        "a@b@x.test",
        "a@[",
        "<a@x.test>",
        "a b@x.test",
        "a@x.test\r\nBcc: e@x.test",
        "ünï@x.test",
        "a@",
        "@x.test",
        "",
    ],
)
def test_what_is_no_single_address_ends_alone(letters, linden, email):
    User.update(email=email).where(User.id == linden.pat.id).execute()
    invite(User.get_by_id(linden.pat.id), linden.quinn)
    assert [letter["To"] for letter in letters.send()] == ["quinn@linden.test"]
    assert letters.server.envelopes == [("kalends@linden.test", ["quinn@linden.test"])]
    row = Letter.get(Letter.about == linden.pat.id)
    assert (row.phase, row.word) == ("failed", "address")


@pytest.mark.parametrize(
    "name",
    [
        "Pat\r\nBcc: eve@evil.test",
        "Pat\n\nPress http://evil.test",
        "Pat\x0b\x1b\u2028\u202e",
        "Ünï ☂ 名",
    ],
)
def test_no_stored_name_adds_a_line_or_a_header(letters, linden, name):
    User.update(name=name).where(User.id == linden.pat.id).execute()
    models.Clinic.update(name=name).execute()
    invite(User.get_by_id(linden.pat.id))
    (letter,) = letters.send()
    lines = letter.get_content().splitlines()
    assert lines[0].startswith("Hello ") and len(lines) == 7 and letter["Bcc"] is None
    assert [
        header
        for header in letter
        if header
        not in (
            "From",
            "To",
            "Subject",
            "Date",
            "Message-ID",
            "Auto-Submitted",
            "MIME-Version",
        )
        and not header.startswith(("Content-", "X-"))
    ] == []


def test_a_letter_goes_to_the_address_that_its_reader_has_now(letters, linden):
    Letter.write(
        linden.clinic, "sync_reminder", linden.pat, 1, "old@linden.test", by=linden.olive.id
    )
    assert letters.send() == [] and phases() == {"dropped": 1}, (
        "it has no reason, and so goes to nobody"
    )


def test_a_kind_that_this_version_does_not_know_ends_nobody_elses_letter(letters, linden, clock):
    Letter.write(linden.clinic, "of the future", linden.pat, 1, "pat@linden.test")
    invite(linden.quinn)
    assert [letter["To"] for letter in letters.send()] == ["quinn@linden.test"]
    assert (
        phases() == {"waiting": 1, "sent": 1}
        and Letter.get(Letter.phase == "waiting").word == "fault"
    )


# ---- the rate, and many ----


def test_many_leave_at_the_rate_that_was_set(letters, linden, clock):
    outbox.set_up(outbox.MailSetup(letters.server.url, "kalends@linden.test", per_minute=10))
    invite(*people(linden.clinic, 25))
    sent = []
    for _ in range(4):
        sent.append(len(letters.send()) + len(letters.send()))
        clock.now += timedelta(minutes=1, microseconds=1)
    assert sent == [10, 10, 5, 0] and letters.server.connections == 3


def test_letters_end_in_a_table_that_does_not_grow_for_ever(letters, linden, clock):
    invite(linden.pat)
    letters.send()
    invite(linden.quinn)
    letters.server.plan = lambda stage, to: "550 no" if stage == "RCPT" else None
    letters.send()
    clock.now += timedelta(days=29)
    chores.clean_up()
    assert Letter.select().count() == 2
    clock.now += timedelta(days=2)
    chores.clean_up()
    assert Letter.select().count() == 0


def test_a_letter_that_is_not_due_yet_waits(letters, linden, clock):
    Letter.write(
        linden.clinic,
        "sync_reminder",
        linden.pat,
        1,
        "pat@linden.test",
        due_at=clock.now + timedelta(days=40),
        by=linden.olive.id,
    )
    letters.send()
    clock.now += timedelta(days=39)
    chores.clean_up()
    letters.send()
    assert phases() == {"waiting": 1}
    clock.now += timedelta(days=1)
    letters.send()
    assert phases() == {"dropped": 1}


@on_sqlite_alone
def test_whatever_the_server_does_each_letter_ends_once(quick, linden, clock):
    chance = random.Random(20261129)
    ways = ("451 later", "421 closing", "die", "452 4.3.1 full")

    def plan(stage, to):
        return chance.choice(ways) if chance.random() < 0.06 else None

    quick.server.plan = plan
    crowd = people(linden.clinic, 40)
    for _ in range(3):
        invite(*crowd)
    while "waiting" in phases():
        quick.send()
        clock.now += timedelta(minutes=1)
    assert phases() == {"sent": 120}
    copies = Counter(letter["Message-ID"] for letter in quick.server.taken)
    by_reader = Counter(
        parseaddr(letter["To"])[1]
        for letter in {letter["Message-ID"]: letter for letter in quick.server.taken}.values()
    )
    assert len(copies) == 120 and set(by_reader.values()) == {3}
    assert sum(copies.values()) > 120, "an answer was lost here and there, or nothing is proved"


# ---- several workers, and killed ones ----


def test_two_workers_send_each_letter_once(app, letters, linden):
    outbox.set_up(outbox.MailSetup(letters.server.url, "kalends@linden.test", per_minute=1000))
    invite(*people(linden.clinic, 20))
    models.database.close()

    def work():
        with models.database.connection_context(), app.app_context():
            sending.send_due()

    workers = [threading.Thread(target=work) for _ in range(3)]
    [worker.start() for worker in workers]
    [worker.join(60) for worker in workers]
    models.database.connect(reuse_if_open=True)
    assert phases() == {"sent": 20} and len(letters.server.taken) == 20


def test_a_worker_whose_lease_is_over_sends_and_writes_nothing(letters, linden, clock):
    invite(linden.pat)
    slow = Letter.claim(clock.now, 60)
    clock.now += outbox.LEASE
    assert len(letters.send()) == 1
    assert not slow.renew(clock.now)
    slow.retry(clock.now, "late")
    slow.fail(clock.now, "late")
    assert phases() == {"sent": 1} and Letter.get().word == ""


WORKER = """
import sys
from app import create_app
import models
from letters import sending
app = create_app()
with app.app_context(), models.database.connection_context():
    sending.send_due()
"""


@on_sqlite_alone
@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_that_is_killed_at_any_stage_loses_and_doubles_nothing(
    letters, linden, settings, clock, stage
):
    """A process of its own, ended from outside by the server at the very step.

    Then another one, when the lease is over.
    """

    def begin():
        return subprocess.Popen(
            [sys.executable, "-c", WORKER],
            cwd=program.TOP,
            stderr=subprocess.PIPE,
            env=program.environ(
                DATABASE_URL=settings.database_url,
                KALENDS_INSTANCE=settings.instance,
                KALENDS_SECRET_KEY="a key of the tests",
                SMTP_URL=letters.server.url,
                MAIL_FROM="kalends@linden.test",
            ),
        )

    killed = []

    def plan(at, to):
        if at == stage and not killed:
            killed.append(os.kill(worker.pid, signal.SIGKILL))
            return "die"
        return None

    letters.server.plan = plan
    outbox.set_up(outbox.MailSetup(letters.server.url, "kalends@linden.test"))
    OneTimeToken.issue(linden.pat, "invite", None, days=7, by_mail=True)
    Letter.update(due_at=clock.now).execute()
    OneTimeToken.update(expires_at=outbox.now() + timedelta(days=3650)).execute()
    models.database.close()
    worker = begin()
    __, said = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGKILL, said
    models.database.connect(reuse_if_open=True)
    row = Letter.get()
    assert row.phase == "waiting" and row.lease
    Letter.update(leased_until=clock.now).execute()  # as after three minutes
    models.database.close()
    worker = begin()
    __, said = worker.communicate(timeout=60)
    assert worker.returncode == 0, said
    models.database.connect(reuse_if_open=True)
    assert phases() == {"sent": 1}
    assert (
        len(letters.server.taken) == (2 if stage == "taken" else 1)
        and len({letter["Message-ID"] for letter in letters.server.taken}) == 1
    )


@on_sqlite_alone
def test_a_restored_backup_sends_nothing_that_went_out_after_it_was_made(
    app, settings, letters, linden, signed_in, tmp_path
):
    invite(linden.pat)
    backups.write(settings, tmp_path / "kept.tar.gz")
    assert len(letters.send()) == 1
    models.database.close()
    models.database.obj.close_all()
    restores.restore(settings, tmp_path / "kept.tar.gz")
    assert letters.send() == [] and (Letter.get().phase, Letter.get().word) == (
        "failed",
        "restored",
    )
    assert "To Pat Linden: a backup was restored, and it may have gone out before." in board(
        app, signed_in, linden.olive
    )


# ---- what the doctor and the board say ----


@pytest.mark.parametrize(
    ("to", "answer", "says"),
    [
        ("ina@linden.test", None, "ok   The mail server took a letter for ina@linden.test."),
        (
            "ina@linden.test",
            "550 5.1.1 unknown",
            (
                "FIX  The mail server does not take a letter from Kalends <kalends@linden.test> for"
                " ina@linden.test: 550 5.1.1 unknown. Check SMTP_URL and MAIL_FROM."
            ),
        ),
        ("ina", None, "FIX  ina is not an e-mail address."),
        (None, None, "ok   The mail server takes our sign-in."),
    ],
)
def test_the_doctor_sends_a_trial_letter_and_says_what_the_server_answered(
    app, letters, linden, to, answer, says
):
    letters.server.plan = lambda stage, address: answer if stage == "RCPT" else None
    said = app.test_cli_runner().invoke(args=["doctor", *(["--mail-to", to] if to else [])])
    assert says in said.output
    assert (
        len(letters.server.taken) == (says.startswith("ok   The mail server took"))
        and not Letter.select().exists()
    )


def board(app, signed_in, person) -> str:
    text = (
        signed_in(person)
        .get("/health/")
        .get_data(as_text=True)
        .partition("<dt>Mail</dt>")[2]
        .partition("<dt>")[0]
    )
    models.database.connect(reuse_if_open=True)
    return " ".join(text.split())


def test_the_board_says_what_waits_what_was_sent_and_what_could_not_be_delivered(
    app, signed_in, letters, linden, stranger, clock
):
    assert "Set up" in board(app, signed_in, linden.olive)
    invite(linden.pat, linden.quinn, stranger)
    assert "0 sent within a day, 2 waiting." in board(app, signed_in, linden.olive)
    letters.server.plan = lambda stage, to: (
        "550 5.1.1 no" if stage == "RCPT" and to == "pat@linden.test" else None
    )
    letters.send()
    said = board(app, signed_in, linden.olive)
    assert (
        "Not all delivered" in said
        and "To Pat Linden: the mail server answered 550 5.1.1." in said
        and "1 sent within a day, 0 waiting." in said
    )
    clock.now += timedelta(days=8)
    letters.server.plan = lambda stage, to: "451 later" if stage == "MAIL" else None
    invite(linden.maya)
    letters.send()
    said = board(app, signed_in, linden.olive)
    assert (
        "Not working" in said and "the mail server answered 451." in said and "1 waiting." in said
    )


# ---- keys ----


def test_a_letter_that_was_sealed_under_an_older_key_still_goes_out(letters, linden, app):
    invite(linden.pat)
    vault.open_vault(["another key of the tests", "a key of the tests"])
    try:
        (letter,) = letters.send()
        secret = letter.get_content().partition("/invitations/")[2].split()[0]
        assert OneTimeToken.find(secret).user == linden.pat
    finally:
        vault.open_vault(["a key of the tests"])
