"""The help pages in a real browser.

Nothing scrolls sideways, nothing keeps anyone out, and the keyboard is enough.
"""

import pytest
from barriers import barriers, unfold

from tests.conftest import PASSWORD
from views.doors.help import PAGES

# Pages are the same on both.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


def sign_in(page, address: str) -> None:
    page.goto(f"{address}/sign-in")
    page.get_by_label("E-mail").fill("pat@linden.test")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


@pytest.mark.parametrize(
    ("width", "theme", "signed_in"), [(390, "light", False), (1280, "dark", True)]
)
def test_no_page_keeps_anyone_out_or_scrolls_sideways(visitor, address, width, theme, signed_in):
    visitor.set_viewport_size({"width": width, "height": 844})
    visitor.emulate_media(color_scheme=theme)
    if signed_in:
        sign_in(visitor, address)
    for name in ("", *PAGES):
        visitor.goto(f"{address}/help/{name}")
        unfold(visitor)
        assert barriers(visitor) == "", name
        assert visitor.evaluate("document.documentElement.scrollWidth") <= width, name


def test_the_contents_lead_to_their_headings(visitor, address):
    visitor.goto(f"{address}/help/google")
    visitor.get_by_role("navigation", name="On this page").get_by_role(
        "link", name="Google is stuck"
    ).click()
    assert visitor.evaluate("location.hash") == "#stuck"
    assert visitor.get_by_role("heading", name="Google is stuck").bounding_box()["y"] < 300


def test_an_answer_opens_from_the_keyboard(visitor, address):
    visitor.goto(f"{address}/help/troubleshooting")
    question = visitor.locator("summary", has_text="I see no events")
    answer = visitor.get_by_text("BEGIN:VCALENDAR")
    assert not answer.is_visible()
    question.focus()
    visitor.keyboard.press("Enter")
    assert answer.is_visible()


def test_a_reader_who_is_not_signed_in_comes_back_after_signing_in(visitor, address):
    visitor.goto(f"{address}/help/refresh")
    visitor.get_by_role("link", name="Sign in").click()
    visitor.get_by_label("E-mail").fill("pat@linden.test")
    visitor.get_by_label("Password", exact=True).fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    visitor.wait_for_url(f"{address}/help/refresh")
    assert visitor.get_by_text("Yours, measured").first.is_visible()


def test_all_of_it_works_without_scripts(chromium, address):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/help/")
    page.get_by_role("link", name="If something looks wrong").click()
    page.locator("summary", has_text="The times are wrong").click()
    assert page.get_by_text("Every event carries the time zone").is_visible()
    context.close()
