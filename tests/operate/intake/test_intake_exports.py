"""Files as other programs export them: their meaning is imported, or a person is asked; no column
that changes the meaning is ignored.
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from base.scheduling import Span
from base.tables.outside import ExternalEvent
from models import Booking, Patient, Service
from operate import intake
from operate.intake import questions
from operate.intake.check_report import Report, read_lines
from operate.intake.file_columns import COLUMNS
from operate.intake.sheet import MOST_BYTES, keys, peek
from operate.intake.upload import ColumnMeaning, Import
from sync.tables.accounts import Account, RemoteCalendar


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def open_text(kind: str, text: str, **choices):
    return intake.open_sheet(kind, *intake.decode(text.encode()), choices)


@pytest.fixture
def read(linden):
    """`read(text, …)`.

    What a check makes of a file of bookings; keyword arguments are what a person chose.
    """
    for name in ("Follow-up", "First visit"):
        Service.create(clinic=linden.clinic, name=name, duration_minutes=30)
    Patient.create(clinic=linden.clinic, first_name="Ada", last_name="Example", internal_id="C-7")

    def look(text: str, kind: str = "bookings", **choices):
        return intake.report_on(open_text(kind, text, **choices), linden.clinic)

    return look


def told(report) -> list[str]:
    return [entry["sentence"] for entry in report.faults]


def spans(report) -> list[tuple[datetime, datetime]]:
    return [(row.span.starts_at, row.span.ends_at) for row in report.rows]


ACUITY = """Start Time,End Time,First Name,Last Name,Phone,Email,Type,Calendar,Appointment Price,Paid?,Notes,Date Scheduled,Label,Appointment ID
"March 13, 2027 9:00\u202fam","March 13, 2027 9:30\u202fam",Ada,Example,'07700900052,ada@mail.test,Follow-up,Pat Linden,65.00,no,Bring scans,,,88
"""  # noqa: E501
CLINIKO = """Starts at,Ends at,Patient,Patient ID,Appointment type,Practitioner,Business,Cancelled at,Did not arrive,Notes
2027-03-13 09:00,2027-03-13 09:30,Ada Example,C-7,Follow-up,Pat Linden,Linden Street,,No,
2027-03-13 10:00,2027-03-13 10:30,Ada Example,C-7,Follow-up,Pat Linden,Linden Street,2027-03-12 18:00,No,
2027-03-13 11:00,2027-03-13 11:30,Ada Example,C-7,Follow-up,Pat Linden,Linden Street,,Yes,
"""  # noqa: E501
FRESHA = """Ref #,Client,Service,Team member,Location,Scheduled date,Time,Duration,Status,Price
1001,Ada Example,Follow-up,Pat Linden,Linden Street,13 Mar 2027,9:00am,1h 15min,Completed,£65.00
1002,Ada Example,Follow-up,Pat Linden,Linden Street,14 Mar 2027,9:00am,30min,No-show,"1,234.50"
"""
JANE = """Date,Start Time,End Time,Patient,Patient Number,Treatment,Staff Member,Location,State
2027-03-13,9:00 AM,9:30 AM,"Example, Ada",C-7,Follow-up,Pat Linden,Linden Street,Late cancel
2027-03-13,10:00 AM,10:30 AM,"Example, Ada",C-7,Follow-up,Pat Linden,Linden Street,Checked in
"""
SIMPLE = """Date of Service,Start Time,Client,Clinician,Appointment Status,Duration
03/13/2027,09:00 AM,Ada Example,Pat Linden,Show,50
03/04/2027,09:00 AM,Ada Example,Pat Linden,Attended,50
"""
OUTLOOK = """"Subject","Start Date","Start Time","End Date","End Time","All day event","Reminder on/off","Description","Location","Show time as"
"Team day","13/3/2027","00:00:00","15/3/2027","00:00:00","True","False","","Room 2","2"
"Visit","16/3/2027","09:00:00","16/3/2027","09:30:00","False","True","","","2"
"""  # noqa: E501
GOOGLE = """Subject,Start Date,Start Time,End Date,End Time,All Day Event,Description,Location,Private
Team day,03/13/2027,,03/14/2027,,True,,Room 2,False
Visit,03/16/2027,9:00 AM,03/16/2027,9:30 AM,False,,,True
"""  # noqa: E501


def test_acuity(read, linden):
    report = read(ACUITY)
    (row,) = report.rows
    assert (row.calendar, row.rate, row.notes) == (linden.calendar, 6500, "Bring scans")
    assert spans(report) == [(at("2027-03-13 09:00"), at("2027-03-13 09:30"))]
    assert Patient.get_by_id(row.patient).internal_id == "C-7"


@pytest.mark.parametrize(
    ("headings", "cells", "status"),
    [
        ("Patient arrived", "Yes", "arrived"),
        ("Patient arrived", "No", "confirmed"),
        ("Patient arrived", "", "confirmed"),
        ("Patient Arrived At", "2027-03-13 08:55", "arrived"),
        ("Checked-in", "TRUE", "arrived"),
        ("Paid?", "yes", "paid"),
        ("Paid?", "no", "confirmed"),
        ("Paid?", "2027-03-20", "paid"),
        ("Payment status", "Paid", "paid"),
        ("Payment status", "Unpaid", "confirmed"),
        ("Payment status", "Partially paid", "confirmed"),
        ("Price,Paid", "65.00,65.00", "paid"),
        ("Price,Paid", "65.00,20.00", "confirmed"),
        ("Price,Paid", "65.00,0.00", "confirmed"),
        ("Invoiced", "x", "invoiced"),
        ("Invoiced,Paid?", "yes,yes", "paid"),
        ("Status,Patient arrived", "Pending,yes", "arrived"),
        ("Status,Patient arrived", "Completed,yes", "delivered"),
        ("Status,Paid?", "Attended,yes", "paid"),
        ("Status,Paid?", "Paid,no", "paid"),
        ("Status,Paid?", "Cancelled,yes", "cancelled"),
        ("Cancelled at,Patient arrived", "2027-03-12,yes", "cancelled"),
        ("Did not arrive,Paid?", "yes,yes", "no_show"),
        ("Patient arrived,Did not arrive", "yes,no", "arrived"),
        ("Paid?,Paid at", "no,2027-03-20", "paid"),
        ("Paid on", "20 March 2027 14:05", "paid"),
        ("Price,Paid", "£65.00,GBP 65", "paid"),
        ("Paid on", "13.03.2027", "paid"),
        ("Paid on", "13/03/27 14:05", "paid"),
        ("Price,Paid", '"1,234.50","1,234.50"', "paid"),
        ("Price,Paid", "1234,1.00", "confirmed"),
        ("Status,Patient arrived", "Offered,yes", "arrived"),
        ("Attended?", "Yes", "delivered"),
        ("Attended?", "No", "confirmed"),  # not yet: it is to come
        ("Attended", "Attended", "delivered"),
        ("Attended?", "2027-03-13", "delivered"),
        ("Status,Attended?", "Paid,yes", "paid"),
        ("Invoice status", "Paid", "paid"),
        ("Invoice status", "Sent", "invoiced"),
        ("Invoice status", "Outstanding", "invoiced"),
        ("Invoice status", "Draft", "confirmed"),
        ("Invoice status,Attended?", "Draft,yes", "delivered"),
        ("Invoice status", "Written off", "confirmed"),
        ("Invoice status", "Partially paid", "invoiced"),
        ("Show as", "Tentative", "pending"),
        ("Show time as", "Busy", "confirmed"),
        ("Status,Show as", "Paid,Tentative", "paid"),
    ],
)
def test_what_came_to_pass_is_taken_from_columns_of_their_own(read, headings, cells, status):
    report = read(
        f"Date,Start,Duration,Practitioner,Patient,{headings}\n"
        f"2027-03-13,9:00,30,Pat Linden,Ada Example,{cells}\n"
    )
    assert [row.status for row in report.rows] == [status]
    kept_apart = (
        status in ("cancelled", "no_show")
        or "Partially" in cells
        or "Written off" in cells
        or cells.endswith((",20.00", ",1.00"))
    )
    assert bool(report.notes) == kept_apart


@pytest.mark.parametrize(
    ("headings", "cells"),
    [
        ("Patient arrived", "maybe"),
        ("Paid?", "maybe"),
        ("Paid?", "abc"),
        ("Paid?", "13.45.20"),
        ("Patient arrived,Did not arrive", "yes,yes"),
    ],
)
def test_what_may_have_come_to_pass_is_refused(read, headings, cells):
    report = read(
        f"Date,Start,Duration,Practitioner,Patient,{headings}\n"
        f"2027-03-13,9:00,30,Pat Linden,Ada Example,{cells}\n"
    )
    assert not report.rows and len(report.faults) == 1


DAYS = "03/04/2028", "05/06/2028"


@pytest.mark.parametrize(
    ("dates", "offered"),
    [
        (("03/04/2027", "05/06/2027"), ["day-first", "month-first"]),
        (("27/3/13", "27/3/13"), ["day-first", "year-first"]),
        (("03/04/05", "05/06/07"), ["day-first", "month-first", "year-first"]),
    ],
)
def test_an_order_of_dates_is_offered_where_it_gives_dates(linden, dates, offered):
    lines = "".join(f"{day},9:00,30,Pat Linden\n" for day in dates)
    sheet = open_text("bookings", "Date,Start,Duration,Practitioner\n" + lines)
    asked = questions.questions(sheet, linden.clinic)
    orders = questions.orders(asked["dates"])
    assert [order for order, read in orders if read] == offered
    assert ("year-first" in offered) == ("year-first" in dict(orders))
    first = [questions.orders(asked["dates"], usual)[0][0] for usual in ("dmy", "mdy")]
    assert first == ["day-first", "month-first" if "month-first" in dict(orders) else "day-first"]


@pytest.mark.parametrize(
    ("column", "cells", "order"),
    [
        ("Cancelled at", ["12/31/2027", ""], "month-first"),
        ("Paid at", ["31/12/2027", "No"], "day-first"),
        ("Arrived at", ["12/31/2027 10:02", "yes"], "month-first"),
        ("Created", ["12/31/2027 10:02 AM", "1/4/2028"], "month-first"),
        ("Reference", ["12/31/2027", "A7"], None),  # numbers of another meaning
        ("Created", ["12/31/2027", "31/12/2027"], None),  # no one order
        ("Created", ["", ""], None),
    ],
)
def test_the_order_of_dates_is_the_one_of_any_other_column(linden, column, cells, order):
    lines = [f"{day},9:00,30,Pat Linden,{cell}" for day, cell in zip(DAYS, cells, strict=True)]
    text = "\n".join([f"Date,Start,Duration,Practitioner,{column}", *lines, ""])
    assert open_text("bookings", text).dates == order


@pytest.mark.parametrize("cell", ["12/31/2027", "31/12/2027"])
@pytest.mark.parametrize("column", ["Cancelled at", "Paid at", "Arrived at", "No show at"])
def test_that_something_was_is_read_in_any_order(read, column, cell):
    head = f"Date,Start,Duration,Practitioner,{column}\n"
    report = read(f"{head}25/04/2020,9:00,30,Pat Linden,{cell}\n")
    assert not report.bad and report.rows[0].status != "confirmed"


def test_cliniko_keeps_what_was_cancelled_and_who_did_not_come(read):
    assert [row.status for row in read(CLINIKO).rows] == ["confirmed", "cancelled", "no_show"]


def test_fresha(read):
    report = read(FRESHA)
    assert [(row.status, row.rate) for row in report.rows] == [
        ("delivered", 6500),
        ("no_show", 123450),
    ]
    assert spans(report)[0] == (at("2027-03-13 09:00"), at("2027-03-13 10:15"))


def test_a_walk_in_has_no_client(read, linden):
    text = FRESHA.replace("Ada Example", "Walk-In")
    assert [row.patient for row in read(text).rows] == [None, None]
    client = Patient.add(linden.clinic, None, first_name="Walk", last_name="In")
    text = text.replace("Walk-In", "Walk In")  # who is really called so
    assert [row.patient for row in read(text).rows] == [client.id, client.id]


def test_jane(read):
    assert [row.status for row in read(JANE).rows] == ["cancelled", "arrived"]


def test_a_file_without_ends_takes_the_length_that_a_person_said(read):
    """Where a line or its service tells a length, that goes before."""
    rest = [line.rpartition(",")[0] for line in SIMPLE.splitlines()]
    without = "\n".join(rest) + "\n"
    assert not read(without).rows
    lengths = {ends - starts for starts, ends in spans(read(without, minutes=45))}
    assert lengths == {timedelta(minutes=45)}
    assert {ends - starts for starts, ends in spans(read(SIMPLE, minutes=45))} == {
        timedelta(minutes=50)
    }


def test_a_file_that_tells_no_length_asks_for_it_before_the_check(read, linden, signed_in):
    """Its columns are all known: only the length is asked for."""
    lines = (line.rpartition(",")[0] for line in SIMPLE.splitlines())
    raw = ("\n".join(lines) + "\n").encode()
    row = intake.begin_import(linden.clinic, linden.maya, "bookings", raw)
    assert row.has_question
    manager, path = signed_in(linden.maya), f"/settings/imports/{row.id}"
    assert "Minutes of a booking" in manager.get(path).text
    meanings = {
        f"column-{n}": one["meaning"] or "" for n, one in enumerate(row.problems["ask"]["columns"])
    }
    for typed, why in (("", "how long"), ("0", "1 to 1440"), ("soon", "1 to 1440")):
        refused = manager.post(f"{path}/meanings", data={**meanings, "minutes": typed})
        assert refused.status_code == 422 and why in refused.text
    manager.post(f"{path}/meanings", data={**meanings, "minutes": "45"})
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    assert (row.phase, row.good, row.bad) == ("checked", 2, 0)
    again = intake.begin_import(linden.clinic, linden.maya, "bookings", raw + b"\n")
    assert again.has_question, "another file may have another length"
    page = manager.get(f"/settings/imports/{again.id}").text
    assert 'value="45"' in page[page.index('id="import-minutes"') :].partition(">")[0]
    with_ends = f"Practitioner,Start,End\nPat Linden,{_TIMES}\n".encode()
    assert not intake.begin_import(linden.clinic, linden.maya, "bookings", with_ends).has_question


def test_simplepractice_has_the_month_first(read):
    assert [starts.date() for starts, _ in spans(read(SIMPLE))] == [
        date(2027, 3, 13),
        date(2027, 3, 4),
    ]


@pytest.mark.parametrize(
    ("text", "last"), [(OUTLOOK, date(2027, 3, 15)), (GOOGLE, date(2027, 3, 15))]
)
def test_whole_days_end_as_the_program_means_it(read, linden, text, last):
    whole, timed = read(text, calendar=linden.calendar.id).rows
    # Two days both times: Outlook names the day after.
    assert (whole.span.starts_on, whole.span.ends_on) == (
        date(2027, 3, 13),
        last,
    )
    assert (timed.span.starts_at, timed.calendar, timed.notes) == (
        at("2027-03-16 09:00"),
        linden.calendar,
        "Subject: Visit",
    )


def test_what_outlook_shows_as_tentative_or_free_keeps_its_meaning(read, linden):
    lines = OUTLOOK.splitlines()
    tentative, free = lines[2].replace('"2"', '"1"'), lines[2].replace('"2"', '"3"')
    report = read("\n".join([lines[0], tentative, free]) + "\n", calendar=linden.calendar.id)
    assert [row.status for row in report.rows] == ["pending"]
    (fault,) = [entry for entry in report.entries() if entry["line"] == 3]
    assert "shown as free there" in fault["sentence"]


def test_who_did_not_attend_a_time_that_is_past_did_not_come(read):
    report = read(
        "Date,Start,Duration,Practitioner,Patient,Attended?\n"
        "2025-03-13,9:00,30,Pat Linden,Ada Example,No\n"
    )
    assert [row.status for row in report.rows] == ["no_show"]


def test_a_file_that_names_nobody_asks_whose_bookings_they_are(read):
    with pytest.raises(intake.UnreadableFile, match="We do not find calendar"):
        read(GOOGLE)


def test_the_names_of_the_columns_may_stand_below_a_title(read):
    text = (
        "sep=;\nLinden Street\n\nAppointments in March;;;\ncalendar;date;start;end\nPat"
        " Linden;13.03.2027;9.00;9.30\n"
    )
    report = read(text)
    assert spans(report) == [(at("2027-03-13 09:00"), at("2027-03-13 09:30"))]
    assert report.rows[0].line == 6


@pytest.mark.parametrize(
    ("start", "end", "zone", "expected"),
    [
        (
            "2027-03-13T09:00:00+01:00",
            "2027-03-13T09:30:00+01:00",
            "",
            ("2027-03-13 08:00", "2027-03-13 08:30"),
        ),
        (
            "2027-07-13 09:00",
            "2027-07-13 09:30",
            "America/New_York",
            ("2027-07-13 13:00", "2027-07-13 13:30"),
        ),
        (
            "2027-07-13 09:00",
            "2027-07-13 09:30",
            "Eastern Standard Time",
            ("2027-07-13 13:00", "2027-07-13 13:30"),
        ),
        (
            "2027-07-13 09:00",
            "2027-07-13 09:30",
            "+02:00",
            ("2027-07-13 07:00", "2027-07-13 07:30"),
        ),
        ("2027-07-13 22:00", "2027-07-14 06:00", "UTC", ("2027-07-13 22:00", "2027-07-14 06:00")),
    ],
)
def test_times_of_another_zone_are_understood(read, start, end, zone, expected):
    report = read(f"calendar,start,end,time zone\nPat Linden,{start},{end},{zone}\n")
    assert told(report) == [] and spans(report) == [tuple(map(at, expected))]


def test_a_zone_that_nobody_knows_is_refused_not_dropped(read):
    assert (
        "no time zone"
        in told(
            read(
                "calendar,start,end,time zone\nPat Linden,2027-03-13 09:00,2027-03-13 10:00,Middle"
                " Earth\n"
            )
        )[0]
    )


@pytest.mark.parametrize(
    ("heading", "cell", "minutes"),
    [
        ("Duration (hours)", "1", 60),
        ("Hours", "0.75", 45),
        ("Length (hrs)", "1:30", 90),
        ("Duration (hours and minutes)", "50", 50),
        ("Duration (h)", "2 h", 120),
        ("Duration", "45:00", None),
    ],
)
def test_a_length_is_meant_as_its_heading_says(linden, heading, cell, minutes):
    text = f"calendar,date,start,{heading}\nPat Linden,2027-03-13,09.30.00,{cell}\n"
    key = keys([heading])[0]
    sheet = open_text("bookings", text, columns={key: "duration"})
    rows = intake.report_on(sheet, linden.clinic).rows
    lengths = [row.span.duration for row in rows]
    assert lengths == ([timedelta(minutes=minutes)] if minutes else [])


def test_several_days_are_not_cut_to_the_first(read):
    report = read(
        "calendar,date,start,end date,end\nPat Linden,2027-03-13,09:00,2027-03-15,17:00\n"
    )
    assert spans(report) == [(at("2027-03-13 09:00"), at("2027-03-15 17:00"))]


def test_dates_that_can_be_read_both_ways_are_asked_about(read, linden):
    text = (
        "calendar,date,start,end\nPat Linden,03/04/2027,09:00,10:00\nPat"
        " Linden,05/06/2027,09:00,10:00\n"
    )
    with pytest.raises(intake.UnreadableFile, match="03/04/2027 can be read"):
        read(text)
    asked = questions.questions(open_text("bookings", text), linden.clinic)
    assert asked["dates"][0] == {
        "raw": "03/04/2027",
        "day-first": "3 April 2027",
        "month-first": "4 March 2027",
    }
    assert spans(read(text, dates="month-first"))[0][0] == at("2027-03-04 09:00")
    assert [
        starts.month for starts, _ in spans(read(text + "Pat Linden,13/04/2027,09:00,10:00\n"))
    ] == [4, 6, 4]
    with pytest.raises(intake.UnreadableFile, match="day first, others the month"):
        read(text + "Pat Linden,13/04/2027,09:00,10:00\nPat Linden,04/13/2027,09:00,10:00\n")


OVERLAPPING = (
    "calendar,date,start,end\nPat Linden,2027-03-13,09:00,10:00\nPat"
    " Linden,2027-03-13,09:30,10:30\n"
)


def test_overlaps_are_told_by_line_and_taken_where_one_says_so(read, linden):
    report = read(OVERLAPPING)
    assert (sorted(report.bad), report.overlaps, len(report.rows)) == ([3], 1, 1)
    report = read(OVERLAPPING, overlaps=True)
    assert (report.bad, len(report.rows)) == (set(), 2) and "overlaps line 2" in report.notes[0][
        "sentence"
    ]


def test_busy_time_outside_is_a_note(read, linden):
    account = Account.create(
        clinic=linden.clinic, user=linden.pat, kind="google", email="pat@gmail.test", sealed=""
    )
    source = RemoteCalendar.create(
        clinic=linden.clinic, account=account, calendar_id="c", role="source", name="Private"
    )
    ExternalEvent.create(
        clinic=linden.clinic,
        user=linden.pat,
        calendar=source,
        remote_id="e",
        title="Dentist",
        busy="busy",
        blocks=True,
        starts_at=at("2027-03-13 09:30"),
        ends_at=at("2027-03-13 09:40"),
    )
    report = read(OVERLAPPING, overlaps=True)
    assert not report.bad
    assert [entry["line"] for entry in report.notes if "Another calendar" in entry["sentence"]] == [
        2,
        3,
    ]
    assert "Dentist" not in str(report.notes)


def test_two_phones_one_name_and_spoiled_numbers(linden):
    report = intake.report_on(
        open_text(
            "clients",
            'Patient Number,Name,Mobile Phone,Home Phone\n1,"Example, Ada",\'07700900052,020 7946'
            " 0000\n2,Bo Sample,,020 7946 0001\n1.39073E+18,Cy Test,,\n4,Di Test,4.477E+11,\n",
        ),
        linden.clinic,
    )
    first, second = report.rows
    assert (first["first_name"], first["last_name"], first["phone"]) == (
        "Ada",
        "Example",
        "07700900052",
    )
    assert first["notes"] == "Other phone: 020 7946 0000"
    assert (second["first_name"], second["phone"]) == ("Bo", "020 7946 0001")
    assert {(entry["line"], entry["column"]) for entry in report.faults} == {
        (4, "internal_id"),
        (5, "phone"),
    }


def test_unknown_words_are_refused_by_name(read):
    report = read(
        "calendar,date,start,end,status,cancelled\nPat Linden,2027-03-13,09:00,10:00,Wibble,\nPat"
        " Linden,2027-03-13,09:00,10:00,,perhaps\n"
    )
    assert {(entry["line"], entry["column"]) for entry in report.faults} == {
        (2, "status"),
        (3, "cancelled"),
    }


@pytest.mark.parametrize(
    ("header", "cells", "phone", "notes"),
    [
        (
            "Mobile Number,Telephone",
            "07700 900111,020 7946 0001",
            "07700 900111",
            "Other phone: 020 7946 0001",
        ),
        (
            "Home Phone,Mobile Phone,Work Phone",
            "'604-555-0101,604-555-0102,604-555-0103",
            "604-555-0102",
            "Other phone: Home Phone: 604-555-0101\nOther phone: Work Phone: 604-555-0103",
        ),
        ("Home Phone,Mobile Phone,Work Phone", ",,604-555-0103", "604-555-0103", ""),
        (
            "Phone numbers",
            '"Mobile: 0400 000 001, Home: (02) 7010 0001"',
            "0400 000 001",
            "Other phone: Home: (02) 7010 0001",
        ),
        ("Phone", "'(020) 7946 0001", "(020) 7946 0001", ""),
        ("Home Phone,Mobile Phone,Work Phone", "'0201,,n/a", "0201", ""),
        ("Mobile Phone,Other phone", "'0201,'+44 20", "0201", "Other phone: +44 20"),
        ("Phone", '"020 7946 0001 ext 4, ask for Bo"', "020 7946 0001 ext 4, ask for Bo", ""),
        (
            "Phone 1 - Value,Phone 2 - Value",
            "07700 900111,020 7946 0001",
            "07700 900111",
            "Other phone: 020 7946 0001",
        ),
    ],
)
def test_several_phones_are_kept_all(linden, header, cells, phone, notes):
    (row,) = intake.report_on(
        open_text("clients", f"First Name,{header}\nAda,{cells}\n"), linden.clinic
    ).rows
    assert (row["phone"], row["notes"]) == (phone, notes)


def test_the_sign_with_which_a_spreadsheet_marks_text_is_no_part_of_an_address(linden):
    lines = "First Name,Email,Other email\nAda,'Ada@x.test,'b@x.test\n"
    (row,) = intake.report_on(open_text("clients", lines), linden.clinic).rows
    assert (row["email"], row["notes"]) == ("ada@x.test", "Other e-mail: b@x.test")


def test_two_columns_that_tell_of_a_cancellation_both_count(read):
    head = "calendar,start,end,Cancelled,Cancelled at,Did not arrive,No Show At\n"
    lines = (
        ("No", "2027-03-01 10:00:00 UTC", "No", ""),
        ("Yes", "-", "", ""),
        ("No", "n/a", "No", "2027-03-13"),
        ("No", "-", "No", "-"),
    )
    text = "".join(
        f"Pat Linden,2027-03-13 {n}:00,2027-03-13 {n}:30,{','.join(cells)}\n"
        for n, cells in enumerate(lines, 9)
    )
    report = read(head + text)
    assert told(report) == [] and [row.status for row in report.rows] == [
        "cancelled",
        "cancelled",
        "no_show",
        "confirmed",
    ]


def test_a_time_that_was_cancelled_and_booked_again_by_the_same_client_comes_in_twice(read):
    line = "Pat Linden,C-7,2027-03-13 09:00,2027-03-13 09:30"
    report = read(
        f"calendar,client,start,end,status\n{line},cancelled\n{line},confirmed\n{line},confirmed\n{line},no"
        " show\n"
    )
    assert [row.status for row in report.rows] == ["cancelled", "confirmed"]
    assert told(report) == ["Line 3 is the same booking.", "Line 2 is the same booking."]


def test_a_meeting_that_outlook_calls_cancelled_is(read, linden):
    report = read(OUTLOOK.replace('"Visit"', '"Canceled: Visit"'), calendar=linden.calendar.id)
    assert [row.status for row in report.rows] == ["confirmed", "cancelled"]


def test_whole_days_that_end_at_midnight_end_there_in_any_language(read):
    columns = {
        "beginntam": "date",
        "beginntum": "start",
        "endetam": "last_day",
        "endetum": "end",
        "ganztagigesereignis": "all_day",
    }
    text = (
        "calendar,Beginnt am,Beginnt um,Endet am,Endet um,Ganztägiges Ereignis\nPat"
        " Linden,13.04.2027,00:00:00,15.04.2027,00:00:00,Ein\n"
    )
    (row,) = read(text, columns=columns).rows
    assert (row.span.starts_on, row.span.ends_on) == (date(2027, 4, 13), date(2027, 4, 15))


def test_an_end_in_an_offset_of_its_own_is_read_with_it(read):
    report = read(
        "calendar,start,end\nPat Linden,2027-03-28T00:30:00+00:00,2027-03-28T02:30:00+01:00\n"
    )
    assert spans(report) == [(at("2027-03-28 00:30"), at("2027-03-28 01:30"))]


def test_two_columns_that_name_different_days_are_refused(read):
    assert (
        "another day"
        in told(
            read(
                "calendar,date,start,end\nPat Linden,2027-01-03,2027-03-17 09:00,2027-03-17 09:30\n"
            )
        )[0]
    )


def test_a_venue_that_the_chosen_calendar_does_not_belong_to_is_refused(read, linden):
    report = read(
        "date,start,end,location\n2027-03-13,09:00,10:00,Elsewhere\n2027-03-13,11:00,12:00,linden"
        " street\n",
        calendar=linden.calendar.id,
    )
    assert [entry["column"] for entry in report.faults] == ["venue"] and [
        row.calendar for row in report.rows
    ] == [linden.calendar]


def test_amounts_of_another_currency_are_noted_once(read):
    report = read(
        "calendar,date,start,end,price\n"
        + "".join(
            f"Pat Linden,2027-03-13,{n}:00,{n}:30,{price}\n"
            for n, price in enumerate(("€65", "65 EUR", "£65.00", "US$65"), 10)
        )
    )
    assert [entry["sentence"] for entry in report.notes] == [
        "Amounts are in EUR there, and are taken as GBP, the currency of the clinic."
    ]
    assert [row.rate for row in report.rows] == [6500] * 4


# ---- asking ----


def test_what_was_said_of_one_program_s_columns_is_kept_from_another_s(signed_in, linden):
    manager = signed_in(linden.maya)
    jane = (
        "Start At,End At,Staff Member,Treatment,Location,Colour\n2027-03-13 09:00,2027-03-13"
        " 09:30,Pat Linden,,Linden Street,red\n"
    )
    row = intake.begin_import(linden.clinic, linden.maya, "bookings", jane.encode())
    data = {
        f"column-{n}": one["meaning"] or "" for n, one in enumerate(row.problems["ask"]["columns"])
    }
    assert manager.post(f"/settings/imports/{row.id}/meanings", data=data).status_code == 303
    assert Import.get_by_id(row.id).choices["columns"]["location"] == "venue"
    assert (
        intake.begin_import(linden.clinic, linden.maya, "bookings", jane.encode()).phase
        == "checking"
    )
    outlook = intake.begin_import(linden.clinic, linden.maya, "bookings", OUTLOOK.encode())
    assert {one["heading"]: one["meaning"] for one in outlook.problems["ask"]["columns"]}[
        "Location"
    ] == "notes"
    assert (
        intake.meanings("bookings", linden.clinic, jane, [])["colour"] == ""
        and intake.meanings("bookings", linden.clinic, OUTLOOK, []) == {}
    )


def test_a_column_without_a_name_is_asked_about(linden):
    row = intake.begin_import(
        linden.clinic,
        linden.maya,
        "clients",
        b"first_name,last_name,,\nAda,Example,Allergic to latex,\n",
    )
    assert row.phase == "mapping" and [one["samples"] for one in row.problems["ask"]["columns"]][
        -1
    ] == ["Allergic to latex"]
    assert (
        intake.begin_import(
            linden.clinic, linden.maya, "clients", b"first_name,last_name,,\nAda,Example,,\n"
        ).phase
        == "checking"
    )
    late = "first_name,\n" + "Ada,\n" * 100 + "Bo,Allergic to latex\n"
    assert (
        intake.begin_import(linden.clinic, linden.maya, "clients", late.encode()).phase == "mapping"
    )
    assert (
        "the 2. without a name"
        in intake.report_on(open_text("clients", late), linden.clinic).notes[0]["sentence"]
    )


STRANGE = "Behandler,Wann,Um,Bis,Farbe\nPat Linden,2027-03-13,09:00,10:00,rot\n"


def test_strange_columns_are_asked_about_once(signed_in, linden):
    manager = signed_in(linden.maya)
    row = intake.begin_import(linden.clinic, linden.maya, "bookings", STRANGE.encode())
    page = manager.get(f"/settings/imports/{row.id}").text
    assert (
        Import.get_by_id(row.id).phase == "mapping"
        and "Behandler" in page
        and "Pat Linden" in page
        and "What is in this file?" in page
    )
    answer = manager.post(f"/settings/imports/{row.id}/meanings", data={"column-0": "calendar"})
    assert answer.status_code == 422 and "Say which column is the date." in answer.text
    twice = {
        "column-0": "calendar",
        "column-1": "date",
        "column-2": "start",
        "column-3": "start",
        "column-4": "",
    }
    assert (
        "Two columns are both start"
        in manager.post(f"/settings/imports/{row.id}/meanings", data=twice).text
    )
    assert (
        manager.post(
            f"/settings/imports/{row.id}/meanings", data={**twice, "column-3": "end"}
        ).status_code
        == 303
    )
    intake.check_file(row.id)
    assert (Import.get_by_id(row.id).phase, Import.get_by_id(row.id).good) == ("checked", 1)
    assert ColumnMeaning.of(linden.clinic, "bookings")["farbe"] == ""
    again = intake.begin_import(linden.clinic, linden.maya, "bookings", STRANGE.encode())
    intake.check_file(again.id)
    assert Import.get_by_id(again.id).phase == "checked"
    assert manager.post(f"/settings/imports/{again.id}/questions").status_code == 303
    assert Import.get_by_id(again.id).phase == "mapping"


def test_a_colleague_s_calendar_of_another_clinic_is_no_answer(signed_in, linden, stranger):
    row = intake.begin_import(
        linden.clinic, linden.maya, "bookings", b"date,start,end\n2027-03-13,09:00,10:00\n"
    )
    theirs = stranger.practitioners.get().id
    data = {"column-0": "date", "column-1": "start", "column-2": "end", "calendar": theirs}
    assert (
        signed_in(linden.maya).post(f"/settings/imports/{row.id}/meanings", data=data).status_code
        == 422
    )
    data["calendar"] = linden.calendar.id
    assert (
        signed_in(linden.maya).post(f"/settings/imports/{row.id}/meanings", data=data).status_code
        == 303
    )
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    assert intake.accept(row, linden.maya)
    intake.import_good_lines(row.id)
    assert Booking.get().practitioner == linden.calendar


def test_overlaps_are_taken_on_the_page(signed_in, linden):
    manager = signed_in(linden.maya)
    row = intake.begin_import(linden.clinic, linden.maya, "bookings", OVERLAPPING.encode())
    intake.check_file(row.id)
    assert "Take overlapping lines as they are" in manager.get(f"/settings/imports/{row.id}").text
    manager.post(f"/settings/imports/{row.id}/checks", data={"overlaps": "yes"})
    intake.check_file(row.id)
    assert Import.get_by_id(row.id).good == 2
    manager.post(f"/settings/imports/{row.id}/taking")
    intake.import_good_lines(row.id)
    assert Booking.select().count() == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("bookings", "calendar,date,start,end\nPat Linden,2027-03-13,09:00,10:00\n"),
        ("clients", "first_name,internal_id\nAda,A-1\n"),
    ],
)
def test_importing_a_file_twice_finds_every_line_already_there(linden, kind, text):
    first, second = (
        intake.begin_import(linden.clinic, person, kind, text.encode())
        for person in (linden.maya, linden.olive)  # twice by one within a minute is one press
    )
    for row in (first, second):
        intake.check_file(row.id)
        assert intake.accept(Import.get_by_id(row.id), linden.maya)
    for row in (first, second):
        intake.import_good_lines(row.id)
    second = Import.get_by_id(second.id)
    assert (Import.get_by_id(first.id).phase, second.phase, second.good) == (
        "imported",
        "checked",
        0,
    )
    assert "The clinic changed" in str(second.problems)
    assert (
        Booking.select().count() + Patient.select().where(Patient.first_name == "Ada").count() == 1
    )


# ---- bounds ----


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"first_name," + b"," * (MOST_BYTES - 20), "longer than"),
        (b"first_name\nAda\n" + b"\n" * 29_000_000, "more than 200,000 lines"),
        (b"first_name" + b",x" * 300 + b"\nAda\n", "more than 200 columns"),
        (b'first_name\n"' + b"x" * 300_000, "longer than"),
    ],
)
def test_what_can_be_no_list_is_refused_before_it_is_taken_apart(linden, raw, sentence):
    with pytest.raises(intake.UnreadableFile, match=sentence):
        intake.begin_import(linden.clinic, linden.maya, "clients", raw)
    assert not Import.select().exists()


def test_a_large_file_is_counted_by_a_worker(linden, monkeypatch):
    monkeypatch.setattr(intake, "_AT_ONCE", 100)
    row = intake.begin_import(
        linden.clinic, linden.maya, "clients", b"first_name\n" + b"Ada\nBo\n" * 100
    )
    assert (row.phase, row.total) == ("checking", 0)
    intake.check_file(row.id)
    assert Import.get_by_id(row.id).total == 200


def test_a_clinic_has_few_files_waiting(linden):
    for n in range(Import.MOST_OPEN):
        intake.begin_import(linden.clinic, linden.maya, "clients", f"first_name\nAda{n}\n".encode())
    with pytest.raises(intake.UnreadableFile, match="files wait already"):
        intake.begin_import(linden.clinic, linden.maya, "clients", b"first_name\nBo\n")


def test_looking_from_above_counts_nothing():
    sheet = peek("clients", "first_name,last_name\n" + "Ada,Example\n" * 100_000)
    assert (sheet.header, sheet.total, sheet.dates) == (["first_name", "last_name"], 0, None)


def test_the_span_of_an_import_is_bounded(read):
    report = read(
        "calendar,date,start,last day,end\nPat Linden,2027-03-13,09:00,2027-06-13,17:00\n"
    )
    assert told(report) == ["A booking lasts at most 31 days."]
    assert Span(at("2027-03-13 09:00"), at("2027-03-13 10:00")).duration == timedelta(hours=1)


# ---- clients of other programs: nobody and nothing is lost on the way ----

_CLIENT = "First name,Last name,"


@pytest.mark.parametrize(
    ("headings", "cells", "found"),
    [
        ("E-mail 1 - Value", "a@x.test ::: b@x.test", {"email": "a@x.test", "notes": "b@x.test"}),
        ("E-mail 1 - Value,E-mail 2 - Value", ",b@x.test", {"email": "b@x.test", "notes": ""}),
        (
            "E-mail Address,E-mail 2 Address,E-mail 3 Address,Notes",
            "A@x.test,a@x.test,c@x.test,Knee",
            {"email": "a@x.test", "notes": "Knee\nOther e-mail: c@x.test"},
        ),
        ("Mobile,Home,Work", ",02 7010 0001,", {"phone": "02 7010 0001"}),
        ("Medical alerts,Notes", "Latex,Knee", {"notes": "Medical alerts: Latex\nNotes: Knee"}),
        ("Archived at", "2024-05-01 10:00", {"archived": True}),
        ("Discharged,Deceased", "false,true", {"archived": True}),
        ("Inactive", "no", {"archived": False}),
        ("Archived", "Active", {"archived": False}),
        ("Archived", "Inactive", {"archived": True}),
    ],
)
def test_what_a_program_keeps_of_a_client_comes_in(read, headings, cells, found):
    report = read(f"{_CLIENT}{headings}\nAda,Lovelace,{cells}\n", kind="clients")
    (row,) = report.rows
    assert report.faults == []
    for name, value in found.items():
        assert row[name].endswith(value) if name == "notes" else row[name] == value


def test_a_client_who_is_archived_there_is_archived_here(linden):
    text = f"{_CLIENT}Archived at,Email\nBo,Gone,2024-05-01,bo@x.test\nAda,Here,,ada@x.test\n"
    intake.store(open_text("clients", text), linden.clinic, None, lambda report: True)
    assert [row.archived for row in Patient.select().where(Patient.email != "")] == [True, False]


@pytest.mark.parametrize("word", ["Canceled", "cancelled", "yes", "2027-03-01"])
def test_a_column_may_repeat_its_own_word(read, word):
    report = read(f"Practitioner,Start,End,Canceled\nPat Linden,{_TIMES},{word}\n")
    assert [row.status for row in report.rows] == ["cancelled"]


_TIMES = "2027-03-13 09:00,2027-03-13 09:30"


@pytest.mark.parametrize(
    ("name", "encoding", "said"),
    [
        ("Małgorzata Wójcik", "cp1250", "Windows-1250"),
        ("Renée Zoë", "mac_roman", "Mac Roman"),
        ("Müller Ångström", "mac_roman", "Mac Roman"),
        ("François O’Brien", "cp1252", "Windows-1252"),
        ("Señora Núñez Ibáñez", "cp1252", "Windows-1252"),
        ("Jürgen Groß", "cp1252", "Windows-1252"),
        ("Władysław Świątek", "iso8859-2", "ISO 8859-2"),
        ("Zofia Źrebiec", "cp1250", "Windows-1250"),
        ("Małgorzata Wójcik", "utf-16", None),
        ("Małgorzata Wójcik", "utf-16-le", None),
        ("Małgorzata Wójcik", "utf-16-be", None),
    ],
)
def test_names_come_in_as_they_were_written(name, encoding, said):
    raw = f"name,email\n{name},a@x.test\n".encode(encoding)
    text, guessed = intake.decode(raw)
    assert name in text and guessed == said


@pytest.mark.parametrize("offset", ["+99:99", "-24:00", "+23:59", "+14:01"])
def test_one_impossible_offset_stops_one_line_and_not_the_file(read, offset):
    good = f"Pat Linden,{_TIMES}\n"
    report = read(f"Practitioner,Start,End\nPat Linden,2027-03-14T09:00{offset},10:00\n{good}")
    assert len(report.rows) == 1 and len(report.bad) == 1
    zoned = f"Practitioner,Start,End,Time zone\nPat Linden,{_TIMES},{offset}\n"
    assert "is no time zone that we know" in told(read(zoned))[0]


@pytest.mark.parametrize("error", [ValueError, OverflowError])
def test_a_line_that_nobody_foresaw_stops_itself_alone(error):
    sheet, found = open_text("clients", f"{_CLIENT}\nAda,One\nBo,Two\n"), Report()

    def read(cells):
        if cells.number == 2:
            raise error
        return cells.number

    read_lines(sheet, read, found, lambda done: None)
    assert found.rows == [3] and told(found) == [
        "This line cannot be read. Check its dates and times."
    ]


def notes(report) -> list[tuple[str, str]]:
    return [(entry["column"], entry["sentence"]) for entry in report.notes]


@pytest.mark.parametrize("end", ["09:30", "10:00"])
def test_an_end_that_is_moved_to_the_next_day_is_told(read, end):
    """A slip of the pen makes a booking of nearly a day: a person sees it before it is in."""
    report = read(f"Practitioner,Date,Start,End\nPat Linden,2027-03-13,10:00,{end}\n")
    assert [(column, "the next day" in said) for column, said in notes(report)] == [("end", True)]
    assert spans(report)[0][1] == at(f"2027-03-14 {end}")
    assert not notes(read("Practitioner,Date,Start,End\nPat Linden,2027-03-13,10:00,10:30\n"))


def test_an_end_on_a_day_that_the_file_names_is_not_moved(read):
    report = read(
        "Practitioner,Start date,Start time,End date,End time\n"
        "Pat Linden,2027-03-13,10:00,2027-03-13,09:30\n"
    )
    assert told(report) == ["It ends before it starts."]


def test_amounts_of_three_digits_behind_a_sign_are_noted(read):
    head = "Practitioner,Date,Start,End,Price\nPat Linden,2027-03-13,10:00,10:30"
    report = read(f"{head},65.125\nPat Linden,2027-03-13,11:00,11:30,1.250\n")
    assert [column for column, __ in notes(report)] == ["rate"]
    assert [row.rate for row in report.rows] == [6_512_500, 125_000]
    assert not notes(read(f'{head},"1,250.00"\n'))


def test_every_column_that_is_left_out_is_named(read):
    """Also those of a known program that have no place here, and those beyond the twentieth."""
    report = read(OUTLOOK, calendar=1)
    assert ("", "These columns are left out: Reminder on/off.") in notes(report)
    many = ",".join(f"Column {n}" for n in range(30))
    row = f"Pat Linden,2027-03-13,10:00,10:30{',' * 30}"
    ((__, said),) = notes(read(f"Practitioner,Date,Start,End,{many}\n{row}\n"))
    assert "Column 19 and 10 more" in said
    columns = {f"column{n}": "" for n in range(30)}
    ((__, said),) = notes(read(f"Practitioner,Date,Start,End,{many}\n{row}\n", columns=columns))
    assert said.startswith("These columns are left out: Column 0")


def clients(linden, text: str):
    return intake.report_on(open_text("clients", text), linden.clinic)


def test_what_programs_write_for_an_empty_cell_is_empty(linden, read):
    rows = clients(linden, "name,phone,email,ID\nA B,n/a,-,none\nC D,—,null,N/A\nE None,1,,\n").rows
    assert [(row["phone"], row["email"], row["internal_id"]) for row in rows] == [
        ("", "", ""),
        ("", "", ""),
        ("1", "", ""),
    ]
    assert rows[2]["last_name"] == "None", "somebody may be called so"
    head = "Practitioner,Date,Start,End,Attended,Client"
    report = read(f"{head}\nPat Linden,2020-03-13,10:00,10:30,-,n/a\n")
    assert [(row.status, row.patient) for row in report.rows] == [("confirmed", None)]


def test_a_line_of_names_that_comes_again_is_no_client(linden):
    """Two files in one."""
    text = "first_name,last_name\nAda,B\nfirst_name,last_name\nBob,C\n"
    assert [row["first_name"] for row in clients(linden, text).rows] == ["Ada", "Bob"]
    assert open_text("clients", text).total == 2


def test_a_file_without_names_of_columns_says_which_line_is_taken_for_them(linden, signed_in):
    text = "Ada,Lovelace,ada@x.test\nBob,Boo,bob@x.test\n"
    choices = {"columns": {"ada": "first_name", "lovelace": "last_name", "adaxtest": "email"}}
    report = intake.report_on(open_text("clients", text, **choices), linden.clinic)
    assert "We take line 1 for the names of the columns" in report.notes[0]["sentence"]
    row = intake.begin_import(linden.clinic, linden.maya, "clients", text.encode())
    page = signed_in(linden.maya).get(f"/settings/imports/{row.id}").text
    assert "We take line 1 for the names of the columns" in page
    assert not clients(linden, "first_name,x\nAda,1\n").notes[0]["sentence"].startswith("We take")


@pytest.mark.parametrize(
    ("heading", "cell", "column", "value"),
    [
        ("email", "Ed E <ed@x.test>", "email", "ed@x.test"),
        ("email", "mailto:cy@x.test", "email", "cy@x.test"),
        ("Client Email", "zoe@x.test", "email", "zoe@x.test"),
        ("ID", "123.0", "internal_id", "123"),
        ("ID", "1.5", "internal_id", "1.5"),
        ("Status", "Inactive", "archived", True),
        ("Status", "Active", "archived", False),
        ("notes", ' "a, b"', "notes", "a, b"),
    ],
)
def test_cells_of_clients_as_programs_write_them(linden, heading, cell, column, value):
    (row,) = clients(linden, f"name,{heading}\nZoe Newone,{cell}\n").rows
    assert row[column] == value


def test_a_second_person_of_one_name_learns_how_to_come_in(linden):
    report = clients(linden, "name\nTwin Same\nTwin Same\n")
    assert told(report) == [
        "Line 2 has this name, e-mail and phone already. If they are two people, give this one an"
        " internal ID."
    ]
    assert len(clients(linden, "name,ID\nTwin Same,1\nTwin Same,2\n").rows) == 2


def test_a_date_with_another_time_than_the_start_is_refused(read):
    """Such as midnight of another zone, which may lie on another day."""
    head = "Practitioner,Date,Start,End\nPat Linden"
    report = read(f"{head},2027-03-12T23:00:00Z,09:00,09:30\n")
    assert [entry["column"] for entry in report.faults] == ["start"]
    assert "another time than the one under date" in told(report)[0]
    for fine in ("2027-03-13 00:00", "2027-03-13T00:00:00Z", "2027-03-13 09:00"):
        assert len(read(f"{head},{fine},09:00,09:30\n").rows) == 1, fine


def test_an_end_that_differs_from_the_length_is_noted(read):
    head = "Practitioner,Date,Start,End,Duration\nPat Linden,2027-03-13,09:00,10:00"
    assert notes(read(f"{head},30\n")) == [
        ("duration", "Its end gives another length. We take the end.")
    ]
    assert not notes(read(f"{head},60\n"))


@pytest.mark.parametrize(
    ("client", "is_fine"),
    [("Ada Example", True), ("Example", True), ("Ada Smith", True), ("C-7", True), ("Bob", False)],
)
def test_an_id_of_a_client_with_another_name_is_refused(read, client, is_fine):
    """IDs of another program may be those of other people here; letters would go to them."""
    head = "Practitioner,Client ID,Client,Date,Start,End"
    report = read(f"{head}\nPat Linden,C-7,{client},2027-03-13,09:00,09:30\n")
    assert bool(report.rows) is is_fine
    if not is_fine:
        assert [entry["column"] for entry in report.faults] == ["client_id"]
        assert client not in told(report)[0]


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("Dr. Ada Lovelace", "Ada", "Lovelace"),
        ("Mrs Ada Lovelace", "Ada", "Lovelace"),
        ("Frau Dr. Ada Lovelace", "Ada", "Lovelace"),
        ("Drew Barry", "Drew", "Barry"),
        ("Dr", "Dr", ""),
    ],
)
def test_a_title_is_no_first_name(linden, name, first, last):
    report = clients(linden, f"name\n{name}\n")
    assert [(row["first_name"], row["last_name"]) for row in report.rows] == [(first, last)]
    assert bool(notes(report)) is (first == "Ada")


def test_the_values_shown_of_a_column_differ(linden):
    text = "name,x\n" + "A,1\n" * 5 + "B,2\n"
    asked = questions.questions(open_text("clients", text), linden.clinic)
    assert [column["samples"] for column in asked["columns"]] == [["A", "B"], ["1", "2"]]


def test_a_word_that_is_also_a_heading_makes_no_headings_of_a_line(linden):
    """Else the line of the headings would be lost, and a booking be taken for headings."""
    sheet = open_text("bookings", "Wer,Wann,Zustand\nPat Linden,2027-03-13,Paid\n")
    assert (sheet.head_at, sheet.header) == (1, ["Wer", "Wann", "Zustand"])
    titled = open_text("bookings", "My clinic\n\nPractitioner,Date\nPat Linden,2027-03-13\n")
    assert titled.head_at == 3


@pytest.mark.parametrize(
    ("text", "delimiter", "head_at"),
    [
        ("Wer;Wann;Betrag, netto\nPat;13.3.;65,00\nPat;14.3.;65,00\n", ";", 1),
        ("Bericht, Mai\nWer;Wann\nPat;13.3.\nPat;14.3.\n", ";", 2),
        ("Bericht;;\nWer;Wann;Was\nPat;13.3.;x\n", ";", 2),
        ("Wer\tWas\nPat\ta, b, c\nPat\td\n", "\t", 1),
    ],
)
def test_the_sign_between_cells_is_that_which_all_lines_share(linden, text, delimiter, head_at):
    """Also where no heading is known."""
    sheet = peek("clients", text)
    assert (sheet.delimiter, sheet.head_at) == (delimiter, head_at)


def test_an_end_date_with_its_time_is_the_end(read):
    """Else the length of the service would count, and nobody would see it."""
    head = "Practitioner,Service,Start date,End date\nPat Linden,Follow-up"
    report = read(f"{head},2027-03-13 09:00,2027-03-13 10:45\n")
    assert spans(report) == [(at("2027-03-13 09:00"), at("2027-03-13 10:45"))]
    report = read(f"{head},2027-03-13 22:00,2027-03-14 01:00\n")
    assert spans(report) == [(at("2027-03-13 22:00"), at("2027-03-14 01:00"))]


def test_a_later_end_date_without_a_time_is_not_cut_to_the_first_day(read):
    head = "Practitioner,Service,Start date,Start,End date\nPat Linden,Follow-up,2027-03-13,09:00"
    assert told(read(f"{head},2027-03-15\n")) == [
        "Write at what time it ends that day, or yes under all_day."
    ]
    assert spans(read(f"{head},2027-03-13\n")) == [(at("2027-03-13 09:00"), at("2027-03-13 09:30"))]


def test_a_last_name_that_only_the_whole_name_has_comes_in(linden):
    text = "first_name,name\nZoe,Zoe Newone\nAda,Lovelace Ada\n"
    rows = clients(linden, text).rows
    assert [(row["first_name"], row["last_name"]) for row in rows] == [
        ("Zoe", "Newone"),
        ("Ada", ""),
    ]


# A cell of each column that means something beside the others of the line.
TELLING = {
    "bookings": {
        "venue": "Elsewhere",
        "client": "Ada Example",
        "client_id": "C-7",
        "client_first_name": "Ada Example",
        "client_last_name": "Ada Example",
        "service": "Follow-up",
        "duration": "45",
        "all_day": "yes",
        "last_day": "2027-03-14",
        "zone": "Asia/Tokyo",
        "status": "pending",
        "cancelled": "yes",
        "no_show": "yes",
        "arrived": "yes",
        "attended": "yes",
        "invoiced": "yes",
        "paid": "yes",
        "invoice_status": "paid",
        "shown_as": "tentative",
        "rate": "65",
        "notes": "Knee",
    },
    "clients": {
        "last_name": "Newone",
        "name": "Zoe Newone",
        "internal_id": "Z-1",
        "email": "zoe@x.test",
        "other_email": "zoe@x.test",
        "phone": "0400 000 001",
        "other_phone": "0400 000 001",
        "notes": "Knee",
        "archived": "yes",
    },
}
PLAIN = {
    "bookings": ("calendar,date,start,end", "Pat Linden,2027-03-13,09:00,09:30"),
    "clients": ("first_name", "Zoe"),
}


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (kind, column.name)
        for kind, columns in COLUMNS.items()
        for column in columns
        if column.name not in PLAIN[kind][0].split(",")
    ],
)
def test_no_column_is_without_effect(read, kind, column):
    """Each is taken into the row, refused, or noted: none is dropped in silence."""
    head, line = PLAIN[kind]

    def found(heading: str, cell: str):
        report = read(f"{head},{heading}\n{line},{cell}\n", kind)
        return report.rows, [entry["sentence"] for entry in report.entries()]

    assert found(column, TELLING[kind][column]) != found("line", "")
