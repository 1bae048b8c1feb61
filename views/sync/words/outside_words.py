"""Sentences about an account that does not sync: events of ours that stay outside, and busy times
that were read last.
"""

from zoneinfo import ZoneInfo

from base.catalogue import _, ngettext, paragraph
from sync.providers import registry
from sync.two_way.plans import showing
from sync.two_way.standing import state_list
from sync.two_way.standing.state import Standing
from views.kit import display


def left(standing: Standing) -> str:
    """A sentence with the number of our events there while nothing is sent, and whether they show
    more than is allowed now; "" if there are none.
    """
    count = standing.left_outside if standing.state in state_list.STAYS else 0
    if not count:
        return ""
    stays = ngettext(
        "One event stays in {name} as it is.",
        "{count} events stay in {name} as they are.",
        count,
        name=registry.row_of(standing.account.kind).name,
    )
    if not showing.is_more_outside(standing.account):
        return stays
    more = _("They may show more of clients there than is allowed now, until sync goes on.")
    return f"{stays} {more}"


def old_times(standing: Standing, is_own: bool = True) -> str:
    """A sentence about busy times that are no longer read; buttons are on the person's page."""
    if not standing.reads_times:
        return _("no busy times come from there.")
    how = _(": stop a calendar below to free them") if is_own else ""
    return _("busy times that we read last still block booking{how}.", how=how)


def unfinished(standing: Standing, zone: ZoneInfo, is_own: bool = True) -> str:
    """Why our events could not be deleted yet, how many are left, and what happens next. Only the
    account's own person sees names of calendars.
    """
    account, count = standing.account, standing.left_outside
    name = registry.row_of(account.kind).name
    left = (
        ngettext(
            "Up to {count} of our events is still there.",
            "Up to {count} of our events are still there.",
            count,
        )
        if count
        else _("We could not make sure that none is left.")
    )
    left = paragraph(left, _unsearched(standing.unsearched, is_own))
    if account.needs_access:
        return _(
            "{name} does not let us in any more. {left} Connect again and we remove them, or end"
            " now and remove them by hand.",
            name=name,
            left=left,
        )
    why = {"not set up": _("This Kalends is not set up for {name} now.", name=name)}.get(
        account.health_word, _("{name} refused it or did not answer.", name=name)
    )
    again = (
        _("We try again at {wait_until}.", wait_until=display.moment(account.wait_until, zone))
        if standing.waits
        else ""
    )
    return paragraph(why, left, again)


def _unsearched(places: list[str], is_own: bool) -> str:
    """A sentence about calendars that we could not search; events of ours may be there."""
    if not places:
        return ""
    if not is_own:
        return _(
            "{count} of the calendars there could not be looked into.", count=f"{len(places):,}"
        )
    named = ", ".join(f"“{place}”" for place in places[:3])
    more = _(" and {count} more", count=f"{len(places) - 3:,}") if len(places) > 3 else ""
    return _(
        "We could not look into {named}{more}. If you moved or copied a booking there, remove it"
        " by hand.",
        named=named,
        more=more,
    )
