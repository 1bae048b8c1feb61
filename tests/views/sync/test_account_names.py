"""Two accounts of one provider can be told apart wherever an account is named, and the address of a
published calendar is shown nowhere.
"""

import external
import pytest
from online_world import text_of

from base import vault
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from letters import kinds
from sync.providers import registry
from sync.tables import account_names
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SECRET = "hunter2"
CLOUDS = ("robin@one.test", "https://one.test"), ("robin@one.test", "https://two.test")
FEEDS = ("cal.test", "a" * 32), ("cal.test", "b" * 32), ("cal.test", "c" * 32)
NAMES = (
    "Nextcloud (robin@one.test)",
    "Nextcloud (robin@one.test at two.test)",
    "Published calendar (Practice)",
    "Published calendar (cal.test, no. 1)",
    "Published calendar (cal.test, no. 2)",
)
TO_OTHERS = (*NAMES[:2], *(f"Published calendar (cal.test, no. {n})" for n in (1, 2, 3)))


def told_apart(text: str, names=NAMES) -> bool:
    return all(name in text for name in names)


@pytest.fixture
def accounts(linden, clock):
    """Two Nextclouds and three published calendars of one person, each with trouble and a run."""
    linden.pat.change_sync(sync_allowed=True, identifier="none")
    made = []
    for kind, places in (("caldav-nextcloud", CLOUDS), ("published", FEEDS)):
        for number, (email, place) in enumerate(places):
            name = "Practice" if (kind, number) == ("published", 0) else email
            facts = {"kind": kind, "email": email, "place": place, "phase": "active"}
            row = external.source(linden.pat, **facts)
            RemoteCalendar.update(name=name).where(RemoteCalendar.id == row.id).execute()
            Account.update(
                sealed=vault.seal(SECRET), health="reconnect", failing_since=clock.now
            ).where(Account.id == row.account_id).execute()
            account = Account.get_by_id(row.account_id)
            Notice.give(account, "reconnect")
            SyncRun.create(clinic=linden.clinic, account=account, because="poll", total=1)
            AuditEntry.note(
                linden.clinic, linden.pat, "account.connected", account, kind=account.kind
            )
            made.append(account)
    return made


def test_one_account_of_a_kind_needs_no_address(linden, clock):
    row = external.source(linden.pat, kind="caldav-nextcloud", email="robin@one.test")
    assert account_names.name_of(row.account) == "Nextcloud"


@pytest.mark.parametrize(
    "path", ["/sync/", "/sync/accounts/history", "/calendar", "/sync/accounts/disconnection"]
)
def test_pages_of_the_person(accounts, linden, signed_in, path):
    page = signed_in(linden.pat).get(path)
    text = text_of(page)
    wanted = NAMES if "disconn" not in path else [name.partition(" (")[2][:-1] for name in NAMES]
    assert told_apart(text, wanted), text
    assert SECRET not in page.text


@pytest.mark.parametrize("path", ["/health/", "/settings/history"])
def test_pages_of_the_clinic(accounts, linden, signed_in, path):
    text = text_of(signed_in(linden.olive).get(path))
    assert told_apart(text, TO_OTHERS), text
    assert "(Practice)" not in text  # what a calendar outside is called is its owner's


def test_apps(accounts, linden, signed_in):
    text = text_of(signed_in(linden.pat).get("/settings/apps/"))
    assert told_apart(text, ["two.test", "Practice", "cal.test, no. 1", "cal.test, no. 2"]), text


def test_letters(accounts, linden, app):
    for reader, names in ((linden.pat, NAMES), (linden.olive, TO_OTHERS)):
        for account, name in zip(accounts, names, strict=True):
            detail = {"reader": reader.id, "since": account.failing_since.isoformat()}
            row = Letter(clinic=linden.clinic, about=account.id, detail=detail)
            with app.app_context():
                letter = kinds.KINDS["sync_trouble"](row)
            assert name in " ".join(letter.body.split()), letter.body


def test_questions_ask_nothing_more_where_accounts_know_each_other(accounts, linden):
    rows = list(Account.of(linden.pat))
    account_names.know(rows)
    assert tuple(map(account_names.name_of, rows)) == NAMES
    assert {registry.row_of(row.kind).name for row in rows} == {"Nextcloud", "Published calendar"}
