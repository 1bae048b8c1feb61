"""Sentences about events of ours that stay outside while an account does not sync."""

from base.catalogue import _, ngettext
from sync.providers import registry
from sync.two_way.plans import showing
from sync.two_way.standing import states
from sync.two_way.standing.state import Standing


def left(standing: Standing) -> str:
    """A sentence with the number of our events there while nothing is sent, and whether they show
    more than is allowed now; "" if there are none.
    """
    count = standing.left_outside if standing.state in states.STAYS else 0
    if not count:
        return ""
    stays = ngettext(
        "One event stays in {name} as it is.",
        "{count} events stay in {name} as they are.",
        count,
        name=registry.of(standing.account.kind).name,
    )
    if not showing.is_more_outside(standing.account):
        return stays
    more = _("They may show more of clients there than is allowed now, until sync goes on.")
    return f"{stays} {more}"
