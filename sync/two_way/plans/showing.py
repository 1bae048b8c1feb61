"""The rules by which our calendar outside shows clients, and whether they show less than before."""

import hashlib

from base import feed_presets
from base.tables.bulk import tuples
from base.text import IDENTIFIERS
from models import Practitioner, User
from sync.events.face import Choices, Policy
from sync.tables.accounts import TWO_WAY, Account
from sync.tables.excess import Excess

_LENGTH = 200  # the most letters of the column


def choices(account: Account) -> Choices:
    """The choices of a new feed of the person, apart from the statuses."""
    preset = feed_presets.preset(account.clinic.feed_preset, account.clinic.notes_may_leave)
    return Choices(
        preset["title"],
        preset["details"],
        TWO_WAY,
        hide_sensitive=account.hide_sensitive,
        scope="clinic" if account.covers_others() else "person",
    )


def rules(account: Account) -> str:
    """The present rules for clients, as a short text: identifier, title, details, whether
    everything is hidden, and the choice of each colleague whose bookings are sent there.
    """
    chosen = choices(account)
    policy = Policy.of(account.user, account.clinic, chosen)
    own = f"{policy.identifier}|{policy.title}|{policy.details}|{policy.hide_sensitive}"
    if chosen.scope != "clinic":
        return own[:_LENGTH]
    named = f"{own}|named|{_of_colleagues(account)}"
    if len(named) <= _LENGTH:
        return named
    digest = hashlib.blake2b(named.encode(), digest_size=8).hexdigest()
    return f"{own}|named|#{digest}"[:_LENGTH]


def _of_colleagues(account: Account) -> str:
    """How the colleagues whose bookings are sent there chose to be shown, as a short text: "7.5
    9.0h" for the ids of two people, of whom the second hides everything.
    """
    people = (
        User.select(User.id, User.identifier, User.hide_sensitive)
        .join(Practitioner)
        .where(Practitioner.id.in_(account.covers), User.id != account.user_id)
        .distinct()
        .order_by(User.id)
    )
    return " ".join(
        f"{key}.{_rank(identifier)}{'h' if hides else ''}"
        for key, identifier, hides in tuples(people)
    )


def is_otherwise(account: Account) -> bool:
    """Whether events outside were written by other rules than today's, so that those outside the
    window must be checked too.
    """
    return account.shown_as not in ("", rules(account))


def is_more_outside(account: Account) -> bool:
    """Whether events outside may show more than today's rules allow: they were written by other
    rules, or their words have not been removed yet.
    """
    now = rules(account)
    is_less = account.shown_as not in ("", now) and shows_less(account.shown_as, now)
    return is_less or Excess.of(account) > 0


def shows_less(before: str, now: str) -> bool:
    """Whether rules show less than others did, in any respect. Earlier versions stored nothing of
    colleagues.
    """
    was, new = (text.split("|") for text in (before, now))
    return (
        _rank(new[0]) < _rank(was[0])
        or any(set(was[part].split()) - set(new[part].split()) for part in (1, 2))
        or (was[3], new[3]) == ("False", "True")
        or _less_of_colleagues("".join(was[5:]), "".join(new[5:]))
    )


def _less_of_colleagues(was: str, new: str) -> bool:
    """Whether any of these colleagues now shows less, or sends no bookings any more."""
    if "#" in was + new:  # if there are more, only the change itself is known
        return bool(was) and was != new
    now = dict(one.split(".") for one in new.split())
    return any(
        key not in now
        or int(now[key].rstrip("h")) < int(rank.rstrip("h"))
        or ("h" in now[key] and "h" not in rank)
        for key, rank in (one.split(".") for one in was.split())
    )


def _rank(identifier: str | None) -> int:
    """How much an identifier reveals, from 0."""
    return IDENTIFIERS.index(identifier) if identifier in IDENTIFIERS else 0
