"""Pages and sync tokens.

Both are opaque to the caller and contain everything needed, so nothing is stored here between
requests.

A page ends with the key of its last row, so that changes made between pages neither lose nor repeat
a row. These changes come with the next list: the sync token has the revision at which the *first*
page was asked for.
"""

import base64
import hashlib
import json
from collections.abc import Iterable

from .errors import Refused, invalid

NOT_PART_OF_THE_QUERY = (
    "pageToken",
    "fields",
    "prettyPrint",
    "alt",
    "quotaUser",
    "key",
    "maxResults",
)
SAME_IN_INCREMENTS = ("singleEvents", "eventTypes")


def page(call, rows: Iterable[tuple[list, dict]], size: int) -> tuple[dict, int]:
    """`items`, `nextPageToken` if rows are left, and the revision at which the first page was asked
    for.

    Rows are (key, item) in the order of their keys. The switches `page_cap` and `empty_pages` make
    pages shorter than asked for.
    """
    token = {"query": digest(call), "at": call.store.revision, "after": None}
    if "pageToken" in call.query:
        token = _read(call.query["pageToken"], "pageToken")
    if token.get("query") != digest(call):
        raise invalid("The query is not the one that the page token belongs to.", "pageToken")
    following = {"query": digest(call), "at": token["at"]}
    if call.app.empty_pages and not token.get("blank"):
        return {
            "items": [],
            "nextPageToken": _write(following | {"after": token["after"], "blank": True}),
        }, token["at"]
    items, last = [], None
    for key, item in rows:
        if token["after"] is not None and key <= token["after"]:
            continue
        if len(items) == min(size, call.app.page_cap or size):
            return {"items": items, "nextPageToken": _write(following | {"after": last})}, token[
                "at"
            ]
        items.append(item)
        last = key
    return {"items": items}, token["at"]


def after(call) -> list | None:
    """The key of the last row of the page before."""
    return (
        _read(call.query["pageToken"], "pageToken").get("after")
        if "pageToken" in call.query
        else None
    )


def digest(call) -> str:
    query = {name: value for name, value in call.query.items() if name not in NOT_PART_OF_THE_QUERY}
    return hashlib.sha256(json.dumps([call.path, query], sort_keys=True).encode()).hexdigest()[:16]


def sync_token(call, collection: str, revision: int) -> str:
    same = {name: call.query.get(name) for name in SAME_IN_INCREMENTS}
    return _write(
        {
            "of": f"{call.account['email']} {collection}",
            "revision": revision,
            "same": same,
            "made": call.app.clock().timestamp(),
        }
    )


def read_sync_token(call, collection: str, oldest_revision: int) -> int | None:
    """The revision of the caller's sync token; None without one.

    Raises Refused: 410 if the token is invalid by now, 400 if it is not ours.
    """
    if "syncToken" not in call.query:
        return None
    token = _read(call.query["syncToken"], "syncToken")
    if token.get("of") != f"{call.account['email']} {collection}":
        raise invalid("Not a sync token of this collection.", "syncToken")
    if token["same"] != {name: call.query.get(name) for name in SAME_IN_INCREMENTS}:
        raise invalid("The query is not the one that the sync token belongs to.", "syncToken")
    age_seconds = call.app.clock().timestamp() - token["made"]
    if (
        token["revision"] < max(oldest_revision, call.app.oldest_sync)
        or age_seconds > call.app.sync_token_days * 86400
    ):
        raise Refused(
            410,
            "fullSyncRequired",
            "Sync token is no longer valid, a full sync is required.",
            ("parameter", "syncToken"),
        )
    return token["revision"]


def _write(value: dict) -> str:
    return (
        base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode())
        .decode()
        .rstrip("=")
    )


def _read(text: str, parameter: str) -> dict:
    try:
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise invalid("Invalid value.", parameter) from None
    if not isinstance(value, dict):
        raise invalid("Invalid value.", parameter)
    return value
