"""The application as a whole: it is made for its settings, and its error pages."""

import gc

gc.disable()  # until all is imported: none of it is garbage, and looking for some takes a sixth

import logging
import re
import secrets
import sys
from urllib.parse import urlsplit

from flask import Flask, current_app, render_template, request
from flask_login import current_user
from peewee import DoesNotExist
from werkzeug.exceptions import BadHost, HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

import views
from base import copies, jobs, region
from base.catalogue import lazy
from base.config.environment import SettingsError
from base.config.settings import Settings
from base.database import connect_afresh, disconnect, open_database
from base.database_faults import trouble
from base.outgoing import exchange
from base.repeated_log_lines import RepeatedLines
from base.sql import after_commit
from base.sql.bounded_postgresql import wait_at_most
from base.tables import outbox
from base.text import places
from operate import chores, commands, keys, logs, migrate
from operate.front import Front, Lane
from sync.connect import gateway
from sync.feeds import feed, wsgi
from views.kit import form_tokens, signing_in
from views.kit.access import CalendarClosed
from views.visitor import faults

gc.freeze()  # what is imported stays: no later collection walks through it again
gc.enable()

log = logging.getLogger("kalends")


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings. Opens no connection yet.

    Without settings, as every command and process calls it, they come from the environment; a wrong
    one then ends the program with a message.
    """
    try:
        settings = settings or Settings.from_env()
    except SettingsError as error:
        print(*error.faults, sep="\n", file=sys.stderr)
        sys.exit(error.status)
    logs.set_up(settings.json_logs)
    app = Flask(__name__, instance_path=str(settings.instance))
    secure = settings.base_url.startswith("https:")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-kalends" if secure else "kalends",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_ENABLED=True,
        MAX_CONTENT_LENGTH=40 * 2**20,
        MAX_FORM_MEMORY_SIZE=2**20,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
    open_database(settings.database_url)
    jobs.open_queue(settings.redis_url)
    copies.open_copies(settings.redis_url)
    after_commit.listen(*chores.WAKING)
    keys.put_in_force(app, settings)
    outbox.set_up(
        outbox.MailSetup(settings.smtp_url, settings.mail_from or "", settings.mail_per_minute)
    )
    exchange.set_up(settings.private_hosts)
    gateway.set_up(
        gateway.GatewaySetup(
            settings.providers,
            settings.webhook_url,
            settings.poll_seconds,
            "".join(settings.secret_keys[:1]).encode(),
            by_password=settings.by_password,
        )
    )
    app.before_request(_connect)
    views.register(app)
    commands.register(app)
    app.teardown_request(_disconnect)
    app.after_request(_harden)
    app.register_error_handler(Exception, _show_error)
    _wrap(app, settings)
    return app


def _wrap(app: Flask, settings: Settings) -> None:
    """Wrap the pages in layers. Each gets a request earlier, and answers or changes it."""
    app.extensions["repeated_lines"] = RepeatedLines(log)
    app.wsgi_app = wsgi.FeedsApp(app.wsgi_app, settings.secret_keys)
    if not settings.secret_keys:  # these commands may run anyway, each as far as possible
        app.wsgi_app = _answer_not_installed
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)


def _answer_not_installed(environ: dict, start_response) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain; charset=utf-8")])
    return [keys.MISSING.encode()]


_ASKS_OUTSIDE = re.compile("/book/[^/]+/details").fullmatch
LARGEST = 2**20  # octets of a request's body, except for a file to import
LANES = (  # how many requests of one kind may have a thread of a web process at the same time
    Lane(lambda method, path: method == "POST" and path.startswith(PASSWORD_PATHS), 2),
    Lane(lambda method, path: path.startswith(feed.PREFIX), 4),
    Lane(lambda method, path: path.startswith("/connect/"), 2),  # these call Google or Microsoft
    # Visitors who look at times wait for nobody; their bookings, however many, do not keep the
    # team's changes waiting. Changes of one clinic go one by one anyway: more threads would only
    # compete for Python's lock.
    Lane(lambda method, path: method == "POST" and _ASKS_OUTSIDE(path) is not None, 4),
    Lane(lambda method, path: method == "POST" and path.startswith("/book/"), 2),
    Lane(
        lambda method, path: method not in ("GET", "HEAD"), 8
    ),  # these may wait for the database's lock
    Lane(lambda method, path: True, 8),
)
ANSWER_SECONDS = 15  # seconds that a request waits for an answer of the database
PASSWORD_PATHS = (
    "/sign-in",
    "/invitations/",
    "/welcome",
    "/sign-up/",
    "/profile/password",
    "/forgotten",
)  # costly on purpose


def create_front() -> Front:
    """The application with everything that a web process puts before it."""
    app = create_app()
    keys.guard(app.config["SETTINGS"].secret_keys)
    migrate.guard()
    wait_at_most(ANSWER_SECONDS)
    return Front(
        app.wsgi_app,
        feed.PREFIX,
        lambda path: (
            app.config["MAX_CONTENT_LENGTH"] if path.startswith("/settings/imports") else LARGEST
        ),
        LANES,
    )


def _connect() -> None:
    region.write_for()
    if (
        request.blueprint not in ("probes", "metrics", "installing")
        and request.endpoint != "static"
    ):
        connect_afresh()


def _disconnect(error: BaseException | None) -> None:
    region.write_for()
    disconnect()


def _harden(response):
    """Headers of every page. No inline script or style anywhere, so the policy allows none."""
    response.headers.setdefault(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src"
        " 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'",
    )
    if response.status_code == 308:  # a redirect to add a slash: the browser knows scheme and host
        where = urlsplit(response.location)
        response.location = where._replace(scheme="", netloc="").geturl()
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")
    if request.endpoint != "static":
        response.headers.setdefault(
            "Cache-Control", "no-store" if "text/html" in response.content_type else "private"
        )
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


_PAGES = {  # status → heading, advice
    400: (lazy("That did not arrive whole"), lazy("Go back, reload the page and try once more.")),
    403: (
        lazy("You don’t have permission"),
        lazy("Your role in this clinic does not include it. Ask the owner if it should."),
    ),
    404: (
        lazy("There is nothing here"),
        (
            lazy(
                "It may have been removed, or it belongs to another clinic. Check the address,"
                " or start from the calendar."
            )
        ),
    ),
    405: (lazy("That cannot be done here"), lazy("Go back and use the buttons on the page.")),
    413: (lazy("That is too much at once"), lazy("Send a smaller file, or split it in two.")),
    429: (lazy("Too many tries"), lazy("Wait a minute, then try again.")),
    500: (
        lazy("That went wrong on our side"),
        (
            lazy(
                "Your last change may not be saved: check it, then try again. If it happens"
                " again, tell the server administrator the reference."
            )
        ),
    ),
}


_GONE = (  # for a form whose row was deleted
    lazy("This is not there any more"),
    (
        lazy(
            "It was removed, stopped or disconnected after you opened the page, or it belongs to"
            " another clinic. Nothing was saved. Open the page again from the menu."
        )
    ),
)

_UNAVAILABLE = {  # fault of the database → heading, advice
    "behind": (
        lazy("Kalends is being updated"),
        lazy(
            "Its database is still that of the version before. Try again in a minute. If it stays"
            " so, tell the server administrator to run: flask --app app migrate"
        ),
    ),
    "full": (
        lazy("The disk of the server is full"),
        (
            lazy(
                "Nothing can be saved until the server administrator makes room. What was saved"
                " before is safe."
            )
        ),
    ),
    "read-only": (
        lazy("Nothing can be saved at the moment"),
        lazy(
            "The database cannot be written. Tell the server administrator. What was saved before"
            " is safe."
        ),
    ),
    "busy": (
        lazy("Kalends is busy"),
        lazy("Your last change was not saved. Go back and try again in a minute."),
    ),
    "away": (
        lazy("Kalends is not available at the moment"),
        lazy(
            "Its database does not answer. Your last change may not be saved. Try again in a"
            " minute."
        ),
    ),
}
RETRY_SECONDS = 30


def _show_unavailable(error: Exception, why: str):
    """Answer 503 without asking the database, which has just refused a question. While that lasts,
    all pages of a minute have the reference of one line of the log.
    """
    reference = current_app.extensions["repeated_lines"].write(
        logging.ERROR,
        why,
        "unavailable %(reference)s: database %(why)s (%(kind)s) at %(places)s",
        why=why,
        kind=type(error).__name__,
        places=places(error),
    )
    retry = {"Retry-After": str(RETRY_SECONDS)}
    if faults.is_visitor():
        return faults.show(503), 503, retry
    heading, advice = _UNAVAILABLE[why]
    # an upload that found no room was read in part, and cannot be read again
    typed = [] if isinstance(error, OSError) else _typed(503)
    template = current_app.jinja_env.get_template(
        "unavailable.html"
    )  # not render_template: that asks the database for the signed-in person
    return (
        template.render(heading=heading, advice=advice, reference=reference, typed=typed),
        503,
        retry,
    )


def _typed(status: int) -> list[tuple[str, str]]:
    """The texts of a refused form, for the signed-in person who sent it: the page with the typed
    texts may be gone. A body that was too large or too slow is not read again.

    Without a database (503) nobody knows who is signed in: the form and the cookie are ours.
    """
    if request.method != "POST" or status not in (403, 404, 500, 503):
        return []
    if not (form_tokens.is_ours() if status == 503 else current_user.is_authenticated):
        return []
    return signing_in.texts(request.form.items(multi=True))


def _show_error(error: Exception):
    """The page for a refusal or a fault. A fault is logged by reference and place; its message
    could contain a client's name.
    """
    if isinstance(error, HTTPException) and error.response is not None:
        return error.response
    if why := trouble(error):
        return _show_unavailable(error, why)
    if isinstance(error, DoesNotExist):  # a row was deleted between two statements of this request
        log.warning("gone: %s at %s", type(error).__name__, places(error))
        status = 404
    else:
        status = error.code if isinstance(error, HTTPException) else 500
    if isinstance(error, BadHost):  # not even the address of a style sheet can be written
        return _without_page(*_PAGES[400], 400)
    reference = None
    if status is None or status >= 500:
        status, reference = 500, secrets.token_hex(4)
        log.error("error %s: %s at %s", reference, type(error).__name__, places(error))
    if faults.is_visitor():
        return faults.show(status)
    words = _PAGES.get(status, _PAGES[400])  # whatever else a request may lack: not our fault
    heading, advice = _GONE if (status, request.method) == (404, "POST") else words
    if isinstance(error, CalendarClosed):
        heading, advice = error.heading, error.advice
    try:
        return (
            render_template(
                "error.html",
                heading=heading,
                advice=advice,
                reference=reference,
                status=status,
                typed=_typed(status),
            ),
            status,
        )
    except Exception as worse:  # the layout may ask the database
        log.error("error page of %s: %s at %s", reference, type(worse).__name__, places(worse))
        return _without_page(heading, advice, status)


def _without_page(heading: str, advice: str, status: int):
    return f"{heading}. {advice}", status, {"Content-Type": "text/plain; charset=utf-8"}


if __name__ == "__main__":
    commands.run(sys.argv[1:])
