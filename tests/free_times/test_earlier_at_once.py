"""Several who press at once for one freed time: one gets it, nobody loses their appointment."""

from datetime import UTC, datetime, timedelta

from client_world import team_is_told_nothing
from races import at_once

from base.scheduling import Span
from free_times.earlier import accepting, joining, news, offering
from free_times.earlier.accepting import OfferGone
from free_times.earlier.entries import EarlierSettings, WaitingEntry, Wanted
from free_times.earlier.offering import EarlierOffer
from models import Booking, Patient

MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
WAITING = 5


def test_one_of_several_simultaneous_presses_gets_the_time(linden, clock, letters):
    clock.now = MONDAY
    team_is_told_nothing(linden)
    EarlierSettings.stored(linden.clinic).change(None, mode="all")

    def book(start, name):
        client = Patient.named(linden.clinic, None, name, email=f"{name}@client.test".lower())
        facts = {"patient": client, "service": linden.service}
        span = Span(start, start + timedelta(minutes=50))
        return Booking.book(linden.calendar, [span], linden.olive, **facts)[0]

    freed = book(MONDAY + timedelta(days=2), "Ann")
    friday = MONDAY + timedelta(days=4, hours=-1)
    waits = [book(friday + timedelta(hours=n), f"Bob{n}") for n in range(WAITING)]
    before = {one.id: one.starts_at for one in waits}
    for one in waits:
        joining.ask_for(one, Wanted([linden.calendar.id]), linden.olive)
    freed.cancel(linden.olive)
    clock.now += timedelta(minutes=1)
    news.offer_freed_times()
    offers = list(offering.full_offers())
    assert len(offers) == WAITING and {one.starts_at for one in offers} == {freed.starts_at}
    outcomes = []

    def press(offer):
        def once(n):
            if n == 0:
                try:
                    outcomes.append(
                        accepting.book_offered(offering.find_offer(str(offer.uuid), _way(offer))).id
                    )
                except OfferGone:
                    outcomes.append(None)

        return once

    assert at_once(*[press(one) for one in offers for _ in range(2)]) == []
    (taker,) = {one for one in outcomes if one is not None}
    after = {one.id: one.starts_at for one in Booking.select().where(Booking.id.in_(list(before)))}
    assert after.pop(taker) == freed.starts_at
    assert after == {key: at for key, at in before.items() if key != taker}
    assert outcomes.count(None) == 2 * (WAITING - 1)
    assert WaitingEntry.select().where(WaitingEntry.phase == "waiting").count() == WAITING - 1
    assert EarlierOffer.select().where(EarlierOffer.phase == "open").count() == 0


def _way(offer):
    return offering.token(offer)
