"""Time off and hours on dates as rows: read for many, changed, removed and brought back."""

import logging
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from peewee import DoesNotExist

from base.database import AlreadyUsed
from base.scheduling import BadTime, Span
from base.tables.audit import AuditEntry
from base.tables.time_off import DatedHours, TimeOff, rota, rotas
from models import Practitioner, User

START, END = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)


def lunch(user, **more):
    fields = {"first_on": date(2026, 11, 2), "starts": "12:00", "ends": "13:00", "weekly": True}
    fields |= {"last_on": date(2026, 11, 2), "zone_name": "Europe/London", "kind": "lunch"} | more
    return TimeOff.add(user, user, **fields)


def days(user, first, last, **more):
    return TimeOff.add(user, user, kind="leave", first_on=first, last_on=last, **more)


def test_rotas_of_many_take_two_queries(linden, clock, caplog):
    lunch(linden.pat)
    days(linden.quinn, FRIDAY, FRIDAY)
    days(linden.quinn, date(2026, 10, 1), date(2026, 10, 2))
    DatedHours.add(linden.street, FRIDAY, [["09:00", "12:00"]], linden.maya)
    DatedHours.add(linden.calendar, date(2026, 11, 21), [["10:00", "14:00"]], linden.pat)
    calendars = list(Practitioner.listed(linden.clinic))
    with caplog.at_level(logging.DEBUG, logger="peewee"):
        read = rotas(calendars, START, END)
    assert len([one for one in caplog.records if one.name == "peewee"]) == 2
    pat, quinn = read[linden.calendar.id], read[linden.colleague_calendar.id]
    assert pat.hours_on(FRIDAY) == [["09:00", "12:00"]]
    assert pat.hours_on(date(2026, 11, 21)) == [["10:00", "14:00"]]
    assert [one.off.kind for one in pat.closed(START, END)] == ["lunch"]
    assert [one.starts_on for one in quinn.closed(START, END)] == [FRIDAY]
    abroad = read[linden.abroad.id]
    assert abroad.hours_on(FRIDAY) == [["09:00", "17:00"]]
    assert [one.starts_at.hour for one in abroad.closed(START, END)] == [5]


def test_written_hours_go_before_a_holiday_and_one_that_does_not_count_closes_nothing(linden):
    holiday = {"clinic": linden.clinic, "venue": linden.street, "is_holiday": True, "name": "Rest"}
    row = DatedHours.create(day=FRIDAY, **holiday)
    assert rota(linden.calendar, START, END).hours_on(FRIDAY) == []
    DatedHours.add(linden.street, FRIDAY, [["10:00", "11:00"]], None)
    assert rota(linden.calendar, START, END).hours_on(FRIDAY) == [["10:00", "11:00"]]
    DatedHours.get(~DatedHours.is_holiday).remove(None)
    row.counts = False
    row.save()
    assert rota(linden.calendar, START, END).hours_on(FRIDAY) == [["09:00", "17:00"]]


def test_a_date_has_other_hours_once(linden):
    row = DatedHours.add(linden.street, FRIDAY, [["10:00", "11:00"]], None)
    with pytest.raises(AlreadyUsed):
        DatedHours.add(linden.street, FRIDAY, [["12:00", "13:00"]], None)
    with pytest.raises(BadTime):
        DatedHours.add(linden.street, FRIDAY + timedelta(days=1), [["12:00", "11:00"]], None)
    row.change(None, day=FRIDAY, hours=[], name="Stocktaking")
    assert [one.hours for one in DatedHours.ahead(linden.street, FRIDAY)] == [[]]
    assert list(DatedHours.ahead(linden.calendar, FRIDAY)) == []
    assert rota(linden.calendar, START, END).names == {FRIDAY: "Stocktaking"}


def test_the_same_form_twice_makes_one(linden):
    key = uuid.uuid4()
    one, two = (days(linden.pat, FRIDAY, FRIDAY, key=key) for _ in range(2))
    assert one.id == two.id and TimeOff.select().count() == 1
    other = days(linden.quinn, FRIDAY, FRIDAY, key=key)
    assert other.id != one.id and other.uuid != key


def test_every_change_moves_the_revision_of_the_person_alone(linden, clock):
    def revisions():
        return User.get_by_id(linden.pat.id).away_rev, User.get_by_id(linden.quinn.id).away_rev

    seen = [revisions()]
    row = lunch(linden.pat)
    seen.append(revisions())
    row.change(linden.pat, ends="13:30")
    seen.append(revisions())
    row.remove(linden.pat)
    seen.append(revisions())
    row.bring_back(linden.pat)
    seen.append(revisions())
    assert [a for a, _ in seen] == sorted({a for a, _ in seen}) and {b for _, b in seen} == {0}
    row.change(linden.pat, note="the canteen is shut on Mondays")
    assert revisions() == seen[-1]
    assert Practitioner.get_by_id(linden.calendar.id).calendar_rev == 0
    entries = [entry.action for entry in AuditEntry.about(row)]
    assert entries[::-1] == [
        f"time_off.{what}" for what in ("added", "changed", "removed", "returned", "changed")
    ]
    assert "canteen" not in str([entry.detail for entry in AuditEntry.select()])


def test_what_is_removed_blocks_nothing_and_comes_back_for_a_day(linden, clock):
    row = lunch(linden.pat)
    noon = [Span(START + timedelta(hours=12), START + timedelta(hours=12, minutes=30))]
    zone = linden.calendar.zone
    assert [one.off.id for one in TimeOff.blocking(linden.pat, noon, zone)] == [row.id]
    row.remove(linden.pat, START.date())
    assert TimeOff.blocking(linden.pat, noon, zone) == []
    later = [
        Span(one.starts_at + timedelta(days=7), one.ends_at + timedelta(days=7)) for one in noon
    ]
    assert TimeOff.blocking(linden.pat, later, zone)
    row.bring_back(linden.pat, START.date())
    assert TimeOff.blocking(linden.pat, noon, zone)
    row.remove(linden.pat)
    assert TimeOff.blocking(linden.pat, later, zone) == []
    TimeOff.clean_up(clock.now + timedelta(hours=23))
    assert TimeOff.select().count() == 1
    TimeOff.clean_up(clock.now + timedelta(hours=25))
    assert TimeOff.select().count() == 0


def test_nothing_is_written_into_what_was_removed_at_the_same_moment(linden):
    fields = {"kind": "leave", "first_on": date(2026, 12, 1), "last_on": date(2026, 12, 2)}
    row = TimeOff.add(linden.pat, linden.pat, **fields)
    TimeOff.get_by_id(row.id).remove(linden.maya)
    with pytest.raises(DoesNotExist):
        row.change(linden.pat, note="with the children")
    assert TimeOff.get_by_id(row.id).note == ""


def test_bad_times_are_refused_and_nothing_is_kept(linden):
    with pytest.raises(BadTime):
        days(linden.pat, FRIDAY, FRIDAY - timedelta(days=1))
    assert TimeOff.select().count() == 0
    row = days(linden.pat, FRIDAY, FRIDAY)
    with pytest.raises(BadTime):
        row.change(linden.pat, last_on=FRIDAY - timedelta(days=1))
    assert TimeOff.get_by_id(row.id).last_on == FRIDAY
