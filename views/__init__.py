"""The site map: every blueprint with its prefix, on one screen."""

from flask import Flask

from .calendar import (
    booking_status,
    bookings,
    merges,
    moves,
    next_free,
    patients,
    requests,
    team_day,
    time_off,
    waiting_entry,
    waiting_list,
    week,
    why,
)
from .clinic import (
    dates,
    earlier_settings,
    handover,
    imports,
    letters,
    online_booking,
    page_name,
    services,
    settings,
    stop_feeds,
    sync_together,
    team,
    text_messages,
)
from .doors import (
    about,
    auth,
    guide_answers,
    help,
    installing,
    metrics,
    own_letters,
    own_region,
    probes,
    sign_ins,
    webhooks,
)
from .kit import display, form_tokens, htmx, identity, menu
from .sync import apps, booking_address, connect, feeds, notices, sources, sync_settings, two_way
from .sync.health import board
from .visitor import (
    ask_earlier,
    by_letter,
    choosing,
    details,
    earlier,
    joining,
    managed,
    still_asking,
)


def register(app: Flask) -> None:
    """Mount all pages. Sign-in and the helpers that templates use come with them."""
    identity.init_app(app)
    menu.init_app(app)
    requests.init_app(app)
    form_tokens.init_app(app)
    htmx.init_app(app)
    display.init_app(app)
    app.register_blueprint(probes.blueprint)  # /healthz /readyz
    app.register_blueprint(metrics.blueprint)  # /metrics
    app.register_blueprint(installing.blueprint)  # /manifest.webmanifest /worker.js /offline
    app.register_blueprint(about.blueprint)  # /about and /privacy
    _for_each_person(app)
    _for_calendars(app)
    app.register_blueprint(patients.blueprint, url_prefix="/clients")
    app.register_blueprint(merges.blueprint, url_prefix="/clients")
    app.register_blueprint(services.blueprint, url_prefix="/services")
    app.register_blueprint(team.blueprint, url_prefix="/team")
    app.register_blueprint(stop_feeds.blueprint, url_prefix="/team")
    app.register_blueprint(sync_together.blueprint, url_prefix="/team/sync")
    app.register_blueprint(handover.blueprint, url_prefix="/team/hand-over")
    app.register_blueprint(sync_settings.blueprint, url_prefix="/sync")
    app.register_blueprint(booking_address.blueprint, url_prefix="/sync/booking-page")
    app.register_blueprint(feeds.blueprint, url_prefix="/sync/links")
    app.register_blueprint(two_way.blueprint, url_prefix="/sync/accounts")
    app.register_blueprint(sources.blueprint, url_prefix="/sync/calendars")
    app.register_blueprint(notices.blueprint, url_prefix="/sync/notices")
    app.register_blueprint(board.blueprint, url_prefix="/health")
    app.register_blueprint(dates.blueprint, url_prefix="/dates")
    app.register_blueprint(settings.blueprint, url_prefix="/settings")
    app.register_blueprint(apps.blueprint, url_prefix="/settings/apps")
    app.register_blueprint(online_booking.blueprint, url_prefix="/settings/online-booking")
    app.register_blueprint(page_name.blueprint, url_prefix="/settings/online-booking/address")
    app.register_blueprint(letters.blueprint, url_prefix="/settings/letters")
    app.register_blueprint(text_messages.blueprint, url_prefix="/settings/text-messages")
    app.register_blueprint(earlier_settings.blueprint, url_prefix="/settings/waiting-list")
    app.register_blueprint(sign_ins.blueprint, url_prefix="/settings/sign-ins")
    app.register_blueprint(imports.blueprint, url_prefix="/settings/imports")
    app.register_blueprint(connect.blueprint, url_prefix="/connect")
    _for_clients(app)
    # For providers, not for people.
    app.register_blueprint(webhooks.blueprint, url_prefix="/webhooks")


def _for_each_person(app: Flask) -> None:
    """Mount the pages that show no bookings."""
    app.register_blueprint(auth.blueprint)  # /sign-in /sign-out /welcome /invitations /profile
    app.register_blueprint(own_letters.blueprint, url_prefix="/profile/letters")
    app.register_blueprint(own_region.blueprint, url_prefix="/profile/region")
    app.register_blueprint(help.blueprint, url_prefix="/help")
    app.register_blueprint(guide_answers.blueprint, url_prefix="/help")


def _for_calendars(app: Flask) -> None:
    """Mount the pages of bookings, time off, the waiting list and free times."""
    app.register_blueprint(week.blueprint)  # / and /calendar
    app.register_blueprint(team_day.blueprint)  # /calendar/team
    app.register_blueprint(bookings.blueprint, url_prefix="/bookings")
    app.register_blueprint(booking_status.blueprint, url_prefix="/bookings")
    app.register_blueprint(moves.blueprint, url_prefix="/bookings")
    app.register_blueprint(requests.blueprint, url_prefix="/requests")
    app.register_blueprint(time_off.blueprint, url_prefix="/time-off")
    app.register_blueprint(waiting_list.blueprint, url_prefix="/waiting-list")
    app.register_blueprint(waiting_entry.blueprint, url_prefix="/waiting-list")
    app.register_blueprint(next_free.blueprint, url_prefix="/free-times")
    app.register_blueprint(why.blueprint, url_prefix="/free-times/why")


def _for_clients(app: Flask) -> None:
    """Mount the pages for the clinic's clients: /book/<name>"""
    app.register_blueprint(choosing.blueprint)
    app.register_blueprint(details.blueprint)
    app.register_blueprint(still_asking.blueprint)
    app.register_blueprint(managed.blueprint)
    app.register_blueprint(joining.blueprint)
    app.register_blueprint(ask_earlier.blueprint)
    app.register_blueprint(by_letter.blueprint)  # /appointment/<uuid>/<token>
    app.register_blueprint(earlier.blueprint)  # /earlier/<uuid>/<token>
