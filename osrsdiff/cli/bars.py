"""Progress of long work on standard error: how much, how fast, how long still. Nothing where nobody looks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from osrsdiff.tracking.progress import Progress

SHOWN_AFTER_S = 0.3


class _Done(ProgressColumn):
    """1,200 of 100,000; 1,200 where nobody knows of how many."""

    def render(self, task: Task) -> Text:
        done = f"{int(task.completed):,}"
        return Text(f"{done} of {int(task.total):,}" if task.total else done)


class _Rate(ProgressColumn):
    """850/s."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="dim")


@contextmanager
def bar(text: str) -> Iterator[Progress]:
    """A bar that goes when the work ends, moved by calling what this gives; plain silence but on a terminal.

    Work that is over at once shows none.
    """
    console = _console()
    if not _can_draw(console):
        yield _nobody_looks
        return
    columns = (TextColumn("{task.description}"), BarColumn(24), _Done(), _Rate(), TimeRemainingColumn(compact=True))
    shown = Bar(*columns, console=console, transient=True)
    task = shown.add_task(text, total=None)
    begun = time.monotonic()

    def tell(done: int, total: int) -> None:
        shown.update(task, completed=done, total=total or None)
        if time.monotonic() - begun >= SHOWN_AFTER_S:
            shown.start()

    try:
        yield tell
    finally:
        shown.stop()


def can_draw() -> bool:
    """Whether `bar` would draw one; a terminal may be too dumb for it."""
    return _can_draw(_console())


def _console() -> Console:
    return Console(stderr=True, markup=False, highlight=False, emoji=False)


def _can_draw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


def _nobody_looks(_done: int, _total: int) -> None:
    """Takes the place of a bar."""
