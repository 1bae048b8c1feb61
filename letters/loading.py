"""The rows that a letter names, each loaded by its right: a row is of the letter's clinic, and a
recipient still works there. A one-time token, a proof of an address and a code are found by number
and salt instead: only their own letter has both.
"""

from typing import TypeVar

from base import scheduling
from base.tables.outbox import Letter
from free_times.earlier import offering
from free_times.earlier.offering import EarlierOffer
from models import Booking, Patient, Practitioner, User
from people.credentials import OneTimeToken
from people.email_addresses import AddressProof
from people.guide_notes import GuideNote
from people.mailed_codes import MailedCode
from sync.tables.accounts import Account
from sync.tables.unread import CalendarTrouble

Secret = TypeVar("Secret", AddressProof, MailedCode)


def person(letter: Letter, number: int) -> User | None:
    """A person of the letter's clinic, also one who has left."""
    found: User | None = User.get_or_none(User.id == number, User.clinic == letter.clinic_id)
    return found


def recipient(letter: Letter) -> User | None:
    """The person to whom it is written, if it names one who still works there."""
    found = person(letter, letter.detail.get("reader", 0))
    return found if found and found.is_active else None


def account(letter: Letter) -> Account | None:
    """The account that a letter is about."""
    found: Account | None = Account.get_or_none(
        Account.id == letter.about, Account.clinic == letter.clinic_id
    )
    return found


def trouble(letter: Letter) -> CalendarTrouble | None:
    """The trouble with a calendar that a letter is about, while it lasts."""
    found: CalendarTrouble | None = CalendarTrouble.get_or_none(
        CalendarTrouble.id == letter.about,
        CalendarTrouble.clinic == letter.clinic_id,
        CalendarTrouble.ended_at.is_null(),
    )
    return found


def booking(letter: Letter, number: int) -> Booking | None:
    """A booking of the letter's clinic, with everything that a letter says of it."""
    rows = Booking.in_full().where(Booking.id == number, Booking.clinic == letter.clinic_id)
    found: Booking | None = rows.get_or_none()
    return found


def calendar(clinic_id: int, number: int) -> Practitioner | None:
    """A calendar of the clinic, also a closed one."""
    found: Practitioner | None = Practitioner.get_or_none(
        Practitioner.id == number, Practitioner.clinic == clinic_id
    )
    return found


def client(letter: Letter) -> Patient | None:
    """The client to whom a letter goes: the record in use now."""
    found: Patient | None = Patient.get_or_none(
        Patient.id == letter.detail["client"], Patient.clinic == letter.clinic_id
    )
    return found and found.record_in_use


def earlier_offer(letter: Letter) -> EarlierOffer | None:
    """The offer of an earlier time that a letter makes."""
    rows = offering.full_offers().where(
        EarlierOffer.id == letter.about, EarlierOffer.clinic == letter.clinic_id
    )
    found: EarlierOffer | None = rows.get_or_none()
    return found


def guide_note(letter: Letter) -> GuideNote | None:
    """The answer about a guide that a letter passes on."""
    found: GuideNote | None = GuideNote.get_or_none(
        GuideNote.id == letter.about, GuideNote.clinic == letter.clinic_id
    )
    return found


# ---- secrets ----


def one_time_token(letter: Letter) -> OneTimeToken | None:
    """The invitation or reset that a letter carries, while it is valid."""
    found: OneTimeToken | None = OneTimeToken.get_or_none(
        OneTimeToken.user == letter.about,
        OneTimeToken.purpose == letter.kind,
        OneTimeToken.salt == letter.sequence,
        OneTimeToken.expires_at > scheduling.utc_now(),
    )
    return found


def proof(letter: Letter) -> AddressProof | None:
    """The proof of an address that a letter carries, while it is valid."""
    return _valid(AddressProof, letter)


def code(letter: Letter) -> MailedCode | None:
    """The code that a letter carries, while it is valid."""
    return _valid(MailedCode, letter)


def _valid(table: type[Secret], letter: Letter) -> Secret | None:
    """The row of the table that a letter carries by its salt; None once it has ended."""
    found: Secret | None = table.get_or_none(
        table.id == letter.about,
        table.salt == letter.sequence,
        table.expires_at > scheduling.utc_now(),
    )
    return found
