"""Starts that are known to somebody who waits, as runs."""

from datetime import UTC, datetime, timedelta

import pytest

from free_times.earlier import matching


@pytest.mark.parametrize("gone", [0, 1, 2, 3])
def test_what_is_known_is_written_down_only_where_it_changed(gone):
    """A start in the past, the first that is left, one in the middle, the last."""
    monday, every = datetime(2026, 11, 23, 10, tzinfo=UTC), [0, 15, 30, 45]
    first = matching.minute(monday)
    known = matching.runs({1: [first + at for at in every]}, 15)
    left = {1: [first + at for n, at in enumerate(every) if n and n != gone]}
    kept = matching.still_known(known, left, 15)
    assert matching.is_kept(known, kept, monday + timedelta(minutes=1), 15) == (gone == 0)
    assert matching.within(left[1], kept["1"]) == left[1]
    assert matching.without([first + at for at in every], kept["1"]) == [
        first + at for n, at in enumerate(every) if not n or n == gone
    ]
