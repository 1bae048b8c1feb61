"""Mail through the configured SMTP server. Without one, nothing is sent and the pages say so."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from flask import current_app, render_template, url_for

from accounts import Account
from models import User

_PROVIDERS = {"google": "Google", "microsoft": "Outlook"}


def is_set_up() -> bool:
    return current_app.config["SETTINGS"].smtp_url is not None


def one_time_address(secret: str) -> str:
    """The address of a one-time link. Built on the configured base: a forged Host header must not lead a secret astray."""
    return current_app.config["SETTINGS"].base_url + url_for("auth.accept", secret=secret)


def send_one_time_link(user: User, purpose: str, secret: str) -> None:
    """Send the person their invitation or reset link. Raises OSError or smtplib.SMTPException when the server refuses."""
    address = one_time_address(secret)
    subject = {"invite": "Your invitation to Kalends", "reset": "A new password for Kalends"}[purpose]
    _send(user.email, subject, render_template(f"mail/{purpose}.txt", user=user, address=address))


def send_nudge(account: Account, asker: str) -> None:
    """Tell the person that their account waits for them, since `asker` (a name) wants them to look. Raises as above."""
    body = _letter("nudge", account=account, asker=asker, address=_address("sync_settings.show"))
    _send(account.user.email, "Your calendar sync waits for you", body)


def send_sync_trouble(account: Account, to: User) -> None:
    """Tell somebody, the account's own person or an owner of the clinic, that it needs one of them. Also outside a request. Raises as above."""
    is_own = to.id == account.user_id and account.health != "operator"
    address = _address("sync_settings.show" if is_own else "health.show")
    whose = "Your calendar sync" if is_own else f"The calendar sync of {account.user.name}"
    since = f"{account.failing_since.day} {account.failing_since:%B}"
    _send(to.email, f"{whose} needs help", _letter("sync_trouble", account=account, to=to, is_own=is_own, since=since, address=address))


def _letter(name: str, **context) -> str:
    """The text of a letter. Rendered apart from any request: a job has none."""
    account = context["account"]
    return current_app.jinja_env.get_template(f"mail/{name}.txt").render(provider=_PROVIDERS[account.kind], **context)


def _address(endpoint: str) -> str:
    return current_app.config["SETTINGS"].base_url + current_app.url_map.bind("").build(endpoint)


@contextmanager
def server(settings) -> Iterator[smtplib.SMTP]:
    """The configured server, signed in to. Raises OSError or smtplib.SMTPException."""
    url = urlsplit(settings.smtp_url)
    if url.scheme == "smtps":
        there = smtplib.SMTP_SSL(url.hostname, url.port or 465, timeout=15, context=ssl.create_default_context())
    else:
        there = smtplib.SMTP(url.hostname, url.port or 25, timeout=15)
    with there:
        if url.scheme == "smtp" and there.has_extn("starttls"):
            there.starttls(context=ssl.create_default_context())
        if url.username:
            there.login(unquote(url.username), unquote(url.password or ""))
        yield there


def _send(to: str, subject: str, body: str) -> None:
    settings = current_app.config["SETTINGS"]
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, to, subject
    message.set_content(body)
    with server(settings) as there:
        there.send_message(message)
