"""A real mail server of the tests' own, on loopback and in a thread.

It accepts letters, and refuses, delays or ends a connection as the test wants.
"""

import asyncio
import socket
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

# Before the answer to each; "taken": the letter is kept, its answer is not.
STAGES = (
    "greeting",
    "EHLO",
    "MAIL",
    "RCPT",
    "DATA",
    "taken",
)


class _Speaking(SMTP):
    """Before the greeting the plan is asked, too."""

    async def _handle_client(self):
        fault = await self.event_handler.meet("greeting", self)
        if fault:
            await self.push(fault)
            self.transport.close()
            return
        await super()._handle_client()


class MailServer(Controller):
    """`taken`: every letter that was taken in, in order.

    `plan(stage, to)` gives what to do before the answer of a stage: None (go on), a line such as
    "451 later", "die" (cut the connection) or "hang" (never answer).
    """

    def __init__(self):
        self.taken: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.plan: Callable[[str, str], str | None] = lambda stage, to: None
        self.connections = 0
        super().__init__(self, hostname="127.0.0.1", port=_free_port(), ready_timeout=10)

    def factory(self):
        return _Speaking(self, hostname="mail.test", enable_SMTPUTF8=False)

    @property
    def url(self) -> str:
        return f"smtp://{self.hostname}:{self.port}"

    def begin_anew(self) -> None:
        """As just started."""
        self.taken.clear()
        self.envelopes.clear()
        self.plan, self.connections = lambda stage, to: None, 0

    async def meet(self, stage: str, server: SMTP, to: str = "") -> str | None:
        """What the plan says at this stage, done as far as it is no answer."""
        if stage == "greeting":
            self.connections += 1
        fault = self.plan(stage, to)
        if fault == "die":
            server.transport.abort()
            await asyncio.sleep(0.05)
            return "421 gone"
        if fault == "hang":
            await asyncio.sleep(30)
        return fault

    # ---- what aiosmtpd calls ----

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        fault = await self.meet("EHLO", server)
        session.host_name = hostname
        return [fault] if fault else responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        fault = await self.meet("MAIL", server)
        if not fault:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return fault or "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        fault = await self.meet("RCPT", server, address)
        if not fault:
            envelope.rcpt_tos.append(address)
        return fault or "250 OK"

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        if fault := await self.meet("DATA", server, to):
            return fault
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        self.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
        return await self.meet("taken", server, to) or "250 OK"


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
