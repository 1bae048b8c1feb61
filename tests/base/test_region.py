"""How a clinic writes dates and times, and that nothing else does."""

import re
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from base import day_names, region
from base.region import Region

TOP = Path(__file__).parents[2]
AT = datetime(2026, 11, 20, 14, 5, tzinfo=ZoneInfo("Europe/London"))
AMERICAN = Region(6, True, "mdy", "letter")


@pytest.mark.parametrize(
    ("chosen", "full", "moment", "short"),
    [
        (Region(), "Friday 20 November 2026", "20 November 2026, 14:05", "Fri 20 Nov"),
        (AMERICAN, "Friday, November 20, 2026", "November 20, 2026, 2:05 pm", "Fri, Nov 20"),
        (
            Region(0, False, "ymd"),
            "Friday, 2026 November 20",
            "2026 November 20, 14:05",
            "Fri, Nov 20",
        ),
    ],
)
def test_dates_are_written_as_the_clinic_has_them(chosen, full, moment, short):
    with region.using(chosen):
        assert day_names.full(AT, year=True) == full
        assert day_names.moment(AT) == moment
        assert day_names.short(AT) == short
    assert day_names.moment(AT) == "20 November 2026, 14:05"


def test_twelve_hours_have_a_noon_and_a_midnight():
    walls = (time(0, 5), time(9), time(12), time(12, 30), time(23, 59))
    with region.using(AMERICAN):
        said = [region.clock(wall) for wall in walls]
        assert said == ["12:05 am", "9:00 am", "12:00 pm", "12:30 pm", "11:59 pm"]
        assert [region.wall(wall) for wall in ("09:00", "24:00")] == ["9:00 am", "12:00 am"]
        hours = [region.hour(hour) for hour in (0, 9, 12, 13, 24)]
        assert hours == ["12 am", "9 am", "12 pm", "1 pm", "12 am"]
    assert [region.wall("24:00"), region.hour(9)] == ["24:00", "09:00"]


def test_a_half_of_the_day_is_said_once():
    ends = [AT.replace(hour=14, minute=55), AT.replace(hour=9), AT + timedelta(days=1)]
    morning = AT.replace(hour=11, minute=30)
    assert region.between(AT, ends[0]) == "14:05–14:55"
    with region.using(AMERICAN):
        assert region.between(AT, ends[0]) == "2:05–2:55 pm"
        assert region.between(morning, AT) == "11:30 am–2:05 pm"
        assert region.between(AT, ends[1]) == "2:05 pm–9:05 am"
        assert region.between(AT, ends[2]) == "2:05 pm–2:05 pm"


def test_opening_hours_say_a_half_of_the_day_once():
    hours = [("09:00", "11:30"), ("09:00", "17:00"), ("00:00", "24:00"), ("13:00", "24:00")]
    assert [region.walls(*one) for one in hours][::3] == ["09:00–11:30", "13:00–24:00"]
    with region.using(AMERICAN):
        assert [region.walls(*one) for one in hours] == [
            "9:00–11:30 am",
            "9:00 am–5:00 pm",
            "12:00 am–12:00 am",
            "1:00 pm–12:00 am",
        ]


def test_long_lengths_are_said_in_hours():
    said = [region.length(minutes) for minutes in (1, 50, 60, 90, 100, 120, 480)]
    assert said == [
        "1 minute",
        "50 minutes",
        "60 minutes",
        "1½ hours",
        "100 minutes",
        "2 hours",
        "8 hours",
    ]
    assert [region.length(minutes, is_brief=True) for minutes in (50, 480)] == ["50 min", "8 hours"]


@pytest.mark.parametrize(
    ("start", "first"),
    [(0, date(2026, 11, 16)), (5, date(2026, 11, 14)), (6, date(2026, 11, 15))],
)
def test_a_week_begins_where_the_clinic_has_it(start, first):
    with region.using(Region(start)):
        for day in (16, 18, 20):
            assert region.week_of(date(2026, 11, day))[0] == first
        week = region.week_of(first)
        assert (week[0], len(week)) == (first, 7)


@pytest.mark.parametrize(
    ("zone", "guessed", "currency"),
    [
        ("Europe/London", Region(), "GBP"),
        ("America/New_York", AMERICAN, "USD"),
        ("America/Toronto", AMERICAN, "CAD"),
        ("Australia/Lord_Howe", Region(0, True, "dmy"), "AUD"),
        ("Europe/Berlin", Region(), "EUR"),
        ("Asia/Tokyo", Region(6, False, "ymd"), "JPY"),
        ("Africa/Cairo", Region(5, True, "dmy"), None),
        ("UTC", Region(), None),
    ],
)
def test_the_country_of_a_zone_says_what_is_usual(zone, guessed, currency):
    assert region.guess(zone) == guessed
    assert region.currency(zone) == currency


MACHINES = {  # times of day that programs read: fields, addresses, stored rows
    "base/region.py": 1,
    "base/opening_hours.py": 1,
    "free_times/earlier/entries.py": 3,
    "views/calendar/booking_form/check.py": 1,
    "views/calendar/booking_form/next_time.py": 1,
    "views/calendar/moves.py": 2,
    "views/calendar/next_free.py": 1,
    "views/calendar/off_form.py": 2,
    "views/calendar/why.py": 1,
    "views/clinic/letters.py": 1,
    "views/kit/forms.py": 1,
    "views/kit/merging.py": 1,
}


def test_no_other_module_writes_times_of_day():
    found = {}
    for room in ("base", "free_times", "letters", "operate/intake", "people", "views"):
        for path in sorted((TOP / room).rglob("*.py")):
            many = len(re.findall(r"%H:%M[^:]|%I|%-d|%[aAbBp](?=\W)", path.read_text()))
            if many:
                found[str(path.relative_to(TOP))] = many
    assert found == MACHINES
    for path in (TOP / "templates").rglob("*.*"):
        said = path.read_text()
        shown = [one for one in re.findall("strftime", said) if one]
        assert not shown or path.name == "new.html", path


FEW_MINUTES = {"views/calendar/why_words.py", "views/clinic/settings.py"}  # of a grid: at most 30


def test_no_other_module_joins_two_times_or_counts_long_minutes():
    """Ranges and lengths have one spelling each: `between`, `walls` and `length`."""
    joined = r"(clock|wall|start\w*|opens)\b[^{}\n]*\}\}?–\{"
    counted = r"\{(minutes|\w+_minutes)\} min"
    for room in (
        "base",
        "free_times",
        "letters",
        "operate",
        "people",
        "sync",
        "templates",
        "views",
    ):
        for path in sorted((TOP / room).rglob("*.*")):
            if path.suffix in (".py", ".html", ".txt") and path.name != "region.py":
                said = path.read_text()
                assert not re.search(joined, said), path
                is_few = str(path.relative_to(TOP)) in FEW_MINUTES
                assert is_few or not re.search(counted, said), path


def test_no_instant_is_written_by_the_clock_alone():
    """The hour that comes twice needs its name: `clock_in`, `clear_clock`, `between_in`."""
    rooms = ("views", "letters", "free_times", "people", "sync")
    written = [
        f"{path}: {line.strip()}"
        for room in rooms
        for path in (TOP / room).rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"region\.(clock|between)\(.*(astimezone|_at\b)", line)
    ]
    assert written == []
