"""The page that a visitor reads when a page cannot answer."""

import pytest
from online_world import only_form, switch_on, text_of, to_check

from base.database import database
from models import Booking

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OF_THE_TEAM = ("administrator", "another clinic", "calendar", "Kalends", "reference")


@pytest.fixture
def page(linden, clock):
    return switch_on(linden)


@pytest.fixture
def visitor(app, page):
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize(
    ("method", "way", "status"),
    [
        ("GET", "/x/y/z", 404),
        ("GET", "/booking/x", 404),
        ("POST", "/booking/x", 404),
        ("PUT", "/times", 405),
        ("DELETE", "/book", 405),
    ],
)
def test_refusals_speak_to_visitors(visitor, page, method, way, status):
    answers = [visitor.open(f"{path}{way}", method=method) for path in (page.path, "/book/nobody")]
    assert {answer.status_code for answer in answers} == {status}
    assert answers[0].data == answers[1].data and "Set-Cookie" not in answers[0].headers
    said = text_of(answers[0])
    assert not any(word in said for word in OF_THE_TEAM) and "<h1>" in answers[0].text


@pytest.mark.parametrize("table", ["page_name", "practitioner"])
def test_a_fault_of_ours_asks_to_try_again_and_names_nobody(app, visitor, page, table, caplog):
    form = only_form(to_check(visitor, page.path), "/book")
    app.testing = False
    database.execute_sql(f"ALTER TABLE {table} RENAME TO lost")
    try:
        answer = form.send(visitor)
    finally:
        database.execute_sql(f"ALTER TABLE lost RENAME TO {table}")
    said = text_of(answer)
    assert answer.status_code in (500, 503) and "call the clinic" in said
    assert not any(word in said for word in OF_THE_TEAM)
    assert "Nora" not in caplog.text and not Booking.select().exists()


def test_an_address_without_its_slash_leads_on_whatever_the_host_is_called(visitor, page):
    for path in (page.path, f"{page.path}/linden-street"):
        answer = visitor.get(f"{path}?zone=Europe/Lisbon", headers={"Host": "evil.test"})
        assert (answer.status_code, answer.location) == (308, f"{path}/?zone=Europe/Lisbon")


@pytest.mark.parametrize("path", ["/sign-in", "/", "/book/nobody/", "/nowhere"])
def test_a_host_that_is_none_is_refused_in_words_and_is_no_fault(visitor, page, path, caplog):
    answer = visitor.get(path, headers={"Host": "x" * 300})
    assert answer.status_code == 400 and "did not arrive whole" in answer.text
    assert "error" not in caplog.text
