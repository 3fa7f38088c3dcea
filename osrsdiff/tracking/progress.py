"""How work that takes a while says how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called now and then with how much is done and how much there is in all, as far as that is known."""


class Steps:
    """Counts what is done and tells it. `total` is what was there at the start; what comes in addition moves it up."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self.add(0)

    def add(self, count: int) -> None:
        """So many more are done."""
        self._done += count
        self._total = max(self._total, self._done)
        if self._progress is not None:
            self._progress(self._done, self._total)

    def end(self) -> None:
        """All is done, also where there was less to do than it seemed at the start."""
        self.add(self._total - self._done)
