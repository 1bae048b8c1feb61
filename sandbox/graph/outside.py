"""The outside user: a person who changes their own calendar in Outlook."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TypeVar
from zoneinfo import ZoneInfo

from . import calendars, events, series
from .times import instant

Made = TypeVar("Made")
ROLES = {"writer": calendars.EDITOR, "editor": calendars.EDITOR, "reader": calendars.READER}


class OutsideUser:
    """One mailbox's owner.

    Times are `datetime`s, `date`s for whole days, or text; without an offset they are in the
    mailbox's zone.

    `calendar` is an id, or `primary`. Ids are immutable ones. Notifications go out as after any
    other change.
    """

    def __init__(self, graph, email: str):
        self.graph, self.email = graph, email

    @property
    def account(self) -> dict:
        return self.graph.store.accounts[self.email]

    @property
    def calendars(self) -> dict[str, dict]:
        """The calendars this person can open, by id."""
        return {
            calendar["id"]: calendar for calendar in calendars.visible(self.graph.store, self.email)
        }

    def list_calendars(self) -> list[dict]:
        """Id, name and extended properties of each calendar this person can open."""
        return [
            {"id": each["id"], "name": each["name"], "properties": each["_properties"]}
            for each in self.calendars.values()
        ]

    def calendar(self, calendar: str = "primary") -> dict:
        return (
            calendars.default(self.graph.store, self.email)
            if calendar == "primary"
            else self.calendars[calendar]
        )

    def add(self, subject: str, start, end=None, calendar: str = "primary", **fields) -> str:
        """Makes an event and gives its id.

        `end` of whole days is exclusive and by default the next day.

        Fields are Graph's: `showAs`, `sensitivity`, `isCancelled`, `responseStatus`,
        `originalStartTimeZone` …; `recurrence` may also be `daily` or `weekly`. `zone` names
        another zone than the mailbox's.
        """

        def make():
            zone = fields.pop("zone", self.account["zone"])
            times = _times(start, end, zone)
            if isinstance(fields.get("recurrence"), str):
                fields["recurrence"] = series.simple(fields["recurrence"], times["start"])
            return events.insert(
                self.graph,
                self.calendar(calendar),
                fields | times | {"subject": subject},
                self.email,
            )["id"]

        return self._do(make)

    def change(self, event_id: str, calendar: str = "primary", **fields) -> None:
        """Changes an event, a whole series, or one occurrence by its id."""

        def alter():
            home = self.calendar(calendar)
            changes = dict(fields)
            if "start" in changes:
                changes |= _times(
                    changes["start"], changes.get("end"), changes.pop("zone", self.account["zone"])
                )
            events.change(self.graph, home, events.find(home, event_id), changes)

        self._do(alter)

    def move(self, event_id: str, start, end, calendar: str = "primary") -> None:
        self.change(event_id, calendar, start=start, end=end)

    def retitle(self, event_id: str, subject: str, calendar: str = "primary") -> None:
        self.change(event_id, calendar, subject=subject)

    def show_as(self, event_id: str, what: str, calendar: str = "primary") -> None:
        """`free`, `tentative`, `busy`, `oof` or `workingElsewhere`."""
        self.change(event_id, calendar, showAs=what)

    def show_busy(self, event_id: str, busy: bool = True, calendar: str = "primary") -> None:
        self.show_as(event_id, "busy" if busy else "free", calendar)

    def make_private(self, event_id: str, private: bool = True, calendar: str = "primary") -> None:
        self.change(event_id, calendar, sensitivity="private" if private else "normal")

    def delete(self, event_id: str, calendar: str = "primary") -> None:
        """Deletes an event, a whole series, or one occurrence by its id."""
        home = self.calendar(calendar)
        self._do(lambda: events.delete(self.graph, home, events.find(home, event_id)))

    def delete_occurrence(self, series_id: str, number: int, calendar: str = "primary") -> str:
        """Deletes one occurrence, the first is 0, and gives its id."""
        gone = self.instances(series_id, calendar, number + 1)[number]
        self.delete(gone, calendar)
        return gone

    def drag(self, event_id: str, other: str, calendar: str = "primary") -> None:
        """Moves an event into another calendar of the mailbox.

        Its immutable id stays, the plain one changes.
        """
        home = self.calendar(calendar)
        self._do(
            lambda: events.drag(self.graph, home, events.find(home, event_id), self.calendar(other))
        )

    def events(self, calendar: str = "primary", deleted: bool = False) -> list[dict]:
        """The events of a calendar, in order of time: series as they were made, and beside them
        their changed occurrences.
        """
        kept = [
            event
            for event in self.calendar(calendar)["events"].values()
            if deleted or not event["_gone"]
        ]
        return sorted(kept, key=lambda event: (event["_from"], event["id"]))

    def count(self, calendar: str = "primary", value: str | None = None) -> int:
        """The number of existing events in a calendar; with a value, of those with an extended
        property of that value.
        """
        return sum(
            value is None or value in event["_properties"].values()
            for event in self.events(calendar)
        )

    def instances(self, event_id: str, calendar: str = "primary", most: int = 10) -> list[str]:
        """Ids of the first occurrences of a series."""
        master = self.calendar(calendar)["events"][event_id]
        days = series.dates(
            master["start"],
            master["recurrence"],
            instant(master["start"]) + timedelta(days=366 * 20),
        )
        return [series.occurrence_id(event_id, day) for day in islice(days, most)]

    def add_calendar(self, name: str, time_zone: str | None = None) -> str:
        """Makes a calendar and gives its id.

        Calendars have no zone of their own, so `time_zone` changes nothing.
        """
        return self._do(lambda: calendars.add_calendar(self.graph.store, self.email, name)["id"])

    def delete_calendar(self, calendar: str) -> None:
        """Deletes a calendar of one's own for everyone, or only takes a shared one off the list."""
        self._do(lambda: calendars.remove(self.graph, self.calendar(calendar), self.email))

    def share(self, calendar: str, email: str, role: str | None) -> None:
        """Lets another account read (`reader`) or change (`writer`) a calendar; None: no longer."""

        def give():
            calendars.open_account(self.graph.store, email)
            roles = self.calendar(calendar)["roles"]
            roles.pop(email, None)
            if role:
                roles[email] = ROLES[role]

        self._do(give)

    def revoke(self, client_id: str) -> None:
        """Takes back what an application was allowed, on Microsoft's page for that."""
        self._do(lambda: self.graph.oauth.forget(client_id, self.email))

    def _do(self, action: Callable[[], Made]) -> Made:
        with self.graph.store.lock:
            made = action()
        self.graph.channels.deliver()
        return made


def _times(start, end, zone: str) -> dict:
    """Graph's three fields for a span."""
    first = _value(start)
    all_day = not isinstance(first, datetime)
    last = first + timedelta(days=1) if end is None else _value(end)
    return {"start": _wall(first, zone), "end": _wall(last, zone), "isAllDay": all_day}


def _value(value) -> date | datetime:
    if isinstance(value, str):
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    return value


def _wall(value: date | datetime, zone: str) -> dict:
    if not isinstance(value, datetime):
        value = datetime.combine(value, datetime.min.time())
    if value.tzinfo:
        value = value.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return {"dateTime": value.replace(microsecond=0).isoformat(), "timeZone": zone}
