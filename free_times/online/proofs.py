"""Proof of work in the visitors' forms. A browser computes for about a second, and checking costs
nothing, so thousands of false bookings cost their sender something.

The challenge and its check are ALTCHA's (version 2, https://altcha.org/docs/v2/). Our own part: a
proof works for one form use only, as long as that lasts, and once. No third party is asked.
"""

import hashlib
import json
import secrets
from base64 import b64decode
from datetime import datetime, timedelta

import altcha
from peewee import CharField

from base import vault
from base.database import Base, InstantField, now

ALGORITHM, COST = "PBKDF2/SHA-256", 1_000  # rounds for each number tried
TRIES = range(300, 900)  # numbers that a browser tries: about a second on a telephone
LASTS = timedelta(hours=24)  # as long as the form it belongs to
LONGEST = 4_000  # characters of an answer, at most


class SpentProof(Base):
    """A used proof. The row is deleted once the proof would have expired."""

    nonce = CharField(64, primary_key=True)
    expires_at = InstantField(index=True)


def challenge(form_use: str, tries: range | None = None) -> str:
    """The puzzle that a browser solves for a form use, as JSON for ALTCHA's widget."""
    made = altcha.create_challenge(
        ALGORITHM,
        COST,
        counter=secrets.choice(tries or TRIES),
        # In our own field and by our own clock: ALTCHA uses the machine's.
        data={"form": _mark(form_use), "until": int((now() + LASTS).timestamp())},
        hmac_secret=_secrets()[0],
        hmac_key_secret=_secrets()[0],
    )
    return json.dumps(made.to_dict())


def solved(answer: str, form_use: str) -> tuple[str, datetime] | None:
    """If an answer solves a challenge of this form use: the proof's nonce, and until when it can be
    used.

    None for every other text: empty, of another form use, invented, or too old.
    """
    if not answer or len(answer) > LONGEST:
        return None
    try:
        parameters = json.loads(b64decode(answer, validate=True))["challenge"]["parameters"]
        nonce, data = parameters["nonce"], parameters["data"]
        is_ours = data["form"] == _mark(form_use) and data["until"] > now().timestamp()
        until = datetime.fromtimestamp(data["until"], now().tzinfo) if is_ours else None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    if until is None or not isinstance(nonce, str) or len(nonce) > 64 or not _solves(answer):
        return None
    return nonce, until


def spend(found: tuple[str, datetime] | None) -> bool:
    """Use up a proof that `solved` found, in the transaction of the booking. False: it was used
    before.
    """
    if found is None:
        return False
    nonce, until = found
    row = SpentProof.insert(nonce=nonce, expires_at=until)
    return bool(list(row.on_conflict_ignore().returning(SpentProof.nonce).execute()))


def clean_up(at: datetime) -> None:
    """Delete used proofs that would have expired."""
    SpentProof.delete().where(SpentProof.expires_at <= at).execute()


def _solves(answer: str) -> bool:
    """Whether an answer is signed by a key in force, and solved. Only the signed number is
    computed.
    """
    return any(
        altcha.verify_solution(answer, key, hmac_key_secret=key).verified for key in _secrets()
    )


def _secrets() -> list[str]:
    return vault.derived("proof of work", "")


def _mark(form_use: str) -> str:
    return hashlib.sha256(form_use.encode()).hexdigest()[:32]
