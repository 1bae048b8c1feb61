"""The waiting list: offers, the clients who get them, and their ends."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from client_world import team_is_told_nothing

from base.scheduling import Span
from base.tables.outbox import Letter
from base.tables.time_off import TimeOff
from free_times.earlier import accepting, entries, joining, news
from free_times.earlier.accepting import OfferGone
from free_times.earlier.entries import EarlierSettings, WaitingEntry, Wanted
from free_times.earlier.matching import Chance
from free_times.earlier.offering import EarlierOffer
from free_times.online import holds, team_letters
from free_times.online.asking_outside import CannotCheck
from free_times.online.holds import Hold
from free_times.rules import OnlineSettings
from models import Booking, Patient
from people import merges
from sync.two_way.standing.freshness import Certainty

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def list_on(linden, clock, letters):
    """One after another, for an hour each; Monday 23 November, 10 in the morning."""
    clock.now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    team_is_told_nothing(linden)
    EarlierSettings.stored(linden.clinic).change(None, mode="turn")
    linden.patient.change(None, email="malgorzata@client.test")


@pytest.fixture
def client(linden):
    """`client("Ann")`: another client with an address."""

    def add(name):
        mail = f"{name.lower()}@client.test"
        return Patient.named(linden.clinic, None, name, email=mail, phone="+44 20 7946 0001")

    return add


def at(linden, day, clock, patient=None, **fields):
    """An appointment of the team's with Pat, on a day of November at a wall time."""
    start = datetime.fromisoformat(f"2026-{day}T{clock}").replace(tzinfo=UTC)
    span = Span(start, start + timedelta(minutes=50))
    fields = {"patient": patient or linden.patient, "service": linden.service, **fields}
    return Booking.book(fields.pop("calendar", linden.calendar), [span], linden.olive, **fields)[0]


def waits(linden, booking, actor="olive", **wanted):
    """The client of an appointment waits for an earlier one with Pat."""
    wanted.setdefault("calendars", [booking.practitioner_id])
    actor = linden.olive if actor else None
    return joining.ask_for(booking, Wanted(**wanted), actor)


def look(clock, minutes=0):
    clock.now += minutes * MINUTE
    news.offer_freed_times()
    return list(EarlierOffer.select().order_by(EarlierOffer.id))


def test_a_freed_time_is_offered_and_taken_and_the_old_one_let_go(
    linden, clock, letters, list_on, client
):
    freed = at(linden, "11-25", "11:00", client("Ann"))
    mine = at(linden, "11-27", "15:00")
    waits(linden, mine)
    assert look(clock) == [], "what was free when they asked is not told"
    freed.cancel(linden.olive)
    (offer,) = look(clock, 1)
    assert (offer.starts_at, offer.phase) == (freed.starts_at, "open")
    assert offer.expires_at == clock.now + timedelta(hours=1)
    (letter,) = letters.send()
    assert letter["To"] == "malgorzata@client.test"
    text = letter.get_body(("plain",)).get_content()
    assert "An earlier time is free" in text and "Friday 27 November 2026, 15:00" in text
    assert "Wednesday 25 November 2026" in text
    assert look(clock, 1) == [offer] and letters.send() == []
    uid, sequence = mine.uuid, mine.sequence
    took = accepting.book_offered(EarlierOffer.get())
    assert took.id == mine.id and took.starts_at == offer.starts_at and took.uuid == uid
    assert took.sequence == sequence + 1 and Booking.select().count() == 2
    assert accepting.book_offered(EarlierOffer.get()).id == mine.id, "a second press"
    assert EarlierOffer.get().phase == "taken" and WaitingEntry.get().ended_because == "taken"
    assert Hold.select().count() == 0
    (told,) = letters.send()
    assert told["To"] == "malgorzata@client.test", "who pressed is told, whoever had booked"
    assert "has changed" in told.get_body(("plain",)).get_content()
    took.change(linden.olive, Span(took.starts_at + MINUTE, took.ends_at + MINUTE))
    assert [one["To"] for one in letters.send()] == ["malgorzata@client.test"]
    assert look(clock, 120) and EarlierOffer.select().count() == 1


@pytest.fixture
def freed_for_two(linden, clock, letters, list_on, client):
    """Two who wait with Pat, and a time that is freed: Wednesday at 11."""
    freed = at(linden, "11-25", "11:00", client("Ann"))
    mine, theirs = at(linden, "11-27", "15:00"), at(linden, "11-27", "13:00", client("Bob"))
    first, second = waits(linden, mine), waits(linden, theirs)
    freed.cancel(linden.olive)
    clock.now += MINUTE
    return first, second, freed


def test_one_after_another(linden, clock, letters, freed_for_two):
    first, second, freed = freed_for_two
    (offer,) = look(clock)
    assert offer.entry_id == first.id and look(clock, 59) == [offer]
    assert [one["To"] for one in letters.send()] == ["malgorzata@client.test"]
    offers = look(clock, 1)
    assert [(one.entry_id, one.phase) for one in offers] == [
        (first.id, "lapsed"),
        (second.id, "open"),
    ]
    assert offers[1].starts_at == freed.starts_at
    assert [one["To"] for one in letters.send()] == ["bob@client.test"]
    accepting.decline(offers[1])
    assert len(look(clock, 1)) == 2, "the first had it already"
    assert Hold.select().count() == 0


def test_to_all_at_once_one_gets_it_and_the_other_stays_on_the_list(
    linden, clock, letters, freed_for_two
):
    EarlierSettings.get().change(None, mode="all")
    first, second, freed = freed_for_two
    one, other = look(clock)
    assert one.form_use == other.form_use and one.starts_at == other.starts_at == freed.starts_at
    assert len(letters.send()) == 2
    accepting.book_offered(other)
    with pytest.raises(OfferGone):
        accepting.book_offered(EarlierOffer.get_by_id(one.id))
    assert [row.phase for row in EarlierOffer.select().order_by(EarlierOffer.id)] == [
        "gone",
        "taken",
    ]
    assert WaitingEntry.get_by_id(first.id).is_waiting
    assert not WaitingEntry.get_by_id(second.id).is_waiting
    assert Booking.get_by_id(first.booking_id).sequence == 0


def test_by_hand_nothing_is_offered_by_itself(linden, clock, letters, freed_for_two):
    EarlierSettings.get().change(None, mode="hand")
    assert look(clock) == [] and letters.send() == []


def test_a_lost_letter_does_not_count_as_told(linden, clock, letters, freed_for_two):
    first, *_ = freed_for_two
    assert len(look(clock)) == 1
    phases = [one.phase for one in look(clock, 61)]
    assert phases == ["unsent", "open"] and EarlierOffer.select().count() == 2
    assert {one.entry_id for one in EarlierOffer.select()} == {first.id}


@pytest.mark.parametrize("end", ["moved", "cancelled", "another client's", "freed no more"])
def test_what_ends_an_offer(linden, clock, letters, freed_for_two, client, end):
    first, _second, freed = freed_for_two
    look(clock)
    mine = first.booking
    later = Span(mine.starts_at + 15 * MINUTE, mine.ends_at + 15 * MINUTE)
    {
        "moved": lambda: mine.change(linden.olive, later),
        "cancelled": lambda: mine.cancel(linden.olive),
        "another client's": lambda: mine.change(linden.olive, mine.span, patient=client("Cy")),
        "freed no more": lambda: freed.undo_status(linden.olive),
    }[end]()
    with pytest.raises(OfferGone):
        accepting.book_offered(EarlierOffer.get())
    offers = look(clock, 1)
    assert offers[0].phase == "gone"
    is_left = end in ("moved", "freed no more")
    assert WaitingEntry.get_by_id(first.id).is_waiting == is_left
    assert Booking.get_by_id(mine.id).practitioner == linden.calendar


def test_nobody_is_written_to_at_night_and_the_time_is_offered_in_the_morning(
    linden, clock, letters, freed_for_two
):
    clock.now = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    assert look(clock) == []
    assert look(clock, 11 * 60 + 59) == []
    assert len(look(clock, 6)) == 1 and len(letters.send()) == 1


def test_no_more_than_three_a_day(linden, clock, letters, list_on, client):
    mine = at(linden, "11-27", "15:00")
    others = [at(linden, "11-25", f"{hour}:00", client("Ann")) for hour in ("09", "11", "13", "15")]
    waits(linden, mine)
    for one in others:
        one.cancel(linden.olive)
    for _ in range(6):
        for offer in look(clock, 20):
            accepting.decline(offer)
    assert EarlierOffer.select().count() == 3
    clock.now += timedelta(days=1)
    offers = look(clock)
    assert len(offers) == 4 and len({one.starts_at for one in offers}) == 4


@pytest.mark.parametrize(
    ("wanted", "offered"),
    [
        ({"weekdays": [2]}, 1),
        ({"weekdays": [1, 3]}, 0),
        ({"from_wall": time(11), "to_wall": time(11, 30)}, 1),
        ({"from_wall": time(12)}, 0),
        ({"to_wall": time(9, 30)}, 0),
        ({"until": date(2026, 11, 24)}, 0),
        ({"until": date(2026, 11, 25)}, 1),
    ],
)
def test_only_what_suits(linden, clock, letters, list_on, client, wanted, offered):
    freed = at(linden, "11-25", "11:00", client("Ann"))
    waits(linden, at(linden, "11-27", "15:00"), **wanted)
    freed.cancel(linden.olive)
    assert len(look(clock, 1)) == offered


def test_with_anyone_and_never_with_another_than_asked(linden, clock, letters, list_on, client):
    freed = at(linden, "11-25", "11:00", client("Ann"), calendar=linden.colleague_calendar)
    mine = at(linden, "11-27", "15:00")
    waits(linden, mine)
    freed.cancel(linden.olive)
    assert look(clock, 1) == []
    freed.set_status("confirmed", linden.olive)
    waits(linden, mine, calendars=[], venue=linden.street)
    freed.cancel(linden.olive)
    (offer,) = look(clock, 1)
    took = accepting.book_offered(offer)
    assert took.practitioner == linden.colleague_calendar and took.id == mine.id
    clock.now += team_letters.TOGETHER
    (lost,) = (one for one in letters.send() if one["To"] == "pat@linden.test")
    said = lost.get_content()
    assert lost["Subject"] == "A booking went to a colleague" and "Wójcik" not in said
    assert "- Friday 27 November 2026, 15:00–15:50, Shoulder, K-2041, Linden Street" in said
    assert "Now with Quinn Linden: Wednesday 25 November 2026, 11:00" in said


def test_time_off_that_is_taken_back_and_other_hours_free_a_time(linden, clock, letters, list_on):
    mine, day = at(linden, "11-27", "15:00"), date(2026, 11, 25)
    off = TimeOff.add(linden.pat, linden.pat, kind="leave", first_on=day, last_on=day)
    waits(linden, mine)
    assert look(clock, 1) == []
    off.remove(linden.pat)
    (offer,) = look(clock, 1)
    assert offer.starts_at == datetime(2026, 11, 25, 9, tzinfo=UTC)
    off.bring_back(linden.pat)
    with pytest.raises(OfferGone):
        accepting.book_offered(offer)


def test_whose_address_cannot_be_written_to_is_passed_over(linden, clock, letters, freed_for_two):
    first, second, freed = freed_for_two
    Patient.update(email="not an address").where(Patient.id == linden.patient.id).execute()
    (offer,) = look(clock)
    assert offer.entry_id == first.id and letters.send() == []
    offers = look(clock, 1)
    assert [(one.entry_id, one.phase) for one in offers] == [
        (first.id, "lapsed"),
        (second.id, "open"),
    ]
    assert offers[1].starts_at == freed.starts_at
    assert [one["To"] for one in letters.send()] == ["bob@client.test"]


def test_a_visitor_who_holds_the_time_goes_first(linden, clock, letters, freed_for_two):
    _first, _second, freed = freed_for_two
    span = freed.starts_at - timedelta(hours=1), freed.ends_at + timedelta(hours=1)
    until = clock.now + 10 * MINUTE
    holds.keep(linden.calendar, linden.service, "v" * 64, "o", span, until)
    assert look(clock) == []
    (offer,) = look(clock, 11)
    assert offer.starts_at == freed.starts_at


def test_a_visitor_sees_the_offered_time_as_taken(linden, clock, letters, freed_for_two):
    (offer,) = look(clock)
    assert holds.held_of_others([linden.pat.id], None)
    assert holds.held_of_others([linden.pat.id], offer.form_use) == {}


def test_an_archived_service_and_a_leaver_pause(linden, clock, letters, freed_for_two):
    linden.service.set_archived(True, linden.olive)
    assert look(clock) == []
    linden.service.set_archived(False, linden.olive)
    linden.pat.leave(linden.olive)
    assert look(clock, 6) == []
    linden.pat.come_back(linden.olive)
    (offer,) = look(clock, 6)
    assert offer.starts_at == freed_for_two[2].starts_at


def test_merged_clients_get_one_letter_at_the_address_that_stands(
    linden, clock, letters, freed_for_two
):
    kept = Patient.named(linden.clinic, None, "Małgorzata W", email="new@client.test")
    merges.merge(kept, linden.patient, linden.olive, [])
    (offer,) = look(clock)
    assert [one["To"] for one in letters.send()] == ["new@client.test"]
    assert accepting.book_offered(offer).patient == kept


def test_leaving_the_list_ends_the_offer(linden, clock, letters, freed_for_two):
    first, *_ = freed_for_two
    (offer,) = look(clock)
    accepting.end_wait(first)
    accepting.end_wait(first)
    with pytest.raises(OfferGone):
        accepting.book_offered(offer)
    assert [one.phase for one in look(clock, 1)] == ["gone", "open"]


def test_entries_are_forgotten_a_month_after_they_ended(linden, clock, letters, freed_for_two):
    first, *_ = freed_for_two
    look(clock)
    accepting.end_wait(first)
    entries.clean_up(clock.now + timedelta(days=29))
    assert WaitingEntry.select().count() == 2
    entries.clean_up(clock.now + timedelta(days=31))
    assert WaitingEntry.select().count() == 1
    assert EarlierOffer.select().where(EarlierOffer.entry == first).count() == 0


def test_a_client_without_an_appointment_whom_the_team_put_on_the_list(
    linden, clock, letters, list_on, client
):
    freed = at(linden, "11-25", "11:00", client("Ann"))
    wanted = Wanted([linden.calendar.id], until=date(2026, 12, 4))
    for _ in range(2):
        entry = joining.ask_without(
            linden.clinic, linden.service, wanted, linden.patient, linden.olive
        )
    assert WaitingEntry.select().count() == 1
    freed.cancel(linden.olive)
    (offer,) = look(clock, 1)
    with pytest.raises(CannotCheck):  # it could not become a request
        accepting.book_offered(offer, Certainty.UNANSWERED)
    took = accepting.book_offered(offer)
    assert took.patient == linden.patient and took.starts_at == freed.starts_at
    told = letters.send()[-1].get_body(("plain",)).get_content()
    assert "You are booked" in told
    assert accepting.book_offered(EarlierOffer.get()).id == took.id
    assert WaitingEntry.get().booking == took and not WaitingEntry.get_by_id(entry.id).is_waiting


def test_who_waits_until_a_day_waits_no_longer(linden, clock, letters, list_on):
    wanted = Wanted([], linden.street, until=date(2026, 11, 24))
    joining.ask_without(linden.clinic, linden.service, wanted, linden.patient, linden.olive)
    look(clock, 24 * 60)
    assert WaitingEntry.get().is_waiting
    look(clock, 24 * 60)
    assert WaitingEntry.get().ended_because == "past"


def test_the_desk_books_for_somebody_on_the_phone(linden, clock, letters, freed_for_two):
    first, second, freed = freed_for_two
    look(clock)
    chance = Chance(linden.calendar, freed.starts_at, 50)
    with pytest.raises(OfferGone):
        accepting.book_for_entry(second, chance, linden.olive)
    took = accepting.book_for_entry(first, chance, linden.olive)
    assert accepting.book_for_entry(first, chance, linden.olive).id == took.id == first.booking_id
    assert took.starts_at == freed.starts_at and EarlierOffer.get().phase == "taken"
    assert Letter.select().where(Letter.kind == "visitor").count() == 0


def test_a_venue_in_another_zone_offers_by_its_own_clock(linden, clock, letters, list_on, client):
    start = datetime(2026, 11, 25, 15, tzinfo=UTC)  # 10:00 in New York
    span = Span(start, start + 50 * MINUTE)
    facts = {"patient": client("Ann"), "service": linden.service}
    freed = Booking.book(linden.abroad, [span], linden.olive, **facts)[0]
    later = Span(start + timedelta(days=2), start + timedelta(days=2, minutes=50))
    facts["patient"] = linden.patient
    mine = Booking.book(linden.abroad, [later], linden.olive, **facts)[0]
    waits(linden, mine, from_wall=time(10), to_wall=time(11))
    freed.cancel(linden.olive)
    assert look(clock, 1) == [], "five in the morning there"
    (offer,) = look(clock, 180)
    assert offer.starts_at == start


def test_after_a_move_of_ones_own_only_what_becomes_free_then_is_told(
    linden, clock, letters, list_on, client
):
    freed = at(linden, "12-03", "11:00", client("Ann"))
    mine = at(linden, "11-25", "15:00")
    waits(linden, mine)
    later = Span(mine.starts_at + timedelta(days=9), mine.ends_at + timedelta(days=9))
    mine.change(linden.olive, later)
    assert look(clock, 1) == look(clock, 6) == []
    freed.cancel(linden.olive)
    (offer,) = look(clock, 1)
    assert offer.starts_at == freed.starts_at


def test_a_horizon_that_comes_nearer_is_no_news(linden, clock, letters, list_on):
    OnlineSettings.stored(linden.clinic).change(None, horizon_days=20)
    waits(linden, at(linden, "12-30", "15:00"))
    look(clock)
    for _ in range(3):
        for _ in range(12):
            assert look(clock, 120) == []


def test_within_the_clinics_rule_a_client_who_asked_is_offered_nothing(
    linden, clock, letters, list_on, client
):
    OnlineSettings.stored(linden.clinic).change(None, is_on=True, change_hours=48)
    linden.service.change(None, bookable_online=True)
    freed = at(linden, "11-25", "11:00", client("Ann"))
    mine = at(linden, "11-26", "15:00")
    waits(linden, mine, actor=None)
    clock.now += timedelta(days=1, hours=6)
    freed.cancel(linden.olive)
    assert look(clock, 1) == []
    WaitingEntry.update(by_team=True).execute()
    assert len(look(clock, 6)) == 1


def test_one_entry_in_trouble_does_not_stop_the_others(linden, clock, letters, freed_for_two):
    first, second, _freed = freed_for_two
    WaitingEntry.update(known={"x": 1}).where(WaitingEntry.id == first.id).execute()
    (offer,) = look(clock)
    assert offer.entry_id == second.id
    WaitingEntry.update(known={}).where(WaitingEntry.id == first.id).execute()
    accepting.decline(offer)
    assert [one.entry_id for one in look(clock, 6)] == [second.id, first.id]


@pytest.mark.parametrize("mode", ["hand", "turn"])
def test_a_look_asks_the_database_as_often_however_many_wait(
    linden, clock, letters, list_on, client, signed_in, caplog, mode
):
    """So does the page."""
    browser = signed_in(linden.olive)
    EarlierSettings.get().change(None, mode=mode)
    freed = at(linden, "11-25", "11:00", client("Ann"))
    asked = []
    for count in (2, 12):
        freed.set_status("confirmed", linden.olive)
        for n in range(count):
            mine = at(linden, "11-27", "15:00", client(f"Bob{count}{n}"), allow_overlap=True)
            waits(linden, mine, weekdays=[2])
        look(clock)
        freed.cancel(linden.olive)
        clock.now += MINUTE
        for ask in (news.offer_freed_times, lambda: browser.get("/waiting-list/")):
            with caplog.at_level("DEBUG", "peewee"):
                caplog.clear()
                ask()
            asked.append(sum(record.name == "peewee" for record in caplog.records))
        for entry in entries.waiting(linden.clinic):
            accepting.end_wait(entry)
    assert asked[:2] == asked[2:], asked
