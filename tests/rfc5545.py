"""A small, strict reader of iCalendar, written from RFC 5545 alone and from nothing of ours.

The tests' third opinion.

It refuses whatever the standard forbids and any construction that a big calendar program is known
to misread, and it works out instants from the VTIMEZONE definition, never from the name of the
zone.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

_LINE = re.compile(r'([A-Z0-9-]+)((?:;[A-Z0-9-]+=(?:"[^"]*"|[^";:,]*))*):(.*)', re.DOTALL)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass
class Component:
    name: str
    properties: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    children: list["Component"] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        """The raw value of a property that may stand once."""
        found = [value for key, _, value in self.properties if key == name]
        assert len(found) <= 1, f"{name} stands {len(found)} times in {self.name}"
        return found[0] if found else None

    def text(self, name: str) -> str | None:
        return None if self.get(name) is None else unescaped(self.get(name))

    def walk(self, name: str) -> list["Component"]:
        return [child for child in self.children if child.name == name]


def unfolded(body: bytes) -> list[str]:
    """The content lines (§3.1).

    Refuses bare line ends, long lines, split characters, split escapes and control characters.
    """
    assert body.endswith(b"\r\n") and not body.startswith(b"\xef\xbb\xbf")
    physical = body[:-2].split(b"\r\n")
    lines: list[str] = []
    for octets in physical:
        assert 0 < len(octets) <= 75, f"{len(octets)} octets"
        text = octets.decode("utf-8", "strict")
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text), "a control character"
        if text.startswith((" ", "\t")):
            trailing = len(lines[-1]) - len(lines[-1].rstrip("\\"))
            assert trailing % 2 == 0, "folded inside an escape"
            lines[-1] += text[1:]
        else:
            lines.append(text)
    return lines


def parse(body: bytes) -> Component:
    """The one VCALENDAR of a stream."""
    root = Component("")
    open_components = [root]
    for line in unfolded(body):
        match = _LINE.fullmatch(line)
        assert match, "not a content line"
        name, parameters, value = match.groups()
        if name == "BEGIN":
            component = Component(value)
            open_components[-1].children.append(component)
            open_components.append(component)
        elif name == "END":
            assert open_components.pop().name == value
        else:
            pairs = dict(pair.split("=", 1) for pair in parameters.split(";")[1:])
            assert not open_components[-1].children, "properties come before components"
            open_components[-1].properties.append((name, pairs, value))
    assert open_components == [root] and [c.name for c in root.children] == ["VCALENDAR"]
    (calendar,) = root.children
    assert calendar.get("VERSION") == "2.0" and calendar.get("PRODID") and calendar.children
    assert calendar.get("METHOD") is None
    return calendar


def unescaped(value: str) -> str:
    """A TEXT value (§3.3.11).

    Refuses a bare separator and an escape that the standard does not know.
    """
    assert re.fullmatch(r"(?:[^\\;,]|\\[\\;,nN])*", value, re.DOTALL), "not a TEXT value"
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] in "nN" else m[1], value)


def _offset(value: str) -> timedelta:
    match = re.fullmatch(r"([+-])(\d\d)([0-5]\d)([0-5]\d)?", value)
    assert match and value != "-0000"
    length = timedelta(hours=int(match[2]), minutes=int(match[3]), seconds=int(match[4] or 0))
    return -length if match[1] == "-" else length


def _wall(value: str) -> datetime:
    assert re.fullmatch(r"\d{8}T\d{6}", value)
    return datetime.fromisoformat(value)


@dataclass(frozen=True)
class Onset:
    """A moment from which an offset holds: as wall time before it, and as instant."""

    wall: datetime
    at: datetime
    before: timedelta
    after: timedelta
    name: str


class Zone:
    """A VTIMEZONE as defined (§3.6.5), its yearly rules followed up to `last_year`.

    Knows nothing of the time before its first onset.
    """

    def __init__(self, component: Component, last_year: int = 2050):
        self.tzid = component.get("TZID")
        self.parts = component.children
        assert self.parts and {p.name for p in self.parts} <= {"STANDARD", "DAYLIGHT"}
        assert any(p.name == "STANDARD" for p in self.parts)
        self.onsets = sorted(
            (onset for part in self.parts for onset in _onsets(part, last_year)), key=lambda o: o.at
        )

    def _last(self, key: str, value: datetime) -> Onset:
        low, high = 0, len(self.onsets)
        while low < high:
            middle = (low + high) // 2
            low, high = (
                (middle + 1, high) if getattr(self.onsets[middle], key) <= value else (low, middle)
            )
        assert low, "before the first onset nothing is defined"
        return self.onsets[low - 1]

    def offset_at(self, at: datetime) -> timedelta:
        """The offset at an instant."""
        return self._last("at", at).after

    def name_at(self, at: datetime) -> str:
        return self._last("at", at).name

    def instant(self, wall: datetime) -> datetime:
        """The instant of a wall time, as programs find it.

        The part whose onset, in wall time, came last.
        """
        return (
            wall.replace(tzinfo=UTC)
            - max((o for o in self.onsets if o.wall <= wall), key=lambda o: o.wall).after
        )

    def outlook(self) -> dict[str, Component]:
        """What Outlook keeps of a definition.

        The STANDARD and the DAYLIGHT part with the latest DTSTART.
        """
        latest: dict[str, Component] = {}
        for part in sorted(self.parts, key=lambda p: p.get("DTSTART")):
            latest[part.name] = part
        return latest


def _onsets(part: Component, last_year: int) -> list[Onset]:
    assert {key for key, _, _ in part.properties} <= {
        "DTSTART",
        "TZOFFSETFROM",
        "TZOFFSETTO",
        "TZNAME",
        "RRULE",
    }
    first, before, after = (
        _wall(part.get("DTSTART")),
        _offset(part.get("TZOFFSETFROM")),
        _offset(part.get("TZOFFSETTO")),
    )
    walls = [first]
    if rule := part.get("RRULE"):
        match = re.fullmatch(r"FREQ=YEARLY;BYMONTH=(\d+);BYDAY=(-1|[1-4])([A-Z]{2})", rule)
        assert match, "a rule that Outlook cannot read"
        walls = [
            _nth(year, int(match[1]), int(match[2]), match[3], first)
            for year in range(first.year, last_year + 1)
        ]
        assert walls[0] == first, "DTSTART is not an instance of its own rule"
    return [
        Onset(wall, wall.replace(tzinfo=UTC) - before, before, after, part.text("TZNAME"))
        for wall in walls
    ]


def _nth(year: int, month: int, nth: int, weekday: str, like: datetime) -> datetime:
    days = [
        day
        for n in range(31)
        if (day := date(year, month, 1) + timedelta(days=n)).month == month
        and _WEEKDAYS[day.weekday()] == weekday
    ]
    return datetime.combine(days[nth if nth < 0 else nth - 1], like.time())


@dataclass(frozen=True)
class Entry:
    """A VEVENT. Whole days have dates for `starts` and `ends`."""

    uid: str
    starts: datetime | date
    ends: datetime | date
    title: str
    description: str
    location: str
    status: str
    is_free: bool
    sequence: int
    changed_at: datetime


def entries(body: bytes) -> list[Entry]:
    """Every VEVENT of a feed."""
    calendar = parse(body)
    zones = {zone.get("TZID"): Zone(zone) for zone in calendar.walk("VTIMEZONE")}
    assert len(zones) == len(calendar.walk("VTIMEZONE"))
    return [_entry(component, zones) for component in calendar.walk("VEVENT")]


def _entry(component: Component, zones: dict[str, Zone]) -> Entry:
    for forbidden in ("CLASS", "ORGANIZER", "ATTENDEE", "URL", "DURATION", "RRULE"):
        assert component.get(forbidden) is None
    starts, ends = _when(component, "DTSTART", zones), _when(component, "DTEND", zones)
    assert type(starts) is type(ends) and ends > starts
    assert component.get("STATUS") in ("CONFIRMED", "TENTATIVE", "CANCELLED")
    assert component.get("DTSTAMP") == component.get("LAST-MODIFIED")
    _utc(component.get("CREATED"))
    return Entry(
        component.get("UID"),
        starts,
        ends,
        component.text("SUMMARY"),
        component.text("DESCRIPTION") or "",
        component.text("LOCATION") or "",
        component.get("STATUS"),
        component.get("TRANSP") == "TRANSPARENT",
        int(component.get("SEQUENCE")),
        _utc(component.get("DTSTAMP")),
    )


def _utc(value: str) -> datetime:
    assert value.endswith("Z")
    return _wall(value[:-1]).replace(tzinfo=UTC)


def _when(component: Component, name: str, zones: dict[str, Zone]) -> datetime | date:
    ((_, parameters, value),) = [p for p in component.properties if p[0] == name]
    if parameters == {"VALUE": "DATE"}:
        assert re.fullmatch(r"\d{8}", value)
        return date(int(value[:4]), int(value[4:6]), int(value[6:]))
    if value.endswith("Z"):
        assert not parameters
        return _utc(value)
    assert set(parameters) == {"TZID"}, "floating time"
    return zones[parameters["TZID"]].instant(_wall(value))
