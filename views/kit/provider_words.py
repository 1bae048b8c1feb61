"""Sentences about the providers in general. They come from the registry and the plans, so they are
true for this installation.
"""

from collections.abc import Iterable

from base.catalogue import _, lazy, listed
from models import PLANS
from sync.connect import gateway
from sync.providers import registry
from sync.providers.registry import ProviderRow

PLAN_NAMES = {
    "self-hosted": lazy("Self-hosted"),
    "pro": lazy("Pro"),
    "plus": lazy("Plus"),
    "basic": lazy("Basic"),
}


def both_ways() -> list[ProviderRow]:
    """The providers that can be synced both ways here, in the registry's order; all of them if none
    is set up.
    """
    return [row for row in _two_way() if row.kind in gateway.kinds()] or _two_way()


def _two_way() -> list[ProviderRow]:
    return [row for row in registry.PROVIDERS.values() if not row.reads_only]


def apps() -> str:
    """The providers that can be synced both ways, in words: "Google, Outlook and others"."""
    return _named(both_ways())


def _named(rows: Iterable[ProviderRow]) -> str:
    """The names of the providers that most people look for, and "others" for the rest."""
    rows = list(rows)
    names: list[object] = [row.name for row in rows if row.is_widespread]
    if not names:
        return listed(row.name for row in rows)
    return listed([*names, _("others")] if len(names) < len(rows) else names)


def of_permission() -> str:
    """The providers where a person can set what Kalends may do: "Google and Outlook"; "": none."""
    return listed(row.name for row in both_ways() if not row.by_password)


def signing_in() -> str:
    """A sentence: how a person connects an account."""
    rows = both_ways()
    companies = listed(row.company for row in rows if not row.by_password)
    needs_password = any(row.by_password for row in rows)
    if not companies:
        return _("With a password made for programs")
    if needs_password:
        return _("You allow it at {companies}; others take a password", companies=companies)
    return _("You allow it at {companies}", companies=companies)


def freshness() -> str:
    """A sentence: how soon a change there is known here, and a change here there."""
    rows = both_ways()
    instant = [row for row in rows if row.has_channels]
    if not instant or not gateway.setup().webhook_url:
        return _("Bookings go out within seconds; changes there are known within minutes")
    if len(instant) == len(rows):
        return _("Within seconds, by instant updates")
    return _(
        "Within seconds, by instant updates, with {names}; changes at others within minutes",
        names=listed(row.name for row in instant),
    )


def plans_with(feature: str) -> list[str]:
    """The host's plans that have a feature (see `models.PLANS`), the smallest first."""
    plans = [plan for plan in PLANS if feature in PLANS[plan] and plan != "self-hosted"]
    return sorted(plans, key=lambda plan: len(PLANS[plan]))


def included(plan: str) -> list[ProviderRow]:
    """The providers that a plan syncs both ways with, in the registry's order."""
    return [row for row in _two_way() if row.feature in PLANS[plan]]


def plans_of_feeds() -> str:
    """The plans that have feeds: "Plus and Pro"."""
    return listed(PLAN_NAMES[plan] for plan in plans_with("feed"))


def plans_of_sync(whole: bool = False) -> str:
    """The plans that have each provider: "Google in Basic, Plus and Pro; Outlook in Pro". `whole`:
    also providers that are not set up here.
    """
    groups: dict[tuple[str, ...], list[ProviderRow]] = {}
    for row in _two_way() if whole else both_ways():
        groups.setdefault(tuple(plans_with(row.feature)), []).append(row)
    return "; ".join(
        _(
            "{providers} in {plans}",
            providers=_named(rows),
            plans=listed(PLAN_NAMES[plan] for plan in plans),
        )
        for plans, rows in groups.items()
    )
