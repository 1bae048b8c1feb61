"""Proof of work for the visitors' forms: a browser computes for about a second what it costs
nothing to check, so that thousands of made-up bookings cost somebody something.

The computing and the checking are ALTCHA's (version 2 of its challenges,
https://altcha.org/docs/v2/). Ours is what a proof is good for: the one form it was made for, for
as long as that form, once. No third party is asked.
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
LASTS = timedelta(hours=24)  # as long as the form it is bound to
LONGEST = 4_000  # characters of an answer


class SpentProof(Base):
    """A proof that was used. Deleted once it would have run out."""

    nonce = CharField(64, primary_key=True)
    expires_at = InstantField(index=True)


def challenge(form: str, tries: range | None = None) -> str:
    """What a browser has to solve for the form with this token, as JSON for ALTCHA's widget."""
    made = altcha.create_challenge(
        ALGORITHM,
        COST,
        counter=secrets.choice(tries or TRIES),
        # In our own field and by our own clock: ALTCHA's is the machine's.
        data={"form": _mark(form), "until": int((now() + LASTS).timestamp())},
        hmac_secret=_secrets()[0],
        hmac_key_secret=_secrets()[0],
    )
    return json.dumps(made.to_dict())


def nonce_of(answer: str, form: str) -> tuple[str, datetime] | None:
    """The nonce of an answer that solves a challenge of this form, and until when it is good.

    None for every other text: nothing at all, another form's, one made up, too old.
    """
    if not answer or len(answer) > LONGEST:
        return None
    try:
        parameters = json.loads(b64decode(answer, validate=True))["challenge"]["parameters"]
        nonce, data = parameters["nonce"], parameters["data"]
        is_ours = data["form"] == _mark(form) and data["until"] > now().timestamp()
        until = datetime.fromtimestamp(data["until"], now().tzinfo) if is_ours else None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    if until is None or not isinstance(nonce, str) or len(nonce) > 64 or not _solves(answer):
        return None
    return nonce, until


def spend(found: tuple[str, datetime] | None) -> bool:
    """Use up an answer, as `nonce_of` found it, in the transaction of what it pays for. False: it
    is worth nothing.
    """
    if found is None:
        return False
    nonce, until = found
    row = SpentProof.insert(nonce=nonce, expires_at=until)
    return bool(list(row.on_conflict_ignore().returning(SpentProof.nonce).execute()))


def clean_up(at: datetime) -> None:
    """Forget the proofs that would be too old by now."""
    SpentProof.delete().where(SpentProof.expires_at <= at).execute()


def _solves(answer: str) -> bool:
    """Signed by a key in force, and solved. Only the signed number is computed, never another's."""
    return any(
        altcha.verify_solution(answer, key, hmac_key_secret=key).verified for key in _secrets()
    )


def _secrets() -> list[str]:
    return vault.derived("proof of work", "")


def _mark(form: str) -> str:
    return hashlib.sha256(form.encode()).hexdigest()[:32]
