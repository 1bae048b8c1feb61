"""The owner's board: is everyone's calendar up to date, and if not, why and what to do."""

from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user
from peewee import fn
from werkzeug.wrappers import Response

from base import jobs, scheduling
from base.catalogue import _, ngettext
from base.database import alone
from base.tables import outbox
from base.tables.audit import AuditEntry
from base.tables.outbox import Letter
from models import User
from sync.connect import connections
from sync.providers import registry
from sync.tables import controls, ending, mappings
from sync.tables.accounts import Account
from sync.tables.channels import Channel
from sync.tables.notices import Notice
from sync.two_way.standing import state
from views.kit import access, display, htmx, letter_words, sync_words
from views.kit.access import manager_required

from . import health_words, notices, overlaps, two_way_words

blueprint = Blueprint("health", __name__)


@dataclass(frozen=True)
class Part:
    """One line of what works behind the scenes."""

    name: str
    badge: str
    state: str
    more: str = ""
    help: str = ""  # the help page that says more
    may_send_again: bool = False

    @property
    def icon(self) -> str:
        return health_words.ICONS[self.badge]


@blueprint.get("/")
@manager_required
def show():
    return render_template("health/show.html", **_context())


@blueprint.get("/board")
@manager_required
def board():
    """The board anew, as open pages ask for by themselves."""
    return (
        render_template("health/_board.html", **_context())
        if htmx.is_partial()
        else redirect(url_for("health.show"))
    )


@blueprint.post("/accounts/<int:account_id>/runs")
@manager_required
def resync(account_id: int):
    """Read one person's calendars anew and compare them with what is here."""
    account = access.account_to_look_after(account_id)
    if why := two_way_words.barred(account):
        return _done(why)
    controls.ask(account, "resync", current_user)
    return _done(
        _(
            "{user}’s {provider} calendar is being read again and compared. Nothing is doubled.",
            user=account.user.name,
            provider=registry.of(account.kind).name,
        )
    )


@blueprint.post("/accounts/<int:account_id>/nudges")
@manager_required
def ask(account_id: int):
    """Ask the person to look at their Calendar sync page: a notice there, and once an hour a letter
    where mail is set up.
    """
    account, at = access.account_to_look_after(account_id), scheduling.utc_now()
    with alone(account):
        notice = Notice.give(
            account, "sync_reminder", detail={"at": at.isoformat(), "by": current_user.id}
        )
        written = Letter.write(
            account.clinic,
            "sync_reminder",
            account,
            f"{notice.id} {at:%Y-%m-%dT%H}",
            account.user.email,
            by=current_user.id,
        )
        AuditEntry.note(account.clinic, current_user, "account.reminded", account)
    again = (
        _("No second e-mail is sent within the hour.")
        if outbox.is_set_up()
        else _("Mail is not set up here, so tell them yourself as well.")
    )
    mailed = _("An e-mail is on its way too.") if written else again
    return _done(
        _("{user} finds a notice on Calendar sync. {mailed}", user=account.user.name, mailed=mailed)
    )


@blueprint.post("/accounts/<int:account_id>/end")
@manager_required
def end(account_id: int):
    """Stop deleting one person's events where that cannot be finished, and leave them there."""
    account = access.account_to_look_after(account_id)
    ending.end_now(account, current_user)
    return _done(
        _(
            "Ended. What is left of {user}’s events in {provider} stays there.",
            user=account.user.name,
            provider=registry.of(account.kind).name,
        )
    )


@blueprint.get("/resync")
@manager_required
def ask_resync():
    """Before everyone is resynced: in numbers, what that means."""
    ready = _ready()
    counts = {
        "ready": len(ready),
        "events": sum(mappings.counts(account)["synced"] for account in ready),
        "people": len({row.user_id for row in ready}),
        "others": (
            Account.select()
            .where(Account.clinic == access.clinic(), Account.phase != "off")
            .count()
            - len(ready)
        ),
    }
    return htmx.show(
        "health/resync.html",
        "health/_resync.html",
        counts=counts,
        **({} if htmx.is_partial() else _context()),
    )


@blueprint.post("/runs")
@manager_required
def resync_all():
    ready = _ready()
    for account in ready:
        controls.ask(account, "resync", current_user)
    return _done(
        ngettext(
            "{calendars} is being read again and compared.",
            "{calendars} are being read again and compared.",
            max(len(ready), 1),
            calendars=sync_words.count(len(ready), "calendar"),
        )
    )


def _ready() -> list[Account]:
    """The accounts for which a resync can do something now."""
    clinic = access.clinic()
    where = (
        Account.clinic == clinic,
        Account.phase == "active",
        Account.health.not_in(("reconnect", "calendar_gone")),
    )
    rows = list(Account.select(Account, User).join(User).where(*where).order_by(Account.id))
    for account in rows:
        account.clinic = clinic
    return [account for account in rows if state.barred(account) is None]


def _done(sentence: str) -> Response:
    flash(sentence)
    return htmx.done(url_for("health.show"))


def _context() -> dict:
    zone = sync_words.zone(access.calendars(), current_user)
    rows = health_words.rows(access.clinic(), zone)
    return {
        "rows": rows,
        "summary": health_words.summary(rows),
        "parts": _parts(),
        "has_accounts": bool(_ready()),
        "overlaps": overlaps.of(access.clinic()),
        "zone": zone,
    }


# ---- behind the scenes ----


def _parts() -> list[Part]:
    return [_waiting(), _queue(), _live(), _checks(), _mail(), *_providers()]


def _waiting() -> Part:
    due = Account.free(scheduling.utc_now()).where(Account.clinic == access.clinic()).count()
    return (
        Part(
            _("Work waiting"), "waiting", sync_words.count(due, "account"), _("to be looked at now")
        )
        if due
        else Part(_("Work waiting"), "ok", _("None"))
    )


def _queue() -> Part:
    count = jobs.workers()
    if count is None:
        return Part(
            _("Workers"),
            "trouble",
            _("The queue is away"),
            _("Redis does not answer. Nothing is lost: what is due stays in the database."),
        )
    if not count:
        return Part(
            _("Workers"),
            "trouble",
            _("None is running"),
            _("Nothing goes out until the server administrator starts one."),
        )
    return Part(_("Workers"), "ok", _("{count} running", count=count))


def _live() -> Part:
    if not connections.setup().webhook_url:
        every = _(
            "{companies} cannot reach this address, so we look every {duration}.",
            companies=registry.companies(),
            duration=display.duration(connections.setup().poll_seconds),
        )
        return Part(_("Instant updates"), "waiting", _("Not possible here"), every, "two-way")
    kinds = [kind for kind, row in registry.PROVIDERS.items() if row.has_channels]
    active = Account.select(Account.id).where(
        Account.clinic == access.clinic(),
        Account.phase == "active",
        Account.kind.in_(kinds),
        Account.health.not_in(("reconnect", "calendar_gone")),
    )
    channels = Channel.select().where(
        Channel.account.in_(active),
        Channel.is_open,
        Channel.expires_at > scheduling.utc_now(),
        state.are_live(),
    )
    total, opened = active.count(), channels.select(fn.COUNT(Channel.account.distinct())).scalar()
    first = channels.select(fn.MIN(Channel.expires_at)).scalar()
    last = channels.select(fn.MAX(Channel.called_at)).scalar()
    more = [_("the last one {ago}", ago=display.ago(last))] if last else []
    more += (
        [
            _(
                "the first is renewed before {first}",
                first=display.moment(first, sync_words.zone(access.calendars(), current_user)),
            )
        ]
        if first
        else []
    )
    how = (
        _("On for {opened} of {total}", opened=opened, total=total)
        if total
        else _("None needed now")
    )
    return Part(_("Instant updates"), "ok" if opened == total else "waiting", how, ", ".join(more))


def _checks() -> Part:
    last = (
        Account.select(fn.MAX(Account.checked_at)).where(Account.clinic == access.clinic()).scalar()
    )
    more = _("last one {ago}", ago=display.ago(last)) if last else _("none yet")
    return Part(
        _("Regular check"),
        "ok",
        _("Every {duration}", duration=display.duration(connections.setup().poll_seconds)),
        more,
    )


def _mail() -> Part:
    if not outbox.is_set_up():
        return Part(
            _("Mail"),
            "waiting",
            _("Not set up"),
            _("Notices stay in Kalends, and no e-mails are sent."),
        )
    return Part(
        _("Mail"),
        *letter_words.mail(access.clinic(), sync_words.zone(access.calendars(), current_user)),
        may_send_again=letter_words.may_send_again(access.clinic()),
    )


def _providers() -> list[Part]:
    parts = []
    for kind, row in registry.PROVIDERS.items():
        name, page = row.name, row.help_page
        if kind not in connections.kinds():
            parts.append(
                Part(
                    name,
                    "off",
                    _("Not set up"),
                    _("{guide} tells the server administrator how.", guide=row.guide),
                    page,
                )
            )
        elif connections.is_sandbox(kind):
            parts.append(
                Part(
                    name,
                    "waiting",
                    _("Test mode"),
                    _("Nothing reaches the real {name}.", name=name),
                    page,
                )
            )
        else:
            parts.append(Part(name, "ok", _("Set up"), "", page))
    return parts


@blueprint.app_template_global()
def to_fix() -> int:
    """How many accounts of the clinic are in trouble, as the board has it: for the menu."""
    severe = [kind for kind, severity in state.SEVERITY.items() if severity == "trouble"]
    return len(state.any_of(notices.accounts_of_the_clinic(), severe))
