"""Signing in at a server that takes no Basic, by its challenge (RFC 7616).

Some servers of Baïkal and DAViCal demand it. httpx computes the answers.
"""

import threading
from collections.abc import Callable

import httpx

Send = Callable[[dict[str, str]], httpx.Response]
# how httpx says that there is no challenge, or none that it can answer
_UNANSWERABLE = (StopIteration, httpx.ProtocolError, NotImplementedError, LookupError, ValueError)


def is_digest_alone(answer: httpx.Response) -> bool:
    """Whether a refusal offers Digest, and no Basic."""
    offered = answer.headers.get("WWW-Authenticate", "").lower()
    return answer.status_code == 401 and "digest " in offered and "basic" not in offered


def is_basic_alone(answer: httpx.Response) -> bool:
    """Whether a refusal offers Basic, and no Digest."""
    offered = answer.headers.get("WWW-Authenticate", "").lower()
    return answer.status_code == 401 and "basic" in offered and "digest " not in offered


class Digest:
    """Answers to the challenges of one server, in a run. Several threads may use it."""

    def __init__(self, user: str, secret: str):
        self._login, self._counting, self._has_worked = (user, secret), threading.Lock(), False
        self._auth = httpx.DigestAuth(user, secret)

    def ask(
        self, method: str, url: str, send: Send, refusal: httpx.Response | None = None
    ) -> httpx.Response:
        """The answer to one request, whatever its status. `send` sends it with further headers.
        `refusal`: the answer that has the challenge, if there is one already; without one the
        first request is unsigned and asks for it.

        A refusal may only mean that the challenge is old: then the new one is answered, once. A
        password that never worked is tried once.
        """
        flow = self._auth.sync_auth_flow(httpx.Request(method, url))
        with self._counting:
            request = next(flow)
        answer = self._sent(request, send) if refusal is None else refusal
        is_new = refusal is not None or "Authorization" not in request.headers
        is_old = self._has_worked or "stale=true" in answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != 401 or not (is_old or is_new):
            return answer
        try:
            with self._counting:
                request = flow.send(httpx.Response(401, headers=answer.headers, request=request))
        except _UNANSWERABLE:
            self._auth = httpx.DigestAuth(*self._login)  # without that challenge
            return answer
        return self._sent(request, send)

    def _sent(self, request: httpx.Request, send: Send) -> httpx.Response:
        signed = request.headers.get("Authorization")
        answer = send({"Authorization": signed} if signed else {})
        self._has_worked = self._has_worked or answer.status_code != 401
        return answer
