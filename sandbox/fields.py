"""Partial answers: `fields=items(id,start/dateTime),nextPageToken`."""

import re

from .errors import invalid

TOKEN = re.compile(r"[^,/()]+|[,/()]")
MARKS = ("", ",", "/", "(", ")")


def trim(answer: dict, wanted: str) -> dict:
    """The answer with only the fields wanted.

    Raises Refused (400) for a selection that cannot be read.
    """
    tokens = TOKEN.findall(wanted)[::-1]
    tree = _selection(tokens)
    if tokens:
        raise invalid(f"Invalid field selection {wanted!r}", "fields")
    return _cut(answer, tree)


def _selection(tokens: list[str]) -> dict:
    tree = {}
    while True:
        _path(tokens, tree)
        if tokens[-1:] != [","]:
            return tree
        tokens.pop()


def _path(tokens: list[str], tree: dict) -> None:
    name = tokens.pop() if tokens else ""
    if name in MARKS:
        raise invalid("Invalid field selection", "fields")
    inner = tree.setdefault(name, {})
    if tokens[-1:] == ["/"]:
        tokens.pop()
        _path(tokens, inner)
    elif tokens[-1:] == ["("]:
        tokens.pop()
        inner |= _selection(tokens)
        if not tokens or tokens.pop() != ")":
            raise invalid("Invalid field selection", "fields")


def _cut(value: object, tree: dict) -> object:
    if not tree:
        return value
    if isinstance(value, list):
        return [_cut(one, tree) for one in value]
    if not isinstance(value, dict):
        return value
    if "*" in tree:
        return {name: _cut(one, tree["*"]) for name, one in value.items()}
    return {name: _cut(value[name], inner) for name, inner in tree.items() if name in value}
