"""Pages, styles and scripts are written for people to read: short lines, one declaration a line.
Sentences in Python go through the catalogue, and what fills them has a name.
"""

import ast
import re
import string
from pathlib import Path

import pytest
from jinja2 import Environment

from tests.sentences import CALLS, SPEAKING, outside, parsed
from tests.test_layers import nodes, sources
from views.kit.display import STYLESHEETS, Wrapped
from views.visitor import pages

TOP = Path(__file__).parent.parent
FILES = [
    *sorted(path for path in (TOP / "templates").rglob("*") if path.is_file()),
    *sorted((TOP / "static").glob("*.css")),
    *sorted((TOP / "static").glob("*.js")),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TOP).as_posix())
def test_no_line_is_longer_than_120_letters(path):
    lines = path.read_text().splitlines()
    assert [n for n, line in enumerate(lines, 1) if len(line) > 120] == []


@pytest.mark.parametrize("path", sorted((TOP / "static").glob("*.css")), ids=lambda path: path.name)
def test_a_line_of_style_holds_one_declaration(path):
    plain = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    for line in plain.splitlines():
        assert line.count(";") <= 1 and not re.search(r"\{.*[:;].*\}", line), line


def test_every_stylesheet_is_used():
    assert sorted({*STYLESHEETS, *pages.STYLESHEETS}) == sorted(
        path.name for path in (TOP / "static").glob("*.css")
    )


def test_a_wrapped_line_of_a_template_is_one_line_in_the_page():
    env = Environment(extensions=[Wrapped])
    source = """<p title="one
      two">{{ "three
      four" if true
      else "five" }}</p>
<p>six</p>"""
    assert env.from_string(source).render() == '<p title="one two">three four</p>\n<p>six</p>'


def test_every_sentence_goes_through_the_catalogue():
    assert [line for path in sources() for line in outside(path)] == []


def test_what_fills_a_sentence_has_the_name_that_stands_in_it():
    wrong = []
    for path in SPEAKING:
        for call in ast.walk(parsed(path)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) in CALLS:
                given = {value.arg for value in call.keywords}
                for said in call.args[: CALLS[call.func.id]]:
                    asked = {name for __, name, *__ in string.Formatter().parse(said.value) if name}
                    optional = {"count"} if call.func.id == "ngettext" else set()
                    if given and asked - optional != given - optional:
                        wrong.append((path.name, call.lineno, asked ^ given))
                    assert all(name.isidentifier() for name in asked), (path.name, said.value)
    assert wrong == []


def test_no_module_that_speaks_calls_something_else_by_the_catalogues_name():
    for path in SPEAKING:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.arg):
                assert node.arg not in CALLS, (path.name, node.lineno)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                assert node.id not in CALLS, (path.name, node.lineno)


def test_whoever_calls_the_catalogue_has_it():
    """A local name of the same letters would hide that the import is missing."""
    for path in sources():
        named = {
            alias.asname or alias.name
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        calls = {
            node.func.id
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert (calls & set(CALLS)) <= named or path.name == "catalogue.py", path


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('flash("The record is changed.")', 1),
        ('flash(f"{name} is back in lists")', 1),
        ('NAMES = {"a": "one two three"}', 1),
        ('say(_("It is {what}", what="all that we know"))', 1),
        ('flash(_("The record is changed."))', 0),
        ('log.info("nothing to do here")', 0),
        ('"""A docstring of three words."""', 0),
        ('if text == "not one of these": pass', 0),
    ],
)
def test_the_search_finds_what_it_should(tmp_path, monkeypatch, source, found):
    monkeypatch.setattr("tests.sentences.TOP", tmp_path)
    (tmp_path / "module.py").write_text(source)
    assert len(outside(tmp_path / "module.py")) == found


PROGRAMS = [
    path for path in sources() if path.relative_to(TOP).parts[0] not in ("sandbox", "bench")
]


def test_no_module_is_longer_than_400_lines_but_the_tables():
    long = {str(path.relative_to(TOP)): path.read_text().count("\n") for path in PROGRAMS}
    assert {
        name: n for name, n in long.items() if n > (1_000 if name == "models.py" else 400)
    } == {}


def test_no_function_is_longer_than_50_lines():
    long = {}
    for path in PROGRAMS:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 50:
                long[f"{path.relative_to(TOP)}: {node.name}"] = node.end_lineno - node.lineno + 1
    assert long == {}


def test_no_template_is_longer_than_120_lines():
    long = {path: path.read_text().count("\n") for path in (TOP / "templates").rglob("*.html")}
    assert {str(path): n for path, n in long.items() if n > 120} == {}
