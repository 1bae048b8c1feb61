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
    body = render_template("mail/nudge.txt", account=account, asker=asker, provider=_PROVIDERS[account.kind], address=_sync_address())
    _send(account.user.email, "Your calendar sync waits for you", body)


def _sync_address() -> str:
    return current_app.config["SETTINGS"].base_url + url_for("sync_settings.show")


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
