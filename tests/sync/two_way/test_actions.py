"""The actions offered for an account, in each phase."""

import pytest
from sync_world import SyncWorld

from sync.tables.accounts import Account
from sync.two_way.standing.actions import AccountAction, at_foot, in_menu

# Whichever database it is makes no difference.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ENDS = [AccountAction.CHANGE_ACCOUNT, AccountAction.DISCONNECT]
KEEPS = [AccountAction.SETTINGS, AccountAction.ONE_WAY, *ENDS]


@pytest.fixture
def account(linden, clock):
    linden.pat.change_sync(sync_allowed=True, identifier="internal_id")
    return SyncWorld(linden, clock).connect()


@pytest.mark.parametrize(
    ("allowed", "row", "menu", "foot"),
    [
        (True, {"phase": "naming"}, ENDS, []),
        (
            True,
            {"phase": "active"},
            [AccountAction.RESYNC, AccountAction.PAUSE, AccountAction.START_OVER, *KEEPS],
            [AccountAction.CHECK],
        ),
        (
            True,
            {"phase": "active", "health": "reconnect"},
            [AccountAction.RESYNC, AccountAction.PAUSE, AccountAction.START_OVER, *KEEPS],
            [AccountAction.RECONNECT],
        ),
        (
            True,
            {"phase": "active", "health": "calendar_gone"},
            [AccountAction.RESYNC, AccountAction.PAUSE, AccountAction.START_OVER, *KEEPS],
            [],
        ),
        (False, {"phase": "active"}, [AccountAction.PAUSE, *KEEPS], []),
        (False, {"phase": "active", "health": "reconnect"}, [AccountAction.PAUSE, *KEEPS], []),
        (True, {"phase": "paused"}, [AccountAction.RESUME, *KEEPS], [AccountAction.RESUME]),
        (False, {"phase": "paused"}, KEEPS, [AccountAction.RESUME]),
        (True, {"phase": "leaving", "removes": True}, [], []),
        (True, {"phase": "leaving", "removes": True, "failures": 1}, [], [AccountAction.END_NOW]),
        (
            True,
            {"phase": "leaving", "removes": True, "failures": 1, "health": "reconnect"},
            [],
            [AccountAction.RECONNECT, AccountAction.END_NOW],
        ),
    ],
)
def test_what_is_offered_for_an_account(account, linden, allowed, row, menu, foot):
    linden.pat.change_sync(sync_allowed=allowed)
    Account.update(**row).execute()
    account = Account.get()
    assert (list(in_menu(account)), list(at_foot(account))) == (menu, foot)
