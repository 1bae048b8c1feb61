"""How letters reach the mail server: encrypted where it can, and no password in plain sight.

Servers are real ones, on loopback; 0.0.0.0 leads there as well, and is no name of this machine.
"""

import ssl
from contextlib import contextmanager

import pytest
from aiosmtpd.smtp import AuthResult
from mail_server import MailServer as Server
from mail_server import _Speaking
from typed_addresses import authority

from base.outgoing import exchange
from base.outgoing.addresses import read_allowed
from base.tables.outbox import MailSetup
from letters.smtp import LetterRefused, MailServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return authority(tmp_path_factory.mktemp("mail"), ("0.0.0.0",))


class Strict(Server):
    """Takes the password "right" over TLS only; or over anything, or none, as told."""

    def __init__(self, **how):
        super().__init__()
        self.how, self.signed_in = how, []

    def factory(self):
        return _Speaking(self, hostname="mail.test", authenticator=self.judge, **self.how)

    def judge(self, server, session, envelope, mechanism, data):
        self.signed_in.append(session.ssl is not None)
        return AuthResult(success=data.password == b"right", handled=False)


@contextmanager
def running(certificate, tls=True, auth=True):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain)
    how = {"tls_context": context if tls else None, "auth_require_tls": tls}
    server = Strict(**how, **({} if auth else {"auth_exclude_mechanism": ["LOGIN", "PLAIN"]}))
    server.start()
    yield server
    server.stop()


def meets(server, sign_in, host="localhost") -> str:
    """The word of the refusal, which ends no letter; else "private" or "readable"."""
    ours = MailServer(MailSetup(f"smtp://{sign_in}{host}:{server.port}", "kalends@linden.test"))
    try:
        ours.open()
        return "private" if ours.is_private else "readable"
    except LetterRefused as refused:
        return refused.word if refused.is_server and not refused.is_final else "final"
    finally:
        ours.close()


@pytest.mark.parametrize(
    ("how", "sign_in", "host", "known", "word", "signed_in"),
    [
        ({}, "u:right@", "0.0.0.0", True, "private", [True]),
        ({}, "u:wrong@", "0.0.0.0", True, "535 5.7.8", [True, True]),
        ({}, "u:right@", "0.0.0.0", False, "SSLCertVerificationError", []),
        ({}, "", "0.0.0.0", False, "private", []),
        ({}, "u:right@", "localhost", False, "private", [True]),
        ({"tls": False}, "u:right@", "localhost", True, "private", [False]),
        ({"tls": False}, "u:right@", "0.0.0.0", True, "unencrypted", []),
        ({"tls": False}, "", "0.0.0.0", True, "readable", []),
        ({"auth": False}, "u:right@", "localhost", True, "no sign-in", []),
        ({}, "u:p%C3%A4ss@", "localhost", True, "no sign-in", []),
    ],
)
def test_letters_are_encrypted_and_a_password_goes_to_nobody_else(
    certificate, monkeypatch, how, sign_in, host, known, word, signed_in
):
    if known:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.trusted))
    with running(certificate, **how) as server:
        assert meets(server, sign_in, host) == word
        assert server.signed_in == signed_in


def test_the_operator_may_allow_a_password_without_tls_in_the_own_network(certificate):
    before = exchange.set_up_as()
    exchange.set_up(read_allowed("http://0.0.0.0"))
    try:
        with running(certificate, tls=False) as server:
            assert meets(server, "u:right@", "0.0.0.0") == "private"
            assert server.signed_in == [False]
    finally:
        exchange.set_up(before)
