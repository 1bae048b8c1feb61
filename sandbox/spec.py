"""Google's own description: paths, parameters, scopes and bodies of each method, read from the
schema file.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from .errors import Refused, invalid

FILE = Path(__file__).parent / "schemas" / "google-calendar.v3.subset.openapi.json"
PREFIX = "https://www.googleapis.com/auth/"
BASE = "/calendar/v3"
REFERENCE = "#/components/schemas/"


class Operation(NamedTuple):
    """One method. `body` and `answer` are names of schemas."""

    name: str
    method: str
    template: str
    pattern: re.Pattern
    parameters: dict
    scopes: frozenset
    body: str | None
    answer: str | None


def _schema_name(content: dict) -> str | None:
    reference = (
        content.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    )
    return reference.removeprefix(REFERENCE) or None


def _operations(document: dict):
    shared = {
        item["name"]: item["schema"] for item in document["components"]["parameters"].values()
    }
    for template, methods in document["paths"].items():
        pattern = re.compile(BASE + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template))
        for method, item in methods.items():
            if method == "parameters":
                continue
            own = {one["name"]: one["schema"] for one in item["parameters"] if one["in"] == "query"}
            yield Operation(
                item["operationId"].removeprefix("calendar."),
                method.upper(),
                template,
                pattern,
                shared | own,
                frozenset(item["x-scopes"]),
                _schema_name(item.get("requestBody", {})),
                _schema_name(item["responses"].get("200", {})),
            )


OPERATIONS = tuple(_operations(json.loads(FILE.read_text(encoding="utf-8"))))


def find(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """The operation of a (decoded) path and the values in it. Raises Refused (404)."""
    for operation in OPERATIONS:
        matched = operation.pattern.fullmatch(path)
        if matched and operation.method == method:
            return operation, matched.groupdict()
    raise Refused(404, "notFound", "Not Found")


def query(operation: Operation, items: list[tuple[str, str]], strict: bool) -> dict:
    """The query's values in their types. Unknown names pass as at Google, unless `strict`."""
    values = {}
    for name, text in items:
        schema = operation.parameters.get(name)
        if schema is None:
            if strict:
                raise invalid(f"Unknown parameter {name!r}.", name)
        elif schema["type"] == "array":
            values.setdefault(name, []).append(_value(name, text, schema["items"]))
        else:
            values[name] = _value(name, text, schema)
    return values


def _value(name: str, text: str, schema: dict):
    if schema["type"] == "boolean":
        if text not in ("true", "false"):
            raise invalid(f"Invalid value {text!r}: true or false.", name)
        return text == "true"
    if schema["type"] == "integer":
        low, high = schema.get("minimum", 0), schema.get("maximum", 2**31)
        if not text.isdigit() or not low <= int(text) <= high:
            raise invalid(f"Invalid value {text!r}: a whole number from {low} to {high}.", name)
        return int(text)
    if text not in schema.get("enum", [text]):
        raise invalid(f"Invalid value {text!r}.", name)
    return text
