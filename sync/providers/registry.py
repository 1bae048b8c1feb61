"""One row a provider: the only table of what differs between them, beside what their adapters do.

A page, a letter, the doctor and the engine ask the row; none of them asks which provider it is. A
provider is one adapter, one row here, one guide and one imitation, and its settings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from base.catalogue import _, lazy

from .base import Provider, Webhook
from .google.adapter import Google
from .google.channels import GoogleWebhook
from .google.scopes import scopes as google_scopes
from .microsoft.adapter import Microsoft
from .microsoft.channels import GraphWebhook
from .microsoft.scopes import scopes as microsoft_scopes


class Scopes(Protocol):
    """What to ask the account's owner for.

    `existing`: also to write to calendars they have already; `shared`: also to read other
    people's.
    """

    def __call__(self, existing: bool = False, shared: bool = False) -> tuple[str, ...]:
        """The names of the scopes."""


def no_scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """None: a password opens everything."""
    return ()


@dataclass(frozen=True)
class Row:
    """What is to be known of a provider before anything is asked of it.

    Words stand as on screen.

    `scopes`: what to ask the account's owner for. `sign_in`: "oauth" (the person allows it there
    and comes back) or "password" (typed here, tried at once). `oauth_extra`: what goes along on the
    way out. `has_own_address`: each account says where its server is. `webhook`: how it calls us
    when something changes; None: it does not. `calls_first`: it calls before it opens a channel, so
    that an open one is known to reach us. `makes_calendars`: a calendar of ours can be made there;
    else one that is there must be chosen. `removal`: where a person takes our access back; empty
    where we do it for them. `trial_days`: so many days (first, last) after consent access ends,
    again and again, while the operator's application is not published.
    """

    kind: str
    adapter: type[Provider]
    name: str
    product: str
    company: str
    pitch: str
    guide: str
    help_page: str
    scopes: Scopes = no_scopes
    sign_in: Literal["oauth", "password"] = "oauth"
    oauth_extra: Mapping[str, str] = field(default_factory=dict)
    has_own_address: bool = False
    webhook: Webhook | None = None
    calls_first: bool = False
    makes_calendars: bool = True
    removal: str = ""
    trial_days: tuple[int, int] | None = None
    consent_has_boxes: bool = False  # that are empty at first: the person must tick them
    mails_guests: bool = False  # of a changed or deleted event, whatever we ask for

    @property
    def has_channels(self) -> bool:
        """Whether it calls us when something changes."""
        return self.webhook is not None

    def ends_as_on_trial(self, days: int | None) -> bool:
        """Whether access ended since the operator's application is not published there.

        `days` are whole days from consent to its end.
        """
        if self.trial_days is None or days is None:
            return False
        return self.trial_days[0] <= days <= self.trial_days[1]


PROVIDERS: Mapping[str, Row] = {
    row.kind: row
    for row in (
        Row(
            kind="google",
            adapter=Google,
            name="Google",
            product="Google Calendar",
            company="Google",
            pitch=lazy(
                "Bookings in Google within seconds, and busy times there block booking here."
            ),
            guide="docs/google-setup.md",
            help_page="two-way-google",
            scopes=google_scopes,
            webhook=GoogleWebhook(),
            # without "consent" a refresh token comes only the first time a person allows it
            oauth_extra={"access_type": "offline", "prompt": "consent select_account"},
            trial_days=(6, 8),
            consent_has_boxes=True,
        ),
        Row(
            kind="microsoft",
            adapter=Microsoft,
            name="Outlook",
            product="Outlook",
            company="Microsoft",
            pitch=lazy("The same for Outlook.com and Microsoft 365."),
            guide="docs/outlook-setup.md",
            help_page="two-way-outlook",
            scopes=microsoft_scopes,
            webhook=GraphWebhook(),
            oauth_extra={"prompt": "select_account", "response_mode": "query"},
            calls_first=True,
            removal="myapps.microsoft.com or account.live.com/consent/Manage",
            mails_guests=True,
        ),
    )
}
KINDS = tuple(PROVIDERS)


def of(kind: str) -> Row:
    """The row of a provider. Raises KeyError for a kind we do not know."""
    return PROVIDERS[kind]


def companies() -> str:
    """Who calls us when something changes: "Google and Microsoft"."""
    return " and ".join(row.company for row in PROVIDERS.values() if row.has_channels)


def name(kind: str | None) -> str:
    """What a provider is called on screen, also in old entries of the history.

    "a calendar provider" for one that is not here any more.
    """
    return PROVIDERS[kind].name if kind and kind in PROVIDERS else _("a calendar provider")
