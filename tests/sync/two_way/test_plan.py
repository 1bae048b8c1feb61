"""The decisions of two-way sync, case by case. The random world is in `test_plan_machine.py`."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from sync.events.event import (
    AdoptRemote,
    Ask,
    CreateRemote,
    DeleteRemote,
    Delta,
    Event,
    EventMapping,
    Face,
    Forget,
    Freeze,
    Mark,
    MoveLocal,
    PlanTerms,
    PutBack,
    Recreate,
    Relink,
    RemoteEvent,
    SafetyStop,
    UpdateRemote,
    Window,
)
from sync.events.fingerprint import fingerprint, wanted
from sync.two_way.plans.plan import agreed, plan

DAY = timedelta(days=1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TERMS = PlanTerms("here", 1, Window(NOON - 20 * DAY, NOON + 100 * DAY))
ASK, FOLLOW = replace(TERMS, edits="ask"), replace(TERMS, edits="follow")
# When the booking has left the window.
LATER = replace(TERMS, window=Window(NOON + 2 * DAY, NOON + 100 * DAY))
READ = Window(NOON - 30 * DAY, NOON + 110 * DAY)


def event_of(uid: str, starts_at: datetime = NOON, **news) -> Event:
    return replace(
        Event(
            uid,
            1,
            "confirmed",
            Face("Massage", "Status: confirmed", "4 Linden Street"),
            starts_at,
            starts_at + DAY / 24,
            NOON,
            NOON,
            "Europe/London",
        ),
        **news,
    )


def seen_of(
    event: Event, remote_id: str = "r1", etag: str = "e1", generation: int = 1, **news
) -> RemoteEvent:
    """The event as a provider tells it."""
    return replace(
        RemoteEvent(
            remote_id,
            etag,
            event.starts_at,
            event.ends_at,
            event.face.title,
            event.face.description + "\n",
            event.face.location,
            event.status,
            starts_on=event.starts_on,
            ends_on=event.ends_on,
            mark=Mark("here", event.uid, generation),
            is_private=True,
        ),
        **news,
    )


def link_of(event: Event, seen: RemoteEvent, **news) -> EventMapping:
    return replace(
        EventMapping(
            event.uid,
            seen.remote_id,
            seen.etag,
            event.sequence,
            fingerprint(seen),
            "synced",
            wanted(event),
        ),
        **news,
    )


BOOKED = event_of("b1")
RENAMED = replace(BOOKED, sequence=1, face=replace(BOOKED.face, title="Yoga"))
MOVED = event_of("b1", NOON + DAY, sequence=2)
STANDS = seen_of(BOOKED)
SYNCED = link_of(BOOKED, STANDS)
DUE = replace(SYNCED, wanted="")  # a write of ours is under way or due
PROMISED = EventMapping("b1", "r1", "", 0, "", "creating")
FROZEN, DELETING, GONE = (
    replace(SYNCED, phase="frozen"),
    replace(SYNCED, phase="deleting", wanted=""),
    replace(SYNCED, phase="gone", wanted=""),
)

DRAGGED = replace(STANDS, etag="e2", starts_at=NOON + DAY, ends_at=NOON + DAY + DAY / 24)
RETITLED = replace(STANDS, etag="e2", title="Mine")
BOTH = replace(DRAGGED, title="Mine")
SERIES = replace(STANDS, etag="e2", is_series=True)
OCCURRENCES = [
    replace(
        STANDS,
        remote_id=f"r1_{number}",
        etag=f"x{number}",
        series_id="r1",
        starts_at=NOON + number * DAY,
    )
    for number in (1, 2)
]
COPY = replace(STANDS, remote_id="r0", etag="e9")
EXTERNAL = replace(STANDS, remote_id="f1", mark=None)


def delta(
    *changed: RemoteEvent,
    gone: tuple[str, ...] = (),
    complete: bool = False,
    window: Window | None = READ,
) -> Delta:
    return Delta(changed, frozenset(gone), "token", complete, window)


def told(steps) -> list[str]:
    """Steps in words: what, to which event, and how."""
    how = [
        (
            type(step).__name__,
            step.mapping.remote_id,
            getattr(step, "change", ""),
            "resumed" * getattr(step, "resume", False),
            "then frozen" * (getattr(step, "then", "") == "frozen"),
        )
        for step in steps
    ]
    return [" ".join(word for word in words if word) for words in how]


NOTHING: list[str] = []
CASES = [
    (
        "nothing changed and nothing was told: nothing to do",
        BOOKED,
        SYNCED,
        delta(),
        TERMS,
        NOTHING,
    ),
    ("our own echo is no change", BOOKED, SYNCED, delta(STANDS), TERMS, NOTHING),
    (
        "our own echo is no change in a complete read either",
        BOOKED,
        SYNCED,
        delta(STANDS, complete=True),
        TERMS,
        NOTHING,
    ),
    (
        "a new etag alone is written down",
        BOOKED,
        SYNCED,
        delta(replace(STANDS, etag="e2")),
        TERMS,
        ["Relink r1"],
    ),
    (
        "other text under the etag that we know is no change",
        BOOKED,
        SYNCED,
        delta(replace(RETITLED, etag="e1")),
        TERMS,
        NOTHING,
    ),
    (
        "a new sequence alone is written down",
        replace(BOOKED, sequence=3),
        SYNCED,
        delta(),
        TERMS,
        ["Relink r1"],
    ),
    (
        "absent from an incremental delta is unchanged",
        BOOKED,
        SYNCED,
        delta(EXTERNAL),
        TERMS,
        NOTHING,
    ),
    (
        "absent from a complete delta inside its window is deleted",
        BOOKED,
        SYNCED,
        delta(complete=True),
        TERMS,
        ["Recreate deleted"],
    ),
    (
        "absent from a complete delta of all times is deleted",
        BOOKED,
        SYNCED,
        delta(complete=True, window=None),
        TERMS,
        ["Recreate deleted"],
    ),
    (
        "absent from a complete delta outside its window is unchanged",
        BOOKED,
        SYNCED,
        delta(complete=True, window=Window(NOON + DAY, NOON + 2 * DAY)),
        TERMS,
        NOTHING,
    ),
    (
        "absent from a complete delta near its edge is unchanged",
        BOOKED,
        SYNCED,
        delta(complete=True, window=Window(NOON - DAY / 2, NOON + 99 * DAY)),
        TERMS,
        NOTHING,
    ),
    (
        "the mapping says where it stood, not the booking that has moved since",
        MOVED,
        SYNCED,
        delta(complete=True, window=Window(NOON + DAY / 2, NOON + 99 * DAY)),
        TERMS,
        ["UpdateRemote r1"],
    ),
    (
        "old news listed again is none",
        BOOKED,
        replace(SYNCED, updated_at=NOON),
        delta(replace(RETITLED, updated_at=NOON - DAY)),
        TERMS,
        NOTHING,
    ),
    (
        "a booking of which nothing is known is let be",
        ...,
        SYNCED,
        delta(RETITLED, gone=("r9",)),
        TERMS,
        NOTHING,
    ),
    ("a booking without an event is created", BOOKED, None, delta(), TERMS, ["CreateRemote"]),
    ("a booking outside the window is not created", BOOKED, None, delta(), LATER, NOTHING),
    ("a change here goes out", RENAMED, SYNCED, delta(), TERMS, ["UpdateRemote r1"]),
    (
        "a change here goes out with the newest etag",
        RENAMED,
        SYNCED,
        delta(replace(STANDS, etag="e2")),
        TERMS,
        ["UpdateRemote r1"],
    ),
    (
        "white space that nobody sees is no change",
        replace(BOOKED, face=replace(BOOKED.face, title="Massage  ")),
        SYNCED,
        delta(),
        TERMS,
        NOTHING,
    ),
    (
        "a booking that no longer goes out is taken away",
        None,
        SYNCED,
        delta(),
        TERMS,
        ["DeleteRemote r1"],
    ),
    (
        "a booking that no longer goes out is taken away, edited or not",
        None,
        SYNCED,
        delta(RETITLED),
        ASK,
        ["DeleteRemote r1"],
    ),
    (
        "what is to go and is gone already is forgotten",
        None,
        SYNCED,
        delta(gone=("r1",)),
        TERMS,
        ["Forget r1"],
    ),
    ("a booking reinstated later gets a new event", BOOKED, GONE, delta(), TERMS, ["Recreate"]),
    ("a move outside is put back", BOOKED, SYNCED, delta(DRAGGED), TERMS, ["PutBack r1 moved"]),
    ("a move outside is asked about", BOOKED, SYNCED, delta(DRAGGED), ASK, ["Ask r1 moved"]),
    ("a move outside is followed", BOOKED, SYNCED, delta(DRAGGED), FOLLOW, ["MoveLocal r1"]),
    (
        "a move and a new title: the times are followed, the title is put back",
        BOOKED,
        SYNCED,
        delta(BOTH),
        FOLLOW,
        ["MoveLocal r1", "PutBack r1 edited"],
    ),
    ("a new title is put back", BOOKED, SYNCED, delta(RETITLED), TERMS, ["PutBack r1 edited"]),
    (
        "a new title is put back where times are followed",
        BOOKED,
        SYNCED,
        delta(RETITLED),
        FOLLOW,
        ["PutBack r1 edited"],
    ),
    (
        "an event made public is put back",
        BOOKED,
        SYNCED,
        delta(replace(STANDS, etag="e2", is_private=False)),
        TERMS,
        ["PutBack r1 edited"],
    ),
    (
        "an event that no longer blocks time is put back",
        BOOKED,
        SYNCED,
        delta(replace(STANDS, etag="e2", busy="free")),
        TERMS,
        ["PutBack r1 edited"],
    ),
    (
        "an event that lost its mark is still the one that the mapping holds",
        BOOKED,
        SYNCED,
        delta(replace(RETITLED, mark=None)),
        TERMS,
        ["PutBack r1 edited"],
    ),
    (
        "an edit here and an edit there: ours stands",
        RENAMED,
        SYNCED,
        delta(RETITLED),
        ASK,
        ["PutBack r1 edited"],
    ),
    (
        "a move here and a move there: ours stands",
        event_of("b1", NOON + 3 * DAY),
        SYNCED,
        delta(DRAGGED),
        FOLLOW,
        ["PutBack r1 moved"],
    ),
    (
        "the same move here and there is agreement",
        MOVED,
        SYNCED,
        delta(DRAGGED),
        TERMS,
        ["Relink r1"],
    ),
    (
        "an edit that somebody took back after we asked is agreement",
        BOOKED,
        replace(SYNCED, fingerprint=fingerprint(DRAGGED)),
        delta(replace(STANDS, etag="e3")),
        ASK,
        ["Relink r1"],
    ),
    (
        "what was asked about once is not asked again",
        BOOKED,
        link_of(BOOKED, DRAGGED),
        delta(DRAGGED),
        ASK,
        NOTHING,
    ),
    (
        "what was left as it is goes when the booking changes",
        RENAMED,
        link_of(BOOKED, DRAGGED),
        delta(),
        ASK,
        ["UpdateRemote r1"],
    ),
    (
        "an event made to repeat is put back",
        BOOKED,
        SYNCED,
        delta(SERIES),
        TERMS,
        ["PutBack r1 repeated"],
    ),
    (
        "an event made to repeat is put back where times are followed",
        BOOKED,
        SYNCED,
        delta(SERIES),
        FOLLOW,
        ["PutBack r1 repeated"],
    ),
    (
        "an event made to repeat is known by its occurrences",
        BOOKED,
        SYNCED,
        delta(*OCCURRENCES),
        TERMS,
        ["PutBack r1 repeated"],
    ),
    (
        "an event made to repeat is asked about",
        BOOKED,
        SYNCED,
        delta(*OCCURRENCES),
        ASK,
        ["Ask r1 repeated"],
    ),
    (
        "a repeat that was left and is single again is news",
        BOOKED,
        link_of(BOOKED, SERIES),
        delta(replace(DRAGGED, etag="e3")),
        ASK,
        ["Ask r1 moved"],
    ),
    (
        "a repeat is asked about once, whichever occurrence is told",
        BOOKED,
        link_of(BOOKED, SERIES),
        delta(OCCURRENCES[1]),
        ASK,
        ["Relink r1"],
    ),
    (
        "an event deleted outside is made anew",
        BOOKED,
        SYNCED,
        delta(gone=("r1",)),
        TERMS,
        ["Recreate deleted"],
    ),
    (
        "an event deleted outside is made anew where times are followed",
        BOOKED,
        SYNCED,
        delta(gone=("r1",)),
        FOLLOW,
        ["Recreate deleted"],
    ),
    (
        "a deletion outside is asked about",
        BOOKED,
        SYNCED,
        delta(gone=("r1",)),
        ASK,
        ["Ask r1 deleted"],
    ),
    (
        "a deletion that was asked about stays",
        BOOKED,
        replace(SYNCED, phase="gone"),
        delta(complete=True),
        ASK,
        NOTHING,
    ),
    (
        "a deletion that was asked about ends when the booking changes",
        RENAMED,
        replace(SYNCED, phase="gone"),
        delta(),
        ASK,
        ["Recreate"],
    ),
    (
        "a deletion outside of a booking that changed: ours stands",
        RENAMED,
        SYNCED,
        delta(gone=("r1",)),
        ASK,
        ["Recreate deleted"],
    ),
    (
        "an event that is told and told gone is there",
        BOOKED,
        SYNCED,
        delta(STANDS, gone=("r1",)),
        TERMS,
        NOTHING,
    ),
    (
        "an event restored from the bin is held again",
        BOOKED,
        replace(SYNCED, phase="gone"),
        delta(replace(STANDS, etag="e3")),
        ASK,
        ["Relink r1"],
    ),
    (
        "an event restored from the bin is made right",
        RENAMED,
        GONE,
        delta(replace(STANDS, etag="e3")),
        ASK,
        ["UpdateRemote r1"],
    ),
    (
        "an event restored from the bin is held rather than a copy",
        BOOKED,
        GONE,
        delta(replace(STANDS, etag="e3"), COPY),
        ASK,
        ["DeleteRemote r0", "Relink r1"],
    ),
    (
        "an event restored from the bin outside the window is let be",
        BOOKED,
        GONE,
        delta(replace(STANDS, etag="e3")),
        LATER,
        ["Freeze r1"],
    ),
    (
        "an event told once more from before its deletion stays gone",
        BOOKED,
        replace(SYNCED, phase="gone"),
        delta(STANDS),
        ASK,
        NOTHING,
    ),
    (
        "an event restored for a booking that is not to go out goes again",
        None,
        GONE,
        delta(replace(STANDS, etag="e3")),
        TERMS,
        ["DeleteRemote r1"],
    ),
    (
        "a creation without an answer is resumed",
        BOOKED,
        PROMISED,
        delta(),
        TERMS,
        ["CreateRemote r1 resumed"],
    ),
    (
        "a creation without an answer is resumed though a complete read lacks it",
        BOOKED,
        PROMISED,
        delta(complete=True),
        TERMS,
        ["CreateRemote r1 resumed"],
    ),
    (
        "a creation whose answer was lost is adopted",
        BOOKED,
        PROMISED,
        delta(STANDS),
        TERMS,
        ["AdoptRemote r1"],
    ),
    (
        "a creation whose answer was lost is adopted under the id that it got",
        BOOKED,
        replace(PROMISED, remote_id=""),
        delta(COPY),
        TERMS,
        ["AdoptRemote r0"],
    ),
    (
        "a creation adopted late is brought up to date",
        RENAMED,
        PROMISED,
        delta(STANDS),
        TERMS,
        ["AdoptRemote r1", "UpdateRemote r1"],
    ),
    (
        "a promised id that is used up is passed over",
        BOOKED,
        PROMISED,
        delta(gone=("r1",)),
        TERMS,
        ["Recreate"],
    ),
    (
        "a creation that is not wanted any more is looked for and taken away",
        None,
        PROMISED,
        delta(),
        TERMS,
        ["DeleteRemote r1"],
    ),
    (
        "a creation for a booking that left the window meanwhile is resumed and let be",
        BOOKED,
        PROMISED,
        delta(),
        LATER,
        ["CreateRemote r1 resumed then frozen"],
    ),
    ("a deletion without an answer goes on", None, DELETING, delta(), TERMS, ["DeleteRemote r1"]),
    (
        "a deletion whose answer was lost is done",
        None,
        DELETING,
        delta(gone=("r1",)),
        TERMS,
        ["Forget r1"],
    ),
    ("what is forgotten is forgotten", None, GONE, delta(complete=True), TERMS, NOTHING),
    ("what is forgotten is not deleted again", None, GONE, delta(), TERMS, NOTHING),
    (
        "what was left deleted is forgotten when the booking is not to go out",
        None,
        replace(SYNCED, phase="gone"),
        delta(),
        ASK,
        ["Forget r1"],
    ),
    (
        "a booking reinstated while it was being taken away is written again",
        BOOKED,
        DELETING,
        delta(),
        TERMS,
        ["UpdateRemote r1"],
    ),
    (
        "a booking reinstated after it was taken away is made anew, and nobody is told",
        BOOKED,
        DELETING,
        delta(gone=("r1",)),
        ASK,
        ["Recreate"],
    ),
    ("a write whose answer was lost is repeated", BOOKED, DUE, delta(), TERMS, ["UpdateRemote r1"]),
    (
        "a write whose answer was lost but which is seen is agreement",
        RENAMED,
        DUE,
        delta(seen_of(RENAMED, etag="e2")),
        ASK,
        ["Relink r1"],
    ),
    (
        "what is seen while a write is under way is nobody's doing",
        BOOKED,
        DUE,
        delta(DRAGGED),
        FOLLOW,
        ["UpdateRemote r1"],
    ),
    (
        "a marked event without a mapping is adopted",
        BOOKED,
        None,
        delta(STANDS, complete=True),
        TERMS,
        ["AdoptRemote r1"],
    ),
    (
        "a marked event without a mapping is adopted and made right",
        RENAMED,
        None,
        delta(STANDS),
        TERMS,
        ["AdoptRemote r1", "UpdateRemote r1"],
    ),
    (
        "a marked repeat without a mapping is adopted and made single",
        BOOKED,
        None,
        delta(*OCCURRENCES),
        TERMS,
        ["AdoptRemote r1", "UpdateRemote r1"],
    ),
    (
        "of two marked events one is adopted and the other goes",
        BOOKED,
        None,
        delta(STANDS, COPY),
        TERMS,
        ["DeleteRemote r1", "AdoptRemote r0"],
    ),
    (
        "of two generations the younger is adopted",
        BOOKED,
        None,
        delta(COPY, seen_of(BOOKED, generation=2)),
        TERMS,
        ["DeleteRemote r0", "AdoptRemote r1"],
    ),
    (
        "a copy of an event that a mapping holds goes",
        BOOKED,
        SYNCED,
        delta(COPY),
        TERMS,
        ["DeleteRemote r0"],
    ),
    (
        "a copy takes the place of what was deleted",
        BOOKED,
        SYNCED,
        delta(COPY, gone=("r1",)),
        TERMS,
        ["AdoptRemote r0"],
    ),
    (
        "a marked event of a booking that is not to go out goes",
        None,
        None,
        delta(STANDS),
        TERMS,
        ["DeleteRemote r1"],
    ),
    (
        "a marked event of a booking of which nothing is known is let be",
        ...,
        None,
        delta(STANDS),
        TERMS,
        NOTHING,
    ),
    (
        "a marked event of a booking outside the window is adopted and let be",
        BOOKED,
        None,
        delta(STANDS),
        LATER,
        ["AdoptRemote r1"],
    ),
    (
        "a marked event outside the window is made right once",
        RENAMED,
        None,
        delta(STANDS),
        LATER,
        ["AdoptRemote r1", "UpdateRemote r1 then frozen"],
    ),
    ("an event without a mark is external", BOOKED, SYNCED, delta(EXTERNAL), TERMS, NOTHING),
    (
        "an event of another installation is foreign",
        BOOKED,
        SYNCED,
        delta(replace(COPY, mark=Mark("elsewhere", "b1", 9))),
        TERMS,
        NOTHING,
    ),
    ("leaving the window freezes", BOOKED, SYNCED, delta(), LATER, ["Freeze r1"]),
    (
        "leaving the window freezes what was edited outside as it is",
        BOOKED,
        SYNCED,
        delta(RETITLED),
        LATER,
        ["Freeze r1"],
    ),
    (
        "leaving the window with a change takes the change along",
        RENAMED,
        SYNCED,
        delta(),
        LATER,
        ["UpdateRemote r1 then frozen"],
    ),
    (
        "leaving the window with an edit here and an edit there: ours goes along",
        RENAMED,
        SYNCED,
        delta(RETITLED),
        LATER,
        ["UpdateRemote r1 then frozen"],
    ),
    (
        "what was deleted outside on leaving the window stays deleted",
        BOOKED,
        SYNCED,
        delta(gone=("r1",)),
        LATER,
        ["Forget r1"],
    ),
    (
        "what is frozen is let be",
        BOOKED,
        FROZEN,
        delta(complete=True, window=Window(NOON + DAY, NOON + 99 * DAY)),
        LATER,
        NOTHING,
    ),
    ("what is frozen is let be when the booking changes", RENAMED, FROZEN, delta(), LATER, NOTHING),
    (
        "what happens outside to what is frozen is written down",
        BOOKED,
        FROZEN,
        delta(RETITLED),
        LATER,
        ["Freeze r1"],
    ),
    (
        "what is frozen and deleted outside is forgotten",
        BOOKED,
        FROZEN,
        delta(gone=("r1",)),
        LATER,
        ["Forget r1"],
    ),
    (
        "what is gone and outside the window is not made anew",
        RENAMED,
        GONE,
        delta(),
        LATER,
        NOTHING,
    ),
    (
        "what is frozen goes when the booking is not to go out any more",
        None,
        FROZEN,
        delta(),
        LATER,
        ["DeleteRemote r1"],
    ),
    (
        "what comes back into the window is written again",
        BOOKED,
        FROZEN,
        delta(),
        TERMS,
        ["UpdateRemote r1"],
    ),
    (
        "what comes back into the window edited is written again, and nobody is told",
        BOOKED,
        FROZEN,
        delta(DRAGGED),
        FOLLOW,
        ["UpdateRemote r1"],
    ),
    (
        "what comes back into the window and was forgotten is made anew",
        BOOKED,
        GONE,
        delta(),
        TERMS,
        ["Recreate"],
    ),
]


@pytest.mark.parametrize(
    ("event", "mapping", "remote", "terms", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_one_booking(event, mapping, remote, terms, expected):
    local, mappings = {} if event is ... else {"b1": event}, [mapping] if mapping else []
    steps = plan(local, remote, mappings, terms).steps
    assert told(steps) == expected
    with_calls = [step for step in steps if isinstance(step, CALLS)]
    for step in steps:
        local, mappings = carried_out(step, local, mappings)
    assert plan(local, remote if not with_calls else delta(), mappings, terms).steps == ()


CALLS = (DeleteRemote, UpdateRemote, PutBack, CreateRemote, Recreate)
PHASES = {
    DeleteRemote: ("deleting", "stale"),
    UpdateRemote: ("synced",),
    PutBack: ("synced",),
    CreateRemote: ("creating",),
    Recreate: ("creating",),
    Forget: ("gone",),
    Freeze: ("frozen",),
    Relink: ("synced",),
    AdoptRemote: ("synced", "frozen"),
    MoveLocal: ("synced",),
    Ask: ("synced", "gone"),
}


def carried_out(step, local: dict, mappings: list[EventMapping]) -> tuple[dict, list[EventMapping]]:
    """What is known after a step that went well."""
    assert step.mapping.phase in PHASES[type(step)]
    if isinstance(step, CALLS[1:]):
        assert step.mapping.wanted == ""
        return local, [agreed(step, seen_of(step.event, etag="e99"))]
    if isinstance(step, MoveLocal):
        local = {"b1": step.event}
    if isinstance(step, DeleteRemote):
        return local, mappings if step.mapping.phase == "stale" else [
            replace(step.mapping, phase="gone", wanted="")
        ]
    return local, [step.mapping]


# ---- what the steps carry ----


def only(
    event: Event | None, mapping: EventMapping | None, remote: Delta, terms: PlanTerms = TERMS
):
    """The one step that is planned."""
    (step,) = plan({"b1": event}, remote, [mapping] if mapping else [], terms).steps
    return step


def test_a_write_is_marked_as_under_way_before_the_call():
    for mapping, remote in ((SYNCED, delta()), (SYNCED, delta(RETITLED)), (FROZEN, delta())):
        step = only(RENAMED, mapping, remote)
        assert (step.mapping.wanted, step.mapping.phase, step.event) == ("", "synced", RENAMED)


def test_a_write_is_conditional_on_the_newest_etag_that_was_told():
    assert only(RENAMED, SYNCED, delta()).mapping.etag == "e1"
    assert only(BOOKED, SYNCED, delta(RETITLED)).mapping.etag == "e2"
    assert only(None, SYNCED, delta(RETITLED)).mapping.etag == "e2"


def test_an_answer_makes_both_sides_agree():
    step = only(RENAMED, SYNCED, delta())
    mapping = agreed(step, seen_of(RENAMED, etag="e7", updated_at=NOON))
    assert mapping == link_of(RENAMED, seen_of(RENAMED), etag="e7", updated_at=NOON)
    assert plan({"b1": RENAMED}, delta(seen_of(RENAMED, etag="e7")), [mapping], TERMS).steps == ()


def test_an_answer_after_leaving_the_window_freezes():
    assert (
        agreed(only(RENAMED, SYNCED, delta(), LATER), seen_of(RENAMED, etag="e7")).phase == "frozen"
    )


def test_a_creation_uses_an_id_of_the_current_generation():
    step = only(BOOKED, None, delta(), replace(TERMS, generation=3))
    assert step.mapping == EventMapping("b1", "", "", 0, "", "creating", generation=3)


@pytest.mark.parametrize(("mine", "current", "next_one"), [(1, 1, 2), (4, 1, 5), (2, 6, 7)])
def test_a_recreated_event_has_an_unused_generation(mine, current, next_one):
    step = only(
        BOOKED,
        replace(SYNCED, generation=mine),
        delta(gone=("r1",)),
        replace(TERMS, generation=current),
    )
    assert isinstance(step, Recreate)
    assert step.mapping == EventMapping("b1", "", "", 1, "", "creating", generation=next_one)


def test_what_is_gone_keeps_its_generation():
    assert only(None, replace(DELETING, generation=4), delta(gone=("r1",))).mapping.generation == 4


def test_an_adopted_event_keeps_the_generation_of_its_mark():
    found = seen_of(BOOKED, generation=4, updated_at=NOON)
    assert only(BOOKED, None, delta(found)).mapping == link_of(
        BOOKED, STANDS, generation=4, updated_at=NOON
    )


def test_an_event_keeps_the_generation_of_its_provisional_id():
    """Whatever mark the delta tells, which may be none."""
    step = only(BOOKED, replace(PROMISED, generation=4), delta(replace(STANDS, mark=None)))
    assert step.mapping == link_of(BOOKED, STANDS, generation=4)


def test_news_is_taken_into_the_link_whole():
    news = replace(STANDS, etag="e2", updated_at=NOON)
    assert only(BOOKED, SYNCED, delta(news)).mapping == replace(SYNCED, etag="e2", updated_at=NOON)
    asked = only(
        BOOKED,
        replace(SYNCED, updated_at=NOON - DAY),
        delta(replace(DRAGGED, updated_at=NOON)),
        ASK,
    ).mapping
    assert asked == link_of(BOOKED, DRAGGED, updated_at=NOON)


def test_what_occurrences_do_not_tell_is_kept():
    mapping = only(BOOKED, replace(SYNCED, updated_at=NOON), delta(*OCCURRENCES)).mapping
    assert (mapping.etag, mapping.updated_at) == ("e1", NOON)


def test_a_followed_move_leaves_nothing_to_do():
    step = only(BOOKED, SYNCED, delta(DRAGGED), FOLLOW)
    assert isinstance(step, MoveLocal)
    assert step.event == replace(
        BOOKED, sequence=2, starts_at=DRAGGED.starts_at, ends_at=DRAGGED.ends_at
    )
    assert step.mapping.sequence == 2
    assert plan({"b1": step.event}, delta(DRAGGED), [step.mapping], FOLLOW).steps == ()


def test_a_followed_move_that_is_refused_is_put_back():
    step = only(BOOKED, SYNCED, delta(DRAGGED), FOLLOW)
    assert told(
        plan({"b1": BOOKED}, delta(), [replace(step.mapping, wanted="")], FOLLOW).steps
    ) == ["UpdateRemote r1"]


def test_a_move_to_whole_days_is_followed():
    drawn = replace(
        STANDS,
        etag="e2",
        starts_on=date(2026, 11, 20),
        ends_on=date(2026, 11, 21),
        starts_at=datetime(2026, 11, 20, tzinfo=UTC),
        ends_at=datetime(2026, 11, 21, tzinfo=UTC),
    )
    assert only(BOOKED, SYNCED, delta(drawn), FOLLOW).event.starts_on == date(2026, 11, 20)


def test_what_is_told_to_a_person_is_stored_before_the_call():
    """So that it is told once, whatever becomes of the call."""
    step = only(BOOKED, SYNCED, delta(RETITLED))
    assert isinstance(step, PutBack) and step.seen == RETITLED
    assert told(plan({"b1": BOOKED}, delta(RETITLED), [step.mapping], TERMS).steps) == [
        "UpdateRemote r1"
    ]


def test_a_stale_copy_goes_by_its_own_id_and_etag():
    step = only(BOOKED, SYNCED, delta(COPY))
    assert (step.mapping.phase, step.mapping.uid, step.mapping.remote_id, step.mapping.etag) == (
        "stale",
        "b1",
        "r0",
        "e9",
    )


def test_external_events_are_passed_on_unchanged():
    theirs = replace(COPY, remote_id="r7", mark=Mark("elsewhere", "b1", 1))
    assert plan(
        {"b1": BOOKED}, delta(STANDS, EXTERNAL, theirs, COPY), [SYNCED], TERMS
    ).external == (
        EXTERNAL,
        theirs,
    )


def test_the_last_word_of_a_delta_counts():
    assert plan(
        {"b1": BOOKED}, delta(RETITLED, replace(STANDS, etag="e3"), RETITLED), [SYNCED], TERMS
    ) == plan({"b1": BOOKED}, delta(RETITLED), [SYNCED], TERMS)


def test_a_pull_without_times_of_change_is_read():
    assert told(
        plan({"b1": BOOKED}, delta(RETITLED), [replace(SYNCED, updated_at=NOON)], TERMS).steps
    ) == ["PutBack r1 edited"]


@pytest.mark.parametrize(
    ("seconds", "steps"), [(-6, NOTHING), (-4, ["PutBack r1 edited"]), (0, ["PutBack r1 edited"])]
)
def test_clocks_that_differ_by_little_do_not_make_news_old(seconds, steps):
    news = replace(RETITLED, updated_at=NOON + timedelta(seconds=seconds))
    assert (
        told(plan({"b1": BOOKED}, delta(news), [replace(SYNCED, updated_at=NOON)], TERMS).steps)
        == steps
    )


@pytest.mark.parametrize(("hours", "steps"), [(-1, NOTHING), (1, ["PutBack r1 edited"])])
def test_what_no_answer_can_be_behind_with_any_more_is_news_by_whatever_clock(hours, steps):
    """A server whose clock is slow may have dated a change before the one that it follows."""
    terms = replace(TERMS, settled=NOON + timedelta(hours=hours))
    news, mapping = replace(RETITLED, updated_at=NOON - DAY), replace(SYNCED, updated_at=NOON)
    assert told(plan({"b1": BOOKED}, delta(news), [mapping], terms).steps) == steps


# ---- the plan as a whole ----


def many(count: int, phase: str = "synced") -> tuple[dict[str, Event], list[EventMapping]]:
    events = {
        f"b{number}": event_of(f"b{number}", NOON + number * DAY / 24) for number in range(count)
    }
    return events, [
        link_of(event, seen_of(event, f"r{uid}"), phase=phase) for uid, event in events.items()
    ]


def test_the_order_is_deletions_then_updates_then_creations_each_by_start_and_uid():
    """Whatever order they are known in; what nobody has seen yet has no start and comes first."""
    events, mappings = many(6)
    events["b0"], events["b4"] = None, None
    events["b5"] = replace(events["b5"], starts_at=NOON, face=Face("Yoga"))
    events["b3"] = replace(events["b3"], face=Face("Yoga"))
    mappings = [
        replace(PROMISED, uid=mapping.uid, remote_id="rb4") if mapping.uid == "b4" else mapping
        for mapping in mappings
        if mapping.uid not in ("b1", "b2")
    ]
    events["b2"] = replace(events["b2"], starts_at=events["b1"].starts_at)
    expected = [
        "DeleteRemote rb4",
        "DeleteRemote rb0",
        "UpdateRemote rb5",
        "UpdateRemote rb3",
        "CreateRemote",
        "CreateRemote",
    ]
    for uids in permutations(events):
        steps = plan({uid: events[uid] for uid in uids}, delta(), mappings[::-1], TERMS).steps
        assert told(steps) == expected
        assert [step.mapping.uid for step in steps[-2:]] == ["b1", "b2"]


@pytest.mark.parametrize(
    ("cancelled", "managed", "stop"),
    [
        (5, 5, None),
        (6, 31, None),
        (6, 30, None),
        (6, 29, SafetyStop("deletes", 6, 29)),
        (6, 6, SafetyStop("deletes", 6, 6)),
        (40, 199, SafetyStop("deletes", 40, 199)),
    ],
)
def test_taking_away_more_than_five_and_more_than_a_fifth_stops(cancelled, managed, stop):
    events, mappings = many(managed)
    local = events | dict.fromkeys(list(events)[:cancelled]) | {"new": event_of("new")}
    result = plan(local, delta(), mappings, TERMS)
    assert result.stop == stop
    assert len(result.steps) == (0 if stop else cancelled + 1)
    assert len(plan(local, delta(), mappings, TERMS, approved=True).steps) == cancelled + 1


def test_stale_copies_count_when_much_would_go():
    copies = [seen_of(event_of(f"b{number}"), f"r{number}") for number in range(6)]
    result = plan(dict.fromkeys(copy.mark.reference for copy in copies), delta(*copies), [], TERMS)
    assert (result.stop, result.steps) == (SafetyStop("deletes", 6, 6), ())


@pytest.mark.parametrize("phase", ["frozen", "gone"])
def test_what_is_let_be_or_gone_is_not_counted_among_what_is_there(phase):
    events, mappings = many(6)
    _, others = many(100, phase)
    assert plan(dict.fromkeys(events), delta(), mappings + others[6:], TERMS).stop == SafetyStop(
        "deletes", 6, 6
    )


def test_a_deletion_under_way_needs_no_second_approval():
    events, mappings = many(8, "deleting")
    assert len(plan(dict.fromkeys(events), delta(), mappings, TERMS).steps) == 8


@pytest.mark.parametrize(
    "remote",
    [delta(complete=True), delta(EXTERNAL, complete=True), delta(gone=("rb0", "rb1", "rb2"))],
)
def test_a_calendar_that_is_suddenly_empty_stops(remote):
    events, mappings = many(3)
    result = plan(events, remote, mappings, TERMS)
    assert (result.stop, result.steps) == (SafetyStop("empty", 3, 3), ())
    assert (
        told(plan(events, remote, mappings, TERMS, approved=True).steps) == ["Recreate deleted"] * 3
    )


def test_an_empty_read_stops_though_some_of_ours_lie_outside_it():
    events, mappings = many(9)
    narrow = delta(complete=True, window=Window(NOON - DAY, NOON + DAY + DAY / 4))
    assert plan(events, narrow, mappings, TERMS).stop == SafetyStop("empty", 6, 9)


@pytest.mark.parametrize(
    ("count", "remote"),
    [
        (2, delta(complete=True)),
        (4, delta(gone=("rb0", "rb1", "rb2"))),
        (4, delta(seen_of(event_of("b3", NOON + DAY / 8), "rb3"), complete=True)),
    ],
)
def test_some_deletions_outside_do_not_stop(count, remote):
    events, mappings = many(count)
    assert set(told(plan(events, remote, mappings, TERMS).steps)) == {"Recreate deleted"}


# ---- fingerprints ----


@pytest.mark.parametrize(
    "told_as",
    [
        {"description": "Status: confirmed\r\n\r\n"},
        {"description": " Status:\u00a0confirmed "},
        {"title": "Massage "},
        {"etag": "e9"},
        {"mark": None},
        {"updated_at": NOON},
        {"starts_at": NOON.replace(microsecond=7)},
        {"starts_at": datetime.fromisoformat("2026-11-20T13:00:00+01:00")},
    ],
)
def test_what_providers_change_on_the_way_leaves_the_fingerprint(told_as):
    assert fingerprint(replace(STANDS, **told_as)) == fingerprint(STANDS) == wanted(BOOKED)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Yoga \u263a\ufe0f", "Yoga \u263a"),
        ("Caf\u00e9", "Cafe\u0301"),
        ("a\rb", "a\nb"),
        ("a\n \nb", "a\nb"),
    ],
)
def test_two_spellings_of_one_text_look_the_same(one, other):
    assert fingerprint(replace(STANDS, title=one)) == fingerprint(replace(STANDS, title=other))


@pytest.mark.parametrize(
    "news",
    [
        {"title": "massage"},
        {"title": "Massage 2"},
        {"description": ""},
        {"location": "5 Linden Street"},
        {"is_private": False},
        {"busy": "free"},
        {"status": "tentative"},
        {"status": "cancelled"},
        {"starts_at": NOON + timedelta(seconds=1)},
        {"ends_at": NOON + DAY},
        {"is_series": True},
        {"starts_on": date(2026, 11, 20), "ends_on": date(2026, 11, 21)},
        {"title": "Massage\nStatus:", "description": "confirmed"},
        {"title": "Massage \ud83d"},
        {"title": "Massage\U0001f3fd"},
    ],
)
def test_whatever_can_be_seen_is_in_the_fingerprint(news):
    assert fingerprint(replace(STANDS, **news)) != fingerprint(STANDS)


def test_text_does_not_slide_from_one_field_to_the_next():
    assert fingerprint(replace(STANDS, description="", location="x")) != fingerprint(
        replace(STANDS, description="x", location="")
    )


def test_whole_days_are_days_wherever_one_looks():
    # Midnight in Auckland.
    day = event_of(
        "b1",
        datetime(2026, 11, 19, 13, tzinfo=UTC),
        starts_on=date(2026, 11, 20),
        ends_on=date(2026, 11, 22),
    )
    echo = seen_of(
        day,
        starts_at=datetime(2026, 11, 20, tzinfo=UTC),
        ends_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
    assert wanted(day) == fingerprint(echo)
    assert fingerprint(echo).startswith("2026-11-20/2026-11-22 ")


def test_tentative_is_said_in_either_word():
    tentative = replace(BOOKED, status="tentative")
    for words in (
        {"status": "tentative"},
        {"busy": "tentative"},
        {"status": "tentative", "busy": "tentative"},
    ):
        assert fingerprint(replace(STANDS, **words)) == wanted(tentative)


def test_a_fingerprint_fits_its_column_and_tells_no_text():
    printed = fingerprint(replace(STANDS, title="Massage " * 1000))
    assert len(printed) <= 90 and "Massage" not in printed
