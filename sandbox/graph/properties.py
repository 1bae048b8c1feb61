"""Single-value extended properties: stored with the event under their ids, shown only when
expanded, found by their values.
"""

import re

from .errors import invalid

ID = re.compile(
    r"(String|Integer|Boolean|SystemTime|CLSID) \{[0-9A-Fa-f-]{36}\} (Name [^{}]+|Id"
    r" 0x[0-9A-Fa-f]+)|(String|Integer) 0x[0-9A-Fa-f]+"
)
NAVIGATION = "singleValueExtendedProperties"
EXPANSION = re.compile(rf"{NAVIGATION}(?:\(\$filter=(.+)\))?")
CHOICE = re.compile(r"id eq '((?:[^']|'')*)'")


def read(body: dict) -> dict[str, str]:
    """The properties in a body: value by id. Raises Refused (400)."""
    found = {}
    for one in body.get(NAVIGATION) or []:
        name, value = one.get("id"), one.get("value")
        if not isinstance(name, str) or not ID.fullmatch(name) or not isinstance(value, str):
            raise invalid(
                f"The extended property {name!r} is not allowed.", "ErrorInvalidExtendedProperty"
            )
        found[normal(name)] = value
    return found


def normal(name: str) -> str:
    """The id in the form that is compared: by its name, with the GUID in small letters."""
    return re.sub(r"\{[^}]*\}", lambda found: found[0].lower(), name)


def expand(call, item: dict, shown: dict) -> dict:
    """The answer with what `$expand` asks for. Raises Refused (400) for any other expansion."""
    text = call.query.get("$expand")
    if not text:
        return shown
    matched = EXPANSION.fullmatch(text.strip())
    if not matched:
        raise invalid(f"Cannot expand {text!r} here.", "ErrorInvalidUrlQuery")
    wanted = (
        [_unquoted(part, text) for part in re.split(r"\s+or\s+", matched[1].strip())]
        if matched[1]
        else list(item["_properties"])
    )
    found = [
        {"id": name, "value": item["_properties"][normal(name)]}
        for name in wanted
        if normal(name) in item["_properties"]
    ]
    return shown | ({NAVIGATION: found} if found else {})


def _unquoted(part: str, text: str) -> str:
    matched = CHOICE.fullmatch(part.strip())
    if not matched:
        raise invalid(f"Cannot expand {text!r}.", "ErrorInvalidUrlQuery")
    return matched[1].replace("''", "'")
