"""Statements are the same with the short way as with Peewee's own."""

from datetime import UTC, datetime
from uuid import UUID

import explained
import pytest
from peewee import JOIN, SQL, Case, CharField, Column, Context, Expression, Select, State, fn

import models
from base.database import Base, is_sqlite
from base.sql.parts import COLUMN_LISTS, IS_COLUMN
from models import Booking, Clinic, Patient, Practitioner, User
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow

NOW = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)


class Nicknamed(Base):
    """A table that has another name in every statement."""

    name = CharField(column_name='quo"ted')

    class Meta:
        table_alias = "nick"


def statements():
    """Of each sort that the program makes, and of those that change what a column is called."""
    other, mine = Booking.alias("other"), User.alias()
    busy = Booking.select(Booking.patient).where(Booking.starts_at > NOW)
    inner = User.select(User.id, User.email.alias("address")).alias("inner")
    named = User.select(User.id).where(User.id > 2).cte("named")
    return {
        "rows": Booking.select(),
        "two tables": Booking.select(Booking, Patient).join(Patient, JOIN.LEFT_OUTER),
        "three tables": Booking.select().join(Practitioner).join(User).where(User.id << [1, 2]),
        "an alias": other.select().where(other.patient == 3, other.id.is_null(False)),
        "an alias beside its table": Booking.select(Booking.id, other.id).join(
            other, on=Booking.patient == other.patient
        ),
        "exists": mine.select(mine.id).where(
            fn.EXISTS(Account.select().where(Account.user == mine.id))
        ),
        "one column of a subquery": Patient.select().where(Patient.id << busy),
        "a whole subquery": Patient.select().where(Patient.id << Booking.select()),
        "from a subquery": User.select(inner.c.address).from_(inner).where(inner.c.id > 4),
        "with": User.select().join(named, on=named.c.id == User.id).with_cte(named),
        "groups": Booking.select(Booking.status, fn.COUNT(Booking.id).alias("number"))
        .group_by(Booking.status)
        .having(fn.MAX(Booking.id) > 1),
        "cases": Booking.select(Case(None, [(Booking.id > 3, Booking.starts_at)], 0)).distinct(),
        "a union": Booking.select().where(Booking.id == 1) | Booking.select(),
        "an order": User.select().join(Clinic).order_by(Clinic.name.desc(), User.id).limit(2),
        "many comparisons": Booking.select().where(
            (Booking.patient == Patient(id=4)) & (Booking.practitioner == 3)
            | ~(Booking.status << ["offered", "cancelled"])
            | Booking.patient.in_({Patient(id=5)}) & Booking.patient.not_in([])
            | (Booking.id == Patient(id=6)) & (Booking.id << range(3)) & (Booking.id << ())
        ),
        "arithmetic": Account.select().where(
            ((Account.failures + 1) * Account.told > Account.failures)
            & (Account.wait_until + 5 == NOW)
            & (fn.LOWER(Account.email) == "a")
            & Account.email.startswith("5%")
            & Account.due_at.between(NOW, NOW)
        ),
        "against a subquery": Account.select().where(
            (Account.failures == Account.select(fn.MAX(Account.failures)))
            & (Account.user << User.select(User.id).where(User.clinic << Clinic.select()))
            & (Account.user != Case(None, [(Account.id > 3, 4)], 5))
        ),
        "joined words": User.select(User.name.concat("x")).where(~(User.name == "a")),
        "a table with an alias": Nicknamed.select().where(Nicknamed.name == "x"),
        "how many": Select([busy.alias("_wrapped")], [fn.COUNT(SQL("1"))]).limit(1),
        "whether there is one": Select(columns=[fn.EXISTS(Booking.select().limit(1))]).limit(1),
        "a page of them": Booking.select().order_by(Booking.id.desc(nulls="last")).paginate(3, 20),
        "no order, no limit, an offset": Booking.select().offset(2),
        "without doubles": Booking.select(Booking.status).distinct(True),
        "one of each": Booking.select().distinct(Booking.status),
        "a subquery among the columns": Practitioner.select(
            Practitioner.id,
            Booking.select(fn.COUNT(Booking.id)).where(Booking.practitioner == Practitioner.id),
            Booking.select(fn.MAX(Booking.id)).alias("latest"),
        ),
        "functions": Booking.select(
            fn.COALESCE(Booking.notes, "none", None),
            fn.SUM(Booking.id + 1),
            fn.COUNT(Booking.id.distinct()).filter(Booking.id > 4),
            fn.RANDOM(),
            fn.LOWER(User.name.concat("x")),
        ).where(fn.NULLIF(Booking.id, 4).is_null(), fn.ABS(fn.MIN(Booking.id, 3)) > 2),
        "a join of a subquery": User.select(User.id, inner.c.address).join(
            inner, JOIN.LEFT_OUTER, on=(User.id == inner.c.id) & (User.name == "x")
        ),
        "a table beside another": Booking.select(Booking.id).from_(Booking, Patient, inner),
        "a window": Booking.select(
            fn.RANK().over(partition_by=[Booking.status], order_by=[Booking.id])
        ),
        "an update": Account.update(failures=Account.failures + 1).where(Account.id == 4),
        "an update by a subquery": Account.update(due_at=None).where(
            Account.user << User.select(User.id)
        ),
        "an update of several": Account.update(
            user=User(id=3),
            failures=fn.COALESCE(Account.failures, 0) + 1,
            phase="paused",
            due_at=None,
            wait_until=NOW,
            told=Case(None, [(Account.id > 3, Account.told)], 0),
        ).where(Account.id << [1, 2], Account.clinic == Clinic(id=2)),
        "an update of all": User.update(name=User.email, rev=SQL("rev + 1"), left_at=None),
        "an update to what a subquery gives": Account.update(
            failures=Account.select(fn.MAX(Account.failures)),
            told=RemoteCalendar.select(fn.COUNT(RemoteCalendar.id)).where(
                RemoteCalendar.account == Account.id
            ),
        ).where(fn.EXISTS(User.select().where(User.id == Account.user))),
        "an update from a table": Account.update(failures=User.rev)
        .from_(User)
        .where(User.id == Account.user),
        "an update that answers": Account.update(failures=0).returning(Account.id, Account.kind),
        "an update of the first": Account.update(failures=0).order_by(Account.id).limit(1),
        "an update of what is kept as text": Clinic.update(overlaps={"week": [1, None]}),
        "an update with an alias": Nicknamed.update(name="y").where(Nicknamed.name == "x"),
        "a deletion of all": User.delete(),
        "a deletion that answers": User.delete().where(User.id == 3).returning(User),
        "a deletion with an alias": Nicknamed.delete().where(Nicknamed.name == "x"),
        "a deletion by a condition elsewhere": RemoteCalendar.delete().where(
            ~fn.EXISTS(Account.select().where(Account.id == RemoteCalendar.account))
        ),
        "a deletion with": User.delete().with_cte(named).where(User.id << named.select(named.c.id)),
        "a deletion": MappingRow.delete().where(
            MappingRow.account << Account.select().where(Account.phase == "off")
        ),
        "an insertion": User.insert(email="a", name="b", clinic=1),
        "an insertion of rows": Booking.insert(
            practitioner=Practitioner(id=3),
            patient=None,
            starts_at=NOW,
            ends_at=NOW,
            uuid=UUID(int=3),
        ),
        "an insertion of a subquery": User.insert(
            email=Patient.select(fn.MAX(Patient.email)), name="b", clinic=1
        ),
        "an insertion of arithmetic": User.insert(email=fn.LOWER("A"), name="b", clinic=1),
        "several": RemoteCalendar.insert_many([{"account": 1, "name": "x"}]),
        "from rows": MappingRow.insert_from(
            MappingRow.select(MappingRow.account, MappingRow.uid),
            [MappingRow.account, MappingRow.uid],
        ),
        "unless it is there": User.insert(email="a").on_conflict_ignore(),
        "or changed": User.insert(email="a", name="b").on_conflict(
            conflict_target=[User.email], update={User.name: "c"}, where=User.name != "d"
        ),
    } | ({} if is_sqlite() else {"held": Account.select().where(Account.id == 2).for_update()})


def test_every_statement_reads_as_peewee_writes_it(db, clock, monkeypatch):
    ours = {name: statement.sql() for name, statement in statements().items()}
    monkeypatch.setattr(models.database.obj, "context_class", Context)
    assert ours == {name: statement.sql() for name, statement in statements().items()}


@pytest.mark.parametrize("scope", ["select", "update"])
def test_a_column_is_written_in_one_step(db, monkeypatch, scope):
    """What the short way is for: no call of Peewee for a column's name."""
    monkeypatch.setattr(Column, "__sql__", None)
    statement = User.select() if scope == "select" else User.update(name="x").where(User.id == 1)
    assert '"name"' in statement.sql()[0]


def test_a_comparison_is_written_in_one_step(db, monkeypatch):
    """What the other short way is for: no call of Peewee for it, and no state of its own."""
    states = []
    real = State.__init__
    monkeypatch.setattr(
        State, "__init__", lambda *given, **more: real(*given, **more) or states.append(1)
    )
    few = User.select().where(User.id == 1)
    many = few.where(User.name == "x", User.clinic << [2, 3], User.email.is_null(False))
    monkeypatch.setattr(Expression, "__sql__", None)
    few.sql()
    one = len(states)
    assert many.sql()[1] == [1, "x", 2, 3] and len(states) == 2 * one


@pytest.mark.parametrize("words", ["name + 1", "nowhere", "ifnull(name, '')"])
def test_what_postgresql_does_not_understand_is_told(explainer, words):
    """Where tests of pages run on SQLite alone."""
    assert explainer.refusal(User.select(User.name).where(User.id << [1, 2])) == ""
    assert explainer.refusal(User.select(SQL(words)).where(User.id << [1, 2])) != ""


def test_a_statement_is_explained_once_in_a_run(explainer):
    assert explainer.is_new("SELECT 'of this test'") and not explainer.is_new(
        "SELECT 'of this test'"
    )


def test_a_statement_leaves_nothing_behind(db, clock):
    """Peewee makes classes for the columns of an alias, in each statement anew."""
    for statement in statements().values():
        statement.sql()
    known = len(IS_COLUMN), len(COLUMN_LISTS)
    for statement in statements().values():
        statement.sql()
    assert (len(IS_COLUMN), len(COLUMN_LISTS)) == known


@pytest.mark.parametrize("name", [*explained.ONCE, *explained.ON_BOTH])
def test_what_is_named_to_run_once_or_on_both_is_there(name):
    file, _, function = name.partition("::")
    path = explained.TESTS / file
    assert path.exists() and (not function or f"def {function}(" in path.read_text())
