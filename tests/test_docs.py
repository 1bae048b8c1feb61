"""The README is complete and true: it names each setting, command, target and file that it should,
and none that does not exist.
"""

import ast
import re
import runpy
import subprocess
from itertools import combinations
from pathlib import Path

import click
import pytest

from app import Settings, create_app
from base.config.version import VERSION
from operate.migrate import TABLES
from sync import providers
from tests import program

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()


class _Asked(dict):
    """An environment that remembers which names were asked for."""

    def __init__(self, **values):
        super().__init__(values)
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)


def settings_read(tmp_path) -> set[str]:
    known = {
        f"{name}_{what}": "x"
        for name in ("GOOGLE", "MICROSOFT")
        for what in ("CLIENT_ID", "CLIENT_SECRET")
    }
    # The addresses of a provider are only read where it is set up.
    environ = _Asked(KALENDS_INSTANCE=str(tmp_path), **known)
    Settings.from_env(environ)
    return {name for name in environ.names if not name.endswith("_FILE")}


def commands(group: click.Group) -> list[str]:
    """Names of all commands as they are typed, those of groups in two words."""
    names = []
    for name, command in group.commands.items():
        names += (
            [f"{name} {inner}" for inner in command.commands]
            if isinstance(command, click.Group)
            else [name]
        )
    return names


def test_every_setting_stands_in_the_readme(tmp_path):
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| `")]
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", " ".join(rows)))
    # It says where the others are read.
    assert told == settings_read(tmp_path) | {"KALENDS_SETTINGS_FILE"}


def test_every_command_stands_in_the_readme(tmp_path):
    app = create_app(Settings.from_env({"KALENDS_INSTANCE": str(tmp_path)}))
    missing = [name for name in commands(app.cli) if not re.search(rf"`{name}\b", README)]
    assert missing == []


@pytest.mark.parametrize("word", sorted(set(re.findall(r"make ([a-z]+)", README))))
def test_every_target_named_is_there(word):
    assert re.search(rf"^{word}:", (TOP / "Makefile").read_text(), re.MULTILINE)


def test_the_guides_name_what_the_program_asks_providers_for():
    guides = {
        "google": (TOP / "docs" / "google-setup.md").read_text(),
        "microsoft": (TOP / "docs" / "outlook-setup.md").read_text(),
    }
    for kind, guide in guides.items():
        asked = {
            scope
            for existing in (False, True)
            for shared in (False, True)
            for scope in providers.scopes(kind, existing, shared)
        }
        assert [scope for scope in asked if f"`{scope}`" not in guide] == []
        assert f"/connect/{kind}`" in guide and f"{kind.upper()}_CLIENT_ID" in guide


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_file_linked_is_there(name):
    assert (TOP / name).exists()


def test_every_place_in_the_guide_for_developers_is_there():
    guide = (TOP / "CONTRIBUTING.md").read_text()
    places = [
        word for word in re.findall(r"`([a-z_./]+)`", guide) if "/" in word or word.endswith(".py")
    ]
    missing = [place for place in places if not (TOP / place).exists()]
    assert len(places) > 20 and missing == []


def places_and_names(line: str) -> tuple[list[Path], list[str]]:
    """The files and folders that a line of the guide names, and the names in code."""
    words = re.findall(r"`([\w./]+)`", line)
    places = [TOP / word for word in words if "/" in word or "." in word]
    return places, [word for word in words if "/" not in word and "." not in word]


def defined(place: Path) -> set[str]:
    """What a file, or any file of a folder, defines: classes, functions, methods, constants."""
    files = place.rglob("*.py") if place.is_dir() else [place] if place.suffix == ".py" else []
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    targets = [to for node in nodes if isinstance(node, ast.Assign) for to in node.targets]
    kinds = ast.FunctionDef | ast.ClassDef
    return {node.name for node in nodes if isinstance(node, kinds)} | {
        to.id for to in targets if isinstance(to, ast.Name)
    }


def test_every_name_in_the_guide_for_developers_is_in_a_file_named_beside_it():
    rows = [
        places_and_names(line)
        for line in (TOP / "CONTRIBUTING.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    assert sum(len(names) for _, names in rows) > 5
    for places, names in rows:
        assert set(names) - set().union(*(defined(place) for place in places)) == set()


def test_the_makefile_is_short():
    targets = re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(), re.MULTILINE)
    assert {"run", "test", "bench"} <= set(targets) and len(targets) <= 10


def test_the_changelog_has_this_version_below_what_is_unreleased():
    headings = re.findall(r"^## (.*)", (TOP / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(VERSION)} \(\d{{4}}-\d\d-\d\d\)", headings[1])


def twice_told(lines: list[str]) -> list[tuple[str, str]]:
    """Lines that tell one change twice: all words of one, but a third at most, are in another."""
    worded = [(line, set(re.findall(r"[a-z]{4,}", line.lower()))) for line in lines]
    return [
        (one, other)
        for (one, words), (other, others) in combinations(worded, 2)
        if len(words & others) * 3 >= 2 * min(len(words), len(others))
    ]


def test_the_changelog_tells_each_new_change_once():
    news = (TOP / "CHANGELOG.md").read_text().partition("## Unreleased")[2].partition("\n## ")[0]
    lines = [" ".join(line.split()) for line in re.split(r"^- ", news, flags=re.MULTILINE)[1:]]
    assert len(lines) == len(re.findall(r"^- ", news, re.MULTILINE))
    assert twice_told(lines) == []


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("Pressing twice adds one client.", "Adds one client: pressing twice, or a link.", 1),
        ("A fault keeps nobody waiting.", "With a fault, nobody is kept waiting.", 1),
        ("A password is refused where it is common.", "A link is refused where it is stopped.", 0),
    ],
)
def test_the_search_finds_a_change_that_is_told_twice(one, other, found):
    assert len(twice_told([one, other])) == found


def test_the_version_is_told_by_the_command_and_to_those_who_are_signed_in(app, linden, signed_in):
    told = app.test_cli_runner().invoke(args=["version"])
    assert told.output == f"Kalends {VERSION}\n"
    begun = program.python(
        "import runpy; runpy.run_path('app.py', run_name='__main__')", "--version"
    )
    assert begun.stdout == f"Kalends {VERSION}\n"
    assert f"Kalends {VERSION}" in signed_in(linden.pat).get("/calendar").text
    assert VERSION not in app.test_client().get("/sign-in").text


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Fix lost update of booking notes\n\nTwo people had it open.\n", 0),
        ("Merge branch 'spring' of a name that is longer than sixty letters are", 0),
        ("Letters tell days where their reader works", 0),
        ("Let a booking be moved", 1),
        ("Keep notes of bookings that two people had open at the same moment", 2),
    ],
)
def test_a_subject_of_a_commit_says_what_changes_in_sixty_letters(message, found):
    faults = runpy.run_path(str(TOP / ".ci" / "subject.py"))["faults"]
    assert len(faults(message)) == found


def test_lint_checks_the_subjects_that_no_remote_has(tmp_path):
    found_in = runpy.run_path(str(TOP / ".ci" / "subject.py"))["found_in"]
    remote, checkout, archive = (tmp_path / name for name in ("remote", "checkout", "archive"))
    archive.mkdir()
    assert found_in(archive) == []

    def git(where, *arguments):
        known = ("-c", "user.name=Pat", "-c", "user.email=pat@example.com")
        subprocess.run(["git", "-C", where, *known, *arguments], check=True)

    def commit(where, subject):
        git(where, "commit", "-q", "--allow-empty", "-m", subject)

    git(tmp_path, "init", "-q", str(remote))
    commit(remote, "Let a booking be moved")
    assert found_in(remote) == []  # it has no remote itself
    git(tmp_path, "clone", "-q", str(remote), str(checkout))
    assert found_in(checkout) == []  # others have it: too late
    commit(checkout, "Move a booking")
    assert found_in(checkout) == []
    commit(checkout, "Let a day be moved")
    assert [fault.partition(": ")[2] for fault in found_in(checkout)] == [
        "A subject says what changes; it does not begin with Let."
    ]
    commit(checkout, "Keep notes of bookings that two people had open at the same moment")
    assert len(found_in(checkout)) == 3


def test_the_picture_of_the_tables_is_up_to_date():
    picture = runpy.run_path(str(TOP / ".ci" / "tables.py"))["picture"]
    assert (TOP / "docs" / "tables.md").read_text() == picture(), "run: python .ci/tables.py"
    named = set(re.findall(r"^- `(\w+)`", picture(), re.MULTILINE))
    assert named == {table._meta.table_name for table in TABLES}


def test_the_catalogue_of_sentences_is_up_to_date():
    catalogue = runpy.run_path(str(TOP / ".ci" / "catalogue.py"))["catalogue"]
    page = (TOP / "translations" / "messages.pot").read_text()
    assert page == catalogue(), "run: python .ci/catalogue.py"
