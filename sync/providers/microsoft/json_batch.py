"""Many HTTP calls as one JSON body, and their answers, in the form of Graph's batches.

Pure.

https://learn.microsoft.com/graph/json-batching
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sync.providers.multipart import Call, CallAnswer

MOST = 20


def written(calls: Sequence[Call], headers: Mapping[str, str]) -> dict[str, Any]:
    """The body of a batch whose calls do not wait for each other. `headers` go with each."""
    return {"requests": [_call(number, call, headers) for number, call in enumerate(calls)]}


def _call(number: int, call: Call, headers: Mapping[str, str]) -> dict[str, Any]:
    content = {"Content-Type": "application/json"} if call.body is not None else {}
    return {
        "id": str(number),
        "method": call.method,
        "url": call.target,
        "headers": {**headers, **call.headers, **content},
        **({"body": call.body} if call.body is not None else {}),
    }


def read_answers(document: dict[str, Any], count: int) -> list[CallAnswer | None]:
    """The answers in the order of the calls, in any order of arrival.

    None for one that cannot be read. Raises KeyError, TypeError.
    """
    answers: list[CallAnswer | None] = [None] * count
    for item in document["responses"]:
        number = str(item.get("id"))
        if number.isascii() and number.isdigit() and len(number) < 4 and int(number) < count:
            answers[int(number)] = _answer(item)
    return answers


def _answer(item: dict[str, Any]) -> CallAnswer | None:
    status, body, headers = item.get("status"), item.get("body") or {}, item.get("headers") or {}
    if type(status) is not int or not isinstance(body, dict) or not isinstance(headers, dict):
        return None
    return CallAnswer(
        status, body, {str(name).title(): str(value) for name, value in headers.items()}
    )
