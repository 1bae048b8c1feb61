#!/usr/bin/env python3
"""Refuse a commit whose subject is long or says nothing.

With an argument, the file that has a message: that message, as git's hook asks. Without one: the
commits of the checkout that this file is in which no remote has yet, since only these can still be
reworded.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LONGEST = 60
# They name no change: “Fix lost update of booking notes” does.
EMPTY = (
    "Prove",
    "Tell",
    "Let",
    "Keep",
    "Know",
    "Note",
    "Say",
    "Word",
    "Believe",
    "Hold",
    "Speak",
    "Go",
)


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


def subjects(top: Path) -> list[str]:
    """The commits to check, each as its short hash and its subject, newest first.

    None in a tree without history (an archive of a release, a container), or without a remote.
    """
    if not (top / ".git").exists() or not _git(top, "remote"):
        return []
    return _git(top, "log", "--format=%h %s", "HEAD", "--not", "--remotes").splitlines()


def _git(top: Path, *arguments: str) -> str:
    """The output of git; "" where git is missing or refuses, such as before the first commit."""
    try:
        done = subprocess.run(  # noqa: S603 (no shell)
            ["git", "-C", str(top), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def found_in(top: Path) -> list[str]:
    """The faults of the commits to check, each with its commit."""
    commits = [line.partition(" ") for line in subjects(top)]
    return [f"{commit}: {fault}" for commit, _, subject in commits for fault in faults(subject)]


if __name__ == "__main__":
    found = faults(Path(sys.argv[1]).read_text()) if len(sys.argv) > 1 else found_in(TOP)
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    sys.exit(bool(found))
