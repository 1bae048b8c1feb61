"""Messages to webhooks, sent over real HTTP from one background thread."""

import queue
import threading
import time

import httpx

RETRIED, PAUSES_SECONDS = (500, 502, 503, 504), (0, 1, 4)


class Background:
    """Sends messages one after the other, each again if the receiver fails."""

    def __init__(self):
        self._messages = queue.Queue()
        self._thread = None

    def post(self, address: str, headers: dict[str, str], **content) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._messages.put((address, headers, content))

    def _work(self) -> None:
        while True:
            self._send(*self._messages.get())

    def _send(self, address: str, headers: dict[str, str], content: dict) -> None:
        for pause_seconds in PAUSES_SECONDS:
            time.sleep(pause_seconds)
            try:
                answer = httpx.post(address, headers=headers, timeout=10, **content)
            except httpx.HTTPError:
                continue
            if answer.status_code not in RETRIED:
                return
