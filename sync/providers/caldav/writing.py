"""Single conditional writes, several at once, and reads that find out what a refusal means.

The same status means different things at different servers, and some write in spite of the
condition. So nothing counts as taken, changed or gone before a read confirms it.
"""

import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

import httpx

from sync.events.event import Mark, RemoteEvent
from sync.providers.base import Create, Delete, Operation, Result, Update
from sync.providers.errors import (
    Exists,
    Forbidden,
    Gone,
    PreconditionFailed,
    ProviderError,
    RateLimited,
    Unsent,
)
from sync.providers.parsing import etag as sound_etag
from sync.providers.writing import OF_ANY_CALL

from . import composing, xml
from .dav_calendars import stands
from .fetching import CALENDAR_TYPE, Resource, address, fetch, fetched_by_id, get
from .http import Dav
from .refusals import error_of

UID_IN_USE = "uid"  # the server has this UID under another name
# statuses of a refused creation that mean nothing alone
DOUBTFUL = (400, 403, 404, 405, 409, 412)
ENDS_BATCH = (*OF_ANY_CALL, RateLimited)
CROWDED = (423, 500)
ReadResource = Callable[[Resource], RemoteEvent]


class CalDavWriter:
    """Writes to one calendar. `read` makes an event of a resource."""

    def __init__(self, dav: Dav, calendar_id: str, read: ReadResource):
        self._dav, self._calendar_id, self._read = dav, calendar_id, read

    def write(self, group: Sequence[Operation]) -> list[Result]:
        """One result per operation. An error that the other operations would meet too ends the
        group.
        """
        stop = threading.Event()

        def one(operation: Operation) -> Result | Resource | str:
            if stop.is_set():
                return Result(operation, error=Unsent())
            try:
                return self._one(operation)
            except ProviderError as error:
                if isinstance(error, ENDS_BATCH) and error.status not in CROWDED:
                    stop.set()
                return Result(operation, error=error)

        done = list(self._dav.each(group, one))
        # some refuse one of several at once, and accept it alone
        if len(group) > 1 and self._dav.login.connections > 1:
            done = [
                one(operation) if _met_a_crowd(answer) else answer
                for operation, answer in zip(group, done, strict=True)
            ]
        unversioned = [name for name in done if isinstance(name, str) and name]
        try:
            seen = fetch(self._dav, self._calendar_id, unversioned) if unversioned else {}
        except ProviderError:
            seen = {}
        return [
            self._result(operation, answer, seen.get(answer) if isinstance(answer, str) else None)
            for operation, answer in zip(group, done, strict=True)
        ]

    def _result(
        self, operation: Operation, answer: "Result | Resource | str", seen: object
    ) -> Result:
        if isinstance(answer, Result):
            return answer
        if isinstance(operation, Delete):
            return Result(operation)
        resource = answer if isinstance(answer, Resource) else seen
        if not isinstance(resource, Resource):  # written; the present state is not known yet
            data = composing.written(operation.event, operation.mark)
            resource = Resource(operation.remote_id, "", data)
        return Result(operation, self._read(resource))

    def _one(self, operation: Operation) -> Resource | str:
        """The present resource after one operation; only its name if its state is unknown, "" after
        Delete.
        """
        if isinstance(operation, Delete):
            self._delete(operation)
            return ""
        if isinstance(operation, Create):
            return self._create(operation)
        return self._update(operation)

    # ---- creating ----

    def _create(self, operation: Create) -> Resource | str:
        name, ignores = operation.remote_id, self._dav.login.ignores_conditions
        if ignores and operation.resume and (there := self._there(name)):
            self._exists(there)
        data = composing.written(operation.event, operation.mark)
        answer = self._put(name, data, {"If-None-Match": "*"})
        if answer.status_code < 300:
            return self._written(name, data, answer)
        if answer.status_code in DOUBTFUL:
            self._refused(operation, answer)
        raise error_of(answer)

    def _refused(self, operation: Create, answer: httpx.Response) -> None:
        """Raise the meaning of a refused creation, as far as reads show it."""
        if there := self._there(operation.remote_id):
            self._exists(there)
        if not stands(self._dav, self._calendar_id):
            raise Gone("", answer.status_code)
        if there := self._with_uid(operation.mark):
            self._exists(there)
        word = xml.condition(answer.content)
        if answer.status_code == 403 and "uid" not in word and "unique" not in word:
            raise Forbidden("", 403)
        raise ProviderError(
            UID_IN_USE if answer.status_code in (403, 409, 412) else word, answer.status_code
        )

    def _exists(self, there: Resource) -> NoReturn:
        raise Exists(self._read(there), there.etag)

    def _with_uid(self, mark: Mark) -> Resource | None:
        """The event of this calendar with the UID of a mark. Servers without a filter return all
        events.
        """
        body = xml.by_uid(composing.uid(mark))
        try:
            answer = self._dav.multistatus("REPORT", self._calendar_id, body, "1")
        except ProviderError as error:
            if isinstance(error, OF_ANY_CALL):
                raise
            return None
        for one in fetched_by_id(self._calendar_id, answer).values():
            if isinstance(one, Resource) and self._read(one).mark == mark:
                return one
        return None

    # ---- changing ----

    def _update(self, operation: Update) -> Resource | str:
        name, etag, guests = operation.remote_id, operation.etag, list[str]()
        is_looked_at = not etag or operation.keeps_guests or self._dav.login.ignores_conditions
        if is_looked_at:
            there = self._there(name)
            if there is None:
                raise Gone("", 404)
            if etag and there.etag and there.etag != etag:
                raise PreconditionFailed("", 412)
            etag = etag or there.etag
            guests = composing.guests_in(there.data) if operation.keeps_guests else []
        data = composing.written(operation.event, operation.mark, guests)
        answer = self._put(name, data, {"If-Match": etag} if etag else {})
        if answer.status_code < 300:
            return self._written(name, data, answer)
        if answer.status_code in (403, 404, 405, 409, 412):
            there = self._there(name)
            if there is None:
                raise Gone("", 404)
            if answer.status_code == 409 and not guests and composing.guests_in(there.data):
                return self._anew(name, data, there.etag)
        raise error_of(answer)

    def _anew(self, name: str, data: bytes, etag: str) -> Resource | str:
        """Replace an event from which a server removes no guests (SOGo): delete it and make it
        again without them. If that is interrupted, the event is missing, and the next run makes
        it again.
        """
        self._delete(Delete(name, etag))
        answer = self._put(name, data, {"If-None-Match": "*"})
        if answer.status_code < 300:
            return self._written(name, data, answer)
        raise error_of(answer)

    def _delete(self, operation: Delete) -> None:
        name, etag = operation.remote_id, operation.etag
        if etag and self._dav.login.ignores_conditions:
            self._must_be(name, etag)
        headers = {"If-Match": etag} if etag else {}
        answer = self._dav.send("DELETE", address(self._calendar_id, name), headers=headers)
        if answer.status_code == 207 and self._there(name):  # RFC 4918, 9.6.1: not all was deleted
            raise ProviderError("multistatus", 207)
        if answer.status_code < 300:
            return
        if answer.status_code == 412:
            self._must_be(name, "")
        raise error_of(answer)

    def _must_be(self, name: str, etag: str) -> None:
        """Raise Gone if nothing is there, PreconditionFailed for another version."""
        there = self._there(name)
        if there is None:
            raise Gone("", 404)
        if etag and there.etag != etag:
            raise PreconditionFailed("", 412)

    # ---- requests ----

    def _there(self, name: str) -> Resource | None:
        return get(self._dav, self._calendar_id, name)

    def _put(self, name: str, data: bytes, headers: dict[str, str]) -> httpx.Response:
        place = address(self._calendar_id, name)
        return self._dav.send("PUT", place, data, headers, CALENDAR_TYPE)

    def _written(self, name: str, data: bytes, answer: httpx.Response) -> Resource | str:
        """The resource after a write. A strong ETag proves that it is stored as we wrote it (RFC
        4791, 5.3.4); a weak one does not.
        """
        etag = sound_etag(answer.headers.get("ETag", ""))
        return Resource(name, etag, data) if etag and not etag.startswith("W/") else name


def _met_a_crowd(answer: object) -> bool:
    """Whether the reason for a refused write may be other writes at the same time."""
    error = answer.error if isinstance(answer, Result) else None
    return error is not None and error.status in CROWDED
