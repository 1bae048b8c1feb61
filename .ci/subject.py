#!/usr/bin/env python3
"""Refuse a commit whose subject is long or says nothing. Argument: the file with the message."""

import re
import sys
from pathlib import Path

LONGEST = 60
EMPTY = ("Prove", "Tell", "Let", "Keep")  # they name no change: “Fix lost update of booking notes”


def faults(message: str) -> list[str]:
    """What is wrong with the first line of a commit's message, as sentences. Empty: nothing.

    Merges and reverts, whose subject git writes, pass.
    """
    subject = message.partition("\n")[0].strip()
    if re.match(r"(Merge|Revert) ", subject):
        return []
    found = []
    if len(subject) > LONGEST:
        found.append(f"The subject has {len(subject)} letters; {LONGEST} are allowed.")
    if subject.split(" ")[0] in EMPTY:
        found.append(
            f"A subject says what changes; it does not begin with {subject.split(' ')[0]}."
        )
    return found


if __name__ == "__main__":
    said = faults(Path(sys.argv[1]).read_text())
    print(*said, sep="\n", file=sys.stderr)
    sys.exit(bool(said))
