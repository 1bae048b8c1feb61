"""A server over TLS, certified by the tests' own authority, and a resolver that leads there.

`Serving.answers` gives the answers in order (the last one again and again); `seen` has what was
asked, each with its head and body. A resolver counts its look-ups.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
NAMES = ("feeds.example.test", "other.example.test", "cloud.clinic.lan", "texts.example.test")


@dataclass
class Authority:
    """Files: `trusted` for clients, `chain` with its key for the server."""

    trusted: Path
    chain: Path


def authority(folder: Path, names: tuple[str, ...] = NAMES, days: int = 2) -> Authority:
    """A certificate that signs itself, for these names."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_named(one) for one in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    trusted, chain = folder / "trusted.pem", folder / "chain.pem"
    text = made.public_bytes(serialization.Encoding.PEM)
    trusted.write_bytes(text)
    chain.write_bytes(
        text
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Authority(trusted, chain)


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@dataclass
class Asked:
    """One request: its first line and headers as text, and its body."""

    head: str
    body: bytes

    def header(self, name: str) -> str:
        """The value of a header; "" where it has none."""
        lines = [line.partition(":") for line in self.head.split("\r\n")[1:]]
        return next((value.strip() for key, _, value in lines if key.lower() == name.lower()), "")


@dataclass
class Serving:
    """What a server answers and was asked. An answer may be a function of the request."""

    port: int
    answers: list[bytes | Callable[[Asked], bytes]] = field(default_factory=lambda: [OK])
    seen: list[Asked] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # as TLS asked for
    lines: int = 0


@contextmanager
def serving(chain: Path | None, host: str = "127.0.0.1") -> Iterator[Serving]:
    """A server while the block runs; without a chain it speaks plain HTTP."""
    listening = socket.create_server((host, 0))
    state = Serving(listening.getsockname()[1])
    context = None
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        context.sni_callback = lambda line, name, _context: state.names.append(name)

    def work() -> None:
        with suppress(OSError):
            while True:
                line, _ = listening.accept()
                state.lines += 1
                threading.Thread(target=_answer, args=(line, context, state), daemon=True).start()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def _answer(line: socket.socket, context: ssl.SSLContext | None, state: Serving) -> None:
    with suppress(OSError), closing(line):
        line.settimeout(10)
        if context is not None:
            line = context.wrap_socket(line, server_side=True)
        with closing(line):
            rest = b""
            while True:
                while b"\r\n\r\n" not in rest:
                    if not (some := line.recv(65_536)):
                        return
                    rest += some
                head, _, rest = rest.partition(b"\r\n\r\n")
                asked = Asked(head.decode("latin-1"), b"")
                length = int(asked.header("Content-Length") or 0)
                while len(rest) < length:
                    rest += line.recv(65_536)
                asked.body, rest = rest[:length], rest[length:]
                state.seen.append(asked)
                place = min(len(state.seen), len(state.answers)) - 1
                answer = state.answers[place]
                line.sendall(answer(asked) if callable(answer) else answer)
                if b"Connection: close" in (answer if isinstance(answer, bytes) else b""):
                    return


class Resolving:
    """A resolver with answers in order, the last one again and again; counts what it was asked."""

    def __init__(self, *answers: list[str]):
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


# ---- calendars that only publish ----


def event(uid="1", start="20261127T100000Z", end="", more="", title="Visit"):
    """One event of calendar data, from ten to eleven."""
    end = end or start.replace("T10", "T11")
    head = f"UID:{uid}\n" if uid else ""
    return f"BEGIN:VEVENT\n{head}DTSTART:{start}\nDTEND:{end}\nSUMMARY:{title}\n{more}END:VEVENT\n"


def calendar(*events, head=""):
    """Calendar data with these events."""
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{''.join(events)}END:VCALENDAR\n"
    return text.replace("\n", "\r\n").encode()


def answer(body=b"", status="200 OK", *headers):
    """An answer with this body."""
    lines = "".join(f"{one}\r\n" for one in headers)
    head = f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
