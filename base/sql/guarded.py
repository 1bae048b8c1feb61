"""A database that a process opens only under a condition."""

from collections.abc import Callable


class Guarded:
    """A database that a process opens only under a condition.

    `guard` is called for each connection until it returns True; if it raises, the connection is
    closed again.
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
