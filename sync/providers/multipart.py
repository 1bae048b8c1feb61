"""Many HTTP calls as one multipart/mixed body, and their answers, in the form of Google's batches.
Pure.

https://developers.google.com/workspace/calendar/api/guides/batch
"""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import CloseBoundaryNotFoundDefect
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from typing import Any

import httpx


@dataclass(frozen=True, slots=True)
class Call:
    """One call inside a batch. `target` is a path with its query, no complete address."""

    method: str
    target: str
    body: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """The answer to one call; `body` {} when there is none."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


def written(calls: Sequence[Call]) -> tuple[str, bytes]:
    """The Content-Type and the body of a batch. Raises ValueError for a header that would end its
    line.
    """
    boundary = f"kalends_{secrets.token_hex(16)}"
    head = f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: "
    parts = [f"{head}<{number}>\r\n\r\n{_call(call)}\r\n" for number, call in enumerate(calls)]
    return f"multipart/mixed; boundary={boundary}", "".join(
        [*parts, f"--{boundary}--\r\n"]
    ).encode()


def _call(call: Call) -> str:
    headers = {
        **call.headers,
        **({"Content-Type": "application/json"} if call.body is not None else {}),
    }
    if not all(text.isprintable() for text in (call.target, *headers.values())):
        raise ValueError("a line end in a header")
    lines = [
        f"{call.method} {call.target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items()),
        "",
        "",
    ]
    return "\r\n".join(lines) + ("" if call.body is None else json.dumps(call.body))


def read_parts(content_type: str, content: bytes, count: int) -> list[CallAnswer | None]:
    """The answers in the order of the calls; None for one that cannot be read. If some are missing
    before the end, the order of the others tells nothing: only those that name their call count.
    """
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + content)
    answers: list[CallAnswer | None] = [None] * count
    pieces = message.get_payload() if message.is_multipart() else []
    is_cut = any(isinstance(one, CloseBoundaryNotFoundDefect) for one in message.defects)
    is_in_order = len(pieces) == count or (is_cut and len(pieces) < count)
    for place, piece in enumerate(pieces):
        number = _number(piece, place if is_in_order else count)
        if number < count:
            answers[number] = _answer(piece.get_payload(decode=True) or b"")
    return answers


def _number(piece: Message, place: int) -> int:
    """The index of the answered call. Content-ID comes back with a prefix, as implementers report;
    the order is documented.
    """
    named = re.fullmatch(r"<?response-(\d{1,9})>?", str(piece["Content-ID"] or "").strip())
    return int(named[1]) if named else place


def _answer(content: bytes) -> CallAnswer | None:
    head, _, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    first, _, headers = head.partition(b"\n")
    status = re.match(rb"HTTP/[\d.]+ (\d{3})\b", first)
    try:
        value = json.loads(body) if body.strip() else {}
    except ValueError:
        return None
    if not status or not isinstance(value, dict):
        return None
    fields = BytesHeaderParser().parsebytes(headers + b"\n\n").items()
    # the first of two with the same number counts; the answer may contain any octets
    named = {
        name.lower().encode(errors="replace"): str(text).encode(errors="replace")
        for name, text in fields[::-1]
    }
    return CallAnswer(int(status[1]), value, httpx.Headers(named))
