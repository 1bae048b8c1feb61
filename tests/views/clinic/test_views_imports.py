"""Bringing in CSV files over HTTP and from the command line."""

import io
from datetime import timedelta

import pytest
from redis import Redis
from rq import Queue

from base import jobs
from models import AuditEntry, Booking, Patient
from operate import intake, workers
from operate.intake.upload import Import

PARTIAL = {"HX-Request": "true"}
GOOD = "first_name,last_name,internal_id\nAda,Lovelace,A-1\nGrace,Hopper,A-2\n"
MIXED = GOOD + ",Nobody,A-3\n"
BAD = "first_name\n" + "x" * 81 + "\n"


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def send(browser, content: str | bytes, kind: str = "clients", **kwargs):
    raw = content if isinstance(content, bytes) else content.encode()
    return browser.post(
        "/settings/imports/", data={"kind": kind, "file": (io.BytesIO(raw), "list.csv")}, **kwargs
    )


def checked(linden, content: str, kind: str = "clients") -> Import:
    """An import whose check is done."""
    row = intake.begin_import(linden.clinic, linden.maya, kind, content.encode())
    intake.check_file(row.id)
    return Import.get_by_id(row.id)


def phase(row: Import) -> str:
    return Import.get_by_id(row.id).phase


def test_letters_that_look_wrong_are_read_otherwise(manager, linden):
    raw = "Name,Email\nИван Петров,i@x.test\n".encode("cp1251")
    where = send(manager, raw).location
    row = Import.get()
    intake.check_file(row.id)
    shown = text_of(manager.get(where))
    assert "<span>Èâàí Ïåòðîâ</span>" in shown and "<span>Иван Петров</span>" in shown
    assert "Are these letters right?" in shown
    assert "is right" not in shown and "/taking" not in shown, "not before they are"
    assert manager.post(f"{where}/taking").status_code == 303 and phase(row) == "mapping"
    assert manager.post(f"{where}/meanings").location == where
    answer = manager.post(f"{where}/letters", data={"encoding": "cp1251"})
    assert answer.location == where
    intake.check_file(row.id)
    shown = text_of(manager.get(where))
    assert "The line is right" in shown and "Do the letters look wrong?" in shown
    manager.post(f"{where}/taking")
    assert manager.post(f"{where}/letters", data={"encoding": "cp1252"}).location == where
    intake.import_good_lines(row.id)
    assert Patient.get(Patient.email == "i@x.test").name == "Иван Петров"
    assert manager.post(f"{where}/letters", data={"encoding": "cp1252"}).location == where


# ---- sending in ----


def test_a_file_is_sent_in_and_its_page_follows(manager, linden):
    answer = send(manager, GOOD)
    row = Import.get()
    assert (answer.status_code, answer.location) == (303, f"/settings/imports/{row.id}")
    assert (row.clinic, row.user, row.kind, row.phase, row.total, row.content) == (
        linden.clinic,
        linden.maya,
        "clients",
        "checking",
        2,
        GOOD,
    )
    assert "0 of 2 lines checked" in text_of(manager.get(answer.location))
    assert Patient.select().count() == 1


def test_a_file_is_sent_in_with_htmx(manager):
    answer = send(manager, GOOD, headers=PARTIAL)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (
        204,
        f"/settings/imports/{Import.get().id}",
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x00\x01\x02", "not a text file"),
        (b"", "The file is empty"),
        ("first_name\n", "nothing below the first line"),
    ],
)
def test_a_file_of_no_use_is_refused_beside_the_field(manager, content, sentence):
    for headers in ({}, PARTIAL):
        answer = send(manager, content, headers=headers)
        page = text_of(answer)
        assert answer.status_code == 422
        assert sentence in page
        assert page.lstrip().startswith('<form id="import-new"') is bool(headers)
    assert not Import.select().exists()


def test_a_form_without_file_or_kind_comes_back(manager):
    assert send(manager, GOOD, "secrets").status_code == 422
    for data in ({"kind": "clients"}, {}):
        assert manager.post("/settings/imports/", data=data).status_code == 422
    assert not Import.select().exists()


def test_a_practitioner_may_do_none_of_it(signed_in, linden):
    row, browser = checked(linden, MIXED), signed_in(linden.pat)
    for path in ("", "examples/clients.csv", f"{row.id}", f"{row.id}/bad-lines.csv"):
        assert browser.get(f"/settings/imports/{path}").status_code == 403
    for path in (f"{row.id}/taking", f"{row.id}/checks", f"{row.id}/disposal"):
        assert (
            browser.post(f"/settings/imports/{path}", data={"good_ones": "yes"}).status_code == 403
        )
    assert send(browser, GOOD).status_code == 403
    assert (Import.select().count(), phase(row)) == (1, "checked")


def test_another_clinics_import_is_not_there(signed_in, linden, stranger):
    theirs = intake.begin_import(stranger.clinic, stranger, "clients", MIXED.encode())
    intake.check_file(theirs.id)
    browser = signed_in(linden.olive)
    for path in (f"{theirs.id}", f"{theirs.id}/bad-lines.csv"):
        assert browser.get(f"/settings/imports/{path}").status_code == 404
    for path in (f"{theirs.id}/taking", f"{theirs.id}/checks", f"{theirs.id}/disposal"):
        assert (
            browser.post(f"/settings/imports/{path}", data={"good_ones": "yes"}).status_code == 404
        )
    assert "Sam Elsewhere" not in text_of(browser.get("/settings/imports/"))
    assert phase(theirs) == "checked"


# ---- watching ----


def test_a_running_check_counts_and_asks_again_by_itself(manager, linden):
    row = intake.begin_import(linden.clinic, linden.maya, "clients", GOOD.encode())
    row.progress(1)
    part = text_of(manager.get(f"/settings/imports/{row.id}", headers=PARTIAL))
    assert part.lstrip().startswith(f'<section id="import-{row.id}"')
    assert "1 of 2 lines checked" in part
    assert 'hx-trigger="every 1s"' in part
    intake.check_file(row.id)
    assert "hx-trigger" not in text_of(manager.get(f"/settings/imports/{row.id}", headers=PARTIAL))


def test_the_report_names_line_column_and_reason_and_offers_what_is_left(manager, linden):
    page = text_of(manager.get(f"/settings/imports/{checked(linden, MIXED).id}"))
    assert "1 of 3 lines cannot be imported as they are" in page
    assert "Line 4, First name" in page
    assert "Write a first name, or the single name." in page
    assert "Import the good ones (2)" in page
    assert "Nobody" not in page
    page = text_of(manager.get(f"/settings/imports/{checked(linden, BAD).id}"))
    assert "The line cannot be imported" in page
    assert "/taking" not in page
    assert "Import 2 clients" in text_of(
        manager.get(f"/settings/imports/{checked(linden, GOOD).id}")
    )


def test_a_long_report_is_shown_in_part_until_asked_for(manager, linden):
    text = "\n".join(
        ["calendar,date,start,end", *(f"N{n},2027-03-13,9:00,9:30" for n in range(150))]
    )
    row = checked(linden, text, "bookings")
    assert text_of(manager.get(f"/settings/imports/{row.id}")).count('<th scope="row">') == 100
    assert (
        text_of(manager.get(f"/settings/imports/{row.id}?all=yes")).count('<th scope="row">') == 150
    )


def test_lines_with_the_same_fault_are_one_entry(manager, linden):
    """A name that Team does not have is one matter, and not a thousand."""
    row = checked(linden, "first_name,last_name\n" + ",X\n" * 150 + "Ada," + "B" * 81 + "\n")
    page = text_of(manager.get(f"/settings/imports/{row.id}"))
    assert page.count('<th scope="row">') == 2
    assert "Lines 2, 3, 4, 5, 6 and 145 more, First name" in page
    row = checked(linden, "first_name,last_name\n,X\n,Y\nAda,B\n")
    assert "Lines 2 and 3, First name" in text_of(manager.get(f"/settings/imports/{row.id}"))


def test_the_bad_lines_can_be_downloaded(manager, linden):
    answer = manager.get(f"/settings/imports/{checked(linden, MIXED).id}/bad-lines.csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.content_type == "text/csv; charset=utf-8"
    assert text_of(answer).splitlines()[1:] == [
        ',Nobody,A-3,4,"first_name: Write a first name, or the single name."'
    ]
    assert (
        manager.get(f"/settings/imports/{checked(linden, GOOD).id}/bad-lines.csv").status_code
        == 404
    )


@pytest.mark.parametrize("kind", ["clients", "bookings"])
def test_the_example_downloads_and_can_be_sent_in(manager, linden, clock, kind):
    answer = manager.get(f"/settings/imports/examples/{kind}.csv")
    assert send(manager, answer.data, kind).status_code == 303
    intake.check_file(Import.get().id)
    assert Import.get().bad == 0
    assert manager.get("/settings/imports/examples/secrets.csv").status_code == 404


# ---- deciding ----


@pytest.mark.parametrize(("headers", "status"), [({}, 303), (PARTIAL, 204)])
def test_a_right_file_is_taken_in_on_a_yes(manager, linden, headers, status):
    row = checked(linden, GOOD)
    assert manager.post(f"/settings/imports/{row.id}/taking", headers=headers).status_code == status
    assert phase(row) == "importing"
    intake.import_good_lines(row.id)
    page = text_of(manager.get(f"/settings/imports/{row.id}"))
    assert "2 clients are in Kalends" in page
    assert 'href="/clients/"' in page
    assert Patient.select().count() == 3


def test_what_comes_in_is_put_down_to_who_said_yes(signed_in, linden):
    row = checked(linden, GOOD)
    signed_in(linden.olive).post(f"/settings/imports/{row.id}/taking")
    intake.import_good_lines(row.id)
    assert {(entry.action, entry.user.name) for entry in AuditEntry.select()} == {
        ("import.begun", "Maya Linden"),
        ("patients.added", "Olive Linden"),
    }
    assert "Olive Linden" in text_of(signed_in(linden.maya).get("/settings/imports/"))


def test_a_file_with_bad_lines_needs_the_word_good_ones(manager, linden):
    row = checked(linden, MIXED)
    refused = manager.post(f"/settings/imports/{row.id}/taking", headers=PARTIAL)
    assert refused.status_code == 422
    assert text_of(refused).lstrip().startswith(f'<section id="import-{row.id}"')
    assert phase(row) == "checked"
    assert (
        manager.post(f"/settings/imports/{row.id}/taking", data={"good_ones": "yes"}).status_code
        == 303
    )
    intake.import_good_lines(row.id)
    assert "1 bad line was left out" in text_of(manager.get(f"/settings/imports/{row.id}"))
    assert Patient.select().count() == 3


def test_a_file_with_no_good_line_cannot_be_taken(manager, linden):
    row = checked(linden, BAD)
    assert (
        manager.post(f"/settings/imports/{row.id}/taking", data={"good_ones": "yes"}).status_code
        == 422
    )
    assert phase(row) == "checked"


def test_bookings_link_to_the_first_of_them(manager, linden):
    row = checked(
        linden, "calendar,date,start,duration\npat@linden.test,2026-12-08,09:30,50\n", "bookings"
    )
    manager.post(f"/settings/imports/{row.id}/taking")
    intake.import_good_lines(row.id)
    page = text_of(manager.get(f"/settings/imports/{row.id}"))
    assert "1 booking is in Kalends" in page
    assert f"calendar={linden.calendar.id}&amp;day=2026-12-08" in page
    assert Booking.select().count() == 1


def test_a_file_is_thrown_away_with_what_it_holds(manager, linden):
    row = checked(linden, MIXED)
    answer = manager.post(f"/settings/imports/{row.id}/disposal")
    assert (answer.status_code, answer.location) == (303, "/settings/imports/")
    row = Import.get_by_id(row.id)
    assert (row.phase, row.content, row.problems) == ("discarded", "", {})
    assert "This file was deleted" in text_of(manager.get(f"/settings/imports/{row.id}"))
    assert (
        AuditEntry.select()
        .where(AuditEntry.action == "import.discarded", AuditEntry.user == linden.maya)
        .count()
        == 1
    )


def test_what_is_being_taken_in_cannot_be_thrown_away(manager, linden):
    row = checked(linden, GOOD)
    manager.post(f"/settings/imports/{row.id}/taking")
    assert (
        manager.post(f"/settings/imports/{row.id}/disposal").location
        == f"/settings/imports/{row.id}"
    )
    assert manager.post(f"/settings/imports/{row.id}/checks").status_code == 303
    assert phase(row) == "importing"


def test_checking_again_finds_what_was_added_meanwhile(manager, linden):
    row = checked(
        linden,
        "calendar,client,date,start,duration\npat@linden.test,A-1,2026-12-08,09:30,50\n",
        "bookings",
    )
    assert row.bad == 1
    Patient.add(linden.clinic, None, first_name="Ada", internal_id="A-1")
    assert manager.post(f"/settings/imports/{row.id}/checks", headers=PARTIAL).status_code == 204
    assert phase(row) == "checking"
    intake.check_file(row.id)
    assert Import.get_by_id(row.id).bad == 0


def test_a_failed_import_can_be_tried_again_or_thrown_away(manager, linden):
    row = checked(linden, GOOD)
    row.advance(("checked",), "failed", None)
    page = text_of(manager.get(f"/settings/imports/{row.id}"))
    assert "That went wrong on our side" in page
    assert f"/settings/imports/{row.id}/checks" in page
    assert f"/settings/imports/{row.id}/disposal" in page


def test_earlier_files_are_listed_without_what_they_hold(manager, linden):
    checked(linden, MIXED)
    page = text_of(manager.get("/settings/imports/"))
    assert "3 clients" in page
    assert "Waits for you" in page
    assert "Lovelace" not in page


def test_logs_and_history_name_no_client(manager, linden, caplog):
    caplog.set_level("INFO")
    send(manager, MIXED)
    row = Import.get()
    intake.check_file(row.id)
    manager.post(f"/settings/imports/{row.id}/taking", data={"good_ones": "yes"})
    intake.import_good_lines(row.id)
    said = caplog.text + " ".join(str(entry.detail) for entry in AuditEntry)
    assert not any(name in said for name in ("Lovelace", "Hopper", "Nobody"))


# ---- the command line ----


@pytest.fixture
def command(app, tmp_path):
    """`command(kind, content, *options)`: the result of `flask import …`."""

    def run(kind: str, content: str, *options: str):
        path = tmp_path / "list.csv"
        path.write_text(content)
        return app.test_cli_runner().invoke(args=["import", kind, str(path), *options])

    return run


def test_the_command_takes_a_right_file_in(command, linden):
    result = command("clients", GOOD)
    assert (result.exit_code, Patient.select().count()) == (0, 3)
    assert "2 lines, 0 of them bad. Imported: 2 clients." in result.output


@pytest.mark.parametrize(
    ("options", "clients"),
    [((), 1), (("--dry-run",), 1), (("--good-ones",), 3), (("--good-ones", "--dry-run"), 1)],
)
def test_the_command_tells_bad_lines_and_takes_the_good_ones_only_when_told(
    command, linden, options, clients
):
    result = command("clients", MIXED, *options)
    assert (result.exit_code, Patient.select().count()) == (1, clients)
    assert "Line 4, first_name: Write a first name" in result.output


def test_a_dry_run_of_a_right_file_ends_well_and_changes_nothing(command, linden):
    assert command("clients", GOOD, "--dry-run").exit_code == 0
    assert (Patient.select().count(), Import.select().count()) == (1, 0)


def test_the_command_asks_for_the_clinic_only_where_there_are_several(command, linden, stranger):
    assert "Name one with --clinic" in command("clients", GOOD).output
    assert command("clients", GOOD, "--clinic", "Elsewhere").exit_code == 0
    assert Patient.select().where(Patient.clinic == stranger.clinic).count() == 2


def test_the_command_refuses_a_file_of_no_use_in_a_sentence(command, linden):
    result = command("bookings", "what\never\n")
    assert result.exit_code == 1
    assert "We do not find calendar and date" in result.output


def test_a_file_that_is_kept_waiting_says_why_only_if_it_is_true(
    signed_in, linden, clock, queued, redis_of_tests
):
    manager = signed_in(linden.maya)
    row = intake.begin_import(linden.clinic, linden.maya, "clients", b"first_name\nAnna\n")

    def page() -> str:
        return manager.get(f"/settings/imports/{row.id}").text

    assert "No worker is running" not in page(), "one may begin at once"
    clock.now += timedelta(seconds=31)
    assert "No worker is running" in page()
    redis = Redis.from_url(redis_of_tests)
    with_life("now", redis)
    assert "No worker is running" in page(), "that one takes no files"
    with_life("chores", redis)
    assert "No worker is running" not in page() and "other work may go first" in page()
    jobs.open_queue("redis://localhost:1/0")
    assert "The queue of Kalends does not" in page() and "No worker" not in page()


def with_life(queue: str, redis: Redis) -> None:
    """A worker of this queue that lives."""
    kind = {"connection": redis, "worker_ttl": jobs.WORKER_SECONDS}
    workers.Simple([Queue(queue, connection=redis)], **kind).register_birth()


def test_a_checked_file_of_an_earlier_version_is_asked_about_its_letters(manager, linden):
    row = intake.begin_import(linden.clinic, linden.maya, "clients", "Name\nZoë\n".encode("cp1252"))
    of = [{"name": name, "label": name, "words": name} for name in ("cp1252", "cp1257")]
    letters = {"of": of, "is_weak": False}
    found = {"entries": [], "bad": [], "notes": 0, "guessed": "Windows-1252", "letters": letters}
    row.advance(("mapping",), "checked", None, good=1, problems=found)
    assert "Are these letters right?" in text_of(manager.get(f"/settings/imports/{row.id}"))
    assert manager.post(f"/settings/imports/{row.id}/taking").status_code == 422
    assert manager.post(f"/settings/imports/{row.id}/letters", data={"encoding": "cp1252"})
    intake.check_file(row.id)
    assert "The line is right" in text_of(manager.get(f"/settings/imports/{row.id}"))
    for few in ([], of[:1]):
        found["letters"] = {"of": few, "is_weak": False}
        row.advance(("checked",), "checked", None, problems=found, choices={})
        assert "The line is right" in text_of(manager.get(f"/settings/imports/{row.id}"))


def test_a_large_file_that_cannot_be_read_is_refused_and_its_columns_explained_anew(
    manager, linden
):
    """Its dates contradict each other, which only the worker sees."""
    lines = ["13/01/2027,1/2/2027", "01/13/2027,1/2/2027"] * 30_000
    text = "\n".join(["calendar,date,notes", *(f"Pat,{one}" for one in lines)])
    row = intake.begin_import(linden.clinic, linden.maya, "bookings", text.encode())
    where = f"/settings/imports/{row.id}"
    intake.check_file(row.id)
    page = text_of(manager.get(where))
    assert "The file cannot be read as it is" in page and "have the day first" in page
    assert "is right" not in page and "are right" not in page and "/taking" not in page
    assert manager.get(f"{where}/bad-lines.csv").status_code == 404
    assert manager.post(f"{where}/questions").location == where
    assert "What does each column mean?" in text_of(manager.get(where))


UNKNOWN = "Practitioner,Date,Start,End\nDoc P,2027-03-13,09:00,09:30\nZ,2027-03-13,10:00,10:30\n"


def test_a_name_that_team_does_not_have_is_answered_on_the_page(manager, linden, stranger):
    row = checked(linden, UNKNOWN, "bookings")
    where = f"/settings/imports/{row.id}"
    page = text_of(manager.get(where))
    assert "Who is meant?" in page and ">Doc P</label>" in page and ">Pat Linden</option>" in page
    manager.post(f"{where}/people", data={"person-0": stranger.id, "person-1": "x"})
    assert phase(row) == "checked", "no such person of this clinic"
    manager.post(f"{where}/people", data={"person-0": linden.pat.id, "person-1": ""})
    intake.check_file(row.id)
    row = Import.get_by_id(row.id)
    assert (row.good, row.problems["people"]) == (1, ["Z"])
    assert "We take “Doc P” to be Pat Linden." in text_of(manager.get(where))
    manager.post(f"{where}/taking", data={"good_ones": "yes"})
    intake.import_good_lines(row.id)
    assert Booking.get().practitioner.user == linden.pat
    later = checked(linden, UNKNOWN.replace("13,", "14,"), "bookings")
    assert (later.good, later.problems["people"]) == (1, ["Z"]), "the answer is kept"


def test_a_practitioner_may_not_say_who_is_meant(signed_in, linden):
    row = checked(linden, UNKNOWN, "bookings")
    answer = signed_in(linden.pat).post(f"/settings/imports/{row.id}/people")
    assert answer.status_code == 403 and phase(row) == "checked"
