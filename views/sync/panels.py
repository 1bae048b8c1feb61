"""Connected accounts as the Calendar sync page shows them: who may see them, how they stand, and
what can be done.
"""

from zoneinfo import ZoneInfo

from flask import request
from flask_login import current_user

from base.catalogue import lazy
from free_times.rules import OnlineSettings
from models import Practitioner, Venue
from sync.connect import connecting, connections
from sync.providers import registry
from sync.tables import controls, starting
from sync.tables import sources as blocked
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.notices import Notice
from sync.tables.runs import SyncRun
from sync.two_way.standing import actions, state
from sync.two_way.standing.state import QUESTIONS, Standing
from views.kit import access, htmx, sync_words
from views.kit.forms import Form, Line

from . import action_words, change_words, notice_rows, notice_words, reading_words, status_words
from . import two_way_words as words


class Naming(Form):
    name = Line(lazy("Name of the new calendar"), 100, lazy("Write a name, such as Kalends"))
    into = Line(lazy("Where to"), 20)  # "": a new calendar; else the number of one that is there

    def __init__(self, account: Account, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.account = account
        for field in (self.name, self.into):  # there may be two on the page
            field.id = field.label.field_id = f"{field.name}-{account.id}"


def context(**more) -> dict:
    """What the part of the page with all connected accounts needs."""
    zone = sync_words.zone(access.calendars(), current_user)
    accounts = list(Account.select().where(Account.user == current_user.id).order_by(Account.id))
    for account in accounts:
        account.user = current_user
        if request.method == "GET" and not htmx.is_partial() and controls.is_list_old(account):
            controls.list_anew(account)  # in a job: what was made there appears a moment later
    panels = [panel(account, zone, more.get("naming_form")) for account in accounts]
    notices = notice_words.shown([notice for one in panels for notice in _waiting(one)])
    runs = (
        SyncRun.select(SyncRun, Account)
        .join(Account)
        .where(SyncRun.account.in_(accounts or [0]))
        .order_by(SyncRun.id.desc())
        .limit(8)
    )
    return {
        "panels": panels,
        "notices": notices,
        "held_back": {row.id: notice_rows.stopped(row) for row in notices if row.kind == "deletes"},
        "askers": {
            row.id: notice_rows.asker(row) for row in notices if row.kind == "sync_reminder"
        },
        "runs": list(runs),
        "zone": zone,
        "two_way": words,
        "status_words": status_words,
        "kinds": connections.kinds(),
        "online": OnlineSettings.of(current_user.clinic),
        "notice_words": notice_words,
        "change_words": change_words,
        "is_connected": any(account.phase != "off" for account in accounts),
        "connected": {
            account.kind: registry.of(account.kind).name
            for account in accounts
            if account.phase in ("active", "paused")
        },
        "by_kind": {account.kind: account for account in accounts},
        "key": key(panels, notices),
        "providers": registry.PROVIDERS,
        "swap": htmx.is_partial(),
        "words": sync_words,
        "is_busy": any(panel["status"].is_busy for panel in panels),
        **more,
    }


def _waiting(panel: dict) -> list[Notice]:
    """The open notices of an account. Once it is well, a reminder is no longer shown; the next run
    settles it.
    """
    rows = list(Notice.open_of(panel["account"]))
    notice_rows.load(panel["account"], panel["calendars"], rows)
    if panel["status"].badge == "ok" and not any(row.kind in QUESTIONS for row in rows):
        return [row for row in rows if row.kind != "sync_reminder"]
    return rows


def panel(account: Account, zone: ZoneInfo, naming_form: Naming | None = None) -> dict:
    """One account: how it stands, and what can be done."""
    calendars = list(
        account.calendars.order_by(
            RemoteCalendar.is_primary.desc(), RemoteCalendar.name, RemoteCalendar.id
        )
    )
    sources = [row for row in calendars if row.role != "destination" and not row.is_ours]
    standing, provider = Standing(account), registry.of(account.kind)
    may_read = {row.id: connecting.may_read(row, account.clinic) for row in sources}
    found = {
        "account": account,
        "standing": standing,
        "barred": state.barred(account),
        "menu": action_words.menu(account, actions.in_menu(account)),
        "foot": action_words.foot(account, actions.at_foot(account)),
        "status": status_words.status(standing, zone),
        "look": status_words.first_look(standing, zone),
        "is_unused": account.phase == "naming" and account.is_unused,
        "live": (
            status_words.live(standing, zone) if account.phase not in ("naming", "leaving") else ""
        ),
        "run": standing.run,
        "calendars": calendars,
        "sources": sources,
        "destination": next((row for row in calendars if row.role == "destination"), None),
        "name": provider.name,
        "makes_calendars": provider.makes_calendars,
        "product": provider.product,
        "may_read": may_read,
        "reached": [row for row in sources if row.role == "source" or may_read[row.id]],
        "skipped": words.skipped(account),
        "left_out": words.left_out(account),
        "troubles": reading_words.of_account(standing, zone),
        "unread": reading_words.coverage(standing),
        "blocking": blocked.blocking(row for row in sources if row.role == "source"),
        "covered": len(account.practitioners()) if account.covers is not None else 0,
    }
    is_filled = found["destination"] is not None and found["destination"].read_at is not None
    found["shows_sources"] = (
        bool(sources)
        and account.phase in ("active", "paused")
        and bool(is_filled or found["barred"])
    )
    if account.phase in ("naming", "off"):
        found |= _to_begin(account, found, naming_form)
    return found


def _to_begin(account: Account, panel: dict, back: Naming | None) -> dict:
    """What is asked before sync begins: the name of a calendar, or one that is there."""
    sources, refused = panel["sources"], panel["destination"]
    places = [row for row in sources if connecting.may_write(row, account)]
    return {
        "form": _naming(account, refused, back),
        "due": panel["standing"].due,
        # where a name was refused another is asked for, whatever the last list told
        "earlier": [] if refused else [row for row in panel["calendars"] if row.is_ours],
        "places": places,
        "taken": starting.taken(account, [row.calendar_id for row in places]),
    }


def _naming(account: Account, refused: RemoteCalendar | None, back: Naming | None) -> Naming:
    """The form that names a new calendar; the one that came `back` with a fault, if it is this
    account's.
    """
    if back and back.account.id == account.id:
        return back
    data = {"name": _default_name(refused), "into": ""}
    return Naming(account, formdata=None, data=data)


def _default_name(refused: RemoteCalendar | None) -> str:
    """The name that the provider refused, to be changed; else one to begin with."""
    if refused:
        return refused.name
    first = oldest_calendar()
    return f"Kalends, {first.venue.name}"[:100] if first else "Kalends"


def oldest_calendar() -> Practitioner | None:
    """The person's oldest calendar; its zone is that of their calendar outside."""
    rows = (
        Practitioner.select(Practitioner, Venue)
        .join(Venue)
        .where(Practitioner.user == current_user.id, ~Practitioner.archived)
    )
    return rows.order_by(Practitioner.id).first()


def key(panels: list[dict], notices: list[Notice | notice_words.Doubles]) -> str:
    """A short text that changes when more than the sentence of a status does."""
    parts = []
    for panel in panels:
        account, troubles = panel["account"], panel["troubles"]
        parts += [account.id, account.phase, account.health, panel["status"].is_busy]
        parts += [len(panel["skipped"]), panel["shows_sources"]]
        for row in panel["sources"]:
            parts += [row.id, row.role, bool(row.read_at), len(troubles.get(row.id, ()))]
            parts.append(bool(row.gone_since))
    return "-".join(str(part) for part in [*parts, *(notice.id for notice in notices)])
