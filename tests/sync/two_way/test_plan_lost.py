"""A clinic's plan that no longer includes a provider: everyone concerned reads it, on every
surface, and can continue from there.
"""

from datetime import UTC, datetime, timedelta

import pytest

from base.config.endpoints import Endpoints
from base.tables.outside import ExternalEvent
from models import Clinic
from sync.connect import gateway
from sync.tables.accounts import Account, RemoteCalendar

SAID = "no sync with Outlook"


@pytest.fixture
def account(linden, clock):
    gateway.set_up(
        gateway.GatewaySetup(
            {"microsoft": Endpoints("id", "secret", *["https://microsoft.test"] * 4)}
        )
    )
    row = Account.create(
        clinic=linden.clinic,
        user=linden.pat,
        kind="microsoft",
        email="pat@outlook.test",
        sealed="",
        phase="active",
        listed_at=clock.now,
    )
    RemoteCalendar.create(
        clinic=linden.clinic,
        account=row,
        calendar_id="ours",
        role="destination",
        name="Clinic",
        is_ours=True,
    )
    source = RemoteCalendar.create(
        clinic=linden.clinic,
        account=row,
        calendar_id="private",
        role="source",
        name="Private",
        read_at=clock.now,
    )
    at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    ExternalEvent.create(
        clinic=linden.clinic,
        user=linden.pat,
        calendar=source,
        remote_id="e",
        title="",
        busy="busy",
        blocks=True,
        starts_at=at,
        ends_at=at + timedelta(hours=1),
    )
    RemoteCalendar.create(
        clinic=linden.clinic, account=row, calendar_id="new", role="source", name="Never read"
    )
    linden.pat.change_sync(mode="two_way")
    return row


@pytest.fixture
def lost(linden, account):
    linden.clinic.change_plan("basic", linden.olive)
    return account


def test_each_surface_says_it(signed_in, linden, lost):
    pat = signed_in(linden.pat)
    page = pat.get("/sync/").text
    assert [words for words in (SAID, "still block booking", "Not read") if words not in page] == []
    assert [words for words in ("Being read", "Up to date") if words in page] == []
    week = pat.get("/calendar").text
    assert SAID in week and "busy times from there are not updated" in week
    assert SAID in signed_in(linden.olive).get("/health/").text
    assert SAID not in signed_in(linden.quinn).get("/calendar").text


def test_with_the_plan_nothing_is_said(signed_in, linden, account):
    assert (
        SAID
        not in signed_in(linden.pat).get("/calendar").text
        + signed_in(linden.pat).get("/sync/").text
    )


def test_starting_over_would_only_remove_so_it_does_nothing(signed_in, linden, lost):
    pat = signed_in(linden.pat)
    answer = pat.post(f"/sync/accounts/{lost.id}/new-start", follow_redirects=True)
    assert "Start over is not possible now" in answer.text
    assert Account.get_by_id(lost.id).phase == "active" and ExternalEvent.select().count() == 1


def test_what_cannot_be_done_says_so_and_changes_nothing(signed_in, linden, lost):
    pat, new = signed_in(linden.pat), RemoteCalendar.get(RemoteCalendar.calendar_id == "new")
    RemoteCalendar.update(role="listed", access="owner", read_at=None).where(
        RemoteCalendar.id == new
    ).execute()
    before = Account.get_by_id(lost.id).__data__
    page = pat.get("/sync/").text
    assert (
        "Resync this calendar" not in page
        and f"/sync/calendars/{new.id}/sync" not in page
        and "Press Sync" not in page
    )
    for path in (
        f"/sync/accounts/{lost.id}/resync",
        f"/sync/accounts/{lost.id}/check",
        f"/sync/calendars/{new.id}/sync",
    ):
        assert "Not possible now" in pat.post(path, follow_redirects=True).text, path
    olive = signed_in(linden.olive)
    assert (
        "Not possible now"
        in olive.post(f"/health/accounts/{lost.id}/runs", follow_redirects=True).text
    )
    assert "No calendar can be read now" in olive.post("/health/runs", follow_redirects=True).text
    assert (
        Account.get_by_id(lost.id).__data__ == before
        and RemoteCalendar.get_by_id(new.id).role == "listed"
    )
    pat.post(f"/sync/accounts/{lost.id}/pause")
    assert (
        "Not possible now"
        in pat.post(f"/sync/accounts/{lost.id}/resumption", follow_redirects=True).text
    )
    linden.clinic.change_plan("pro", linden.olive)
    pat.post(f"/sync/accounts/{lost.id}/resumption")
    assert Account.get_by_id(lost.id).phase == "active"


def test_old_times_can_be_freed(signed_in, linden, lost):
    source = RemoteCalendar.get(RemoteCalendar.calendar_id == "private")
    signed_in(linden.pat).post(f"/sync/calendars/{source.id}/stop", follow_redirects=True)
    assert not ExternalEvent.select().exists()


def test_moving_to_a_smaller_plan_asks_and_says_what_stops(signed_in, linden, account):
    olive = signed_in(linden.olive)
    asked = olive.post("/settings/plan", data={"plan": "basic"}).text
    assert (
        "1 connected calendar account stops syncing" in asked and Clinic.get().plan == "self-hosted"
    )
    olive.post("/settings/plan", data={"plan": "basic", "confirmed": "yes"})
    assert Clinic.get_by_id(linden.clinic.id).plan == "basic"
