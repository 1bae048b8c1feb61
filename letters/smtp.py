"""The mail server.

One connection for many letters, and what its refusals mean for one of them (RFC 5321 §4.2.1, RFC
3463).
"""

import re
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from base.tables.outbox import Setup


class Refused(Exception):
    """Not taken.

    `word`: the server's code or the kind of fault, never its text, which may hold addresses.
    `is_final`: this letter is never taken. `is_server`: it is not about this letter, so that others
    would meet it too.
    """

    def __init__(self, word: str, is_final: bool = False, is_server: bool = False):
        super().__init__(word)
        self.word, self.is_final, self.is_server = word, is_final, is_server


class MailServer:
    """The configured server.

    Connects at the first letter, and again after a connection was lost.
    """

    def __init__(self, setup: Setup):
        self._setup = setup
        self._there: smtplib.SMTP | None = None

    def open(self) -> None:
        """Connect and sign in, unless we are still connected. Raises Refused."""
        with self._bounded():
            self._connect()

    def hand_over(self, message: EmailMessage, to: str) -> None:
        """Have the server take one letter for one address.

        Raises Refused; the letter may have been taken all the same where no answer came.
        """
        with self._bounded():
            self._connect()
            self._there.send_message(message, parseaddr(self._setup.mail_from)[1], [to])

    def close(self) -> None:
        """End the connection, without waiting for a farewell."""
        if self._there:
            with suppress(OSError):
                self._there.close()
            self._there = None

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Around one letter: every error becomes Refused.

        A server that answers an octet at a time never meets a time-out, so that the connection is
        cut when it takes too long in all.
        """
        over = threading.Timer(self._setup.letter_seconds, self._cut)
        over.daemon = True
        over.start()
        try:
            yield
        except (OSError, smtplib.SMTPException, UnicodeError) as error:
            refused = _meaning(error)
            if refused.is_server:
                self.close()
            raise refused from None
        finally:
            over.cancel()

    def _cut(self) -> None:
        with suppress(OSError, AttributeError):
            self._there.sock.shutdown(2)

    def _connect(self) -> None:
        """Be connected, encrypted where it can be and signed in.

        A server may have ended the connection after so many letters.
        """
        if self._there and not self._is_alive():
            self.close()
        if self._there:
            return
        url, wait = urlsplit(self._setup.smtp_url), self._setup.answer_seconds
        if url.scheme == "smtps":
            _Encrypted(
                self._met,
                url.hostname,
                url.port or 465,
                timeout=wait,
                context=ssl.create_default_context(),
            )
        else:
            _Plain(self._met, url.hostname, url.port or 25, timeout=wait)
        if url.scheme == "smtp" and self._there.has_extn("starttls"):
            self._there.starttls(context=ssl.create_default_context())
        if url.username:
            self._there.login(unquote(url.username), unquote(url.password or ""))

    def _is_alive(self) -> bool:
        try:
            return self._there.rset()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False

    def _met(self, there: smtplib.SMTP) -> None:
        self._there = there


class _Known:
    """A connection that is known before its server's greeting has come.

    So it can be cut while it waits for that.
    """

    def __init__(self, met: Callable[[smtplib.SMTP], None], *address: object, **options: object):
        met(self)
        super().__init__(*address, **options)


class _Plain(_Known, smtplib.SMTP):
    pass


class _Encrypted(_Known, smtplib.SMTP_SSL):
    pass


def _meaning(error: Exception) -> Refused:
    """What an error means.

    About one letter: its recipient or its text refused. All else would meet every letter: nobody
    there, no answer, no sign-in, or a sender that is not ours to use; it passes, or somebody
    changes the settings.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
        return Refused(_code(code, text), is_final=500 <= code < 600, is_server=code == 421)
    if isinstance(error, smtplib.SMTPDataError):
        return Refused(
            _code(error.smtp_code, error.smtp_error),
            is_final=500 <= error.smtp_code < 600,
            is_server=error.smtp_code == 421,
        )
    if isinstance(error, smtplib.SMTPNotSupportedError | UnicodeError):
        # A letter outside ASCII in it, which this server does not take.
        return Refused("address", is_final=True)
    if isinstance(error, smtplib.SMTPResponseException):
        return Refused(_code(error.smtp_code, error.smtp_error), is_server=True)
    return Refused(type(error).__name__, is_server=True)


def _code(code: int, text: bytes | str) -> str:
    """The code of an answer, with the enhanced one where it has one."""
    plain = text.decode("ascii", "replace") if isinstance(text, bytes) else text
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", plain)
    return f"{code} {enhanced[0]}" if enhanced else str(code)
