"""The progress of an import."""

from dataclasses import asdict, dataclass, field

from .report import Report

MOST_TOLD = 100


@dataclass
class Begun:
    """The progress of an import.

    It is stored with the file, in the transaction of each portion, so that a worker that continues
    knows what is done.
    """

    line: int = 0  # of the file: every one up to it is settled
    count: int = 0  # how many came in
    rev: int = 0  # of the clinic, after the last portion
    entry: int | None = None  # of the history, which tells of all portions
    own: list[list[int]] = field(default_factory=list)  # ids: from, to
    first: dict = field(default_factory=dict)  # where to see the first
    left: list[dict] = field(default_factory=list)  # good when they were checked, and why not now
    lefts: int = 0  # how many such lines

    def add_own(self, first: int, last: int) -> None:
        """Rows with these ids came in."""
        if self.own and self.own[-1][1] == first - 1:
            self.own[-1][1] = last
        else:
            self.own.append([first, last])

    def leave(self, report: Report) -> None:
        """Lines that a report refuses stay out, and are told."""
        self.lefts += len(report.bad)
        self.left = [*self.left, *report.faults][:MOST_TOLD]

    def kept(self) -> dict:
        """The values to store."""
        return asdict(self)
