"""Microsoft's own description: paths, parameters and bodies of each operation, read from the schema
file.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from .errors import Refused, invalid

FILE = (
    Path(__file__).parent.parent / "schemas" / "microsoft-graph.calendar-subset.v1.0.openapi.json"
)
BASE = "/v1.0"
REFERENCE = "#/components/schemas/"
PARAMETER = re.compile(r"\\\{(\w+)\\\}")


class Operation(NamedTuple):
    """One operation.

    `patterns` match an encoded and a decoded path; `success` is its status, `body` and `answer` are
    names of schemas.
    """

    name: str
    method: str
    template: str
    patterns: tuple[re.Pattern, re.Pattern]
    parameters: dict
    success: int
    body: str | None
    answer: str | None


def _pattern(template: str, value: str) -> re.Pattern:
    """The pattern of a path. `/me` may also be written `/users/{id}`, and functions without their
    brackets.
    """
    text = PARAMETER.sub(rf"(?P<\1>{value})", re.escape(template.replace("-", "_")))
    text = text.replace("'(?P", "(?:microsoft.graph.timeZoneStandard)?'(?P").replace(
        r"\(\)", r"(?:\(\))?"
    )
    return re.compile(BASE + re.sub(r"^/me(?=/|$)", r"/(?:me|users/(?P<user>[^/]+))", text))


def _schema_name(content: dict) -> str | None:
    reference = (
        content.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    )
    return reference.removeprefix(REFERENCE) or None


def _operations(document: dict):
    for template, methods in document["paths"].items():
        patterns = _pattern(template, "[^/]+"), _pattern(template, ".+")
        for method, item in methods.items():
            if method != "parameters":
                named = [
                    document["components"]["parameters"][one["$ref"].rpartition("/")[2]]
                    for one in item.get("parameters", [])
                    if "$ref" in one
                ]
                status, success = next(
                    pair for pair in item["responses"].items() if pair[0].startswith("2")
                )
                yield Operation(
                    item["operationId"],
                    method.upper(),
                    template,
                    patterns,
                    {one["name"]: one["schema"] for one in named if one["in"] == "query"},
                    int(status),
                    _schema_name(item.get("requestBody", {})),
                    _schema_name(success),
                )


_document = json.loads(FILE.read_text(encoding="utf-8"))
OPERATIONS = sorted(_operations(_document), key=lambda operation: -len(operation.template))
SELECTABLE = frozenset(
    name
    for kind in ("strict.event", "strict.calendar", "strict.subscription", "me.subset")
    for name in _document["components"]["schemas"][kind]["properties"]
)


def find(method: str, path: str, encoded: bool = True) -> tuple[Operation, dict[str, str]]:
    """The operation of a path and the values in it.

    A path already decoded may hold ids with `/`. Raises Refused (400).
    """
    for operation in OPERATIONS:
        matched = operation.patterns[0 if encoded else 1].fullmatch(path)
        if matched and operation.method == method:
            return operation, {
                name: unquote(value) if encoded else value
                for name, value in matched.groupdict().items()
                if value
            }
    raise Refused(400, "BadRequest", f"Resource not found for the segment in {method} {path}.")


def query(operation: Operation, items: list[tuple[str, str]], strict: bool) -> dict:
    """The query's values in their types. Unknown names pass as text, unless `strict`."""
    values = {}
    for name, text in items:
        schema = operation.parameters.get(name)
        if schema is None and strict:
            raise invalid(f"Unknown parameter {name!r}.", "BadRequest")
        values[name] = _value(name, text, schema) if schema else text
    return values


def _value(name: str, text: str, schema: dict):
    if schema["type"] == "integer":
        low, high = schema.get("minimum", 0), schema.get("maximum", 2**31)
        if not text.isdigit() or not low <= int(text) <= high:
            raise invalid(
                f"Invalid value {text!r} of {name}: a whole number from {low} to {high}.",
                "BadRequest",
            )
        return int(text)
    return text == "true" if schema["type"] == "boolean" else text


def preferences(header: str) -> dict[str, str]:
    """The `Prefer` values of a request by their names in small letters."""
    found = re.findall(r'\s*([\w.-]+)\s*=\s*(?:"([^"]*)"|([^,\s]*))', header)
    return {name.lower(): quoted or bare for name, quoted, bare in found}
