"""Sentences about events of ours that stay outside while an account does not sync."""

from base.catalogue import _, ngettext
from sync.providers import registry
from sync.tables.accounts import Account
from sync.tables.mappings import left_outside
from sync.two_way.plans import showing


def left(account: Account) -> str:
    """A sentence with the number of our events there, and whether they show more than is allowed
    now; "" if there are none.
    """
    count = left_outside(account)
    if not count:
        return ""
    name = registry.of(account.kind).name
    stays = ngettext(
        "One event stays in {name} as it is.",
        "{count} events stay in {name} as they are.",
        count,
        name=name,
    )
    if not showing.is_more_outside(account):
        return stays
    more = _("They may show more of clients there than is allowed now, until sync goes on.")
    return f"{stays} {more}"
