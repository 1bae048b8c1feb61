"""Random histories of bookings, against a mail server in trouble; 10,000 are in the bench."""

import pytest

from base.bookings.client_letters import LetterSettings
from base.tables import outbox
from bench.correspondence import Correspondence
from models import Patient


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_each_letter_leaves_once_and_says_what_is_true(app, linden, clock, letters, seed):
    outbox.set_up(
        outbox.MailSetup(
            letters.server.url, "kalends@linden.test", per_minute=10**6, answer_seconds=4
        )
    )
    LetterSettings.stored(linden.clinic).change(None, to_clients="all")
    clients = [
        Patient.named(linden.clinic, None, f"Client {n}", email=f"client{n}@client.test")
        for n in range(4)
    ]

    def tick(length):
        clock.now += length

    calendars = [linden.calendar, linden.colleague_calendar]
    history = Correspondence(
        calendars, clients, linden.olive, letters.server, letters.send, tick, seed, app
    )
    history.run(12)
    assert history.faults == []
    assert len(history.copies) > 10 and sum(history.lost.values()) > 0
