"""The templates of notices about an account, and the decisions that each kind allows."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import external
import pytest

from base.scheduling import Span
from models import Booking
from sync.tables.notices import KINDS, Notice
from sync.two_way.standing import decisions
from views.sync import notices
from views.sync.words import notice_words

TOLD = {
    notice_words.template(SimpleNamespace(kind=kind)) for kind in (*KINDS, "doubles", "put_back")
}


def test_each_kind_of_notice_has_its_file_and_each_file_its_kind():
    top = Path(notice_words.__file__).parents[3] / "templates"
    files = {str(file.relative_to(top)) for file in (top / "sync" / "notices").iterdir()}
    assert files == TOLD


def test_a_notice_of_no_known_kind_is_refused():
    with pytest.raises(ValueError, match="unheard-of"):
        Notice.give(None, "unheard-of")


def test_the_pages_have_a_sentence_for_each_decision_and_a_decision_for_each_kind():
    assert set(notices._HOW) == set(decisions.DECISIONS)
    allowing = {kind for kinds, _how in decisions.DECISIONS.values() for kind in kinds}
    assert allowing <= set(KINDS) and set(KINDS) - allowing == {"reconnect"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_decision_that_the_kind_does_not_allow_is_refused(linden, clock, kind):
    """Whoever asks: the decision itself refuses, and the notice stays open."""
    at = clock.now + timedelta(days=1)
    (booking,) = Booking.book(linden.calendar, [Span(at, at + timedelta(hours=1))], linden.pat)
    detail = {"starts_at": at.isoformat(), "ends_at": (at + timedelta(hours=2)).isoformat()}
    account = external.source(linden.pat).account
    notice = Notice.give(account, kind, booking=booking, detail=detail | {"stray": 1})
    refused = [what for what in decisions.DECISIONS if not decisions.allows(notice, what)]
    assert refused
    for what in refused:
        with pytest.raises(decisions.Unfit):
            notices._HOW[what][0](notice)
    assert Notice.get_by_id(notice.id).settled_at is None
    assert Booking.get_by_id(booking.id).span == booking.span
    assert bool(decisions.proposed(notice)) == (kind == "moved")
    assert decisions.may_cancel(notice) == (kind in ("moved", "deleted"))
    booking.cancel(linden.pat)
    assert not decisions.may_cancel(notice)
