"""Each kind of letter, rendered from the rows as they are when it is sent.

If the reason for a letter is gone, the function of its kind returns None, and it is not sent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from base import day_names, region, vault
from base.bookings import client_letters
from base.catalogue import _
from base.tables.outbox import Letter
from free_times.earlier import offering
from free_times.online.unmade import KIND as UNMADE
from models import Clinic, User
from people import guide_notes, own_zone, sync_together
from people.email_addresses import AddressProof
from people.mailed_codes import LASTS
from sync.tables import account_names, mappings
from sync.tables.accounts import Account
from sync.tables.notices import Notice
from sync.tables.phases import PERSONAL
from sync.tables.unread import UnreadEvent
from sync.two_way.standing.state import at_rest
from sync.two_way.standing.state_list import LETTER, STOPPED

from . import loading, offer, reminders, to_clients, to_team, unmade_press
from .mail_text import Text, address, filled, one_line, paragraph


def render(letter: Letter) -> Text | None:
    """The letter's text; None where there is no reason for it any more.

    Raises KeyError for a kind that this version does not know.
    """
    # dates are written for the recipient, or else as the clinic writes them
    addressee: User | Clinic | None = loading.recipient(letter) or letter.clinic
    with region.using(addressee.region if addressee else None):
        return KINDS[letter.kind](letter)


def _one_time_token(letter: Letter) -> Text | None:
    """The invitation, or the letter to set a new password."""
    token = loading.one_time_token(letter)
    if token is None or not token.user.is_active or not (secret := token.secret):
        return None
    subject = {"invite": _("Your invitation to Kalends"), "reset": _("A new password for Kalends")}[
        letter.kind
    ]
    clinic = one_line(token.user.clinic.name)
    days = max(1, round((token.expires_at - letter.created_at).total_seconds() / 86400))
    body = filled(
        letter.kind,
        name=one_line(token.user.name),
        clinic=clinic,
        days=days,
        address=address("auth.accept", secret=secret),
    )
    return Text(token.user.email, subject, body)


def _address(letter: Letter) -> Text | None:
    """The address proof for a person's new sign-in address. None if the address is another
    person's.
    """
    proof, secret = _proof(letter)
    if (
        proof is None
        or proof.user is None
        or not proof.user.is_active
        or User.select().where(User.email == proof.email).exists()
    ):
        return None
    body = filled(
        "address",
        name=one_line(proof.user.name),
        address=address("auth.confirm_address", secret=secret),
    )
    return Text(proof.email, _("Your e-mail address in Kalends"), body)


def _sign_up(letter: Letter) -> Text | None:
    """The address proof that sets up a clinic; if the reader has an account already, the address of
    the sign-in page instead.

    The page that asked shows the same in both cases.
    """
    proof, secret = _proof(letter)
    if proof is None:
        return None
    is_known = User.select().where(User.email == proof.email).exists()
    place = address("auth.sign_in") if is_known else address("auth.sign_up", secret=secret)
    return Text(
        proof.email,
        _("Your clinic in Kalends"),
        filled("sign_up", is_known=is_known, address=place),
    )


def _proof(letter: Letter) -> tuple[AddressProof | None, str]:
    """The proof that a letter carries, and its secret; None if it is over or cannot be read."""
    proof = loading.proof(letter)
    secret = proof.secret if proof and vault.opens(proof.sealed) else None
    return (proof, secret) if secret else (None, "")


def _visitor_code(letter: Letter) -> Text | None:
    """The digits that a visitor types into the form of a clinic's page."""
    row = loading.code(letter)
    if row is None or not vault.opens(row.sealed):
        return None
    clinic = one_line(row.clinic.name)
    body = filled(
        "visitor_code",
        code=row.digits[0].decode(),
        clinic=clinic,
        minutes=LASTS // timedelta(minutes=1),
    )
    return Text(row.email, _("Your code for {clinic}", clinic=clinic), body)


def _reminder(letter: Letter) -> Text | None:
    """A request by an owner or manager that the person look at their account."""
    account, asker = loading.account(letter), loading.person(letter, letter.detail["by"])
    if account is None or asker is None or not account.user.is_active:
        return None
    open_ones = Notice.account == account, Notice.settled_at.is_null()
    if not Notice.select().where(Notice.kind == "sync_reminder", *open_ones).exists():
        return None
    body = filled(
        "sync_reminder",
        name=one_line(account.user.name),
        asker=one_line(asker.name),
        provider=account_names.name_of(account),
        address=address("sync_settings.show"),
    )
    return Text(account.user.email, _("Please check your calendar sync"), body)


def _ask(letter: Letter) -> Text | None:
    """A request by an owner to switch sync on, or a note that the owner made the person's first
    feed.
    """
    person, asker = (loading.person(letter, id) for id in (letter.about, letter.detail["by"]))
    is_feed = letter.detail["deed"] == "link"
    if not (person and asker and person.is_active) or person.sync_allowed is not is_feed:
        return None
    body = filled(
        "sync_ask",
        name=one_line(person.name),
        asker=one_line(asker.name),
        is_feed=is_feed,
        address=address("feeds.index" if is_feed else "sync_settings.show"),
    )
    subject = _("Your private link is ready") if is_feed else _("Your bookings in your calendar")
    return Text(person.email, subject, body)


def _sync_trouble(letter: Letter) -> Text | None:
    """The letter that an account needs its person, or an owner of the clinic.

    It is sent only while the episode of trouble lasts.
    """
    account, since = loading.account(letter), datetime.fromisoformat(letter.detail["since"])
    if not (
        account
        and account.user.is_active
        and at_rest(account) in LETTER
        and account.failing_since == since
    ):
        return None
    to, is_own = _recipient_of(letter, account, may_help=account.health in PERSONAL)
    if to is None:
        return None
    owner = one_line(account.user.name)
    body = filled(
        "sync_trouble",
        name=one_line(to.name),
        owner=owner,
        health=account.health,
        is_own=is_own,
        since=_day(since, to),
        provider=account_names.name_of(account, is_own),
        address=address("sync_settings.show" if is_own else "health.show"),
    )
    return Text(
        to.email,
        _("Your calendar sync needs help")
        if is_own
        else _("The calendar sync of {owner} needs help", owner=owner),
        body,
    )


def _calendar_trouble(letter: Letter) -> Text | None:
    """The letter that a calendar, or some of its events, cannot be read.

    It is sent only while the episode of trouble lasts.
    """
    trouble = loading.trouble(letter)
    if (
        trouble is None
        or trouble.since != datetime.fromisoformat(letter.detail["since"])
        or trouble.calendar.role == "listed"
    ):
        return None
    account = trouble.calendar.account
    if not account.user.is_active or at_rest(account) in STOPPED:
        return None
    count = UnreadEvent.select().where(UnreadEvent.calendar == trouble.calendar).count()
    body = filled(
        "calendar_trouble",
        name=one_line(account.user.name),
        provider=account_names.name_of(account),
        kind=trouble.kind,
        reason=trouble.reason,
        is_gone=bool(trouble.calendar.gone_since),
        sends=account.sends,
        count=count,
        since=_day(trouble.since, account.user),
        address=address("sync_settings.show"),
    )
    return Text(
        account.user.email,
        _("A calendar cannot be read")
        if trouble.kind == "calendar"
        else _("Some events cannot be read"),
        body,
    )


def _removal(letter: Letter) -> Text | None:
    """The letter that our events could not be deleted from an account within a day."""
    account = loading.account(letter)
    if account is None or not account.is_removing:
        return None
    to, is_own = _recipient_of(letter, account)
    if to is None:
        return None
    since = datetime.fromisoformat(letter.detail["since"])
    provider = account_names.name_of(account, is_own)
    body = filled(
        "removal",
        name=one_line(to.name),
        owner=one_line(account.user.name),
        is_own=is_own,
        provider=provider,
        count=mappings.left_outside(account),
        since=_day(since, to),
        address=address("sync_settings.show" if is_own else "health.show"),
    )
    return Text(
        to.email, _("Not everything is removed from {provider} yet", provider=provider), body
    )


def _recipient_of(
    letter: Letter, account: Account, may_help: bool = True
) -> tuple[User | None, bool]:
    """Two values: the recipient of a letter about an account (None if they may not know of it), and
    whether the account is their own. `may_help`: the account's person can do something about it;
    otherwise only owners are told.
    """
    to = loading.recipient(letter)
    is_own = to is not None and to.id == account.user_id and may_help
    return (to if to and (is_own or to.is_owner) else None), is_own


def _guide_note(letter: Letter) -> Text | None:
    """A note about a guide of Help, for the person who runs Kalends."""
    row = loading.guide_note(letter)
    address_now = vault.unseal(letter.sealed_to) if vault.opens(letter.sealed_to) else ""
    if row is None or address_now not in guide_notes.addresses(row.clinic):
        return None
    person = row.user if row.user and row.user.is_active else None
    body = filled(
        "guide_note",
        name=one_line(person.name) if person else "",
        clinic=one_line(row.clinic.name),
        is_helpful=row.is_helpful,
        note=paragraph(row.note),
        address=address("help.page", name=row.page),
    )
    subject, reply_to = _("An answer about Kalends Help"), person.email if person else ""
    return Text(address_now, subject, body, reply_to=reply_to)


KINDS: dict[str, Callable[[Letter], Text | None]] = {
    "invite": _one_time_token,
    "reset": _one_time_token,
    "sync_reminder": _reminder,
    "sync_trouble": _sync_trouble,
    "address": _address,
    "sign_up": _sign_up,
    "visitor_code": _visitor_code,
    "calendar_trouble": _calendar_trouble,
    "removal": _removal,
    guide_notes.LETTER: _guide_note,
    sync_together.LETTER: _ask,
    client_letters.KIND: to_clients.changed,
    reminders.KIND: reminders.reminder,
    offering.KIND: offer.offer_text,
    UNMADE: unmade_press.unmade,
    **to_team.KINDS,
}


def _day(at: datetime, reader: User) -> str:
    """The day of an instant, in the zone and the format of the letter's recipient: 20 November."""
    with region.using(reader.region):
        return day_names.plain(at.astimezone(own_zone.zone_in_letters(reader)), year=False)
