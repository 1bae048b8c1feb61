"""A worker stops when told, even if Redis goes away at the same moment."""

import signal

import pytest
from redis import Redis
from rq import Queue
from rq.exceptions import StopRequested

from operate.workers import Forking, Simple


@pytest.mark.parametrize("kind", [Simple, Forking])
def test_a_signal_counts_although_redis_does_not_answer(tmp_path, queue, kind):
    worker = kind([Queue("now", connection=queue)], connection=queue)
    worker.connection = Redis(unix_socket_path=str(tmp_path / "gone.sock"))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with pytest.raises(StopRequested):
            worker.request_stop(signal.SIGTERM, None)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert worker.is_told_to_stop
