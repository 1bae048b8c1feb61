"""Services that never have a free time, even without any booking: no calendar offers them, the
limits of online booking leave nothing, or no working hours are long enough.

Weekly hours are checked. A calendar with other hours on future dates counts as possible.
"""

from datetime import timedelta

from base import opening_hours, scheduling
from base.opening_hours import Hours, Walls
from base.tables.time_off import DatedHours
from base.working_time import common
from models import Clinic, Practitioner, Service

from .own_terms import OwnTerms, ServiceTerms
from .rules import OnlineSettings, leaves_nothing

_DAY = 24 * 60
Needs = list[tuple[int, Practitioner]]  # minutes in a calendar


def without_times(clinic: Clinic) -> dict[int, tuple[Service, str]]:
    """Services without any free time, by id, each with the reason: "nobody" or "hours" concern
    everybody; "people", "limits" and "house" only clients who may book the service online. Five
    queries.
    """
    services = list(Service.listed(clinic))
    calendars = list(Practitioner.listed(clinic))
    settings = OnlineSettings.of(clinic)
    own = {
        (row.service_id, row.practitioner_id): row
        for row in OwnTerms.select().where(OwnTerms.clinic == clinic)
    }
    dated = _dated(clinic)
    found = {}
    for service in services:
        terms = (ServiceTerms.of(one, service, own.get((service.id, one.id))) for one in calendars)
        needs = [(one.minutes, one.calendar) for one in terms if one.is_offered]
        if not needs:
            why = "nobody"
        elif not _fit(needs, dated, is_online=False):
            why = "hours"
        else:
            why = _why_online(service, needs, dated, settings)
        if why:
            found[service.id] = service, why
    return found


def _dated(clinic: Clinic) -> set[tuple[str, int]]:
    """Calendars and venues that have other hours on a future date."""
    today = scheduling.utc_now().date() - timedelta(days=1)
    rows = DatedHours.select(DatedHours.practitioner, DatedHours.venue, DatedHours.hours).where(
        DatedHours.clinic == clinic, DatedHours.day >= today
    )
    of_calendars = {("calendar", row.practitioner_id) for row in rows if row.hours}
    of_venues = {("venue", row.venue_id) for row in rows if row.hours}
    return {(kind, key) for kind, key in of_calendars | of_venues if key is not None}


def _why_online(
    service: Service, needs: Needs, dated: set[tuple[str, int]], settings: OnlineSettings
) -> str:
    if not (settings.is_on and service.bookable_online):
        return ""
    notice, horizon = service.online_notice_hours, service.online_horizon_days
    if leaves_nothing(
        settings.notice_hours if notice is None else notice,
        settings.horizon_days if horizon is None else horizon,
    ):
        return "limits"
    online = [(minutes, one) for minutes, one in needs if one.takes_online]
    if not online:
        return "people"
    return "" if _fit(online, dated, is_online=True) else "house"


def _fit(needs: Needs, dated: set[tuple[str, int]], is_online: bool) -> bool:
    """Whether a visit fits into the hours of some calendar, or may fit on a future date."""
    for minutes, one in needs:
        if ("calendar", one.id) in dated or (is_online and ("venue", one.venue_id) in dated):
            return True
        house = one.venue.hours if is_online and any(one.venue.hours.values()) else None
        if minutes <= _longest(one.hours, house):
            return True
    return False


def _longest(hours: Hours, house: Hours | None) -> int:
    """The longest opening of a week in minutes. Hours continue past midnight."""
    stretches: list[tuple[int, int]] = []
    for number, name in enumerate([*opening_hours.WEEKDAYS, *opening_hours.WEEKDAYS]):
        walls: Walls = hours.get(name, [])
        walls = walls if house is None else common(walls, house.get(name, []))
        stretches += [
            (number * _DAY + a, number * _DAY + b) for a, b in map(opening_hours.minutes_of, walls)
        ]
    longest, begun, until = 0, 0, -1
    for opens, closes in sorted(stretches):
        if opens > until:
            begun = opens
        until = max(until, closes)
        longest = max(longest, until - begun)
    return longest
