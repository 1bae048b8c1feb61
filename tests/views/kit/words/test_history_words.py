"""Every action that the program writes into the history has words on both pages that show it.

An unknown one is shown plainly.
"""

import ast
from pathlib import Path

import pytest

from base.bookings.client_letters import LetterSettings
from base.bookings.statuses import STATUSES
from base.tables.texts import TextSettings
from free_times.earlier.entries import EarlierSettings
from free_times.rules import OnlineSettings
from models import AuditEntry
from sync.tables.accounts import Account
from views.kit.words import history_words, sync_words

TOP = Path(__file__).parents[4]
PATTERNS = {  # what the actions are that are put together
    "user.{purpose}_link": ["user.invite_link", "user.reset_link"],
    "{self._meta.table_name}.{'archived' if archived else 'returned'}": [
        f"{table}.{deed}"
        for table in ("patient", "service", "venue", "practitioner")
        for deed in ("archived", "returned")
    ],
    "{cls._meta.table_name}.added": ["venue.added", "service.added"],
    "booking.{status}": [f"booking.{status}" for status in STATUSES],
    "import.{phase}": ["import.discarded", "import.failed"],
    "self.action": [
        table.action for table in (EarlierSettings, LetterSettings, OnlineSettings, TextSettings)
    ],
}


def sources():
    return [
        path
        for path in TOP.rglob("*.py")
        if not {"tests", "sandbox", "bench", "migrations", ".venv"}
        & set(path.relative_to(TOP).parts)
    ]


def written() -> set[str]:
    """The actions of all calls of `AuditEntry.note`, wherever they stand."""
    found = set()
    for path in sources():
        tree = ast.parse(path.read_text())
        for call in (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "AuditEntry.note"
        ):
            found |= set(_actions(call.args[2], tree))
    return found


def _actions(node: ast.expr, tree: ast.Module) -> list[str]:
    if isinstance(node, ast.Constant):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*_actions(node.body, tree), *_actions(node.orelse, tree)]
    if isinstance(node, ast.JoinedStr):
        return PATTERNS[ast.unparse(node)[2:-1].replace("(", "").replace(")", "")]
    if isinstance(node, ast.Name):  # a variable: what is put into it in that module
        values = [
            one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == node.id
        ]
        assert values, f"where does {node.id} come from?"
        return [action for value in values for action in _actions(value, tree)]
    if (said := ast.unparse(node)) in PATTERNS:
        return PATTERNS[said]
    raise AssertionError(f"say in PATTERNS what {said} may be")


def test_every_action_has_words():
    actions = written()
    assert len(actions) > 50
    without = {
        action
        for action in actions
        if action not in history_words.DEEDS and action not in PATTERNS["booking.{status}"]
    }
    assert without == set()
    of_sync = {action for action in actions if action.startswith(("account.", "source.", "feed."))}
    assert of_sync - set(sync_words._ACCOUNT_DEEDS) - set(sync_words._FEED_DEEDS) == set()


@pytest.mark.parametrize(
    "action",
    [
        "account.reminded",
        "account.of_tomorrow",
        "source.of_tomorrow",
        "feed.of_tomorrow",
        "sync.settings",
        "account.",
        "x",
    ],
)
@pytest.mark.parametrize("detail", [{}, {"kind": "caldav", "why": "{it}", "some": [1]}])
def test_an_unknown_action_is_shown_plainly_and_stops_no_page(signed_in, linden, action, detail):
    account = Account.create(
        clinic=linden.clinic, user=linden.olive, kind="google", email="olive@out.test", sealed=""
    )
    for kind in (account, linden.olive, linden.clinic):
        AuditEntry.note(linden.clinic, linden.olive, action, kind, **detail)
    olive = signed_in(linden.olive)
    for path in ("/sync/", "/settings/history"):
        answer = olive.get(path)
        assert answer.status_code == 200, path
    if action == "account.of_tomorrow":
        assert (
            "account: of tomorrow" in olive.get("/settings/history").text
            and "account: of tomorrow" in olive.get("/sync/").text
        )
