"""Random histories of bookings and of a mail server in trouble, and what of them must hold.

Bookings are made, moved, handed over, cancelled and brought back, several times before anything is
sent. Meanwhile the mail server refuses, dies, or takes a letter and loses its answer, and a worker
dies with a letter in hand. Each letter that was due leaves exactly once; a repeat only where the
answer was lost, with the same Message-ID; none for a booking that was cancelled.
"""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import icalendar

from base import scheduling
from base.scheduling import Span
from base.tables.outbox import LEASE, Letter
from models import Booking, Patient, Practitioner, User
from sync.events import visit

REFUSALS = {
    "greeting": ("421 busy", "die"),
    "EHLO": ("421 busy", "die"),
    "MAIL": ("451 later", "die"),
    "RCPT": ("451 later", "550 5.1.1 nobody", "die"),
    "DATA": ("451 later", "554 no", "die"),
    "taken": ("die", "451 lost"),
}


class Correspondence:
    """One history. `server`: a mail server with `taken` and `plan`. `send`: carries out the job.
    `tick`: moves the clock. `faults`: what did not hold, in words.
    """

    def __init__(
        self,
        calendars: Sequence[Practitioner],
        clients: Sequence[Patient],
        actor: User,
        server: Any,
        send: Callable[[], object],
        tick: Callable[[timedelta], object],
        seed: int,
    ):
        self.calendars, self.clients, self.actor = calendars, clients, actor
        self.server, self.send, self.tick = server, send, tick
        self.random = random.Random(seed)
        self.bookings: list[int] = []
        self.lost: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.told: dict[str, tuple[str, datetime]] = {}
        self.letters: dict[tuple[str, int], str] = {}
        self.faults: list[str] = []
        self._seen = 0
        self._first_day = scheduling.utc_now() + timedelta(days=30)

    def run(self, count: int) -> None:
        """So many bookings, changed a few times each, then quiet until all is sent."""
        while len(self.bookings) < count:
            for _ in range(self.random.randint(1, 6)):
                self._change()
            self._pass(self.random.random() < 0.7)
        for _ in range(40):
            self._pass(False)
            if not Letter.select().where(Letter.phase == "waiting").exists():
                break
        self._check()

    def _change(self) -> None:
        deeds = (self._book, self._book, self._move, self._hand, self._cancel, self._return)
        self.tick(timedelta(seconds=1))
        self.random.choice(deeds)()

    def _book(self) -> None:
        span = self._span(len(self.bookings))
        client = self.random.choice(self.clients)
        calendar = self.random.choice(self.calendars)
        made = Booking.book(calendar, [span], self.actor, patient=client, allow_overlap=True)
        self.bookings.append(made[0].id)

    def _span(self, place: int) -> Span:
        starts_at = self._first_day + timedelta(hours=place % 5000)
        return Span(starts_at, starts_at + timedelta(minutes=30))

    def _one(self) -> Booking | None:
        """A recent one mostly, so that several changes meet before a letter leaves."""
        some = self.bookings[-8:] if self.random.random() < 0.8 else self.bookings
        return Booking.get_by_id(self.random.choice(some)) if some else None

    def _move(self) -> None:
        if (row := self._one()) and row.status == "confirmed":
            hour = timedelta(hours=self.random.choice((-1, 1)))
            span = Span(row.starts_at + hour, row.ends_at + hour)
            row.change(self.actor, span, allow_overlap=True)

    def _hand(self) -> None:
        if (row := self._one()) and row.status == "confirmed":
            there = self.random.choice(self.calendars)
            row.change(self.actor, row.span, practitioner=there, allow_overlap=True)

    def _cancel(self) -> None:
        if row := self._one():
            row.cancel(self.actor)

    def _return(self) -> None:
        if row := self._one():
            row.set_status("confirmed", self.actor, allow_overlap=True)

    def _pass(self, in_trouble: bool) -> None:
        """Send, perhaps against a server in trouble, perhaps after a worker died."""
        self.server.plan = self._trouble if in_trouble else lambda stage, to: None
        if in_trouble and self.random.random() < 0.1:
            Letter.claim(scheduling.utc_now(), 10**6)
            self.tick(LEASE + timedelta(seconds=1))
        self.send()
        self._look()
        self.tick(timedelta(minutes=self.random.choice((1, 6, 31, 61))))

    def _trouble(self, stage: str, to: str) -> str | None:
        """What goes wrong at this stage; called by the server."""
        if self.random.random() > (0.25 if stage == "taken" else 0.08):
            return None
        if stage == "taken":
            self.lost[str(self.server.taken[-1]["Message-ID"])] += 1
        return self.random.choice(REFUSALS[stage])

    def _look(self) -> None:
        """What was taken in this pass says what is true: nothing changed meanwhile."""
        uids = {visit.uid(row.uuid): row for row in Booking.select()}
        for message in self.server.taken[self._seen :]:
            self.copies[str(message["Message-ID"])] += 1
            part = next(one for one in message.walk() if one.get_content_type() == "text/calendar")
            entry = icalendar.Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")[0]
            row, method = uids[str(entry["UID"])], str(part.get_param("method"))
            if (method == "CANCEL") != (row.status == "cancelled"):
                self.faults.append(f"{method} for a booking that is {row.status}")
            if int(entry["SEQUENCE"]) != row.sequence or entry["DTSTART"].dt != row.starts_at:
                self.faults.append("a letter tells of an earlier state")
            key = str(entry["UID"]), int(entry["SEQUENCE"])
            if self.letters.setdefault(key, message["Message-ID"]) != message["Message-ID"]:
                self.faults.append("two letters tell of one change")
            self.told[str(entry["UID"])] = method, entry["DTSTART"].dt
        self._seen = len(self.server.taken)

    def _check(self) -> None:
        """What holds in the end."""
        for message_id, count in self.copies.items():
            if count > 1 + self.lost[message_id]:
                self.faults.append(f"{count} copies, {self.lost[message_id]} answers lost")
        phases = Counter(row.phase for row in Letter.select())
        if phases["waiting"]:
            self.faults.append(f"{phases['waiting']} letters never left")
        sent = Letter.select().where(Letter.phase == "sent").count()
        if sent > len(self.copies) or sent < len(self.copies) - sum(self.lost.values()):
            self.faults.append(f"{sent} rows sent, {len(self.copies)} letters taken")
        failed = {row.about for row in Letter.select().where(Letter.phase == "failed")}
        for row in Booking.select().where(Booking.id.not_in(list(failed))):
            told = self.told.get(visit.uid(row.uuid))
            if row.status == "cancelled":
                if told and told[0] != "CANCEL":
                    self.faults.append("a cancelled booking was told, and its end was not")
            elif told != ("REQUEST", row.starts_at):
                self.faults.append(f"a booking is not told as it is: {told and told[0]}")
