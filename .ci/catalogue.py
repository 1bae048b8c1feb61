"""Writes `translations/messages.pot`, every sentence of the program; `--check` only compares."""

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po
from jinja2 import Environment, nodes

TOP = Path(__file__).parent.parent
PAGE = TOP / "translations" / "messages.pot"
ROOMS = ("base", "free_times", "letters", "operate", "people", "sync", "views")
TEMPLATES = TOP / "templates"
FORMS = {"_": 1, "lazy": 1, "ngettext": 2}  # how many arguments are the sentence


def sources() -> list[Path]:
    """Every module of the program itself."""
    return [
        *sorted(TOP.glob("*.py")),
        *(path for room in ROOMS for path in sorted((TOP / room).rglob("*.py"))),
    ]


def sentences(path: Path) -> Iterator[tuple[str, ...]]:
    """What a module says, from top to bottom: a sentence, or its singular and plural."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        if isinstance(call.func, ast.Name) and call.func.id in FORMS:
            said = call.args[: FORMS[call.func.id]]
            if not all(isinstance(part, ast.Constant) for part in said):
                sys.exit(f"{path}:{call.lineno}: only plain text can be in the catalogue")
            yield tuple(part.value for part in said)


def counted(path: Path) -> Iterator[tuple[str, ...]]:
    """What a template counts, as singular and plural; its other sentences are read as a page."""
    source = re.sub(r"\n +", " ", path.read_text())  # continued lines, as the pages join them
    for call in Environment(autoescape=True).parse(source).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "ngettext":
            said = call.args[:2]
            if not all(isinstance(part, nodes.Const) for part in said):
                sys.exit(f"{path}:{call.lineno}: only plain text can be in the catalogue")
            yield tuple(part.value for part in said)


def catalogue() -> str:
    """The page: each sentence once, with the files that say it. No line numbers, no date."""
    found = Catalog(charset="utf-8")
    texts = [
        (path, said)
        for path in sources()
        if "from base.catalogue import" in path.read_text()
        for said in sentences(path)
    ]
    templates = sorted(path for path in TEMPLATES.rglob("*") if path.suffix in (".html", ".txt"))
    texts += [(path, said) for path in templates for said in counted(path)]
    for path, said in texts:
        found.add(
            said if len(said) > 1 else said[0],
            locations=[(path.relative_to(TOP).as_posix(), 0)],
        )
    page = io.BytesIO()
    write_po(page, found, width=100, omit_header=True, sort_by_file=True, include_lineno=False)
    return page.getvalue().decode()


if __name__ == "__main__":
    page = catalogue()
    if "--check" not in sys.argv:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page)
    elif not PAGE.exists() or PAGE.read_text() != page:
        sys.exit("translations/messages.pot is not current. Run: python .ci/catalogue.py")
