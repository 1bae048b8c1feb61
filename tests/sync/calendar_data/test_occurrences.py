"""Calendar data of others as busy time: occurrences, and data that cannot be read."""

import sys
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sync.calendar_data import documents, occurrences, plain_events
from sync.events.event import Unread, Window

WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 11, 1, tzinfo=UTC))
WHOSE = plain_events.Whose(ZoneInfo("Europe/Berlin"), {"robin@outside.test"})
ODD_ZONE = """BEGIN:VTIMEZONE
TZID:Mine
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:{0}
TZOFFSETTO:{0}
END:STANDARD
END:VTIMEZONE
"""


def document(*bodies, head=""):
    """Calendar data with these events."""
    events = "".join(f"BEGIN:VEVENT\nUID:1\n{body}\nEND:VEVENT\n" for body in bodies)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{events}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


MOST_CALLS = 1_000_000  # functions; a search day by day up to the year 9999 calls several millions


def calls(read):
    """The answer, and how many functions of Python were called for it."""
    count = 0

    def noted(frame, event, given):
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(noted)
    try:
        found = read()
    finally:
        sys.setprofile(before)
    return found, count


def times_of(found):
    return [(one.starts_at, one.ends_at) for one in found]


def read(data, window=WINDOW):
    """Events and what cannot be read, of one resource called "n.ics"."""
    with documents.alone():
        return [
            found
            for group in documents.groups(data, WHOSE.zone)
            for found in occurrences.occurrences(group, window, WHOSE, "n.ics", '"1"')
        ]


def starts(data):
    """When what takes place begins, in order."""
    return sorted(
        found.starts_at.strftime("%m-%d %H:%M")
        for found in read(data)
        if not isinstance(found, Unread)
    )


def unread(data):
    return {found.reason for found in read(data) if isinstance(found, Unread)}


class TestSingleEvents:
    @pytest.mark.parametrize(
        ("zone", "expected"),
        [
            ("Europe/Berlin", "12-03 09:00"),
            ("W. Europe Standard Time", "12-03 09:00"),
            ("/mozilla.org/20050126_1/Asia/Kathmandu", "12-03 04:15"),
            ('"(UTC+01:00) Amsterdam, Berlin, Bern"', "12-03 09:00"),
            ('"(UTC-03:30) Newfoundland"', "12-03 13:30"),
            ("GMT+0200", "12-03 08:00"),
            ("tzone://Microsoft/Utc", "12-03 09:00"),
            ("Nobody knows", "12-03 09:00"),
        ],
    )
    def test_a_zone_is_known_by_many_names_and_an_unknown_one_is_the_owners(self, zone, expected):
        hours = f"DTSTART;TZID={zone}:20261203T100000\nDTEND;TZID={zone}:20261203T110000"
        assert starts(document(hours)) == [expected]

    def test_a_zone_of_one_document_is_not_used_for_the_next(self):
        hours = "DTSTART;TZID=Mine:20261203T100000\nDTEND;TZID=Mine:20261203T110000"
        for offset, expected in (("+0100", "12-03 09:00"), ("-0500", "12-03 15:00")):
            assert starts(document(hours, head=ODD_ZONE.format(offset))) == [expected]

    def test_times_without_a_zone_are_on_the_clock_of_the_calendar_or_of_its_owner(self):
        hours = "DTSTART:20261203T100000\nDTEND:20261203T110000"
        assert starts(document(hours)) == ["12-03 09:00"]
        assert starts(document(hours, head="X-WR-TIMEZONE:Asia/Tokyo\n")) == ["12-03 01:00"]

    def test_days_stay_days(self):
        for end in ("", "\nDTEND;VALUE=DATE:20261204", "\nDTEND;VALUE=DATE:20261203"):
            (found,) = read(document(f"DTSTART;VALUE=DATE:20261203{end}"))
            assert (found.starts_on, found.ends_on) == (date(2026, 12, 3), date(2026, 12, 4))
        midnights = (
            "DTSTART;TZID=Europe/Berlin:20261203T000000\nDTEND;TZID=Europe/Berlin:20261205T000000"
        )
        (found,) = read(document(f"{midnights}\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE"))
        assert (found.starts_on, found.ends_on) == (date(2026, 12, 3), date(2026, 12, 5))

    def test_occurrences_outside_the_window_are_left_out(self):
        assert read(document("DTSTART:20251203T100000Z\nDTEND:20251203T110000Z")) == []

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("SUMMARY:Nothing", "no_start"),
            ("DTSTART:2026\nDTEND:20261203T110000Z", "bad_start"),
            ("DTSTART:20261203T110000Z\nDTEND:soon", "bad_end"),
            ("DTSTART:20261203T110000Z\nDURATION:long", "bad_end"),
            ("DTSTART:20261203T110000Z\nDTEND:20261203T100000Z", "backwards"),
            ("DTSTART;VALUE=DATE:20261203\nDTEND:20261203T100000Z", "bad_end"),
        ],
    )
    def test_without_its_time_an_event_is_told_as_unread(self, body, reason):
        assert read(document(body)) == [Unread("n.ics", reason)]

    def test_a_broken_event_spoils_no_other(self):
        good = "DTSTART:20261203T100000Z\nDTEND:20261203T110000Z"
        data = document(good) + b"garbage"
        with pytest.raises(documents.NoCalendar):
            read(data)
        broken = document(good, "DTSTART:20261204T100000Z\nTHIS IS NO LINE")
        assert starts(broken)[:1] == ["12-03 10:00"]

    def test_controls_and_wrong_encodings_are_read_around(self):
        body = "DTSTART:20261203T100000Z\nDTEND:20261203T110000Z\nSUMMARY:a\x07b\ufffec"
        (found,) = read(b"\xef\xbb\xbf" + document(body).replace(b"ab", b"a\xfcb"))
        assert found.title.replace("\ufffd", "") == "abc"


class TestBusy:
    HOURS = "DTSTART:20261203T100000Z\nDTEND:20261203T110000Z\n"

    @pytest.mark.parametrize(
        ("lines", "expected"),
        [
            ("", "busy"),
            ("TRANSP:TRANSPARENT", "free"),
            ("STATUS:TENTATIVE", "tentative"),
            ("X-MICROSOFT-CDO-BUSYSTATUS:OOF", "away"),
            ("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE", "elsewhere"),
            ("X-MICROSOFT-CDO-INTENDEDSTATUS:FREE", "free"),
            ("ATTENDEE;PARTSTAT=DECLINED:mailto:Robin@outside.test", "free"),
            ("ATTENDEE;PARTSTAT=TENTATIVE;EMAIL=robin@outside.test:urn:uuid:1", "tentative"),
            ("ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:robin@outside.test", "busy"),
            ("ATTENDEE;PARTSTAT=DECLINED:mailto:ana@outside.test", "busy"),
        ],
    )
    def test_what_an_event_does_to_its_owners_time(self, lines, expected):
        (found,) = read(document(self.HOURS + lines))
        assert found.busy == expected

    def test_what_is_called_off_takes_no_time(self):
        assert read(document(f"{self.HOURS}STATUS:CANCELLED")) == []


class TestRepeats:
    WEEKLY = "DTSTART;TZID=Europe/Berlin:20270318T100000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3"

    def test_occurrences_keep_their_wall_time_and_ids(self):
        found = read(document(self.WEEKLY))
        assert [(one.remote_id, one.series_id) for one in found] == [
            ("n.ics/20270318T090000Z", "n.ics"),
            ("n.ics/20270325T090000Z", "n.ics"),
            ("n.ics/20270401T080000Z", "n.ics"),
        ]

    def test_a_changed_occurrence_and_one_left_out_and_one_called_off(self):
        moved = "DTSTART:20270326T150000Z\nDURATION:PT1H\nRECURRENCE-ID:20270325T090000Z"
        off = "DTSTART:20270401T080000Z\nRECURRENCE-ID:20270401T080000Z\nSTATUS:CANCELLED"
        data = document(f"{self.WEEKLY}\nEXDATE:20270318T090000Z", moved, off)
        assert starts(data) == ["03-26 15:00"]
        assert read(data)[0].remote_id == "n.ics/20270325T090000Z"

    def test_a_changed_occurrence_without_its_series_takes_time_too(self):
        lone = "DTSTART:20270326T150000Z\nDURATION:PT1H\nRECURRENCE-ID:20270325T090000Z"
        assert [one.remote_id for one in read(document(lone))] == ["n.ics/20270325T090000Z"]

    def test_dates_alone_and_periods(self):
        first = "DTSTART:20261203T100000Z\nDTEND:20261203T103000Z\n"
        assert starts(document(f"{first}RDATE:20261210T100000Z")) == ["12-03 10:00", "12-10 10:00"]
        found = read(document(f"{first}RDATE;VALUE=PERIOD:20261210T100000Z/PT3H"))
        assert max(one.ends_at - one.starts_at for one in found) == timedelta(hours=3)

    @pytest.mark.parametrize("zone", ["", ";TZID=America/New_York", ";TZID=Pacific/Auckland"])
    @pytest.mark.parametrize("until", ["99991231T235959Z", "99991231T000000Z", "90000101T000000Z"])
    @pytest.mark.parametrize("frequency", ["SECONDLY", "MINUTELY", "DAILY", "WEEKLY", "YEARLY"])
    def test_a_rule_up_to_the_end_of_time_blocks_as_one_without_an_end(
        self, frequency, until, zone
    ):
        start = f"DTSTART{zone}:20261203T100000{'' if zone else 'Z'}\nDURATION:PT30M\n"
        endless = read(document(f"{start}RRULE:FREQ={frequency}"))
        bounded = read(document(f"{start}RRULE:FREQ={frequency};UNTIL={until}"))
        assert endless and times_of(bounded) == times_of(endless)

    @pytest.mark.parametrize("start", ["20261203T100000Z", "20261203T100000", "20261203"])
    @pytest.mark.parametrize(
        "end",
        [
            *("DURATION:P99999999D", "DURATION:P99999999W", "DURATION:P3000000D"),
            *("DTEND:99991231T235959Z", "DTEND:90000101T000000Z"),
        ],
    )
    @pytest.mark.parametrize("rule", ["", "RRULE:FREQ=YEARLY;COUNT=2\n"])
    def test_an_event_up_to_the_end_of_time_blocks_all_of_it(self, start, end, rule):
        value = ";VALUE=DATE" if len(start) == 8 else ""
        if end.startswith("DTEND"):
            time = end.removeprefix("DTEND:")
            end = f"DTEND{value}:{time[:8]}" if value else f"DTEND:{time[: len(start)]}"
        found = read(document(f"DTSTART{value}:{start}\n{rule}{end}"))
        busy = [one for one in found if not isinstance(one, Unread)]
        assert busy and (rule or busy == found)  # a repeat is also told as read in part
        assert all(one.ends_at > WINDOW.ends_at and one.ends_at.year < 9001 for one in busy)

    def test_one_event_beyond_all_time_stops_no_other(self):
        far = "DTSTART:99991231T230000Z\nDURATION:PT3H"
        assert [type(one) for one in read(document(far))] == [Unread]

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=SECONDLY",
            "FREQ=MINUTELY;COUNT=1000000000",
            "FREQ=HOURLY",
            "FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15;BYMINUTE=0,15,30,45",
        ],
    )
    def test_thousands_of_occurrences_are_one_busy_time(self, rule):
        (found,) = read(document(f"DTSTART:20261203T100000Z\nRRULE:{rule}"))
        assert (found.starts_at, found.ends_at) == (
            datetime(2026, 12, 3, 10, tzinfo=UTC),
            WINDOW.ends_at,
        )

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
            "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=40",
        ],
    )
    def test_rules_without_a_day_end_soon(self, rule):
        data = document(f"DTSTART:20261203T100000Z\nRRULE:{rule}")
        found, count = calls(lambda: starts(data))
        assert found == ["12-03 10:00"] and count < MOST_CALLS, count

    @pytest.mark.parametrize(
        "rule", ["FREQ=SOMETIMES", "FREQ=DAILY;INTERVAL=0", "FREQ=YEARLY;RSCALE=CHINESE"]
    )
    def test_a_rule_that_cannot_be_read_leaves_its_first_time_and_is_told(self, rule):
        data = document(f"DTSTART:20261203T100000Z\nRRULE:{rule}")
        assert (starts(data), unread(data)) == (["12-03 10:00"], {"shape"})
