"""The store of the imitation: calendars, and resources in them with versions."""

import json
import threading
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

import icalendar


@dataclass
class Resource:
    """One event as stored. `revision`: when it was last written."""

    data: bytes
    etag: str
    revision: int

    @property
    def uid(self) -> str:
        return _uid(self.data)


@lru_cache(maxsize=10_000)  # asked for each one at each write
def _uid(data: bytes) -> str:
    event = icalendar.Calendar.from_ical(data).walk("VEVENT")
    return str(event[0].get("UID", "")) if event else ""


@dataclass
class Calendar:
    """One calendar. `removed`: when each resource was removed."""

    path: str
    name: str
    description: str = ""
    right: str = "owner"  # or "reader"
    resources: dict[str, Resource] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    made_at: int = 0
    changed_at: int = 0


class Store:
    """All data. Hold `lock` during all reads and writes. With a `path`, `save` stores everything
    there.
    """

    def __init__(self, path: Path | None = None):
        self.lock, self.path = threading.RLock(), path
        self.calendars: dict[str, Calendar] = {}
        self.revision, self.oldest_token = 0, 0

    def tick(self) -> int:
        """The next revision, used as version and as place in the history."""
        self.revision += 1
        return self.revision

    def put(self, calendar: Calendar, name: str, data: bytes) -> Resource:
        """Write a resource."""
        revision = self.tick()
        calendar.removed.pop(name, None)
        calendar.resources[name] = made = Resource(data, f'"v{revision}"', revision)
        calendar.changed_at = revision
        return made

    def delete(self, calendar: Calendar, name: str) -> None:
        """Delete a resource."""
        del calendar.resources[name]
        calendar.removed[name] = calendar.changed_at = self.tick()

    def holder_of(self, uid: str) -> tuple[Calendar, str] | None:
        """The place of the event with this UID."""
        for calendar in self.calendars.values():
            for name, resource in calendar.resources.items():
                if resource.uid == uid:
                    return calendar, name
        return None

    def save(self) -> None:
        """Write the file, completely or not at all."""
        if self.path is None:
            return
        with self.lock:
            kept = {
                "revision": self.revision,
                "calendars": [
                    asdict(one)
                    | {
                        "resources": {
                            name: [made.data.decode(), made.etag, made.revision]
                            for name, made in one.resources.items()
                        }
                    }
                    for one in self.calendars.values()
                ],
            }
            unfinished = self.path.with_suffix(".new")
            unfinished.write_text(json.dumps(kept), encoding="utf-8")
            unfinished.replace(self.path)

    def load(self) -> bool:
        """Read the file, if there is one."""
        if self.path is None or not self.path.exists():
            return False
        kept = json.loads(self.path.read_text(encoding="utf-8"))
        self.revision = kept["revision"]
        for one in kept["calendars"]:
            resources = {
                name: Resource(data.encode(), etag, revision)
                for name, (data, etag, revision) in one["resources"].items()
            }
            self.calendars[one["path"]] = Calendar(**one | {"resources": resources})
        return True
