"""Refusals in Google's shape, and a connection that dies."""

import json
import socket

import httpx
from werkzeug.wrappers import Request, Response

DOMAINS = {
    "rateLimitExceeded": "usageLimits",
    "userRateLimitExceeded": "usageLimits",
    "quotaExceeded": "usageLimits",
    "accessNotConfigured": "usageLimits",
    "timeRangeEmpty": "calendar",
    "fullSyncRequired": "calendar",
    "updatedMinTooLongAgo": "calendar",
    "forbiddenForNonOrganizer": "calendar",
}
USUAL_REASONS = {
    400: "badRequest",
    401: "authError",
    403: "rateLimitExceeded",
    404: "notFound",
    409: "conflict",
    410: "fullSyncRequired",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
}


class Refused(Exception):
    """An answer other than success: HTTP status and Google's reason.

    `location` names the header or parameter at fault.
    """

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        message: str = "",
        location: tuple[str, str] | None = None,
        retry_after_seconds: int | None = None,
    ):
        self.status, self.reason = status, reason or USUAL_REASONS.get(status, "backendError")
        self.message, self.location, self.retry_after_seconds = (
            message or self.reason,
            location,
            retry_after_seconds,
        )
        super().__init__(f"{status} {self.reason}: {self.message}")

    def body(self) -> dict:
        detail = {
            "domain": DOMAINS.get(self.reason, "global"),
            "reason": self.reason,
            "message": self.message,
        }
        if self.location:
            detail |= {"locationType": self.location[0], "location": self.location[1]}
        return {"error": {"errors": [detail], "code": self.status, "message": self.message}}

    def response(self) -> Response:
        response = Response(
            json.dumps(self.body(), indent=1),
            self.status,
            content_type="application/json; charset=UTF-8",
        )
        if self.status == 401:
            response.headers["WWW-Authenticate"] = (
                'Bearer realm="https://accounts.google.com/", error="invalid_token"'
            )
        if self.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(self.retry_after_seconds)
        return response


class ConnectionLost(Exception):
    """The connection ends without an answer.

    `timed_out`: the other side kept waiting; otherwise the connection was reset.
    """

    def __init__(self, timed_out: bool = False):
        self.timed_out = timed_out
        super().__init__("timed out" if timed_out else "connection reset")


def hang_up(environ: dict, request: Request, loss: ConnectionLost) -> None:
    """End the connection without an answer: close the socket of a real server, or raise the error
    that the caller's client would raise.
    """
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError
    kind = httpx.ReadTimeout if loss.timed_out else httpx.ReadError
    raise kind(f"The sandbox: {loss}", request=httpx.Request(request.method, request.base_url))


def invalid(message: str, parameter: str | None = None) -> Refused:
    return Refused(400, "invalid", message, ("parameter", parameter) if parameter else None)


def not_found() -> Refused:
    return Refused(404, "notFound", "Not Found")
