"""Large files are imported in portions: other writers get their turn, and an interruption loses and
doubles nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from feed_changes import KEY

import models
from base.bookings.agreements import Agreement
from base.scheduling import Span
from base.tables.audit import AuditEntry
from free_times import overlaps
from models import Booking, Feed, Patient
from operate import intake
from operate.intake import importing
from operate.intake.upload import Import
from people import merges
from sync.feeds import feed as feeds

DAY = date(2026, 12, 1)
HEAD = "calendar,client,date,start,end,status\n"
HALF = timedelta(minutes=30)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Two lines a portion."""
    for name in ("FIRST", "LEAST", "MOST"):
        monkeypatch.setattr(importing, name, 2)


@pytest.fixture
def between(monkeypatch):
    """`between(n, what)` does `what` once, after the n-th portion, where the worker rests."""
    plans, pauses = {}, []

    def rest(seconds):
        pauses.append(seconds)
        plans.pop(len(pauses), lambda: None)()

    monkeypatch.setattr(importing.time, "sleep", rest)
    return plans.__setitem__


class Killed(BaseException):
    """The process ends here."""


def killed():
    raise Killed


def broken():
    raise OSError("no room")


def line(n: int, client: str = "", status: str = "", minutes: int = 30) -> str:
    """A line of a file: the n-th day at nine."""
    day, end = DAY + timedelta(days=n), 9 * 60 + minutes
    return f"pat@linden.test,{client},{day},09:00,{end // 60:02}:{end % 60:02},{status}\n"


def at(n: int) -> Span:
    start = datetime(2026, 12, 1, 9, tzinfo=UTC) + timedelta(days=n)
    return Span(start, start + HALF)


def accepted(linden, text: str, kind: str = "bookings", takes_overlaps: bool = False) -> Import:
    row = intake.begin_import(linden.clinic, linden.olive, kind, text.encode())
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    if takes_overlaps:
        intake.check_again(row, linden.olive, overlaps=True)
        intake.check_file(row.id)
        row = Import.get_by_id(row.id)
    assert row.phase == "checked" and intake.accept(row, linden.olive, without_bad=True)
    return row


def fresh(row: Import) -> Import:
    return Import.get_by_id(row.id)


def days() -> list[int]:
    return [(row.starts_at.date() - DAY).days for row in Booking.select().order_by(Booking.id)]


def imported() -> list[int]:
    """What the history says of imports, one number an entry."""
    entries = AuditEntry.select().where(AuditEntry.action.in_(["bookings.added", "patients.added"]))
    return [entry.detail["count"] for entry in entries]


@pytest.mark.parametrize("after", [1, 2, 3])
def test_bookings_go_on_where_a_killed_worker_ended(linden, between, after):
    # a time that was cancelled and booked again, on both sides of the end of a portion
    lines = [line(0), line(1, "K-2041", "cancelled"), line(1, "K-2041"), *map(line, range(2, 7))]
    row = accepted(linden, HEAD + "".join(lines))
    between(after, killed)
    with pytest.raises(Killed):
        intake.import_good_lines(row.id)
    assert len(days()) == 2 * after == fresh(row).begun.count and imported() == [2 * after]
    assert fresh(row).content
    intake.sweep()
    intake.import_good_lines(row.id)
    assert sorted(days()) == [0, 1, 1, 2, 3, 4, 5, 6] and imported() == [8]
    ended = fresh(row)
    assert (ended.phase, ended.good, ended.content, ended.begun) == ("imported", 8, "", None)
    assert ended.problems == {"calendar": linden.calendar.id, "day": DAY.isoformat()}


def test_who_reads_a_link_meanwhile_sees_a_revision_and_its_bookings_together(linden, app, between):
    """Neither the rows of a portion without their revision, nor a revision without its rows: then
    an app would keep the older body, since it has the newer mark.
    """
    link = Feed.generate(linden.pat, "my phone", linden.pat, practitioner=linden.calendar)
    address, answers = feeds.path(KEY, link), []

    def poll():
        answer = app.test_client(use_cookies=False).get(address)
        models.database.close()
        found = answer.headers["ETag"], answer.text.count("BEGIN:VEVENT")
        if found not in answers:
            answers.append(found)

    def read():
        with ThreadPoolExecutor(1) as other:
            other.submit(poll).result(20)

    row = accepted(linden, HEAD + "".join(map(line, range(6))))
    for portion in (1, 2):
        between(portion, read)
    read()
    with models.database.atomic():
        linden.clinic.lock()
        read()
        Booking.book(linden.calendar, [at(20)], linden.pat)
        read()
    assert len(answers) == 1
    intake.import_good_lines(row.id)
    read()
    assert [count for _, count in answers] == [1, 3, 5, 7]
    assert len({etag for etag, _ in answers}) == 4


def test_clients_go_on_where_a_killed_worker_ended(linden, between):
    names = ["Ada", "Björk", "Cid", "", "Dora", "Ada,K-2043"]
    text = "first_name,internal_id\n" + "".join(f"{name}\n" for name in names)
    row = accepted(linden, text, "clients")
    between(1, killed)
    with pytest.raises(Killed):
        intake.import_good_lines(row.id)
    between(2, killed)
    with pytest.raises(Killed):
        intake.import_good_lines(row.id)
    intake.import_good_lines(row.id)
    came = Patient.select().where(Patient.id != linden.patient.id).order_by(Patient.id)
    assert [(one.first_name, one.internal_id) for one in came] == [
        ("Ada", "K-2042"),
        ("Björk", "K-2044"),
        ("Cid", "K-2045"),
        ("Dora", "K-2046"),
        ("Ada", "K-2043"),
    ]
    assert imported() == [5] and fresh(row).good == 5


def test_a_time_that_somebody_booked_meanwhile_stays_theirs(linden, between, signed_in):
    row = accepted(linden, HEAD + "".join(map(line, range(8))))
    browser = signed_in(linden.olive)

    def book():
        shown = " ".join(browser.get(f"/settings/imports/{row.id}").text.split())
        assert "2 of 8 bookings imported" in shown and 'max="8"' in shown
        Booking.book(linden.calendar, [at(5)], linden.pat, patient=linden.patient)

    between(1, book)
    intake.import_good_lines(row.id)
    assert sorted(days()) == list(range(8))
    assert Booking.get(Booking.patient == linden.patient).span == at(5)
    ended = fresh(row)
    assert (ended.phase, ended.good, ended.problems["lefts"]) == ("imported", 7, 1)
    shown = browser.get(f"/settings/imports/{row.id}").get_data(as_text=True)
    assert "7 bookings are in Kalends" in shown.replace("\n   ", "")
    assert "1 good line left out" in shown and "bad line" not in shown
    assert "Line 7, Start" in shown and "Pat Linden is busy then" in shown
    assert overlaps.pairs(linden.clinic) == []


@pytest.mark.parametrize("before_the_end", [False, True])
def test_with_overlaps_nobody_agrees_to_one_that_came_meanwhile(linden, between, before_the_end):
    Booking.book(linden.calendar, [at(3)], linden.pat)
    lines = [line(0), line(1), line(3, minutes=60), line(4), line(4, minutes=60), line(5)]
    row = accepted(linden, HEAD + "".join(lines), takes_overlaps=True)
    between(1, lambda: Booking.book(linden.calendar, [at(5)], linden.pat))
    if before_the_end:  # in a clinic where somebody always changes something
        for n in range(2, 20):
            between(n, lambda n=n: Booking.book(linden.calendar, [at(20 + n)], linden.pat))
    intake.import_good_lines(row.id)
    ended = fresh(row)
    assert (ended.phase, ended.good) == ("imported", 5)
    assert [entry["line"] for entry in ended.problems["left"]] == [7]
    assert [pair.is_agreed for pair in overlaps.pairs(linden.clinic)] == [True, True]
    assert {one.how for one in Agreement.select()} == {"import"}


def test_overlaps_are_shown_again_where_a_killed_worker_left_a_changed_clinic(linden, between):
    lines = [line(0), line(1), line(2), line(2, minutes=60), line(3)]
    row = accepted(linden, HEAD + "".join(lines), takes_overlaps=True)
    between(1, killed)
    with pytest.raises(Killed):
        intake.import_good_lines(row.id)
    Booking.book(linden.calendar, [at(3)], linden.pat, patient=linden.patient)
    intake.import_good_lines(row.id)
    again = fresh(row)
    assert (again.phase, again.begun, again.good) == ("checked", None, 3)
    assert "2 were imported" in " ".join(one["sentence"] for one in again.problems["entries"])
    assert intake.accept(again, linden.olive, without_bad=True)
    intake.import_good_lines(row.id)
    assert sorted(days()) == [0, 1, 2, 2, 3, 3]
    assert all(pair.is_agreed for pair in overlaps.pairs(linden.clinic))


def test_overlaps_go_on_where_nothing_changed(linden, between):
    lines = [line(0), line(0, minutes=60), line(1), line(0, minutes=90)]
    row = accepted(linden, HEAD + "".join(lines), takes_overlaps=True)
    between(1, killed)
    with pytest.raises(Killed):
        intake.import_good_lines(row.id)
    intake.import_good_lines(row.id)
    assert fresh(row).phase == "imported" and sorted(days()) == [0, 0, 0, 1]
    assert [pair.is_agreed for pair in overlaps.pairs(linden.clinic)] == [True] * 3


def test_a_client_who_was_added_meanwhile_is_not_added_again(linden, between):
    text = "first_name,internal_id,email\nAda\nBjörk\nCid\nDora,D-1\nEve\nFay,F-1\n"
    row = accepted(linden, text, "clients")

    def add():
        Patient.add(linden.clinic, None, first_name="Cid")
        Patient.add(linden.clinic, None, first_name="Other", internal_id="d-1")
        linden.patient.change(None, internal_id="F-1")

    between(1, add)
    intake.import_good_lines(row.id)
    ended = fresh(row)
    assert (ended.phase, ended.good, ended.bad) == ("imported", 3, 3)
    assert [(one["line"], one["column"]) for one in ended.problems["left"]] == [
        (4, "first_name"),
        (5, "internal_id"),
        (7, "internal_id"),
    ]
    assert Patient.select().where(Patient.first_name == "Eve").count() == 1


def test_a_calendar_that_is_closed_meanwhile_takes_no_more(linden, between):
    row = accepted(linden, HEAD + "".join(map(line, range(4))))
    between(1, lambda: linden.calendar.set_archived(True, None))
    intake.import_good_lines(row.id)
    assert (fresh(row).good, fresh(row).problems["lefts"], days()) == (2, 2, [0, 1])


def test_bookings_of_clients_who_are_merged_meanwhile_go_to_the_one_that_stands(linden, between):
    other = Patient.add(linden.clinic, None, first_name="Twin", internal_id="T-1")
    row = accepted(linden, HEAD + "".join(line(n, "T-1") for n in range(4)))
    between(1, lambda: merges.merge(linden.patient, other, linden.olive, {}))
    intake.import_good_lines(row.id)
    assert {booking.patient_id for booking in Booking.select()} == {linden.patient.id}


def test_after_a_fault_in_the_middle_a_person_goes_on(linden, between, signed_in):
    row = accepted(linden, HEAD + "".join(map(line, range(6))))
    between(1, broken)
    intake.import_good_lines(row.id)
    browser = signed_in(linden.olive)
    shown = browser.get(f"/settings/imports/{row.id}").get_data(as_text=True)
    assert "2 of 6 bookings are" in shown and "Nothing of the file" not in shown
    browser.post(f"/settings/imports/{row.id}/checks", data={})
    assert fresh(row).phase == "importing"
    intake.import_good_lines(row.id)
    assert sorted(days()) == list(range(6)) and imported() == [6]


def test_a_file_of_which_a_part_is_imported_can_be_deleted(linden, between, signed_in):
    row = accepted(linden, HEAD + "".join(map(line, range(6))))
    between(2, broken)
    intake.import_good_lines(row.id)
    browser = signed_in(linden.olive)
    browser.post(f"/settings/imports/{row.id}/disposal", data={})
    assert (fresh(row).phase, fresh(row).content, len(days())) == ("discarded", "", 4)
    shown = browser.get(f"/settings/imports/{row.id}").get_data(as_text=True)
    assert "4 bookings of it were imported" in shown and "Nothing of it" not in shown


def test_a_second_worker_that_overtakes_the_first_makes_nothing_twice(linden, between):
    row = accepted(linden, HEAD + "".join(map(line, range(8))))
    between(1, lambda: intake.import_good_lines(row.id))
    intake.import_good_lines(row.id)
    assert sorted(days()) == list(range(8)) and imported() == [8]
    assert (fresh(row).phase, fresh(row).good) == ("imported", 8)


def test_a_file_that_takes_long_is_left_to_the_next_job(linden, monkeypatch):
    monkeypatch.setattr(intake, "SLICE_SECONDS", 0)
    row = accepted(linden, HEAD + "".join(map(line, range(6))))
    for count in (2, 4, 6):
        assert fresh(row).phase == "importing"
        intake.import_good_lines(row.id)
        assert len(days()) == count
    assert fresh(row).phase == "imported" and sorted(days()) == list(range(6))
