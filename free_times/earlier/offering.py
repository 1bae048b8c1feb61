"""Offers of a free time to clients who wait: one after another, to all at once, or by hand."""

import secrets
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from peewee import CharField, Check, ForeignKeyField, IntegerField, ModelSelect, UUIDField

from base import scheduling, vault
from base.bookings.clashes import SlotTaken
from base.database import Base, InstantField, alone, now
from base.tables import outbox
from base.tables.audit import AuditEntry
from base.tables.bulk import tuples
from base.tables.outbox import Letter
from free_times import finding
from free_times.finding import Wish
from free_times.online import holds, tickets
from free_times.rules import OnlineRules, OnlineSettings
from models import Booking, Clinic, Patient, Practitioner, Service, User, Venue

from . import entries, matching
from .entries import EarlierSettings, WaitingEntry
from .matching import Chance

KIND = "earlier"
# "taken" is stored since the first version: the client accepted the offer
PHASES = ("open", "taken", "declined", "lapsed", "gone", "unsent")
MOST_A_DAY = 3  # offers to one person on one day of the venue
MORNING, EVENING = time(8), time(20)  # of the venue: nobody is written to before or after
ANSWERING = timedelta(minutes=1)  # after a press, the longest time to ask calendars outside


class AtNight(Exception):
    """Nobody gets a letter now: it is night at the venue."""


class CannotOffer(Exception):
    """The client no longer waits, has no e-mail address, or has an offer already."""


class EarlierOffer(Base):
    """An offered time.

    `sequence`: that of the appointment to be given up, when the time was offered. `form_use`: names
    the hold that keeps the time; offers of one time to several people share it. `phase`: one of
    PHASES; "gone": the time was taken, or the client's appointment changed; "unsent": its letter
    could not be sent. `user`: the person who offered it; None: the chore. `pressed_at`: when the
    client pressed, while calendars outside are asked.
    """

    clinic = ForeignKeyField(Clinic, backref="earlier_offers")
    entry = ForeignKeyField(WaitingEntry, backref="offers", on_delete="CASCADE")
    uuid = UUIDField(unique=True, default=uuid.uuid4)
    practitioner = ForeignKeyField(Practitioner, backref="earlier_offers", on_delete="CASCADE")
    starts_at = InstantField()
    ends_at = InstantField()
    sequence = IntegerField(null=True)
    form_use = CharField(64, column_name="visit")
    phase = CharField(10, default="open", constraints=[Check(f"phase IN {PHASES}")])
    made_at = InstantField(default=now)
    expires_at = InstantField()
    pressed_at = InstantField(null=True)
    ended_at = InstantField(null=True)
    user = ForeignKeyField(User, null=True, on_delete="SET NULL")

    class Meta:
        indexes = ((("clinic", "phase"), False), (("entry", "phase"), False))

    @property
    def minutes(self) -> int:
        """How long the visit takes."""
        return int((self.ends_at - self.starts_at).total_seconds()) // 60

    @property
    def is_open(self) -> bool:
        """Whether the row itself lets the offer be taken now."""
        at = scheduling.utc_now()
        pressed = self.pressed_at
        in_time = at < self.expires_at or (
            pressed is not None and pressed < self.expires_at and at < pressed + ANSWERING
        )
        return self.phase == "open" and in_time and at < self.starts_at

    @property
    def was_unanswered(self) -> bool:
        """Whether its time went to others because nobody answered."""
        is_late = self.phase == "open" and self.expires_at <= scheduling.utc_now()
        return is_late or self.phase in ("lapsed", "unsent")


def token(offer: EarlierOffer) -> str:
    """The secret part of the offer link in the letter: 43 characters."""
    return _candidates(offer.uuid)[0]


def _candidates(key: object) -> list[str]:
    return vault.derived("an earlier time", f"{key}")


def full_offers() -> "ModelSelect[EarlierOffer]":
    """Offers with entry, appointment, service and calendar at hand."""
    return (
        EarlierOffer.select(EarlierOffer, WaitingEntry, Booking, Service, Practitioner, Venue, User)
        .join(WaitingEntry)
        .left_outer_join(Booking, on=(WaitingEntry.booking == Booking.id))
        .switch(WaitingEntry)
        .join(Service)
        .switch(EarlierOffer)
        .join(Practitioner)
        .join(Venue)
        .switch(Practitioner)
        .join(User)
    )


def latest(waiting: Collection[WaitingEntry], most: int) -> dict[int, list[EarlierOffer]]:
    """The last offers to each entry, by its id, the newest first. One query."""
    found: dict[int, list[EarlierOffer]] = defaultdict(list)
    mine = full_offers().where(EarlierOffer.entry.in_([one.id for one in waiting]))
    for offer in mine.order_by(EarlierOffer.id.desc()):
        if len(found[offer.entry_id]) < most:
            found[offer.entry_id].append(offer)
    return found


def find_offer(key: str, given: str) -> EarlierOffer | None:
    """The offer with this offer link; None for every kind of refusal, after the same query."""
    try:
        wanted = uuid.UUID(key)
    except ValueError:
        wanted = uuid.UUID(int=0)
    row: EarlierOffer | None = full_offers().where(EarlierOffer.uuid == wanted).get_or_none()
    good = [secrets.compare_digest(one.encode(), given.encode()) for one in _candidates(wanted)]
    return row if row is not None and any(good) else None


def why_ended(
    offer: EarlierOffer,
    letter: str | None = None,
    is_barred: Callable[[Wish, datetime], bool] = finding.is_barred,
) -> str:
    """The phase in which an open offer ends now; "" while it can be taken. `letter`: the phase of
    its letter; `is_barred`: whether something bars the visit. Pass both if they were read for
    many offers at once.
    """
    entry = offer.entry
    if not entry.is_waiting or entry.why_over():
        return "gone"
    if entry.booking is not None and entry.booking.sequence != offer.sequence:
        return "gone"
    if letter is None:
        letter = letters_of([offer.id]).get(offer.id, "")
    if letter == "failed":  # nobody got it, so the next client may be asked
        return "lapsed"
    if not offer.is_open:
        return "lapsed" if offer.user_id is not None or letter == "sent" else "unsent"
    return "gone" if is_barred(_wish(offer), offer.starts_at) else ""


def _wish(offer: EarlierOffer) -> Wish:
    service, settings = offer.entry.service, OnlineSettings.of(offer.clinic)
    before, after = service.gap_before_minutes, service.buffer_minutes
    rules = OnlineRules.of(settings, service, offer.practitioner)
    return Wish(offer.practitioner, offer.minutes, before, after, rules)


def letters_of(offers: Collection[int]) -> dict[int, str]:
    """The phases of the letters (`Letter`) of offers (ids). One query."""
    rows = Letter.select(Letter.about, Letter.phase)
    return dict(tuples(rows.where(Letter.kind == KIND, Letter.about.in_(list(offers)))))


def close(offers: Sequence[EarlierOffer], phase: str) -> None:
    """End open offers of one clinic. A time that is offered to nobody else is free again, and the
    next search offers it to others.
    """
    if not offers:
        return
    at = scheduling.utc_now()
    ids = [one.id for one in offers]
    EarlierOffer.update(phase=phase, ended_at=at).where(EarlierOffer.id.in_(ids)).execute()
    for one in offers:
        one.phase, one.ended_at = phase, at
    EarlierSettings.update(looked_at=None).where(
        EarlierSettings.clinic == offers[0].clinic_id
    ).execute()
    form_uses = {one.form_use for one in offers}
    rest = EarlierOffer.form_use.in_(list(form_uses)), EarlierOffer.phase == "open"
    kept = {its for (its,) in tuples(EarlierOffer.select(EarlierOffer.form_use).where(*rest))}
    for form_use in form_uses - kept:
        holds.forget(form_use)


def is_mailed(entry: WaitingEntry) -> bool:
    """Whether the client can be written to."""
    return outbox.is_set_up() and can_read(entry) and bool(entry.contact.email)


def can_read(entry: WaitingEntry) -> bool:
    """Whether a visitor's details can be decrypted; they cannot if their key is gone."""
    return not entry.sealed or vault.opens(entry.sealed)


def is_night(zone: ZoneInfo) -> bool:
    """Whether the venue's clock shows a time at which nobody gets a letter."""
    return not MORNING <= scheduling.utc_now().astimezone(zone).time() < EVENING


def make(
    entry: WaitingEntry,
    chance: Chance,
    minutes: int,
    actor: User | None = None,
    joins: EarlierOffer | None = None,
) -> EarlierOffer:
    """Offer a time to somebody who waits: hold it for them, and queue their letter. `joins`: an
    offer of the same time to somebody else, which they share. Raises SlotTaken, CannotOffer and
    AtNight.
    """
    zone = chance.calendar.zone
    if is_night(zone):
        raise AtNight
    with alone(entry):
        entry = entries.full_entries().where(WaitingEntry.id == entry.id).get()
        if not entry.is_waiting or entry.why_over() or not is_mailed(entry):
            raise CannotOffer
        mine = EarlierOffer.entry == entry, EarlierOffer.phase == "open"
        has_open = EarlierOffer.select().where(*mine).exists()
        if has_open or (actor is None and _had_today(entry, zone) >= MOST_A_DAY):
            raise CannotOffer
        online = OnlineSettings.of(entry.clinic)
        at = scheduling.utc_now()
        form_use = joins.form_use if joins else None
        if matching.free_at(entry, online, chance, form_use, actor is not None) is None:
            raise SlotTaken
        last = (
            chance.starts_at if actor else chance.starts_at - matching.booking_notice(entry, online)
        )
        offer = EarlierOffer(
            clinic=entry.clinic,
            entry=entry,
            practitioner=chance.calendar,
            starts_at=chance.starts_at,
            ends_at=chance.ends_at,
            sequence=entry.booking and entry.booking.sequence,
            expires_at=min(at + timedelta(minutes=minutes), last),
            user=actor,
        )
        offer.form_use = joins.form_use if joins else tickets.form_use(offer.uuid.hex)
        offer.save(force_insert=True)
        if joins is None:
            _hold(offer, entry)
        contact = entry.contact
        language = contact.client.language if contact.client else "en"
        Letter.write(entry.clinic, KIND, offer, offer.id, contact.email, language=language)
        AuditEntry.note(entry.clinic, actor, "earlier.offered", entry)
        return offer


def _had_today(entry: WaitingEntry, zone: ZoneInfo) -> int:
    """The number of offers that the person had on this day of the venue, from all entries."""
    today = scheduling.midnight(scheduling.local_day(scheduling.utc_now(), zone), zone)
    client = entry.contact.client
    records = Patient.select(Patient.id).where(
        (Patient.id == client) | (Patient.merged_into == client)
    )
    whose = WaitingEntry.patient.in_(records) if client else WaitingEntry.sealed != ""
    lately = full_offers().where(
        EarlierOffer.clinic == entry.clinic_id,
        EarlierOffer.made_at >= today,
        EarlierOffer.phase != "unsent",
        whose,
    )
    if client:
        return int(lately.count())
    keys = Counter(one.entry.contact.key for one in lately if can_read(one.entry))
    return keys[entry.contact.key]


def _hold(offer: EarlierOffer, entry: WaitingEntry) -> None:
    holds.keep(
        offer.practitioner,
        entry.service,
        offer.form_use,
        holds.OF_OFFERS,
        (offer.starts_at, offer.ends_at),
        offer.expires_at,
    )
