"""Settings → Letters."""

import pytest

from base.bookings.client_letters import LetterSettings
from tests.pages import form_of

ADDRESS = "/settings/letters/"
# No statement of these pages is written for one database.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def manager(signed_in, linden):
    return signed_in(linden.maya)


def form(manager):
    return form_of(manager.get(ADDRESS), "letters-form")


def test_a_manager_chooses_who_gets_letters(manager, linden):
    assert "No e-mails are sent" in manager.get(ADDRESS).get_data(as_text=True)
    sent = form(manager).put(to_clients="all", method="PUBLISH", reply_to="desk@linden.test")
    assert sent.send(manager).status_code == 303
    row = LetterSettings.of(linden.clinic)
    assert (row.to_clients, row.method, row.reply_to) == ("all", "PUBLISH", "desk@linden.test")


@pytest.mark.parametrize(
    "typed", [{"to_clients": "some"}, {"reply_to": "no address"}, {"method": "CANCEL"}]
)
def test_what_cannot_be_is_refused(manager, linden, typed):
    assert form(manager).put(**typed).send(manager).status_code == 422
    assert LetterSettings.of(linden.clinic).to_clients == "online"


def test_practitioners_have_no_such_page(signed_in, linden):
    browser = signed_in(linden.pat)
    assert browser.get(ADDRESS).status_code == browser.post(ADDRESS).status_code == 403
