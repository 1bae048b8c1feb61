"""Pages, styles and scripts are written for people to read: short lines, one declaration a line."""

import re
from pathlib import Path

import pytest
from jinja2 import Environment

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
