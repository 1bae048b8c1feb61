"""Connected accounts on the Calendar sync page: name and start, watch, pause, check, settings, and
the ways out of it.
"""

from typing import ClassVar

from flask import Blueprint, Response, flash, render_template, request, url_for
from flask_login import current_user
from wtforms import BooleanField, SelectMultipleField

from base.catalogue import _, lazy
from base.tables.outside import ExternalEvent
from models import Practitioner, User
from sync.connect import connecting
from sync.feeds import owned
from sync.providers import registry
from sync.tables import controls, ending, mappings, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.runs import SyncRun
from sync.tables.starting import CalendarTaken
from sync.two_way import first_look
from sync.two_way.reading import strays
from sync.two_way.standing import state
from sync.two_way.standing.state import Standing
from views.kit import access, htmx, sync_words
from views.kit.access import login_required
from views.kit.display import Page
from views.kit.forms import Choice, arg_int
from views.kit.merging import Merging

from . import panels, status_words, sync_page
from . import two_way_words as words

blueprint = Blueprint("two_way", __name__)

GOALS = {"one-way": "off", "disconnection": "disconnect", "new-start": "restart"}
WINDOWS = {
    "30 365": lazy("30 days back, 12 months ahead"),
    "30 183": lazy("30 days back, 6 months ahead"),
    "365 730": lazy("12 months back, 24 months ahead"),
}
LEFT = {  # said then
    "one-way": lazy(
        "One way from now on. What came from outside is gone here; your private links go on."
    ),
    "disconnection": lazy("Disconnecting. What came from outside is gone here."),
    "new-start": lazy("Starting over: our calendar there is removed and created again."),
}
NO_NEW_START = lazy(
    "Start over is not possible now: sync is off, so nothing could be created again."
    " Nothing was removed."
)
OPTED_OUT = lazy(
    "Nothing leaves any more: two-way sync stops, and your private links stopped"
    " answering. Your bookings here are as they were."
)


class Settings(Merging):
    together: ClassVar = {lazy("Whose bookings go there"): ("others", "covers")}

    edits = Choice(
        lazy("If someone edits a booking there"),
        choices=[(key, name) for key, (name, __) in words.EDITS.items()],
    )
    window = Choice(lazy("Which bookings go there"), choices=list(WINDOWS.items()))
    lock_sign = BooleanField(lazy("Put a padlock in front of each title"))
    time_off = BooleanField(lazy("Show my time off there as “Away”"))
    others = BooleanField(lazy("Choose calendars of the clinic, in place of my own"))
    covers = SelectMultipleField(lazy("Whose bookings go there"), coerce=int, validate_choice=False)


# ---- watching ----


@blueprint.get("/status")
@login_required
def look():
    """Asked again and again by an open page: the sentences alone, or everything where more
    changed.
    """
    now = panels.context(mode=request.args.get("mode"))
    if request.args.get("key") == now["key"]:
        shown = [
            panel for panel in now["panels"] if panel["account"].phase not in ("naming", "off")
        ]
        return "".join(
            render_template("sync/_status.html", panel=panel, is_look=True, **now)
            for panel in shown
        )
    return htmx.show_instead(
        "#two-way", "sync/_two_way.html", **sync_page.context(mode=request.args.get("mode"))
    )


@blueprint.get("/history")
@login_required
def history():
    accounts = list(Account.select().where(Account.user == current_user.id))
    rows = (
        SyncRun.select(SyncRun, Account)
        .join(Account)
        .where(SyncRun.account.in_(accounts or [0]))
        .order_by(SyncRun.id.desc())
    )
    page = Page.of(rows, arg_int(request.args.get("page"), 1))
    by_kind = {account.kind: account for account in accounts}
    zone = sync_words.zone(access.calendars(), current_user)
    return render_template(
        "sync/history.html",
        page=page,
        by_kind=by_kind,
        standing=[
            (account, status_words.status(Standing(account), zone))
            for account in accounts
            if account.phase != "off"
        ],
        zone=zone,
        two_way=words,
    )


# ---- beginning ----


@blueprint.post("/<int:account_id>/start")
@login_required
def start(account_id: int):
    """Name the calendar, and begin. A second press finds it begun."""
    account = access.account_of_mine(account_id)
    form = panels.Naming(account)
    if account.phase not in ("naming", "off"):
        return sync_page.changed(None)
    if why := words.no_start(account):
        flash(_("Nothing can start now. {why}", why=why), "warning")
        return htmx.done(url_for("sync_settings.show"))
    into = _place(account, form) if form.validate() else None
    if form.errors:
        return sync_page.show(422, naming_form=form)
    zone = panels.oldest_calendar()
    try:
        starting.start(
            account,
            current_user,
            into.name if into else form.name.data,
            zone.venue.zone_name if zone else "UTC",
            into and into.calendar_id,
        )
    except CalendarTaken:
        form.fault(
            "into",
            _(
                "A colleague’s bookings already go to this calendar. Choose another one, or a new"
                " calendar"
            ),
        )
        return sync_page.show(422, naming_form=form)
    return sync_page.changed(
        _("Started. You can leave this page; it carries on."), f"account-{account.id}"
    )


def _place(account: Account, form: panels.Naming) -> RemoteCalendar | None:
    """The calendar to write to; None: a new one. Puts a fault into the form for one that may not
    be.
    """
    into = form.into.data or ""
    if not into and registry.of(account.kind).makes_calendars:
        return None
    row = access.calendar_of_account(account, arg_int(into))
    if row is None or not connecting.may_write(row, account):
        form.fault("into", _("Choose one from the list"))
        return None
    form.name.data = form.name.data or row.name
    return row


# ---- while it runs ----


@blueprint.post("/<int:account_id>/<any(check, resync, pause, resumption):what>")
@login_required
def act(account_id: int, what: str):
    account = access.account_of_mine(account_id)
    said = {
        "check": _("We are looking."),
        "resync": _("Everything is read again and compared. Nothing is doubled."),
        "pause": _("Paused. Everything stays as it is until you go on."),
        "resumption": _("Going on. What was missed is made good."),
    }[what]
    if what != "pause" and account.phase in ("active", "paused") and (why := words.barred(account)):
        return sync_page.changed(why, f"account-{account.id}")
    if what == "pause":
        controls.pause(account, current_user)
    elif what == "resumption":
        controls.resume(account, current_user)
    elif account.phase == "active":
        controls.ask(account, what, current_user)
    elif what == "check":
        first_look.ask(account)
    return sync_page.changed(said, f"account-{account.id}")


@blueprint.get("/<int:account_id>/settings")
@login_required
def edit(account_id: int):
    account = access.account_of_mine(account_id)
    return _show_settings(account, _settings_form(account, formdata=None))


@blueprint.post("/<int:account_id>/settings")
@login_required
def update(account_id: int):
    account = access.account_of_mine(account_id)
    form = _settings_form(account)
    if not form.validate():
        return _show_settings(account, form, 422)
    if form.others and form.others.data and not _chosen(form):
        form.fault("covers", _("Choose at least one calendar, or untick the box above them"))
        return _show_settings(account, form, 422)
    if not form.store(
        account,
        lambda row: _settings_form(row, formdata=None),
        lambda: controls.change(account, current_user, **_columns(form)),
    ):
        return _show_settings(account, form, 422)
    name = registry.of(account.kind).name
    flash(
        _("Saved. It counts once there is sync with {name} again.", name=name)
        if state.barred(account)
        else _("Saved. {name} is brought up to date now.", name=name)
    )
    return htmx.done(url_for("sync_settings.show", _anchor=f"account-{account.id}"))


def _chosen(form: Settings) -> list[int]:
    """The calendars that were chosen and may be."""
    return sorted(set(form.covers.data) & {row.id for row in _coverable()})


def _columns(form: Settings) -> dict:
    back, ahead = (int(days) for days in form.window.data.split())
    covers = {"covers": _chosen(form) if form.others.data else None} if form.others else {}
    return {
        "edits": form.edits.data,
        "lock_sign": form.lock_sign.data,
        "time_off": form.time_off.data,
        "past_days": back,
        "future_days": ahead,
        **covers,
    }


def _settings_form(account: Account, **kwargs) -> Settings:
    """The form; only a manager chooses whose bookings go there."""
    window = f"{account.past_days} {account.future_days}"
    form = Settings(
        data={
            "edits": account.edits,
            "lock_sign": account.lock_sign,
            "time_off": account.time_off,
            "covers": account.covers or [],
            "others": account.covers is not None,
            "window": window if window in WINDOWS else "30 365",
        },
        **kwargs,
    )
    form.covers.choices = [(row.id, f"{row.user.name}, {row.venue.name}") for row in _coverable()]
    if not current_user.is_manager:
        del form.others, form.covers
    return form


def _coverable() -> list[Practitioner]:
    """Calendars whose bookings a manager may send to their own calendar: of people who let theirs
    leave.
    """
    return list(Practitioner.listed(access.clinic()).where(User.sync_allowed))


def _show_settings(account: Account, form: Settings, status: int = 200) -> Response:
    return htmx.show(
        "sync/settings.html",
        "sync/_settings.html",
        status,
        account=account,
        form=form,
        two_way=words,
        name=registry.of(account.kind).name,
        coverable=_coverable() if current_user.is_manager else [],
    )


# ---- ways out ----


@blueprint.get("/<any('one-way', disconnection, 'new-start'):goal>")
@blueprint.get("/<int:account_id>/<any('one-way', disconnection, 'new-start'):goal>")
@login_required
def ask_to_leave(goal: str, account_id: int | None = None):
    """What would happen, in numbers, before anything does."""
    return sync_page.show(partial="sync/_leaving.html", leaving=_leaving(goal, account_id))


def _leaving(goal: str, account_id: int | None) -> dict:
    accounts = [access.account_of_mine(account_id)] if account_id else _syncing()
    counts = {account.id: mappings.counts(account)["synced"] for account in accounts}
    mirrored = {
        account.id: (
            ExternalEvent.select()
            .join(RemoteCalendar)
            .where(RemoteCalendar.account == account)
            .count()
        )
        for account in accounts
    }
    return {
        "goal": goal,
        "accounts": accounts,
        "counts": counts,
        "mirrored": mirrored,
        "out_of_reach": {account.id: strays.out_of_reach(account) for account in accounts},
        "account_id": account_id,
        "opt_out": "opt_out" in request.values,
        "is_change": "change" in request.values,
        "links": owned.living(current_user).count(),
    }


def _syncing() -> list[Account]:
    return list(
        Account.select().where(
            Account.user == current_user.id,
            Account.phase.in_(("active", "paused", "naming")) | (Account.goal == "restart"),
        )
    )


@blueprint.post("/<any('one-way', disconnection, 'new-start'):goal>")
@blueprint.post("/<int:account_id>/<any('one-way', disconnection, 'new-start'):goal>")
@login_required
def leave(goal: str, account_id: int | None = None):
    """End sync of one account, or of all that a person has; `opt_out` keeps everything inside."""
    removes = goal == "new-start" or "removes" in request.form
    accounts = [access.account_of_mine(account_id)] if account_id else _syncing()
    # the removal would be all that happens
    if goal == "new-start" and any(state.barred(account) for account in accounts):
        return sync_page.changed(NO_NEW_START)
    is_ending = [_leave(account, GOALS[goal], removes) for account in accounts]
    if "opt_out" in request.form:
        current_user.change_sync(sync_allowed=False)
        return sync_page.changed(OPTED_OUT)
    if not accounts:  # gone since the page was opened, or never connected
        return sync_page.changed(_("Nothing is connected, so there was nothing to end."))
    if not any(is_ending):
        return sync_page.changed(_("Sync there is being ended already, so nothing new was begun."))
    if "change" in request.form:
        flash(
            _(
                "Disconnecting. What came from outside is gone here. Connect the other account"
                " below."
            )
        )
        return htmx.done(url_for("sync_settings.show", mode=accounts[0].kind, _anchor="mode"))
    return sync_page.changed(LEFT[goal])


def _leave(account: Account, goal: str, removes: bool) -> bool:
    """Whether the account is on its way to this goal now."""
    goes = ending.leave(account, current_user, goal, removes)
    if goes and not removes:
        ending.end_now(account, current_user)  # also where it was to take our events away before
    return goes


@blueprint.post("/<int:account_id>/end")
@login_required
def end(account_id: int):
    """Stop deleting our events where that cannot be finished, and leave them there."""
    account = access.account_of_mine(account_id)
    ending.end_now(account, current_user)
    return sync_page.changed(
        _(
            "Ended. What is left of our events in {provider} stays there;"
            " you can remove it by hand.",
            provider=registry.of(account.kind).name,
        )
    )
