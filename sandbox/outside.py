"""The outside user: a person who changes their own calendar in Google's app."""

from collections.abc import Callable
from datetime import date, datetime
from typing import TypeVar

from . import calendars, events
from .times import next_day

Made = TypeVar("Made")


class OutsideUser:
    """One account's owner.

    Times are `datetime`s, `date`s for all-day, or text; without an offset they are in the
    calendar's zone.

    `calendar` is an id, or `primary`. Push messages go out as after any other change.
    """

    def __init__(self, google, email: str):
        self.google, self.email = google, email

    @property
    def calendars(self) -> dict[str, dict]:
        """The calendars this person can open, by id."""
        every = self.google.store.calendars.values()
        return {calendar["id"]: calendar for calendar in every if self.email in calendar["roles"]}

    def list_calendars(self) -> list[dict]:
        """Id, title and description of each calendar this person can open."""
        return [
            {name: calendar.get(name, "") for name in ("id", "summary", "description")}
            for calendar in self.calendars.values()
        ]

    def calendar(self, calendar: str = "primary") -> dict:
        return self.calendars[self.email if calendar == "primary" else calendar]

    def add(self, summary: str, start, end=None, calendar: str = "primary", **fields) -> str:
        """Makes an event and gives its id.

        `end` of an all-day event is exclusive and by default the next day.

        Fields are Google's: `transparency`, `visibility`, `status`, `eventType`, `attendees`,
        `recurrence=["RRULE:…"]` …
        """

        def make():
            home = self.calendar(calendar)
            first = _time(start, home)
            last = (
                _time(end, home)
                if end is not None
                else {"date": next_day(date.fromisoformat(first["date"])).isoformat()}
            )
            body = fields | {"summary": summary, "start": first, "end": last}
            return events.insert(self.google, home, body, self.email)["id"]

        return self._do(make)

    def change(self, event_id: str, calendar: str = "primary", **fields) -> None:
        """Changes an event, or one occurrence of a series by the id of that instance.

        None clears a field.
        """

        def alter():
            home = self.calendar(calendar)
            for side in ("start", "end"):
                if side in fields:
                    fields[side] = {"date": None, "dateTime": None} | _time(fields[side], home)
            events.change(
                self.google, home, events.find(self.google, home, event_id), fields, whole=False
            )

        self._do(alter)

    def move(self, event_id: str, start, end, calendar: str = "primary") -> None:
        self.change(event_id, calendar, start=start, end=end)

    def retitle(self, event_id: str, summary: str, calendar: str = "primary") -> None:
        self.change(event_id, calendar, summary=summary)

    def show_busy(self, event_id: str, busy: bool = True, calendar: str = "primary") -> None:
        self.change(event_id, calendar, transparency="opaque" if busy else "transparent")

    def delete(self, event_id: str, calendar: str = "primary") -> None:
        """Deletes an event, a whole series, or one occurrence by the id of that instance."""
        home = self.calendar(calendar)
        self._do(lambda: events.delete(self.google, home, events.find(self.google, home, event_id)))

    def drag(self, event_id: str, other: str, calendar: str = "primary") -> None:
        """Moves an event into another calendar; its id stays, and it is deleted where it was."""
        home = self.calendar(calendar)
        self._do(
            lambda: events.drag(
                self.google, home, events.find(self.google, home, event_id), self.calendar(other)
            )
        )

    def events(self, calendar: str = "primary", deleted: bool = False) -> list[dict]:
        """The events of a calendar, in order of time; series as they were made."""
        kept = [
            event
            for event in self.calendar(calendar)["events"].values()
            if deleted or event["status"] != "cancelled"
        ]
        return sorted(
            kept,
            key=lambda event: (
                str(event["start"].get("dateTime", event["start"].get("date"))),
                event["id"],
            ),
        )

    def count(self, calendar: str = "primary", **private: str) -> int:
        """The number of existing events in a calendar; with properties, of those that have these
        private extended ones.
        """
        return sum(
            private.items() <= event.get("extendedProperties", {}).get("private", {}).items()
            for event in self.events(calendar)
        )

    def instances(self, event_id: str, calendar: str = "primary", most: int = 10) -> list[str]:
        """Ids of the first occurrences of a series."""
        home = self.calendar(calendar)
        unrolled = events.expand(self.google, home, home["events"][event_id])
        return [event["id"] for _, (_, event) in zip(range(most), unrolled, strict=False)]

    def add_calendar(self, summary: str, time_zone: str | None = None) -> str:
        """Makes a secondary calendar and gives its id."""

        def make():
            zone = time_zone or self.calendar()["timeZone"]
            self.google.channels.announce_list(self.email)
            return calendars.add_calendar(self.google.store, self.email, summary, zone)["id"]

        return self._do(make)

    def delete_calendar(self, calendar: str) -> None:
        """Deletes a calendar of one's own for everyone, or only takes a shared one off the list."""

        def remove():
            home = self.calendar(calendar)
            self.google.channels.announce_list(*home["roles"])
            if home["owner"] == self.email:
                calendars.remove_calendar(self.google.store, home)
            else:
                calendars.share(self.google.store, calendar, self.email, None)

        self._do(remove)

    def share(self, calendar: str, email: str, role: str | None) -> None:
        """Gives another account a role on a calendar, or takes it away (None)."""

        def give():
            calendars.open_account(self.google.store, email)
            calendars.share(self.google.store, self.calendar(calendar)["id"], email, role)
            self.google.channels.announce_list(email)

        self._do(give)

    def revoke(self, client_id: str) -> None:
        """Takes back what an application was allowed, on Google's page for that."""
        self._do(lambda: self.google.oauth.forget(client_id, self.email))

    def _do(self, action: Callable[[], Made]) -> Made:
        with self.google.store.lock:
            made = action()
        self.google.channels.deliver()
        return made


def _time(value, calendar: dict) -> dict:
    if isinstance(value, dict):
        return value
    if isinstance(value, str):
        value = date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return {"date": value.isoformat()}
    return {"dateTime": value.replace(microsecond=0).isoformat(), "timeZone": calendar["timeZone"]}
