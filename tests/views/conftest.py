"""No template of a page queries the database: it shows the values that its view has read."""

import re
import sys
from pathlib import Path

import peewee
import pytest

TEMPLATES = f"{Path(__file__).parents[2] / 'templates'}/"
# the frame around every page, which asks functions of the kit, one query a request each
FRAME = {"layout.html", "week/index.html", "sync/_summary.html", "team/_leftover.html"}
# the one row that a row refers to, and that the page is about
OF_A_ROW = re.compile(r'WHERE \("t1"\."id" = (\?|%s)\) LIMIT (\?|%s) OFFSET')


@pytest.fixture(autouse=True)
def queries_of_templates(monkeypatch):
    """Fails where a template made the database be asked."""
    asked: set[tuple[str, str]] = set()
    ask = peewee.Database.execute_sql

    def noted(self, sql, *args, **options):
        name = _template()
        if name not in FRAME | {""} and not OF_A_ROW.search(sql):
            asked.add((name, sql))
        return ask(self, sql, *args, **options)

    monkeypatch.setattr(peewee.Database, "execute_sql", noted)
    yield
    assert asked == set()


def _template() -> str:
    """The innermost template that is being rendered now, if any."""
    frame = sys._getframe(2)
    while frame and frame.f_code.co_name != "wsgi_app":  # Flask's: nothing of a page is above it
        if frame.f_code.co_filename.startswith(TEMPLATES):
            return frame.f_code.co_filename.removeprefix(TEMPLATES)
        frame = frame.f_back
    return ""
