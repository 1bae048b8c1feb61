"""A clinic's own service for text messages: one HTTPS address that takes signed JSON.

docs/text-messages.md describes requests and answers.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta

from base import scheduling
from base.outgoing import exchange
from base.outgoing.line import HttpClient
from sync.providers.errors import retry_after_seconds

from .smtp import LetterRefused

LARGEST_ANSWER = 100_000  # octets; nothing in it is used
OF_THIS_MESSAGE = (400, 413, 422)  # statuses: this one is never taken


@dataclass(frozen=True)
class Message:
    """A message for the service. `id` stays the same when the message is sent again. `expires`:
    when the message is of no use any more, in ISO 8601.
    """

    id: str
    to: str
    text: str
    kind: str
    language: str
    expires: str

    @property
    def final_kind(self) -> str:
        """The kind of the message."""
        return self.kind


def signature(secret: str, at: int, body: bytes) -> str:
    """The header by which a service recognises a message of ours and its time."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def hand_over(http: HttpClient, url: str, secret: str, message: Message) -> None:
    """Give one message to the service. Raises LetterRefused. If no answer came, the message may
    have been taken; the next try has the same id.
    """
    body = json.dumps(asdict(message), ensure_ascii=False, separators=(",", ":")).encode()
    at = int(scheduling.utc_now().timestamp())
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Idempotency-Key": message.id,
        "Kalends-Signature": signature(secret, at, body),
    }
    try:
        answer = exchange.exchange(
            http,
            "POST",
            url,
            headers=headers,
            content=body,
            largest_octets=LARGEST_ANSWER,
            redirects=0,
        )
    except exchange.RequestFailed as refused:
        if not refused.status:
            raise LetterRefused(refused.word, is_server=True) from None
        refusal = _meaning(refused.status, {})  # a long answer: only its status counts
    else:
        refusal = _meaning(answer.status_code, answer.headers)
    if refusal:
        raise refusal


def _meaning(status: int, headers: Mapping[str, str]) -> LetterRefused | None:
    """The refusal that an answer means; None: the message was accepted."""
    if 200 <= status < 300:
        return None
    word = str(status)
    if status in OF_THIS_MESSAGE:
        return LetterRefused(word, is_final=True)
    wait = timedelta(seconds=retry_after_seconds(headers) or 0)
    return LetterRefused(word, is_server=True, wait=min(wait, timedelta(days=1)))
