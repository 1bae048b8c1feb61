"""The rules of online booking, and the free times that they leave."""

from datetime import UTC, date, datetime, timedelta

import external
import pytest

from base.scheduling import Span
from base.tables.time_off import DatedHours
from free_times.finding import Wish, free_times
from free_times.own_terms import ServiceTerms, online_terms
from free_times.rules import OnlineRules, OnlineSettings, needs_approval
from free_times.why import reasons
from models import Booking, Service

NINE = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)  # a Thursday; London is on UTC then
THURSDAY = date(2026, 11, 26)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FREELY = OnlineRules(timedelta(), 365 * DAY)


@pytest.fixture
def service(linden, clock):
    return Service.create(clinic=linden.clinic, name="First", bookable_online=True)


def starts(calendar, rules, now=NINE, days: float = 0.9, first=NINE) -> list[str]:
    found = free_times([Wish(calendar, 60, rules=rules)], first, first + days * DAY, 60, now=now)
    return [f"{one.starts_at:%a %H:%M}" for one in found]


def kinds(calendar, rules, at, now=NINE) -> list[str]:
    (found,) = reasons([Wish(calendar, 60, rules=rules)], at, 60, earliest=now)
    return [one.kind for one in found]


def open_at(calendar, hours) -> None:
    """Hours of the practitioner, and of the venue."""
    for row in (calendar, calendar.venue):
        row.hours = hours
        row.save()


def online(calendar, at, **fields) -> Booking:
    (row,) = Booking.book(calendar, [Span(at, at + HOUR)], None, **fields)
    Booking.update(online=True).where(Booking.id == row.id).execute()
    return row


def test_notice_and_horizon_are_counted_from_now_wherever_one_looks(linden, clock):
    rules = OnlineRules(5 * HOUR, DAY + 2 * HOUR)
    assert starts(linden.calendar, rules, days=3) == [
        *("Thu 14:00", "Thu 15:00", "Thu 16:00", "Fri 09:00", "Fri 10:00", "Fri 11:00")
    ]
    assert starts(linden.calendar, rules, days=3, first=NINE + 25 * HOUR) == [
        *("Fri 10:00", "Fri 11:00")
    ]
    assert starts(linden.calendar, None, days=0.2) == [f"Thu {n:02}:00" for n in range(9, 14)]
    assert kinds(linden.calendar, rules, NINE + 4 * HOUR) == ["notice"]
    assert kinds(linden.calendar, rules, NINE - HOUR) == ["past", "hours"]
    assert kinds(linden.calendar, rules, NINE + DAY + 3 * HOUR) == ["horizon"]
    assert kinds(linden.calendar, rules, NINE + 5 * HOUR) == []
    assert kinds(linden.calendar, None, NINE + 30 * DAY + HOUR) == ["hours"]  # a Saturday


def test_without_now_the_present_counts(linden, clock):
    clock.now = NINE + 3 * HOUR
    wish = Wish(linden.calendar, 60, rules=OnlineRules(HOUR, DAY))
    found = next(free_times([wish], NINE, NINE + DAY, 60))
    assert found.starts_at == NINE + 4 * HOUR
    assert reasons([wish], NINE + 3.5 * HOUR, 30)[0][0].kind == "notice"


def test_a_day_with_as_many_online_bookings_as_may_be_is_full(linden, clock):
    rules = OnlineRules(timedelta(), 60 * DAY, 2)
    online(linden.calendar, NINE)
    Booking.book(linden.calendar, [Span(NINE + HOUR, NINE + 2 * HOUR)], None)  # the team's
    assert len(starts(linden.calendar, rules)) == 6
    second = online(linden.calendar, NINE + 2 * HOUR)
    assert starts(linden.calendar, rules, days=1.1)[0] == "Fri 09:00"
    assert kinds(linden.calendar, rules, NINE + 4 * HOUR) == ["full"]
    assert starts(linden.calendar, None)[0] == "Thu 12:00"
    Booking.update(status="cancelled").where(Booking.id == second.id).execute()
    assert starts(linden.calendar, rules)[0] == "Thu 11:00"


def test_a_day_is_one_of_the_venue_and_of_one_calendar(linden, clock):
    rules = OnlineRules(timedelta(), 60 * DAY, 1)
    at = datetime(2026, 11, 27, 3, tzinfo=UTC)  # still Thursday in New York
    open_at(linden.abroad, {"thu": [["16:00", "23:00"]], "fri": [["09:00", "11:00"]]})
    online(linden.abroad, at)
    assert starts(linden.abroad, rules, days=2) == ["Fri 14:00", "Fri 15:00"]
    assert "Thu 12:00" in starts(linden.colleague_calendar, rules)  # the same person elsewhere


def test_a_full_day_over_a_change_of_the_clocks_ends_at_its_midnight(linden, clock):
    rules = OnlineRules(timedelta(), 60 * DAY, 1)
    sunday = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 25 hours long, 01:30 comes twice
    open_at(linden.calendar, {"sun": [["00:00", "00:00"]], "mon": [["00:00", "02:00"]]})
    online(linden.calendar, sunday)
    found = starts(linden.calendar, rules, sunday - DAY, 2, sunday)
    assert found == ["Mon 00:00", "Mon 01:00"]


def test_events_outside_take_no_time_online_where_the_clinic_says_so(linden, clock):
    event = "Dentist", f"{THURSDAY} 09:00", f"{THURSDAY} 17:00"
    external.event(external.source(linden.pat), *event)
    assert starts(linden.calendar, FREELY, days=0.9) == []
    assert len(starts(linden.calendar, OnlineRules(timedelta(), DAY, None, False))) == 8
    assert kinds(linden.calendar, OnlineRules(timedelta(), DAY, None, False), NINE) == []


def test_the_hours_of_the_venue_bound_what_clients_book(linden, clock):
    linden.calendar.set_hours(linden.pat, {"thu": [["07:00", "20:00"]]})
    linden.street.change(
        None,
        name=linden.street.name,
        address="",
        zone_name="Europe/London",
        hours={"thu": [["12:00", "14:00"]]},
    )
    calendar = type(linden.calendar).get_by_id(linden.calendar.id)
    assert starts(calendar, FREELY) == ["Thu 12:00", "Thu 13:00"]
    assert len(starts(calendar, None)) == 11
    assert kinds(calendar, FREELY, NINE) == ["hours"] and kinds(calendar, None, NINE) == []
    DatedHours.add(linden.street, THURSDAY, [["16:00", "22:00"]], None)
    assert starts(calendar, FREELY) == [f"Thu {n}:00" for n in range(16, 20)]


def test_a_venue_without_hours_bounds_nobody(linden, clock):
    linden.street.hours = {}
    linden.street.save()
    calendar = type(linden.calendar).get_by_id(linden.calendar.id)
    assert len(starts(calendar, FREELY, days=0.9)) == 8


def test_the_service_goes_before_the_clinic(linden, service):
    settings = OnlineSettings.of(linden.clinic)
    rules = OnlineRules.of(settings, service, linden.calendar)
    assert rules == OnlineRules(2 * HOUR, 60 * DAY, None, True)
    service.change(None, online_notice_hours=0, online_horizon_days=7)
    linden.calendar.set_online(
        linden.maya, takes_online=True, takes_new_online=False, online_most=3
    )
    assert OnlineRules.of(settings, service, linden.calendar) == (
        OnlineRules(timedelta(), 7 * DAY, 3, True)
    )
    settings.outside_blocks = False
    assert not OnlineRules.of(settings, service, linden.calendar).outside_blocks


@pytest.mark.parametrize(
    ("approval", "clinic", "needed"),
    [
        ("clinic", True, True),
        ("clinic", False, False),
        ("always", False, True),
        ("never", True, False),
    ],
)
def test_who_confirms(linden, service, approval, clinic, needed):
    service.online_approval = approval
    settings = OnlineSettings(clinic=linden.clinic, needs_approval=clinic)
    assert needs_approval(settings, service) is needed


def test_only_who_takes_online_bookings_is_offered(linden, service):
    def offered() -> list[str]:
        return [one.calendar.user.name for one in online_terms(service)]

    assert offered() == ["Pat Linden", "Quinn Linden", "Quinn Linden"]
    linden.abroad.set_online(None, takes_online=False, takes_new_online=True, online_most=None)
    assert offered() == ["Pat Linden", "Quinn Linden"]
    service.bookable_online = False
    assert offered() == []
    service.bookable_online = service.archived = True
    assert offered() == []


def test_a_wish_of_a_client_keeps_the_gaps_and_the_own_length(linden, service):
    service.gap_before_minutes = 10
    terms = ServiceTerms(linden.calendar, 25, 0)
    wish = Wish.online(terms, service, OnlineSettings.of(linden.clinic))
    assert (wish.minutes, wish.before) == (25, 10)
    assert wish.rules == OnlineRules(2 * HOUR, 60 * DAY)


def test_settings_are_stored_once_and_told_apart_by_clinic(linden, stranger, clock):
    assert not OnlineSettings.of(linden.clinic).is_on
    assert OnlineSettings.select().count() == 0
    row = OnlineSettings.stored(linden.clinic)
    row.change(linden.maya, is_on=True, embed_origins=["https://linden.test"])
    assert OnlineSettings.stored(linden.clinic).id == row.id
    assert OnlineSettings.of(linden.clinic).embed_origins == ["https://linden.test"]
    assert not OnlineSettings.of(stranger.clinic).is_on
