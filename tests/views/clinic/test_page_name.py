"""The address of the booking page, on the page of its settings."""

import pytest

from base.bookings.changes import ChangedMeanwhile
from free_times.online import names
from free_times.rules import OnlineSettings
from tests.pages import form_of

ADDRESS = "/settings/online-booking/"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


def test_an_address_is_proposed_and_shown_once_it_is_there(manager, linden):
    form = form_of(manager.get(ADDRESS), "page-name")
    assert form["page_name"] == "linden-physiotherapy"
    form.put(page_name="Linden-Physio").send(manager)
    assert names.in_force(linden.clinic) == "linden-physio"
    text = manager.get(ADDRESS).get_data(as_text=True)
    assert 'href="http://localhost/book/linden-physio/"' in text and 'data-kind="qr"' in text


def test_switching_the_page_on_gives_it_an_address(manager, linden):
    form_of(manager.get(ADDRESS), "online-form").put(is_on="y").send(manager)
    assert OnlineSettings.get().is_on
    assert names.in_force(linden.clinic) == "linden-physiotherapy"
    assert manager.get("/book/linden-physiotherapy/").status_code == 200


@pytest.mark.parametrize("typed", ["", "ab", "two words", "ümlaut", "elsewhere", "-a-b-", "x" * 41])
def test_what_cannot_be_an_address_is_said_beside_the_field(manager, linden, stranger, typed):
    names.rename(stranger.clinic, None, "elsewhere")
    answer = form_of(manager.get(ADDRESS), "page-name").put(page_name=typed).send(manager)
    assert answer.status_code == 422 and 'href="#page_name"' in answer.get_data(as_text=True)
    assert names.in_force(linden.clinic) is None


def test_two_people_change_it_at_once(manager, linden):
    form = form_of(manager.get(ADDRESS), "page-name")
    names.rename(linden.clinic, None, "by-a-colleague")
    answer = form.put(page_name="mine").send(manager)
    assert answer.status_code == 422 and "by-a-colleague" in answer.get_data(as_text=True)
    again = form_of(answer, "page-name")
    assert again["page_name"] == "mine" and again.send(manager).status_code == 303
    assert names.in_force(linden.clinic) == "mine"


def test_who_comes_a_moment_later_does_not_take_back_another_s_name(linden):
    """Both pages showed that there was none; the second waits for the first."""
    names.rename(linden.clinic, None, "first", "")
    with pytest.raises(ChangedMeanwhile):
        names.rename(linden.clinic, None, "second", "")
    names.rename(linden.clinic, None, "first", "")  # the same press, twice
    assert names.in_force(linden.clinic) == "first"


def test_only_managers_change_it(signed_in, linden):
    browser = signed_in(linden.pat)
    assert browser.post(f"{ADDRESS}address/", data={"page_name": "mine"}).status_code == 403


def test_a_name_of_another_clinic_and_too_many_names_are_said_beside_the_field(
    manager, linden, stranger
):
    names.rename(stranger.clinic, None, "theirs")
    names.rename(stranger.clinic, None, "theirs-now")
    form = form_of(manager.get(ADDRESS), "page-name")
    answer = form.put(page_name="theirs").send(manager)
    assert answer.status_code == 422 and "has or had this name" in answer.text
    for n in range(names.MOST):
        names.rename(linden.clinic, None, f"name-{n}")
    form = form_of(manager.get(ADDRESS), "page-name")
    assert "No other clinic can ever use it" in " ".join(manager.get(ADDRESS).text.split())
    answer = form.put(page_name="one-more").send(manager)
    assert answer.status_code == 422 and "Use an earlier one" in answer.text
    assert form.put(page_name="name-0").send(manager).status_code == 303
