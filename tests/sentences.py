"""Finds sentences in Python that do not go through the catalogue.

A text reads as a sentence, or as part of one, when it has three words or more, or two and the end
of a sentence, or one with a capital before a value.
"""

import ast
import re
from functools import cache
from pathlib import Path

from tests.test_layers import TOP, sources

CALLS = {"_": 1, "lazy": 1, "ngettext": 2}  # how many arguments are the sentence
SPEAKING = [path for path in sources() if "from base.catalogue import" in path.read_text()]
STATEMENT = re.compile(
    r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|DO|COMMENT|PRAGMA|FOR|default-src|\w+ IN)\b"
)
WORD = re.compile(r"[(“\"'‘]*[A-Za-z][A-Za-z’'\-]*[)”\"',.:;?!…]*$")
LABEL = re.compile(r"(?!Kalends|Bearer)[A-Z][a-z’\-]+:? \{\}")  # “Status: {}”, “With {}”
# What is not said to people, by the file or the call that it stands in.
FILES = {
    "base/catalogue.py": "the catalogue itself",
    "base/copies.py": "scripts that Redis runs",
    "base/database_faults.py": "what databases say, to know their errors by",
    "base/sql/bounded_postgresql.py": "what the database server reads",
    "free_times/overlaps.py": "a statement of SQL",
    "operate/intake/languages.py": "words that people and programs write into their files",
    "operate/intake/moments.py": "names of months that other programs write into their files",
    "operate/intake/cell_values.py": "words that other programs write into their files",
    "operate/sample.py": "what clients and clinics of the sample are called and have noted",
    "operate/sample_names.py": "what clients and clinics of the sample are called and have noted",
    "sync/feeds/readers.py": "names of programs, stored",
    "sync/feeds/wsgi.py": "the protocol's",
    "views/kit/devices.py": "names of systems and browsers, stored",
    "sync/providers/microsoft/shapes.py": "names and filters of the provider's interface",
}
NOT_SAID = {
    r"log\.\w+|.*lines('\])?\.write": "log lines: the same words in every language",
    r"Check|SQL|execute(_sql)?|.*\.execute(_sql)?|.*\.for_update": "for the database",
    r"re\.\w+|.*\.startswith|.*\.endswith|.*\.split": "looked for, not said",
    r"(Value|Type|Runtime|Assertion|Lookup)Error": "for developers",
    r"vault\.derived": "what a key is derived for",
    r"(sqlite3|psycopg)\.\w+|OperationalError|WrongKey": "known to database_faults by its words",
    r"BehindProgram": "likewise",
    r"(AuthExpired|Gone|SyncTokenExpired|Unanswered|Unavailable|NoValue|late)": "for developers",
    r"_week|threading\.Thread|uuid\.uuid5|.*\.setdefault": "names and identifiers",
    r"blueprint\.\w+|start_response": "addresses and answers of the protocol",
}
FEW = {  # one by one
    "base/feed_presets.py": {"status rate notes"},  # names of fields
    "base/tables/bulk.py": {"{} SELECT {} FROM {}"},
    "operate/intake/booking_lines.py": {
        "Bring the referral letter",
        "Two whole days at a daily rate",
    },
    "operate/intake/client_lines.py": {"One name is enough"},  # lines of the template
    "operate/intake/line_status.py": {"to be invoiced", "out of office"},  # what files say
    "operate/keeper.py": {"signs of life"},  # the name of a thread
    "views/doors/probes.py": {"User-agent: *\nDisallow:\n", "database is {}"},  # for machines
    "sync/two_way/run.py": {"not set up"},  # a word of the state, stored
    "views/sync/words/outside_words.py": {"not set up"},
}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.JoinedStr):
        return "".join(
            part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def reads_as_a_sentence(text: str) -> bool:
    parts = text.split()
    words = [part for part in parts if WORD.match(part)]
    if STATEMENT.match(text) or "\r\n" in text or " | " in text:
        return False
    return (
        LABEL.fullmatch(text) is not None
        or (len(parts) >= 3 and len(words) >= 2)
        or (len(parts) >= 2 and len(words) >= 1 and text.strip()[-1] in ".?!")
    )


def outside(path: Path) -> list[str]:
    """Sentences of a module that reach no call of the catalogue, with their lines."""
    name = path.relative_to(TOP).as_posix()
    if name in FILES:
        return []
    tree = parsed(path)
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}

    def is_free(node: ast.AST) -> bool:
        parent = above[node]
        if isinstance(parent, ast.Expr | ast.Compare | ast.arg | ast.JoinedStr | ast.match_case):
            return True  # a docstring, looked for, a type, or part of what is looked at whole
        if isinstance(parent, ast.FunctionDef) and node is parent.returns:
            return True
        if isinstance(parent, ast.Assign) and ast.unparse(parent.targets[0]) == "_PURPOSE":
            return True  # what a key is derived for
        while not isinstance(parent, ast.stmt):
            if isinstance(parent, ast.Call) and node is not parent.func:
                called = ast.unparse(parent.func)
                if called in CALLS:
                    return node in parent.args[: CALLS[called]]
                if called == "ValueError" and name.startswith("views/"):
                    return False  # of a form: what the person reads
                if called == "FileColumn" and node in parent.args[1:2]:
                    return True  # what files call a column
                if any(re.fullmatch(pattern, called) for pattern in NOT_SAID):
                    return True
            node, parent = parent, above[parent]
        return False

    return [
        f"{name}:{node.lineno}: {text}"
        for node in ast.walk(tree)
        if (text := text_of(node))
        and reads_as_a_sentence(text)
        and text not in FEW.get(name, ())
        and not is_free(node)
    ]
