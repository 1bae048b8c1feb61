"""The doctor's checks of two-way sync: providers, addresses that they accept, and connected
accounts. No provider is asked.
"""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from peewee import PeeweeException

import models
from base import vault
from base.catalogue import _, listed, ngettext
from base.config.endpoints import is_loopback
from sync.providers import registry
from sync.tables.accounts import Account
from sync.two_way.standing import state

INVENTED = (
    "local",
    "localdomain",
    "lan",
    "internal",
    "intranet",
    "home",
    "corp",
    "private",
    "test",
    "example",
    "invalid",
    "arpa",
)


def examine(settings) -> Iterator[tuple[bool, str]]:
    """The lines about providers that are set up and about connected accounts: whether each works,
    and a sentence.
    """
    real = [kind for kind, known in settings.providers.items() if not known.is_sandbox]
    for kind, known in settings.providers.items():
        yield (
            True,
            (
                _(
                    "{company} is the imitation that comes with Kalends.",
                    company=registry.row_of(kind).company,
                )
                if known.is_sandbox
                else (
                    _(
                        "{company} is set up. Register there this redirect URI,"
                        " exactly: {base_url}/connect/{kind}",
                        company=registry.row_of(kind).company,
                        base_url=settings.base_url,
                        kind=kind,
                    )
                )
            ),
        )
    sentence = ""
    if real:
        is_well, sentence = _registrable(
            settings.base_url, [registry.row_of(kind) for kind in real]
        )
        yield is_well, sentence
        yield _live(settings)
    yield from (finding for finding in _not_set_up(settings) if finding[1] != sentence)
    yield from _accounts()


def _not_set_up(settings) -> Iterator[tuple[bool, str]]:
    """The lines about providers that are not set up: the redirect URIs to register, and whether the
    provider will accept this address. They are no faults, since no provider must be set up.
    """
    rows = [
        row
        for row in registry.PROVIDERS.values()
        if not row.by_password and row.kind not in settings.providers
    ]
    if not rows:
        return
    yield (
        True,
        ngettext(
            "Not set up: sync with {companies}. {guides} leads through it, and this is the"
            " redirect URI to register there: {addresses}",
            "Not set up: sync with {companies}. {guides} lead through it, and these are the"
            " redirect URIs to register there: {addresses}",
            len(rows),
            companies=listed(row.company for row in rows),
            guides=listed(row.guide for row in rows),
            addresses=", ".join(f"{settings.base_url}/connect/{row.kind}" for row in rows),
        ),
    )
    yield True, _registrable(settings.base_url, rows)[1]


def _registrable(base_url: str, rows: list[registry.ProviderRow]) -> tuple[bool, str]:
    """Whether these providers accept a redirect URI at this address. All accept https, and this
    machine itself; some refuse bare IP addresses and invented endings.
    """
    url, whom = urlsplit(base_url), listed(row.company for row in rows)
    strict = listed(row.company for row in rows if row.wants_public_name)
    if is_loopback(base_url):
        return True, _(
            "Redirects to this machine itself are accepted. That does for trying out; a"
            " clinic needs an https:// address."
        )
    if url.scheme != "https":
        return False, _(
            "Redirects to {base_url} are refused by {whom}. Give Kalends an https://"
            " address in KALENDS_BASE_URL.",
            base_url=base_url,
            whom=whom,
        )
    if strict and _is_ip(url.hostname):
        return False, _(
            "{company} refuses a bare IP address such as {hostname}. Give Kalends a name in a"
            " domain of yours.",
            company=strict,
            hostname=url.hostname,
        )
    if strict and ("." not in url.hostname or url.hostname.rsplit(".", 1)[-1] in INVENTED):
        return False, _(
            "{company} refuses {hostname}: its ending is no public one. Give Kalends a name"
            " in a domain of yours.",
            company=strict,
            hostname=url.hostname,
        )
    return True, _("Redirects to {base_url} are accepted by {whom}.", base_url=base_url, whom=whom)


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _live(settings) -> tuple[bool, str]:
    if settings.webhook_url is None:
        return (
            True,
            (
                _(
                    "No instant updates: they need an https:// address. Kalends looks for"
                    " changes every {poll_seconds} seconds instead.",
                    poll_seconds=settings.poll_seconds,
                )
            ),
        )
    if is_loopback(settings.webhook_url):
        return (
            False,
            (
                _(
                    "{companies} cannot reach {webhook_url}. Set"
                    " KALENDS_WEBHOOK_URL to a public https:// address.",
                    companies=registry.companies(),
                    webhook_url=settings.webhook_url,
                )
            ),
        )
    return (
        True,
        (
            _(
                "Instant updates come to {webhook_url}/webhooks/. That path must be open to the"
                " internet, under a certificate that browsers trust, and no robots.txt may"
                " forbid it.",
                webhook_url=settings.webhook_url,
            )
        ),
    )


def _accounts() -> Iterator[tuple[bool, str]]:
    """Faults of connected accounts, counted. None if the tables do not exist yet; another check
    reports that.
    """
    try:
        with models.database.connection_context():
            accounts = list(
                Account.select().where(Account.phase.in_(("active", "paused", "leaving")))
            )
    except PeeweeException:
        return
    faults = [*_locked_out(accounts), *_refused(accounts)]
    yield from ((False, fault) for fault in faults)
    if not faults:
        yield True, _("Connected accounts: {count}.", count=len(accounts))


def _locked_out(accounts: list[Account]) -> Iterator[str]:
    """Accounts that cannot be used until their person reconnects them."""
    sealed = [account for account in accounts if not _opens(account)]
    stuck = [account for account in accounts if account.needs_access]
    if sealed:
        yield (
            _(
                "{count} cannot be used: no key of KALENDS_SECRET_KEY opens the credentials."
                " Add the former key after the present one, or have their owners reconnect.",
                count=_count(sealed),
            )
        )
    if stuck:
        whose = _("its owner") if len(stuck) == 1 else _("their owners")
        yield _(
            "{count} must be reconnected by {whose}, on Calendar sync.",
            count=_count(stuck),
            whose=whose,
        )
    for kind in sorted({account.kind for account in stuck if state.ended_as_on_trial(account)}):
        row = registry.row_of(kind)
        yield (
            _(
                "{company} ended access about seven days after it was given. The project is"
                " probably still in “Testing”: publish it (“In production”, see {guide}),"
                " then reconnect once more.",
                company=row.company,
                guide=row.guide,
            )
        )


def _refused(accounts: list[Account]) -> Iterator[str]:
    """The providers that refuse the whole installation, with each reason once."""
    words = {
        (account.kind, account.health_word) for account in accounts if account.health == "operator"
    }
    for kind, word in sorted(words):
        row = registry.row_of(kind)
        yield (
            _(
                "{company} refuses this Kalends as a whole ({word}). Check its client id and"
                " secret, and see {guide}.",
                company=row.company,
                word=word,
                guide=row.guide,
            )
        )


def _opens(account: Account) -> bool:
    try:
        vault.unseal(account.sealed)
    except vault.CannotOpen:
        return False
    return True


def _count(accounts: list[Account]) -> str:
    return (
        _("One connected account")
        if len(accounts) == 1
        else _("{count} connected accounts", count=len(accounts))
    )
