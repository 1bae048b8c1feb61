"""Names that other files lend: `module.name` and `Class.name` exist, in tests and benchmarks too.

A function that is renamed is missed by whoever still calls it by its former name. Pages, tests and
benchmarks are not type-checked, and a call that seldom runs would tell late.
"""

import ast
import importlib
import inspect
from pathlib import Path

TOP = Path(__file__).parent.parent
ROOMS = (
    *("base", "bench", "free_times", "letters", "operate", "people", "sandbox", "sync", "views"),
    *("app", "models"),
)
FILES = [
    path
    for path in sorted(TOP.rglob("*.py"))
    if not {".venv", ".git"} & {*path.relative_to(TOP).parts}
]


def borrowed(tree: ast.Module) -> dict[str, object]:
    """The modules and classes of ours that a file imports, by the name that it uses."""
    found = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or node.level or not node.module:
            continue
        if node.module.partition(".")[0] not in ROOMS:
            continue
        for alias in node.names:
            thing = getattr(importlib.import_module(node.module), alias.name, None)
            if thing is None:
                thing = importlib.import_module(f"{node.module}.{alias.name}")
            if inspect.ismodule(thing) or inspect.isclass(thing):
                found[alias.asname or alias.name] = thing
    return found


def rebound(tree: ast.Module) -> set[str]:
    """Names that a file also gives to something of its own."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.arg)]
    return {
        node.arg if isinstance(node, ast.arg) else node.id
        for node in names
        if isinstance(node, ast.arg) or isinstance(node.ctx, ast.Store)
    }


def unknown(text: str) -> list[str]:
    """Names in a file's text that their modules and classes do not have, each with its line."""
    tree = ast.parse(text)
    own, lent = rebound(tree), borrowed(tree)
    return [
        f"{node.lineno}: {node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.value, ast.Name)
        and node.value.id not in own
        and node.value.id in lent
        and not hasattr(lent[node.value.id], node.attr)
    ]


def test_names_that_are_borrowed_exist():
    found = {path.relative_to(TOP).as_posix(): unknown(path.read_text()) for path in FILES}
    assert len(found) > 900 and {path: names for path, names in found.items() if names} == {}


def test_a_former_name_is_found():
    text = "from base import scheduling\nfrom models import Booking\n"
    assert unknown(text + "scheduling.utc_now(Booking.book)") == []
    assert unknown(text + "scheduling.present(Booking.reserve)") == [
        "3: scheduling.present",
        "3: Booking.reserve",
    ]
    assert unknown(text + "def run(Booking): return Booking.reserve") == []
