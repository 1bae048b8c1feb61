"""Feeds as text, judged by three readers that know nothing of one another.

icalendar, vobject, and a strict one of our own.
"""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from hypothesis import example, given
from hypothesis import strategies as st
from rfc5545 import Zone, entries, parse, unescaped, unfolded

from base.scheduling import instant, whole_days
from base.text import clean
from sync.events.event import Event, Face
from sync.feeds import ical

GOLDEN = Path(__file__).parents[2] / "golden"
CHANGED = datetime(2026, 11, 20, 11, 40, tzinfo=UTC)
TRICKY = (
    "Bobby; DTSTART:x\n🎂",
    "a\\nb",
    "back\\slash\\",
    'comma, semi; colon: "quote" ^ 100%',
    "王小明" * 40,
    "👩‍⚕️🏳️‍🌈é́" * 20,
    "\\" * 160,
    ";" * 160,
    "\n" * 90 + "x",
    " leading",
    "x" * 66,
    "é" * 33,
    "END:VEVENT\nBEGIN:VEVENT",
    "tab\there",
    "\u200fנועה",
)


def event(
    uid: str = "u",
    starts_at: datetime = CHANGED,
    minutes: int = 50,
    zone: str = "Europe/London",
    title: str = "Shoulder",
    **fields,
) -> Event:
    fields = {
        "sequence": 0,
        "status": "confirmed",
        "face": Face(title),
        "ends_at": starts_at + timedelta(minutes=minutes),
        "created_at": CHANGED,
        "changed_at": CHANGED,
        **fields,
    }
    return Event(uid=uid, starts_at=starts_at, zone_name=zone, **fields)


def days(uid: str, first: date, last: date, zone: str = "Europe/London", **fields) -> Event:
    span = whole_days(first, last, ZoneInfo(zone))
    return event(
        uid,
        span.starts_at,
        zone=zone,
        ends_at=span.ends_at,
        starts_on=span.starts_on,
        ends_on=span.ends_on,
        **fields,
    )


# ---- lines and text ----


bookable_text = st.text(st.characters(codec="utf-8"), max_size=120).map(
    lambda value: clean(value, 500)
)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=400))
@example("\\" * 200)
@example("é" * 200)
@example("a" * 74 + "🎂" * 30)
def test_a_folded_line_is_the_line_again(value):
    text = "SUMMARY:" + ical.escaped(value)
    body = ical.folded(text).encode()
    assert unfolded(body) == [text]


def test_a_line_is_folded_only_when_it_must_be():
    assert ical.folded("X:" + "a" * 73) == "X:" + "a" * 73 + "\r\n"
    assert ical.folded("X:" + "a" * 74) == "X:" + "a" * 72 + "\r\n aa\r\n"
    assert ical.folded("X:" + "a" * 71 + "é") == "X:" + "a" * 71 + "é\r\n"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
@example("bell\x07 nul\x00 escape\x1b\x7f return\r")
def test_no_control_character_gets_out_whatever_a_row_holds(value):
    allowed = "".join(c for c in value if c in "\t\n" or not (ord(c) < 32 or ord(c) == 127))
    assert unescaped(ical.escaped(value)) == allowed


@given(bookable_text, bookable_text, bookable_text)
@example(*TRICKY[:3])
@example(*TRICKY[3:6])
@example(*TRICKY[6:9])
@example(*TRICKY[9:12])
@example(*TRICKY[12:15])
def test_any_text_comes_through_every_reader_unchanged(title, description, location):
    body = ical.calendar(
        "Linden", "Europe/London", [event(face=Face(title or "Busy", description, location))]
    )
    expected = (title or "Busy", description, location)
    assert [reader(body) for reader in (_texts_icalendar, _texts_vobject, _texts_strict)] == [
        expected
    ] * 3


def _texts_icalendar(body: bytes) -> tuple[str, ...]:
    (found,) = icalendar.Calendar.from_ical(body).walk("VEVENT")
    return tuple(str(found.get(name, "")) for name in ("SUMMARY", "DESCRIPTION", "LOCATION"))


def _texts_vobject(body: bytes) -> tuple[str, ...]:
    found = vobject.readOne(body.decode()).vevent
    return tuple(found.getChildValue(name, "") for name in ("summary", "description", "location"))


def _texts_strict(body: bytes) -> tuple[str, ...]:
    (found,) = entries(body)
    return found.title, found.description, found.location


@given(bookable_text)
@example("Linden; NAME:x, \\ 🎂" * 9)
def test_a_name_of_a_calendar_comes_through(name):
    body = ical.calendar(name, "Europe/London", [])
    assert parse(body).text("NAME") == parse(body).text("X-WR-CALNAME") == name
    # Which it reads, but takes for no text.
    assert unescaped(icalendar.Calendar.from_ical(body)["NAME"]) == name


# ---- instants ----


def _span_icalendar(body: bytes) -> dict[str, tuple]:
    """By the zone's name."""
    return {
        str(e["UID"]): (e.start, e.end) for e in icalendar.Calendar.from_ical(body).walk("VEVENT")
    }


def _span_icalendar_defined(body: bytes) -> dict[str, tuple]:
    """By the zone's definition, as icalendar understands one."""
    calendar = icalendar.Calendar.from_ical(body)
    zones = {zone.tz_name: zone.to_tz(lookup_tzid=False) for zone in calendar.walk("VTIMEZONE")}

    def applied(value):
        if "TZID" not in value.params:
            return value.dt
        return value.dt.replace(tzinfo=zones[value.params["TZID"]])

    return {
        str(e["UID"]): (applied(e["DTSTART"]), applied(e["DTEND"])) for e in calendar.walk("VEVENT")
    }


def _span_vobject(body: bytes) -> dict[str, tuple]:
    """By the zone's definition.

    It remembers the first definition of a name for good, so what it learnt before must go.
    """
    known = getattr(vobject.icalendar, "__tzidMap")
    for name in set(known) - {"UTC"}:
        del known[name]
    found = vobject.readOne(body.decode())
    return {e.uid.value: (e.dtstart.value, e.dtend.value) for e in found.contents.get("vevent", [])}


def _span_strict(body: bytes) -> dict[str, tuple]:
    """By the zone's definition."""
    return {e.uid: (e.starts, e.ends) for e in entries(body)}


READERS = (_span_icalendar, _span_icalendar_defined, _span_vobject, _span_strict)


def agree(events: list[Event]) -> None:
    """Every reader finds every event where it is."""
    body = ical.calendar("Linden", events[0].zone_name, events)
    expected = {e.uid: (e.starts_on or e.starts_at, e.ends_on or e.ends_at) for e in events}
    for reader in READERS:
        found = {
            uid: tuple(at if type(at) is date else at.astimezone(UTC) for at in ends)
            for uid, ends in reader(body).items()
        }
        assert {
            uid: (found.get(uid), ends) for uid, ends in expected.items() if found.get(uid) != ends
        } == {}, reader.__name__


CLOCK_CHANGES = [
    ("Europe/London", "2027-03-28T01:00Z"),
    ("Europe/London", "2027-10-31T01:00Z"),
    ("America/New_York", "2027-03-14T07:00Z"),
    ("America/New_York", "2027-11-07T06:00Z"),
    ("Australia/Lord_Howe", "2027-04-03T15:00Z"),
    ("Australia/Lord_Howe", "2027-10-02T15:30Z"),
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),
    ("America/Sao_Paulo", "2019-02-17T02:00Z"),
    ("America/Santiago", "2026-09-06T04:00Z"),
    ("America/Havana", "2026-03-08T05:00Z"),
    ("America/Havana", "2027-11-07T05:00Z"),
    ("Africa/Casablanca", "2026-03-22T02:00Z"),
    ("Asia/Beirut", "2027-03-27T22:00Z"),
    ("Europe/Dublin", "2027-10-31T01:00Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
]


@pytest.mark.parametrize(("zone", "change"), CLOCK_CHANGES)
def test_every_reader_finds_bookings_around_a_clock_change(zone, change):
    change, real = datetime.fromisoformat(change), ZoneInfo(zone)
    assert (change - timedelta(minutes=1)).astimezone(real).utcoffset() != change.astimezone(
        real
    ).utcoffset()
    offsets = [0, *(sign * n for n in (15, 60, 150) for sign in (-1, 1))]
    agree(
        [
            event(f"{n} for {length}", change + timedelta(minutes=n), length, zone)
            for n in offsets
            for length in (20, 45, 90, 600)
        ]
    )


def test_every_reader_finds_bookings_over_years_of_changing_rules():
    for zone, first, last in (
        ("America/New_York", 2005, 2010),
        ("America/Sao_Paulo", 2017, 2020),
        ("Europe/London", 1994, 1997),
        ("America/Havana", 2024, 2028),
        ("Pacific/Apia", 2010, 2013),
        ("Asia/Gaza", 2024, 2028),
    ):
        begin = datetime(first, 1, 1, 9, 30, tzinfo=UTC)
        agree(
            [
                event(str(n), begin + timedelta(days=n), zone=zone)
                for n in range(0, (last - first + 1) * 365, 5)
            ]
        )


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/London",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
        "UTC",
    ],
)
def test_every_reader_finds_days_nights_and_midnights(zone):
    def at(day, hour):
        return instant(date(2027, 3, day), time(hour), ZoneInfo(zone))[0]

    agree(
        [
            days("one", date(2027, 3, 28), date(2027, 3, 28), zone),
            days("three", date(2027, 10, 30), date(2027, 11, 1), zone),
            days("year's end", date(2026, 12, 31), date(2027, 1, 1), zone),
            event("night", at(1, 22), 600, zone),
            event("to midnight", at(2, 23), 60, zone),
            event("midnight to midnight", at(3, 0), 24 * 60, zone),
        ]
    )


def test_several_zones_in_one_feed():
    zones = ("America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/London", "UTC")
    events = [
        event(zone, datetime(2027, 7, 1, hour, tzinfo=UTC), zone=zone)
        for hour, zone in enumerate(zones)
    ]
    agree(events)
    defined = [
        zone.get("TZID") for zone in parse(ical.calendar("x", "UTC", events)).walk("VTIMEZONE")
    ]
    assert defined == list(zones[:-1])  # UTC needs none


@given(
    st.lists(
        st.tuples(st.integers(1_400_000_000, 2_000_000_000), st.integers(1, 4000)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(
        (
            "Europe/London",
            "America/New_York",
            "Australia/Lord_Howe",
            "America/Sao_Paulo",
            "America/Santiago",
            "Asia/Gaza",
        )
    ),
)
def test_every_reader_finds_any_booking(moments, zone):
    agree(
        [
            event(str(n), datetime.fromtimestamp(at, UTC), minutes, zone)
            for n, (at, minutes) in enumerate(moments)
        ]
    )


def test_a_repeated_hour_goes_out_in_utc_and_any_other_with_its_zone():
    twice = ical.vevent(event(starts_at=datetime(2027, 10, 31, 0, 30, tzinfo=UTC)))
    assert "DTSTART:20271031T003000Z\r\nDTEND:20271031T012000Z\r\n" in twice
    over = ical.vevent(event(starts_at=datetime(2027, 10, 30, 22, tzinfo=UTC), minutes=300))
    assert (
        "DTSTART;TZID=Europe/London:20271030T230000\r\nDTEND;TZID=Europe/London:20271031T030000\r\n"
        in over
    )


def test_whole_days_are_dates_with_the_end_left_out():
    assert "DTSTART;VALUE=DATE:20270105\r\nDTEND;VALUE=DATE:20270106\r\n" in ical.vevent(
        days("d", date(2027, 1, 5), date(2027, 1, 5))
    )


def test_midnight_to_midnight_by_the_clock_stays_a_timed_booking():
    text = ical.vevent(event(starts_at=datetime(2027, 1, 5, tzinfo=UTC), minutes=24 * 60))
    assert (
        "DTSTART;TZID=Europe/London:20270105T000000\r\nDTEND;TZID=Europe/London:20270106T000000\r\n"
        in text
    )


# ---- the calendar around them ----


@pytest.mark.parametrize("zone", ["Europe/London", "America/Santiago", "Asia/Kolkata", "UTC"])
def test_an_empty_feed_still_holds_a_component(zone):
    body = ical.calendar("Linden", zone, [])
    (definition,) = parse(body).children
    assert definition.name == "VTIMEZONE" and Zone(definition).parts
    assert parse(body).get("X-WR-TIMEZONE") == zone
    assert vobject.readOne(body.decode()).vtimezone
    assert icalendar.Calendar.from_ical(body).walk("VTIMEZONE")


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        ("confirmed", ["STATUS:CONFIRMED", "TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:BUSY"]),
        (
            "tentative",
            ["STATUS:TENTATIVE", "TRANSP:OPAQUE", "X-MICROSOFT-CDO-BUSYSTATUS:TENTATIVE"],
        ),
        (
            "cancelled",
            ["STATUS:CANCELLED", "TRANSP:TRANSPARENT", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"],
        ),
    ],
)
def test_a_status_says_whether_the_time_is_busy(status, lines):
    assert set(lines) < set(ical.vevent(event(status=status)).split("\r\n"))


def test_every_byte_is_a_function_of_the_events():
    made = [
        ical.calendar(
            "Linden",
            "Europe/London",
            iter([event("a"), days("b", date(2027, 1, 5), date(2027, 1, 6))]),
        )
        for _ in range(2)
    ]
    assert made[0] == made[1]


def sample() -> list[Event]:
    """A small feed with everything that is awkward in it."""
    at = datetime.fromisoformat
    return [
        event("spring-before", at("2027-03-28T00:30Z"), 20),
        event("spring-over", at("2027-03-28T00:45Z"), 45),
        event("spring-after", at("2027-03-28T01:00Z")),
        event("autumn-first", at("2027-10-31T00:15Z"), 30),
        event("autumn-second", at("2027-10-31T01:15Z"), 30),
        event("autumn-over", at("2027-10-30T23:30Z"), 180),
        event("abroad", at("2027-07-01T14:00Z"), zone="America/New_York", title="Knee · M. W."),
        event(
            "cancelled",
            at("2026-12-01T09:00Z"),
            status="cancelled",
            sequence=3,
            title="Cancelled: Shoulder",
        ),
        event(
            "tentative",
            at("2026-12-01T10:00Z"),
            status="tentative",
            face=Face("Shoulder", "Status: Pending\nRate: 65.00 GBP", "4 Linden Street, London"),
        ),
        days("day", date(2027, 1, 5), date(2027, 1, 5), title="Locum day"),
        days("days", date(2027, 3, 27), date(2027, 3, 29), title="Congress"),
        event("midnight", at("2027-02-01T22:00Z"), 240),
        event(
            "long", at("2027-02-02T09:00Z"), title='Ärztliche Untersuchung; 王小明, "long" \\ ' * 3
        ),
    ]


@pytest.mark.parametrize(("name", "events"), [("sample", sample()), ("empty", [])])
def test_a_feed_is_the_golden_file_to_the_last_byte(name, events):
    """After an intended change of the format delete the file, run this once, and read the
    difference before keeping it.
    """
    body, path = ical.calendar("Linden Street", "Europe/London", events), GOLDEN / f"{name}.ics"
    if not path.exists():
        path.write_bytes(body)
        pytest.fail(f"{path.name} was not there and has been written: read it, then keep it")
    assert body == path.read_bytes()


def test_the_sample_is_read_alike_by_all():
    agree(sample())
