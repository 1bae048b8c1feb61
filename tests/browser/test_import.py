"""Importing a CSV file in a browser: choose it, follow the check, read the faults, import
the rest.
"""

import pytest
from barriers import barriers
from playwright.sync_api import expect

from models import Patient
from operate import intake
from operate.intake.upload import Import
from tests.conftest import PASSWORD

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def manager(enter, address):
    """A phone on the page of imports, signed in as the manager."""
    page = enter("maya@linden.test", viewport={"width": 390, "height": 844})
    page.goto("/settings/imports/")
    return page


def choose(page, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    page.get_by_label("CSV file").set_input_files(
        {"name": "list.csv", "mimeType": "text/csv", "buffer": raw}
    )
    page.get_by_role("button", name="Check the file").click()


def is_open_to_all(page) -> None:
    """Nothing scrolls sideways, and axe finds no barrier."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert barriers(page) == ""


def test_a_file_goes_from_choosing_to_imported_without_a_reload(manager):
    is_open_to_all(manager)
    choose(manager, "first_name,internal_id\nAda,A-1\n,A-2\n")
    expect(manager.get_by_role("heading", name="0 of 2 lines checked")).to_be_visible()
    is_open_to_all(manager)
    intake.check_file(Import.get().id)
    expect(
        manager.get_by_role("heading", name="1 of 2 lines cannot be imported as they are")
    ).to_be_visible()
    is_open_to_all(manager)
    with manager.expect_download() as download:
        manager.get_by_role("link", name="Download the bad lines").click()
    assert download.value.suggested_filename == f"bad-clients-{Import.get().id}.csv"
    manager.get_by_role("button", name="Import the good ones (1)").click()
    expect(manager.get_by_role("heading", name="lines checked again")).to_be_visible()
    intake.import_good_lines(Import.get().id)
    expect(manager.get_by_role("heading", name="1 client is in Kalends")).to_be_visible()
    is_open_to_all(manager)
    manager.get_by_role("link", name="See the clients").click()
    expect(manager.get_by_text("Ada")).to_be_visible()
    assert Patient.select().count() == 2


def test_a_file_of_no_use_is_explained_and_focus_goes_there(manager):
    choose(manager, "first_name,last_name\n")
    expect(manager.locator("#errors")).to_be_focused()
    expect(manager.locator("#errors")).to_contain_text("nothing below the first line")
    is_open_to_all(manager)
    choose(manager, "first_name\nAda\n")
    expect(manager.get_by_role("heading", name="0 of 1 lines checked")).to_be_visible()


def test_it_works_without_javascript(chromium, address, linden):
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in?next=/settings/imports/")
    page.get_by_label("E-mail").fill("maya@linden.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    choose(page, "first_name\nAda\n")
    intake.check_file(Import.get().id)
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("button", name="Import 1 client").click()
    intake.import_good_lines(Import.get().id)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", name="1 client is in Kalends")).to_be_visible()
    context.close()


def test_strange_columns_are_explained_by_the_person(manager):
    choose(manager, "wer,wann\nAda,now\n")
    expect(manager.get_by_role("heading", name="What is in this file?")).to_be_visible()
    expect(manager.get_by_text("We take line 1 for the names of the columns")).to_be_visible()
    is_open_to_all(manager)
    manager.get_by_role("button", name="Check the file").click()
    expect(manager.locator("#errors")).to_contain_text("Say which column is the first name.")
    manager.get_by_label("wer").select_option("First name")
    manager.get_by_role("button", name="Check the file").click()
    expect(manager.get_by_role("heading", name="0 of 1 lines checked")).to_be_visible()
    intake.check_file(Import.get().id)
    expect(manager.get_by_role("heading", name="The line can be imported")).to_be_visible()


def test_letters_in_doubt_come_before_the_button_to_import(manager):
    choose(manager, "Name\nJürgen Groß\n".encode("mac_roman"))
    expect(manager.get_by_role("heading", name="Are these letters right?")).to_be_visible()
    expect(manager.get_by_role("button", name="Import")).to_have_count(0)
    is_open_to_all(manager)
    manager.get_by_text("Other letters").click()
    is_open_to_all(manager)
    manager.get_by_label("Jürgen Groß").check()
    manager.get_by_role("button", name="Use these letters").click()
    intake.check_file(Import.get().id)
    expect(manager.get_by_role("button", name="Import 1 client")).to_be_visible()
    is_open_to_all(manager)


def test_a_practitioner_of_another_name_is_answered_on_a_phone(manager):
    manager.get_by_role("radio", name="Bookings").check()
    choose(manager, "Practitioner,Date,Start,End\nDoc P,2027-03-13,09:00,09:30\n")
    expect(manager.get_by_role("heading", name="0 of 1 lines checked")).to_be_visible()
    intake.check_file(Import.get().id)
    expect(manager.get_by_text("Who is meant?")).to_be_visible()
    is_open_to_all(manager)
    manager.get_by_label("Doc P").select_option("Pat Linden")
    manager.get_by_role("button", name="Check with these names").click()
    expect(manager.get_by_role("heading", name="0 of 1 lines checked")).to_be_visible()
    intake.check_file(Import.get().id)
    expect(manager.get_by_text("We take “Doc P” to be Pat Linden.")).to_be_visible()
    expect(manager.get_by_role("button", name="Import 1 booking")).to_be_visible()
    is_open_to_all(manager)
