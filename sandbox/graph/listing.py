"""Lists of events: as they were made, as occurrences in a window, and the instances of one
series.
"""

from datetime import datetime

from . import events, filters, paging, series
from .calendars import reach
from .errors import invalid
from .times import edge


def window(call) -> tuple[datetime, datetime]:
    """The window of a view. Raises Refused (400)."""
    low, high = (edge(call.query.get(name), name) for name in ("startDateTime", "endDateTime"))
    if high < low:
        raise invalid("The window ends before it begins.", "ErrorInvalidParameter")
    return low, high


def _homes(call) -> list[dict]:
    """The calendars of a call: `/me/events` looks at every calendar of the mailbox's own, all other
    calls at one.
    """
    return call.calendars() if call.operation.name == "events.list" else [reach(call)]


def _collection(call, rows: list[tuple[dict, dict]]) -> dict:
    homes = {event["id"]: calendar for calendar, event in rows}
    return paging.collection(
        call,
        filters.chosen(call, [event for _, event in rows]),
        lambda event: events.present(call, homes[event["id"]], event),
    )


def list_events(call) -> dict:
    """events.list: masters and single events"""
    every = [
        (calendar, event) for calendar in _homes(call) for event in calendar["events"].values()
    ]
    return _collection(
        call,
        [
            (calendar, event)
            for calendar, event in every
            if not event["_gone"] and not event["seriesMasterId"] and not _is_new(call.app, event)
        ],
    )


def _is_new(app, event: dict) -> bool:
    """Whether lists and their filters do not know the event yet."""
    made_at = datetime.fromisoformat(event["createdDateTime"])
    return (app.clock() - made_at).total_seconds() < app.list_lag_seconds


def unrolled(calendar: dict, low: datetime, high: datetime) -> list[dict]:
    """Single events, occurrences and exceptions in a window, in order."""
    found = []
    for event in calendar["events"].values():
        if event["_gone"]:
            continue
        if event["type"] == "seriesMaster":
            found += series.between(calendar, event, low, high)
        elif event["type"] == "singleInstance" and series.touches(event, low, high):
            found.append(event)
    return sorted(found, key=lambda event: (event["_from"], event["id"]))


def list_view(call) -> dict:
    """calendarView.list"""
    calendar = reach(call)
    return _collection(call, [(calendar, event) for event in unrolled(calendar, *window(call))])


def list_instances(call) -> dict:
    """events.instances"""
    calendar, master = events.locate(call)
    if master["type"] != "seriesMaster":
        raise invalid("The event is not a series master.")
    found = sorted(
        series.between(calendar, master, *window(call)),
        key=lambda event: (event["_from"], event["id"]),
    )
    return _collection(call, [(calendar, event) for event in found])


_PLACES = ("", "calendar.", "calendars.")
HANDLERS = (
    {f"{place}events.list": list_events for place in _PLACES}
    | {f"{place}calendarView.list": list_view for place in _PLACES}
    | {"events.instances": list_instances}
)
