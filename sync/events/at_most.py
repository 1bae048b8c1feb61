"""Whether a text outside shows more than a policy allows. Pure.

`face` composes the text of a booking; this module reads one. If the booking exists here, its own
words are searched in the text. If not, each part of the text must be one that `face` could have
written.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from base.catalogue import _
from base.text import IDENTIFIERS, client_label

from .event import Face
from .face import BUSY, FORMER_WORDS, STATUS_WORDS, Policy

_LETTER = re.compile(r"\w\.")
_AMOUNT = re.compile(r"-?\d+\.\d\d \w{3}")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one booking that only some policies show."""

    first_name: str = ""
    last_name: str = ""
    internal_id: str = ""
    service: str = ""
    rate: str = ""
    notes: str = ""


def reveals(shown: Face, words: Words, policy: Policy) -> bool:
    """Whether a text shows words of an existing booking that the policy does not show. Words that a
    person added outside do not count.
    """
    blocks = () if policy.hide_sensitive else policy.title.split()
    details = () if policy.hide_sensitive else policy.details.split()
    identifier = policy.identifier if "{client}" in blocks else "none"
    client = words.first_name, words.last_name, words.internal_id
    names = [client_label(one, *client) for one in IDENTIFIERS]
    rank = IDENTIFIERS.index(identifier)
    secret = {*names[rank + 1 :]} - {names[rank]}
    secret |= set() if "{service}" in blocks else {words.service}
    secret |= set() if "rate" in details else {words.rate}
    secret |= set() if "notes" in details else set(words.notes.splitlines())
    text = _tidy(f"{shown.title}\n{shown.description}")
    return any(_says(text, _tidy(one)) for one in secret)


def _says(text: str, word: str) -> bool:
    return bool(word) and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def could_be(shown: Face, policy: Policy, names: Collection[str]) -> bool:
    """Whether a text could be that of some booking under the policy. `names`: the names of the
    services (if titles contain them), organisations and people.
    """
    if policy.hide_sensitive:
        return shown.title.strip() == BUSY.title and not shown.description.strip()
    others = [
        part
        for part in map(str.strip, shown.title.split("·"))
        if part and part not in names and part != BUSY.title
    ]
    is_client = "{client}" in policy.title.split() and len(others) == 1
    if others and not (is_client and _may_name(others[0], policy.identifier)):
        return False
    return "notes" in policy.details.split() or all(
        _may_describe(line.strip(), policy, names) for line in shown.description.splitlines()
    )


def _may_name(label: str, identifier: str) -> bool:
    """Whether a label could be that of some client under this identifier, or under a safer one."""
    words = label.split()
    is_id = len(words) == 1 and any(letter.isdigit() for letter in label)
    is_initials = len(words) <= 2 and all(_LETTER.fullmatch(word) for word in words)
    is_first = len(words) == 1
    is_short = len(words) > 1 and bool(_LETTER.fullmatch(words[-1]))
    rank = IDENTIFIERS.index(identifier)
    fits = (False, is_id, is_initials, is_first, is_short, True)
    return any(fits[: rank + 1])


def _may_describe(line: str, policy: Policy, names: Collection[str]) -> bool:
    details = policy.details.split()
    allowed = {""} | {_("With {name}", name=name) for name in names}
    if "status" in details:
        known = (*STATUS_WORDS.values(), *FORMER_WORDS)
        allowed |= {_("Status: {status}", status=word) for word in known}
    if line in allowed:
        return True
    before, amount, after = _("Rate: {amount}", amount="\0").partition("\0")
    is_rate = line.startswith(before) and line.endswith(after)
    return (
        "rate" in details
        and bool(amount)
        and is_rate
        and _AMOUNT.fullmatch(line.removeprefix(before).removesuffix(after)) is not None
    )


def _tidy(text: str) -> str:
    return " ".join(text.split())
