"""Clients who probably have two records, and the question to ask before a second record is made."""

from difflib import SequenceMatcher

from peewee import SQL, Expression, NodeList

from base.text import like, phone_tail, search_key
from models import Clinic, Patient

MOST = 3  # the most that are listed
_NEAR = 0.85  # of SequenceMatcher: "Aaron Kaplan" and "Aron Kaplan", not "Ana Kaplan"
_READ = 300  # records that are compared for similar names


class PerhapsListed(Exception):
    """One of these `clients`, whom the person was not shown, may be the client to be added."""

    def __init__(self, clients: list[Patient]) -> None:
        super().__init__()
        self.clients = clients


def ask_whether_known(
    clinic: Clinic, shown: str, name: str, phone: str = "", email: str = ""
) -> None:
    """Raise PerhapsListed if a client who is likely this one is not among those `shown` (ids, with
    spaces between) to the person who adds.

    Lock the clinic first: of two people who add one client at once, the second is asked.
    """
    found = likely(clinic, name, phone, email)
    if {str(one.id) for one in found} - set(shown.split()):
        raise PerhapsListed(found)


def contains(word: str) -> Expression:
    """A condition: the text by which a client is searched contains this word, accents and case
    aside.
    """
    return Patient.search ** NodeList((like(word), SQL("ESCAPE '\\'")))


def likely(
    clinic: Clinic, name: str, phone: str = "", email: str = "", besides: Patient | None = None
) -> list[Patient]:
    """The clinic's clients, also archived ones, with this e-mail address or phone number, or nearly
    this name: the most certain first, at most MOST. `besides`: a client who is left out.
    """
    tail, words = phone_tail(phone), [word for word in search_key(name).split() if len(word) > 2]
    hints = [contains(word[:4]) for word in words[:4]]
    hints += [contains(tail)] if tail else []
    hints += [Patient.email == email] if email else []
    if not hints:
        return []
    some = hints.pop()
    for hint in hints:
        some |= hint
    rows = Patient.select().where(
        Patient.clinic == clinic, Patient.merged_into.is_null(), Patient.id != besides, some
    )

    def sureness(client: Patient) -> float:
        same = (email and client.email == email) or (tail and phone_tail(client.phone) == tail)
        return 2.0 if same else _likeness(name, client.name)

    weighed = [
        (sureness(client), client) for client in rows.order_by(Patient.id.desc()).limit(_READ)
    ]
    sure = [(weight, client) for weight, client in weighed if weight >= _NEAR]
    return [client for _, client in sorted(sure, key=lambda pair: -pair[0])][:MOST]


def _likeness(name: str, other: str) -> float:
    """How like two names are, whatever the order of their words, from 0 to 1."""
    one, two = (
        " ".join(sorted(search_key(text.replace(",", " ")).split())) for text in (name, other)
    )
    return SequenceMatcher(None, one, two, autojunk=False).ratio()
