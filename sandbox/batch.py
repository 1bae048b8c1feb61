"""Batches: multipart/mixed in, multipart/mixed out. Each part is a whole HTTP message."""

import secrets
from email.message import Message
from email.parser import BytesParser
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from werkzeug.wrappers import Request, Response

from .errors import ConnectionLost, Refused, invalid

MOST_CALLS = 1000
WRITES = ("PUT", "PATCH", "DELETE")


class Part(NamedTuple):
    """One call of a batch. The answer has the same `content_id`."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    content_id: str | None


def answer(app, request: Request) -> Response:
    """Carry out the calls in order. Each has a status of its own."""
    parts = [_part(piece, request.headers) for piece in _pieces(request)]
    last = app.faults.batch_parts()
    written, answers = set(), []
    for number, part in enumerate(parts):
        if number == last:
            raise ConnectionLost
        answers.append((part, _one(app, part, written)))
    if last is not None:
        raise ConnectionLost
    boundary = f"batch_{secrets.token_urlsafe(12)}"
    text = (
        b"".join(_written(boundary, part, response) for part, response in answers)
        + f"--{boundary}--\r\n".encode()
    )
    return Response(text, content_type=f"multipart/mixed; boundary={boundary}")


def _one(app, part: Part, written: set[str]) -> Response:
    """One call. Two writes to one event in one batch collide, since their order is not promised."""
    if part.method in WRITES and part.path in written:
        return Refused(409, "conflict", "Conflict").response()
    if part.method in WRITES:
        written.add(part.path)
    if not part.path.startswith("/"):
        return Refused(400, "badRequest", "Only a path is allowed here.").response()
    return app.call(part.method, part.path, part.query, part.headers, part.body, in_batch=True)


def _pieces(request: Request) -> list[Message]:
    if request.mimetype != "multipart/mixed" or "boundary" not in request.mimetype_params:
        raise Refused(
            400, "badRequest", "Failed to parse batch request, error: the boundary is missing."
        )
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.get_data())
    pieces = message.get_payload() if message.is_multipart() else []
    if not 0 < len(pieces) <= MOST_CALLS:
        raise Refused(400, "badRequest", f"A batch holds 1 to {MOST_CALLS} calls.")
    return pieces


def _part(piece: Message, outer) -> Part:
    """A part as a message. The outer headers hold for every part, except Content-* and those that
    the part has itself.
    """
    if piece.get_content_type() != "application/http":
        raise invalid("Every part must be application/http.")
    head, _, body = piece.get_payload(decode=True).replace(b"\r\n", b"\n").partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    try:
        method, target = first.split()[:2]
        headers = {
            name.title(): value.strip()
            for name, value in (line.split(":", 1) for line in lines if line)
        }
    except ValueError:
        raise Refused(400, "badRequest", "Failed to parse a part of the batch.") from None
    inherited = {
        name.title(): value
        for name, value in outer.items()
        if not name.lower().startswith("content-")
    }
    url = urlsplit(target)
    path = target if url.scheme else unquote(url.path)
    return Part(
        method,
        path,
        parse_qsl(url.query, keep_blank_values=True),
        inherited | headers,
        body.strip(),
        piece["Content-ID"],
    )


def _written(boundary: str, part: Part, response: Response) -> bytes:
    lines = [f"--{boundary}", "Content-Type: application/http"]
    if part.content_id:
        lines.append(f"Content-ID: <response-{part.content_id.strip('<>')}>")
    lines += [
        "",
        f"HTTP/1.1 {response.status}",
        *(f"{name}: {value}" for name, value in response.headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + response.get_data() + b"\r\n"
