"""One call of the API: everything that its handler needs, the right to make it, and its answer."""

import json
from dataclasses import dataclass
from functools import cached_property

from werkzeug.wrappers import Response

from ..store import Store
from . import calendars, ids, spec
from .errors import Refused
from .service import Service


@dataclass
class Call:
    """One call of the API, looked up and allowed, with everything that its handler needs.

    `target`: its path as links have it.
    """

    app: Service
    operation: spec.Operation
    account: dict
    client_id: str
    path: dict[str, str]
    query: dict
    body: dict
    headers: dict[str, str]
    base_url: str
    target: str

    @property
    def store(self) -> Store:
        return self.app.store

    @cached_property
    def prefer(self) -> dict[str, str]:
        return spec.preferences(self.headers.get("Prefer", ""))

    @property
    def immutable(self) -> bool:
        return self.prefer.get("idtype") == "ImmutableId"

    def id_of(self, calendar: dict, immutable: str) -> str:
        """The id that this caller gets for an event."""
        return immutable if self.immutable else ids.plain(calendar["id"], immutable)

    def calendars(self) -> list[dict]:
        """The mailbox's own calendars."""
        return [
            one
            for one in calendars.visible(self.store, self.account["email"])
            if one["owner"] == self.account["email"]
        ]


def scopes(operation: spec.Operation) -> set[str]:
    """Any of these permissions allows the operation."""
    if operation.name == "me.get" or operation.name.startswith("outlook."):
        return {"User.Read"}
    reading = operation.method == "GET" or operation.name.startswith("subscriptions.")
    return {"Calendars.ReadWrite", "Calendars.ReadWrite.Shared"} | (
        {"Calendars.Read"} if reading else set()
    )


def refuse_mailbox(operation: spec.Operation) -> None:
    why = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
    if operation.name.startswith("subscriptions."):
        raise Refused(
            404,
            "ExtensionError",
            f"Operation: Create; Exception: [Status Code: NotFound; Reason: {why}]",
        )
    raise Refused(404, "MailboxNotEnabledForRESTAPI", why)


def as_json(operation: spec.Operation, answer: dict | None) -> Response:
    if answer is None:
        return Response(status=operation.success)
    response = Response(
        json.dumps(answer, ensure_ascii=False),
        operation.success,
        content_type="application/json;odata.metadata=minimal",
    )
    if "@odata.etag" in answer:
        response.headers["ETag"] = answer["@odata.etag"]
    return response
