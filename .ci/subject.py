#!/usr/bin/env python3
"""Refuse a commit whose subject is long or says nothing.

With an argument, the file that has a message: that message, as git's hook asks. Without one: the
commits since the last tag, or the last 50, of the checkout that this file is in.
"""

import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
LONGEST = 60
EMPTY = ("Prove", "Tell", "Let", "Keep")  # they name no change: “Fix lost update of booking notes”
MOST = 50
BEGIN = "2026-11-30T09:00:00Z"  # older commits were made before they were checked


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

    None in a tree without history (an archive of a release, a container). A shallow clone has the
    commits that it has.
    """
    if not (top / ".git").exists():
        return []
    tag = _git(top, "describe", "--tags", "--abbrev=0")
    commits = [f"{tag}..HEAD"] if tag else [f"--max-count={MOST}", "HEAD"]
    return _git(top, "log", "--format=%h %s", f"--since={BEGIN}", *commits).splitlines()


def _git(top: Path, *arguments: str) -> str:
    """The output of git; "" where git is missing or refuses, such as for want of a tag."""
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
