"""One row for each provider: the only table of differences between them, besides their adapters.

Pages, letters, the doctor and the engine read the row; none of them asks which provider it is. A
provider is one adapter, one row here, one guide and one imitation, and its settings.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from base.catalogue import _, lazy, listed
from base.config import endpoints
from base.config.endpoints import Registration
from base.outgoing.line import HttpClient
from sync.events.event import Mark

from .base import Provider, Webhook
from .caldav.adapter import CalDav
from .caldav.composing import new_name
from .caldav.known_servers import SERVICES, CalDavService
from .caldav.signing_in import CalDavSignIn
from .errors import Forbidden
from .google.adapter import Google
from .google.channels import GoogleWebhook
from .google.registration import REGISTRATION as GOOGLE
from .google.scopes import scopes as google_scopes
from .google.shapes import event_id
from .microsoft.adapter import Microsoft
from .microsoft.channels import GraphWebhook
from .microsoft.declined import declined
from .microsoft.registration import REGISTRATION as MICROSOFT
from .microsoft.scopes import PREFIX as MICROSOFT_PREFIX
from .microsoft.scopes import scopes as microsoft_scopes
from .microsoft.shapes import provisional_id
from .published.adapter import ONLY, Published
from .published.signing_in import PublishedSignIn
from .values import Asked


class Scopes(Protocol):
    """The scopes to ask the account's owner for.

    `existing`: also to write to calendars they already have; `shared`: also to read other people's.
    """

    def __call__(self, existing: bool = False, shared: bool = False) -> tuple[str, ...]:
        """The names of the scopes."""


class PasswordSignIn(Protocol):
    """Signing in with a typed name and password. A login is one text, which the caller encrypts;
    jobs ask the server.
    """

    asks_address: bool  # of the server; else it is known
    passwords: str  # the page that makes a password for programs; "" if there is none
    steps: str  # the steps there, in words
    asked: Asked  # what is typed here
    lacks: str  # what this server cannot do, in words; ""

    def written(self, address: str, user: str, secret: str, zone_name: str) -> str:
        """The login as typed. Asks no server. Raises ValueError for a wrong address."""

    def with_secret(self, text: str, secret: str) -> str:
        """The login with another password."""

    def user_of(self, text: str) -> tuple[str, str]:
        """Address and name as they were typed."""

    def at_pace(self, text: str, halvings: int) -> str:
        """The login with the present number of halvings of its server's pace."""

    def place_of(self, text: str) -> str:
        """A text that tells two accounts with one name apart. It contains no secret."""

    def is_complete(self, text: str) -> bool:
        """Whether the server was found."""

    def completed(self, http: HttpClient, text: str) -> tuple[str, str]:
        """The login with the server found, and the account's address; the password is tried once.
        Raises WrongPassword, Misaddressed, NoMailbox, and errors that may pass.
        """


def no_scopes(existing: bool = False, shared: bool = False) -> tuple[str, ...]:
    """None: a password opens everything."""
    return ()


def no_ids(mark: Mark, secret: bytes) -> str:
    """No id, since nothing is written there. Raises Forbidden."""
    raise Forbidden("read_only")


def says_nothing(description: str) -> str:
    """No reason: the error beside the description says everything."""
    return ""


@dataclass(frozen=True)
class HelpWords:
    """The page of Help about a provider, or several: its template, its name in lists, its heading
    and first sentence. `among`: the name in a list of what can be synced both ways.
    """

    page: str
    name: str
    heading: str
    lead: str
    among: str


NO_TIME = timedelta()


@dataclass(frozen=True)
class ProviderRow:
    """The facts about a provider that are known before any request.

    Words are those on screen.

    `new_id`: the id for a new event by its mark: the same for the same mark and secret, and
    impossible to guess without the secret; a provisional one if the provider gives its own.
    `feature`: what a plan must have for it (`models.PLANS`). `registration`: how it is set up on a
    server; None: it needs no set-up. `scopes`: what to ask the account's owner for; `scope_prefix`:
    the part of each that its answer may lack. `oauth_extra`: further parameters of the sign-in
    page; `declined`: the reason for a refusal there, by its description. `has_own_address`: each
    account has its own server address. `webhook`: how the provider calls us when something changes;
    None: it does not. `calls_first`: it calls before it opens a channel, so that an open one is
    known to reach us. `channel_life`: how long we ask it to keep a channel open. `makes_calendars`:
    a calendar of ours can be made there; else an existing one must be chosen; `offers_own`: an
    existing one may always be chosen, whatever the clinic's settings say, since not every server
    makes one. `by_password`: the sign-in with a typed password. `removal`: the page on which a
    person removes our access; empty if we do it for them. `only_calendar`: the id of the only
    calendar, which is read only. `is_widespread`: many people use it, so pages name it first.
    `poll_seconds`: the least time between two reads. `trial_days`: access ends so many days (first,
    last) after consent, again and again, while the operator's application is not published.
    """

    kind: str
    adapter: type[Provider]
    name: str
    product: str
    company: str
    pitch: str
    guide: str
    help: HelpWords
    feature: str = "all_sync"
    registration: Registration | None = None
    new_id: Callable[[Mark, bytes], str] = no_ids
    scopes: Scopes = no_scopes
    scope_prefix: str = ""
    oauth_extra: Mapping[str, str] = field(default_factory=dict)
    declined: Callable[[str], str] = says_nothing
    has_own_address: bool = False
    webhook: Webhook | None = None
    calls_first: bool = False
    channel_life: timedelta = NO_TIME
    makes_calendars: bool = True
    offers_own: bool = False
    by_password: PasswordSignIn | None = None
    removal: str = ""
    trial_days: tuple[int, int] | None = None
    only_calendar: str = ""
    poll_seconds: int = 0
    is_widespread: bool = False
    consent_is_wide: bool = False  # its smallest permission reaches all calendars of the person
    consent_has_boxes: bool = False  # boxes that are empty at first: the person must tick them
    mails_guests: bool = False  # for a changed or deleted event, whatever we ask for
    frees_whole_days: bool = False  # a new all-day event is marked free unless somebody says busy
    wants_public_name: bool = False  # of this server: no bare IP address, no invented ending

    @property
    def reads_only(self) -> bool:
        """Whether we write nothing there, so that no calendar of ours is needed."""
        return bool(self.only_calendar)

    @property
    def accepts_several(self) -> bool:
        """Whether a person may connect several accounts, each at its own address."""
        return self.by_password is not None

    @property
    def has_channels(self) -> bool:
        """Whether the provider calls us when something changes."""
        return self.webhook is not None

    def ends_as_on_trial(self, days: int | None) -> bool:
        """Whether access ended because the operator's application is not published there.

        `days` are whole days from consent to its end.
        """
        if self.trial_days is None or days is None:
            return False
        return self.trial_days[0] <= days <= self.trial_days[1]


_CALDAV_HELP = HelpWords(
    "two-way-caldav",
    lazy("Two-way sync with Apple and others"),
    lazy("Two-way sync with Apple and other calendars"),
    lazy(
        "Apple iCloud, Fastmail, Nextcloud, Zoho, mailbox.org, Posteo and any other calendar"
        " that programs reach by CalDAV."
    ),
    lazy("Apple and other calendars"),
)


def _caldav(service: CalDavService) -> ProviderRow:
    """The row of a service that is reached by CalDAV. Each is a provider of its own, so that a
    person may connect several.
    """
    return ProviderRow(
        kind=service.kind,
        adapter=CalDav,
        name=service.name,
        product=service.name,
        company=service.company,
        pitch=service.pitch,
        guide="docs/caldav-setup.md",
        help=_CALDAV_HELP,
        new_id=new_name,
        by_password=CalDavSignIn(service),
        has_own_address=True,
        makes_calendars=not service.lacks,
        offers_own=True,
        removal=service.removal,
        is_widespread=service.is_widespread,
    )


PROVIDERS: Mapping[str, ProviderRow] = {
    row.kind: row
    for row in (
        ProviderRow(
            kind="google",
            adapter=Google,
            name="Google",
            product="Google Calendar",
            company="Google",
            pitch=lazy(
                "Bookings in Google within seconds, and busy times there block booking here."
            ),
            guide="docs/google-setup.md",
            help=HelpWords(
                "two-way-google",
                lazy("Two-way sync with Google"),
                lazy("Two-way sync with Google"),
                lazy(
                    "Your bookings in a Google calendar of their own, and your Google appointments"
                    " as busy time here."
                ),
                "Google",
            ),
            feature="sync",
            registration=GOOGLE,
            new_id=event_id,
            scopes=google_scopes,
            webhook=GoogleWebhook(),
            channel_life=timedelta(days=6, hours=20),  # it gives seven days as a rule
            # without "consent" a refresh token comes only with a person's first consent
            oauth_extra={"access_type": "offline", "prompt": "consent select_account"},
            trial_days=(6, 8),
            consent_has_boxes=True,
            frees_whole_days=True,
            wants_public_name=True,
            is_widespread=True,
        ),
        ProviderRow(
            kind="microsoft",
            adapter=Microsoft,
            name="Outlook",
            product="Outlook",
            company="Microsoft",
            pitch=lazy("The same for Outlook.com and Microsoft 365."),
            guide="docs/outlook-setup.md",
            help=HelpWords(
                "two-way-outlook",
                lazy("Two-way sync with Outlook"),
                lazy("Two-way sync with Outlook"),
                lazy(
                    "Your bookings in an Outlook calendar of their own, and your Outlook"
                    " appointments as busy time here."
                ),
                "Outlook",
            ),
            registration=MICROSOFT,
            new_id=provisional_id,
            scopes=microsoft_scopes,
            consent_is_wide=True,
            scope_prefix=MICROSOFT_PREFIX,
            declined=declined,
            webhook=GraphWebhook(),
            channel_life=timedelta(days=6, hours=20),  # it gives seven days at most
            oauth_extra={"prompt": "select_account", "response_mode": "query"},
            calls_first=True,
            removal="myapps.microsoft.com or account.live.com/consent/Manage",
            mails_guests=True,
            is_widespread=True,
        ),
        *map(_caldav, SERVICES.values()),
        ProviderRow(
            kind="published",
            adapter=Published,
            name=lazy("Published calendar"),
            product=lazy("Published calendar"),
            company=lazy("The other side"),
            pitch=lazy("Busy times of a calendar that only publishes an address."),
            guide="docs/published-calendars.md",
            help=HelpWords(
                "published-calendar",
                lazy("Calendars that only publish"),
                lazy("Calendars that only publish an address"),
                lazy("Let their busy times block booking here: what you need, and what to expect."),
                lazy("Published calendars"),
            ),
            by_password=PublishedSignIn(),
            has_own_address=True,
            makes_calendars=False,
            only_calendar=ONLY,
            poll_seconds=15 * 60,
        ),
    )
}
KINDS = tuple(PROVIDERS)
endpoints.know(*(row.registration for row in PROVIDERS.values() if row.registration))


def row_of(kind: str) -> ProviderRow:
    """The row of a provider. Raises KeyError for a kind we do not know."""
    return PROVIDERS[kind]


def plans_with(kind: str, plans: Mapping[str, Collection[str]]) -> list[str]:
    """The plans that have this provider. `plans`: the features of each."""
    return [plan for plan, features in plans.items() if PROVIDERS[kind].feature in features]


def sold_in(features: Collection[str]) -> list[str]:
    """The contents of a plan with these features, for the command line: "feed", and kinds."""
    own = ["feed"] if "feed" in features else []
    return own + [kind for kind, row in PROVIDERS.items() if row.feature in features]


def companies() -> str:
    """The companies that call us when something changes: "Google and Microsoft"."""
    return listed(row.company for row in PROVIDERS.values() if row.has_channels)


def name(kind: str | None) -> str:
    """The name of a provider on screen, also in old entries of the history.

    "a calendar provider" for one that no longer exists here.
    """
    return PROVIDERS[kind].name if kind and kind in PROVIDERS else _("a calendar provider")
