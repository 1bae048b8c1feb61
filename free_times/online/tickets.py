"""The signed text that carries a chosen time through a visitor's form.

There is no cookie and no row. The text contains the chosen time, when it was chosen, and the nonce
of the form use; nothing about the person.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from base import scheduling, vault
from base.scheduling import EPOCH

LIFE = timedelta(hours=24)
_PURPOSE = "form of online booking"
_SECOND = timedelta(seconds=1)


class NoForm(Exception):
    """The text was not signed by this server."""


@dataclass(frozen=True)
class Ticket:
    """The time that a visitor chose, by ids. `minutes` and `price_cents`: as they were shown.
    `anyone`: any free practitioner will do, and the calendar is only the proposed one.
    """

    clinic: int
    service: int
    calendar: int
    anyone: bool
    minutes: int
    price_cents: int
    starts_at: datetime
    issued_at: datetime
    nonce: str

    @classmethod
    def issue(cls, nonce: str | None = None, **chosen: object) -> "Ticket":
        """A new ticket for the form use with this nonce, or for a new one."""
        at = scheduling.utc_now().replace(microsecond=0)
        nonce = nonce or secrets.token_hex(16)
        return cls(**chosen, issued_at=at, nonce=nonce)  # type: ignore[arg-type]

    def again(self, **chosen: object) -> "Ticket":
        """A new ticket for the same form use, with another time or only a new date of issue."""
        at = scheduling.utc_now().replace(microsecond=0)
        return replace(self, issued_at=at, **chosen)  # type: ignore[arg-type]

    @property
    def is_old(self) -> bool:
        """Whether the ticket has expired."""
        return scheduling.utc_now() - self.issued_at > LIFE

    @property
    def ends_at(self) -> datetime:
        """The end of the visit."""
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def key(self) -> UUID:
        """The key by which a second press of the same form makes no second booking."""
        return UUID(self.nonce)

    @property
    def form_use(self) -> str:
        """The hash by which rows name the form use. Nobody can make the form from it."""
        return form_use(self.nonce)

    @property
    def text(self) -> str:
        """The ticket as text for the page: at most 150 characters, safe in an address."""
        seconds = [(at - EPOCH) // _SECOND for at in (self.starts_at, self.issued_at)]
        numbers = [self.clinic, self.service, self.calendar, int(self.anyone)]
        numbers += [self.minutes, self.price_cents, *seconds]
        body = ".".join([*map(str, numbers), self.nonce])
        return f"{body}.{vault.derived(_PURPOSE, body)[0]}"

    @classmethod
    def read(cls, text: str, clinic: int) -> "Ticket":
        """The ticket that a page of this clinic carried, even if it is old. Raises NoForm."""
        *numbers, nonce = _signed(text)
        of, service, calendar, anyone, minutes, price, starts, issued = map(int, numbers)
        if of != clinic:
            raise NoForm
        return cls(
            of,
            service,
            calendar,
            bool(anyone),
            minutes,
            price,
            EPOCH + starts * _SECOND,
            EPOCH + issued * _SECOND,
            nonce,
        )


def _signed(text: str) -> list[str]:
    """The parts of a text that this server signed. Raises NoForm."""
    body, _, signature = text.rpartition(".")
    known = [
        hmac.compare_digest(one.encode(), signature.encode())
        for one in vault.derived(_PURPOSE, body)
    ]
    if not any(known):
        raise NoForm
    return body.split(".")


def clinic_of(text: str) -> int | None:
    """The id of the clinic whose page made the ticket; None if it is no ticket."""
    try:
        return int(_signed(text)[0]) if text else None
    except NoForm:
        return None


def form_use(nonce: str) -> str:
    """The hash by which rows name the form use with this nonce. Nobody can make the form
    from it.
    """
    return hashlib.sha256(f"visit|{nonce}".encode()).hexdigest()


def nonce_of(seed: str, clinic: int) -> str:
    """The nonce of the form use that begins on a page without a ticket. `seed`: the random text in
    that page, so that a second press belongs to the same form use. The nonce also depends on the
    server's key, so nobody can choose another visitor's.
    """
    secret = vault.derived("visit of an online booking page", f"{clinic}|{seed}")[0]
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def form_use_of(text: str, clinic: int) -> str | None:
    """The form use of a ticket, as a hash; None if it is no ticket of this clinic's page."""
    try:
        return Ticket.read(text, clinic).form_use if text else None
    except NoForm:
        return None
