"""The Apps page: everything that can be switched on besides the calendar itself. Each app says what
it does and whether it is on, and has a button to activate it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flask import Blueprint, render_template, url_for
from flask_login import current_user

from base.catalogue import _, lazy, ngettext
from free_times.rules import OnlineSettings
from sync.connect import gateway
from sync.feeds import owned
from sync.providers import registry
from sync.providers.registry import ProviderRow
from sync.tables import account_names
from sync.tables.accounts import Account
from sync.two_way.standing.state import Standing
from views.kit import access
from views.kit.access import login_required
from views.kit.words import sync_words
from views.sync.words import status_words

blueprint = Blueprint("apps", __name__)

ONE_WAY = lazy(
    "A private address that any calendar app reads: Apple Calendar, Thunderbird, Google, Outlook."
    " Your bookings show there, and nothing there changes a booking."
)
BOOKING = lazy(
    "A page of the clinic’s own on which clients book, move and cancel, into times that are really"
    " free."
)


@dataclass(frozen=True)
class AppButton:
    """A button of an app, or a plain link."""

    words: str
    url: str
    kind: str = ""


@dataclass(frozen=True)
class App:
    """One app of the page. `is_on`: None if it cannot be switched on here now. `note`: its state,
    or why it cannot be switched on. `in_list`: the app is only a line in the list of other apps,
    since few people look for it and it is not in use.
    """

    key: str
    icon: str
    name: str
    what: str
    is_on: bool | None
    note: str
    actions: tuple[AppButton, ...]
    help_page: str
    in_list: bool = False


@blueprint.get("/")
@login_required
def index():
    found = list(_calendars())
    return render_template(
        "sync/apps.html",
        calendars=[app for app in found if not app.in_list],
        rest=[app for app in found if app.in_list],
        others=[_feeds(), _online()],
    )


def _calendars() -> Iterator[App]:
    accounts = list(Account.of(current_user))
    account_names.know(accounts)
    zone = sync_words.zone(access.calendars(), current_user)
    for row in registry.PROVIDERS.values():
        mine = [account for account in accounts if account.kind == row.kind]
        for account in mine:
            account.user = current_user
            status = status_words.status(Standing(account), zone)
            whose = account_names.whose(account)
            app = _connected(row, account, f"{whose}. {status.name}.")
            yield app if len(mine) < 2 else _one_of_several(app, account, whose)
        if mine:
            continue
        if not row.by_password or row.kind in gateway.kinds():
            yield _app_of(row)


def _one_of_several(app: App, account: Account, whose: str) -> App:
    """The card of one account, if the person has several accounts of this kind."""
    name = _("{name}, {account}", name=app.name, account=whose)
    return replace(app, key=f"{app.key}-{account.id}", name=name)


def _app(row: ProviderRow, is_on: bool | None, note: str, *actions: AppButton) -> App:
    both = _(
        "Both ways, or one: your bookings appear there within seconds, "
        "and busy times there block booking here."
    )
    in_list = not (row.is_widespread or is_on or note)
    what = str(row.pitch) if in_list or row.reads_only else both
    return App(row.kind, "sync", row.product, what, is_on, note, actions, row.help.page, in_list)


def _connected(row: ProviderRow, account: Account, note: str) -> App:
    here = url_for("sync_settings.show", _anchor=f"account-{account.id}")
    if account.may_begin:
        return _app(row, False, note, AppButton(_("Activate"), here, "primary"))
    off = url_for("two_way.ask_to_leave", account_id=account.id, goal="disconnection")
    if account.is_leaving:
        return _app(row, False, note, AppButton(_("See how far it is"), here))
    settings = AppButton(_("Settings"), url_for("two_way.edit", account_id=account.id))
    if row.reads_only:
        settings = AppButton(
            _("Change the address"), url_for("connect.begin", kind=row.kind, account=account.id)
        )
    return _app(row, True, note, settings, AppButton(_("Deactivate"), off, "quiet"))


def _app_of(row: ProviderRow) -> App:
    if row.kind not in gateway.kinds():
        how = url_for("help.page", name=f"{row.kind}-setup")
        note = _("Not set up on this server.")
        guide = (AppButton(_("How to set it up"), how),) if current_user.is_owner else ()
        return _app(row, None, note, *guide)
    if not current_user.clinic.allows(row.feature):
        return _app(row, None, _("Not in your clinic’s plan."))
    start = url_for("sync_settings.show", mode=row.kind, _anchor="mode")
    if row.reads_only:
        start = url_for("connect.begin", kind=row.kind)
    return _app(row, False, "", AppButton(_("Activate"), start, "primary"))


def _feeds() -> App:
    why, count = current_user.why_no_feeds(), owned.count(current_user)
    note = ngettext("{count} link of yours.", "{count} links of yours.", count) if count else ""
    if why == "plan":
        return _feed_app(None, _("Not in your clinic’s plan."))
    if why == "opt_in" and count:
        note = _("{note} None answers: your bookings may not appear outside.", note=note)
    is_on = bool(count) and why is None
    action = AppButton(
        _("Manage links") if count else _("Activate"),
        url_for("feeds.index"),
        "" if count else "primary",
    )
    return _feed_app(is_on, note, action)


def _feed_app(is_on: bool | None, note: str, *actions: AppButton) -> App:
    return App(
        "links", "link", _("Private links to calendars"), ONE_WAY, is_on, note, actions,
        "private-links",
    )  # fmt: skip


def _online() -> App:
    is_on = OnlineSettings.of(current_user.clinic).is_on
    if current_user.is_manager:
        words = _("Settings") if is_on else _("Activate")
        url = url_for("online_booking.show")
        note, actions = "", (AppButton(words, url, "" if is_on else "primary"),)
    else:
        note = _("For the whole clinic. A manager switches it on and off.")
        actions = ()
    return App(
        "online", "calendar", _("Online booking"), BOOKING, is_on, note, actions, "online-booking"
    )
