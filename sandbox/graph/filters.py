"""`$filter`: the few forms that calendars need, joined by `and`. Anything else is refused, as Graph
refuses filters that it cannot do.
"""

import operator
import re
from collections.abc import Callable

from .errors import invalid
from .properties import normal
from .times import edge

TEXT = r"'((?:[^']|'')*)'"
ANY = re.compile(
    rf"singleValueExtendedProperties/any\((\w+)\s*:\s*\1/id eq {TEXT}(?: and (.+))?\)",
    re.IGNORECASE,
)
VALUE = re.compile(
    rf"\w+/value (eq|ne) {TEXT}|(startswith|contains)\(\w+/value,\s*{TEXT}\)", re.IGNORECASE
)
EQUAL = re.compile(rf"(\w+) (eq|ne) (?:{TEXT}|(true|false))")
TIME = re.compile(rf"(start|end)/dateTime (ge|gt|le|lt) {TEXT}")
PLAIN = (
    "subject",
    "iCalUId",
    "type",
    "showAs",
    "sensitivity",
    "isAllDay",
    "isCancelled",
    "transactionId",
    "name",
)
SPANS = {"start": "_from", "end": "_to"}
COMPARE = {
    "eq": operator.eq,
    "ne": operator.ne,
    "ge": operator.ge,
    "gt": operator.gt,
    "le": operator.le,
    "lt": operator.lt,
    "startswith": str.startswith,
    "contains": operator.contains,
}


def chosen(call, rows: list[dict]) -> list[dict]:
    """The rows that `$filter` leaves. Raises Refused (400)."""
    text = call.query.get("$filter")
    if text is None:
        return rows
    tests = [_test(part.strip()) for part in _parts(text)]
    if "/any(" in text.lower() and "calendar_id" in call.path and not call.app.filter_per_calendar:
        raise invalid(
            "The filter on extended properties looks at the whole mailbox only.",
            "ErrorInvalidUrlQueryFilter",
        )
    return [row for row in rows if all(test(row) for test in tests)]


def _parts(text: str) -> list[str]:
    """Split at each `and` that stands in no brackets and no quotes."""
    parts, depth, quoted = [""], 0, False
    for piece in re.split(r"('|\(|\)|\s+and\s+)", text):
        quoted ^= piece == "'"
        depth += 0 if quoted else (piece == "(") - (piece == ")")
        if piece.strip() == "and" and not depth and not quoted:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _test(text: str) -> Callable[[dict], bool]:
    if matched := ANY.fullmatch(text):
        return _any(normal(_plain(matched[2])), matched[3])
    if (matched := EQUAL.fullmatch(text)) and matched[1] in PLAIN:
        wanted = matched[4] == "true" if matched[4] else _plain(matched[3])
        return lambda row: COMPARE[matched[2]](row.get(matched[1]), wanted)
    if matched := TIME.fullmatch(text):
        at = edge(_plain(matched[3]), matched[1]).timestamp()
        return lambda row: COMPARE[matched[2]](row[SPANS[matched[1]]], at)
    raise invalid(f"The filter {text!r} is not supported.", "ErrorInvalidUrlQueryFilter")


def _any(name: str, condition: str | None) -> Callable[[dict], bool]:
    """Names of properties are case-sensitive, the comparison of values is not."""
    if condition is None:
        return lambda row: name in row["_properties"]
    matched = VALUE.fullmatch(condition.strip())
    if not matched:
        raise invalid(f"The filter {condition!r} is not supported.", "ErrorInvalidUrlQueryFilter")
    compare = COMPARE[(matched[1] or matched[3]).lower()]
    wanted = _plain(matched[2] if matched[1] else matched[4]).casefold()
    return lambda row: (
        name in row["_properties"] and compare(row["_properties"][name].casefold(), wanted)
    )


def _plain(text: str) -> str:
    return text.replace("''", "'")
