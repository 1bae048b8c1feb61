"""Imitation providers whose answers are spoiled on the way.

One event or all, in a list, a look or a batch.
"""

import json
from collections.abc import Callable

import httpx
from sync_world import WORLDS, Watched


class Spoiled(Watched):
    """`world.spoil`, a function, may change each event of each answer.

    `world.instead` may answer with a document of its own.
    """

    def __init__(self, world):
        super().__init__(world.sandbox, world.look)
        self.world = world

    def handle_request(self, request):
        document = self.world.instead(str(request.url)) if self.world.instead else None
        if document is not None:
            return httpx.Response(200, json=document)
        answer = super().handle_request(request)
        if (
            self.world.spoil is None
            or "json" not in answer.headers.get("Content-Type", "")
            or not answer.is_success
        ):
            return answer
        answer.read()
        content = json.dumps(self._walk(answer.json()))
        return httpx.Response(
            answer.status_code, headers={"Content-Type": "application/json"}, content=content
        )

    def _walk(self, value: object) -> object:
        if isinstance(value, list):
            return [self._walk(one) for one in value]
        if not isinstance(value, dict):
            return value
        value = {name: self._walk(one) for name, one in value.items()}
        return self.world.spoil(value) if "start" in value and "id" in value else value


def spoiled_world(kind: str) -> type:
    """The world of a provider, with answers that can be spoiled."""

    class World(WORLDS[kind]):
        spoil: Callable[[dict], object] | None = None
        instead: Callable[[str], dict | None] | None = None

        def transport(self, kind):
            return Spoiled(self)

        def spoil_title(self, title: str, change: Callable[[dict], object]) -> None:
            """Spoil the events of this title."""
            self.spoil = lambda item: (
                change(item) if title in (item.get("summary"), item.get("subject")) else item
            )

    return World


SPOILED = {kind: spoiled_world(kind) for kind in WORLDS}
