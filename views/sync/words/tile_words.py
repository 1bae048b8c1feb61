"""How a calendar outside stands on its tile of the Calendar sync page. It only words facts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from base.catalogue import _, ngettext, paragraph
from sync.tables.accounts import RemoteCalendar
from views.sync.words.reading_words import Trouble


@dataclass(frozen=True)
class TileLine:
    """A badge ("ok", "waiting", "trouble", "off") with an icon and a name, and a sentence; "":
    none.
    """

    badge: str
    icon: str
    name: str
    sentence: str = ""


@dataclass(frozen=True)
class Tile:
    """One tile. `events`: how many events block booking, as a sentence; "": not known. `may_free`:
    stopping also frees the times of a calendar that is gone.
    """

    lines: list[TileLine] = field(default_factory=list)
    events: str = ""
    may_free: bool = False


def of_source(
    row: RemoteCalendar, troubles: Sequence[Trouble], counts: tuple[int, int], is_barred: bool
) -> Tile:
    """The tile of a calendar that blocks booking. `counts`: two numbers, of events that block
    booking and of those that do not. `is_barred`: the account may not sync.
    """
    lines = [TileLine(one.tone, one.icon, one.name, one.sentence) for one in troubles]
    may_free = any(one.may_free for one in troubles)
    if any(not one.in_part for one in troubles):
        return Tile(lines, may_free=may_free)
    if row.read_at:
        synced = [] if lines else [TileLine("ok", "check", _("Synced"))]
        return Tile(lines + synced, _events(*counts), may_free)
    if is_barred:
        waiting = TileLine(
            "off", "pause", _("Not read"), _("Sync is off, so its times do not block booking.")
        )
    else:
        waiting = TileLine(
            "waiting", "clock", _("Being read"), _("A check mark shows when it is done.")
        )
    return Tile([*lines, waiting], may_free=may_free)


def of_other(row: RemoteCalendar, may_read: bool, may_start: bool) -> Tile:
    """The tile of a calendar that is not read. `may_read`: the clinic lets the calendar be read.
    `may_start`: reading can begin now.
    """
    if may_read:
        whose = _("You own it.") if row.access == "owner" else _("Shared with you.")
        press = _("Press Sync and its busy times block booking.") if may_start else ""
        return Tile([TileLine("off", "pause", _("Not synced"), paragraph(whose, press))])
    if row.access == "writer":
        why = _(
            "Shared with you to change. Your clinic syncs calendars you own: ask its owner for"
            " “make changes and manage sharing”."
        )
    else:
        why = _("Shared with you to read; your clinic syncs calendars you own.")
    return Tile([TileLine("off", "lock", _("Cannot sync"), why)])


def _events(blocks: int, free: int) -> str:
    blocking = ngettext("{count} event blocks booking", "{count} events block booking", blocks)
    if not free:
        return _("{blocking}.", blocking=blocking)
    others = ngettext("{count} does not", "{count} do not", free)
    return _("{blocking}, {others}.", blocking=blocking, others=others)
