"""A name server on this machine, with the records that a test gives it."""

import socket
import threading
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset


@contextmanager
def answering(records):
    """While it lasts, `records` (name → {type: texts}) are what the system's resolver finds; None
    in place of texts: no answer at all.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(line, records), daemon=True)
        thread.start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], line.getsockname()[1]
        before, dns.resolver.default_resolver = dns.resolver.default_resolver, resolver
        try:
            yield
        finally:
            dns.resolver.default_resolver = before
            line.sendto(b"", line.getsockname())
            thread.join()


def _serve(line, records):
    while True:
        data, sender = line.recvfrom(4096)
        if not data:
            return
        asked = dns.message.from_wire(data)
        (question,) = asked.question
        answer = dns.message.make_response(asked)
        kinds = records.get(question.name.to_text(omit_final_dot=True), {})
        texts = kinds.get(dns.rdatatype.to_text(question.rdtype), ())
        if texts:
            answer.answer.append(
                dns.rrset.from_text(question.name, 60, "IN", question.rdtype, *texts)
            )
        elif not kinds:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        line.sendto(b"no answer" if texts is None else answer.to_wire(), sender)
