"""The policy of a calendar outside: its own choices, limited by the person's and the clinic's, and
the same for a private link and two-way sync.
"""

from dataclasses import dataclass, replace

import pytest

from base.text import IDENTIFIERS
from sync.events.face import Choices, Policy

CHOICES = Choices("{service} {client}", "status notes", {"confirmed": "confirmed"})


@dataclass(frozen=True)
class Person:
    identifier: str | None = "full_name"
    hide_sensitive: bool = False


@dataclass(frozen=True)
class ClinicLimits:
    privacy_ceiling: str = "full_name"
    internal_ids: bool = True
    notes_may_leave: bool = True


@pytest.mark.parametrize("ceiling", IDENTIFIERS)
@pytest.mark.parametrize("person", IDENTIFIERS)
@pytest.mark.parametrize("chosen", [None, *IDENTIFIERS])
def test_no_choice_shows_more_than_the_clinic_lets_leave(chosen, person, ceiling):
    rules = Policy.of(Person(person), ClinicLimits(ceiling), replace(CHOICES, identifier=chosen))
    assert IDENTIFIERS.index(rules.identifier) <= IDENTIFIERS.index(ceiling)


def test_an_internal_id_is_not_shown_where_there_are_none():
    rules = Policy.of(Person("internal_id"), ClinicLimits(internal_ids=False), CHOICES)
    assert rules.identifier == "none"


@pytest.mark.parametrize("may_leave", [True, False])
def test_notes_leave_only_where_the_clinic_lets_them(may_leave):
    rules = Policy.of(Person(), ClinicLimits(notes_may_leave=may_leave), CHOICES)
    assert ("notes" in rules.details.split()) is may_leave and "status" in rules.details


@pytest.mark.parametrize("person", [True, False])
@pytest.mark.parametrize("chosen", [True, False])
def test_either_hides_all(chosen, person):
    rules = Policy.of(
        Person(hide_sensitive=person), ClinicLimits(), replace(CHOICES, hide_sensitive=chosen)
    )
    assert rules.hide_sensitive is (chosen or person)


def test_a_colleague_is_shown_no_more_than_they_chose_themselves():
    rules = Policy.of(Person("full_name"), ClinicLimits(), CHOICES)
    assert rules.of_colleague(Person("initials"), ClinicLimits()).identifier == "initials"
    assert rules.of_colleague(Person(hide_sensitive=True), ClinicLimits()).hide_sensitive
