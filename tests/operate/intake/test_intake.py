"""CSV files: which are understood, which are refused and why, and what is imported."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

import models
from base import jobs
from base.database import open_database
from base.phones import e164
from base.scheduling import Span
from base.tables.time_off import TimeOff
from models import AuditEntry, Booking, Clinic, Patient, Practitioner, User, Venue
from operate import intake, migrate
from operate.intake import encoding
from operate.intake.sheet import MOST_BYTES, MOST_LINES
from operate.intake.upload import ColumnMeaning, Import
from people import clients


def look(kind: str, text: str | bytes, clinic):
    raw = text if isinstance(text, bytes) else text.encode()
    return intake.report_on(intake.open_sheet(kind, *intake.decode(raw)), clinic)


def faults(report) -> dict[int, set[str]]:
    """Columns at fault by line."""
    found = {}
    for entry in report.faults:
        found.setdefault(entry["line"], set()).add(entry["column"])
    return found


def booking(line: str) -> str:
    """A file of lines under the common columns."""
    return (
        "calendar,venue,client,service,date,start,end,duration,all day,last day,status,rate,notes\n"
        + line
    )


def only(clinic, line: str):
    report = look("bookings", booking(line), clinic)
    assert report.faults == []
    return report.rows[0]


# ---- the file ----


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiter_line_ends_and_column_names_vary(linden, delimiter, end):
    text = (
        end.join(
            delimiter.join(line)
            for line in (
                ["Surname", "FIRST NAME", "Client ID"],
                ["Lovelace", "Ada", "A-1"],
                ["", "Björk", ""],
            )
        )
        + end
    )
    report = look("clients", text, linden.clinic)
    assert [(row["first_name"], row["last_name"]) for row in report.rows] == [
        ("Ada", "Lovelace"),
        ("Björk", ""),
    ]
    assert report.entries() == []


def test_a_wrong_delimiter_is_told_with_the_expected_columns(linden):
    with pytest.raises(
        intake.UnreadableFile,
        match=r"first_name.*commas, semicolons or tabs.*first_name, last_name, name, internal_id",
    ):
        look("clients", "first_name:last_name\nAda:Lovelace\n", linden.clinic)


def test_a_missing_column_is_named(linden):
    with pytest.raises(intake.UnreadableFile, match="We do not find calendar and date"):
        look("bookings", "client,service\nK-2041,Shoulder\n", linden.clinic)


def test_two_columns_of_one_meaning_are_refused(linden):
    with pytest.raises(intake.UnreadableFile, match="Two columns both mean email"):
        look("clients", "first_name,email,mail\nAda,a@mail.test,b@mail.test\n", linden.clinic)


@pytest.mark.parametrize(
    ("encoding", "guessed"),
    [("utf-8-sig", None), ("utf-8", None), ("utf-16", None), ("cp1252", "Windows-1252")],
)
def test_encodings_are_told_apart(linden, encoding, guessed):
    report = look(
        "clients", "first_name,last_name\r\nJürgen,Groß\r\n".encode(encoding), linden.clinic
    )
    assert report.rows[0]["first_name"] == "Jürgen"
    assert report.rows[0]["last_name"] == "Groß"
    assert [guessed for entry in report.notes if guessed in entry["sentence"]] == (
        [guessed] if guessed else []
    )


def test_bytes_that_windows_1252_lacks_are_read_as_latin_1(linden):
    report = look("clients", b"first_name\nJ\xfcrgen\x81\n", linden.clinic)
    assert report.rows[0]["first_name"] == "Jürgen"
    assert "Latin-1" in report.notes[0]["sentence"]


def test_words_of_a_guessed_file_are_shown_before_they_are_in(linden):
    """The letters of Cyrillic are possible in other encodings: only a person sees what they are."""
    raw = "first_name,last_name\nИван,Петров\nAda,Иван\nОльга,Сидорова\n".encode("cp1251")
    (note,) = look("clients", raw, linden.clinic).notes
    assert "Windows-1251: Иван, Петров, Ольга, Сидорова. If" in note["sentence"]


NAMES_OF_CLIENTS = {
    "cp1251": "Иван Петров",
    "cp866": "Ольга Сидорова",
    "koi8-r": "Пётр Чехов",
    "cp1253": "Ελένη Παπαδοπούλου",
    "cp1254": "Işık Gündoğdu",
    "cp1257": "Šarūnas Žukauskas",
    "cp850": "Zoë Müller",
    "cp1250": "Małgorzata Źrebiec",
    "mac_roman": "Renée Núñez",
}


@pytest.mark.parametrize(("name", "client"), NAMES_OF_CLIENTS.items())
def test_a_person_chooses_the_letters_by_their_own_words(linden, name, client):
    raw = "\n".join(["Name,Email", *[f"{client},c{n}@x.test" for n in range(3)]]).encode(name)
    row = intake.begin_import(linden.clinic, linden.maya, "clients", raw)
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    offered = {one["name"]: one["words"] for one in row.problems["letters"]["of"]}
    right = next(key for key, shown in offered.items() if shown == client)
    assert intake.read_as(row, linden.maya, right)
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    assert client in row.content and row.phase == "checked" and not row.problems["entries"]
    assert row.problems["guessed"] == encoding.NAMES[right]
    assert intake.accept(row, linden.maya)
    intake.import_good_lines(row.id)
    assert Patient.get(Patient.email == "c2@x.test").name == client
    assert not intake.read_as(Import.get_by_id(row.id), linden.maya, "cp1252")


def test_other_alphabets_are_guessed(linden):
    """Their letters would be accents of Western Europe, and nothing speaks against that."""
    for name, client in NAMES_OF_CLIENTS.items():
        text, guessed = intake.decode(f"Name\n{client}\n".encode(name))
        if name in ("cp1251", "cp866", "koi8-r", "cp1253"):
            assert (text, guessed) == (f"Name\n{client}\n", encoding.NAMES[name])
        first, *others = encoding.readings(text, guessed)["of"]
        assert first["label"] == guessed and others
    assert encoding.readings("Name\nИван\n", None) == {}


def test_letters_are_in_doubt_wherever_they_stand_in_the_file(linden):
    """Each letter that another encoding would change is shown, be it in the last of many lines."""
    lines = ["Zoë"] * 20_000 + ["Ma\u00b3gorzata"]
    raw = "\n".join(["Name", *lines]).encode("cp1252")
    words = {one["name"]: one["words"] for one in encoding.readings(*intake.decode(raw))["of"]}
    assert words["cp1252"] == "Zoë · Ma³gorzata"
    assert words["cp1250"] == "Zoë · Małgorzata"
    assert encoding.readings("Name\nA–B\n", "Windows-1252")["of"][0]["words"] == "A–B"


def test_an_encoding_that_a_later_line_rules_out_is_not_offered(linden):
    long = b"Zo\xeb" + b"e" * 70 + b"\n"
    raw = b"Name\n" + long * (encoding._READ // len(long) + 1) + b"Ata\xd0\x81n\n"
    offered = {one["name"] for one in encoding.readings(*intake.decode(raw))["of"]}
    assert offered and "cp1252" not in offered, "it has no 0x81"
    row = intake.begin_import(linden.clinic, linden.maya, "clients", raw)
    intake.check_file(row.id)
    for name in offered:
        assert intake.read_as(Import.get_by_id(row.id), linden.maya, name), name
        intake.check_file(row.id)


def test_the_last_answer_is_proposed_if_the_letters_fit_it_as_well(linden):
    def proposed(text: str, name: str) -> str:
        row = intake.begin_import(linden.clinic, linden.maya, "clients", text.encode(name))
        return Import.get_by_id(row.id).problems["letters"]["proposal"]

    turkish = "Name\nAyşe Yıldız\n"
    assert proposed(turkish, "cp1254") == "cp1252"
    assert intake.read_as(Import.get(), linden.maya, "cp1254")
    assert proposed(turkish + "Işık\n", "cp1254") == "cp1254"
    assert proposed("Name\nИван Петров\n", "cp1251") == "cp1251"
    assert intake.read_as(Import.select().order_by(-Import.id).get(), linden.maya, "cp1251")
    assert proposed("Name\nJürgen\n", "cp1252") == "cp1252", "Jьrgen is no better"


def test_letters_are_asked_about_first_and_the_columns_in_their_letters(linden):
    """With other letters the headings are others, and the clinic may know them already."""
    ColumnMeaning.remember(linden.clinic, "clients", {"имя": "first_name", "город": ""})
    raw = "Имя,Город,Wo\nИван,Москва,x\n".encode("cp866")
    row = intake.begin_import(linden.clinic, linden.maya, "clients", raw)
    row = Import.get_by_id(row.id)
    assert row.asks_letters and not row.has_question and not row.problems["ask"]
    assert not intake.accept(row, linden.maya)
    assert intake.read_as(row, linden.maya, "cp866")
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    assert row.has_question
    assert [one["meaning"] for one in row.problems["ask"]["columns"]] == ["first_name", "", None]


def test_no_other_letters_for_a_file_that_cannot_have_them(linden):
    raw = "Name\nJürgen Groß\n".encode("cp1252")
    row = intake.begin_import(linden.clinic, linden.maya, "clients", raw)
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    for name in ("utf-8", "utf-7", "rot13", "", "nonsense"):
        assert not intake.read_as(row, linden.maya, name)
    utf8 = intake.begin_import(linden.clinic, linden.maya, "clients", "Name\nИван\n".encode())
    intake.check_file(utf8.id)
    utf8 = Import.get_by_id(utf8.id)
    assert "letters" not in utf8.problems and not intake.read_as(utf8, linden.maya, "cp1252")


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "empty"),
        (b" \r\n ", "empty"),
        (b"PK\x03\x04" + b"\0" * 50, "workbook"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
        ("first_name\nJür".encode()[:-1] + b"\xc3", "did not arrive whole"),
        ("first_name\nAda".encode("utf-16")[:-1], "did not arrive whole"),
        (b"x" * (MOST_BYTES + 1), "larger than 30 MB"),
        (b"\xef\xbb\xbf", "The file is empty"),
        (b"first_name,last_name\r\n", "nothing below the first line"),
        (b"first_name\n\n ,\n", "nothing below the first line"),
        (b"first_name\n" + b"x\n" * (MOST_LINES + 1), "more than 200,000 lines"),
    ],
)
def test_a_file_that_is_none_is_refused_in_one_sentence(linden, raw, sentence):
    with pytest.raises(intake.UnreadableFile, match=sentence):
        look("clients", raw, linden.clinic)


@pytest.mark.parametrize(("seen", "example"), [("13/01/2027", "20/11"), ("01/13/2027", "11/20")])
def test_a_wrong_date_is_told_with_an_example_in_the_order_of_the_file(linden, seen, example):
    lines = [f"pat@linden.test,,,,{day},09:30,10:00,,,,,," for day in (seen, "soon")]
    report = look("bookings", booking("\n".join(lines)), linden.clinic)
    (told,) = report.faults
    assert told["line"] == 3 and f"such as 2026-11-20 or {example}/2026." in told["sentence"]


def test_a_half_written_last_line_is_bad_but_short_lines_elsewhere_are_not(linden):
    report = look(
        "clients", "first_name,last_name,phone\nAda\nGrace,Hopper,\nAlan,Tu", linden.clinic
    )
    assert faults(report) == {4: {""}}
    assert [row["first_name"] for row in report.rows] == ["Ada", "Grace"]


def test_quoted_line_breaks_keep_the_line_numbers_right(linden):
    report = look("clients", 'first_name,notes\nAda,"one\r\ntwo\nthree"\n,nobody\n', linden.clinic)
    assert report.rows[0]["notes"] == "one\ntwo\nthree"
    assert faults(report) == {5: {"first_name"}}


def test_a_quotation_mark_that_never_closes_spoils_its_own_lines_alone(linden):
    report = look("clients", 'first_name,last_name\nAda,Lovelace\n"Grace,Hopper\n', linden.clinic)
    assert faults(report) == {3: {""}}
    assert len(report.rows) == 1


def test_more_cells_than_columns_are_told(linden):
    report = look("clients", "first_name,last_name\nLovelace, Ada, 1815\n", linden.clinic)
    assert "quotation marks" in report.faults[0]["sentence"]


def test_unknown_columns_are_left_out_and_told(linden):
    report = look("clients", "first_name,Shoe size,line,why\nAda,38,2,because\n", linden.clinic)
    assert [entry["sentence"] for entry in report.notes] == [
        "We leave out columns that we do not know: Shoe size."
    ]


# ---- clients ----


def test_clients_come_in_searchable_with_ids_of_their_own(linden):
    text = (
        "first_name,last_name,internal_id,email,phone\nŁukasz,Żółć,,LUKASZ@Mail.Example,\nBjörk,,K-2042,,+44"
        " 7700 900001\nJosé,Peña,,,\n"
    )
    intake.store(
        intake.open_sheet("clients", text), linden.clinic, linden.olive, lambda report: True
    )
    rows = {row.first_name: row for row in Patient}
    assert (rows["Łukasz"].internal_id, rows["Björk"].internal_id, rows["José"].internal_id) == (
        "K-2043",
        "K-2042",
        "K-2044",
    )
    assert rows["Łukasz"].email == "lukasz@mail.example"
    assert clients.matching(linden.clinic, "lukasz zolc").get() == rows["Łukasz"]
    assert clients.matching(linden.clinic, "447700900001").get() == rows["Björk"]
    entry = AuditEntry.get(AuditEntry.action == "patients.added")
    assert entry.detail == {"count": 3}


def test_bad_cells_of_a_client_are_each_told(linden):
    text = (
        "first_name,last_name,internal_id,email,phone\n,X,,,\n"
        + "a" * 81
        + ",,,,\nAda,,,not-an-address,\nAda,,"
        + "9" * 21
        + ",,"
        + "1" * 41
    )
    report = look("clients", text, linden.clinic)
    assert faults(report) == {
        2: {"first_name"},
        3: {"first_name"},
        4: {"email"},
        5: {"internal_id", "phone"},
    }
    assert len(report.bad) == 4


def test_duplicates_in_the_file_and_against_the_database_are_refused(linden):
    text = (
        "first_name,last_name,internal_id,email,phone\nA,A,K-2041,,\nB,B,X-1,,\nC,C,X-1,,\nMałgorzata,Wójcik,,,+353"
        " 1 555 0100\nMałgorzata,Wójcik,,,\nmalgorzata,WOJCIK,,,\nB,B,,,\nB,B,X-2,,\n"
    )
    report = look("clients", text, linden.clinic)
    assert faults(report) == {
        2: {"internal_id"},
        4: {"internal_id"},
        5: {"first_name"},
        7: {"first_name"},
        8: {"first_name"},
    }
    assert "Line 3 has" in next(entry["sentence"] for entry in report.faults if entry["line"] == 4)


def test_another_clinics_clients_are_no_duplicates(linden, stranger):
    assert look("clients", "first_name,internal_id\nAda,K-2041\n", stranger.clinic).faults == []


def test_formulas_stay_text_and_go_out_harmless(linden):
    text = (
        b"first_name,last_name,email,phone\n=1+1,@SUM(A1),bad,+44 7700"
        b" 900001\n\t=cmd|x,-2,bad,\n'=2+2,,,\n"
    )
    row = intake.begin_import(linden.clinic, linden.olive, "clients", text)
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    lines = list(csv.reader(io.StringIO(intake.bad_lines(row).removeprefix("\ufeff"))))
    assert lines[1][:4] == ["'=1+1", "'@SUM(A1)", "bad", "'+44 7700 900001"]
    assert lines[2][0].startswith("'")
    assert lines[2][1] == "'-2"
    assert lines[1][-2:] == ["2", "email: Write an address such as name@example.org."]
    again = look("clients", intake.bad_lines(row).replace("bad", ""), linden.clinic)
    assert next((one["first_name"], one["phone"]) for one in again.rows) == (
        "=1+1",
        "+44 7700 900001",
    )
    assert look("clients", "first_name\n=1+1\n", linden.clinic).rows[0]["first_name"] == "=1+1"


def test_control_and_override_characters_are_dropped(linden):
    assert (
        look("clients", "first_name\nA\u202ed\x07a\n", linden.clinic).rows[0]["first_name"] == "Ada"
    )


# ---- bookings ----


def test_a_booking_is_found_by_names_or_ids_in_the_venues_zone(linden):
    row = only(
        linden.clinic,
        "PAT@linden.test,,k-2041,shoulder,2026-12-01,09:30,10:20,,,,Paid,£65.50,Bring a towel",
    )
    assert (row.calendar, row.patient, row.service, row.status, row.rate) == (
        linden.calendar,
        linden.patient.id,
        linden.service.id,
        "paid",
        6550,
    )
    assert (row.span.starts_at, row.span.ends_at) == (
        datetime(2026, 12, 1, 9, 30, tzinfo=UTC),
        datetime(2026, 12, 1, 10, 20, tzinfo=UTC),
    )
    abroad = only(
        linden.clinic,
        'Quinn Linden,Harbour House,"Wójcik, Malgorzata",,13.12.2026,9:30 am,,1:30,,,,,',
    )
    assert abroad.calendar == linden.abroad
    assert (abroad.span.starts_at, abroad.span.duration) == (
        datetime(2026, 12, 13, 14, 30, tzinfo=UTC),
        timedelta(minutes=90),
    )


@pytest.mark.parametrize(
    ("line", "starts", "ends"),
    [
        (
            "pat@linden.test,,,Shoulder,2026-12-01,09:30,,,,,,,",
            "2026-12-01T09:30",
            "2026-12-01T10:20",
        ),  # the service's length
        ("pat@linden.test,,,,2026-12-01,22:30,01:00,,,,,,", "2026-12-01T22:30", "2026-12-02T01:00"),
        (
            "pat@linden.test,,,,2026-12-01,22:00,24:00,,no,,,,",
            "2026-12-01T22:00",
            "2026-12-02T00:00",
        ),
        ("pat@linden.test,,,,13/12/2026,2pm,,45 min,,,,,", "2026-12-13T14:00", "2026-12-13T14:45"),
        (
            "pat@linden.test,,,,2026-12-01,,,,yes,2026-12-03,,,",
            "2026-12-01T00:00",
            "2026-12-04T00:00",
        ),
        ("pat@linden.test,,,,2026-12-01,,,,x,,,,", "2026-12-01T00:00", "2026-12-02T00:00"),
    ],
)
def test_times_may_be_written_in_several_ways(linden, line, starts, ends):
    span = only(linden.clinic, line).span
    assert (span.starts_at, span.ends_at) == tuple(
        datetime.fromisoformat(at).replace(tzinfo=UTC) for at in (starts, ends)
    )


@pytest.mark.parametrize(
    ("line", "columns"),
    [
        ("nobody,,,,2026-12-01,09:30,10:00,,,,,,", {"calendar"}),
        (",,,,2026-12-01,09:30,10:00,,,,,,", {"calendar"}),
        ("quinn@linden.test,,,,2026-12-01,09:30,10:00,,,,,,", {"venue"}),
        ("quinn@linden.test,Moon,,,2026-12-01,09:30,10:00,,,,,,", {"venue"}),
        ("pat@linden.test,,Jane Nobody,,2026-12-01,09:30,10:00,,,,,,", {"client"}),
        ("pat@linden.test,,,Yoga,2026-12-01,09:30,10:00,,,,,,", {"service"}),
        ("pat@linden.test,,,,12/32/2026,09:30,10:00,,,,,,", {"date"}),
        ("pat@linden.test,,,,,09:30,10:00,,,,,,", {"date"}),
        ("pat@linden.test,,,,1969-12-01,09:30,10:00,,,,,,", {"date"}),
        ("pat@linden.test,,,,2100-01-01,09:30,10:00,,,,,,", {"date"}),
        ("pat@linden.test,,,,2026-12-01,25:00,26:00,,,,,,", {"start", "end"}),
        ("pat@linden.test,,,,2026-12-01,24:00,,30,,,,,", {"start"}),
        ("pat@linden.test,,,,2026-12-01,,,,,,,,", {"start"}),
        ("pat@linden.test,,,,2026-12-01,09:30,,,,,,,", {"end"}),
        ("pat@linden.test,,,,2026-12-01,09:30,,0,,,,,", {"duration"}),
        ("pat@linden.test,,,,2026-12-01,09:30,,99999,,,,,", {"duration"}),
        ("pat@linden.test,,,,2026-12-01,,,,maybe,,,,", {"all_day"}),
        ("pat@linden.test,,,,2026-12-03,,,,yes,2026-12-01,,,", {"last_day"}),
        ("pat@linden.test,,,,2026-12-03,,,,yes,2027-03-01,,,", {"last_day"}),
        ("pat@linden.test,,,,2026-12-01,09:30,10:00,,,,unsure,6O,", {"status", "rate"}),
        (
            "pat@linden.test,,,,2027-03-28,01:30,03:00,,,,,,",
            {"start"},
        ),  # London's clocks skip this hour
        ("pat@linden.test,,,,2027-03-28,00:30,01:30,,,,,,", {"end"}),
    ],
)
def test_each_wrong_cell_of_a_booking_is_told_by_column(linden, line, columns):
    report = look("bookings", booking(line), linden.clinic)
    assert faults(report) == {2: columns}
    assert report.rows == []


def test_an_hour_that_comes_twice_is_the_first_one_and_noted(linden):
    report = look(
        "bookings", booking("pat@linden.test,,,,2027-10-31,01:30,,30,,,,,"), linden.clinic
    )
    assert report.rows[0].span.starts_at == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    assert "comes twice" in report.notes[0]["sentence"]
    assert report.faults == []


def test_two_clients_of_one_name_need_the_id(linden):
    Patient.add(linden.clinic, None, first_name="Małgorzata", last_name="Wójcik")
    report = look(
        "bookings",
        booking("pat@linden.test,,Malgorzata Wojcik,,2026-12-01,09:30,10:00,,,,,,"),
        linden.clinic,
    )
    assert "Several clients" in report.faults[0]["sentence"]


def test_no_sentence_repeats_a_clients_name(linden):
    text = booking(
        "pat@linden.test,,Secret Person,,2026-12-01,09:30,10:00,,,,,,\npat@linden.test,,Secret"
        " Person,,2026-12-01,09:30,10:00,,,,,,Secret"
    )
    assert "Secret" not in str(look("bookings", text, linden.clinic).entries())
    clients = (
        "first_name,last_name,email\nSecret,Person,bad\nSecret,"
        + "Secret" * 20
        + ",\nSecret,Person,\nSecret,Person,\n"
    )
    assert "Secret" not in str(look("clients", clients, linden.clinic).entries())


def test_overlaps_are_refused_against_the_database_and_within_the_file(linden):
    start = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
    Booking.book(linden.abroad, [Span(start, start + timedelta(hours=1))], None)
    # Line 7: all around line 6.
    text = booking(
        # line 2: the same person is busy at the other venue
        "quinn@linden.test,Linden Street,,,2026-12-01,10:00,11:00,,,,,,\n"
        # line 3: free again at that minute
        "quinn@linden.test,Linden Street,,,2026-12-01,10:30,11:00,,,,,,\n"
        # line 4: in the way of line 3
        "quinn@linden.test,Linden Street,,,2026-12-01,10:45,11:30,,,,,,\n"
        # line 5: holds no time
        "quinn@linden.test,Linden Street,,,2026-12-01,10:45,11:30,,,,cancelled,,\n"
        "pat@linden.test,,,,2026-12-01,10:00,11:00,,,,,,\n"  # line 6: somebody else
        "pat@linden.test,,,,2026-12-01,09:00,12:00,,,,,,\n"
    )
    report = look("bookings", text, linden.clinic)
    assert faults(report) == {2: {"start"}, 4: {"start"}, 7: {"start"}}
    assert [entry["sentence"].rsplit("overlaps ")[1] for entry in report.faults] == [
        "a booking that is in Kalends.",
        "line 3.",
        "line 6.",
    ]


def test_time_off_is_noted_and_refuses_nothing(linden):
    day = date(2026, 12, 1)
    TimeOff.add(linden.quinn, None, kind="sick", note="private", first_on=day, last_on=day)
    line = "quinn@linden.test,Linden Street,,,2026-12-{},10:00,11:00,,,,,,\n"
    text = booking("".join(line.format(one) for one in ("01", "02")))
    report = look("bookings", text, linden.clinic)
    assert report.faults == [] and len(report.rows) == 2
    assert [(one["line"], one["sentence"]) for one in report.notes] == [
        (2, "Quinn Linden has time off then.")
    ]


def test_a_file_sent_in_twice_adds_nothing_the_second_time(linden):
    text = booking(
        "pat@linden.test,,K-2041,,2026-12-01,09:30,10:00,,,,cancelled,,\npat@linden.test,,K-2041,,2026-12-02,09:30,10:00,,,,,,\n"
        "pat@linden.test,,K-2041,,2026-12-02,09:30,10:00,,,,,,\n"
    )
    sheet = intake.open_sheet("bookings", text)
    assert len(intake.store(sheet, linden.clinic, None, lambda report: True).rows) == 2
    report = intake.store(sheet, linden.clinic, None, lambda report: True)
    assert (report.rows, len(report.bad), Booking.select().count()) == ([], 3, 2)


def test_bookings_that_come_in_move_their_calendar_and_no_other(linden):
    before = {row.id: row.calendar_rev for row in Practitioner}
    sheet = intake.open_sheet(
        "bookings",
        booking("pat@linden.test,,K-2041,Shoulder,2026-12-01,,,,yes,,pending,450,Cover\n"),
    )
    intake.store(sheet, linden.clinic, linden.olive, lambda report: True)
    row = Booking.get()
    assert (row.starts_on, row.ends_on, row.rate_cents, row.status, row.notes) == (
        date(2026, 12, 1),
        date(2026, 12, 2),
        45000,
        "pending",
        "Cover",
    )
    assert (row.clinic, row.practitioner, row.patient, row.service) == (
        linden.clinic,
        linden.calendar,
        linden.patient,
        linden.service,
    )
    assert [row.id for row in Practitioner if row.calendar_rev > before[row.id]] == [
        linden.calendar.id
    ]
    assert AuditEntry.get(AuditEntry.action == "bookings.added").detail == {"count": 1}


@pytest.mark.parametrize("kind", ["clients", "bookings"])
def test_the_example_could_be_imported_as_it_is(linden, clock, kind):
    report = look(kind, intake.example(kind, linden.clinic), linden.clinic)
    assert (len(report.rows), report.entries()) == (2, [])


@pytest.mark.parametrize(
    ("zone_name", "begins"),
    [("America/Chicago", "+1 202"), ("Europe/London", "+44 "), ("Asia/Tokyo", "+44 ")],
)
def test_the_example_has_a_phone_number_of_the_country(linden, zone_name, begins):
    Venue.update(zone_name=zone_name).execute()
    report = look("clients", intake.example("clients", linden.clinic), linden.clinic)
    phone = report.rows[0]["phone"]
    assert phone.startswith(begins) and e164(phone)


# ---- checking, then taking ----


def sent(linden, text: str, kind: str = "clients") -> Import:
    row = intake.begin_import(linden.clinic, linden.olive, kind, text.encode())
    intake.check_file(row.id)
    return Import.get_by_id(row.id)


def fresh(row: Import) -> Import:
    return Import.get_by_id(row.id)


MIXED = "first_name,internal_id\nAda,A-1\n,A-2\nGrace,A-3\n"


def test_a_check_changes_nothing_and_tells_all(linden):
    row = sent(linden, MIXED)
    assert (row.phase, row.total, row.done, row.good, row.bad, row.problems["bad"]) == (
        "checked",
        3,
        3,
        2,
        1,
        [3],
    )
    assert Patient.select().count() == 1


def test_a_check_writes_times_as_the_person_who_sent_the_file_has_them(linden):
    linden.clinic.change(linden.olive, twelve_hours=True)
    row = sent(linden, booking("pat@linden.test,,,,2027-03-28,01:30,02:30,,,,,") + "\n", "bookings")
    entries = fresh(row).problems["entries"]
    assert entries[0]["sentence"].startswith("1:30 am does not exist that day")


def test_taking_adds_the_good_ones_once_and_forgets_the_file(linden):
    row = sent(linden, MIXED)
    assert not intake.accept(row, linden.olive)  # nobody agreed to leave its bad lines out
    assert intake.accept(row, linden.olive, without_bad=True)
    assert not intake.accept(row, linden.olive, without_bad=True)
    intake.import_good_lines(row.id)
    intake.import_good_lines(row.id)
    assert Patient.select().count() == 3
    done = fresh(row)
    assert (done.phase, done.content, done.problems, done.good, done.bad) == (
        "imported",
        "",
        {},
        2,
        1,
    )


def test_two_workers_at_once_take_it_in_once(linden):
    row = sent(linden, "first_name\n" + "".join(f"Name{n}\n" for n in range(300)))
    intake.accept(row, linden.olive, without_bad=True)

    def work(_):
        with models.database.connection_context():
            intake.import_good_lines(row.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert fresh(row).phase == "imported"
    assert Patient.select().count() == 301


def test_importing_asks_again_if_the_clinic_changed_since_the_check(linden):
    row = sent(linden, MIXED)
    Patient.add(linden.clinic, None, first_name="Other", internal_id="A-3")
    intake.accept(row, linden.olive, without_bad=True)
    intake.import_good_lines(row.id)
    again = fresh(row)
    assert (again.phase, again.good, again.problems["bad"]) == ("checked", 1, [3, 4])
    assert Patient.select().count() == 2
    assert any(
        "changed since the last check" in entry["sentence"] for entry in again.problems["entries"]
    )


def test_a_file_that_was_thrown_away_meanwhile_stays_out(linden):
    row = intake.begin_import(linden.clinic, linden.olive, "clients", MIXED.encode())
    assert row.advance(("checking",), "discarded", linden.olive)
    intake.check_file(row.id)
    intake.import_good_lines(row.id)
    assert (fresh(row).phase, fresh(row).content, Patient.select().count()) == ("discarded", "", 1)


def test_a_fault_of_ours_ends_as_failed_without_a_name_in_the_log(linden, caplog):
    row = intake.begin_import(linden.clinic, linden.olive, "clients", b"first_name\nSecret\n")
    Import.update(choices={"columns": ["of another shape"]}).where(Import.id == row.id).execute()
    intake.check_file(row.id)
    assert fresh(row).phase == "failed"
    assert f"import {row.id}" in caplog.text
    assert "Secret" not in caplog.text
    Import.update(choices={}).where(Import.id == row.id).execute()
    assert intake.check_again(fresh(row), linden.olive)
    intake.check_file(row.id)
    assert fresh(row).phase == "checked"


def test_bookings_are_taken_and_the_page_learns_where_the_first_is(linden):
    row = sent(
        linden,
        booking(
            "pat@linden.test,,,,2026-12-08,09:30,10:00,,,,,,\npat@linden.test,,,,2026-12-01,09:30,10:00,,,,,,\n"
        ),
        "bookings",
    )
    intake.accept(row, linden.olive, without_bad=True)
    intake.import_good_lines(row.id)
    assert fresh(row).problems == {"calendar": linden.calendar.id, "day": "2026-12-01"}


def test_only_a_thousand_reasons_are_kept_but_all_bad_lines(linden):
    row = sent(linden, "first_name,last_name\n" + ",X\n" * 1500)
    assert (row.bad, len(row.problems["bad"]), len(row.problems["entries"])) == (1500, 1500, 1000)
    assert intake.bad_lines(row).count("\r\n") == 1501


# ---- a hundred thousand lines ----


@pytest.fixture
def big(tmp_path):
    """A clinic in a SQLite database of its own, without a queue."""
    open_database(f"sqlite:///{tmp_path / 'big.db'}")
    jobs.open_queue(f"unix://{tmp_path / 'nobody'}")
    migrate.migrate()
    clinic = Clinic.create(name="Big")
    venue = Venue.create(clinic=clinic, name="Here", zone_name="Europe/London")
    user = User.create(clinic=clinic, email="one@big.test", name="One")
    Practitioner.create(clinic=clinic, user=user, venue=venue)
    yield clinic
    models.database.close()
    models.database.obj.close_all()


def test_a_hundred_thousand_lines_are_checked_and_taken(big):
    clients = "first_name,last_name,internal_id\n" + "".join(
        f"First{n},Last{n},X{n}\n" for n in range(50_000)
    )
    seen = []
    report = intake.store(
        intake.open_sheet("clients", clients), big, None, lambda found: not found.bad, seen.append
    )
    assert len(report.rows) == Patient.select().count() == 50_000
    assert seen == [*range(2_000, 50_001, 2_000), 50_000]
    day = date(2027, 1, 1)
    bookings = "calendar,client,date,start,duration\n" + "".join(
        f"one@big.test,X{n % 50_000},{day + timedelta(days=n // 48)},"
        f"{n // 2 % 24:02d}:{n % 2 * 30:02d},30\n"
        for n in range(100_000)
    )
    row = intake.begin_import(big, None, "bookings", bookings.encode())
    intake.check_file(row.id)
    assert fresh(row).bad == len(
        [n for n in range(100_000) if _skipped(day + timedelta(days=n // 48), n)]
    )
    intake.accept(fresh(row), None, without_bad=True)
    intake.import_good_lines(row.id)
    assert Booking.select().count() == fresh(row).good > 99_000


def _skipped(day: date, n: int) -> bool:
    """London's clocks skip the hour after one on the last Sunday of March."""
    return day.month == 3 and day.day > 24 and day.isoweekday() == 7 and n // 2 % 24 == 1


def test_the_manual_names_every_column():
    manual = (Path(__file__).parents[3] / "docs" / "import.md").read_text()
    for columns in intake.COLUMNS.values():
        assert all(f"| `{column.name}`" in manual and column.advice in manual for column in columns)


def test_a_file_that_is_nearly_utf_8_is_refused_with_the_line():
    """No encoding is right for all of it: every name would come in wrong, or one would be lost."""
    raw = "name\nZoë\nRené\nJürgen\n".encode() + b"Ren\xe9e\n"
    with pytest.raises(intake.UnreadableFile, match="Line 5 has letters in another encoding"):
        intake.decode(raw)
    assert "Renée" in intake.decode(raw, "cp1252")[0]
    assert intake.decode("name\nZoë\nRené\nJürgen\n".encode("cp1252"))[1] == "Windows-1252"
