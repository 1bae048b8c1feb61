"""From every earlier version to this one, with data in every table: nothing is lost, and what
follows from stored secrets stays the same.
"""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from earlier import EARLIER, INSTALLATION, SALTS, UUIDS, counts, make

import models
from base.database import is_sqlite
from base.outside import ExternalEvent
from models import Booking, Feed, Patient, User
from operate import migrate
from people.id_changes import IdChange
from sync.feeds import feed
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.mappings import MappingRow
from sync.tables.notices import Notice


@pytest.fixture(params=EARLIER)
def upgraded(request, empty):
    """A database of an earlier version with data, brought to this one: (that version, rows by table
    before).
    """
    before = make(models.database, request.param)
    migrate.migrate()
    return request.param, before


def test_no_row_is_lost(upgraded):
    _version, before = upgraded
    assert migrate.state() == "current"
    assert counts(models.database, before) == before


def test_every_reference_leads_somewhere(upgraded):
    if is_sqlite():
        assert models.database.execute_sql("PRAGMA foreign_key_check").fetchall() == []
        assert models.database.execute_sql("PRAGMA foreign_keys").fetchone() == (1,)


def test_each_row_can_be_read_by_todays_program(upgraded):
    for table in migrate.TABLES:
        assert len([row.__data__ for row in table.select()]) == table.select().count()
    assert [row.notes for row in Booking.select().order_by(Booking.id)] == ["Bring a towel", ""]
    assert {row.email for row in User.select()} == {"olive@linden.test", "pat@linden.test"}


def test_internal_ids_stay_apart(upgraded):
    ids = [row.internal_id for row in Patient.select().order_by(Patient.id)]
    assert ids == ["K-2002", "k-2002-2"]
    assert [(row.was, row.patient.internal_id) for row in IdChange.select()] == [
        ("k-2002", "k-2002-2")
    ]


def test_private_links_keep_their_addresses(upgraded):
    rows = list(Feed.select().order_by(Feed.id))
    assert [(row.uuid, row.salt, row.revoked_at is None) for row in rows] == [
        (uuid.UUID(UUIDS[0]), SALTS[0], True),
        (uuid.UUID(UUIDS[1]), SALTS[1], False),
    ]
    assert feed.path("a key of the tests", rows[0]) == (
        "/api/calendar/6f1d5a3e-3c0b-4a51-9d0e-4f2b7d5c1a01/zhS1-DaeSCAdTC_M2EgHLxKano5sb9iRgI5LtixrFHw.ics"
    )


def test_two_way_sync_goes_on_where_it_was(upgraded):
    version, _ = upgraded
    if version == EARLIER[0]:
        assert Account.select().count() == 0
        return
    assert [(row.generation, row.phase) for row in Account.select().order_by(Account.id)] == [
        (2, "active"),
        (2, "active"),
    ]
    assert [
        (row.uid, row.remote_id, row.etag) for row in MappingRow.select().order_by(MappingRow.id)
    ] == [
        (UUIDS[0], "r1", "e"),
        (UUIDS[1], "r2", "e"),
    ]
    assert {row.clinic.installation for row in Account.select()} == {INSTALLATION}
    source = RemoteCalendar.get(RemoteCalendar.role == "source")
    assert source.sync_token == "token" and source.rules == {"busy": True, "all_day": False}
    assert ExternalEvent.select().where(ExternalEvent.blocks).count() == 2
    assert Notice.select().where(Notice.settled_at.is_null()).count() == 1


def test_booking_goes_on(upgraded):
    owner = User.get(User.email == "olive@linden.test")
    calendar = owner.practitioners.get()
    start = datetime(2027, 3, 1, 10, tzinfo=UTC)
    (made,) = Booking.book(calendar, [models.Span(start, start + timedelta(minutes=50))], owner)
    assert Booking.get_by_id(made.id).uuid == made.uuid
