"""Statements of tests that run on SQLite alone, and whether PostgreSQL understands them, too.

Most tests of pages, words and rules prove the same on either database, but that each of their
statements reads there. So each statement is also explained by PostgreSQL, once in a run, which
checks all of its words and types and carries nothing out.
"""

import hashlib
import os
from functools import cache
from pathlib import Path

import peewee
import psycopg
import pytest

TESTS = Path(__file__).parent

# Files and folders whose tests run on SQLite alone, their statements explained; with BOTH=1 on
# both. What is about transactions, locks, constraints, migrations, statements written by hand, and
# about input that one of them alone refuses, is not here, or is named below: files, and tests.
ONCE = (
    "free_times/online/test_proofs.py",
    "free_times/online/test_requests.py",
    "free_times/online/test_story.py",
    "operate/intake/test_intake_exports.py",
    "sync/feeds/test_feed_content.py",
    "sync/two_way/test_endless_lists.py",
    "sync/two_way/test_paging.py",
    "sync/two_way/test_plan_lost.py",
    "sync/two_way/test_sync_asked.py",
    "sync/two_way/test_sync_away.py",
    "sync/two_way/test_sync_channels.py",
    "sync/two_way/test_sync_clocks.py",
    "sync/two_way/test_sync_directions.py",
    "sync/two_way/test_sync_doubts.py",
    "sync/two_way/test_sync_faults.py",
    "sync/two_way/test_sync_mirror.py",
    "sync/two_way/test_sync_questions.py",
    "sync/two_way/test_sync_returning.py",
    "sync/two_way/test_sync_unread.py",
    "views",
)
ON_BOTH = (
    "sync/two_way/test_sync_faults.py::test_a_worker_killed_at_any_step_leaves_nothing_lost_or_doubled",
    "sync/two_way/test_sync_faults.py::test_two_workers_at_once_write_nothing_twice",
    "views/calendar/test_views_bookings.py::test_the_second_of_two_bookings_for_one_new_client_is_asked",
    "views/calendar/test_views_patients.py::test_the_second_of_two_people_who_add_one_client_is_asked",
    "views/calendar/test_views_patients.py::test_one_of_two_people_who_type_the_same_id_is_refused",
    "views/calendar/test_views_patients.py::test_two_clients_saved_at_once_get_two_ids",
    "views/calendar/booking_form/test_series_meanwhile.py",
    "views/calendar/test_views_series.py",  # many rows in one transaction
    "views/clinic/test_handover.py",
    "views/clinic/test_views_imports.py",
    "views/clinic/test_views_team.py::test_one_of_two_owners_who_leave_at_once_stays",
    "views/doors/test_metrics.py",
    "views/kit/test_merging.py",  # lost updates
    "views/kit/test_two_presses_at_once.py",  # two requests at once
    "views/kit/test_two_presses_outside_at_once.py",
    "views/kit/test_crossing_presses.py",
    "views/sync/test_query_counts.py",
)
# The program words these for each database (`base/tables/numbered.py`).
_OF_SQLITE = (" GLOB ",)
_CHANGING = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "(")


def is_once(test: pytest.Function) -> bool:
    """Whether a test runs on SQLite alone, its statements explained."""
    name = _in_once(test.path)
    return name is not None and f"{name}::{test.originalname}" not in ON_BOTH


@cache
def _in_once(file: Path) -> str | None:
    """The file's name among the tests, where those in it run once but for those that are named."""
    if os.environ.get("BOTH", "0") == "1" or not file.is_relative_to(TESTS):
        return None
    name = file.relative_to(TESTS).as_posix()
    within = {name, *(str(folder) for folder in Path(name).parents)}
    return name if name not in ON_BOTH and within & {*ONCE} else None


class Explainer:
    """PostgreSQL, asked what it would do. `claims` is a folder of the run that its processes share:
    each statement is explained by the first that meets it.
    """

    def __init__(self, database: peewee.PostgresqlDatabase, url: str, claims: Path):
        self.database, self.claims = database, claims
        self.connection = psycopg.connect(url, autocommit=True)

    def refusal(self, statement: peewee.Node) -> str:
        """What PostgreSQL says against a statement; empty where it understands it."""
        words, values = self.database.get_sql_context().sql(statement).query()
        if not words.startswith(_CHANGING) or any(own in words for own in _OF_SQLITE):
            return ""
        try:
            self.connection.execute(f"EXPLAIN {words}", values, prepare=False)
        except psycopg.Error as error:
            return f"{type(error).__name__}: {error} in {words}"
        return ""

    def is_new(self, words: str) -> bool:
        """Whether no process of the run has met these words of SQLite's."""
        try:
            (self.claims / hashlib.sha1(words.encode()).hexdigest()).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def listening(self, seen: set[str], refused: list[str]):
        """`peewee.Database.execute`, with an ear for what is new."""

        def execute(database, query, **options):
            words, values = database.get_sql_context(**options).sql(query).query()
            if words not in seen:
                seen.add(words)
                if isinstance(database, peewee.SqliteDatabase) and self.is_new(words):
                    refused.extend(filter(None, [self.refusal(query)]))
            return database.execute_sql(words, values)

        return execute
