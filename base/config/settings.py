"""The settings.

Only `Settings.from_env` reads the environment. The names in the README never change.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from base.catalogue import _, listed
from base.outgoing.addresses import Allowed, read_allowed

from .endpoints import (
    Endpoints,
    imitates,
    is_url,
    is_webhook_url,
    read_endpoints,
    registrations,
    sandbox_port,
)
from .environment import SettingsError, environment, ours
from .kept_key import kept_keys, make_key, unusable, why_no_key


@dataclass(frozen=True)
class Settings:
    """The settings of this installation.

    Only `from_env` reads the environment. The names in the README never change.
    """

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
    mail_per_minute: int
    trusted_proxies: int
    providers: Mapping[str, Endpoints]
    webhook_url: str | None
    poll_seconds: int
    frozen_seconds: int
    private_hosts: Allowed = field(default_factory=Allowed)
    by_password: bool = True  # calendars by CalDAV
    metrics_token: str = ""  # the token that opens /metrics; "": nobody may read it
    json_logs: bool = False
    key_fault: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read and check everything, by default from `environment()`.

        `NAME_FILE` names a file with NAME. Creates nothing: `secret_keys` is empty before the
        first start, or `key_fault` says why. Raises SettingsError.
        """
        read = _Reader(environment() if environ is None else environ)
        production = read.one_of("KALENDS_ENV", "development", "production") == "production"
        port = read.number("KALENDS_PORT", 8000, 1, 65535)
        base_url = read.base_url(port)
        instance = Path(read.text("KALENDS_INSTANCE", "instance")).resolve()
        database_url = read.database_url(instance)
        keys, key_fault = _read_keys(read, instance, database_url, production)
        redis_url, smtp_url = read.redis_url(), read.smtp_url()
        sandbox = imitates(read.one_of("KALENDS_SANDBOX", "0", "1") == "1", production, read.text)
        imitations = f"http://localhost:{sandbox_port(port)}" if sandbox else ""
        settings = cls(
            base_url=base_url,
            secret_keys=keys,
            production=production,
            host=read.text("KALENDS_HOST", "127.0.0.1"),
            port=port,
            instance=instance,
            database_url=database_url,
            redis_url=redis_url or f"unix://{_socket(instance)}",
            embedded_redis=not redis_url,
            sandbox=sandbox,
            sample_password=read.text("KALENDS_SAMPLE_PASSWORD") or None,
            signup_open=read.one_of("KALENDS_SIGNUP", "closed", "open") == "open",
            smtp_url=smtp_url or None,
            mail_from=read.text("MAIL_FROM") or None,
            mail_per_minute=read.number("MAIL_PER_MINUTE", 60, 1, 10_000),
            trusted_proxies=read.number("KALENDS_TRUSTED_PROXIES", 0, 0, 9),
            providers=read_endpoints(read.text, imitations, production, read.faults),
            webhook_url=read.webhook_url(base_url, f"http://localhost:{port}" if sandbox else ""),
            poll_seconds=read.number("KALENDS_POLL_SECONDS", 300, 1, 86400),
            frozen_seconds=read.number("KALENDS_FROZEN_SECONDS", 20, 3, 3600),
            private_hosts=read.private_hosts("http://127.0.0.1" if sandbox else ""),
            by_password=read.one_of("KALENDS_CALDAV", "1", "0") == "1",
            metrics_token=read.text("KALENDS_METRICS_TOKEN"),
            json_logs=read.one_of("KALENDS_LOG", "text", "json") == "json",
            key_fault=key_fault,
        )
        read.refuse(
            bool(settings.smtp_url) and not settings.mail_from,
            _("MAIL_FROM is required with SMTP_URL: the address that notices come from."),
        )
        if read.faults:
            raise SettingsError(list(dict.fromkeys(read.faults)))
        return settings

    def with_first_key(self) -> "Settings":
        """These settings with a secret key.

        The key is read from the instance folder, or made and kept there, readable by its owner
        alone. Only for the first start. Raises SettingsError, also if a database with data appeared
        meanwhile.
        """
        keys = self.secret_keys or kept_keys(self.instance)
        if not keys:
            if fault := why_no_key(self.database_url):
                raise SettingsError([fault])
            try:
                make_key(self.instance)
            except OSError as error:
                raise SettingsError([unusable(self.instance, error)]) from None
            keys = kept_keys(self.instance)
        return replace(self, secret_keys=keys)


class _Reader:
    """Values from an environment; `faults` has a sentence for each mistake."""

    def __init__(self, environ: Mapping[str, str]):
        self.environ = environ
        self.faults: list[str] = []

    def refuse(self, is_wrong: bool, fault: str) -> None:
        """Add the fault if the value is wrong."""
        self.faults.extend([fault] * is_wrong)

    def text(self, name: str, default: str = "") -> str:
        """The value of the name, or the content of the file that NAME_FILE names."""
        if path := self.environ.get(f"{name}_FILE"):
            try:
                return Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError):
                self.faults.append(_("{name}_FILE names a file that cannot be read.", name=name))
        return self.environ.get(name, "").strip() or default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number, both ends allowed."""
        value = self.text(name, str(default))
        if value.isascii() and value.isdigit() and low <= int(value) <= high:
            return int(value)
        self.faults.append(
            _("{name} must be a whole number from {low} to {high}.", name=name, low=low, high=high)
        )
        return low

    def one_of(self, name: str, default: str, other: str) -> str:
        """One of two words; `default` if none is set."""
        value = self.text(name, default)
        self.refuse(
            value not in (default, other),
            _("{name} must be {default} or {other}.", name=name, default=default, other=other),
        )
        return value

    def base_url(self, port: int) -> str:
        """The address that people open: scheme and host, in small letters as providers compare
        them.
        """
        url = self.text("KALENDS_BASE_URL", f"http://localhost:{port}").rstrip("/")
        scheme, _sep, rest = url.partition("://")
        is_good = is_url(f"{scheme.lower()}://{rest}", "http", "https")
        self.refuse(
            not is_good,
            _(
                "KALENDS_BASE_URL must be the address people open, such as"
                " https://calendar.example.org."
            ),
        )
        self.refuse(
            is_good and bool(set("/?#@") & set(rest)),
            _(
                "KALENDS_BASE_URL must end after the host, such as https://calendar.example.org:"
                " Kalends cannot run below a path. Give it a name of its own."
            ),
        )
        # browsers and providers leave out the usual port
        return url.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")

    def database_url(self, instance: Path) -> str:
        """The address of the database, by default a file in the instance folder."""
        url = self.text("DATABASE_URL", f"sqlite:///{instance / 'kalends.db'}")
        self.refuse(
            not url.startswith(("sqlite:///", "postgresql://", "postgres://")),
            _("DATABASE_URL must begin with sqlite:/// or postgresql://."),
        )
        if url.startswith("sqlite:///"):  # parts of Kalends run in another folder
            return f"sqlite:///{Path(url.removeprefix('sqlite:///')).absolute()}"
        return url

    def redis_url(self) -> str:
        """The address of Redis; "" for the embedded one."""
        url = self.text("REDIS_URL")
        self.refuse(
            bool(url) and not url.startswith("unix:///") and not is_url(url, "redis", "rediss"),
            _("REDIS_URL must begin with redis://, rediss:// or unix:///."),
        )
        return url

    def smtp_url(self) -> str:
        """The address of the mail server; "" for none."""
        url = self.text("SMTP_URL")
        self.refuse(
            bool(url) and not is_url(url, "smtp", "smtps"),
            _(
                "SMTP_URL must look like smtp://name:password@mail.example.org:587, or begin with"
                " smtps://."
            ),
        )
        return url

    def private_hosts(self, imitation: str) -> Allowed:
        """The private addresses that people may enter: those of the setting, and the
        imitation's.
        """
        try:
            return read_allowed(f"{self.text('KALENDS_PRIVATE_HOSTS')} {imitation}")
        except ValueError as error:
            self.faults.append(
                _(
                    "KALENDS_PRIVATE_HOSTS must list hosts, addresses or networks, such as"
                    " cloud.clinic.lan, 10.1.0.0/16 or http://10.1.0.5. {entry} is none.",
                    entry=error,
                )
            )
            return Allowed()

    def webhook_url(self, base_url: str, sandbox_url: str) -> str | None:
        """The address for messages of providers: the setting; else `base_url` if it is https; else
        `sandbox_url`.
        """
        reachable = base_url if is_url(base_url, "https") else sandbox_url
        url = self.text("KALENDS_WEBHOOK_URL", reachable).rstrip("/")
        self.refuse(
            bool(url) and not is_webhook_url(url),
            _(
                "KALENDS_WEBHOOK_URL must be an https:// address that {companies} reach.",
                companies=listed(one.company for one in registrations()),
            ),
        )
        return url or None


def _read_keys(
    read: _Reader, instance: Path, database_url: str, production: bool
) -> tuple[tuple[str, ...], str]:
    """Two values: the secret keys, and why there is none although one is needed ("" otherwise). The
    keys are those of the setting, else the one that the first start made, else none.
    """
    keys = tuple(key.strip() for key in read.text("KALENDS_SECRET_KEY").split(",") if key.strip())
    read.refuse(
        production and any(len(key) < 16 for key in keys),
        _("Each key of KALENDS_SECRET_KEY needs at least 16 characters."),
    )
    try:
        keys = keys or kept_keys(instance)
    except SettingsError as error:
        read.faults.extend(error.faults)
    if keys or read.faults:
        return keys, ""
    fault = why_no_key(database_url)
    read.refuse(
        not fault and production and bool(read.text("DATABASE_URL")),  # other machines need it, too
        _(
            "KALENDS_SECRET_KEY is required with DATABASE_URL when KALENDS_ENV=production. Make one"
            " with: openssl rand -base64 48"
        ),
    )
    return (), fault


def hand_down(settings: Settings) -> None:
    """Give the same files to processes that run in another folder.

    Relative paths in the environment start from our folder. Raises SettingsError.
    """
    given = environment()
    names = [name for name in given if name.startswith(ours()) and name.endswith("_FILE")]
    os.environ.update({name: str(Path(given[name]).absolute()) for name in names if given[name]})
    if given.get("DATABASE_URL", "").startswith("sqlite:"):
        os.environ["DATABASE_URL"] = settings.database_url
    os.environ["KALENDS_INSTANCE"] = str(settings.instance)


def _socket(instance: Path) -> Path:
    """The socket of the embedded Redis.

    The system allows about 100 octets for its path; a longer one moves to the folder for temporary
    files.
    """
    path = instance / "redis.sock"
    if len(os.fsencode(path)) <= 100:
        return path
    return (
        Path(tempfile.gettempdir())
        / f"kalends-{hashlib.sha256(os.fsencode(instance)).hexdigest()[:20]}"
        / "redis.sock"
    )
