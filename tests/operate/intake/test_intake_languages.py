"""Files in other languages: headings, statuses, dates, times and lengths as people and programs
write them there.
"""

from collections import Counter
from datetime import UTC, date, datetime, time

import pytest

from base.text import search_key
from models import Patient
from operate import intake
from operate.intake import cell_values, languages, moments
from operate.intake.file_columns import COLUMNS, MEANT
from operate.intake.sheet import peek
from operate.intake.upload import Import


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def read(linden):
    Patient.create(clinic=linden.clinic, first_name="Ada", last_name="Example", internal_id="C-7")

    def look(text: str, **choices):
        sheet = intake.open_sheet("bookings", *intake.decode(text.encode()), choices)
        assert not sheet.unknown, "every heading is understood"
        return intake.report_on(sheet, linden.clinic)

    return look


@pytest.mark.parametrize(
    "text",
    [
        "Therapeut;Patient;Datum;Beginn;Ende;Status;Preis;Notiz\n"
        "Pat Linden;Ada Example;13.03.2027;09:00;09:30 Uhr;bestätigt;65,00 €;Knie\n"
        "Pat Linden;Ada Example;13.03.2027;10:00;10:30;nicht erschienen;65,- €;\n",
        "Praticien;Prénom;Nom;Date;Heure de début;Durée;Statut;Prix;Remarques\n"
        "Pat Linden;Ada;Example;13 mars 2027;9h;30 min;confirmé;65,00 €;Genou\n"
        "Pat Linden;Ada;Example;samedi 13/03/2027;10h00;0 h 30;absent;65 €;\n",
        "Profesional;Nombre;Apellidos;Fecha;Hora de inicio;Hora de fin;Estado;Precio;Notas\n"
        "Pat Linden;Ada;Example;13 de marzo de 2027;9:00 a. m.;9:30 a. m.;confirmada;65;Rodilla\n"
        "Pat Linden;Ada;Example;13/03/2027;10:00;10:30;no asistió;65;\n",
        "Operatore;Nome;Cognome;Data;Ora inizio;Ora fine;Stato;Prezzo;Note\n"
        "Pat Linden;Ada;Example;13 marzo 2027;9.00;9.30;confermato;65,00;Ginocchio\n"
        "Pat Linden;Ada;Example;13/03/2027;10.00;10.30;non presentato;65;\n",
        "Behandelaar;Klant;Datum;Van;Tot;Status;Prijs;Opmerkingen\n"
        "Pat Linden;Ada Example;13 maart 2027;09:00;09:30;bevestigd;65,00;Knie\n"
        "Pat Linden;Ada Example;za 13-03-2027;10:00;10:30;niet verschenen;65;\n",
        "Specjalista;Imię;Nazwisko;Data;Od;Do;Status;Cena;Uwagi\n"
        "Pat Linden;Ada;Example;13 marca 2027;09:00;09:30;potwierdzona;65 zł;Kolano\n"
        "Pat Linden;Ada;Example;13.03.2027;10:00;10:30;nieobecna;65 zł;\n",
    ],
    ids=["de", "fr", "es", "it", "nl", "pl"],
)
def test_a_list_in_another_language_needs_no_explanation(read, text):
    report = read(text)
    assert [entry["sentence"] for entry in report.faults] == []
    assert [(row.span.starts_at, row.span.ends_at) for row in report.rows] == [
        (at("2027-03-13 09:00"), at("2027-03-13 09:30")),
        (at("2027-03-13 10:00"), at("2027-03-13 10:30")),
    ]
    assert [row.status for row in report.rows] == ["confirmed", "no_show"]
    assert all(row.patient and row.rate == 6500 for row in report.rows)
    assert report.rows[0].notes


OUTLOOK_DE = (
    '"Betreff","Beginnt am","Beginnt um","Endet am","Endet um","Ganztägiges Ereignis",'
    '"Erinnerung Ein/Aus","Beschreibung","Ort","Zeitspanne zeigen als"\n'
    '"Ada","13.3.2027","09:00:00","13.3.2027","09:30:00","Aus","Ein","","Raum 1","2"\n'
    '"Kurs","14.3.2027","00:00:00","16.3.2027","00:00:00","Ein","Aus","","","2"\n'
)
OUTLOOK_FR = (
    '"Objet","Début","Début","Fin","Fin","Journée entière","Rappel actif/inactif","Description",'
    '"Emplacement","Disponibilité"\n'
    '"Ada","13/03/2027","09:00:00","13/03/2027","09:30:00","Faux","Vrai","","Salle 1","2"\n'
    '"Cours","14/03/2027","00:00:00","16/03/2027","00:00:00","Vrai","Faux","","","2"\n'
)


@pytest.mark.parametrize("text", [OUTLOOK_DE, OUTLOOK_FR])
def test_outlook_s_files_are_those_of_outlook_in_any_language(read, linden, text):
    report = read(text, calendar=linden.calendar.id)
    assert [(row.span.starts_at, row.span.ends_at) for row in report.rows] == [
        (at("2027-03-13 09:00"), at("2027-03-13 09:30")),
        (at("2027-03-14 00:00"), at("2027-03-16 00:00")),
    ], "its whole days end on the day before"


@pytest.mark.parametrize(
    ("headings", "names"),
    [
        ("Vorname;Nachname;Telefon;Handy", ["first_name", "last_name", "phone", "other_phone"]),
        ("Prénom;Nom;Courriel", ["first_name", "last_name", "email"]),
        ("Nom;Courriel", ["name", "email"]),
        ("Nombre;Teléfono", ["name", "phone"]),
        ("Nome;Cognome;Note", ["first_name", "last_name", "notes"]),
    ],
)
def test_a_single_name_column_is_the_whole_name(headings, names):
    assert peek("clients", f"{headings}\nx;y;z;v\n").names == names


def test_each_word_of_another_language_has_one_meaning_and_no_accents():
    words = list(languages.all_words())
    assert [word for word in words if search_key(word) != word] == []
    assert len(languages.MONTHS) == sum(len(one.split()) for one in languages._MONTHS)
    headings = Counter(word for some in languages._HEADINGS.values() for word in some.split(", "))
    statuses = Counter(word for some in languages._STATUSES.values() for word in some.split(", "))
    assert [word for word, count in (headings + statuses).items() if count > 2] == []
    assert max(headings.values()) == max(statuses.values()) == 1
    assert not set(languages.MONTHS) & set(languages.WEEKDAYS)


def test_each_heading_of_another_language_leads_to_a_column():
    known = {
        "".join(filter(str.isalnum, name.lower()))
        for columns in COLUMNS.values()
        for column in columns
        for name in (column.name, *column.also.split(","))
    }
    outlook = {*MEANT["Outlook"], "meetingorganizer"}
    assert set(languages._HEADINGS) - known <= outlook


@pytest.mark.parametrize(
    ("raw", "minutes"),
    [
        ("1 h 30", 90),
        ("1h30", 90),
        ("1:30 h", 90),
        ("1 Std. 30 Min.", 90),
        ("90 Minuten", 90),
        ("1 heure 30", 90),
        ("1,5 Std.", 90),
        ("1 hour and 30 minutes", 90),
        ("50'", 50),
        ("60 mins (1 hour)", 60),
    ],
)
def test_lengths_of_other_countries(raw, minutes):
    assert moments.length(raw).total_seconds() == minutes * 60


@pytest.mark.parametrize("raw", ["1.5", "1 30", "30 x", "h", "Std."])
def test_what_is_no_length_is_refused(raw):
    with pytest.raises(moments.NoValue):
        moments.length(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("9 Uhr", time(9)),
        ("9 Uhr 30", time(9, 30)),
        ("9:30 Uhr", time(9, 30)),
        ("9h", time(9)),
        ("9 h 30", time(9, 30)),
        ("9:30 p. m.", time(21, 30)),
        ("9:30 A.M", time(9, 30)),
        ("9:30 PM GMT", time(21, 30)),
        ("09:30Z", time(9, 30)),
    ],
)
def test_times_of_other_countries(raw, expected):
    assert moments.when(raw).time == expected


@pytest.mark.parametrize("raw", ["9", "Uhr", "h", "25h", "9h75", "09:00-09:30", "9 o'clock"])
def test_what_is_no_time_of_any_country_is_refused(raw):
    with pytest.raises(moments.NoValue):
        moments.when(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "Sa, 13.03.2027",
        "Samstag, 13. März 2027",
        "samedi 13 mars 2027",
        "sáb. 13/03/2027",
        "13 de marzo de 2027",
        "13 MARCA 2027",
        "za 13-03-2027",
        "2027–03–13",
        "Mar 13, 2027",
    ],
)
def test_dates_of_other_countries(raw):
    assert moments.when(raw) == moments.When(date(2027, 3, 13), None)


def test_the_first_of_a_month_in_french():
    assert moments.when("1er août 2027").date == date(2027, 8, 1)


@pytest.mark.parametrize("cell", ["09:00–09:30", "09:00 - 09:30", "9h-9h30", "9 – 9:30 am"])
def test_a_cell_may_hold_start_and_end(read, cell):
    report = read(f"Practitioner,Date,Time\nPat Linden,2027-03-13,{cell}\n")
    if cell.startswith("9 "):
        assert report.bad, "nine of the morning or of the evening?"
    else:
        (row,) = report.rows
        assert (row.span.starts_at, row.span.ends_at) == (
            at("2027-03-13 09:00"),
            at("2027-03-13 09:30"),
        )


def test_a_status_keeps_its_meaning_with_a_remark_and_against_a_not():
    assert cell_values.status("No Show (charged)") == "no_show"
    for raw in ("sin cancelar", "non cancellato", "no cancellation"):
        with pytest.raises(moments.NoValue):
            cell_values.status(raw)


@pytest.mark.parametrize("raw", ["65,-", "65.–", "65 zł", "CHF 65.--"])
def test_amounts_of_other_countries(raw):
    assert cell_values.amount(raw) == 6500


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"BEGIN:VCALENDAR\nVERSION:2.0\n", "a calendar or a card"),
        (b"\xef\xbb\xbf\nBEGIN:VCARD\n", "a calendar or a card"),
        (b"<html><table><tr><td>Name</td></tr></table></html>", "a web page"),
        (b'<?xml version="1.0"?>\n', "a web page"),
        (b'[{"name": "Ada"}]', "a web page"),
    ],
)
def test_text_that_is_no_list_is_refused_by_what_it_is(raw, said):
    with pytest.raises(intake.UnreadableFile, match=said):
        intake.decode(raw)


@pytest.mark.parametrize("name", ["PL", "P. Linden", "Linden, Pat", "Linden Pat", "Pat"])
def test_a_practitioner_is_known_by_a_short_name_that_is_only_theirs(read, linden, name):
    head = "Practitioner,Date,Start,End\n"
    line = f'"{name}",2027-03-13,09:00,09:30\n'
    report = read(head + line)
    assert [row.calendar.user_id for row in report.rows] == [linden.pat.id]
    assert [entry["sentence"] for entry in report.notes] == [f"We take “{name}” to be Pat Linden."]
    linden.quinn.name = "Pat Linden-Lang" if name == "Pat" else "Paul Linden"
    linden.quinn.save()
    if "Linden " not in name and "Linden," not in name:
        assert read(head + line).bad, "two people could be meant"


def test_a_file_with_bars_is_a_list(linden):
    raw = b"first_name|last_name\nAda|Lovelace\n"
    row = intake.begin_import(linden.clinic, linden.maya, "clients", raw)
    intake.check_file(row.id)
    assert Import.get_by_id(row.id).good == 1
