"""One faulty row holds up no others, in any chore."""

import ast
import inspect
import textwrap
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import external
import pytest
from client_world import booked, team_is_told_nothing

from base import vault
from base.bookings.client_letters import LetterSettings
from base.database import database, is_sqlite
from base.scheduling import Span
from base.tables.audit import AuditEntry
from base.tables.faulty import FaultyRow
from base.tables.outbox import Letter
from base.tables.revisions import copies
from free_times.online import requests
from free_times.online.made_online import OnlineBooking
from free_times.online.team_letters import TeamLetters
from letters import reminders, to_team, trouble
from models import Booking, Clinic, Patient
from operate import chores, doctor, overlap_check
from operate.intake.upload import Import
from people.credentials import OneTimeToken, ResetRequest
from sync.connect import revoking
from sync.tables.accounts import Account
from sync.tables.pace import Revocation

AGES = timedelta(days=40)


@contextmanager
def refused(table: str, deed: str, column: str, values: list[int]):
    """The database refuses this deed ("UPDATE", "INSERT" …) for rows with these values."""
    row = "NEW" if deed == "INSERT" else "OLD"
    when = f'{row}."{column}" IN ({", ".join(map(str, values))})'
    if is_sqlite():
        made = [
            f'CREATE TRIGGER refused BEFORE {deed} ON "{table}" WHEN {when}'
            " BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ]
        dropped = ["DROP TRIGGER refused"]
    else:
        made = [
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$",
            f'CREATE TRIGGER refused BEFORE {deed} ON "{table}" FOR EACH ROW'
            f" WHEN ({when}) EXECUTE FUNCTION refuse()",
        ]
        dropped = [f'DROP TRIGGER refused ON "{table}"', "DROP FUNCTION refuse()"]
    for statement in made:
        database.execute_sql(statement)
    try:
        yield
    finally:
        for statement in dropped:
            database.execute_sql(statement)


@pytest.fixture
def world(linden, clock, letters, app):
    team_is_told_nothing(linden)
    with app.app_context():
        yield SimpleNamespace(linden=linden, clock=clock, letters=letters)


def requested(world) -> list[OnlineBooking]:
    """Four requests of clients."""
    made = []
    for number in range(4):
        start = world.clock.now + timedelta(days=2, hours=number)
        client = Patient.add(world.linden.clinic, None, first_name=f"Client {number}")
        (row,) = Booking.book(
            world.linden.calendar,
            [Span(start, start + timedelta(minutes=50))],
            None,
            patient=client,
            status="pending",
            online=True,
        )
        made.append(
            OnlineBooking.create(
                clinic=world.linden.clinic,
                booking=row,
                form_use=f"form {number}",
                approve_by=world.clock.now + timedelta(hours=1),
                newcomer=client.id,
                is_to_check=True,
            )
        )
    return made


def lapsing(world, monkeypatch):
    made = requested(world)
    monkeypatch.setattr(requests, "MOST", 1)
    world.clock.now += timedelta(hours=2)
    rows = [one.booking_id for one in made]
    return (
        "booking",
        "UPDATE",
        "id",
        rows,
        lambda: [id for id in rows if Booking.get_by_id(id).status == "cancelled"],
    )


def forgetting(world, monkeypatch):
    made = requested(world)
    for one in made:
        requests.decline(one, world.linden.olive)
    monkeypatch.setattr(requests, "MOST", 1)
    world.clock.now += AGES
    rows = [one.id for one in made]
    return (
        "online_booking",
        "DELETE",
        "id",
        rows,
        lambda: [id for id in rows if OnlineBooking.get_or_none(OnlineBooking.id == id) is None],
    )


def old_files(world, monkeypatch):
    given = {"problems": {}, "choices": {}}
    who = world.linden.clinic, world.linden.olive
    files = [Import.begin(*who, "clients", f"First name\n{n}\n", 1, **given) for n in range(4)]
    Import.update(phase="checked", created_at=world.clock.now).execute()
    world.clock.now += AGES
    rows = [one.id for one in files]
    return (
        "import",
        "UPDATE",
        "id",
        rows,
        lambda: [id for id in rows if Import.get_by_id(id).phase == "discarded"],
    )


def clinics(world) -> list[int]:
    for number in range(3):
        Clinic.create(name=f"Another {number}")
    return [one.id for one in Clinic.select().order_by(Clinic.id)]


def late_copies(world, monkeypatch):
    rows = clinics(world)
    Clinic.update(void_rev=5).execute()
    monkeypatch.setattr(copies, "_redis", None)
    return (
        "clinic",
        "UPDATE",
        "id",
        rows,
        lambda: [id for id in rows if Clinic.get_by_id(id).void_rev is None],
    )


def checked_overlaps(world, monkeypatch):
    rows = clinics(world)
    return (
        "clinic",
        "UPDATE",
        "id",
        rows,
        lambda: [id for id in rows if Clinic.get_by_id(id).overlaps_checked_at],
    )


def letters_about(kind: str, rows: list[int]):
    """The letters of a kind, about these rows."""

    def told():
        about = {one.about for one in Letter.select().where(Letter.kind == kind)}
        return [id for id in rows if id in about]

    return "letter", "INSERT", "about", rows, told


def reminded(world, monkeypatch):
    LetterSettings.stored(world.linden.clinic).change(None, to_clients="all")
    world.linden.patient.change(None, email="malgorzata@client.test")
    rows = [booked(world.linden, world.clock, days=7 + n / 24).id for n in range(4)]
    world.letters.send()
    world.clock.now += timedelta(days=6)
    return letters_about(reminders.KIND, rows)


def morning_lists(world, monkeypatch):
    people = world.linden.olive, world.linden.maya, world.linden.pat, world.linden.quinn
    for one in people:
        TeamLetters.delete().where(TeamLetters.user == one).execute()
        TeamLetters.create(user=one, morning=True)
    world.clock.now = world.clock.now.replace(hour=7)
    return letters_about(to_team.MORNING, [one.id for one in people])


def accounts(world, **fields) -> list[int]:
    people = world.linden.olive, world.linden.maya, world.linden.pat, world.linden.quinn
    return [external.source(one, **fields).account.id for one in people]


def in_trouble(world, monkeypatch):
    rows = accounts(
        world, health="reconnect", failing_since=world.clock.now, health_word="invalid_grant"
    )
    world.clock.now += timedelta(minutes=5)
    return letters_about("sync_trouble", rows)


def long_removals(world, monkeypatch):
    rows = accounts(world)
    for account in Account.select():
        AuditEntry.note(account.clinic, account.user, "account.leaving", account)
    Account.update(phase="leaving", removes=True).execute()
    world.clock.now += timedelta(days=2)
    return letters_about("removal", rows)


def forgotten_passwords(world, monkeypatch):
    people = world.linden.olive, world.linden.maya, world.linden.pat, world.linden.quinn
    rows = [
        ResetRequest.create(key=f"{n}", sealed=vault.seal(one.email)).id
        for n, one in enumerate(people)
    ]

    def answered():
        given = {one.user_id for one in OneTimeToken.select()}
        return [id for id, one in zip(rows, people, strict=True) if one.id in given]

    return "reset_request", "UPDATE", "id", rows, answered


def consents(world, monkeypatch):
    """Those that cannot be opened any more are given up at their first try."""
    rows = []
    for number in range(4):
        revoking.revoke_later("google", f"{number}@gone.test", "no longer sealed")
        rows.append(Revocation.select().order_by(Revocation.id.desc()).first().id)
    external.known("google")
    return (
        "revocation",
        "UPDATE",
        "id",
        rows,
        lambda: [id for id in rows if Revocation.get_or_none(Revocation.id == id) is None],
    )


CASES = {
    lapsing: requests.lapse,
    forgetting: chores.clean_up,
    old_files: chores.clean_up,
    late_copies: Clinic.void_late,
    checked_overlaps: overlap_check.check_clinics,
    reminded: reminders.write_due,
    morning_lists: to_team.write_due,
    in_trouble: trouble.write_about_accounts,
    long_removals: trouble.write_about_removals,
    forgotten_passwords: ResetRequest.answer_all,
    consents: revoking.retry,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_three_faulty_rows_keep_the_fourth_waiting_for_nothing(world, case, monkeypatch, caplog):
    table, deed, column, rows, done = case(world, monkeypatch)
    with refused(table, deed, column, rows[:3]):
        CASES[case]()
        assert done() == rows[3:]
    assert FaultyRow.select().count() == 3
    assert not any(word in caplog.text for word in ("Client 0", "Małgorzata", "@linden.test"))
    world.clock.now += timedelta(minutes=1)
    for _pass in range(4):
        CASES[case]()
    assert done() == rows and not FaultyRow.select().exists(), "and once they are well, they follow"


def test_the_doctor_names_the_chores_that_failed_at_rows(linden, settings):
    FaultyRow.put_off("requests", 5, 1)
    FaultyRow.put_off("files", 5, 1)
    said = [line for is_well, line in doctor.examine(settings) if not is_well]
    assert any("Chores: 2 rows that they failed at (files 1, requests 1)." in one for one in said)


# ---- the law ----

ROW_BY_ROW = {function for function, _seconds in chores.PERIODIC} | {
    *chores.SWEPT,
    *chores.OLD,
    *chores.OLD_ROW_BY_ROW,
    overlap_check.check_clinics,
    ResetRequest.answer_all,
    revoking.retry,
}


@pytest.mark.parametrize("chore", sorted(ROW_BY_ROW, key=str), ids=lambda one: one.__qualname__)
def test_a_chore_goes_through_rows_by_each_alone(chore):
    """A plain loop would end at the first faulty row. To wake jobs is all that one may do: that
    concerns no row.
    """
    function = inspect.unwrap(getattr(chore, "__func__", chore))
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    inner = {
        node
        for outer in ast.walk(tree.body[0])
        if isinstance(outer, ast.FunctionDef) and outer is not tree.body[0]
        for node in ast.walk(outer)
    }
    loops = [one for one in ast.walk(tree) if isinstance(one, ast.For | ast.While)]
    for loop in loops:
        if loop not in inner and not _is_of_tables(loop):
            assert all(_wakes(line) for line in loop.body), ast.unparse(loop)


def _wakes(line: ast.stmt) -> bool:
    return ast.unparse(line).startswith("jobs.enqueue(")


def _is_of_tables(loop: ast.For | ast.While) -> bool:
    """A statement for each of some tables or columns, as its program names them."""
    if not isinstance(loop, ast.For):
        return False
    return isinstance(loop.iter, ast.Tuple) or ast.unparse(loop.iter).isupper()
