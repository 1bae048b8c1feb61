"""The ways to sync that the Calendar sync page offers, and what comes next for the selected one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask_login import current_user

from models import Feed
from sync.connect import gateway
from sync.providers import registry
from sync.providers.registry import ProviderRow
from sync.tables.accounts import Account
from sync.two_way.standing import state
from views.kit.words import sync_words
from views.sync.words import connect_words

ONE_WAY = "one_way"


@dataclass(frozen=True)
class Mode:
    """The selected mode: `key` is "one_way" or the kind of a provider. `account`: the person's
    account of this kind, the newest. `way_on`: what the page shows next; "": nothing. `missing`:
    companies whose calendars can only come by an import.
    """

    key: str
    provider: ProviderRow | None
    account: Account | None
    way_on: str
    takes_another: bool
    missing: Sequence[str] = ()

    @property
    def template(self) -> str:
        """The template of what comes next: one for each."""
        return f"sync/modes/{self.way_on}.html"

    @property
    def first(self) -> str:
        """A sentence: what the person must choose before; "": nothing."""
        return connect_words.first_choice(current_user.missing_consent)

    @property
    def consent(self) -> connect_words.Consent:
        """The sentences before the provider asks the person to consent."""
        has_feeds = current_user.why_no_feeds() != "plan"
        return connect_words.consent(self.provider, self.missing, has_feeds)


def context(accounts: Sequence[Account], wanted: str | None) -> dict:
    """The values for the choice of a mode. `accounts`: the person's, the oldest first. `wanted`:
    the mode that the person selected on the page, if any.
    """
    beyond, offered = _out_of_reach(), _connectable()
    takes_password = any(
        row.by_password for kind, row in registry.PROVIDERS.items() if kind not in beyond
    )
    return {
        "kinds": gateway.kinds(),
        "out_of_reach": beyond,
        "takes_password": takes_password,
        "widespread": [(kind, row) for kind, row in offered if row.is_widespread],
        "rest": [(kind, row) for kind, row in offered if not row.is_widespread],
        "by_address": _by_address(beyond),
        "advises_both": not any(account.is_in_use for account in accounts)
        and any(row.is_widespread and kind not in beyond for kind, row in offered),
        "selected": _selected(accounts, wanted, beyond, [] if takes_password else _missing(beyond)),
    }


def in_place_of(feeds: Iterable[Feed]) -> dict[int, ProviderRow]:
    """By feed (id), the provider whose program reads the person's own bookings there, if they could
    sync both ways with it, which is faster. One query.
    """
    beyond, mine = _out_of_reach(), {account.kind for account in Account.of(current_user)}
    free = {
        row.product: row
        for kind, row in registry.PROVIDERS.items()
        if kind not in beyond and kind not in mine
    }
    found = {}
    for feed in feeds:
        if feed.kind == "bookings" and not feed.shows_others:
            rows = [free[one.family] for one in sync_words.apps(feed) if one.family in free]
            found |= {feed.id: rows[0]} if rows else {}
    return found


def _missing(beyond: dict[str, str]) -> list[str]:
    """The companies whose calendars many people use, and that cannot be connected here."""
    rows = registry.PROVIDERS.values()
    return [row.company for row in rows if row.is_widespread and row.kind in beyond]


def _out_of_reach() -> dict[str, str]:
    """The kinds of providers that nobody in the clinic can connect, each with the reason."""
    clinic, user = current_user.clinic, current_user._get_current_object()
    found = {
        kind: connect_words.out_of_reach(state.barred_from(kind, clinic, user), row.name)
        for kind, row in registry.PROVIDERS.items()
    }
    return {kind: why for kind, why in found.items() if why}


def _connectable() -> list[tuple[str, ProviderRow]]:
    """The providers to choose from for both ways, also those that an administrator must set up
    first. Those whose accounts name their own server are offered where that is allowed.
    """
    kinds = gateway.kinds()
    return [
        (kind, row)
        for kind, row in registry.PROVIDERS.items()
        if not row.reads_only and (kind in kinds or not row.has_own_address)
    ]


def _by_address(beyond: dict[str, str]) -> list[str]:
    """The providers that only read a calendar at a typed address, if the person may connect one
    now.
    """
    if current_user.missing_consent:
        return []
    rows = registry.PROVIDERS.values()
    return [row.kind for row in rows if row.reads_only and row.kind not in beyond]


def _selected(
    accounts: Sequence[Account], wanted: str | None, beyond: dict[str, str], missing: Sequence[str]
) -> Mode:
    """The wanted mode, or else the one in use: that of the oldest account."""
    first = accounts[0].kind if accounts and accounts[0].is_in_use else ONE_WAY
    key = wanted if wanted == ONE_WAY or wanted in registry.PROVIDERS else first
    provider = registry.PROVIDERS.get(key)
    account = {one.kind: one for one in accounts}.get(key)
    if provider is None:
        way_on = "" if key == first else "stop"
    else:
        way_on = _way_on(provider, account, key in beyond)
    takes_another = bool(provider and account and provider.accepts_several and key not in beyond)
    return Mode(key, provider, account, way_on, takes_another, missing)


def _way_on(provider: ProviderRow, account: Account | None, is_out_of_reach: bool) -> str:
    """The next thing to show with this provider, see `Mode`."""
    if account and account.is_disconnecting:
        return "disconnecting"
    if is_out_of_reach:
        return "out_of_reach"
    if account:
        return "again" if account.is_off else "connected"
    if provider.reads_only:
        return "by_address"
    return "by_password" if provider.by_password else "by_consent"
