"""The outside user of the imitation: a person in their own calendar program."""

import uuid
from datetime import UTC, date, datetime, timedelta

import icalendar

from .store import Calendar, Store


class OutsideUser:
    """The account's owner. Calendars are called by their path, events by the last segment of their
    address.
    """

    def __init__(self, store: Store, home: str, source: str):
        self.store, self.home, self.source = store, home, source

    @property
    def calendars(self) -> dict[str, Calendar]:
        """The calendars by path."""
        return self.store.calendars

    def events(self, calendar: str | None = None) -> list[dict]:
        """The events of a calendar, in order of time."""
        found = [
            event_of(name, resource.data) | {"etag": resource.etag}
            for name, resource in self.calendars[calendar or self.source].resources.items()
        ]
        return sorted(found, key=lambda one: (str(one["start"]), one["id"]))

    def count(self, calendar: str | None = None) -> int:
        return len(self.calendars[calendar or self.source].resources)

    def add(self, summary, start, end=None, calendar=None, rule=None, uid=None, **lines) -> str:
        """Make an event, and return its name."""
        name = f"{uuid.uuid4()}.ics"
        end = end or (start + timedelta(days=1))
        told = [f"SUMMARY:{summary}", _line("DTSTART", start), _line("DTEND", end)]
        told += [f"RRULE:{rule}"] if rule else []
        told += [f"{key.replace('_', '-').upper()}:{value}" for key, value in lines.items()]
        self._put(calendar, name, [f"UID:{uid or uuid.uuid4()}", *told])
        return name

    def move(self, name: str, start, end, calendar=None) -> None:
        self._change(name, calendar, {"DTSTART": start, "DTEND": end})

    def retitle(self, name: str, summary: str, calendar=None) -> None:
        self._change(name, calendar, {"SUMMARY": summary})

    def change(self, name: str, calendar=None, **values) -> None:
        """Set or add properties by their names."""
        self._change(name, calendar, {key.upper(): value for key, value in values.items()})

    def delete(self, name: str, calendar=None) -> None:
        with self.store.lock:
            self.store.delete(self.calendars[calendar or self.source], name)

    def drag(self, name: str, other: str, calendar=None) -> None:
        """Move an event into another calendar, where programs write it under the same name."""
        with self.store.lock:
            data = self.calendars[calendar or self.source].resources[name].data
            self.store.put(self.calendars[other], name, data)
            self.store.delete(self.calendars[calendar or self.source], name)

    def copy(self, name: str, other: str, calendar=None) -> str:
        """Copy an event into another calendar, under a UID of its own."""
        with self.store.lock:
            data = self.calendars[calendar or self.source].resources[name].data
            whole = icalendar.Calendar.from_ical(data)
            made = f"{uuid.uuid4()}.ics"
            whole.walk("VEVENT")[0]["UID"] = icalendar.vText(str(uuid.uuid4()))
            self.store.put(self.calendars[other], made, whole.to_ical())
            return made

    def add_calendar(self, name: str, right: str = "owner") -> str:
        """Make a calendar, and return its path."""
        with self.store.lock:
            path = f"{self.home}{uuid.uuid4().hex[:8]}/"
            self.calendars[path] = Calendar(path, name, right=right, made_at=self.store.tick())
            return path

    def delete_calendar(self, path: str) -> None:
        with self.store.lock:
            del self.calendars[path]

    def _put(self, calendar, name: str, lines: list[str]) -> None:
        stamp = "DTSTAMP:20260101T000000Z"
        body = "\r\n".join(
            ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:outside", "BEGIN:VEVENT", stamp, *lines]
        )
        data = f"{body}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n".encode()
        with self.store.lock:
            self.store.put(self.calendars[calendar or self.source], name, data)

    def _change(self, name: str, calendar, values: dict) -> None:
        with self.store.lock:
            home = self.calendars[calendar or self.source]
            whole = icalendar.Calendar.from_ical(home.resources[name].data)
            event = whole.walk("VEVENT")[0]
            for key, value in values.items():
                event.pop(key, None)
                event.add(key, value)
            self.store.put(home, name, whole.to_ical())


def event_of(name: str, data: bytes) -> dict:
    """An event as a plain dictionary."""
    event = icalendar.Calendar.from_ical(data).walk("VEVENT")[0]
    return {
        "id": name,
        "uid": str(event.get("UID", "")),
        "reference": str(event.get("X-KALENDS-REFERENCE", "")),
        "summary": str(event.get("SUMMARY", "")),
        "start": event["DTSTART"].dt,
        "end": event["DTEND"].dt,
        "class": str(event.get("CLASS", "")),
        "guests": event.get("ATTENDEE", []),
        "data": data,
    }


def _line(name: str, at) -> str:
    if isinstance(at, datetime):
        return f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    assert isinstance(at, date)
    return f"{name};VALUE=DATE:{at:%Y%m%d}"
