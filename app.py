"""Where the parts meet: settings from the environment, the application, its error pages."""

import hashlib
import logging
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, render_template, request
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

import models
import views
from database import open_database
from operate import commands
from sync import jobs, wsgi
from text import places
from views import htmx

log = logging.getLogger("kalends")
csrf = CSRFProtect()


class SettingsError(Exception):
    """The environment is wrong; `faults` says all of it at once, a sentence each."""

    def __init__(self, faults: list[str]):
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Settings:
    """What the environment says. `from_env` is its only reader. The names in the README are a contract."""

    base_url: str
    secret_keys: tuple[str, ...]
    production: bool
    host: str
    port: int
    instance: Path
    database_url: str
    redis_url: str
    embedded_redis: bool
    sandbox: bool
    sample_password: str | None
    signup_open: bool
    smtp_url: str | None
    mail_from: str | None
    trusted_proxies: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check everything. `NAME_FILE` names a file that holds NAME. Raises SettingsError."""
        faults: list[str] = []

        def read(name: str, default: str = "") -> str:
            if path := environ.get(f"{name}_FILE"):
                try:
                    return Path(path).read_text().strip()
                except OSError:
                    faults.append(f"{name}_FILE names a file that cannot be read.")
            return environ.get(name, "").strip() or default

        def number(name: str, default: str, low: int, high: int) -> int:
            value = read(name, default)
            if value.isascii() and value.isdigit() and low <= int(value) <= high:
                return int(value)
            faults.append(f"{name} must be a whole number from {low} to {high}.")
            return low

        def one_of(name: str, default: str, allowed: tuple[str, ...]) -> str:
            value = read(name, default)
            if value not in allowed:
                faults.append(f"{name} must be {' or '.join(allowed)}.")
            return value

        production = one_of("KALENDS_ENV", "development", ("development", "production")) == "production"
        port = number("KALENDS_PORT", "8000", 1, 65535)
        base_url = read("KALENDS_BASE_URL", f"http://localhost:{port}").rstrip("/")
        if not _is_url(base_url, "http", "https"):
            faults.append("KALENDS_BASE_URL must be the address people open, such as https://calendar.example.org.")
        instance = Path(read("KALENDS_INSTANCE", "instance")).resolve()
        keys = tuple(key.strip() for key in read("KALENDS_SECRET_KEY").split(",") if key.strip())
        if production and not keys:
            faults.append("KALENDS_SECRET_KEY is required when KALENDS_ENV=production. Make one with: openssl rand -base64 48")
        if production and any(len(key) < 16 for key in keys):
            faults.append("Each key of KALENDS_SECRET_KEY needs at least 16 characters.")
        database_url = read("DATABASE_URL", f"sqlite:///{instance / 'kalends.db'}")
        if not database_url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            faults.append("DATABASE_URL must begin with sqlite:/// or postgresql://.")
        redis_url = read("REDIS_URL")
        if redis_url and not redis_url.startswith("unix:///") and not _is_url(redis_url, "redis", "rediss"):
            faults.append("REDIS_URL must begin with redis://, rediss:// or unix:///.")
        smtp_url = read("SMTP_URL")
        if smtp_url and not _is_url(smtp_url, "smtp", "smtps"):
            faults.append("SMTP_URL must look like smtp://name:password@mail.example.org:587, or begin with smtps://.")
        settings = cls(
            base_url=base_url, secret_keys=keys, production=production, host=read("KALENDS_HOST", "127.0.0.1"), port=port,
            instance=instance, database_url=database_url, redis_url=redis_url or f"unix://{_socket(instance)}",
            embedded_redis=not redis_url, sandbox=one_of("KALENDS_SANDBOX", "0", ("0", "1")) == "1" and not production,
            sample_password=read("KALENDS_SAMPLE_PASSWORD") or None,
            signup_open=one_of("KALENDS_SIGNUP", "closed", ("closed", "open")) == "open",
            smtp_url=smtp_url or None, mail_from=read("MAIL_FROM") or None,
            trusted_proxies=number("KALENDS_TRUSTED_PROXIES", "0", 0, 9),
        )
        if settings.smtp_url and not settings.mail_from:
            faults.append("MAIL_FROM is required with SMTP_URL: the address that notices come from.")
        if faults:
            raise SettingsError(faults)
        return settings if keys else settings._with_kept_key()

    def _with_kept_key(self) -> "Settings":
        """The key made on first run, readable by its owner alone."""
        path = self.instance / "secret_key"
        try:
            self.instance.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                fresh = self.instance / f"secret_key.{secrets.token_hex(8)}"
                with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                    file.write(secrets.token_urlsafe(48))
                try:
                    os.link(fresh, path)  # whoever comes first wins; a half-written key is never seen
                except FileExistsError:
                    pass
                finally:
                    fresh.unlink()
            key = path.read_text().strip()
        except OSError as error:
            raise SettingsError([f"The folder {self.instance} cannot be used ({error.strerror}). "
                                 "Make it writable, or name another in KALENDS_INSTANCE."]) from None
        return Settings(**{**self.__dict__, "secret_keys": (key,)})


def _is_url(value: str, *schemes: str) -> bool:
    """Whether it is an address with a host and one of these schemes."""
    try:
        url = urlsplit(value)
        return url.scheme in schemes and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return False


def _socket(instance: Path) -> Path:
    """Where the embedded Redis listens. The system allows a socket's path about 100 octets; a longer one moves to the folder for temporary files."""
    path = instance / "redis.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    return Path(tempfile.gettempdir()) / f"kalends-{hashlib.sha256(os.fsencode(instance)).hexdigest()[:20]}" / "redis.sock"


def create_app(settings: Settings | None = None) -> Flask:
    """The application for these settings. Opens no connection yet.

    Without settings, as every command and process calls it, the environment's; a wrong environment then ends the program, in sentences.
    """
    try:
        settings = settings or Settings.from_env()
    except SettingsError as error:
        print(*error.faults, sep="\n", file=sys.stderr)
        sys.exit(2)
    app = Flask(__name__, instance_path=str(settings.instance))
    secure = settings.base_url.startswith("https:")
    app.config.update(
        SETTINGS=settings, SECRET_KEY=settings.secret_keys[0], SECRET_KEY_FALLBACKS=list(settings.secret_keys[1:]),
        SESSION_COOKIE_NAME="kalends", SESSION_COOKIE_SECURE=secure, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=30), SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=40 * 2**20, MAX_FORM_MEMORY_SIZE=2**20, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True, "autoescape": True}
    open_database(settings.database_url)
    jobs.open_queue(settings.redis_url)
    csrf.init_app(app)
    views.register(app)
    commands.register(app)
    app.before_request(_connect)
    app.teardown_request(_disconnect)
    app.after_request(_harden)
    app.register_error_handler(Exception, _show_error)
    app.wsgi_app = wsgi.FeedsApp(app.wsgi_app, settings.secret_keys)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)
    return app


def _connect() -> None:
    models.database.connect(reuse_if_open=True)


def _disconnect(error: BaseException | None) -> None:
    if not models.database.is_closed() and not models.database.in_transaction():
        models.database.close()


def _harden(response):
    """Headers of every page. No inline script or style anywhere, so none is allowed."""
    response.headers.setdefault("Content-Security-Policy", (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"))
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store" if "text/html" in response.content_type else "private")
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response


_PAGES = {  # status → heading, what to do
    400: ("That did not arrive whole", "Go back, reload the page and try once more."),
    403: ("This is not yours to change", "Your role in this clinic does not include it. Ask the owner if it should."),
    404: ("There is nothing here", "It may have been removed, or it belongs to another clinic. Check the address, or start from the calendar."),
    405: ("That cannot be done here", "Go back and use the buttons on the page."),
    413: ("That is too much at once", "Send a smaller file, or split it in two."),
    429: ("Too many tries", "Wait a minute, then try again."),
    500: ("That went wrong on our side", "Nothing was half saved. Try again; if it keeps happening, tell whoever runs Kalends, with the reference."),
}


def _show_error(error: Exception):
    """The page for a refusal or a fault. A fault is logged by reference and place; its message could hold a client's name."""
    if isinstance(error, HTTPException) and error.response is not None:
        return error.response
    status = error.code if isinstance(error, HTTPException) else 500
    reference = None
    if status not in _PAGES or status == 500:
        status, reference = (status, None) if status in _PAGES and status != 500 else (500, secrets.token_hex(4))
        log.error("error %s: %s at %s", reference, type(error).__name__, places(error))
    heading, advice = _PAGES[status]
    if isinstance(error, CSRFError):
        heading, advice = "This page was open for too long", "Nothing was saved. Go back, reload the page and send it again."
        if htmx.is_partial():
            return htmx.say(f"{heading}. Nothing was saved: reload it and send it again.", 401)
    try:
        return render_template("error.html", heading=heading, advice=advice, reference=reference, status=status), status
    except Exception as worse:  # the database may be gone: the layout asks it who is signed in
        log.error("error page of %s: %s", reference, type(worse).__name__)
        return f"{heading}. {advice}", status, {"Content-Type": "text/plain; charset=utf-8"}
