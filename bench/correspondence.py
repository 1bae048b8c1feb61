"""Random histories of bookings and of a mail server in trouble, and the laws that must hold.

Bookings are made, moved, handed over, cancelled and brought back, several times before anything is
sent. Meanwhile the mail server refuses, dies, never answers, or takes a letter and loses its
answer; workers die with a letter in hand, before and after they handed it over. The laws: each
letter that was due is sent exactly once; it is repeated only if the answer was lost, and then with
the same Message-ID; no letter is sent for a booking that was cancelled.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import Any

import icalendar
from flask import Flask

from base import scheduling
from base.bookings import client_letters
from base.scheduling import Span
from base.tables import outbox
from base.tables.outbox import LEASE, Letter
from letters import sending
from letters.smtp import MailServer
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


HANGS = 0.005  # of the letters, in trouble: each costs as long as an answer is waited for


class Killed(BaseException):
    """The end of a worker: nothing that it was about to write is written."""


class Correspondence:
    """One history. `server`: a mail server with `taken` and `plan`. `send`: carries out the job.
    `tick`: moves the clock. `faults`: the laws that did not hold, in words.
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
        app: Flask,
    ):
        self.calendars, self.clients, self.actor = calendars, clients, actor
        self.server, self.send, self.tick = server, send, tick
        self.random, self.app = random.Random(seed), app
        self.bookings: list[int] = []
        self.lost: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.told: dict[str, tuple[str, datetime]] = {}
        self.times: dict[int, set[datetime]] = defaultdict(set)  # each booking has had
        self.letters: dict[tuple[str, int], str] = {}
        self.faults: list[str] = []
        self._seen = 0
        self._first_day = scheduling.utc_now() + timedelta(days=30)

    def run(self, count: int) -> None:
        """Change this many bookings a few times each, then send until nothing is left."""
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
        self.times[made[0].id].add(span.starts_at)

    def _span(self, place: int) -> Span:
        starts_at = self._first_day + timedelta(hours=place % 5000)
        return Span(starts_at, starts_at + timedelta(minutes=30))

    def _one(self) -> Booking | None:
        """A booking, mostly a recent one, so that several changes meet before a letter is sent."""
        some = self.bookings[-8:] if self.random.random() < 0.8 else self.bookings
        return Booking.get_by_id(self.random.choice(some)) if some else None

    def _move(self) -> None:
        if (row := self._one()) and row.status == "confirmed":
            hour = timedelta(hours=self.random.choice((-1, 1)))
            span = Span(row.starts_at + hour, row.ends_at + hour)
            row.change(self.actor, span, allow_overlap=True)
            self.times[row.id].add(span.starts_at)

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
        """Send, sometimes with a server in trouble, sometimes after a worker died."""
        self.server.plan = self._trouble if in_trouble else lambda stage, to: None
        if in_trouble and self.random.random() < 0.1:
            Letter.claim(scheduling.utc_now(), 10**6)
            self.tick(LEASE + timedelta(seconds=1))
        if in_trouble and self.random.random() < 0.1:
            self._die_after_handing_over()
            self.tick(LEASE + timedelta(seconds=1))
        self.send()
        self._look()
        self.tick(timedelta(minutes=self.random.choice((1, 6, 31, 61))))

    def _die_after_handing_over(self) -> None:
        """Kill a worker after the server's answer and before the worker stored it."""
        letter = Letter.claim(scheduling.utc_now(), 10**6)

        def hand_over(one: sending.Prepared) -> None:
            server.hand_over(one.message, one.to)
            self.lost[str(one.message["Message-ID"])] += 1
            raise Killed

        if letter is not None:
            with (
                self.app.app_context(),
                closing(MailServer(outbox.setup())) as server,
                suppress(Killed),
            ):
                sending.attempt(letter, sending.prepared, hand_over)
            self._look()

    def _trouble(self, stage: str, to: str) -> str | None:
        """The trouble at this stage, if any. The server calls it."""
        hangs = stage == "taken" and self.random.random() < HANGS
        if not hangs and self.random.random() > (0.25 if stage == "taken" else 0.08):
            return None
        if stage == "taken":
            self.lost[str(self.server.taken[-1]["Message-ID"])] += 1
        return "hang" if hangs else self.random.choice(REFUSALS[stage])

    def _look(self) -> None:
        """Check that each letter of this pass says what is true, since nothing changed
        meanwhile.
        """
        uids = {visit.uid(row.uuid): row for row in Booking.select()}
        for message in self.server.taken[self._seen :]:
            self.copies[str(message["Message-ID"])] += 1
            parts = [one for one in message.walk() if one.get_content_type() == "text/calendar"]
            if not parts:  # to the team
                continue
            (part,) = parts
            entry = icalendar.Calendar.from_ical(part.get_payload(decode=True)).walk("VEVENT")[0]
            row, method = uids[str(entry["UID"])], str(part.get_param("method"))
            if (method == "CANCEL") != (row.status == "cancelled"):
                self.faults.append(f"{method} for a booking that is {row.status}")
            told_at = entry["DTSTART"].dt
            is_known = method == "CANCEL" and told_at in self.times[row.id]  # as the client knew it
            if int(entry["SEQUENCE"]) != row.sequence or not (told_at == row.starts_at or is_known):
                self.faults.append("a letter tells of an earlier state")
            key = str(entry["UID"]), int(entry["SEQUENCE"])
            if self.letters.setdefault(key, message["Message-ID"]) != message["Message-ID"]:
                self.faults.append("two letters tell of one change")
            self.told[str(entry["UID"])] = method, told_at
        self._seen = len(self.server.taken)

    def _check(self) -> None:
        """Check the laws at the end."""
        for message_id, count in self.copies.items():
            if count > 1 + self.lost[message_id]:
                self.faults.append(f"{count} copies, {self.lost[message_id]} answers lost")
        phases = Counter(row.phase for row in Letter.select())
        if phases["waiting"]:
            self.faults.append(f"{phases['waiting']} letters never left")
        sent = Letter.select().where(Letter.phase == "sent").count()
        if sent > len(self.copies) or sent < len(self.copies) - sum(self.lost.values()):
            self.faults.append(f"{sent} rows sent, {len(self.copies)} letters taken")
        lost = Letter.kind == client_letters.KIND, Letter.phase == "failed"
        failed = {row.about for row in Letter.select().where(*lost)}
        for row in Booking.select().where(Booking.id.not_in(list(failed))):
            told = self.told.get(visit.uid(row.uuid))
            if row.status == "cancelled":
                if told and told[0] != "CANCEL":
                    self.faults.append("a cancelled booking was told, and its end was not")
            elif told != ("REQUEST", row.starts_at):
                self.faults.append(f"a booking is not told as it is: {told and told[0]}")
