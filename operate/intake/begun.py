"""The progress of an import."""

from dataclasses import asdict, dataclass, field

from .check_report import Report

MOST_TOLD = 100


@dataclass
class Begun:
    """The progress of an import.

    It is stored with the file, in the transaction of each portion, so that a worker that continues
    knows which lines are done.
    """

    line: int = 0  # the last line of the file that is done, with all lines before it
    count: int = 0  # the number of imported lines
    rev: int = 0  # the clinic's revision after the last portion
    entry: int | None = None  # the history entry for all portions
    own: list[list[int]] = field(default_factory=list)  # ids: from, to
    first: dict = field(default_factory=dict)  # where the first booking can be seen
    left: list[dict] = field(default_factory=list)  # lines that no longer fit, and why
    lefts: int = 0  # the number of such lines

    def add_own(self, first: int, last: int) -> None:
        """Note that the import made the rows with these ids."""
        if self.own and self.own[-1][1] == first - 1:
            self.own[-1][1] = last
        else:
            self.own.append([first, last])

    def note_refused(self, report: Report) -> None:
        """Note lines that a report refuses: they are left out, and shown."""
        self.lefts += len(report.bad)
        self.left = [*self.left, *report.faults][:MOST_TOLD]

    def kept(self) -> dict:
        """The values to store."""
        return asdict(self)
