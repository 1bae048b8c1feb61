"""One table has all differences between providers, and no other code asks which provider it is."""

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest

from base.config.settings import Settings
from models import PLANS
from sync.providers import registry

TOP = Path(__file__).parents[3]
ROOMS = ("base", "people", "sync", "free_times", "letters", "operate", "views")
PROVIDERS = TOP / "sync" / "providers"  # a row and a package each
NAMES = re.compile(
    r"google|microsoft|outlook|caldav|icloud|fastmail|nextcloud|zoho|posteo|mailbox\.org|aadsts"
    r"|\bapple\b",
    re.IGNORECASE,
)
OTHERS = {  # the same words for something else
    "base/config/settings.py": "the name of a setting: whether passwords for calendars are taken",
    "sync/calendar_data/plain_events.py": "properties of calendar data, from whatever program",
    "sync/feeds/ical.py": "properties of calendar data, for whatever program",
    "sync/feeds/readers.py": "programs that read private links",
    "sync/events/visit.py": "where a client puts one appointment down",
    "letters/visits.py": "the same in letters",
    "views/visitor/managed.py": "the same on pages",
    "operate/intake/file_columns.py": "programs whose files are taken in",
    "operate/sample.py": "programs that read private links",
    "views/doors/help.py": "pages of Help about private links",
    "views/kit/words/sync_words.py": "what a program keeps of a private link",
    "views/sync/apps.py": "programs that read private links",
    "views/sync/words/connect_words.py": "a protocol: what somebody types is an address of it",
    "views/sync/feed_address.py": "where programs take private links",
    "views/sync/previews.py": "what programs show of a private link",
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
    rooms = [path for room in ROOMS for path in (TOP / room).rglob("*.py")]
    rooms += [TOP / "app.py", TOP / "models.py"]
    return sorted(path for path in rooms if not path.is_relative_to(PROVIDERS))


def naming(source: str) -> list[str]:
    """What names a provider in a module: its words, names and sentences; not what is told about
    them in docstrings and comments.
    """
    tree = ast.parse(source)
    told = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    words = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]
    for node in ast.walk(tree):
        for field in ("id", "attr", "name", "arg"):
            words += [word] if isinstance(word := getattr(node, field, None), str) else []
    return [word for word in words if word in registry.KINDS or NAMES.search(word)]


def test_a_provider_is_its_row_and_its_package():
    """Whoever adds one writes nowhere else in the program."""
    assert len(programs()) > 300
    found = {
        str(path.relative_to(TOP)): names
        for path in programs()
        if (names := naming(path.read_text()))
    }
    assert {place: names for place, names in found.items() if place not in OTHERS} == {}
    assert set(OTHERS) == set(found)


def test_a_provider_that_calls_us_says_how_long():
    for row in registry.PROVIDERS.values():
        assert (row.channel_life > timedelta(days=1)) is row.has_channels, row.kind
        assert row.channel_life < timedelta(days=7), row.kind


@pytest.mark.parametrize(
    "line",
    [
        'KINDS = ("google",)',
        'if account.kind == "published": pass',
        "def microsoft_url(): ...",
        'say(f"{name} of Google")',
        "from x import caldav_names",
    ],
)
def test_every_way_to_name_one_is_seen(line):
    assert naming(line)


def test_docstrings_may_tell_of_providers():
    assert naming('"""As Google does."""\nx = 1  # and Microsoft') == []


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
    assert (TOP / "templates" / "help" / f"{row.help.page}.html").exists()
    assert registry.plans_with(row.kind, PLANS)


@pytest.mark.parametrize(
    ("plan", "kinds"),
    [
        ("self-hosted", set(registry.KINDS)),
        ("pro", set(registry.KINDS)),
        ("plus", {"google"}),
        ("basic", {"google"}),
    ],
)
def test_google_is_in_each_plan_and_all_others_in_pro(linden, plan, kinds):
    linden.clinic.change_plan(plan, linden.olive)
    assert {
        kind for kind in registry.KINDS if linden.clinic.allows(registry.row_of(kind).feature)
    } == (kinds)


def test_plans_and_settings_name_no_other_providers():
    sold = {feature for features in PLANS.values() for feature in features} - {"feed"}
    known = {
        f"{row.registration.prefix}_{name}": "x"
        for row in registry.PROVIDERS.values()
        if row.registration
        for name in ("CLIENT_ID", "CLIENT_SECRET")
    }
    settings = Settings.from_env({"KALENDS_INSTANCE": "instance", **known})
    by_password = {kind for kind, row in registry.PROVIDERS.items() if row.by_password}
    assert sold == {row.feature for row in registry.PROVIDERS.values()}
    assert set(settings.providers) == set(registry.KINDS) - by_password


@pytest.mark.parametrize(("days", "is_trial"), [(None, False), (5, False), (6, True), (8, True)])
def test_access_that_ends_after_a_week_points_to_an_unpublished_application(days, is_trial):
    assert registry.row_of("google").ends_as_on_trial(days) is is_trial
    assert not registry.row_of("microsoft").ends_as_on_trial(days)
