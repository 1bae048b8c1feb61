"""Pages of plain lists, and `$select`. Pages of deltas are in `delta.py`."""

from collections.abc import Callable
from urllib.parse import urlencode

from . import spec
from .errors import invalid
from .properties import NAVIGATION

USUAL_SIZE = 10
ALWAYS = ("id", "@odata.etag", NAVIGATION)
ORDERS = {
    "start/dateTime": "_from",
    "end/dateTime": "_to",
    "createdDateTime": "createdDateTime",
    "lastModifiedDateTime": "_revision",
    "subject": "subject",
    "name": "name",
}


def size(call) -> int:
    """How many items a page holds.

    `$top`, or the wish in `Prefer`, or 10, and never more than the switch `page_cap`.
    """
    wish = call.prefer.get("odata.maxpagesize", "")
    wanted = call.query.get("$top") or (int(wish) if wish.isdigit() and int(wish) else USUAL_SIZE)
    return min(wanted, call.app.page_cap or wanted)


def collection(call, rows: list[dict], present: Callable[[dict], dict]) -> dict:
    """One page of the rows, in the order asked for."""
    rows, first, most = _ordered(call, rows), call.query.get("$skip", 0), size(call)
    answer = {
        "@odata.context": f"{call.base_url}{spec.BASE}/$metadata",
        "value": [selected(call, present(row)) for row in rows[first : first + most]],
    }
    if call.query.get("$count"):
        answer["@odata.count"] = len(rows)
    if len(rows) > first + most:
        answer["@odata.nextLink"] = link(call, call.query | {"$skip": first + most})
    return answer


def link(call, query: dict) -> str:
    """A complete address of the same list."""
    return f"{call.base_url}{call.target}?{urlencode(query)}"


def selected(call, answer: dict, names: str | None = None) -> dict:
    """The answer cut to `$select`, or to `names`; ids and etags always come.

    Raises Refused (400) for names that nothing has.
    """
    names = names or call.query.get("$select")
    if names is None:
        return answer
    wanted = [name.strip().partition("/")[0] for name in names.split(",")]
    unknown = [name for name in wanted if name not in spec.SELECTABLE]
    if unknown:
        raise invalid(f"Could not find a property named '{unknown[0]}'.", "BadRequest")
    return {name: value for name, value in answer.items() if name in wanted or name in ALWAYS}


def _ordered(call, rows: list[dict]) -> list[dict]:
    for part in reversed([part for part in call.query.get("$orderby", "").split(",") if part]):
        name, _, direction = part.strip().partition(" ")
        if name not in ORDERS or direction not in ("", "asc", "desc"):
            raise invalid(f"Cannot order by {part!r}.", "ErrorInvalidUrlQuery")
        rows = sorted(
            rows, key=lambda row, field=ORDERS[name]: row[field], reverse=direction == "desc"
        )
    return rows
