"""The form that a visitor fills in, as a signed text that the page carries itself.

No cookie and no row: which time was chosen, and when, with a random number that stands for this
visit. Nothing in it is about a person who books.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from base import scheduling, vault
from base.database import EPOCH

LIFE = timedelta(hours=24)
_PURPOSE = "form of online booking"
_SECOND = timedelta(seconds=1)


class NoForm(Exception):
    """It is not a form that this server made."""


@dataclass(frozen=True)
class Ticket:
    """A time that a visitor chose. Ids; `minutes` and `price_cents` as they were shown;
    `anyone`: whoever is free will do, and the calendar is only who was proposed.
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
        """A fresh one, of the visit with this nonce, or of another one."""
        at = scheduling.utc_now().replace(microsecond=0)
        nonce = nonce or secrets.token_hex(16)
        return cls(**chosen, issued_at=at, nonce=nonce)  # type: ignore[arg-type]

    def again(self, **chosen: object) -> "Ticket":
        """The same visit with another time, or issued anew."""
        at = scheduling.utc_now().replace(microsecond=0)
        return replace(self, issued_at=at, **chosen)  # type: ignore[arg-type]

    @property
    def is_old(self) -> bool:
        """Whether it is good no longer."""
        return scheduling.utc_now() - self.issued_at > LIFE

    @property
    def ends_at(self) -> datetime:
        """When the visit would end."""
        return self.starts_at + timedelta(minutes=self.minutes)

    @property
    def key(self) -> UUID:
        """By which a second press of the same form makes no second booking."""
        return UUID(self.nonce)

    @property
    def visitor(self) -> str:
        """What rows keep of the visit: a hash, from which the form cannot be made."""
        return visitor(self.nonce)

    @property
    def text(self) -> str:
        """What the page carries: 150 characters or fewer that may stand in an address."""
        seconds = [(at - EPOCH) // _SECOND for at in (self.starts_at, self.issued_at)]
        numbers = [self.clinic, self.service, self.calendar, int(self.anyone)]
        numbers += [self.minutes, self.price_cents, *seconds]
        body = ".".join([*map(str, numbers), self.nonce])
        return f"{body}.{vault.derived(_PURPOSE, body)[0]}"

    @classmethod
    def read(cls, text: str, clinic: int) -> "Ticket":
        """What the page of this clinic carried, also one that is old. Raises NoForm."""
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
    """Of which clinic's page a ticket is; None for no ticket."""
    try:
        return int(_signed(text)[0]) if text else None
    except NoForm:
        return None


def visitor(nonce: str) -> str:
    """What rows keep of the visit with this nonce."""
    return hashlib.sha256(f"visit|{nonce}".encode()).hexdigest()


def nonce_of(visit: str, clinic: int) -> str:
    """The nonce for whoever presses a button of a list of times, which carries the text `visit`: a
    second press is the same visit's. Nobody can choose the nonce of another visit.
    """
    secret = vault.derived("visit of an online booking page", f"{clinic}|{visit}")[0]
    return hashlib.sha256(secret.encode()).hexdigest()[:32]


def visitor_of(text: str, clinic: int) -> str | None:
    """Whose ticket it is; None for no ticket of this clinic's page."""
    try:
        return Ticket.read(text, clinic).visitor if text else None
    except NoForm:
        return None
