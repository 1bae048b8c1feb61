"""A person's other calendars at the provider: whether each is read, and which of its events block
booking.
"""

from flask import Blueprint, Response, abort, flash, url_for
from flask_login import current_user
from wtforms import BooleanField

from base import scheduling
from base.catalogue import _, lazy
from base.tables.outside import ExternalEvent
from free_times.rules import OnlineSettings
from sync.providers import registry
from sync.tables import account_names, listed, sources
from sync.tables.accounts import RemoteCalendar
from sync.two_way.reading import double_bookings
from sync.two_way.standing import freshness
from sync.two_way.standing.state import Standing
from views.kit import access, display, htmx, sync_access
from views.kit.access import login_required
from views.kit.forms import Line
from views.kit.merging import Merging
from views.kit.words import sync_words
from views.sync.words import reading_words
from views.sync.words import two_way_words as words

from . import sync_page

blueprint = Blueprint("sources", __name__)

MOST_SHOWN = 60
_NAMING = "naming"


class BusyRules(Merging):
    busy = BooleanField(lazy("Busy"))
    tentative = BooleanField(lazy("Tentative"))
    away = BooleanField(lazy("Away (out of office)"))
    elsewhere = BooleanField(lazy("Working elsewhere"))
    all_day = BooleanField(lazy("All-day events"))


class Name(Merging):
    """The name of a published calendar by its person; "": the one that it gives itself."""

    name = Line(lazy("Name"), 80)

    @classmethod
    def of(cls, row: RemoteCalendar) -> "Name":
        """The form as it opens."""
        own = row.name if row.told_name is not None else ""
        return cls(formdata=None, data={"name": own}, prefix=_NAMING)


@blueprint.post("/<int:calendar_id>/sync")
@login_required
def start(calendar_id: int):
    row = sync_access.source_to_start(calendar_id)
    if why := words.barred(row.account):
        return sync_page.changed(why, f"source-{row.id}")
    if not row.account.reads:
        only_out = _("You chose that bookings only go out. Change that in the settings first.")
        return sync_page.changed(only_out, f"source-{row.id}")
    sources.turn_on(row, current_user)
    return sync_page.changed(None, f"source-{row.id}")


@blueprint.post("/<int:calendar_id>/stop")
@login_required
def stop(calendar_id: int):
    row = sync_access.source_of_mine(calendar_id)
    sources.turn_off(row, current_user)
    double_bookings.end_doubles(row.account)
    return sync_page.changed(
        _("“{called}” blocks nothing here any more.", called=display.called(row)),
        f"source-{row.id}",
    )


@blueprint.get("/<int:calendar_id>")
@login_required
def show(calendar_id: int):
    """The page of a source calendar: which events block booking, each with its reason, and the
    rules.
    """
    row = sync_access.source_of_mine(calendar_id)
    return _show(row, BusyRules(formdata=None, data=row.rules))


@blueprint.post("/<int:calendar_id>")
@login_required
def update(calendar_id: int):
    row, form = sync_access.source_of_mine(calendar_id), BusyRules()
    if not form.validate():
        return _show(row, form, 422)
    if not form.store(
        row,
        lambda fresh: BusyRules(formdata=None, data=fresh.rules),
        lambda: sources.set_rules(
            row, current_user, {name: bool(value) for name, value in form.values().items()}
        ),
    ):
        return _show(row, form, 422)
    double_bookings.end_doubles(row.account)
    flash(_("Saved. “{called}” blocks by these rules from now on.", called=display.called(row)))
    return htmx.done(url_for("sources.show", calendar_id=row.id))


@blueprint.post("/<int:calendar_id>/name")
@login_required
def rename(calendar_id: int):
    row, form = sync_access.source_of_mine(calendar_id), Name(prefix=_NAMING)
    if not registry.row_of(row.account.kind).reads_only:
        abort(404)  # other providers have a page on which their calendars are named
    if not form.validate() or not form.store(
        row, Name.of, lambda: sources.give_name(row, current_user, form.name.data)
    ):
        return _show(row, BusyRules(formdata=None, data=row.rules), 422, form)
    flash(_("Saved. It is called “{called}” here.", called=display.called(row)))
    return htmx.done(url_for("sources.show", calendar_id=row.id))


def _show(
    row: RemoteCalendar, form: BusyRules, status: int = 200, naming: Name | None = None
) -> Response:
    zone = sync_words.zone(access.calendars(), current_user)
    groups: dict[object, list[ExternalEvent]] = {}
    for event in listed.ahead(row, scheduling.utc_now()):
        alike = (
            (event.series_id, event.title, event.busy, event.all_day)
            if event.series_id
            else event.id
        )
        groups.setdefault(alike, []).append(event)
    events = [(events[0], len(events) - 1) for events in list(groups.values())[:MOST_SHOWN]]
    return htmx.show(
        "sync/source.html",
        "sync/_source.html",
        status,
        row=row,
        form=form,
        naming=naming or Name.of(row),
        zone=zone,
        events=events,
        two_way=words,
        blocking=sources.blocking([row])[row.id],
        troubles=reading_words.of_account(Standing(row.account), zone).get(row.id, []),
        name=account_names.name_of(row.account),
        provider=registry.row_of(row.account.kind),
        fresh=_freshness(row),
        online=OnlineSettings.of(row.account.clinic),
        most=MOST_SHOWN,
        from_to=display.from_to,
    )


def _freshness(row: RemoteCalendar) -> str | None:
    """A sentence: when it was last read, and how soon we notice a change there; None: it is not
    read.
    """
    known = freshness.of_people([row.account.user_id])[row.account.user_id]
    return next((reading_words.freshness(one) for one in known if one.calendar.id == row.id), None)
