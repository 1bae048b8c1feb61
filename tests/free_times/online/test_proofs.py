"""Proofs of work: good for one form, once, for a day; everything else is worth nothing."""

import base64
import hashlib
import json
from datetime import timedelta
from pathlib import Path

import altcha
import pytest

from base import vault
from free_times.online import proofs
from free_times.online.proofs import SpentProof
from tests.conftest import KEY

VENDOR = Path(__file__).parents[3] / "static" / "vendor"


def spend(answer, form):
    return proofs.spend(proofs.solved(answer, form))


def solve(made: str) -> str:
    """What a browser answers, by ALTCHA's own solver."""
    made = altcha.Challenge.from_dict(json.loads(made))
    solved = altcha.solve_challenge(made)
    return pack({"challenge": made.to_dict(), "solution": solved.to_dict()})


def challenge(form: str = "form") -> str:
    """A challenge that is solved at once."""
    return proofs.challenge(form, tries=range(3, 9))


def pack(answer) -> str:
    return base64.b64encode(json.dumps(answer).encode()).decode()


def unpack(answer: str):
    return json.loads(base64.b64decode(answer))


def test_a_solved_challenge_is_worth_something_once(linden):
    answer = solve(challenge("form one"))
    assert spend(answer, "form one")
    assert not spend(answer, "form one")
    assert SpentProof.select().count() == 1


def test_a_proof_is_good_for_its_own_form_only(linden):
    assert not spend(solve(challenge("form one")), "form two")


def test_a_proof_is_good_for_a_day(linden, clock):
    answer = solve(challenge())
    clock.now += timedelta(hours=24, seconds=1)
    assert not spend(answer, "form")


def test_spent_proofs_are_forgotten_once_they_are_too_old_and_do_not_work_again(linden, clock):
    answer = solve(challenge())
    assert spend(answer, "form")
    proofs.clean_up(clock.now + timedelta(hours=23))
    assert SpentProof.select().count() == 1
    clock.now += timedelta(hours=25)
    proofs.clean_up(clock.now)
    assert SpentProof.select().count() == 0
    assert not spend(answer, "form")


def test_a_challenge_signed_with_another_key_is_refused(linden):
    mine = altcha.create_challenge(
        proofs.ALGORITHM,
        1,
        counter=1,
        data=json.loads(challenge())["parameters"]["data"],
        hmac_secret="mine",
        hmac_key_secret="mine",
    )
    assert not spend(solve(json.dumps(mine.to_dict())), "form")


def change(answer: dict, path: str, value) -> dict:
    at, (*way, last) = answer, path.split(".")
    for step in way:
        at = at[step]
    at[last] = value
    return answer


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("challenge.parameters.cost", 1),
        ("challenge.parameters.keyPrefix", ""),
        ("challenge.parameters.nonce", "00" * 16),
        ("challenge.parameters.nonce", None),
        ("challenge.parameters.nonce", ["a"]),
        ("challenge.parameters.data.until", 10**30),
        ("challenge.parameters.data.until", "tomorrow"),
        ("challenge.parameters.data", None),
        ("challenge.parameters", []),
        ("challenge.signature", ""),
        ("challenge.signature", None),
        ("solution.derivedKey", ""),
        ("solution.derivedKey", "zz"),
        ("solution.derivedKey", 5),
        ("solution", None),
        ("challenge", None),
    ],
)
def test_a_changed_answer_is_worth_nothing(linden, path, value):
    answer = unpack(solve(challenge()))
    assert not spend(pack(change(answer, path, value)), "form")
    assert SpentProof.select().count() == 0


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "x",
        "===",
        "é",
        "\x00",
        pack(None),
        pack([]),
        pack("a"),
        pack({}),
        "A" * 100000,
        base64.b64encode(b"[" * 3000).decode(),
        base64.b64encode(b"\xff\xfe").decode(),
    ],
    ids=range(12),
)
def test_what_is_no_answer_at_all_is_worth_nothing(linden, answer):
    assert not spend(answer, "form")


def test_a_challenge_of_an_older_key_still_counts(linden):
    answer = solve(challenge())
    vault.open_vault(["a newer key of this server, long enough", KEY])
    assert spend(answer, "form")


def test_what_is_vendored_is_what_was_published():
    listed = dict(
        reversed(line.split()) for line in (VENDOR / "SHA256SUMS").read_text().splitlines()
    )
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")
    }
    assert listed == there
