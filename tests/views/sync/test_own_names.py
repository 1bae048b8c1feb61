"""The name that its person gives a published calendar, and the account in entries about them."""

import re

import external
import pytest
from online_world import text_of

from base.tables.audit import AuditEntry
from base.tables.outside import RULES
from sync.connect import calendar_list
from sync.providers.base import ListedCalendar
from sync.tables import account_names, sources, starting
from sync.tables.accounts import Account, RemoteCalendar

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OWN, TOLD = "Jane’s other practice", "work_cal_7781.ics"


@pytest.fixture
def row(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="none")
    facts = {"kind": "published", "email": "cal.test", "place": "a" * 32, "phase": "active"}
    made = external.source(linden.pat, **facts)
    sources.update_name(made, TOLD)
    return made


def fresh(row):
    return RemoteCalendar.get_by_id(row.id)


def names(row):
    found = fresh(row)
    return found.name, found.told_name


@pytest.fixture
def pat(signed_in, linden):
    return signed_in(linden.pat)


def give(pat, row, name):
    """As the form on the page does."""
    page = pat.get(f"/sync/calendars/{row.id}").text
    seen = re.search(r'name="naming-seen"[^>]* value="([^"]*)"', page)
    sent = {"naming-name": name} | ({"naming-seen": seen[1]} if seen else {})
    return pat.post(f"/sync/calendars/{row.id}/name", data=sent)


def test_a_name_of_ones_own_stands_wherever_that_of_the_file_stood(pat, row):
    page, list_page = f"/sync/calendars/{row.id}", "/sync/"
    assert TOLD in text_of(pat.get(page)) and TOLD in text_of(pat.get(list_page))
    assert f"the name that the calendar gives itself, “{TOLD}”." in text_of(pat.get(page))
    assert "One is missing?" not in text_of(pat.get(list_page))  # an address has one
    assert give(pat, row, f"  {OWN} ").status_code == 303
    assert names(row) == (OWN, TOLD)
    assert OWN in text_of(pat.get(page)) and OWN in text_of(pat.get(list_page))
    assert TOLD not in text_of(pat.get(list_page))
    account = Account.get_by_id(row.account_id)
    assert account_names.name_of(account) == f"Published calendar ({OWN})"
    assert account_names.name_of(account, is_own=False) == "Published calendar"


def test_the_file_may_call_itself_anew_and_its_name_comes_back_when_asked(pat, row):
    give(pat, row, OWN)
    stale = RemoteCalendar.get_by_id(row.id)
    stale.told_name = None  # loaded before the name was given
    stale.name = TOLD
    sources.update_name(stale, "Other")
    assert names(row) == (OWN, "Other")
    calendar_list._keep(
        Account.get_by_id(row.account_id),
        fresh(row),
        ListedCalendar(row.calendar_id, "", "owner"),
        "?",
    )
    assert names(row) == (OWN, "Other")
    calendar_list._keep(
        Account.get_by_id(row.account_id),
        fresh(row),
        ListedCalendar(row.calendar_id, "Third", "owner"),
        "?",
    )
    assert names(row) == (OWN, "Third")
    starting.start_reading_published(
        Account.get_by_id(row.account_id), row.account.user, "home", "b.test", "UTC"
    )
    assert names(row) == (OWN, "b.test")
    give(pat, row, "")
    assert names(row) == ("b.test", None)
    sources.update_name(fresh(row), "Fourth")
    assert names(row) == ("Fourth", None)


def test_a_name_is_one_line_and_merged_like_every_form(pat, row):
    assert give(pat, row, "x" * 81).status_code == 422
    assert give(pat, row, "a\u202eb").status_code == 422
    assert names(row) == (TOLD, None)


def test_only_its_person_names_it_and_only_a_published_one(pat, row, signed_in, linden):
    assert give(signed_in(linden.maya), row, OWN).status_code == 404
    other = external.source(linden.pat, kind="caldav-nextcloud", phase="active")
    assert give(pat, other, OWN).status_code == 404
    assert OWN not in {one.name for one in RemoteCalendar.select()}
    assert "Your name for it" not in text_of(pat.get(f"/sync/calendars/{other.id}"))


def test_entries_about_calendars_name_the_account_and_never_the_calendar(
    pat, row, signed_in, linden
):
    sources.give_name(row, linden.pat, OWN)
    sources.set_rules(row, linden.pat, dict(RULES))
    sources.turn_off(row, linden.pat)
    sources.turn_on(fresh(row), linden.pat)
    deeds = (
        "changed the name of a calendar in the Published calendar account of Pat",
        "changed what blocks booking in a calendar in the Published calendar account of Pat",
        "let a calendar in the Published calendar account of Pat",
    )
    said = text_of(signed_in(linden.olive).get("/settings/history"))
    assert all(deed in said for deed in deeds), said
    assert OWN not in said and TOLD not in said
    mine = text_of(pat.get("/sync/"))
    assert f"You changed the name of a calendar outside: Published calendar ({OWN})" in mine
    # what an earlier version noted, and what a deleted account's id may point to now
    AuditEntry.note(linden.clinic, linden.pat, "source.off", row)
    entry = AuditEntry.note(linden.clinic, linden.pat, "source.rules", row, account=row.account_id)
    Account.update(created_at=entry.at.replace(year=2040)).execute()
    said = text_of(signed_in(linden.olive).get("/settings/history"))
    assert "let a calendar outside block booking no more" in said
    assert "changed what blocks booking in a calendar outside" in said
    assert "in the Published calendar account" not in said
