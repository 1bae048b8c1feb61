"""The last good body of each feed, for times when the database does not answer.

Some calendar apps switch a feed off after one refusal.

All processes share one store, Redis, so that a withdrawn copy is withdrawn everywhere. A copy is
encrypted, lasts a day from the last check of its feed, and can be found only with the whole
address. A change that shows less than before *voids* the copies of its clinic before it is
confirmed; bodies that were read before that can no longer be stored.
"""

import base64
import hashlib
import json
import logging
import time
import zlib
from dataclasses import dataclass
from typing import Any

from redis import Redis, RedisError

from base import vault

log = logging.getLogger("kalends.copies")

# Seconds that a copy lasts; seconds in which it is not refreshed again.
KEPT_SECONDS, FRESH_SECONDS = (
    86400,
    3600,
)
MOST_OCTETS, MOST_OF_A_CLINIC = 2**20, 2000  # a packed body; copies
TIMEOUT_SECONDS, PAUSE_SECONDS = 0.5, 5

# In one step: a body that was read before the clinic's copies were voided is not kept.
_KEEP = """
if tonumber(redis.call('GET', KEYS[1]) or '0') > tonumber(ARGV[1])
  or redis.call('SCARD', KEYS[2]) >= tonumber(ARGV[4]) then return 0 end
redis.call('SET', KEYS[3], ARGV[2], 'EX', ARGV[3])
redis.call('SADD', KEYS[2], KEYS[3])
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""
# A Redis without memory refuses a script that sets something before it has deleted anything.
_VOID = """
for _, key in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('DEL', key) end
redis.call('DEL', KEYS[2])
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2]) end
return 1
"""

_redis: Redis | None = None
_again_at = 0.0


@dataclass(frozen=True, slots=True)
class Copy:
    """A body as it was served: its ETag without quotes, its revision (seconds since 1970), its
    octets.
    """

    etag: str
    revision: int
    body: bytes


class TooLarge(Exception):
    """A body of more than MOST_OCTETS: no copy of it is kept."""


def open_copies(url: str | None) -> None:
    """Set the store of copies; None: no copies are kept. Connects at the first use."""
    global _redis, _again_at
    _redis = (
        Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        if url
        else None
    )
    _again_at = 0.0


def place(feed_uuid: str, token: str) -> str:
    """The key of a feed's copy in the store.

    It is derived from the whole address, so that nobody finds the copy without it.
    """
    return (
        "kalends:copy:" + hashlib.sha256(f"kalends copy|{feed_uuid}|{token}".encode()).hexdigest()
    )


def keep_copy(key: str, clinic_id: int, clinic_rev: int, copy: Copy) -> bool:
    """Keep a body that was read when the clinic's newest revision was `clinic_rev`.

    Returns whether it is kept. Raises TooLarge.
    """
    packed = zlib.compress(copy.body, 6)
    if len(packed) > MOST_OCTETS:
        raise TooLarge
    sealed = vault.seal(json.dumps([copy.etag, copy.revision, base64.b85encode(packed).decode()]))
    void, of_clinic = _keys(clinic_id)
    return bool(
        _asked(
            "eval",
            _KEEP,
            3,
            void,
            of_clinic,
            key,
            clinic_rev,
            sealed,
            KEPT_SECONDS,
            MOST_OF_A_CLINIC,
        )
    )


def extend(key: str) -> bool:
    """Keep the copy for a day from now: its feed was checked.

    False: the store answers and has no copy.
    """
    return _asked("expire", key, KEPT_SECONDS) not in (0, False)


def find_copy(key: str) -> Copy | None:
    """The copy, if there is one that our keys open.

    It is asked for by a command that counts as a write: a Redis that refuses writes could not void
    the copies of a link that was stopped meanwhile.
    """
    sealed = _asked("getex", key)
    try:
        etag, revision, packed = (
            json.loads(vault.unseal(sealed.decode())) if sealed else (None, 0, "")
        )
        return Copy(etag, revision, zlib.decompress(base64.b85decode(packed))) if etag else None
    except (vault.CannotOpen, ValueError, zlib.error):
        return None


def void(clinic_id: int, clinic_rev: int) -> bool:
    """Delete the copies of a clinic, and refuse bodies that were read before its revision
    `clinic_rev`.

    False: the store is away, so try again.
    """
    if _redis is None:
        return True
    void_key, of_clinic = _keys(clinic_id)
    return _asked("eval", _VOID, 2, void_key, of_clinic, clinic_rev, 2 * KEPT_SECONDS) is not None


def _keys(clinic_id: int) -> tuple[str, str]:
    return f"kalends:void:{clinic_id}", f"kalends:copies:{clinic_id}"


def _asked(command: str, *arguments: object) -> Any:
    """The answer of Redis; None also if it is away. It is then not asked again for a while."""
    global _again_at
    if _redis is None or time.monotonic() < _again_at:
        return None
    try:
        return getattr(_redis, command)(*arguments)
    except (RedisError, OSError) as error:
        log.info("copies of feeds: %s", type(error).__name__)  # others warn of it
        _again_at = time.monotonic() + PAUSE_SECONDS
        return None
