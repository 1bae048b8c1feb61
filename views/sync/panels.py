"""Connected accounts on the Calendar sync page: their state, and the actions that each offers."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from flask import request
from flask_login import current_user
from wtforms import ValidationError

from base.catalogue import _, lazy, ngettext
from free_times.rules import OnlineSettings
from people import calendars
from sync.connect import calendar_list
from sync.providers import registry
from sync.tables import account_names, controls, directions, starting
from sync.tables import listed as tables
from sync.tables import sources as blocked
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.two_way.standing import actions, many, state
from sync.two_way.standing.state import Standing
from sync.two_way.standing.state_list import QUESTIONS, State
from views.kit import access, htmx
from views.kit.choices import Choice, Several
from views.kit.forms import Form, Line
from views.kit.words import sync_words
from views.sync.words import (
    action_words,
    change_words,
    difference_words,
    notice_words,
    outside_words,
    reading_words,
    status_words,
    tile_words,
)
from views.sync.words import two_way_words as words

from . import modes, notice_rows
from .account_settings import chosen_of, own_calendars


class Naming(Form):
    name = Line(lazy("Name of the new calendar"), 100, lazy("Write a name, such as Kalends"))
    into = Line(lazy("Where to"), 20)  # "": a new calendar; else the id of an existing one
    direction = Choice(
        lazy("Which way"),
        choices=[(key, name) for key, (name, __) in words.DIRECTIONS.items()],
        default="both",
    )
    own = Several(lazy("Which of your calendars go there"), coerce=int, validate_choice=False)

    def __init__(self, account: Account, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.account = account
        self.own.choices = [(row.id, row.venue.name) for row in own_calendars(account.user)]
        # there may be two on the page
        for one in (self.name, self.into, self.direction):
            one.id = one.label.field_id = f"{one.name}-{account.id}"

    def validate_own(self, field):
        if "asked" in request.form and not field.data and directions.sends(self.direction.data):
            raise ValidationError(_("Choose at least one calendar"))

    def covers(self) -> list[int] | None:
        """The calendars whose bookings are sent; None: all of one's own, also if the form did not
        ask.
        """
        if self.account.covers_others():
            return self.account.covers
        return chosen_of(self.own) if self.own.data else None


def context(is_poll: bool = False, **more) -> dict:
    """The values for the part of the page with all connected accounts. A poll by an open page,
    every few seconds, reads only the state of the accounts and the facts in `key`.
    """
    zone = sync_words.zone(access.calendars(), current_user)
    known = _known()
    accounts, wanted = [one.account for one in known], request.values.get("mode")
    panels = [panel(one, zone, more.get("naming_form"), is_poll) for one in known]
    notices = notice_words.shown([notice for one in panels for notice in _waiting(one)])
    return {
        "panels": panels,
        "notices": notices,
        "plans_stopped": {
            row.id: notice_rows.stopped(row) for row in notices if row.kind == "deletes"
        },
        "askers": {
            row.id: notice_rows.asker(row) for row in notices if row.kind == "sync_reminder"
        },
        "runs": [] if is_poll else runs_of(accounts, SyncRun.of(accounts, most=8)),
        "zone": zone,
        "two_way": words,
        "status_words": status_words,
        "online": None if is_poll else OnlineSettings.of(current_user.clinic),
        "notice_words": notice_words,
        "change_words": change_words,
        "is_connected": any(not account.is_off for account in accounts),
        "connected": {
            account.kind: registry.row_of(account.kind).name
            for account in accounts
            if account.has_begun
        },
        "account_count": len(accounts),
        "key": key(panels, notices),
        "providers": registry.PROVIDERS,
        "mode": wanted,
        **modes.context(accounts, wanted),
        "swap": htmx.is_partial(),
        "has_old_list": any(controls.is_list_old(account) for account in accounts),
        "words": sync_words,
        "is_busy": any(panel["status"].is_busy for panel in panels),
        **more,
    }


def runs_of(accounts: Iterable[Account], runs: Iterable[SyncRun]) -> list[SyncRun]:
    """Runs of these accounts, each with its account loaded."""
    by_id, found = {account.id: account for account in accounts}, list(runs)
    for run in found:
        run.account = by_id[run.account_id]
    return found


@dataclass
class KnownAccount:
    """One account, with the rows that are read for all accounts of a person together."""

    standing: Standing
    calendars: list[RemoteCalendar] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    skipped: list = field(default_factory=list)

    @property
    def account(self) -> Account:
        return self.standing.account


def _known() -> list[KnownAccount]:
    """The person's accounts, the oldest first, with a few queries whatever their number."""
    rows = many.overviews(current_user.clinic, {current_user.id: current_user})
    found = {one.standing.account.id: KnownAccount(one.standing) for one in rows}
    if not found:
        return []
    for row in tables.calendars(found):
        row.account = found[row.account_id].account
        found[row.account_id].calendars.append(row)
    for row in tables.open_notices(found):
        found[row.account_id].notices.append(row)
    skipped = words.skipped(one.account for one in found.values())
    for number, one in found.items():
        one.skipped = skipped[number]
    return [found[number] for number in sorted(found)]


def _waiting(panel: dict) -> list[Notice]:
    """The open notices of an account. When the account works again, a reminder is no longer shown;
    the next run settles it.
    """
    rows = panel["open_notices"]
    notice_rows.load(panel["account"], panel["calendars"], rows)
    is_well = panel["standing"].state == State.IN_STEP
    if is_well and not any(row.kind in QUESTIONS for row in rows):
        return [row for row in rows if row.kind != "sync_reminder"]
    return rows


def panel(
    known: KnownAccount, zone: ZoneInfo, naming_form: Naming | None = None, is_poll: bool = False
) -> dict:
    """One account: its state and its actions. `is_poll`: without the parts that a poll
    leaves out.
    """
    account, standing, calendars = known.account, known.standing, known.calendars
    sources = [row for row in calendars if row.role != "destination" and not row.is_ours]
    provider = registry.row_of(account.kind)
    is_at_rest = account.is_naming or account.is_leaving
    found = {
        "account": account,
        "standing": standing,
        "barred": state.barred(account),
        "menu": action_words.menu(account, actions.in_menu(account)),
        "foot": action_words.foot(account, actions.at_foot(account)),
        "status": status_words.status(standing, zone),
        "first_list": status_words.first_list(standing, zone),
        "left": outside_words.left(standing),
        "is_unused": account.is_unused,
        "live": "" if is_at_rest else status_words.live(standing, zone),
        "run": standing.run,
        "calendars": calendars,
        "sources": sources,
        "destination": next((row for row in calendars if row.role == "destination"), None),
        "name": provider.name,
        "whose_account": account_names.whose(account),
        "makes_calendars": provider.makes_calendars,
        "reads_only": provider.reads_only,
        "reach": words.reach(calendars, zone) if provider.reads_only and not is_poll else "",
        "product": provider.product,
        "skipped": known.skipped,
        "differing": None if is_poll else difference_words.differences_page(standing),
        "open_notices": known.notices,
        "left_out": [] if is_poll else words.left_out(account),
        "troubles": reading_words.of_account(standing, zone),
        "unread": reading_words.coverage(standing),
        "whose": "" if is_poll else whose(account),
        **_readable(account, sources),
    }
    found["shows_differing"] = difference_words.is_open(found["differing"])
    found["shows_sources"] = _shows_sources(found)
    found["first_to_block"] = _first_to_block(found)
    found["tiles"] = {} if is_poll else _tiles(found)
    if account.may_begin:
        found |= _to_begin(account, found, naming_form)
    return found


def _readable(account: Account, sources: list[RemoteCalendar]) -> dict:
    """The calendars there: `may_read` says by id whether the clinic lets each be read; `may_start`
    are the ids of those whose reading can begin now; `reached` are read, or may be; `in_sight` are
    these and the one that cannot be read; `folded`: those that cannot be read, if they are several.
    """
    may_read = {row.id: calendar_list.may_read(row, account.clinic) for row in sources}
    is_possible = account.reads and not state.barred(account)
    reached = [row for row in sources if row.is_source or may_read[row.id]]
    locked = [row for row in sources if row not in reached]
    is_folded = len(locked) > 1
    return {
        "may_read": may_read,
        "may_start": {number for number, may in may_read.items() if may and is_possible},
        "reached": reached,
        "in_sight": reached if is_folded else reached + locked,
        "folded": locked if is_folded else [],
    }


def _tiles(panel: dict) -> dict[int, tile_words.Tile]:
    """The tiles of the calendars there, by id."""
    counts = blocked.blocking(row for row in panel["sources"] if row.is_source)
    return {
        row.id: (
            tile_words.of_source(
                row, panel["troubles"].get(row.id, ()), counts[row.id], bool(panel["barred"])
            )
            if row.is_source
            else tile_words.of_other(row, panel["may_read"][row.id], row.id in panel["may_start"])
        )
        for row in panel["sources"]
    }


def _shows_sources(panel: dict) -> bool:
    """Whether the panel lists the other calendars: once ours is filled, or if none of ours is
    needed there.
    """
    account, destination = panel["account"], panel["destination"]
    is_filled = destination is not None and destination.read_at is not None
    needs_none = panel["barred"] or registry.row_of(account.kind).reads_only
    is_synced = account.has_begun
    return bool(panel["sources"] and is_synced and (is_filled or needs_none))


def _first_to_block(panel: dict) -> RemoteCalendar | None:
    """The calendar to read first, if none is read although busy times should block booking: the
    main calendar, else any.
    """
    is_read = any(row.is_source for row in panel["sources"])
    if is_read or panel["barred"] or not panel["account"].reads:
        return None
    return next(iter(sorted(panel["reached"], key=lambda row: not row.is_primary)), None)


def whose(account: Account) -> str:
    """The names or the number of the calendars that are sent there; "" if they are simply all of
    one's own.
    """
    if account.covers is None:
        return ""
    rows = account.practitioners()
    if account.covers_others():
        return ngettext(
            "{count} calendar of the clinic", "{count} calendars of the clinic", len(rows)
        )
    return ", ".join(row.venue.name for row in rows)


def _to_begin(account: Account, panel: dict, back: Naming | None) -> dict:
    """The values for the questions before sync begins: the name of a new calendar, or which
    existing one.
    """
    sources, refused = panel["sources"], panel["destination"]
    places = [row for row in sources if calendar_list.may_write(row, account)]
    return {
        "form": _naming(account, refused, back),
        "not_started": words.not_started(account, refused),
        "due": panel["standing"].due,
        "covers_others": account.covers_others(),
        "hides": account.hide_sensitive or current_user.hide_sensitive,
        "is_shared": starting.is_shared(account),
        # after a refused name the form asks for another one, whatever the last list held
        "earlier": [] if refused else [row for row in panel["calendars"] if row.is_ours],
        "places": places,
        "in_use": starting.in_use(account, [row.calendar_id for row in places]),
    }


def _naming(account: Account, refused: RemoteCalendar | None, back: Naming | None) -> Naming:
    """The form that names a new calendar; `back`, the form with a fault, if it is this
    account's.
    """
    if back and back.account.id == account.id:
        return back
    data = {
        "name": _default_name(refused),
        "into": "",
        "direction": account.direction,
        "own": account.covers or [value for value, *__ in Naming(account).own.choices],
    }
    return Naming(account, formdata=None, data=data)


def _default_name(refused: RemoteCalendar | None) -> str:
    """The name that the provider refused, so that the person can change it; else a
    suggested name.
    """
    if refused:
        return refused.name
    first = calendars.oldest(current_user)
    return f"Kalends, {first.venue.name}"[:100] if first else "Kalends"


def key(panels: list[dict], notices: list[notice_words.ShownNotice]) -> str:
    """A short text that changes when more changed than the sentence about a state."""
    parts = []
    for panel in panels:
        account, troubles = panel["account"], panel["troubles"]
        parts += [account.id, account.phase, account.health, panel["status"].is_busy]
        parts += [len(panel["skipped"]), panel["shows_sources"], len(panel["standing"].differences)]
        for row in panel["sources"]:
            parts += [row.id, row.role, bool(row.read_at), len(troubles.get(row.id, ()))]
            parts.append(bool(row.gone_since))
    return "-".join(str(part) for part in [*parts, *(notice.id for notice in notices)])
