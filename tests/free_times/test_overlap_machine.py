"""Random histories with many actors at once.

No two bookings of a person overlap unless somebody was shown it and agreed. `make bench` runs
thousands.
"""

from bench.actors import ACTS
from bench.histories import Crew, History

SIZES = (50, 4, 12, 2, 25, 8)  # actors at once, history by history


def test_nothing_overlaps_that_nobody_agreed_to(db):
    crew = Crew(max(SIZES))
    try:
        outcomes = [History(seed, actors, 6, ACTS).run(crew) for seed, actors in enumerate(SIZES)]
    finally:
        crew.dismiss()
    for outcome in outcomes:
        assert outcome.faults == []
        assert (outcome.nobody, outcome.misjudged) == ([], [])
    assert sum(one.agreed for one in outcomes) > 0  # some were agreed to,
    assert sum(one.refused for one in outcomes) > 50  # many refused,
    assert sum(one.done for one in outcomes) > 150  # and most was done
