"""Answers of providers on the line: packed ones are unpacked, and what comes in drops or without
end is given up.
"""

import gzip
from itertools import count, repeat

import httpx
import pytest

from sync.providers import base


class Drops(httpx.SyncByteStream):
    """A body that comes piece by piece."""

    def __init__(self, pieces):
        self._pieces = pieces

    def __iter__(self):
        yield from self._pieces


def asked(pieces, **headers):
    """The answer to a call that a provider answers with these pieces."""
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, headers=headers, stream=Drops(pieces))
    )
    with base.http_client(transport) as http:
        return base.request(http, "GET", "http://provider.test/")


@pytest.mark.parametrize("pack", [None, "gzip"])
def test_a_body_in_pieces_is_put_together(pack):
    body = b'{"items": [1, 2, 3]}'
    sent = gzip.compress(body) if pack else body
    headers = {"Content-Encoding": pack} if pack else {}
    assert asked((sent[at : at + 1] for at in range(len(sent))), **headers).json() == {
        "items": [1, 2, 3]
    }


def test_a_body_without_end_is_given_up():
    with pytest.raises(base.Unanswered):
        asked(repeat(b" " * 1_000_000))


def test_a_body_in_drops_is_given_up_after_minutes(monkeypatch):
    seconds = count()
    monkeypatch.setattr(base.time, "monotonic", lambda: next(seconds))
    with pytest.raises(base.Unanswered):
        asked(repeat(b" "))


def test_a_body_that_is_packed_wrongly_is_no_answer():
    with pytest.raises(base.Unanswered):
        asked(iter([b"no gzip"]), **{"Content-Encoding": "gzip"})
