"""A database that a process opens under a condition."""

from collections.abc import Callable


class Guarded:
    """A database that a process opens under a condition.

    `guard`: asked over each connection that is opened, until it says True; what it raises closes
    the connection again.
    """

    guard: Callable[[], bool] | None = None

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Open it for this thread; False: it was open."""
        is_opened: bool = super().connect(reuse_if_open)  # type: ignore[misc]
        if is_opened and self.guard:
            try:
                if self.guard():
                    self.guard = None
            except BaseException:
                self.close()  # type: ignore[attr-defined]
                raise
        return is_opened
