"""Refusals in Graph's shape."""

import json
import secrets
import uuid
from datetime import UTC, datetime

from werkzeug.wrappers import Response

USUAL_CODES = {
    400: "ErrorInvalidRequest",
    401: "InvalidAuthenticationToken",
    403: "ErrorAccessDenied",
    404: "ErrorItemNotFound",
    409: "ErrorFolderExists",
    410: "syncStateNotFound",
    412: "ErrorIrresolvableConflict",
    429: "ApplicationThrottled",
    500: "InternalServerError",
    501: "notSupported",
    503: "ServiceUnavailable",
}


class Refused(Exception):
    """An answer other than success: HTTP status and Graph's code.

    `inner` is a more exact code, `headers` go out with the answer.
    """

    def __init__(
        self,
        status: int,
        code: str | None = None,
        message: str = "",
        *,
        retry_after_seconds: int | None = None,
        inner: str | None = None,
        headers: dict[str, str] | None = None,
    ):
        self.status, self.code = (
            status,
            USUAL_CODES.get(status, "UnknownError") if code is None else code,
        )
        self.message, self.inner, self.headers = message or self.code, inner, dict(headers or {})
        if retry_after_seconds is not None:
            self.headers["Retry-After"] = str(retry_after_seconds)
        super().__init__(f"{status} {self.code}: {self.message}")

    def body(self) -> dict:
        inner = {
            "date": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}",
            "request-id": str(uuid.uuid4()),
            "client-request-id": str(uuid.uuid4()),
        }
        if self.inner:
            inner["code"] = self.inner
        return {"error": {"code": self.code, "message": self.message, "innerError": inner}}

    def response(self) -> Response:
        headers = {"request-id": secrets.token_hex(8)} | self.headers
        return Response(
            json.dumps(self.body()), self.status, headers, content_type="application/json"
        )


def invalid(message: str, code: str = "ErrorInvalidRequest") -> Refused:
    return Refused(400, code, message)


def not_found() -> Refused:
    return Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
