"""Each kind of letter, rendered from what is true when it is sent.

A kind whose reason is gone gives None, and is not sent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from flask import current_app

from base import day_names, scheduling, vault
from base.bookings import client_letters
from base.catalogue import _
from base.tables.outbox import Letter
from models import User
from people import zones
from people.addresses import AddressProof
from people.credentials import OneTimeToken
from people.mailed_codes import LASTS, MailedCode
from sync.providers import registry
from sync.tables import mappings
from sync.tables.accounts import PERSONAL, Account
from sync.tables.notices import Notice
from sync.tables.unread import CalendarTrouble, UnreadEvent
from sync.two_way.standing.state import LETTER, STOPPED, at_rest

from . import clients, reminders, team
from .text import Text, address, one_line


def render(letter: Letter) -> Text | None:
    """The letter's text; None where there is no reason for it any more.

    Raises KeyError for a kind that this version does not know.
    """
    return KINDS[letter.kind](letter)


def _one_time_token(letter: Letter) -> Text | None:
    """An invitation, or a link to set a new password."""
    link = OneTimeToken.get_or_none(
        OneTimeToken.user == letter.about,
        OneTimeToken.purpose == letter.kind,
        OneTimeToken.salt == letter.sequence,
        OneTimeToken.expires_at > scheduling.utc_now(),
    )
    if link is None or not link.user.is_active or not (secret := link.secret):
        return None
    subject = {"invite": _("Your invitation to Kalends"), "reset": _("A new password for Kalends")}[
        letter.kind
    ]
    clinic = one_line(link.user.clinic.name)
    days = round((link.expires_at - letter.created_at).total_seconds() / 86400)
    body = _body(
        letter.kind,
        name=one_line(link.user.name),
        clinic=clinic,
        days=days,
        address=address("auth.accept", secret=secret),
    )
    return Text(link.user.email, subject, body)


def _address(letter: Letter) -> Text | None:
    """A link that proves the address with which somebody is to sign in.

    Dropped where somebody else has the address.
    """
    proof = _proof(letter)
    if (
        proof is None
        or proof.user is None
        or not proof.user.is_active
        or User.select().where(User.email == proof.email).exists()
    ):
        return None
    body = _body(
        "address",
        name=one_line(proof.user.name),
        address=address("auth.confirm_address", secret=proof.secret),
    )
    return Text(proof.email, _("Your e-mail address in Kalends"), body)


def _sign_up(letter: Letter) -> Text | None:
    """A link with which somebody sets up a clinic; or, where they have an account, the way to it.

    The page that asked tells neither.
    """
    proof = _proof(letter)
    if proof is None:
        return None
    is_known = User.select().where(User.email == proof.email).exists()
    place = address("auth.sign_in") if is_known else address("auth.sign_up", secret=proof.secret)
    return Text(
        proof.email, _("Your clinic in Kalends"), _body("sign_up", is_known=is_known, address=place)
    )


def _proof(letter: Letter) -> AddressProof | None:
    proof = AddressProof.get_or_none(
        AddressProof.id == letter.about,
        AddressProof.salt == letter.sequence,
        AddressProof.expires_at > scheduling.utc_now(),
    )
    return proof if proof and proof.secret and vault.opens(proof.sealed) else None


def _visitor_code(letter: Letter) -> Text | None:
    """The digits that a visitor types into the form of a clinic's page."""
    row = MailedCode.get_or_none(
        MailedCode.id == letter.about,
        MailedCode.salt == letter.sequence,
        MailedCode.expires_at > scheduling.utc_now(),
    )
    if row is None or not vault.opens(row.sealed):
        return None
    clinic = one_line(row.clinic.name)
    body = _body(
        "visitor_code",
        code=row.digits[0].decode(),
        clinic=clinic,
        minutes=LASTS // timedelta(minutes=1),
    )
    return Text(row.email, _("Your code for {clinic}", clinic=clinic), body)


def _reminder(letter: Letter) -> Text | None:
    """An owner or manager asks the person to look at their account."""
    account, asker = (
        Account.get_or_none(Account.id == letter.about),
        User.get_or_none(User.id == letter.detail["by"]),
    )
    waits = (
        account
        and Notice.select()
        .where(
            Notice.account == account, Notice.kind == "sync_reminder", Notice.settled_at.is_null()
        )
        .exists()
    )
    if not (waits and asker and account.user.is_active):
        return None
    body = _body(
        "sync_reminder",
        name=one_line(account.user.name),
        asker=one_line(asker.name),
        provider=registry.of(account.kind).name,
        address=address("sync_settings.show"),
    )
    return Text(account.user.email, _("Please check your calendar sync"), body)


def _sync_trouble(letter: Letter) -> Text | None:
    """An account needs its person, or an owner of the clinic.

    Of the same episode as when the letter was written.
    """
    account, to = (
        Account.get_or_none(Account.id == letter.about),
        User.get_or_none(User.id == letter.detail["reader"]),
    )
    since = datetime.fromisoformat(letter.detail["since"])
    if not (
        account
        and to
        and to.is_active
        and account.user.is_active
        and at_rest(account) in LETTER
        and account.failing_since == since
    ):
        return None
    is_own = to.id == account.user_id and account.health in PERSONAL
    if not is_own and not to.is_owner:
        return None
    owner = one_line(account.user.name)
    body = _body(
        "sync_trouble",
        name=one_line(to.name),
        owner=owner,
        health=account.health,
        is_own=is_own,
        since=_day(since, to),
        provider=registry.of(account.kind).name,
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
    """A calendar of the person's cannot be read, or some of its events cannot.

    Of the same episode as when the letter was written.
    """
    trouble = CalendarTrouble.get_or_none(
        CalendarTrouble.id == letter.about, CalendarTrouble.ended_at.is_null()
    )
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
    body = _body(
        "calendar_trouble",
        name=one_line(account.user.name),
        provider=registry.of(account.kind).name,
        kind=trouble.kind,
        reason=trouble.reason,
        is_gone=bool(trouble.calendar.gone_since),
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
    """Our events could not all be taken away from an account within a day."""
    account, to = (
        Account.get_or_none(Account.id == letter.about),
        User.get_or_none(User.id == letter.detail["reader"]),
    )
    if not (account and account.phase == "leaving" and account.removes and to and to.is_active):
        return None
    is_own = to.id == account.user_id
    if not is_own and not to.is_owner:
        return None
    since, provider = datetime.fromisoformat(letter.detail["since"]), registry.of(account.kind).name
    body = _body(
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
    client_letters.KIND: clients.changed,
    reminders.KIND: reminders.reminder,
    **team.KINDS,
}


def _day(at: datetime, reader: User) -> str:
    """The day of an instant where the reader of a letter works: 20 November."""
    return day_names.plain(at.astimezone(zones.of(reader)), year=False)


def _body(template: str, **context: object) -> str:
    return current_app.jinja_env.get_template(f"mail/{template}.txt").render(**context)
