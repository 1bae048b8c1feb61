"""Why a provider did not give access, and what the person can do.

One sentence for each kind of refusal, used after signing in and after the first list of calendars.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from base.catalogue import _, lazy, paragraph
from sync.providers import registry
from sync.providers.registry import ProviderRow
from sync.two_way.standing.state_list import State

_ORGANISATION = lazy("the person who looks after your organisation’s {name} accounts")
_DECLINED = {
    "access_denied": (
        lazy(
            "{name} says that access was not given. If you pressed Cancel there, nothing has"
            " changed. If {name} asked for an administrator’s approval, ask {organisation} to"
            " allow Kalends, then connect again.",
        )
    ),
    "admin_needed": (
        lazy(
            "{name} wants an administrator’s approval first. Ask {organisation} to allow Kalends,"
            " then connect again.",
        )
    ),
    "blocked": (
        lazy(
            "Your organisation’s rules keep this account out of Kalends. Choose another account, or"
            " ask {organisation}.",
        )
    ),
    "interaction": (
        lazy("{name} wants you to confirm something first. Connect again, and answer what it asks.")
    ),
    "refused": (
        lazy(
            "{name} refused, and gave no reason that we know. Try again; if it goes on, tell"
            " the person who runs Kalends."
        )
    ),
}
_KINDS = {  # class of the error → sentence
    "Mismatch": (
        lazy("This page had expired, or it was opened in another browser. Press Connect once more.")
    ),
    "ScopeMissing": (
        lazy(
            "{name} did not allow everything that sync needs. Connect again, and tick every box"
            " that {name} shows."
        )
    ),
    "AuthExpired": lazy("That took too long for {name}, or access has ended. Connect again."),
    "WrongPassword": (
        lazy(
            "{name} did not accept the name or the password. It was tried once. Most calendars want"
            " a password made for programs, not the one you sign in with yourself."
        )
    ),
    "NoServer": (
        lazy(
            "There is no calendar server at this address. Check it for typing mistakes, or copy"
            " the CalDAV address from the settings of your calendar."
        )
    ),
    "PrivateServer": (
        lazy(
            "This address leads into a private network. If that is right, ask the person who runs"
            " this server to allow it: the setting is KALENDS_PRIVATE_HOSTS."
        )
    ),
    "UnsafeServer": (
        lazy(
            "The server cannot prove who it is, or its address does not begin with https://. Your"
            " password was not sent. Check the address, or tell the person who runs that server."
        )
    ),
    "OtherServer": (
        lazy(
            "This address leads on to a server of another name, which did not get your password."
            " Type the address of that server if you trust it."
        )
    ),
    "ConnectedTwice": lazy(
        "You connected this account already. Remove this one. If the other one asks for a new"
        " password, write it there."
    ),
    "NoMailbox": (
        lazy(
            "This account has no calendar that other programs can use. Choose another account,"
            " or ask the person who looks after it."
        )
    ),
    "NotConfigured": (
        lazy(
            "{name} does not accept this Kalends: its set-up is wrong. Tell the server"
            " administrator: flask --app app doctor says what to change."
        )
    ),
    "Forbidden": (
        lazy(
            "{name} does not let Kalends see the calendars of this account. Choose another"
            " account, or ask the person who looks after it."
        )
    ),
}
AFTER_CONSENT = ("ScopeMissing", "NoMailbox", "Forbidden")  # the person had allowed it
_PASSING = lazy(
    "{name} does not answer as it should. Try again in a few minutes; nothing has changed."
)


def refusal(kind: str, name: str, reason: str = "") -> str:
    """The sentence for an error of this class. `reason`: the provider's own word. `name`: the
    provider's name.
    """
    if kind == "AuthExpired" and reason in (
        "interaction_required",
        "consent_required",
        "login_required",
    ):
        kind, reason = "Declined", "interaction"
    sentence = _DECLINED[reason] if kind == "Declined" else _KINDS.get(kind, _PASSING)
    return sentence.format(name=name, organisation=_ORGANISATION.format(name=name))


def out_of_reach(why: State | None, name: str) -> str:
    """The reason why nobody in the clinic can connect this provider, and what to do, as a sentence;
    "": they can. `why`: see `state.barred_from`.
    """
    return {
        State.NOT_SET_UP: _(
            "{name} is not set up in this Kalends. Ask the server administrator.", name=name
        ),
        State.NO_PLAN: _(
            "Your clinic’s plan has no sync with {name}. The person who owns the clinic can change"
            " the plan.",
            name=name,
        ),
    }.get(why, "")


def first_choice(missing_consent: str) -> str:
    """The sentence about the choice that a person must make first; "": none. See
    `User.missing_consent`.
    """
    return {
        "opt_in": _("First tick the box on top of this page."),
        "identifier": _("First choose how clients appear, and press Save."),
    }.get(missing_consent, "")


@dataclass(frozen=True)
class Consent:
    """The sentences about a consent. `asked`: the provider's question, and the use that Kalends
    makes of the answer. `boxes`: a warning about boxes that must be ticked there; "": there are
    none.
    """

    asked: str
    boxes: str


def consent(provider: ProviderRow, missing: Sequence[str], has_feeds: bool) -> Consent:
    """The sentences before a provider asks for consent. `missing`: companies whose calendars must
    first be imported into the provider's. `has_feeds`: any other app may read a private link.
    """
    name = provider.name
    asked = (
        _(
            "{name} asks you whether Kalends may have full access to your calendars, since it has"
            " no smaller permission. Kalends makes a calendar of its own there and only reads the"
            " others.",
            name=name,
        )
        if provider.consent_is_wide
        else _(
            "{name} asks you whether Kalends may create its own calendar there and read your"
            " calendars.",
            name=name,
        )
    )
    only_there = _("Bookings go only into that new calendar, never into your main one.")
    boxes = _(
        "{company} may show boxes that are empty: tick all of them.", company=provider.company
    )
    return Consent(
        paragraph(asked, only_there, _to_import(name, missing, has_feeds)),
        boxes if provider.consent_has_boxes else "",
    )


def _to_import(name: str, missing: Sequence[str], has_feeds: bool) -> str:
    """The sentence about calendars that must be imported; "": none must."""
    if not missing:
        return ""
    companies = _("’s and ").join(missing)
    if has_feeds:
        return _(
            "{companies}’s calendars must first be imported into {name}; for any other app a"
            " private link does.",
            companies=companies,
            name=name,
        )
    return _(
        "{companies}’s calendars must first be imported into {name}.",
        companies=companies,
        name=name,
    )


def stays_allowed(kind: str) -> str:
    """A sentence about access that a person has just given and that is not used, where only they
    can take it back; "": we do it for them.
    """
    provider = registry.row_of(kind)
    if not provider.removal or provider.by_password:
        return ""
    return _(
        "What you allowed stays at {company} until you remove it, at {removal}.",
        company=provider.company,
        removal=provider.removal,
    )
