"""The meaning of cells of other programs."""

from contextlib import suppress
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operate.intake import cell_values, moments
from operate.intake.moments import DAY_FIRST, MONTH_FIRST, NoValue, When
from operate.intake.upload import Import

MARCH = date(2027, 3, 12)


@pytest.mark.parametrize(
    ("raw", "order", "expected"),
    [
        ("2027-03-12", DAY_FIRST, When(MARCH, None)),
        ("12/03/2027", DAY_FIRST, When(MARCH, None)),
        ("03/12/2027", MONTH_FIRST, When(MARCH, None)),
        ("12.03.2027", DAY_FIRST, When(MARCH, None)),
        ("3-12-27", MONTH_FIRST, When(MARCH, None)),
        ("2027/3/12", MONTH_FIRST, When(MARCH, None)),
        ("March 12, 2027 9:00 am", DAY_FIRST, When(MARCH, time(9))),
        ("12 March 2027", MONTH_FIRST, When(MARCH, None)),
        ("12-Mar-27", MONTH_FIRST, When(MARCH, None)),
        ("Fri, 12 Mar 2027 14:30", DAY_FIRST, When(MARCH, time(14, 30))),
        ("12th March 2027 at 2:30pm", DAY_FIRST, When(MARCH, time(14, 30))),
        ("Mar. 12 2027", DAY_FIRST, When(MARCH, None)),
        ("2027-03-12T09:00:00+01:00", DAY_FIRST, When(MARCH, time(9), timedelta(hours=1))),
        (
            "2027-03-12 09:00:00 -0530",
            DAY_FIRST,
            When(MARCH, time(9), -timedelta(hours=5, minutes=30)),
        ),
        ("2027-03-12T09:00:00Z", DAY_FIRST, When(MARCH, time(9), timedelta(0))),
        ("3/12/2027 12:00:00 AM", MONTH_FIRST, When(MARCH, time(0))),
        ("09:30", DAY_FIRST, When(None, time(9, 30))),
        ("9.30", DAY_FIRST, When(None, time(9, 30))),
        ("09.30.00", MONTH_FIRST, When(None, time(9, 30))),
        ("12.03.27", DAY_FIRST, When(MARCH, None)),
        ("9 pm", DAY_FIRST, When(None, time(21))),
        ("24:00", DAY_FIRST, When(None, time(0))),
        ("2027-03-12 22:00:00 UTC", DAY_FIRST, When(MARCH, time(22), timedelta(0))),
        ("2027-03-12T09:00-05:00", DAY_FIRST, When(MARCH, time(9), -timedelta(hours=5))),
        (
            "Fri Mar 12 2027 09:00:00 GMT+0100 (Central European Time)",
            DAY_FIRST,
            When(MARCH, time(9), timedelta(hours=1)),
        ),
    ],
)
def test_dates_and_times_are_read_in_many_forms(raw, order, expected):
    assert moments.when(raw, order) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "soon",
        "31/02/2027",
        "13/13/2027",
        "9",
        "25:00",
        "9:61",
        "13 am",
        "2027-03-12 soon",
        "0/1/2027",
        "1.5",
        "13/03/2027 09:00-09:45",
        "2027-03-12 9:00 -10:00",
    ],
)
def test_what_is_no_time_is_refused(raw):
    with pytest.raises(NoValue):
        moments.when(raw)


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["13/04/2027", "01/02/2027"], DAY_FIRST),
        (["04/13/2027", "01/02/2027"], MONTH_FIRST),
        (["01/02/2027", "03.04.2027"], None),
        (["05/05/2027", "2027-01-02", "3 April 2027"], DAY_FIRST),
        ([], DAY_FIRST),
        (["12/31/26 9:00 AM"], MONTH_FIRST),
        (["Mon 13.1.27"], DAY_FIRST),
        (["01/02/2027", "09.30.00", "13.15.00"], None),  # times tell nothing of dates
    ],
)
def test_the_order_is_one_for_the_whole_file(cells, order):
    assert moments.order_of(cells) == order


def test_a_file_with_both_orders_is_refused():
    with pytest.raises(NoValue):
        moments.order_of(["13/04/2027", "04/13/2027"])


@given(
    st.lists(st.dates(date(2020, 1, 1), date(2030, 1, 1)), min_size=1),
    st.sampled_from([DAY_FIRST, MONTH_FIRST]),
    st.sampled_from("/.-"),
)
def test_any_dates_of_one_order_are_read_right_or_asked_about(days, order, mark):
    cells = [
        f"{day.day:02d}{mark}{day.month:02d}{mark}{day.year}"
        if order == DAY_FIRST
        else f"{day.month:02d}{mark}{day.day:02d}{mark}{day.year}"
        for day in days
    ]
    found = moments.order_of(cells)
    if found:
        assert [moments.when(cell, found).date for cell in cells] == days
    else:
        assert all(day.day <= 12 for day in days)


@given(st.text(max_size=30))
def test_no_cell_is_a_fault_of_ours(raw):
    for read in (
        moments.when,
        moments.length,
        cell_values.amount,
        cell_values.status,
        cell_values.yes,
    ):
        with suppress(NoValue):
            read(raw)


@pytest.mark.parametrize(
    ("raw", "minutes"),
    [
        ("50", 50),
        ("50 min", 50),
        ("50 mins", 50),
        ("1:30", 90),
        ("1h 15min", 75),
        ("1 hr", 60),
        ("1.5 hours", 90),
        ("01:15:00", 75),
        ("PT45M", 45),
        ("1 hour 5 minutes", 65),
        ("2h", 120),
        ("1 hour, 15 minutes", 75),
        ("60.0", 60),
    ],
)
def test_lengths(raw, minutes):
    assert moments.length(raw) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("raw", "cents"),
    [
        ("65", 6500),
        ("65 GBP", 6500),
        ("£65.50", 6550),
        ("1,234.50", 123450),
        ("1.234,50", 123450),
        ("1 234,50 €", 123450),
        ("65,5", 6550),
        ("USD 1,200", 120000),
        ("", None),
        ("1'200.00", 120000),
        ("US$65", 6500),
        ("n/a", None),
    ],
)
def test_amounts(raw, cents):
    assert cell_values.amount(raw) == cents


@pytest.mark.parametrize("raw", ["free", "-5", "1.2.3", "12345678", "6,5000"])
def test_what_is_no_amount_is_refused(raw):
    with pytest.raises(NoValue):
        cell_values.amount(raw)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("Attended", "delivered"),
        ("Scheduled", "confirmed"),
        ("Late cancel", "cancelled"),
        ("Did not arrive", "no_show"),
        ("Checked in", "arrived"),
        ("No-Show", "no_show"),
        ("Not attended", "no_show"),
        ("FTA", "no_show"),
        ("CANCELED", "cancelled"),
        ("Completed", "delivered"),
        ("Tentative", "pending"),
        ("no_show", "no_show"),
        ("paid", "paid"),
        ("Clinician Canceled", "cancelled"),
        ("Cancelled by patient <24h", "cancelled"),
        ("Cancelled - no charge", "cancelled"),
    ],
)
def test_the_words_of_other_programs(raw, status):
    assert cell_values.status(raw) == status


@pytest.mark.parametrize(
    ("raw", "code"),
    [("65 EUR", "EUR"), ("GBP65", "GBP"), ("£65", "GBP"), ("$65", ""), ("65 net", ""), ("65", "")],
)
def test_currencies(raw, code):
    assert cell_values.currency(raw) == code


def test_what_is_not_cancelled_is_never_read_as_cancelled():
    for raw in ("Not cancelled", "never cancelled"):
        with pytest.raises(NoValue):
            cell_values.status(raw)


def test_a_spoiled_number_and_odd_spaces_are_seen():
    assert (
        cell_values.is_spoiled("1.39073E+18")
        and cell_values.is_spoiled("4,477E+11")
        and not cell_values.is_spoiled("+44 7700 900052")
    )
    assert cell_values.plain_spaces("9:00\u202fAM\u00a0") == "9:00 AM "


@pytest.mark.parametrize(
    ("raw", "both"),
    [
        ("Ada Lovelace", ("Ada", "Lovelace")),
        ("Lovelace, Ada", ("Ada", "Lovelace")),
        ("Björk", ("Björk", "")),
        ("van der Berg, Anna Maria", ("Anna Maria", "van der Berg")),
    ],
)
def test_one_cell_with_a_whole_name(raw, both):
    assert cell_values.names(raw) == both


@pytest.mark.parametrize(
    ("cells", "order"),
    [
        (["27/3/13"], None),
        (["27/3/13", "27/3/14", "27/4/2"], "year-first"),
        (["13/3/27", "14/3/27", "2/4/27"], "day-first"),
        (["27/3/2013"], "day-first"),
        (["27/3/45"], "day-first"),
    ],
)
def test_a_year_of_two_digits_is_not_taken_for_the_day_unasked(cells, order):
    assert moments.order_of(cells) == order


def test_a_year_of_two_digits_may_come_first():
    assert moments.when("27/3/13", "year-first").date == date(2027, 3, 13)


def test_where_many_lines_are_bad_it_is_said_for_how_many_there_are_reasons():
    assert Import(phase="checked", total=1_000, good=0).reasons_given is None
    assert Import(phase="checked", total=1_500, good=499).reasons_given == 1_000
    assert Import(phase="imported", total=1_500, good=499).reasons_given is None
