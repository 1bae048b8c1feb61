"""Overlaps that a person chose to allow during an import: each is shown, stored, and imported only
as it was shown.
"""

from datetime import UTC, datetime, timedelta

import pytest

from base.bookings.agreements import Agreement
from base.scheduling import Span
from free_times import overlaps
from models import Booking
from operate import intake
from operate.intake import fitting
from operate.intake.fitting import BookingRow, Diary
from operate.intake.sheet import open_sheet
from operate.intake.upload import Import

TEN = datetime(2026, 12, 1, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HEAD = "calendar,venue,date,start,end\n"


def line(start: str, end: str, who: str = "pat") -> str:
    return f"{who}@linden.test,Linden Street,2026-12-01,{start},{end}\n"


def report(linden, *lines: str, takes: bool = True):
    sheet = open_sheet("bookings", HEAD + "".join(lines), None, {"overlaps": takes})
    return intake.report_on(sheet, linden.clinic)


def test_an_imported_overlap_takes_its_time_as_well(linden):
    Booking.book(linden.calendar, [Span(TEN, TEN + HOUR)], None)
    lines = line("10:30", "12:00"), line("11:30", "12:30"), line("12:15", "13:00")
    found = report(linden, *lines)
    assert [one["line"] for one in found.notes] == [2, 3, 4] and found.overlaps == 3
    refused = report(linden, *lines, takes=False)
    assert sorted(refused.bad) == [2, 4]  # line 2 is not taken, so line 3 is free


def test_every_overlap_of_a_file_is_written_down_as_agreed(linden):
    Booking.book(linden.calendar, [Span(TEN, TEN + HOUR)], None)
    text = HEAD + line("10:30", "12:00") + line("11:30", "12:30") + line("10:00", "11:00", "quinn")
    sheet = open_sheet("bookings", text, None, {"overlaps": True})
    assert intake.store(sheet, linden.clinic, linden.maya, lambda found: True).is_imported
    assert [pair.is_agreed for pair in overlaps.pairs(linden.clinic)] == [True, True]
    assert {(one.how, one.by) for one in Agreement.select()} == {("import", linden.maya)}


@pytest.mark.parametrize("moves", [True, False])
def test_overlaps_that_were_not_shown_are_asked_about(linden, moves):
    (there,) = Booking.book(linden.calendar, [Span(TEN, TEN + HOUR)], None)
    text = HEAD + line("10:30", "11:30")
    row = Import.begin(
        linden.clinic, linden.maya, "bookings", text, 1, {"guessed": None}, {"columns": {}}
    )
    assert intake.check_again(row, linden.maya, overlaps=True)
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    assert (row.phase, row.good) == ("checked", 1)
    if moves:
        there.change(None, Span(TEN + HOUR / 4, TEN + 2 * HOUR))
    assert intake.accept(row, linden.maya)
    intake.import_good_lines(row.id)
    assert Import.get_by_id(row.id).phase == ("checked" if moves else "imported")
    assert Booking.select().count() == (1 if moves else 2)


def test_a_line_for_a_calendar_that_was_closed_meanwhile_stays_out(linden):
    def close(done: int) -> None:  # while the lines are read
        linden.calendar.set_archived(True, None)

    sheet = open_sheet("bookings", HEAD + line("10:30", "11:30"), None, {})
    found = intake.store(sheet, linden.clinic, None, lambda report: True, close)
    assert sorted(found.bad) == [2] and not Booking.select().exists()


def test_what_a_line_overlaps_is_found_without_walking_through_all_lines():
    class Counted(list):
        def __iter__(self):
            raise AssertionError("every stretch was looked at")

    diary = Diary()
    diary._starts, diary._ends, diary._lines = Counted(), Counted(), Counted()

    def claim(at: int, minutes: int, line: int, shares: bool = False):
        start = TEN + timedelta(minutes=at)
        span = Span(start, start + timedelta(minutes=minutes))
        found = diary.claim(BookingRow(line, None, None, None, span, "", None, ""), shares)
        return found and found[0]

    for n in range(50):
        assert claim(n * 10, 10, n + 2) is None
    assert claim(35, 5, 90) == "line 5" and claim(100, 10, 91) == "line 12"
    assert claim(95, 20, 92) == "line 13" and claim(500, 60, 93) is None
    assert claim(0, 500, 94, shares=True) == "line 51"
    assert claim(250, 1, 95) == "line 51" and claim(-10, 10, 96) is None


def test_more_overlaps_than_can_be_written_down_are_refused(linden, monkeypatch):
    Booking.book(linden.calendar, [Span(TEN, TEN + HOUR)], None)
    lines = [line(f"10:{n:02}", "12:00") for n in range(6)]  # 15 with each other, 6 with the other
    monkeypatch.setattr(fitting, "MOST_OVERLAPS", 21)
    assert len(report(linden, *lines).rows) == 6
    monkeypatch.setattr(fitting, "MOST_OVERLAPS", 20)
    free = line("13:00", "14:00")
    found = report(linden, *lines, free)
    assert [row.line for row in found.rows] == [8] and len(found.bad) == 6
    assert "more than 20 overlaps" in found.faults[0]["sentence"]
    assert len(report(linden, free, lines[0], line("12:00", "13:00")).rows) == 3
