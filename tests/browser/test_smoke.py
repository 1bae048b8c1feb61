"""Kalends as it is deployed, with the sample clinic.

Its door opens, for everyone who should come in.
"""

import pytest
from playwright.sync_api import expect

WIDTHS = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_door_and_the_first_page_have_no_barriers(
    chromium, enter, live, no_barriers, width, theme
):
    outside = chromium.new_context(
        base_url=live.address, viewport=WIDTHS[width], color_scheme=theme
    ).new_page()
    outside.goto("/sign-in")
    no_barriers(outside)
    outside.context.close()
    no_barriers(enter("lea@sample.test", at=live, viewport=WIDTHS[width], color_scheme=theme))


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("owner", "/calendar/team"),
        ("manager", "/calendar/team"),
        ("reception", "/calendar/team"),
        ("lea", "/calendar"),
        ("kenji", "/calendar"),
    ],
)
def test_everyone_of_the_sample_signs_in(enter, live, name, first, scripts):
    page = enter(f"{name}@sample.test", at=live, java_script_enabled=scripts)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page).to_have_url(live.address + first)


def test_a_wrong_password_is_told_in_place(visitor, live):
    visitor.goto(f"{live.address}/sign-in")
    visitor.get_by_label("E-mail").fill("owner@sample.test")
    visitor.get_by_label("Password", exact=True).fill("not the password")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("alert")).to_be_visible()
    assert "/sign-in" in visitor.url
