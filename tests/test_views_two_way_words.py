"""Words of two-way sync where they must fit what happens: ways out, notices at the right place, names, counts."""

import html
from datetime import timedelta

import pytest
from sync_world import SyncWorld

from accounts import Account, Notice, RemoteCalendar
from models import Booking, Feed, User
from outside import ExternalEvent

HTMX = {"HX-Request": "true"}


@pytest.fixture
def world(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock)


@pytest.fixture
def account(world):
    for day in range(1, 6):
        world.book(days=day)
    return world.start(sources=[world.source()])


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def page(browser, path="/sync/", **headers) -> str:
    answer = browser.get(path, headers=headers)
    assert answer.status_code == 200, path
    return " ".join(html.unescape(answer.get_data(as_text=True)).split())


def row(account) -> Account:
    return Account.get_by_id(account.id)


# ---- ways out ----


def test_keeping_everything_inside_says_what_stops_and_never_that_links_go_on(pat, account, linden):
    for name in ("Phone", "Tablet"):
        Feed.generate(linden.pat, name, linden.pat, practitioner=linden.calendar)
    asked = page(pat, pat.post("/sync/opt-in", data={}).headers["Location"])
    assert "Keep all bookings inside Kalends?" in asked and "Your 2 private links stop at once" in asked and "Keep everything inside</button>" in asked
    assert "Go one way?" not in asked and "your private links go on" not in asked
    pat.post("/sync/accounts/one-way", data={"removes": "yes", "opt_out": "yes"})
    assert not User.get_by_id(linden.pat.id).sync_allowed
    assert "your private links stopped answering" in page(pat)


def test_changing_the_account_ends_where_the_other_one_can_be_connected(pat, world, account):
    asked = page(pat, f"/sync/accounts/{account.id}/disconnection?change=1")
    assert "Disconnect and choose another</button>" in asked
    answer = pat.post(f"/sync/accounts/{account.id}/disconnection", data={"removes": "yes", "change": "yes"})
    assert "mode=google" in answer.headers["Location"]
    assert "Google is being disconnected" in page(pat, "/sync/?mode=google")
    world.run()
    look = pat.get("/sync/accounts/status?key=old&mode=google", headers=HTMX)
    assert look.headers["HX-Retarget"] == "#two-way" and "Connect with Google" in look.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/sync/accounts/one-way", "/sync/notices/{}/cancellation"])
def test_a_question_that_takes_something_away_has_its_focus_on_the_safe_answer(pat, account, path):
    notice = Notice.give(account, "deleted", "edit x", booking=Booking.select().first(), detail={"is_put_back": True})
    dialog = page(pat, path.format(notice.id)).split("<dialog")[1]
    assert dialog.count("autofocus") == 1 and 'data-kind="quiet" autofocus' in dialog
