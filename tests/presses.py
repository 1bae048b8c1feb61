"""Presses of buttons, one within another: clients, bookings and forms for each try, and what two
presses at once leave.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from interrupted import Interruption

import models
from base.scheduling import Span
from models import Booking, Patient
from operate import migrate
from tests.pages import forms_of, with_what_it_showed

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)  # the Monday after the tests' day
OF_ANY_PRESS = {"session", "throttle", "security_event"}
COUNTS = " UNION ALL ".join(
    f"SELECT '{name}', COUNT(*) FROM \"{name}\""
    for name in (table._meta.table_name for table in migrate.TABLES)
    if name not in OF_ANY_PRESS
)


def counts() -> dict[str, int]:
    return dict(models.database.execute_sql(COUNTS).fetchall())


def day(n: int) -> date:
    """A working day of its own for each try."""
    return NINE.date() + timedelta(days=7 * (n // 5) + n % 5)


def at(n: int) -> datetime:
    return datetime.combine(day(n), NINE.timetz())


def booked(world, n, **more) -> Booking:
    facts = {"patient": world.patient, "service": world.service, **more}
    span = Span(at(n), at(n) + timedelta(minutes=50))
    return Booking.book(world.calendar, [span], world.maya, **facts)[0]


NAMES = [
    "Ada",
    "Bea",
    "Cleo",
    "Dora",
    "Esme",
    "Fay",
    "Gita",
    "Hope",
    "Iris",
    "Jane",
    "Kaya",
    "Lena",
    "Mona",
    "Nell",
    "Olga",
    "Pia",
    "Rosa",
]
LASTS = [
    "Quist",
    "Bruhn",
    "Vidal",
    "Marlow",
    "Zeller",
    "Ortega",
    "Hobbs",
    "Fennimore",
    "Klee",
    "Yarwood",
]


def name(n: int) -> tuple[str, str]:
    return NAMES[n % len(NAMES)], LASTS[n // len(NAMES) % len(LASTS)]


def client(world, n, **more) -> Patient:
    first, last = name(n)
    return Patient.add(world.clinic, world.maya, first_name=first, last_name=last, **more)


def filled(browser, page: str, action: str | None = None, **typed) -> tuple[str, dict]:
    """The form of a page that is sent to `action` (None: the page's own address), and filled."""
    forms = forms_of(browser.get(page, headers={"HX-Request": "true"}))
    form = next(one for one in forms if one["action"].partition("?")[0] == (action or page))
    return form["action"], {**dict(form["fields"]), **typed}


def sent(form) -> tuple[str, dict]:
    return form.action, dict(form.fields)


def cases(namespace: dict) -> list[Callable]:
    """The functions of a module that prepare one press: `case(world, n, browser)`."""
    names = ("world", "n", "browser")
    return [
        one
        for one in namespace.values()
        if getattr(one, "__code__", None) is not None and one.__code__.co_varnames[:3] == names
    ]


def wrong_moments(world, signed_in, monkeypatch, case) -> list[tuple]:
    """The moments of a press at which the same press, made by the same person meanwhile, was
    answered otherwise or left other rows than one press leaves.
    """
    both = [signed_in(world.maya) for _ in range(2)]
    both[1].set_cookie("kalends", both[0].get_cookie("kalends").value)

    def presses(n):
        path, data = case(world, n, both[0])
        make = data if callable(data) else lambda: shown
        shown = {} if callable(data) else with_what_it_showed(both[0], path, data)
        return [lambda one=one: one.open(path, method="POST", data=make()) for one in both]

    press, __ = presses(0)
    before = counts()
    alone = press()
    assert alone.status_code == 303, alone.get_data(as_text=True)
    once = {name: count - before[name] for name, count in counts().items()}
    interruption, wrong = Interruption(monkeypatch), []
    for moment in itertools.count():
        press, other = presses(moment + 1)
        before = counts()
        first, second = interruption.within(press, other, moment)
        if second is None:
            return wrong
        left = {name: count - before[name] for name, count in counts().items()}
        more = {name: (count, once[name]) for name, count in left.items() if count != once[name]}
        if (first.status_code, second.status_code) != (303, 303) or more:
            wrong.append((moment, first.status_code, second.status_code, more))
