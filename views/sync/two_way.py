"""Connected accounts on the Calendar sync page: name and start, follow, pause, check, settings, and
end.
"""

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask_login import current_user

from base.catalogue import _, lazy
from base.tables.list_page import ListPage
from people import calendars
from sync.connect import calendar_list
from sync.feeds import owned
from sync.providers import registry
from sync.tables import account_names, controls, ending, listed, mappings, starting
from sync.tables.accounts import Account, RemoteCalendar
from sync.tables.runs import SyncRun
from sync.tables.starting import CalendarInUse
from sync.two_way import first_list
from sync.two_way.reading import double_bookings, stray_events
from sync.two_way.standing import differences, many, state
from views.kit import access, htmx, sync_access
from views.kit.access import login_required
from views.kit.forms import arg_int
from views.kit.words import sync_words
from views.sync.words import status_words
from views.sync.words import two_way_words as words

from . import panels, switches, sync_page
from .account_settings import AccountSettingsForm, coverable, settings_form

blueprint = Blueprint("two_way", __name__)

GOALS = {"one-way": "off", "disconnection": "disconnect", "new-start": "restart"}
LEFT = {  # the message afterwards
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
IN_USE = lazy(
    "A colleague’s bookings already go to this calendar. Choose another one, or a new calendar"
)
OPTED_OUT = lazy(
    "Nothing leaves any more: two-way sync stops, and your private links stopped"
    " answering. Your bookings here are as they were."
)


# ---- following the progress ----


@blueprint.get("/status")
@login_required
def status():
    """The answer to polls of an open page: only the sentences, or everything if more changed."""
    now = panels.context(is_poll=True)
    if request.args.get("key") == now["key"]:
        shown = [panel for panel in now["panels"] if not panel["account"].may_begin]
        return "".join(
            render_template("sync/_status.html", panel=panel, is_update=True, **now)
            for panel in shown
        )
    return htmx.show_instead("#two-way", "sync/_two_way.html", **sync_page.context())


@blueprint.post("/lists")
@login_required
def list_anew():
    """Renew old lists of calendars, by jobs: an open page asks once. New calendars appear a moment
    later.
    """
    controls.list_anew(current_user)
    return ("", 204) if htmx.is_partial() else htmx.done(url_for("sync_settings.show"))


@blueprint.get("/history")
@login_required
def history():
    known = many.overviews(current_user.clinic, {current_user.id: current_user})
    accounts = [one.standing.account for one in known]
    page = ListPage.of(SyncRun.of(accounts), arg_int(request.args.get("page"), 1))
    zone = sync_words.zone(access.calendars(), current_user)
    return render_template(
        "sync/history.html",
        page=page,
        runs=panels.runs_of(accounts, page.rows),
        account_count=len(accounts),
        standing=[
            (one.standing.account, status_words.status(one.standing, zone))
            for one in known
            if not one.standing.account.is_off
        ],
        zone=zone,
        two_way=words,
    )


# ---- beginning ----


@blueprint.post("/<int:account_id>/start")
@login_required
def start(account_id: int):
    """Name the calendar, and begin. A second press changes nothing."""
    account = sync_access.account_of_mine(account_id)
    form = panels.Naming(account)
    if not account.may_begin:
        return sync_page.changed(None)
    if why := words.no_start(account):
        flash(_("Nothing can start now. {why}", why=why), "warning")
        return htmx.done(url_for("sync_settings.show"))
    into = _place(account, form) if form.validate() else None
    if form.errors:
        return sync_page.show(422, naming_form=form)
    try:
        is_begun = _start(account, form, into)
    except CalendarInUse:
        form.fault("into", IN_USE)
        return sync_page.show(422, naming_form=form)
    started = _("Started. You can leave this page; it carries on.")
    return sync_page.changed(started if is_begun else None, f"account-{account.id}")


def _start(account: Account, form: panels.Naming, into: RemoteCalendar | None) -> bool:
    """Begin with the values of the form. Returns whether sync is begun. Raises CalendarInUse."""
    first = calendars.oldest(current_user)
    return starting.start_once(
        account,
        current_user,
        into.name if into else form.name.data,
        first.venue.zone_name if first else "UTC",
        into and into.calendar_id,
        form.direction.data,
        form.covers(),
    )


def _place(account: Account, form: panels.Naming) -> RemoteCalendar | None:
    """The calendar to write to; None: a new one. If it may not be written to, the form gets a
    fault.
    """
    into = form.into.data or ""
    if not into and registry.row_of(account.kind).makes_calendars:
        return None
    row = sync_access.calendar_of_account(account, arg_int(into))
    if row is None or not calendar_list.may_write(row, account):
        form.fault("into", _("Choose one from the list"))
        return None
    form.name.data = form.name.data or row.name
    return row


# ---- while it runs ----


@blueprint.post("/<int:account_id>/<any(pause, resumption):what>")
@login_required
def act(account_id: int, what: str):
    account = sync_access.account_of_mine(account_id)
    if what == "pause":
        controls.pause(account, current_user)
        sentence = _("Paused. Everything stays as it is until you go on.")
    elif account.has_begun and (why := words.barred(account)):
        sentence = why
    else:
        controls.resume(account, current_user)
        sentence = _("Going on. What was missed is made good.")
    return sync_page.changed(sentence, f"account-{account.id}")


@blueprint.post("/<int:account_id>/<any(check, resync):because>")
@login_required
def ask_for_run(account_id: int, because: str):
    account = sync_access.account_of_mine(account_id)
    sentence = {
        "check": _("We are looking."),
        "resync": _("Everything is read again and compared. Nothing is doubled."),
    }[because]
    if because == "check" and account.may_begin:
        first_list.ask_for_calendars(account)
    elif why := words.at_rest_when_asked(account):
        sentence = why
    else:
        controls.ask_for_run(account, because, current_user)
        zone = sync_words.zone(access.calendars(), current_user)
        sentence = words.asked(account, sentence, zone)
    return sync_page.changed(sentence, f"account-{account.id}")


@blueprint.post("/<int:account_id>/differences")
@login_required
def put_right(account_id: int):
    """Have one event that is different outside put right. A second press changes nothing."""
    account = sync_access.account_of_mine(account_id)
    if account.is_active and (why := words.barred(account)):
        return sync_page.changed(why, f"account-{account.id}")
    is_done = differences.put_right(account, request.form.get("uid", "")[:36])
    sentence = _("It is being put right.") if is_done else _("That is decided already.")
    return sync_page.changed(sentence, f"account-{account.id}")


@blueprint.get("/<int:account_id>/settings")
@login_required
def edit(account_id: int):
    account = _with_settings(account_id)
    return _show_settings(account, settings_form(account, formdata=None))


@blueprint.post("/<int:account_id>/settings")
@login_required
def update(account_id: int):
    account = _with_settings(account_id)
    form = settings_form(account)
    if not (form.validate() and form.is_complete() and form.may_be_lost()):
        return _show_settings(account, form, 422)
    if not form.store(
        account,
        lambda row: settings_form(row, formdata=None),
        lambda: controls.change(account, current_user, **form.columns()),
    ):
        return _show_settings(account, form, 422)
    double_bookings.end_doubles(account)
    name = account_names.name_of(account)
    flash(
        _("Saved. It counts once there is sync with {name} again.", name=name)
        if state.barred(account)
        else _("Saved. {name} is brought up to date now.", name=name)
    )
    return htmx.done(url_for("sync_settings.show", _anchor=f"account-{account.id}"))


def _with_settings(account_id: int) -> Account:
    """One of one's own accounts to which bookings are sent, or could be."""
    account = sync_access.account_of_mine(account_id)
    return abort(404) if registry.row_of(account.kind).reads_only else account


def _show_settings(account: Account, form: AccountSettingsForm, status: int = 200) -> Response:
    return htmx.show(
        "sync/settings.html",
        "sync/_settings.html",
        status,
        account=account,
        form=form,
        two_way=words,
        name=account_names.name_of(account),
        coverable=coverable() if current_user.is_manager else [],
        titles=switches.titles(current_user, formdata=None),
    )


# ---- ending sync ----


@blueprint.get("/<any('one-way', disconnection, 'new-start'):goal>")
@blueprint.get("/<int:account_id>/<any('one-way', disconnection, 'new-start'):goal>")
@login_required
def ask_to_leave(goal: str, account_id: int | None = None):
    """The question before sync ends: what it will do, in numbers."""
    return sync_page.show(partial="sync/_leaving.html", leaving=_leaving(goal, account_id))


def _leaving(goal: str, account_id: int | None) -> dict:
    accounts = [sync_access.account_of_mine(account_id)] if account_id else _syncing()
    counts = {account.id: mappings.counts(account)["synced"] for account in accounts}
    external = {account.id: listed.count_events(account) for account in accounts}
    return {
        "goal": goal,
        "accounts": accounts,
        "names": {account.id: account_names.name_of(account) for account in accounts},
        "whose": {account.id: account_names.whose(account) for account in accounts},
        "counts": counts,
        "external": external,
        "out_of_reach": {account.id: stray_events.out_of_reach(account) for account in accounts},
        "account_id": account_id,
        "may_leave_events": goal != "new-start"
        and not all(registry.row_of(account.kind).reads_only for account in accounts),
        "opt_out": "opt_out" in request.values,
        "is_change": "change" in request.values,
        "feeds": owned.count(current_user),
    }


def _syncing() -> list[Account]:
    return [account for account in Account.of(current_user) if account.may_leave]


@blueprint.post("/<any('one-way', disconnection, 'new-start'):goal>")
@blueprint.post("/<int:account_id>/<any('one-way', disconnection, 'new-start'):goal>")
@login_required
def departure(goal: str, account_id: int | None = None):
    """End sync of one account, or of all. `opt_out`: bookings may also no longer go outside."""
    removes = goal == "new-start" or "removes" in request.form
    accounts = [sync_access.account_of_mine(account_id)] if account_id else _syncing()
    # the removal would be all that happens
    if goal == "new-start" and any(state.barred(account) for account in accounts):
        return sync_page.changed(NO_NEW_START)
    is_ending = [_begin_departure(account, GOALS[goal], removes) for account in accounts]
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


def _begin_departure(account: Account, goal: str, removes: bool) -> bool:
    """Whether the account is now on its way to this goal."""
    goes = ending.begin_departure(account, current_user, goal, removes)
    if goes and not removes:
        ending.end_now(account, current_user)  # also if it was deleting our events before
    return goes


@blueprint.post("/<int:account_id>/end")
@login_required
def end(account_id: int):
    """End the deletion of our events if it cannot be finished, and leave them outside."""
    account = sync_access.account_of_mine(account_id)
    ending.end_now(account, current_user)
    return sync_page.changed(
        _(
            "Ended. What is left of our events in {provider} stays there;"
            " you can remove it by hand.",
            provider=account_names.name_of(account),
        )
    )
