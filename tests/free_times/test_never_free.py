"""Services without any free time, whatever anybody books."""

from datetime import date, timedelta

import pytest

from base.tables.time_off import DatedHours
from free_times import never_free, own_terms
from free_times.rules import OnlineSettings
from models import Practitioner, Service

# Rules, not statements.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def service(linden, clock):
    """An hour, online; one person works on Mondays from 9 to 12, and the venue is open then."""
    Practitioner.update(hours={}).execute()
    hours = {"mon": [["09:00", "12:00"]]}
    Practitioner.update(hours=hours).where(Practitioner.id == linden.calendar.id).execute()
    linden.street.hours = hours
    linden.street.save()
    OnlineSettings.create(clinic=linden.clinic, is_on=True)
    Service.update(archived=True).execute()
    return Service.create(
        clinic=linden.clinic, name="First", duration_minutes=60, bookable_online=True
    )


def why(linden) -> str:
    return next((why for _, why in never_free.without_times(linden.clinic).values()), "")


def hours(linden, **week) -> None:
    Practitioner.update(hours=week).where(Practitioner.id == linden.calendar.id).execute()


def test_a_service_that_fits_says_nothing(linden, service):
    assert why(linden) == ""


def test_longer_than_any_working_hours(linden, service):
    service.duration_minutes = 180
    service.save()
    assert why(linden) == ""
    hours(linden, mon=[["09:00", "10:30"], ["10:31", "13:00"]])
    assert why(linden) == "hours"


def test_hours_that_touch_each_other_or_midnight_are_one(linden, service):
    linden.street.hours = {}
    linden.street.save()
    service.duration_minutes = 180
    service.save()
    hours(linden, sun=[["22:30", "00:00"]], mon=[["00:00", "01:30"]])
    assert why(linden) == ""
    hours(linden, sun=[["22:30", "00:00"]], mon=[["00:01", "01:30"]])
    assert why(linden) == "hours"


def test_an_own_length_counts(linden, service):
    own_terms.set_own_terms(service, None, False, {linden.calendar.id: (240, None)})
    assert why(linden) == "hours"


def test_nobody_offers_it(linden, service):
    own_terms.set_own_terms(service, None, False, {})
    assert why(linden) == "nobody"
    own_terms.set_own_terms(service, None, False, {linden.calendar.id: (None, None)})
    linden.calendar.set_archived(True, None)
    assert why(linden) == "nobody"


def test_limits_of_the_clinic_that_meet(linden, service):
    OnlineSettings.update(notice_hours=24 * 60).execute()
    assert why(linden) == "limits"
    Service.update(online_horizon_days=61).execute()
    assert why(linden) == ""


def test_nobody_who_takes_online_bookings_offers_it(linden, service):
    Practitioner.update(takes_online=False).execute()
    assert why(linden) == "people"


def test_hours_outside_those_of_the_venue_are_for_the_team_alone(linden, service):
    linden.street.hours = {"tue": [["09:00", "18:00"]]}
    linden.street.save()
    assert why(linden) == "house"
    Service.update(bookable_online=False).execute()
    assert why(linden) == ""


def test_hours_on_a_date_to_come_may_have_a_time(linden, service):
    hours(linden)
    assert why(linden) == "hours"
    DatedHours.create(
        clinic=linden.clinic,
        practitioner=linden.calendar,
        day=date(2026, 12, 5),
        hours=[["09:00", "13:00"]],
    )
    assert why(linden) == ""
    DatedHours.update(day=date(2026, 11, 20) - timedelta(days=9)).execute()
    assert why(linden) == "hours"
