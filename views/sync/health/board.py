"""The owner's board: whether each person's calendar is up to date; if not, why and what to do."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from base.catalogue import _
from base.tables import outbox
from people import calendars
from sync.tables import account_names, controls, ending, mappings
from sync.tables.accounts import Account
from sync.two_way.standing import many, state, state_list
from sync.two_way.standing.state import Standing
from views.kit import access, htmx, sync_access
from views.kit.access import manager_required
from views.kit.words import sync_words
from views.sync import notices, overlaps
from views.sync.words import two_way_words

from . import health_parts, health_words

blueprint = Blueprint("health", __name__)


@blueprint.get("/")
@manager_required
def show():
    return render_template("health/show.html", **_context())


@blueprint.get("/board")
@manager_required
def board():
    """The board again: open pages request it by themselves."""
    return (
        render_template("health/_board.html", **_context())
        if htmx.is_partial()
        else redirect(url_for("health.show"))
    )


@blueprint.post("/accounts/<int:account_id>/runs")
@manager_required
def resync(account_id: int):
    """Read one person's calendars completely and compare them with our rows."""
    account = sync_access.account_to_manage(account_id)
    if why := two_way_words.at_rest_when_asked(account):
        return _done(why)
    controls.ask_for_run(account, "resync", current_user)
    begun = _(
        "{user}’s {provider} calendar is being read again and compared. Nothing is doubled.",
        user=account.user.name,
        provider=account_names.name_of(account, is_own=False),
    )
    zone = sync_words.zone(access.calendars(), current_user)
    return _done(two_way_words.asked(account, begun, zone))


@blueprint.post("/accounts/<int:account_id>/nudges")
@manager_required
def ask(account_id: int):
    """Ask the person to look at their Calendar sync page: by a notice there, and at most once an
    hour by a letter if mail is set up.
    """
    account = sync_access.account_to_manage(account_id)
    written = controls.remind(account, current_user)
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
    """End the deletion of one person's events if it cannot be finished, and leave the events
    outside.
    """
    account = sync_access.account_to_manage(account_id)
    ending.end_now(account, current_user)
    return _done(
        _(
            "Ended. What is left of {user}’s events in {provider} stays there.",
            user=account.user.name,
            provider=account_names.name_of(account, is_own=False),
        )
    )


@blueprint.get("/resync")
@manager_required
def ask_resync():
    """The question before everyone is resynced: what it will do, in numbers."""
    ready = _ready()
    counts = {
        "ready": len(ready),
        "events": sum(mappings.counts(account)["synced"] for account in ready),
        "people": len({row.user_id for row in ready}),
        "others": (
            sum(not account.is_off for account in notices.accounts_of_the_clinic()) - len(ready)
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
        controls.ask_for_run(account, "resync", current_user)
    return _done(health_words.resynced([Standing(account) for account in ready]))


def _ready() -> list[Account]:
    """The accounts that can be resynced now."""
    return [row for row in notices.accounts_of_the_clinic() if state.may_run(row)]


def _done(sentence: str) -> Response:
    flash(sentence)
    return htmx.done(url_for("health.show"))


def _context() -> dict:
    """The values for the board, with a few queries whatever the number of people."""
    clinic, people = access.clinic(), calendars.everyone(access.clinic())
    known = [one for _user, own in people for one in own]
    zone = sync_words.zone(
        [one for one in known if not (one.archived or one.venue.archived)], current_user
    )
    board = many.overviews(clinic, {user.id: user for user, _own in people})
    rows = health_words.person_rows(people, board, zone)
    return {
        "rows": rows,
        "summary": health_words.summary(rows),
        "parts": health_parts.parts(clinic, board, zone),
        "has_accounts": any(state.may_run(one.standing.account) for one in board),
        "overlaps": overlaps.overlaps_of(clinic),
        "zone": zone,
    }


@blueprint.app_template_global()
def to_fix() -> int:
    """The number of the clinic's accounts that are in trouble by the rules of the board, for the
    menu.
    """
    severe = [kind for kind, severity in state_list.SEVERITY.items() if severity == "trouble"]
    return len(state.any_of(notices.accounts_of_the_clinic(), severe))
