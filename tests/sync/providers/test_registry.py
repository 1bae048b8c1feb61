"""One table has all differences between providers, and no other code asks which provider it is."""

import ast
import re
from pathlib import Path

import pytest

from base.config.endpoints import BY_PASSWORD
from base.config.settings import Settings
from models import PLANS
from sync.providers import registry

TOP = Path(__file__).parents[3]
ASKING = ("views", "letters", "operate", "people", "sync")
OTHERS = {  # the same words for something else
    "views/doors/help.py": "the name of a page of Help about private links",
    "sync/feeds/readers.py": "programs that read private links",
    "sync/feeds/shown.py": "who looks at the preview of a private link",
}
NAMED = {  # feeds/ and these name programs that read a link, or take one appointment
    "about/privacy.html",  # the sentence that Google asks for, word for word
    "mail/_visit.html",
    "mail/_visit.txt",
    "mail/client.html",
    "mail/client.txt",
    "sync/_other_ways.html",
    "visitor/booking.html",
}


def programs() -> list[Path]:
    return sorted(
        path
        for room in ASKING
        for path in (TOP / room).rglob("*.py")
        if not path.is_relative_to(TOP / "sync" / "providers")
        and str(path.relative_to(TOP)) not in OTHERS
    )


def naming(path: Path) -> list[str]:
    return [
        f"{path.relative_to(TOP)}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in registry.KINDS
    ]


def test_no_program_asks_which_provider_it_is():
    assert len(programs()) > 100
    assert [place for path in programs() for place in naming(path)] == []


def test_no_template_asks_which_provider_it_is():
    kinds = "|".join(registry.KINDS)
    asked = re.compile(rf"(?:kind|mode|provider)\w*\s*(?:==|!=|in)\s*[\[(]?[\"'](?:{kinds})")
    pages = list((TOP / "templates").rglob("*"))
    assert [page for page in pages if page.is_file() and asked.search(page.read_text())] == []


def test_no_template_names_a_provider():
    """Help and the guides are written about each; elsewhere the name comes from its row."""
    names = {str(name) for row in registry.PROVIDERS.values() for name in (row.name, row.company)}
    names -= {"CalDAV", "Published calendar", "The other side"}  # no provider's own
    named = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b(?!\.)")
    pages = [path for path in (TOP / "templates").rglob("*") if path.is_file()]
    found = {
        path.relative_to(TOP / "templates").as_posix()
        for path in pages
        if named.search(path.read_text())
    }
    assert {page for page in found if not page.startswith(("help/", "feeds/"))} == NAMED


@pytest.mark.parametrize("row", registry.PROVIDERS.values(), ids=lambda row: row.kind)
def test_what_a_row_names_is_there(row):
    assert (TOP / row.guide).exists()
    assert (TOP / "templates" / "help" / f"{row.help_page}.html").exists()
    assert any(row.kind in features for features in PLANS.values())


def test_plans_and_settings_name_no_other_providers():
    sold = {feature for features in PLANS.values() for feature in features} - {"feed"}
    known = {
        f"{kind.upper()}_{name}": "x"
        for kind in registry.KINDS
        for name in ("CLIENT_ID", "CLIENT_SECRET")
    }
    settings = Settings.from_env({"KALENDS_INSTANCE": "instance", **known})
    by_password = {kind for kind, row in registry.PROVIDERS.items() if row.by_password}
    assert sold == set(registry.KINDS)
    assert set(settings.providers) == set(registry.KINDS) - by_password
    assert by_password == set(BY_PASSWORD)


@pytest.mark.parametrize(("days", "is_trial"), [(None, False), (5, False), (6, True), (8, True)])
def test_access_that_ends_after_a_week_points_to_an_unpublished_application(days, is_trial):
    assert registry.of("google").ends_as_on_trial(days) is is_trial
    assert not registry.of("microsoft").ends_as_on_trial(days)
