"""The mail server.

One connection for many letters, and the meaning of its refusals for one of them (RFC 5321 §4.2.1,
RFC 3463).
"""

import re
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from base.outgoing import exchange
from base.tables.outbox import MailSetup

from .mail_text import mailbox, one_line

MOST_OF_ANSWER = 300
_OF_THE_SENDER = re.compile(
    r"53\d\b"  # no or another sign-in is needed (RFC 4954 §6)
    r"|5\d\d 5\.(7|3)\."  # a policy: no relaying, no proof of the sender; a fault of the system
    r"|5\d\d 5\.1\.[78]\b"  # the sender's address (RFC 3463 §3.2)
)


class LetterRefused(Exception):
    """The server did not accept the letter.

    `word`: the server's code or the kind of fault, never its text, which may contain addresses.
    `is_final`: no server will accept this letter. `is_server`: the fault is not in this letter, so
    that other letters would meet it too. `wait`: how long the server asks us to wait. `answer`: its
    text, for a trial letter; never stored or logged.
    """

    def __init__(
        self,
        word: str,
        is_final: bool = False,
        is_server: bool = False,
        wait: timedelta = timedelta(0),
        answer: str = "",
    ):
        super().__init__(word)
        self.word, self.is_final, self.is_server, self.wait = word, is_final, is_server, wait
        self.answer = answer


class _Unfit(smtplib.SMTPException):
    """No letter can be sent with this server or these settings; the text is a word of
    `refusal_words.WHY`.
    """


class MailServer:
    """The configured server.

    Connects at the first letter, and again after a connection was lost.
    """

    def __init__(self, setup: MailSetup):
        self._setup = setup
        self._there: smtplib.SMTP | None = None

    def open(self) -> None:
        """Connect and sign in, unless we are still connected. Raises LetterRefused."""
        with self._bounded():
            self._connect()

    def hand_over(self, message: EmailMessage, to: str) -> None:
        """Give one letter for one address to the server.

        Raises LetterRefused; without an answer the letter may have been accepted.
        """
        with self._bounded():
            self._connect().send_message(message, mailbox(self._setup.mail_from), [to])

    @property
    def is_private(self) -> bool:
        """Whether the connection to the server is encrypted, or stays on this machine."""
        is_encrypted = self._there is not None and isinstance(self._there.sock, ssl.SSLSocket)
        return is_encrypted or _may_be_plain(urlsplit(self._setup.smtp_url or "").hostname or "")

    def close(self) -> None:
        """End the connection, without waiting for an answer."""
        if self._there:
            with suppress(OSError):
                self._there.close()
            self._there = None

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """Turn every error about one letter into LetterRefused.

        A server that answers one octet at a time never meets a time-out, so the connection is cut
        when the whole takes too long.
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
            there: Any = self._there  # there may be none, or it has no socket any more
            there.sock.shutdown(2)

    def _connect(self) -> smtplib.SMTP:
        """Connect, encrypted if possible, and sign in.

        A server may have ended an earlier connection after so many letters.
        """
        if self._there and not _is_alive(self._there):
            self.close()
        if self._there:
            return self._there
        url, wait = urlsplit(self._setup.smtp_url or ""), self._setup.answer_seconds
        if url.scheme == "smtps":
            there: smtplib.SMTP = _Encrypted(
                self._met,
                url.hostname,
                url.port or 465,
                timeout=wait,
                context=ssl.create_default_context(),
            )
        else:
            there = _Plain(self._met, url.hostname, url.port or 25, timeout=wait)
        if url.scheme == "smtp":
            _encrypt(there, url)
        if url.username:
            _sign_in(there, url)
        return there

    def _met(self, there: smtplib.SMTP) -> None:
        self._there = there


def _encrypt(there: smtplib.SMTP, url: SplitResult) -> None:
    """Begin TLS if the server offers it in its answer to EHLO (RFC 3207).

    A password goes only to a server with a valid certificate. Without a password the certificate is
    not checked: an attacker could as well hide that the server offers TLS (RFC 7435).
    """
    must_be = bool(url.username) and not _may_be_plain(url.hostname or "")
    there.ehlo_or_helo_if_needed()
    if there.has_extn("starttls"):
        context = ssl.create_default_context()
        if not must_be:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        there.starttls(context=context)
    elif must_be:
        raise _Unfit("unencrypted")


def _may_be_plain(host: str) -> bool:
    """Whether a password may be sent there unencrypted: to this machine, or if the operator allowed
    it.
    """
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return is_here or exchange.set_up_as().is_plain(host)


def _sign_in(there: smtplib.SMTP, url: SplitResult) -> None:
    try:
        there.login(unquote(url.username or ""), unquote(url.password or ""))
    except (smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected):
        raise
    except (smtplib.SMTPException, UnicodeError):
        raise _Unfit("no sign-in") from None


def _is_alive(there: smtplib.SMTP) -> bool:
    try:
        return there.rset()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


class _Cuttable(smtplib.SMTP):
    """A connection that can be cut while it waits for the server's greeting."""

    def __init__(self, met: Callable[[smtplib.SMTP], None], *address: Any, **options: Any):
        met(self)
        super().__init__(*address, **options)


class _Plain(_Cuttable):
    pass


class _Encrypted(_Cuttable, smtplib.SMTP_SSL):
    pass


def _meaning(error: Exception) -> LetterRefused:
    """The meaning of an SMTP error.

    An error about one letter means that its recipient or its text was refused. Any other error
    would meet every letter: no server there, no answer, no sign-in, or a sender that we may not
    use. Such an error passes, or the settings must be changed.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _of_one(*next(iter(error.recipients.values())))
    if isinstance(error, smtplib.SMTPDataError):
        return _of_one(error.smtp_code, error.smtp_error)
    if isinstance(error, smtplib.SMTPNotSupportedError | UnicodeError):
        # It has characters outside ASCII, which this server does not accept.
        return LetterRefused("address", is_final=True)
    if isinstance(error, smtplib.SMTPResponseException):
        return _answered(error.smtp_code, error.smtp_error, is_server=True)
    # TLS errors have one name, whatever OpenSSL calls them
    is_tls = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLCertVerificationError)
    word = "SSLError" if is_tls else type(error).__name__
    return LetterRefused(str(error) if isinstance(error, _Unfit) else word, is_server=True)


def _of_one(code: int, text: bytes | str) -> LetterRefused:
    """A refusal of one letter's recipient or text.

    It is final, unless the server says that the sender may not send: that can be mended within the
    day. It delays no other letter, since it may be the rule of one recipient's server.
    """
    refused = _answered(code, text, is_server=code == 421)
    refused.is_final = 500 <= code < 600 and not _OF_THE_SENDER.match(refused.word)
    return refused


def _answered(
    code: int, text: bytes | str, is_final: bool = False, is_server: bool = False
) -> LetterRefused:
    """A refusal with the server's answer: the code, with the enhanced one if there is one."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", plain)
    word = f"{code} {enhanced[0]}" if enhanced else str(code)
    answer_line = f"{code} {one_line(plain)}"[:MOST_OF_ANSWER]
    return LetterRefused(word, is_final, is_server, answer=answer_line)
