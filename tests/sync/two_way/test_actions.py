"""What is offered for an account, in each phase."""

import pytest
from sync_world import SyncWorld

from sync.tables.accounts import Account
from sync.two_way.standing.actions import Action, at_foot, in_menu

# Whichever database it is makes no difference.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ENDS = [Action.CHANGE_ACCOUNT, Action.DISCONNECT]
KEEPS = [Action.SETTINGS, Action.ONE_WAY, *ENDS]


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
            [Action.RESYNC, Action.PAUSE, Action.START_OVER, *KEEPS],
            [Action.CHECK],
        ),
        (
            True,
            {"phase": "active", "health": "reconnect"},
            [Action.RESYNC, Action.PAUSE, Action.START_OVER, *KEEPS],
            [Action.RECONNECT],
        ),
        (
            True,
            {"phase": "active", "health": "calendar_gone"},
            [Action.RESYNC, Action.PAUSE, Action.START_OVER, *KEEPS],
            [],
        ),
        (False, {"phase": "active"}, [Action.PAUSE, *KEEPS], []),
        (False, {"phase": "active", "health": "reconnect"}, [Action.PAUSE, *KEEPS], []),
        (True, {"phase": "paused"}, [Action.RESUME, *KEEPS], [Action.RESUME]),
        (False, {"phase": "paused"}, KEEPS, [Action.RESUME]),
        (True, {"phase": "leaving", "removes": True}, [], []),
        (True, {"phase": "leaving", "removes": True, "failures": 1}, [], [Action.END_NOW]),
        (
            True,
            {"phase": "leaving", "removes": True, "failures": 1, "health": "reconnect"},
            [],
            [Action.RECONNECT, Action.END_NOW],
        ),
    ],
)
def test_what_is_offered_for_an_account(account, linden, allowed, row, menu, foot):
    linden.pat.change_sync(sync_allowed=allowed)
    Account.update(**row).execute()
    account = Account.get()
    assert (list(in_menu(account)), list(at_foot(account))) == (menu, foot)
