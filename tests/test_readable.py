"""Pages, styles and scripts are written for people to read: short lines, one declaration in each
line. Sentences in Python go through the catalogue, and their values have names. Docstrings,
comments and names use plain words.
"""

import ast
import re
import string
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment
from jinja2 import nodes as jinja

from tests.sentences import CALLS, SPEAKING, outside, parsed
from tests.test_layers import nodes, sources
from views.kit import form_tokens
from views.kit.display import STYLESHEETS, Wrapped
from views.visitor import pages

TOP = Path(__file__).parent.parent
FILES = [
    *sorted(path for path in (TOP / "templates").rglob("*") if path.is_file()),
    *sorted((TOP / "static").glob("*.css")),
    *sorted((TOP / "static").glob("*.js")),
]


PAGES = [path for path in FILES if path.suffix in (".html", ".txt")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TOP).as_posix())
def test_no_line_is_longer_than_100_letters(path):
    lines = path.read_text().splitlines()
    assert [n for n, line in enumerate(lines, 1) if len(line) > 100] == []


@pytest.mark.parametrize("path", sorted((TOP / "static").glob("*.css")), ids=lambda path: path.name)
def test_a_line_of_style_holds_one_declaration(path):
    plain = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    for line in plain.splitlines():
        assert line.count(";") <= 1 and not re.search(r"\{.*[:;].*\}", line), line


@pytest.mark.parametrize(("kind", "lines", "octets"), [("js", 900, 40_000), ("css", 3_000, 64_000)])
def test_scripts_and_styles_stay_small(kind, lines, octets):
    """As ADR 88 has it; htmx is not ours."""
    ours = [path.read_text() for path in (TOP / "static").glob(f"*.{kind}")]
    sizes = [text.count("\n") for text in ours]
    assert max(sizes) <= 600 and sum(sizes) <= lines
    assert sum(len(text.encode()) for text in ours) <= octets


def test_a_dangerous_question_begins_on_its_safe_answer():
    """So that a second Enter undoes nothing. A cancelled booking offers Undo."""
    held = {}
    for path in sorted((TOP / "templates").rglob("*.html")):
        for dialog in re.findall(r"<dialog.*?</dialog>", path.read_text(), re.DOTALL):
            if 'data-kind="danger"' in dialog:
                held[path.relative_to(TOP / "templates").as_posix()] = "autofocus" in dialog
    assert [name for name, is_safe in held.items() if not is_safe] == [
        "bookings/_cancellation.html"
    ]
    assert len(held) > 6


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


def test_modules_that_call_the_catalogue_import_it():
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
        ('say(f"Status: {word}")', 1),
        ('log.info("nothing to do here")', 0),
        ('"""A docstring of three words."""', 0),
        ('if text == "not one of these": pass', 0),
    ],
)
def test_the_search_finds_what_it_should(tmp_path, monkeypatch, source, found):
    monkeypatch.setattr("tests.sentences.TOP", tmp_path)
    (tmp_path / "module.py").write_text(source)
    assert len(outside(tmp_path / "module.py")) == found


def glued(source: str) -> list[int]:
    """Lines of a template where a word is chosen for one or for several, instead of a sentence."""
    env = Environment(extensions=[Wrapped])

    def speaks(branch: jinja.Node | None) -> bool:
        texts = [branch, *branch.find_all(jinja.Const)] if branch else []
        return any(isinstance(getattr(text, "value", None), str) for text in texts)

    return [
        choice.lineno
        for choice in env.parse(source).find_all(jinja.CondExpr)
        if isinstance(choice.test, jinja.Compare)
        and [(one.op in ("eq", "ne"), getattr(one.expr, "value", 0)) for one in choice.test.ops]
        == [(True, 1)]
        and speaks(choice.expr1)
        and (not choice.expr2 or speaks(choice.expr2))
    ]


def test_templates_count_in_whole_phrases():
    """By `ngettext`, so that each of its two phrases can be read and translated."""
    found = {path: glued(path.read_text()) for path in FILES if path.suffix in (".html", ".txt")}
    assert {str(path): lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ n }} booking{{ 's' if n != 1 }}", 1),
        ("{{ n }} booking{{ '' if rows|length == 1 else 's' }}", 1),
        ("{{ 'one thing' if n == 1 else n ~ ' things' }}", 1),
        ("{{ ngettext('{count} booking', '{count} bookings', n) }}", 0),
        ("{{ rows[0].name if rows|length == 1 else 'all' }}", 0),
    ],
)
def test_the_search_finds_plurals_in_halves(source, found):
    assert len(glued(source)) == found


WRITTEN = [  # what people read outside of the program
    *(path for path in FILES if path.suffix in (".html", ".txt")),
    *sorted((TOP / "translations").glob("*.pot")),
    *(TOP / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")),
    *sorted((TOP / "docs").rglob("*.md")),
]
PROGRAMS = [path for path in sources() if path.relative_to(TOP).parts[0] != "bench"]


# what the glossary calls otherwise: a part of a name → where it may stand all the same
GIVEN_UP = {
    "look": ("sync",),  # `Provider.look`, and who asks it
    **dict.fromkeys(("nudge", "nudged", "foreign", "mirrored", "believe", "believed"), ()),
    **dict.fromkeys(("errand", "promise", "promised"), ()),
    **dict.fromkeys(("depart", "connecting"), ()),  # a departure is the end of an account
    "strange": (),  # a booking is unknown
    "wordy": (),  # an event has excess text
    "standing": ("sync", "views"),  # of an account
    # a feed, a one-time token; a visitor's page has booking links, a page of Microsoft a next one
    **dict.fromkeys(
        ("link", "links"),
        (
            "views/visitor",
            "views/clinic/team.py",
            "operate/commands/clinic.py",
            "sync/providers/microsoft",
        ),
    ),
    # the time of a visitor, and why the team may take it
    **dict.fromkeys(
        ("held", "hold", "holds"),
        ("free_times", "views/visitor", "views/kit/held_times.py", "views/calendar"),
    ),
    **dict.fromkeys(("say", "said", "tell", "tells"), ()),  # written, reported, queued, typed …
    "take": ("views/visitor/earlier.py",),  # the address of a visitor's button
    # time that a booking, an external event or time off takes; not names, letters, leases or files
    "taken": (
        *("base/bookings", "base/scheduling.py", "base/slots.py", "base/tables/outside.py"),
        *("models.py", "free_times", "people/leftover.py", "views/calendar", "views/visitor"),
        *("operate/intake/fitting.py", "operate/sample.py"),
    ),
}


def _named(path: Path) -> Iterator[str]:
    """What a file gives a name to: itself, functions, classes, columns, variables."""
    yield path.stem
    for node in nodes(path):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def test_names_are_those_of_the_glossary():
    named = [
        (path.relative_to(TOP).as_posix(), name, word.lower())
        for path in sources()
        for name in set(_named(path))
        for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    ]
    assert len(named) > 15_000
    assert [
        (path, name)
        for path, name, word in named
        if word in GIVEN_UP and not path.startswith((*GIVEN_UP[word], "tests", "bench", "sandbox"))
    ] == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_address_in_a_template_or_a_program_is_one_of_ours(app):
    rooms = ("views/", "letters/")
    speaking = [path for path in sources() if path.relative_to(TOP).as_posix().startswith(rooms)]
    named = {
        (path.name, name)
        for path in (*PAGES, *speaking)
        for name in re.findall(
            r"\b(?:url_for|address)\(\s*[\"']([a-z_]+\.[a-z_]+)[\"']", path.read_text()
        )
    }
    assert len(named) > 300
    assert [one for one in sorted(named) if one[1] not in app.view_functions] == []
    assert form_tokens.EXEMPT - {*app.blueprints} == set()


# A function of a module is called by its module's name or by its own: both must say what it does.
SAYS_NOTHING = {
    *("ask", "find", "check", "of", "read", "take", "note", "begin"),
    *("tell", "told", "say", "said", "one", "rows"),
    *("follow", "give", "leave", "offer", "offered"),
}
PARTS_OF_A_PROVIDER = {"adapter", "channels", "contents", "errors", "fetching", "registration"} | {
    *("scopes", "shapes", "signing_in", "writing"),
}


def answers_a_request(node: ast.FunctionDef) -> bool:
    """Whether Flask calls it for an address or a command: its name is that of the address."""
    return any(
        getattr(one, "attr", "") in {"get", "post", "route", "command"}
        for decorator in node.decorator_list
        for one in ast.walk(decorator)
    )


def test_a_function_is_named_after_what_it_asks_finds_or_checks():
    found = [
        f"{path.relative_to(TOP)}: {node.name}"
        for path in PROGRAMS
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        and node.name in SAYS_NOTHING
        and not answers_a_request(node)
    ]
    assert found == []


def test_a_variable_says_more_than_that_something_was_said():
    """It is a sentence, a name, an answer, what a provider reported; a key or a column may stay."""
    found = [
        f"{path.relative_to(TOP)}: {name}"
        for path in PROGRAMS
        for node in nodes(path)
        for name in [
            node.arg
            if isinstance(node, ast.arg)
            else node.id
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            else ""
        ]
        if name in {"said", "told"} and not is_column(path, node)
    ]
    assert found == []


def is_column(path: Path, node: ast.AST) -> bool:
    """Whether a name stands for a field of a class: it is stored, or given by that name."""
    lines = [line for kind in nodes(path) if isinstance(kind, ast.ClassDef) for line in kind.body]
    return any(
        node in (getattr(line, "target", None), *getattr(line, "targets", ())) for line in lines
    )


def test_a_file_name_stands_for_one_thing():
    """It may come again as a part that each provider has, and once in views: the page about it."""
    places: dict[str, list[str]] = {}
    for path in PROGRAMS:
        if path.stem != "__init__":
            places.setdefault(path.stem, []).append(path.relative_to(TOP).parts[0])
    twice_named = {
        name: rooms
        for name, rooms in places.items()
        if name not in PARTS_OF_A_PROVIDER
        and (rooms.count("views") > 1 or len(rooms) - rooms.count("views") > 1)
    }
    assert len(places) > 250 and twice_named == {}


def kinds(path: Path) -> Iterator[str]:
    """The classes that a module makes, also inside of others, and its names for types."""
    for node in nodes(path):
        if isinstance(node, ast.ClassDef) and node.name != "Meta":  # Peewee's and WTForms' own
            yield node.name
    for node in ast.parse(path.read_text()).body:
        if (
            isinstance(node, ast.Assign)
            and not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "TypeVar")
            and re.fullmatch(r"[A-Z][a-z]\w*", name := ast.unparse(node.targets[0]))
        ):
            yield name


def twice(paths: list[Path]) -> dict[str, list[str]]:
    """Names of classes and types that stand for two things, and where."""
    places: dict[str, list[str]] = {}
    for path in paths:
        for name in kinds(path):
            places.setdefault(name, []).append(path.name)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_a_class_has_one_meaning_in_the_whole_house():
    assert sum(len(list(kinds(path))) for path in PROGRAMS) > 500
    assert twice(PROGRAMS) == {}


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("class Step: pass", "class Step: pass", ["Step"]),
        ("class Step: pass", "class Whole:\n    class Step: pass", ["Step"]),
        ("class Step: pass", "Step = dict[str, int]", ["Step"]),
        ("class Step: pass", "class PlanStep: pass", []),
        ("Row = TypeVar('Row')", "Row = TypeVar('Row')", []),
    ],
)
def test_the_search_finds_a_name_with_two_meanings(tmp_path, one, other, found):
    (tmp_path / "one.py").write_text(one)
    (tmp_path / "other.py").write_text(other)
    assert list(twice([tmp_path / "one.py", tmp_path / "other.py"])) == found


# a docstring that begins so leans on the one above, or leaves out its subject
LEANING = re.compile(
    r"(As|Each with|Of|Such|The others|The same|Those|What|Where|Who|Whose)\b|.*[.:;]\s+Of\b", re.S
)


# a docstring that begins so names no subject: it would be that of the class, or of the line above
NAMELESS = re.compile(r"(Whether it|Its|It)\b")


def leaning(parts: list[ast.AST], pattern: re.Pattern[str] = LEANING) -> list[int]:
    """Lines of what has such a docstring."""
    return [
        getattr(node, "lineno", 1)
        for node in parts
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        and pattern.match(ast.get_docstring(node) or "")
    ]


# words that need a second reading, and what is written in their place
HARD = {
    r"\banew\b": "again",
    r"\ball the same\b": "anyway",
    r"\bof which\b": "a second sentence",
    r"\bwhoever\b": "a person who …, or the role",
    r"\bweightiest\b": "most important",
    r"\bin step\b": "up to date",
    r"\bis braked\b": "is limited",
    r"\bcalled off\b": "cancelled",
    r"\bstands? (there|outside|differently|aside|on top)\b": "is, exists, differs",
    r"\b(how|where|as) (it|they|things?) stands?\b": "its state, its place",
    r"\bturned away\b|\blet go of\b": "refused, removed",
    r"\bwhat helps\b": "what to do",
    r"\bto come to lie\b|\blies? over\b": "overlaps",
    r"^- Who\b": "A person who …",
    r"\btold again\b": "repeated, named again",
    r"\bNor (is|are|was|do|does|did|has|have|if|may|can)\b": "a sentence with not",
    r"\bbut for (those|that|the one|one|ones)\b": "except",
    r"\bafter all\b(?! )": "anyway, or nothing",
    r"\b(hence|thence|thereof|therein|whereby|lest|hitherto|beforehand)\b": "a plain word",
}


def prose(path: Path) -> list[tuple[int, str]]:
    """The docstrings and comments of a file, each with its line."""
    texts = [
        (getattr(node, "lineno", 1), ast.get_docstring(node) or "")
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
    ]
    with tokenize.open(path) as lines:
        texts += [
            (token.start[0], token.string)
            for token in tokenize.generate_tokens(lines.readline)
            if token.type == tokenize.COMMENT
        ]
    return texts


def hard(path: Path) -> list[str]:
    """Such words in the docstrings and comments of a file, each with its line."""
    return hits(prose(path))


def hits(texts: list[tuple[int, str]]) -> list[str]:
    """Words that are not plain in some texts, each with the line at which its text begins."""
    return [
        f"{line}: {hit.group()} (write: {better})"
        for line, text in texts
        for pattern, better in HARD.items()
        for hit in re.finditer(pattern, " ".join(text.split()), re.IGNORECASE)
    ]


def hard_in_text(path: Path) -> list[str]:
    """Such words in a page, a guide or the catalogue, also broken over two lines."""
    lines = path.read_text().splitlines()
    if path.suffix == ".pot":
        lines = [line.strip('"') for line in lines]
    return hits([(n, line) for n, line in enumerate(lines, 1)]) or hits([(1, " ".join(lines))])


def test_only_a_time_is_held():
    """Elsewhere a file or a column contains something (glossary: hold)."""
    rooms = (*GIVEN_UP["hold"], "tests", "bench", "sandbox", "migrations")
    names = {path: path.relative_to(TOP).as_posix() for path in PROGRAMS}
    others = [path for path, name in names.items() if not name.startswith(rooms)]
    assert len(others) > 200
    assert [
        (names[path], line)
        for path in others
        for line, text in prose(path)
        if re.search(r"\bholds?\b(?!`)", text, re.IGNORECASE)
    ] == []


def test_no_test_takes_whichever_row_comes_first():
    """PostgreSQL gives rows in any order, once some were changed."""
    unordered = re.compile(r"\.select\(\)\.first\(\)")
    found = {
        path.name for path in (TOP / "tests").rglob("*.py") if unordered.search(path.read_text())
    }
    assert found == set()


def test_docstrings_and_comments_use_plain_words():
    found = {path.relative_to(TOP).as_posix(): hard(path) for path in PROGRAMS}
    assert {path: words for path, words in found.items() if words} == {}


def test_pages_guides_and_sentences_use_plain_words():
    assert len(WRITTEN) > 300
    found = {path.relative_to(TOP).as_posix(): hard_in_text(path) for path in WRITTEN}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("page.html", "<p>Ask whoever runs\nthis server.</p>", 1),
        ("guide.md", "It can be booked all\nthe same.", 1),
        ("messages.pot", 'msgid ""\n"Say what "\n"helps."', 1),
        ("guide.md", "Ask the person who runs this server.", 0),
    ],
)
def test_the_search_finds_such_words_in_texts(tmp_path, name, text, found):
    (tmp_path / name).write_text(text)
    assert len(hard_in_text(tmp_path / name)) == found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""Read everything anew."""', 1),
        ("x = 1  # Whoever\nx = 2  # reads it", 1),
        ('"""Read all calendars again."""\nanew = "all the same"', 0),
    ],
)
def test_the_search_finds_words_that_are_not_plain(tmp_path, source, found):
    (tmp_path / "module.py").write_text(source)
    assert len(hard(tmp_path / "module.py")) == found


def test_a_docstring_can_be_read_without_the_one_above():
    found = {str(path.relative_to(TOP)): leaning(nodes(path)) for path in sources()}
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_a_docstring_of_a_program_names_its_subject():
    programs = [path for path in sources() if path.relative_to(TOP).parts[0] != "tests"]
    found = {str(path.relative_to(TOP)): leaning(nodes(path), NAMELESS) for path in programs}
    assert len(found) > 300
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Whether it has ended.", [1]),
        ("Its own id.", [1]),
        ("Whether items are left.", []),
    ],
)
def test_the_search_finds_docstrings_without_a_subject(said, found):
    module = ast.parse(f'def name():\n    """{said}"""')
    assert leaning(list(ast.walk(module)), NAMELESS) == found


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("The same for a colleague.", [1]),
        ("Of some calendars.", [1]),
        ("Those that overlap.", [1]),
        ("As text.", [1]),
        ("Whose bookings it shows.", [1]),
        ("What the page needs.", [1]),
        ("The others.", [1]),
        ("A list. Of a series it holds one.", [1]),
        ("The bookings that overlap.", []),
        ("Offer a time.", []),
    ],
)
def test_the_search_finds_docstrings_that_lean(said, found):
    module = ast.parse(f'def name():\n    """{said}"""')
    assert leaning(list(ast.walk(module))) == found


def test_no_module_is_longer_than_400_lines_but_the_tables():
    long = {str(path.relative_to(TOP)): path.read_text().count("\n") for path in sources()}
    assert {
        name: n for name, n in long.items() if n > (1_000 if name == "models.py" else 400)
    } == {}


def test_no_function_is_longer_than_50_lines():
    long = {}
    for path in sources():
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 50:
                long[f"{path.relative_to(TOP)}: {node.name}"] = node.end_lineno - node.lineno + 1
    assert long == {}


def test_no_handler_is_longer_than_24_lines():
    """Load, check, one call, answer: whatever else there is to decide has a name of its own."""
    verbs = {"get", "post", "route"}
    long = {
        f"{path.relative_to(TOP)}: {node.name}": node.end_lineno - node.lineno + 1
        for path in PROGRAMS
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno - node.lineno >= 24
        and any(
            getattr(one, "attr", "") in verbs
            for deco in node.decorator_list
            for one in ast.walk(deco)
        )
    }
    assert long == {}


def test_no_template_is_longer_than_120_lines():
    long = {path: path.read_text().count("\n") for path in (TOP / "templates").rglob("*.html")}
    assert {str(path): n for path, n in long.items() if n > 120} == {}


# a tag that begins or ends apart from its word, or whose condition goes on in the next line
MAY_GO_ON = {"set", "from", "import", "call"}


def broken_tags(source: str) -> list[int]:
    """Lines of a template where a tag begins that is broken over lines."""
    found = []
    for tag in re.finditer(r"\{%[-+]?(.*?)[-+]?%\}", source, re.DOTALL):
        words = tag.group(1).split()
        is_apart = tag.group(1).startswith("\n") or tag.group(1).rstrip(" ").endswith("\n")
        if "\n" in tag.group(1) and (is_apart or not words or words[0] not in MAY_GO_ON):
            found.append(source.count("\n", 0, tag.start()) + 1)
    return found


def test_a_tag_of_a_template_stands_in_one_line():
    found = {path.relative_to(TOP).as_posix(): broken_tags(path.read_text()) for path in PAGES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("<p>{% if a %}one{%\n  endif %}</p>", [1]),
        ("<p>{% if a\n  %}one{% endif %}</p>", [1]),
        ("<p>\n{% if a\n  and b %}one{% endif %}</p>", [2]),
        ('{% set words = {"a": 1,\n  "b": 2} %}', []),
        ("<p>{% if a %}one\n  {% endif %}</p>", []),
    ],
)
def test_the_search_finds_broken_tags(source, found):
    assert broken_tags(source) == found


BOUND = re.compile(r"(?:\|length|\bmany|\bcount)\s*[<>]=?\s*\d{2,}|\[:\d{2,}\]|\bfamily\s*[!=]=")


def test_a_template_holds_no_bound_and_knows_no_app_by_its_name():
    """How many are shown, and which program does what, is decided once, under a name."""
    found = {
        path.relative_to(TOP).as_posix(): BOUND.findall(path.read_text())
        for path in PAGES
        if BOUND.search(path.read_text())
    }
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "{% if visits|length <= 12 %}",
        "{% for one in rows[:10] %}",
        "{% if many > 10 %}",
        '{% if reader.family == "Google Calendar" %}',
    ],
)
def test_every_bound_in_a_template_is_seen(source):
    assert BOUND.search(source)


def rules_in(source: str) -> list[int]:
    """Lines of a template where a condition is a rule: it compares with a word and asks for
    something else as well, or with a number above 1, or it asks for three things.
    """
    tree, found = Environment(extensions=[Wrapped]).parse(source), []
    for both in tree.find_all((jinja.And, jinja.Or)):
        for side in (both.left, both.right):
            given = [one.expr for one in side.ops] if isinstance(side, jinja.Compare) else []
            lists = [many for many in given if isinstance(many, jinja.Tuple | jinja.List)]
            named = [*given, *(one for many in lists for one in many.items)]
            if any(isinstance(getattr(one, "value", None), str) for one in named):
                found.append(side.lineno)
        if isinstance(both.left, jinja.And | jinja.Or) and isinstance(both, jinja.And):
            found.append(both.lineno)
    for compared in tree.find_all(jinja.Compare):
        numbers = [getattr(one.expr, "value", 0) for one in compared.ops]
        if any(isinstance(number, int) and number > 1 for number in numbers):
            found.append(compared.lineno)
    return found


def test_a_template_decides_nothing():
    """It may choose words by one state. A rule has a name, in the room where such rules live."""
    found = {path.relative_to(TOP).as_posix(): rules_in(path.read_text()) for path in PAGES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('{% if row.kind == "own" and row.may_change %}', [1]),
        ('{% if is_open or row.kind != "own" %}', [1]),
        ('{% if a and (b or row.kind == "own") %}', [1]),
        ('<p>{{ "x" if one and row.kind == "own" }}</p>', [1]),
        ('{% if row.kind in ("own", "read") or row.is_late %}', [1]),
        ("{% if rows|length > 5 %}", [1]),
        ("{% if one and other and third %}", [1]),
        ('{% if row.kind == "own" %}', []),
        ("{% if rows|length > 1 and row.is_open %}", []),
        ("{% if row.is_mine and row.is_open %}", []),
    ],
)
def test_every_rule_in_a_template_is_seen(source, found):
    assert rules_in(f"{source}{{% endif %}}" if source.startswith("{% if") else source) == found


def row_choices(source: str) -> list[int]:
    """Lines of a template that choose rows by an attribute, or carry a value out of a loop."""
    tree = Environment(extensions=[Wrapped]).parse(source)
    filters = [
        one for one in tree.find_all(jinja.Filter) if one.name in ("selectattr", "rejectattr")
    ]
    names = [one for one in tree.find_all(jinja.Name) if one.name == "namespace"]
    return [one.lineno for one in [*filters, *names]]


def test_a_template_chooses_no_rows():
    """It is given the rows to show, and words what it is given."""
    found = {path.relative_to(TOP).as_posix(): row_choices(path.read_text()) for path in PAGES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('{% for row in rows|selectattr("is_open") %}{% endfor %}', [1]),
        ('{% set rest = rows|rejectattr("is_open")|list %}', [1]),
        ("{% set seen = namespace(last=none) %}", [1]),
        ('{{ rows|map(attribute="name")|join(", ") }}', []),
    ],
)
def test_every_choice_of_rows_in_a_template_is_seen(source, found):
    assert row_choices(source) == found


def test_a_template_asks_few_questions():
    """More stand for several things that a reader looks for: each has a file of its own."""
    asked = {
        path.relative_to(TOP).as_posix(): len(
            re.findall(r"\{%[-+]?\s*(?:el)?if\b", path.read_text())
        )
        for path in PAGES
    }
    assert {path: count for path, count in asked.items() if count > 15} == {}


def written_twice(paths: list[Path]) -> dict[str, list[str]]:
    """Lists and functions of modules that stand in two places, word for word but for their names
    and docstrings: the name in each place.
    """
    places: dict[str, list[str]] = {}
    for path in paths:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                parts, least = node.body[ast.get_docstring(node) is not None :], 260
                said = [ast.unparse(node.args), *map(ast.dump, parts)]
            elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(
                node.value, ast.Dict | ast.Tuple | ast.List | ast.Set
            ):
                least, said = 120, [ast.dump(node.value)]
            else:
                continue
            if len(text := " ".join(said)) > least:
                name = getattr(node, "name", "") or ast.unparse(node).partition(" =")[0]
                places.setdefault(text, []).append(f"{path.name}: {name}")
    return {found[0]: found for found in places.values() if len(found) > 1}


def test_nothing_is_written_twice():
    assert written_twice([path for path in PROGRAMS if "sandbox" not in path.parts]) == {}


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (
            "def a(x):\n    return [y.name for y in x if y.name and y.is_open and y.kind == 'own']",
            'def b(x):\n    """Said."""\n'
            "    return [y.name for y in x if y.name and y.is_open and y.kind == 'own']",
            2,
        ),
        (
            "NAMES = {'one': 'first', 'two': 'second', 'three': 'third'}",
            "WORDS = {'one': 'first', 'two': 'second', 'three': 'third'}",
            2,
        ),
        ("def a(x):\n    return x + 1", "def b(x):\n    return x + 1", 0),
    ],
)
def test_the_search_finds_what_is_written_twice(tmp_path, one, other, found):
    (tmp_path / "one.py").write_text(one)
    (tmp_path / "other.py").write_text(other)
    twins = written_twice([tmp_path / "one.py", tmp_path / "other.py"])
    assert sum(map(len, twins.values())) == found


DECIDED_TWICE = {  # conditions that stand in two places all the same, each with the reason
    "starts_at < span.ends_at and span.starts_at < ends_at": "of values here, of a query there",
}


def decided_twice(paths: list[Path]) -> set[str]:
    """Conditions of some length that stand word for word in two modules."""
    places: dict[str, set[str]] = {}
    for path in paths:
        for node in nodes(path):
            if isinstance(node, ast.BoolOp | ast.Compare) and len(said := ast.unparse(node)) > 50:
                places.setdefault(said, set()).add(str(path))
    return {said for said, found in places.items() if len(found) > 1}


def test_a_condition_stands_in_one_module():
    """Elsewhere its name is asked."""
    found = decided_twice([path for path in PROGRAMS if "sandbox" not in path.parts])
    assert found == set(DECIDED_TWICE)


def test_the_search_finds_a_condition_that_stands_twice(tmp_path):
    said = "is_mine = row.kind == 'own' and row.may_change and (not row.is_closed)"
    for name in ("one.py", "other.py"):
        (tmp_path / name).write_text(said)
    assert len(decided_twice([tmp_path / "one.py", tmp_path / "other.py"])) == 1
    (tmp_path / "third.py").write_text("is_mine = row.is_mine")
    assert decided_twice([tmp_path / "one.py", tmp_path / "third.py"]) == set()
